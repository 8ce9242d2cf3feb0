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


def numpy_slerp(a, b, t):
    angle = np.arccos(np.sum(a * b))
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def tensorflow_slerp(a, b, t):
    angle = tf.acos(tf.reduce_sum(tf.constant(a) * b))
    return (tf.sin((1 - t) * angle) * a + tf.sin(t * angle) * b) / tf.sin(angle)


def numpy_entropy(y, x):
    total = 0.0
    for value in np.unique(x):
        share = np.bincount(y[x == value], minlength=2) / np.sum(x == value)
        total -= np.mean(x == value) * sum(p * np.log2(p) for p in share if p > 0)
    return total


def joint_entropy(y, x):
    """H(y, x) − H(x), from counts."""

    def entropy(labels):
        p = np.unique(labels, return_counts=True)[1] / len(labels)
        return -np.sum(p * np.log2(p))

    return entropy(2 * x + y) - entropy(x)


def crossed(a, b, cut):
    mixed = a.copy()
    mixed[cut:] = b[cut:]
    return mixed


RIGHT = [
    (checks.demodulate, numpy_demodulate),
    (checks.demodulate, lambda k, s: tf.math.rsqrt(tf.matmul(tf.square(s), tf.reduce_sum(tf.square(k), (0, 1))))),
    (checks.demodulate, lambda k, s: ops.rsqrt(ops.matmul(s**2, ops.sum(k**2, axis=(0, 1))) + 1e-8)),
    (checks.truncate, lambda w, mean, psi: mean + psi * (w - mean)),
    (checks.truncate, lambda w, mean, psi: psi * tf.constant(w) + (1 - psi) * mean),
    (checks.truncate, lambda w, mean, psi: ops.add(mean, psi * ops.subtract(w, mean))),
    (checks.slerp, numpy_slerp),
    (checks.slerp, tensorflow_slerp),
    (checks.slerp, lambda a, b, t: ops.convert_to_tensor(numpy_slerp(a, b, t))),
    (checks.entropy_left, numpy_entropy),
    (checks.entropy_left, joint_entropy),
    (checks.entropy_left, lambda y, x: tf.constant(numpy_entropy(y, x))),
    (checks.crossover, crossed),
    (checks.crossover, lambda a, b, cut: np.concatenate([a[:cut], b[cut:]])),
    (checks.crossover, lambda a, b, cut: tf.concat([a[:cut], b[cut:]], axis=0)),
    (checks.crossover, lambda a, b, cut: ops.where(np.arange(len(a))[:, None] < cut, a, b)),
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
    (checks.slerp, lambda a, b, t: (1 - t) * a + t * b, "stay on the sphere"),
    (checks.slerp, lambda a, b, t: ((1 - t) * a + t * b) / np.linalg.norm((1 - t) * a + t * b), "angle"),
    (checks.slerp, lambda a, b, t: numpy_slerp(b, a, t), "at t = 0"),
    (checks.entropy_left, lambda y, x: np.log(2) * numpy_entropy(y, x), "bits"),
    (checks.entropy_left, lambda y, x: numpy_entropy(x, y), "within each value of x"),
    (checks.entropy_left, lambda y, x: numpy_entropy(y, np.ones(8, int)), "within each value of x"),
    (checks.entropy_left, lambda y, x: sum(numpy_entropy(y[x == v], x[x == v]) for v in np.unique(x)), "weighted"),
    (checks.crossover, lambda a, b, cut: np.concatenate([a[: cut + 1], b[cut + 1 :]]), "counted from 0"),
    (checks.crossover, lambda a, b, cut: np.concatenate([b[:cut], a[cut:]]), "counted from 0|coarse"),
    (checks.crossover, lambda a, b, cut: 0.5 * (a + b), "counted from 0"),
]
EMPTY = [
    (checks.demodulate, lambda kernel, style: ...),
    (checks.truncate, lambda w, mean, psi: ...),
    (checks.slerp, lambda a, b, t: ...),
    (checks.entropy_left, lambda y, x: ...),
    (checks.crossover, lambda a, b, cut: ...),
]
