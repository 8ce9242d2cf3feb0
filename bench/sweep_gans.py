"""What each ingredient of a GAN is worth alone: five seeds on the grid of 25 bumps and on digits.

    python bench/sweep_gans.py              runs what sweep_gans.csv lacks, one fresh process a run, one core
    python bench/sweep_gans.py --only digits --seeds 0 1

Every recipe gets the same number of steps (one of each player), batch, learning rate and widths on the same data; the
table also says how many seconds that took. Each run is judged twice: by the generator's last weights, and by their
moving average. Notebook 06 reads the table and builds each part.
"""

import argparse
import csv
import functools
import itertools
import os
import pathlib
import time
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from gentutor import data, metrics, networks, training

PATH = pathlib.Path(__file__).resolve().parent.parent / "gentutor" / "assets" / "sweep_gans.csv"
CENTRES = np.array(list(itertools.product((-4.0, -2.0, 0.0, 2.0, 4.0), repeat=2)), "float32")
SD = 0.05  # of a bump; 3 sd hold 98.9 % of its points


class Recipe(NamedTuple):
    """A plain GAN, and what may be added to it."""

    loss: str = "logistic"  # or "hinge", "least squares", "wasserstein"
    r1: float = 0.0  # weight of half the squared gradient at real data
    few: int = 1  # one real example in so many is asked for its gradient
    gp: float = 0.0  # weight of (gradient norm - 1)² between real and generated data
    spectral: bool = False  # every layer of the discriminator divided by its largest singular value
    d_rate: float = 1.0  # learning rate of the discriminator, in those of the generator
    pack: int = 1  # examples that the discriminator sees at once
    deviation: bool = False  # the discriminator is told how much its batch varies
    convolutions: bool = False
    falling: bool = False  # learning rates fall to 0 along half a cosine
    fade: int = 0  # R1's weight falls as this power of that cosine


# ---- The losses: logits (batch, 1) -> means ----


def game(loss, real, fake):
    """Loss of the discriminator, and of the generator that made ``fake``: two means over the batch."""
    if loss == "logistic":
        return ops.mean(ops.softplus(-real) + ops.softplus(fake)), ops.mean(ops.softplus(-fake))
    if loss == "hinge":
        return ops.mean(ops.relu(1 - real) + ops.relu(1 + fake)), -ops.mean(fake)
    if loss == "least squares":
        return 0.5 * ops.mean((real - 1) ** 2 + fake**2), 0.5 * ops.mean((fake - 1) ** 2)
    return ops.mean(fake) - ops.mean(real), -ops.mean(fake)  # Wasserstein


def squared_slopes(discriminator, x):
    """Squared norm of the logit's gradient at each example: (batch, d) -> (batch,)."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = discriminator(x, training=True)
    return ops.sum(tape.gradient(logits, x) ** 2, axis=1)


def r1(discriminator, real):
    """Half the squared gradient at real examples, a mean."""
    return 0.5 * ops.mean(squared_slopes(discriminator, real))


def norm_penalty(discriminator, real, fake, t):
    """The penalty of WGAN-GP, for uniform ``t`` (batch, 1), a mean."""
    norms = ops.sqrt(squared_slopes(discriminator, real + t * (fake - real)) + 1e-12)
    return ops.mean((norms - 1) ** 2)


def discriminator_cost(recipe, discriminator, real, fake, t, left):
    """Loss and penalties of the discriminator, one number; ``left`` falls from 1 to 0 along half a cosine."""
    cost, _ = game(recipe.loss, discriminator(real, training=True), discriminator(fake, training=True))
    if recipe.r1:
        cost += recipe.r1 * left**recipe.fade * r1(discriminator, real[:: recipe.few])
    if recipe.gp:
        cost += recipe.gp * norm_penalty(discriminator, real, fake, t)
    return cost


# ---- The networks ----


class SpectralDense(layers.Dense):
    """Dense layer whose kernel is divided by its largest singular value, by one step of power iteration a call."""

    def build(self, input_shape):
        super().build(input_shape)
        self.u = self.add_weight(shape=(self.units, 1), initializer="random_normal", trainable=False, name="u")

    def call(self, x, training=False):
        v = ops.normalize(ops.matmul(self.kernel, self.u), axis=0)
        u = ops.normalize(ops.matmul(ops.transpose(self.kernel), v), axis=0)
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        if training:
            self.u.assign(u)
        sigma = ops.sum(v * ops.matmul(self.kernel, u))
        return self.activation(ops.matmul(x, self.kernel / sigma) + self.bias)


class Deviation(layers.Layer):
    """Appends one number to each example: the standard deviation over the batch, averaged over features."""

    def call(self, x):
        deviation = ops.mean(ops.sqrt(ops.var(x, axis=0) + 1e-8))
        return ops.concatenate([x, ops.broadcast_to(deviation, (x.shape[0] or ops.shape(x)[0], 1))], axis=1)


def players(recipe, latent_dim, outputs, widths, last=None):
    """Generator and discriminator of the same widths."""
    leaky = layers.LeakyReLU(0.2)
    up = [layers.Dense(width, activation=leaky) for width in widths]
    dense = SpectralDense if recipe.spectral else layers.Dense
    down = [dense(width, activation=leaky) for width in widths]
    extra = [Deviation()] if recipe.deviation else []
    generator = [keras.Input((latent_dim,)), *up, layers.Dense(outputs, activation=last)]
    discriminator = [keras.Input((outputs * recipe.pack,)), *down, *extra, dense(1)]
    return keras.Sequential(generator), keras.Sequential(discriminator)


def convolutional_players(recipe, latent_dim):
    """The convolutional pair of notebook 05 without its conditions, for flat digits."""
    leaky, same = layers.LeakyReLU(0.2), {"padding": "same"}
    generator = [
        *(keras.Input((latent_dim,)), layers.Dense(7 * 7 * 64, activation=leaky), layers.Reshape((7, 7, 64))),
        *(layers.Conv2D(4 * 32, 3, activation=leaky, **same), networks.Unfold()),  # 14 × 14 × 32
        *(layers.Conv2D(4, 3, activation="tanh", **same), networks.Unfold(), layers.Flatten()),
    ]
    discriminator = [
        *(keras.Input((784,)), layers.Reshape((28, 28, 1)), networks.Fold()),  # 14 × 14 × 4
        layers.Conv2D(32, 3, activation=leaky, **same),
        layers.Conv2D(64, 3, strides=2, activation=leaky, **same),  # 7 × 7 × 64
        *(layers.Flatten(), layers.Dense(128, activation=leaky)),
        *([Deviation()] if recipe.deviation else []),
        layers.Dense(1),
    ]
    return keras.Sequential(generator), keras.Sequential(discriminator)


# ---- The training ----


def optimizers(recipe, rate, steps, both):
    """An Adam without momentum for each player, built."""
    rates = [rate, rate * recipe.d_rate]
    if recipe.falling:
        rates = [keras.optimizers.schedules.CosineDecay(value, steps) for value in rates]
    made = [keras.optimizers.Adam(value, beta_1=0.0, beta_2=0.99) for value in rates]
    for optimizer, network in zip(made, both, strict=True):
        optimizer.build(network.trainable_variables)
    return made


def one_step(generator, discriminator, adams, draw, recipe, batch, key, left):
    """A step of the discriminator, then one of the generator, on noise and data that follow from ``key``."""
    packed = (batch // recipe.pack, generator.output_shape[-1] * recipe.pack)
    z = tf.random.stateless_normal((2, batch, generator.input_shape[-1]), key)
    real = ops.reshape(draw(batch, key + 1000), packed)
    fake = ops.reshape(generator(z[0], training=True), packed)
    t = tf.random.stateless_uniform((packed[0], 1), key + 2000)
    weights = discriminator.trainable_variables
    with tf.GradientTape() as tape:
        cost = discriminator_cost(recipe, discriminator, real, fake, t, left)
    adams[1].apply(tape.gradient(cost, weights), weights)
    weights = generator.trainable_variables
    with tf.GradientTape() as tape:
        logits = discriminator(ops.reshape(generator(z[1], training=True), packed), training=True)
        cost = game(recipe.loss, logits, logits)[1]
    adams[0].apply(tape.gradient(cost, weights), weights)


def train(generator, discriminator, draw, recipe, steps, batch, rate, seed=0, jit_compile=True):
    """Play so many steps in one program; returns both averaged players, and the seconds with those of compiling.

    ``draw(n, key)`` gives real examples (n, d) for a key of two integers.
    """
    both = generator, discriminator
    averages = [keras.models.clone_model(player) for player in both]
    for average, player in zip(averages, both, strict=True):
        average.set_weights(player.get_weights())
    averaged, trained = ([weight for player in two for weight in player.weights] for two in (averages, both))
    adams = optimizers(recipe, rate, steps, both)

    @tf.function(jit_compile=jit_compile)
    def play(steps):
        for number in tf.range(steps):
            count = ops.cast(number, "float32")
            left = 0.5 + 0.5 * ops.cos(np.pi * count / ops.cast(steps, "float32"))
            one_step(generator, discriminator, adams, draw, recipe, batch, tf.stack([seed, number]), left)
            keep = ops.minimum(0.999, (1.0 + count) / (10.0 + count))  # early on, an average over fewer steps
            for old, new in zip(averaged, trained, strict=True):
                old.assign(new + keep * (old - new))

    start = time.perf_counter()
    play(tf.constant(steps))
    return averages, time.perf_counter() - start


# ---- The grid of 25 bumps ----


def draw_grid(n, key):
    """Real points: (n, 2)."""
    which = tf.random.stateless_uniform((n,), key, 0, 25, tf.int32)
    noise = tf.random.stateless_normal((n, 2), key + 7)
    return tf.gather(tf.constant(CENTRES), which) + SD * noise


def judge_grid(points):
    """Modes found, share of good points, KL of the modes' counts to uniform, variance within modes over the truth.

    Args: 10,000 points (n, 2). Good: within 3 sd of a centre. Found: 20 good points or more. The variance is that of
    the good points about their own mean, a coordinate at a time, averaged over the modes found; the truth is that of
    a Gaussian cut off at 3 sd.
    """
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    nearest, good = distances.argmin(axis=1), distances.min(axis=1) < 3 * SD
    counts = np.bincount(nearest[good], minlength=25)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    found = counts >= 20
    truth = SD**2 * (1 - 4.5 / (np.exp(4.5) - 1))
    ratios = [points[good & (nearest == mode)].var(axis=0, ddof=1).mean() / truth for mode in np.flatnonzero(found)]
    return {
        "modes": int(found.sum()),
        "good": float(good.mean()),
        "kl": float(np.sum(shares * np.log(25 * shares))) if counts.sum() else float(np.log(25)),
        "variance": float(np.mean(ratios)) if ratios else 0.0,
    }


def grid_players(recipe):
    return players(recipe, 2, 2, (64,) * 5)


def grid_points(generator, n=10_000, seed=100):
    z = tf.random.stateless_normal((n, generator.input_shape[-1]), (seed, 9))
    return training.in_chunks(generator, z, 5000)


# ---- Digits ----


@functools.cache
def digit_drawer():
    """``draw`` for training digits as floats in [-1, 1]: (n, 784); the bytes stay bytes in memory."""
    images = tf.constant(data.load_mnist().x_train.reshape(-1, 784))

    def draw(n, key):
        which = tf.random.stateless_uniform((n,), key, 0, images.shape[0], tf.int32)
        return tf.cast(tf.gather(images, which), tf.float32) / 127.5 - 1.0

    return draw


@functools.cache
def real_digits(part):
    """Features of the digits of a part, and precision and recall of as many training digits against them."""
    split = data.load_mnist()
    real = split.x_valid if part == "valid" else split.x_test
    features = metrics.digit_features(real)
    rows = np.random.default_rng(0).choice(len(split.x_train), len(real), replace=False)
    return features, metrics.precision_recall(features, metrics.digit_features(split.x_train[rows]))


def judge_digits(images, part):
    """Excess share, precision and recall of digits; the last two as fractions of what real digits get.

    Args: as many images as ``part`` has, 5,000 for "valid", 10,000 for "test".
    """
    features, best = real_digits(part)
    precision, recall = metrics.precision_recall(features, metrics.digit_features(images))
    share = metrics.frechet_excess(images, part).share
    return {"share": share, "precision": precision / best[0], "recall": recall / best[1]}


def digit_players(recipe):
    return convolutional_players(recipe, 48) if recipe.convolutions else players(recipe, 64, 784, (256, 256), "tanh")


def digit_images(generator, n, seed=100):
    z = tf.random.stateless_normal((n, generator.input_shape[-1]), (seed, 9))
    return training.to_pixels(training.in_chunks(generator, z), (-1.0, 1.0))


def chosen_digits(generator, discriminator, n, of=3, seed=100):
    """The ``n`` of ``of * n`` drawn digits that the discriminator finds most real, 500 at a time, in drawn order."""
    parts = []
    for i in range(n // 500):
        made = generator(tf.random.stateless_normal((of * 500, generator.input_shape[-1]), (seed, i)))
        places = tf.sort(tf.math.top_k(discriminator(made)[:, 0], 500).indices)
        parts.append(training.to_pixels(tf.gather(made, places).numpy(), (-1.0, 1.0)))
    return np.concatenate(parts)


# ---- The sweep: each ingredient added alone to the plain GAN, and the best recipe ----

GRID = {"steps": 5_000, "batch": 128, "rate": 3e-3}
DIGITS = {"steps": 1_000, "batch": 64, "rate": 1e-3}
RECIPES = {
    "plain": Recipe(),
    "hinge": Recipe("hinge"),
    "least squares": Recipe("least squares"),
    "WGAN-GP": Recipe("wasserstein", gp=10.0),
    "spectral": Recipe(spectral=True),
    "R1": Recipe(r1=1.0),
    "two rates": Recipe(d_rate=3.0),
    "packing": Recipe(pack=2),
    "deviation": Recipe(deviation=True),
    "falling rate": Recipe(falling=True),
    "convolutions": Recipe(convolutions=True),
    "R1, falling rate": Recipe(r1=1.0, falling=True),
    "best": Recipe(r1=1.0, falling=True, fade=5),
}
COLUMNS = ["data", "recipe", "weights", "seed", "seconds", "modes", "good", "kl", "variance"]
COLUMNS += ["share", "precision", "recall"]


def run(kind, name, seed):
    """Rows of the table for one training: the last weights' and the average's."""
    keras.utils.set_random_seed(seed)
    recipe = RECIPES[name]
    if kind == "grid":
        players, draw, options = grid_players(recipe), draw_grid, GRID
    else:
        players, draw, options = digit_players(recipe), digit_drawer(), DIGITS
    (average, _), seconds = train(*players, draw, recipe, seed=seed, jit_compile=not recipe.convolutions, **options)
    for weights, generator in (("last", players[0]), ("average", average)):
        if kind == "grid":
            judged = judge_grid(grid_points(generator))
        else:
            judged = judge_digits(digit_images(generator, 5000), "valid")  # the sweep is for choosing
        row = {"data": kind, "recipe": name, "weights": weights, "seed": seed, "seconds": f"{seconds:.1f}"}
        yield row | {key: f"{value:.5g}" for key, value in judged.items()}


def fits(kind, name):
    """Whether a recipe is run on this data: points have no pixels, and the fading penalty is for their narrow bumps."""
    return not (RECIPES[name].convolutions if kind == "grid" else RECIPES[name].fade)


def read():
    """Rows of the table; an empty list if there is none."""
    if not PATH.is_file():
        return []
    with PATH.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(rows):
    """Add rows at the end of the table, so that several processes can fill it at once."""
    new = not PATH.is_file()
    with PATH.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


def sort():
    """Put the rows into one order, whoever wrote them when."""
    order = {name: i for i, name in enumerate(RECIPES)}
    rows = sorted(read(), key=lambda row: (row["data"], order[row["recipe"]], row["weights"], int(row["seed"])))
    PATH.unlink(missing_ok=True)
    append(rows)


def main():
    """Run what the table lacks, seed by seed; stop after so many minutes (another call goes on from there)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["grid", "digits"])
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--minutes", type=float, default=np.inf)
    options = parser.parse_args()
    start = time.perf_counter()
    kinds = [options.only] if options.only else ["grid", "digits"]
    for kind, seed, name in itertools.product(kinds, options.seeds, options.recipes):
        done = {(row["data"], row["recipe"], row["seed"]) for row in read()}
        if not fits(kind, name) or (kind, name, str(seed)) in done:
            continue
        if time.perf_counter() - start > 60 * options.minutes:
            return
        rows = list(run(kind, name, seed))
        append(rows)
        print(*(" ".join(f"{k} {v}" for k, v in row.items()) for row in rows), sep="\n", flush=True)
        keras.backend.clear_session()
    sort()


if __name__ == "__main__":
    main()
