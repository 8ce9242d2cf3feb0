"""Bands of notebook 02, with the notebook's constants: python bench/seeds_gan.py

``points``: discriminators of two known densities, and two GANs on a ring of eight bumps. ``classic`` and ``better``:
the two GANs on digits, judged by 10,000 samples against the test part.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import time
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from scipy.ndimage import median_filter
from scipy.stats import norm

from gentutor import data, gan, losses, metrics, networks, training

EPOCH, BETTER_EPOCHS = 500, 12  # steps in an epoch, epochs of the better GAN
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = 2.0 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def draw_real(n, rng, sd):
    """Points from eight Gaussian bumps on a circle of radius 2: (n, 2)."""
    return (CENTRES[rng.integers(0, 8, n)] + sd * rng.standard_normal((n, 2))).astype("float32")


def draw_fake(n, rng):
    """Points from one Gaussian of standard deviation 1.5: (n, 2)."""
    return (1.5 * rng.standard_normal((n, 2))).astype("float32")


def best_logit(x, sd=0.35):
    """log p − log q of the two: (n, 2) -> (n, 1)."""
    bumps = norm.logpdf(x[:, None], CENTRES, sd).sum(axis=-1)
    log_p = np.logaddexp.reduce(bumps, axis=-1) - np.log(8)
    return (log_p - norm.logpdf(x, 0.0, 1.5).sum(axis=-1))[:, None].astype("float32")


def discriminator_of_points(hidden, seed):
    """Loss of a discriminator trained on points of the two densities, minus the best possible, on fresh points."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    real, fake = draw_real(40_000, rng, 0.35), draw_fake(40_000, rng)
    network = networks.mlp(2, 1, hidden, "relu", name="discriminator")
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 3200)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), cross_entropy, jit_compile=False, steps_per_execution=40)
    labels = np.repeat(np.array([1, 0], "float32"), len(real))
    network.fit(np.concatenate([real, fake]), labels, batch_size=500, epochs=20, verbose=0)
    rng = np.random.default_rng(seed + 100)
    fresh = draw_real(100_000, rng, 0.35), draw_fake(100_000, rng)
    learnt, best = (
        float(np.mean(losses.discriminator_loss(*(logit(x) for x in fresh))))
        for logit in (partial(training.in_chunks, network), best_logit)
    )
    return learnt, learnt - best


def ring_gan(generator_rate, discriminator_rate, seed):
    """A GAN on the ring after 30 epochs of 200 steps: modes missed, and both losses of the last epoch."""
    keras.utils.set_random_seed(seed)
    model = gan.GAN(networks.mlp(2, 2, (64, 64)), networks.mlp(2, 1, (64, 64)), seed=seed)
    rates = generator_rate, discriminator_rate
    model.compile(*(keras.optimizers.Adam(rate, 0.5) for rate in rates), jit_compile=False, steps_per_execution=100)
    points = draw_real(20_000, np.random.default_rng(seed), 0.15)
    history = model.fit(points, batch_size=256, epochs=30, steps_per_epoch=200, verbose=0).history
    made = training.in_chunks(model, tf.random.stateless_normal((5000, 2), (seed, 9)))
    distances = np.linalg.norm(made[:, None] - CENTRES, axis=2)
    good = distances.min(axis=1) < 3 * 0.15
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=8)
    return 8 - np.sum(counts >= 20), history["discriminator_loss"][-1], history["generator_loss"][-1]


def points(seed):
    linear, _ = discriminator_of_points((), seed)
    _, gap = discriminator_of_points((64, 64), seed)
    missed, d_loss, g_loss = ring_gan(1e-3, 1e-3, seed)
    fast_missed, fast_d_loss, fast_g_loss = ring_gan(5e-3, 1e-4, seed)
    return {
        "02 learnt minus best discriminator loss": gap,
        "02 linear discriminator: loss": linear,
        "02 ring: modes missed": missed,
        "02 ring: discriminator loss": d_loss,
        "02 ring: generator loss": g_loss,
        "02 ring, fast generator: modes missed": fast_missed,
        "02 ring, fast generator: discriminator loss": fast_d_loss,
        "02 ring, fast generator: generator loss": fast_g_loss,
    }


def train(model, batch_size, epochs, callbacks=()):
    """Train on digits by epochs of 500 steps; returns the seconds that it took."""
    images = data.load_mnist().x_train.reshape(-1, 784)
    batches = data.batches(images, batch_size, model.seed).map(lambda x: keras.ops.cast(x, "float32") / 127.5 - 1.0)
    start = time.perf_counter()
    model.fit(batches, epochs=epochs, steps_per_epoch=EPOCH, verbose=0, callbacks=list(callbacks))
    return time.perf_counter() - start


def judged(name, model, seconds):
    """What 10,000 samples are worth: share of the excess on the test part, error of the labels behind the filter."""
    samples, real = model.sample(10_000, seed=3), data.load_mnist().x_test
    filtered = [median_filter(images.reshape(-1, 28, 28), (1, 3, 3)) for images in (samples, real)]
    labels = [np.bincount(metrics.classify_digits(images).argmax(axis=1), minlength=10) for images in filtered]
    return {
        f"02 {name} GAN: training seconds": seconds,
        f"02 {name} GAN: excess share": metrics.frechet_excess(samples).share,
        f"02 {name} GAN: labels off by, per cent": 50 * np.abs(labels[0] - labels[1]).sum() / 10_000,
    }


def compiled(model, rate, beta_1):
    """The same Adam for both players, each its own; 50 steps in one program."""
    optimizers = [keras.optimizers.Adam(rate, beta_1=beta_1) for _ in range(2)]
    model.compile(*optimizers, jit_compile=True, steps_per_execution=50)
    return model


def classic_gan(seed):
    keras.utils.set_random_seed(seed)
    return compiled(gan.GAN(networks.mlp_generator(), networks.mlp_discriminator(), seed=seed), 2e-4, 0.5)


def better_gan(seed):
    keras.utils.set_random_seed(seed)
    players = networks.mlp_generator(64, 784, (256, 256)), networks.mlp_discriminator(784, (256, 256))
    return compiled(gan.GAN(*players, gradient_penalty=1.0, ema_decay=0.998, seed=seed), 1e-3, 0.0)


def classic(seed):
    model = classic_gan(seed)
    return judged("classic", model, train(model, 128, 20))


def better(seed):
    model = better_gan(seed)
    return judged("better", model, train(model, 64, BETTER_EPOCHS))


if __name__ == "__main__":
    bands.main("02_gan", [points, classic, better])
