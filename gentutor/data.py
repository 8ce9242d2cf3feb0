"""Bundled data, scaling and its inverse, binarisation, and batches in a repeatable order."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gentutor import validate

MNIST_SHA256 = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"


class Split(NamedTuple):
    """Images and labels in three parts: train to fit, valid to choose, test to look at once."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def asset(name):
    """Path of a file bundled in gentutor/assets; raises FileNotFoundError if the installation lacks it."""
    path = Path(__file__).parent / "assets" / name
    if not path.is_file():
        raise FileNotFoundError(f"The bundled file {name} is missing from gentutor/assets. Install the package again.")
    return path


def load_mnist():
    """MNIST's 70,000 handwritten digits as a ``Split`` of 55,000, 5,000 and 10,000.

    Images are uint8 (n, 28, 28), labels uint8 (n,); the validation part is the last 5,000 of the 60,000.
    Raises OSError if the bundled file is damaged. Source: LeCun, Cortes and Burges (gentutor/assets/README.md).
    """
    path = asset("mnist.npz")
    if hashlib.sha256(path.read_bytes()).hexdigest() != MNIST_SHA256:
        raise OSError("The bundled mnist.npz is damaged (its SHA-256 is wrong). Install the package again.")
    with np.load(path) as file:
        x, y, x_test, y_test = (file[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    return Split(x[:55_000], y[:55_000], x[55_000:], y[55_000:], x_test, y_test)


def normalize(images, low=-1.0, high=1.0):
    """Map uint8 pixels from [0, 255] to float32 in [low, high]; ``low`` < ``high``. Any shape; built in notebook 01."""
    images = validate.uint8_images("images", images)
    _check_limits(low, high)
    return images.astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)


def denormalize(x, low=-1.0, high=1.0):
    """Map [low, high] back to uint8 pixels, rounding and clipping; NaN raises ValueError. The inverse of normalize."""
    _check_limits(low, high)
    x = np.asarray(x, dtype=np.float32)
    if np.isnan(x).any():
        raise ValueError("x holds NaN, which is no pixel. Look for NaN in the network's weights or in its input.")
    return np.clip(np.rint((x - low) * (255.0 / (high - low))), 0, 255).astype(np.uint8)


def binarize(x, seed):
    """Draw each pixel as 0 or 1 with probability ``x``: floats in [0, 1] of any shape -> float32 of the same shape.

    The same seed gives the same draw. Salakhutdinov and Murray 2008; built in notebook 01.
    """
    x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"x must be floats in [0, 1], but its dtype is {x.dtype}: use data.normalize(images, 0, 1).")
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"x must be finite and not empty, but its shape is {x.shape} or it holds NaN or infinity.")
    validate.data_range("x", x, 0.0, 1.0, "each value is a probability")
    return (np.random.default_rng(seed).random(x.shape, dtype=np.float32) < x).astype(np.float32)


def batches(x, batch_size=128, seed=0, first_epoch=0, binarize=False):
    """Endless shuffled batches of an array as a ``tf.data.Dataset``; a short last batch is left out.

    Args: ``x``, (n, ...) with n of at least ``batch_size``. The order of epoch e depends on (seed, e) alone, so a
    training that starts at ``first_epoch`` sees what an uninterrupted one would have seen. ``binarize`` draws each
    pixel anew as 0 or 1 with probability ``x`` in every epoch. Give ``fit`` the steps: n // batch_size an epoch.
    """
    import tensorflow as tf

    batch_size = validate.positive_int("batch_size", batch_size)
    n = len(x)
    if n < batch_size:
        raise ValueError(f"x holds {n} examples, fewer than one batch of {batch_size}: lower batch_size.")
    steps = n // batch_size
    x = tf.convert_to_tensor(x)

    def epoch_order(epoch):
        key = tf.stack([tf.cast(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=key)
        rows = tf.reshape(order[: steps * batch_size], (steps, batch_size))
        numbers = epoch * steps + tf.range(steps, dtype=tf.int64)
        return tf.data.Dataset.from_tensor_slices((rows, numbers))

    def gather(rows, number):
        batch = tf.ensure_shape(tf.gather(x, rows), (batch_size, *x.shape[1:]))
        if binarize:
            draw = tf.random.stateless_uniform(tf.shape(batch), seed=tf.stack([tf.cast(seed, tf.int64), number]))
            batch = tf.cast(draw < batch, batch.dtype)
        return batch

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    drawn = epochs.flat_map(epoch_order).map(gather, num_parallel_calls=2, deterministic=True).prefetch(8)
    return drawn.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def _check_limits(low, high):
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"low must be a finite number below high, but low is {low!r} and high is {high!r}.")
