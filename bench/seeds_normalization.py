"""Bands of notebook 01: a small decoder and a small generator under right and wrong scalings, and what a leak changes.

python bench/seeds_normalization.py
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import keras
import numpy as np
from sklearn.datasets import load_wine

from gentutor import data, gan, metrics, networks, training

IMAGES, CODE, DECODER_EPOCHS, GENERATOR_EPOCHS, BATCH = 19_968, 16, 4, 10, 128
DECODERS = {  # name: activation of the last layer, the range that the pixels are scaled to
    "sigmoid, [0, 1]": ("sigmoid", "unit"),
    "tanh, [−1, 1]": ("tanh", "signed"),
    "linear, standardised": (None, "standardised"),
    "linear, standardised with a leak": (None, "leaky"),
    "tanh, [0, 1]": ("tanh", "unit"),
    "linear, [0, 255]": (None, "raw"),
    "sigmoid, [−1, 1]": ("sigmoid", "signed"),
    "tanh, standardised": ("tanh", "standardised"),
    "tanh, [0, 255]": ("tanh", "raw"),
}
GENERATORS = [
    "sigmoid, [0, 1]",
    "tanh, [−1, 1]",
    "linear, standardised",
    "tanh, [0, 1]",
    "sigmoid, [−1, 1]",
    "tanh, [0, 255]",
]


class Unchecked(gan.GAN):
    """A GAN without the guard against wrong scalings, so that they can be watched."""

    def check_data(self, name, x):
        pass


def ranges(split):
    """Every scaling as (low, high), the values of pixels 0 and 255."""
    everything = np.concatenate([split.x_train, split.x_valid, split.x_test])
    standardised, leaky = ((-x.mean() / x.std(), (255 - x.mean()) / x.std()) for x in (split.x_train, everything))
    return {
        "unit": (0.0, 1.0),
        "signed": (-1.0, 1.0),
        "raw": (0.0, 255.0),
        "standardised": standardised,
        "leaky": leaky,
    }


def scaled_batches(split, limits, seed):
    """Endless batches of training digits, scaled to [low, high] one batch at a time."""
    low, high = limits
    images = data.batches(split.x_train[:IMAGES].reshape(-1, 784), BATCH, seed)
    return images.map(lambda batch: low + (high - low) * keras.ops.cast(batch, "float32") / 255.0)


def decoder_error(split, activation, limits, seed):
    """Root of the mean squared error on the test part in grey levels, after training under one scaling."""
    keras.utils.set_random_seed(seed)
    encoder = networks.mlp(784, CODE, (128,), name="encoder")
    decoder = networks.mlp_decoder(CODE, 784, (128,), output_activation=activation)
    model = keras.Sequential([encoder, decoder])
    model.compile("adam", "mse", jit_compile=False, steps_per_execution=39)
    pairs = scaled_batches(split, limits, seed).map(lambda x: (x, x))
    model.fit(pairs, epochs=DECODER_EPOCHS, steps_per_epoch=IMAGES // BATCH, shuffle=False, verbose=0)
    test = split.x_test.reshape(-1, 784)
    output = training.in_chunks(model, data.normalize(test, *limits))
    return float(np.sqrt(np.mean((data.denormalize(output, *limits) - test.astype(float)) ** 2)))


def decoders(seed):
    split = data.load_mnist()
    limits = ranges(split)
    errors = {name: decoder_error(split, a, limits[r], seed) for name, (a, r) in DECODERS.items()}
    leak = errors["linear, standardised with a leak"] - errors["linear, standardised"]
    rows = {f"01 decoder, {name}: grey levels": error for name, error in errors.items()}
    return {**rows, "01 decoder, leaky minus honest: grey levels": leak}


def histogram_distance(images, real):
    """Distance of two histograms of pixels, in grey levels: the area between their cumulative shares."""
    cumulative = [np.cumsum(np.bincount(x.ravel(), minlength=256)) / x.size for x in (images, real)]
    return float(np.abs(cumulative[0] - cumulative[1]).sum())


def generator_samples(split, activation, limits, seed):
    """10,000 samples of a small GAN trained under one scaling, uint8."""
    keras.utils.set_random_seed(seed)
    generator = networks.mlp(100, 784, (128,), keras.layers.LeakyReLU(0.2), activation, name="generator")
    model = Unchecked(
        generator, networks.mlp_discriminator(), ema_decay=0.99, gradient_penalty=1.0, data_range=limits, seed=seed
    )
    model.compile(
        keras.optimizers.Adam(1e-3, 0.5), keras.optimizers.Adam(1e-3, 0.5), jit_compile=False, steps_per_execution=39
    )
    x = scaled_batches(split, limits, seed)
    model.fit(x, epochs=GENERATOR_EPOCHS, steps_per_epoch=IMAGES // BATCH, shuffle=False, verbose=0)
    return model.sample(10_000, seed=1)


def generators(seed):
    split = data.load_mnist()
    limits, rows = ranges(split), {}
    for name in GENERATORS:
        activation, scaling = DECODERS[name]
        images = generator_samples(split, activation, limits[scaling], seed)
        rows[f"01 generator, {name}: grey levels"] = histogram_distance(images, split.x_test)
        rows[f"01 generator, {name}: excess share"] = metrics.frechet_excess(images).share
    return rows


def gaussian_nats(x, mean, sd):
    """Negative log-likelihood of each row under independent Gaussians, in nats for each number: (n,)."""
    return np.mean(0.5 * ((x - mean) / sd) ** 2 + np.log(sd) + 0.5 * np.log(2 * np.pi), axis=1)


def leak(seed, repeats=1000, n=10):
    """How much better a leaky score on the test part is than the truth about the same model, in nats a number."""
    rng, wine, optimism = np.random.default_rng(seed), load_wine().data, []
    for _ in range(repeats):
        train, test, fresh = np.split(rng.permutation(wine), [n, 2 * n])
        both = np.concatenate([train, test])
        leaky = both.mean(0), both.std(0)
        optimism.append(gaussian_nats(fresh, *leaky).mean() - gaussian_nats(test, *leaky).mean())
    return {"01 flattery of the leak on wine: nats for each number": np.mean(optimism)}


if __name__ == "__main__":
    bands.main("01_normalization", [decoders, generators, leak])
