"""Finish the 64 × 64 StyleGAN of notebook 07 with an encoder: python bench/stylegan_encoder.py --minutes 120 (2 cores)

The game of ``train_stylegan.py`` leaves faces that the discriminator still knows and the generator does not mend. So,
from there on, without a game:

1. An **encoder** guesses w of drawn faces, and synthesis draws them again; both learn from the difference of the pixels
   (an autoencoder). Noise is added to w, nearly as much as a mapping network errs: codes nearby draw the same face.
2. The encoder's w of drawn faces lie elsewhere than the mapping network's. A **flow** learns how they are spread: a
   network that says for each point on the straight way from a z to a w which way to go (flow matching, Lipman et al.
   2023; to fit a distribution to the codes of an autoencoder: Dai and Wipf 2019, Ghosh et al. 2020).
3. Walking takes many steps. A new, deeper **mapping network** learns to go in one pass from z to where the walk ends:
   nearly to what the encoder makes of the picture there, looking twice, which is nearer to a face.

No labels, no reading network. The work folder (``--folder``) holds all; ``--minutes`` are of the autoencoder and go on
from there, with rates that fall to 0. ``--map`` does the rest, ``--report`` prints the numbers that notebook 07
reports, ``--store`` writes the generator to gentutor/assets and synthesis and encoder to stylegan_encoder.npz.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import train_stylegan as game  # before TensorFlow starts, too: it chooses how operations share the cores

# isort: split
import argparse
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
from scipy.linalg import sqrtm
from stylegan_measures import notebook, report

from gentutor import stylegan, training

STATE = bands.FOLDER / "stylegan_encoder.npz"
ASSET = pathlib.Path(stylegan.__file__).parent / "assets" / stylegan.CHECKPOINT
BATCH, RATE, ENCODER_RATE, KEEP = 16, 0.005, 1e-3, 0.998
NOISE = 0.08  # of the spread of w: noise of a fixed size means little once w has grown
POWER = 3.0  # faces drawn worst count most: those with dark whiskers on a white coat
DEPTH, WIDTH = 8, 256  # of the new mapping network
FLOW_DEPTH, FLOW_WIDTH, FLOW_BATCH, FLOW_RATE, FLOW_STEPS, WALK = 3, 320, 256, 1.5e-3, 14_000, 12
PAIRS, MAP_BATCH, MAP_STEPS = 600_000, 1024, 30_000
UNDONE = 0.5, 0.25  # at each look of the encoder at the pictures: see new_mapping
MAP_RATE = 0.04  # Muon's: Adam gets to 0.20 of the spread of w in the time of 0.10


# ---- an autoencoder ----


def encoder(channels=game.CHANNELS, units=256):
    """Pictures (batch, s, s, 3) -> w (batch, 64): the notebook's, with a new discriminator's convolutions."""
    return notebook.encoder_from(stylegan.discriminator(channels), units)


def drawn_again(model, w):
    """Pictures (batch, s, s, 3) in floats that synthesis draws of w (batch, dim), the same for all layers, no noise."""
    silent = tf.zeros((len(w), stylegan.noise_size(model.channels)))
    return model.synthesis([tf.repeat(w[:, None], model.layer_count, axis=1), silent])


def reconstruct(model, encode, images, minutes, rate=RATE, encoder_rate=ENCODER_RATE):
    """Train encoder and synthesis to draw uint8 ``images`` again; both end as the averages of their weights."""
    weights = encode.trainable_variables + model.synthesis.trainable_variables
    averages = [tf.Variable(weight.value) for weight in weights]
    optimizers = keras.optimizers.Adam(encoder_rate, beta_2=0.99, global_clipnorm=1.0), stylegan.Muon(rate)
    parts = encode.trainable_variables, model.synthesis.trainable_variables
    for optimizer, part in zip(optimizers, parts, strict=True):
        optimizer.build(part)

    @tf.function
    def run(pixels, keep):
        real = tf.cast(pixels, tf.float32) / 127.5 - 1.0
        with tf.GradientTape() as tape:
            w = encode(real)
            spread = tf.sqrt(tf.reduce_mean(tf.math.reduce_variance(w, axis=0)))
            again = drawn_again(model, w + NOISE * spread * tf.random.normal(tf.shape(w)))
            squares = tf.reduce_mean((again - real) ** 2, axis=(1, 2, 3))
            loss = tf.reduce_mean(squares**POWER) ** (1.0 / POWER)
            total = 20.0 * loss  # so that slopes are clipped at first only
        slopes = tape.gradient(total, weights)
        optimizers[0].apply(slopes[: len(parts[0])], parts[0])
        optimizers[1].apply(slopes[len(parts[0]) :], parts[1])
        for average, weight in zip(averages, weights, strict=True):
            average.assign(weight + keep * (average - weight))
        return loss

    rng, start, step, losses = np.random.default_rng(len(averages)), time.perf_counter(), 0, []
    while (share := (time.perf_counter() - start) / (60.0 * minutes)) < 1.0:
        optimizers[0].learning_rate.assign(encoder_rate * (1.0 - share))
        optimizers[1].learning_rate.assign(rate * (1.0 - share))
        keep = tf.constant(min(KEEP, (1.0 + step) / (10.0 + step)), tf.float32)
        losses.append(float(run(tf.constant(images[rng.integers(0, len(images), BATCH)]), keep)))
        step += 1
        if step % 1000 == 0:
            print(f"step {step}: {127.5 * np.sqrt(np.mean(losses[-1000:])):.1f} grey levels off", flush=True)
    for weight, average in zip(weights, averages, strict=True):
        weight.assign(average)
    model.ema_synthesis.set_weights(model.synthesis.get_weights())


def codes(encode, images):
    """The encoder's w of uint8 pictures: (n, dim)."""
    run = tf.function(lambda x, training: encode(tf.cast(x, tf.float32) / 127.5 - 1.0))
    return training.in_chunks(run, tf.constant(images), 500)


# ---- where the codes lie ----


class Axes:
    """Principal axes of w (n, dim), and the root of its mean variance: x = (w − mean) · axes / scale."""

    def __init__(self, w):
        self.mean = w.mean(axis=0)
        self.axes = np.linalg.eigh(np.cov(w.T))[1][:, ::-1].astype(np.float32)
        self.scale = float(np.sqrt(w.var(axis=0).mean()))

    def to(self, w):
        """w -> x."""
        return ((w - self.mean) @ self.axes / self.scale).astype(np.float32)

    def back(self, x):
        """x -> w."""
        return (np.asarray(x) * self.scale @ self.axes.T + self.mean).astype(np.float32)


def sphere(count, dim, key):
    """Draws of z as the mapping network sees them, of length √dim: (count, dim)."""
    return notebook.normalize_z(tf.random.stateless_normal((count, dim), key))


def train_flow(x, steps, width=FLOW_WIDTH, seed=0):
    """A flow from z to the distribution of the rows of ``x`` (n, dim): flow matching; weights averaged."""
    (n, dim), rows = x.shape, tf.constant(x)
    keras.utils.set_random_seed(seed)
    flow, average = (notebook.flow_network(dim, width, FLOW_DEPTH) for _ in range(2))
    average.set_weights(flow.get_weights())

    def loss(step):
        seeds = [tf.stack([step, k]) for k in range(3)]
        end = tf.gather(rows, tf.random.stateless_uniform((FLOW_BATCH,), seeds[0], 0, n, tf.int32))
        z, t = sphere(FLOW_BATCH, dim, seeds[1]), tf.random.stateless_uniform((FLOW_BATCH, 1), seeds[2])
        return tf.reduce_mean((flow([(1.0 - t) * z + t * end, t]) - (end - z)) ** 2)

    descend(flow, average, loss, steps, keras.optimizers.Adam(FLOW_RATE, beta_2=0.99), keep=0.999)
    return average


def walk(flow, z, steps=WALK):
    """Where the flow carries z (n, dim), walking as the notebook does: (n, dim)."""
    return training.in_chunks(tf.function(lambda x, training: notebook.walk(flow, x, steps)), tf.constant(z), 5000)


def descend(network, average, loss, steps, optimizer, keep):
    """Steps on ``loss(step)``, the rate rising for 200 steps and then falling along a cosine; ``average`` follows."""
    rate = float(optimizer.learning_rate)
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=True)
    def run(step, kept):
        with tf.GradientTape() as tape:
            value = loss(step)
        optimizer.apply(tape.gradient(value, network.trainable_variables), network.trainable_variables)
        for mean, weight in zip(average.trainable_variables, network.trainable_variables, strict=True):
            mean.assign(weight + kept * (mean - weight))
        return value

    values = []
    for step in range(steps):
        optimizer.learning_rate.assign(rate * min(1.0, (step + 1) / 200) * 0.5 * (1.0 + np.cos(np.pi * step / steps)))
        kept = tf.constant(min(keep, (1.0 + step) / (10.0 + step)), tf.float32)
        values.append(float(run(tf.constant(step), kept)))  # waits: steps that queue up take memory
        if (step + 1) % 1000 == 0:
            print(f"{network.name}, step {step + 1}: {np.mean(values[-1000:]):.4f}", flush=True)


# ---- a new mapping network ----


def train_mapping(z, w, steps, depth=DEPTH, width=WIDTH, seed=0):
    """A mapping network that goes from z (n, dim) to w (n, dim) in one pass; weights averaged.

    The distance itself is made small, not its square: where two kinds of faces meet, the mean of both would be neither.
    """
    (n, dim), spread = z.shape, float(w.var(axis=0).mean())
    keras.utils.set_random_seed(seed)
    network, average = (stylegan.mapping_network(dim, depth, width) for _ in range(2))
    average.set_weights(network.get_weights())
    starts, ends = tf.constant(z), tf.constant(w)

    def loss(step):
        rows = tf.random.stateless_uniform((MAP_BATCH,), tf.stack([step, 5]), 0, n, tf.int32)
        squares = tf.reduce_mean((network(tf.gather(starts, rows)) - tf.gather(ends, rows)) ** 2, axis=1)
        return tf.reduce_mean(tf.sqrt(squares / spread + 1e-4))

    descend(network, average, loss, steps, stylegan.Muon(MAP_RATE / stylegan.MAPPING_SPEED), keep=0.995)
    return average


def spread_as(w, like):
    """``w`` (n, dim) with the mean and the covariance of ``like`` (m, dim), moved as little as possible.

    Of all linear ways from a covariance C to D the one that moves a Gaussian least (Olkin and Pukelsheim 1982).
    """
    root, wanted = np.real(sqrtm(np.cov(w.T))), np.cov(like.T)
    back = np.linalg.inv(root)
    matrix = back @ np.real(sqrtm(root @ wanted @ root)) @ back
    return ((w - w.mean(axis=0)) @ matrix + like.mean(axis=0)).astype(np.float32)


def new_mapping(model, encode, images):
    """A mapping network whose w are spread as the encoder's of uint8 ``images``: a flow, walks of it, one pass.

    Where a walk ends between two kinds of faces the picture is of neither; what the encoder makes of that picture is
    nearer to a face. So it looks at each, twice. That draws all w closer together; half of it is undone after the first
    look, a quarter after the second: the less, the fewer pictures of no face, and the fewer rare faces (``UNDONE``).
    """
    w = codes(encode, images)
    axes = Axes(w)
    flow = train_flow(axes.to(w), FLOW_STEPS)
    z = sphere(PAIRS, model.dim, (0, 99)).numpy()
    ends = axes.back(walk(flow, z))
    for undone in UNDONE:
        parts = np.array_split(ends, PAIRS // 10_000)  # all pictures at once would take 7 GB
        seen = np.concatenate([codes(encode, model.draw(part)) for part in parts])
        ends = (1.0 - undone) * seen + undone * spread_as(seen, w)
    return train_mapping(z, ends, MAP_STEPS)


# ---- files ----


def with_mapping(model, mapping, depth=DEPTH, width=WIDTH):
    """A ``StyleGAN`` that draws with another mapping network and the averaged synthesis network of ``model``."""
    new = stylegan.StyleGAN(model.channels, dim=model.dim, depth=depth, width=width, units=game.UNITS)
    for network in (new.mapping, new.ema_mapping):
        network.set_weights(mapping.get_weights())
    for network in (new.synthesis, new.ema_synthesis):
        network.set_weights(model.ema_synthesis.get_weights())
    return new


def save(path, *networks, dtype=np.float32):
    """Write the weights of networks."""
    weights = [weight.astype(dtype) for network in networks for weight in network.get_weights()]
    np.savez_compressed(path, **{str(i): weight for i, weight in enumerate(weights)})


def set_weights(path, *networks):
    """Give networks the weights that ``save`` wrote."""
    stored = np.load(path)
    for i, weight in enumerate(weight for network in networks for weight in network.weights):
        weight.assign(stored[str(i)])


def restore(path):
    """Model and encoder from the work folder, or as STATE stored them, or the game's model and a new encoder."""
    keras.utils.set_random_seed(0)
    model, encode = game.restore(path.with_name("state.npz"), game.STATE), encoder()
    source = next((file for file in (path, STATE) if file.exists()), None)
    if source:
        set_weights(source, model.synthesis, encode)
        model.ema_synthesis.set_weights(model.synthesis.get_weights())
    return model, encode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.0, help="of the autoencoder")
    parser.add_argument("--map", action="store_true", help="train a new mapping network (two hours of one core)")
    parser.add_argument("--folder", type=pathlib.Path, default=game.FOLDER)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--store", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path, mapping_path = options.folder / "encoder.npz", options.folder / "mapping.npz"
    stale = options.minutes > 0 or not mapping_path.exists()
    if (options.store or options.report) and stale and not options.map:
        parser.error(f"--store and --report need a mapping network for this encoder in {options.folder}: add --map")
    images = game.training_faces(options.folder)
    model, encode = restore(path)
    if options.minutes > 0:
        reconstruct(model, encode, images, options.minutes)
        mapping_path.unlink(missing_ok=True)  # it was made for the encoder before
        save(path, model.synthesis, encode)
    if options.map:
        save(mapping_path, new_mapping(model, encode, images))
    if not (options.store or options.report):
        return
    mapping = stylegan.mapping_network(model.dim, DEPTH, WIDTH)
    set_weights(mapping_path, mapping)
    model = with_mapping(model, mapping)
    if options.store:
        stylegan.store(model, ASSET)
        save(STATE, model.synthesis, encode, dtype=np.float16)
        print(f"{ASSET.stat().st_size / 1e6:.2f} MB, {STATE.stat().st_size / 1e6:.2f} MB")
    if options.report:
        print(report(model.sample(10_000, seed=1)))


if __name__ == "__main__":
    main()
