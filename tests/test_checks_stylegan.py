"""The exercise checks of notebook 07 take every right form of an answer and refuse the usual wrong ones."""

import numpy as np
import tensorflow as tf
from exercise_answers import (  # noqa: F401
    test_open_exercises_are_not_attempted,
    test_right_answers_are_taken,
    test_usual_wrong_answers_get_their_hint,
)
from keras import ops

from gentutor import checks


def numpy_demodulate(kernel, style):
    return 1 / np.sqrt(np.sum((kernel[None] * style[:, None, None, :, None]) ** 2, axis=(1, 2, 3)))


def numpy_adain(x, scale, bias):
    normal = (x - x.mean(axis=(1, 2), keepdims=True)) / x.std(axis=(1, 2), keepdims=True)
    return normal * scale[:, None, None] + bias[:, None, None]


def tensorflow_adain(x, scale, bias):
    mean, variance = tf.nn.moments(tf.cast(x, tf.float32), axes=[1, 2], keepdims=True)
    return tf.nn.batch_normalization(
        tf.cast(x, tf.float32), mean, variance, bias[:, None, None], scale[:, None, None], 1e-8
    )


def keras_adain(x, scale, bias):
    x = ops.cast(x, "float32")
    normal = (x - ops.mean(x, (1, 2), keepdims=True)) / (ops.std(x, (1, 2), keepdims=True) + 1e-8)
    return normal * scale[:, None, None] + bias[:, None, None]


def unit(v):
    return v / np.linalg.norm(v)


def numpy_spared(normal, others):
    basis, _ = np.linalg.qr(others.T)
    return unit(normal - basis @ (basis.T @ normal))


def tensorflow_spared(normal, others):
    shares = tf.linalg.lstsq(tf.transpose(others), tf.constant(normal)[:, None])
    rest = normal - tf.linalg.matvec(others, shares[:, 0], transpose_a=True)
    return rest / tf.norm(rest)


def keras_spared(normal, others):
    """Gram and Schmidt, one after the other."""
    second = others[1] - others[0] * ops.dot(others[0], others[1])
    second = second / ops.norm(second)
    rest = normal - others[0] * ops.dot(others[0], normal) - second * ops.dot(second, normal)
    return rest / ops.norm(rest)


def numpy_penalty(slopes, y, a):
    return (np.linalg.norm(np.einsum("bpd,bp->bd", slopes, y), axis=1) - a) ** 2


def tensorflow_penalty(slopes, y, a):
    return tf.square(tf.norm(tf.linalg.matvec(slopes, y, transpose_a=True), axis=1) - a)


def keras_penalty(slopes, y, a):
    moved = ops.sum(slopes * ops.expand_dims(y, -1), axis=1)
    return ops.square(ops.sqrt(ops.sum(ops.square(moved), axis=-1)) - a)


RIGHT = [
    (checks.demodulate, numpy_demodulate),
    (checks.demodulate, lambda k, s: tf.math.rsqrt(tf.matmul(tf.square(s), tf.reduce_sum(tf.square(k), (0, 1))))),
    (checks.demodulate, lambda k, s: ops.rsqrt(ops.matmul(s**2, ops.sum(k**2, axis=(0, 1))) + 1e-8)),
    (checks.truncate, lambda w, mean, psi: mean + psi * (w - mean)),
    (checks.truncate, lambda w, mean, psi: psi * tf.constant(w) + (1 - psi) * mean),
    (checks.truncate, lambda w, mean, psi: ops.add(mean, psi * ops.subtract(w, mean))),
    (checks.adain, numpy_adain),
    (checks.adain, tensorflow_adain),
    (checks.adain, keras_adain),
    (checks.spared, numpy_spared),
    (checks.spared, tensorflow_spared),
    (checks.spared, keras_spared),
    (checks.path_penalty, numpy_penalty),
    (checks.path_penalty, tensorflow_penalty),
    (checks.path_penalty, keras_penalty),
]
WRONG = [
    (
        checks.demodulate,
        lambda k, s: 1 / np.sqrt(np.mean((k * s[0][:, None]) ** 2, axis=(0, 1, 2)))[None],
        "not a mean",
    ),
    (checks.demodulate, lambda k, s: 1 / np.sqrt(np.sum(k**2, axis=(0, 1, 2)))[None] * np.ones((len(s), 1)), "style"),
    (checks.demodulate, lambda k, s: np.sqrt(np.sum((k * s[0][:, None]) ** 2, axis=(0, 1, 2)))[None], "one over"),
    (checks.demodulate, lambda k, s: (s @ np.abs(k).sum(axis=(0, 1))) ** -0.5, "one row|one over|sum over"),
    (checks.demodulate, lambda k, s: 1 / np.sqrt(s @ np.sum(k**2, axis=(0, 1))), "before the squares|sum over"),
    (checks.truncate, lambda w, mean, psi: psi * w, "mean, not zero"),
    (checks.truncate, lambda w, mean, psi: w + psi * (mean - w), "change nothing"),
    (checks.truncate, lambda w, mean, psi: mean + psi * w, "change nothing"),
    (checks.truncate, lambda w, mean, psi: w.mean(axis=0) + psi * (w - w.mean(axis=0)), "must give the mean"),
    (checks.adain, lambda x, s, b: numpy_adain(x, b, s), "own mean"),
    (checks.adain, lambda x, s, b: x * s[:, None, None] + b[:, None, None], "own mean"),
    (
        checks.adain,
        lambda x, s, b: (x - x.mean((1, 2, 3), keepdims=True)) / x.std((1, 2, 3), keepdims=True),
        "each channel",
    ),
    (checks.adain, lambda x, s, b: (x - x.mean((0, 1, 2))) / x.std((0, 1, 2)), "each picture"),
    (checks.adain, lambda x, s, b: numpy_adain(x, s[:1], b[:1]), "one row each"),
    (checks.adain, lambda x, s, b: numpy_adain(x, s, b) - b[:, None, None], "scale and bias"),
    (checks.spared, lambda normal, others: normal - others.T @ (others @ normal), "length 1"),
    (checks.spared, lambda normal, others: unit(normal - others[1] * (others[1] @ normal)), "both"),
    (checks.spared, lambda normal, others: unit(normal - others.T @ (others @ normal)), "orthogonal first"),
    (checks.spared, lambda normal, others: normal, "both"),
    (
        checks.path_penalty,
        lambda slopes, y, a: np.linalg.norm(numpy_penalty(slopes, y, a)),
        "length of the d numbers|one number",
    ),
    (
        checks.path_penalty,
        lambda slopes, y, a: np.sum(slopes * y[..., None], axis=(1, 2)) ** 2,
        "length of the d numbers",
    ),
    (checks.path_penalty, lambda slopes, y, a: numpy_penalty(slopes, y[:1].repeat(len(y), axis=0), a), "its own y"),
    (checks.path_penalty, lambda slopes, y, a: numpy_penalty(slopes, y, 0.0) - a**2, "then square"),
    (checks.path_penalty, lambda slopes, y, a: numpy_penalty(slopes, y, a) ** 0.5, "squared"),
    (checks.path_penalty, lambda slopes, y, a: (numpy_penalty(slopes, y, 0.0) - a) ** 2, "squared"),
]
EMPTY = [
    (checks.demodulate, lambda kernel, style: ...),
    (checks.truncate, lambda w, mean, psi: ...),
    (checks.adain, lambda x, scale, bias: ...),
    (checks.spared, lambda normal, others: ...),
    (checks.path_penalty, lambda slopes, y, a: ...),
]
