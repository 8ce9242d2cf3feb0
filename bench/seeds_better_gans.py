"""Five seeds of notebook 06's live runs, with the notebook's constants: python bench/seeds_better_gans.py

``critic``: WGAN-GP critics of a density moved by a known length. ``grid``: the plain GAN and the best recipe on the
grid of 25 bumps. ``too_much``: the same with a penalty a thousand times as strong. ``digits``: the best recipe on
digits, judged by 10,000 samples against the test part.
The networks and the loop are those of sweep_gans.py, which holds the sweep over ingredients.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import keras
import numpy as np
import sweep_gans
import tensorflow as tf
from keras import layers, ops
from sweep_gans import Recipe

from gentutor import networks

ANGLES = 2 * np.pi * np.arange(8) / 8
RING = (2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)).astype("float32")
SHIFT = np.array([0.6, 0.8], "float32")  # a move by a length of 1
GRID = {"steps": 9_000, "batch": 512, "rate": 3e-3}
DIGITS = {"steps": 3_500, "batch": 64, "rate": 2e-3}


def ring(n, key):
    """Points from eight bumps on a circle of radius 2, sd 0.35: (n, 2)."""
    which = tf.random.stateless_uniform((n,), key, 0, 8, tf.int32)
    return tf.gather(tf.constant(RING), which) + 0.35 * tf.random.stateless_normal((n, 2), key + 7)


def train_critic(hidden, activation, weight, seed, steps=3000, batch=512):
    """A critic of the ring against the ring moved by SHIFT, under WGAN-GP's penalty."""
    keras.utils.set_random_seed(seed)
    critic = networks.mlp(2, 1, hidden, activation, name="critic")
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, steps), beta_1=0.5, beta_2=0.99)
    adam.build(critic.trainable_variables)

    @tf.function
    def play(steps):
        for number in tf.range(steps):
            key = tf.stack([seed, number])
            still, moved = ring(batch, key), ring(batch, key + 1000) + SHIFT
            t = tf.random.stateless_uniform((batch, 1), key + 2000)
            with tf.GradientTape() as tape:
                cost = ops.mean(critic(still)) - ops.mean(critic(moved))
                cost += weight * sweep_gans.norm_penalty(critic, still, moved, t)
            adam.apply(tape.gradient(cost, critic.trainable_variables), critic.trainable_variables)

    play(tf.constant(steps))
    return critic


def judge_critic(critic, n=50_000):
    """On new points: the estimate, the largest slope anywhere, the mean slope between pairs."""
    still, others = ring(n, tf.constant([99, 1])), ring(n, tf.constant([99, 2]))
    moved, t = still + SHIFT, tf.random.stateless_uniform((n, 1), (99, 3))
    between = still + t * (others + SHIFT - still)
    slopes = [ops.sqrt(sweep_gans.squared_slopes(critic, x)).numpy() for x in (still, moved, between)]
    return float(ops.mean(critic(moved)) - ops.mean(critic(still))), np.max(slopes), slopes[2].mean()


def critic(seed):
    numbers = {}
    leaky = layers.LeakyReLU(0.2)
    for name, hidden, activation in (("linear", (), "relu"), ("network", (64, 64), leaky), ("tanh", (64, 64), "tanh")):
        for weight in (1.0, 10.0):
            estimate, largest, mean = judge_critic(train_critic(hidden, activation, weight, seed))
            start = f"06 {name} critic, weight {weight:g}: "
            numbers |= {start + "estimate": estimate, start + "mean slope": mean}
            numbers[start + "estimate over largest slope"] = estimate / largest
    return numbers


def trained_on_grid(recipe, seed, **changed):
    """The judge's numbers of the generator's last weights."""
    keras.utils.set_random_seed(seed)
    players = sweep_gans.grid_players(recipe)
    sweep_gans.train(*players, sweep_gans.draw_grid, recipe, seed=seed, **{**GRID, **changed})
    return sweep_gans.judge_grid(sweep_gans.grid_points(players[0], seed=100 + seed))


def grid(seed):
    """Modes missed and the rest of the judge's numbers."""
    numbers = {}
    for name in ("plain", "best"):
        judged = trained_on_grid(sweep_gans.RECIPES[name], seed)
        numbers[f"06 grid, {name}: modes missed"] = 25 - judged["modes"]
        numbers[f"06 grid, {name}: share of good points"] = judged["good"]
        numbers[f"06 grid, {name}: KL of the counts"] = judged["kl"]
        numbers[f"06 grid, {name}: variance within modes"] = judged["variance"]
    return numbers


def too_much(seed):
    """R1 a thousand times as strong, and not fading."""
    judged = trained_on_grid(Recipe(r1=1000.0, falling=True), seed, batch=128)
    return {
        "06 grid, R1 × 1000: share of good points": judged["good"],
        "06 grid, R1 × 1000: variance within modes": judged["variance"],
    }


def digits(seed):
    """The averaged generator by all that it draws, and by the third that the averaged discriminator finds most real."""
    keras.utils.set_random_seed(seed)
    recipe = Recipe("hinge", r1=0.2, few=4, deviation=True, convolutions=True)
    generator, discriminator = sweep_gans.digit_players(recipe)
    averages, _ = sweep_gans.train(
        generator, discriminator, sweep_gans.digit_drawer(), recipe, seed=seed, jit_compile=False, **DIGITS
    )
    numbers = {}
    sets = {
        "last weights": sweep_gans.digit_images(generator, 10_000),
        "averaged": sweep_gans.digit_images(averages[0], 10_000),
        "chosen": sweep_gans.chosen_digits(*averages, 10_000),
    }
    for name, images in sets.items():
        judged = sweep_gans.judge_digits(images, "test")
        numbers |= {f"06 digits, {name}: {key}": value for key, value in judged.items()}
    return numbers


if __name__ == "__main__":
    bands.main("06_better_gans", [critic, grid, too_much, digits])
