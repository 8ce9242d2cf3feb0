"""Speed, as ratios measured in one run: python bench/speed.py gan|vae|machine [FILE], each a few minutes on two cores.

The rivals are what public tutorials teach; the work is the same, and the clock counts whatever a learner waits for.
"""

import bands  # keeps the process on two cores before TensorFlow starts

# isort: split
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gentutor import data, gan, networks, vae

STEPS, BATCH = 10_000, 128
TARGET, PATIENCE = 165.0, 300.0  # nats on the validation part, seconds


def compare_gans(steps=STEPS):
    """Steps per second of GAN.fit and of a predict + train_on_batch loop, with the share of the matmul peak.

    After every 500 steps of fit the loop makes 20, so that whatever else the machine does strikes both.
    """
    x = data.normalize(data.load_mnist().x_train).reshape(-1, 784)
    peak = matmul_peak()
    model, rounds = gan.GAN(networks.mlp_generator(), networks.mlp_discriminator()), Rounds(tutorial_step(x))
    model.compile(jit_compile=True, steps_per_execution=50)
    start = time.perf_counter()
    model.fit(x, batch_size=BATCH, epochs=steps // 500, steps_per_epoch=500, callbacks=[rounds], verbose=0)
    seconds, peak = time.perf_counter() - start - sum(rounds.rival), max(peak, matmul_peak())
    rate, rival = 500 / np.array(rounds.own[1:]), 20 / np.array(rounds.rival[1:])
    return {
        "GAN.fit: seconds for the classic 10,000 steps, compilation counted": seconds * STEPS / steps,
        "GAN.fit: steps per second": np.median(rate),
        "predict + train_on_batch: steps per second": np.median(rival),
        "GAN.fit: times the steps per second of the loop": np.median(rate / rival),
        "GAN.fit: share of the matrix-multiply peak": np.median(rate) * gan_step_flops() / peak,
    }


class Rounds(keras.callbacks.Callback):
    """Times each epoch, and 20 steps of a rival after each."""

    def __init__(self, rival_step):
        super().__init__()
        self.rival_step, self.own, self.rival = rival_step, [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        end = time.perf_counter()
        for _ in range(20):
            self.rival_step()
        self.own.append(end - self.start)
        self.rival.append(time.perf_counter() - end)


def tutorial_step(x):
    """One step, as a function, of the loop of many tutorials, with a discriminator that does train.

    Its train function is traced by a first batch before ``trainable`` is set to False for the stacked model.
    """
    adam = lambda: keras.optimizers.Adam(2e-4, beta_1=0.5)  # noqa: E731
    generator, discriminator = networks.mlp_generator(), networks.mlp_discriminator()
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    discriminator.compile(adam(), loss)
    ones, zeros, rng = np.ones((BATCH, 1)), np.zeros((BATCH, 1)), np.random.default_rng(0)
    discriminator.train_on_batch(x[:BATCH], ones)
    discriminator.trainable = False
    stack = keras.Sequential([generator, discriminator])
    stack.compile(adam(), loss)

    def step():
        real = x[rng.integers(0, len(x), BATCH)]
        fake = generator.predict(rng.normal(size=(BATCH, 100)).astype("float32"), verbose=0)
        discriminator.train_on_batch(real, ones)
        discriminator.train_on_batch(fake, zeros)
        stack.train_on_batch(rng.normal(size=(BATCH, 100)).astype("float32"), ones)

    before = discriminator.get_weights()
    step()
    if all(np.array_equal(a, b) for a, b in zip(before, discriminator.get_weights(), strict=True)):
        raise RuntimeError("The loop's discriminator did not train, so the two do not do the same work.")
    return step


def gan_step_flops():
    """Floating-point operations of the matrix products in one step of the classic GAN, batch 128."""
    g1, g2, d1, d2 = 100 * 128, 128 * 784, 784 * 128, 128
    discriminator = (g1 + g2) + 2 * (2 * d1 + 3 * d2)  # fake; forward, weight and hidden gradients on real and fake
    generator = (2 * g1 + 3 * g2) + 2 * (d1 + d2)  # forward and gradients of G; forward and input gradients of D
    return 2 * BATCH * (discriminator + generator)


def compare_vaes(target=TARGET, patience=PATIENCE):
    """Training seconds until the validation loss is at the target: the dense 2-D VAE and a convolutional one."""
    keras.utils.set_random_seed(1)
    split = data.load_mnist()
    x, x_valid = (data.normalize(part, 0.0, 1.0)[..., None] for part in (split.x_train, split.x_valid))
    flat = vae.VAE(networks.mlp_encoder(2), networks.mlp_decoder(2))
    flat.compile(jit_compile=True, steps_per_execution=143)
    seconds, loss = time_to_target(flat, x.reshape(-1, 784), x_valid.reshape(-1, 784), target, patience)
    rival = vae.VAE(*convolutional_networks())
    rival.compile()
    rival_seconds, rival_loss = time_to_target(rival, x, x_valid, target, patience)
    return {
        "2-D VAE: training seconds to a validation loss of 165": seconds,
        "2-D VAE: validation loss reached": loss,
        "convolutional VAE: training seconds to a validation loss of 165 (300 if it does not arrive)": rival_seconds,
        "convolutional VAE: validation loss reached": rival_loss,
        "2-D VAE: times faster than the convolutional one": rival_seconds / seconds,
    }


class Arrival(keras.callbacks.Callback):
    """Stops at a validation loss or after so many seconds of training; the time spent on validation is not counted."""

    def __init__(self, target, patience):
        super().__init__()
        self.target, self.patience = target, patience
        self.spent, self.since, self.loss = 0.0, time.perf_counter(), np.inf

    def on_test_begin(self, logs=None):
        self.spent += time.perf_counter() - self.since

    def on_test_end(self, logs=None):
        self.since = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.loss = logs["val_loss"]
        self.model.stop_training = self.loss <= self.target or self.spent >= self.patience


def time_to_target(model, x, x_valid, target, patience):
    """Seconds of training, compilation counted, and the loss then; asks every 143 steps, a third of an epoch."""
    arrival = Arrival(target, patience)
    fit = {"batch_size": BATCH, "epochs": 1000, "steps_per_epoch": 143, "verbose": 0}
    model.fit(x, validation_data=x_valid, callbacks=[arrival], **fit)
    return (min(arrival.spent, patience) if arrival.loss <= target else patience), arrival.loss


def convolutional_networks():
    """Encoder and decoder of the kind that the Keras site teaches: stride-2 convolutions of 32 and 64, dense 16."""
    x = start = keras.Input((28, 28, 1))
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, 2, "same", activation="relu")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    encoder = keras.Model(start, [layers.Dense(2)(x), layers.Dense(2)(x)])
    x = start = keras.Input((2,))
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(x))
    for filters in (64, 32):
        x = layers.Conv2DTranspose(filters, 3, 2, "same", activation="relu")(x)
    return encoder, keras.Model(start, layers.Conv2DTranspose(1, 3, 1, "same")(x))


def measure_machine():
    """Import times in fresh processes, the matrix-multiply peak, and the importance-weighted bound's time."""
    return {
        "import tensorflow: seconds": import_seconds("import tensorflow"),
        "import of the whole package: seconds": import_seconds(
            "from gentutor import callbacks, checks, data, gan, losses, metrics, networks, plots, vae, validate"
        ),
        "matrix-multiply peak: GFLOP/s": matmul_peak() / 1e9,
    }


def import_seconds(statement, repeats=3):
    """Median time of an import in a fresh Python, less the time of an empty one."""

    def seconds(code):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start

    return statistics.median(seconds(statement) - seconds("") for _ in range(repeats))


def matmul_peak(size=2048, repeats=8):
    """Floating-point operations per second of TensorFlow's float32 matrix product, the best of some."""
    a = tf.random.normal((size, size))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        tf.linalg.matmul(a, a).numpy()
        times.append(time.perf_counter() - start)
    return 2.0 * size**3 / min(times)


PARTS = {"gan": compare_gans, "vae": compare_vaes, "machine": measure_machine}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("file", nargs="?", type=pathlib.Path, help="where to put the numbers as JSON")
    options = parser.parse_args()
    bands.use_two_cores()
    values = {name: float(value) for name, value in PARTS[options.part]().items()}
    print(json.dumps(values, indent=1))
    if options.file:
        options.file.write_text(json.dumps(values))


if __name__ == "__main__":
    main()
