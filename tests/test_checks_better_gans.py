"""The exercise checks of notebook 06 take every right form of an answer and refuse the usual wrong ones."""

import numpy as np
import tensorflow as tf
from exercise_answers import (  # noqa: F401
    test_open_exercises_are_not_attempted,
    test_right_answers_are_taken,
    test_usual_wrong_answers_get_their_hint,
)
from keras import ops

from gentutor import checks


def dirac(rate, penalty, turns=True):
    half = rate / 2
    step = np.array([[1, half], [-half, 1 - rate * penalty]])
    if turns:
        step = np.array([[1, half], [0, 1]]) @ np.array([[1, 0], [-half, 1 - rate * penalty]])
    return np.abs(np.linalg.eigvals(step)).max()


def dirac_by_hand(rate, penalty):
    """From trace and determinant of the step."""
    trace, determinant = 2 - rate * penalty - rate**2 / 4, 1 - rate * penalty
    root = np.sqrt(complex(trace**2 / 4 - determinant))
    return max(abs(trace / 2 + root), abs(trace / 2 - root))


def power_iteration(kernel, turns=200):
    w = tf.reshape(tf.constant(kernel), (-1, kernel.shape[-1]))
    u = tf.ones((w.shape[1], 1))
    for _ in range(turns):
        v = tf.math.l2_normalize(w @ u)
        u = tf.math.l2_normalize(tf.transpose(w) @ v)
    return tf.norm(w @ u)


def keras_deviation(features):
    spread = ops.mean(ops.sqrt(ops.var(features, axis=0) + 1e-8))
    return ops.concatenate([features, ops.broadcast_to(spread, (features.shape[0], 1))], axis=1)


def tensorflow_deviation(features):
    spread = tf.reduce_mean(tf.math.reduce_std(tf.constant(features), axis=0))
    return tf.concat([features, tf.fill((len(features), 1), spread)], axis=1)


def with_column(features, spread):
    return np.column_stack([features, np.broadcast_to(spread, len(features))])


def flat_norm(kernel):
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


RIGHT = [
    (checks.hinge, lambda a, b: ((np.maximum(0, 1 - a) + np.maximum(0, 1 + b))[:, 0], -b[:, 0])),
    (checks.hinge, lambda a, b: (tf.squeeze(tf.nn.relu(1 - a) + tf.nn.relu(1 + b), 1), tf.squeeze(-tf.constant(b), 1))),
    (checks.hinge, lambda a, b: (ops.sum(ops.relu(1 - a) + ops.relu(1 + b), axis=-1), ops.sum(-b, axis=-1))),
    (checks.spectral_norm, flat_norm),
    (checks.spectral_norm, power_iteration),
    (checks.spectral_norm, lambda k: ops.max(ops.svd(ops.reshape(k, (-1, k.shape[-1])), compute_uv=False))),
    (checks.dirac_eigenvalue, dirac),
    (checks.dirac_eigenvalue, dirac_by_hand),
    (checks.dirac_eigenvalue, lambda rate, penalty: tf.constant(dirac(rate, penalty))),
    (checks.dirac_eigenvalue, lambda rate, penalty: ops.convert_to_tensor(dirac_by_hand(rate, penalty))),
    (checks.distance_from_critic, lambda e, w: w * (np.sqrt(1 + 2 * e / w) - 1)),
    (checks.distance_from_critic, lambda e, w: w * (tf.sqrt(1 + 2 * e / w) - 1)),
    (checks.distance_from_critic, lambda e, w: max(np.roots([1 / (2 * w), 1, -e]))),
    (checks.distance_from_critic, lambda e, w: ops.sqrt(ops.add(w * w, 2 * w * e)) - w),
    (checks.minibatch_deviation, lambda x: with_column(x, x.std(axis=0).mean())),
    (checks.minibatch_deviation, keras_deviation),
    (checks.minibatch_deviation, tensorflow_deviation),
]
WRONG = [
    (checks.hinge, lambda a, b: ((1 - a + 1 + b)[:, 0], -b[:, 0]), "beyond the margin"),
    (checks.hinge, lambda a, b: (np.maximum(0, 1 - a) + np.maximum(0, 1 + b), -b), "shape|beyond"),
    (
        checks.hinge,
        lambda a, b: ((np.maximum(0, 1 - a) + np.maximum(0, 1 + b))[:, 0], np.maximum(0, 1 - b)[:, 0]),
        "−fake",
    ),
    (checks.hinge, lambda a, b: ((np.maximum(0, 1 - a) + np.maximum(0, 1 - b))[:, 0], -b[:, 0]), "beyond the margin"),
    (checks.hinge, lambda a, b: (np.mean(np.maximum(0, 1 - a) + np.maximum(0, 1 + b)), -b.mean()), "beyond the margin"),
    (checks.spectral_norm, lambda k: np.abs(k).max(), "not the largest entry"),
    (checks.spectral_norm, lambda k: np.linalg.norm(k), "root of the sum of squares"),
    (checks.spectral_norm, lambda k: np.linalg.norm(k.reshape(k.shape[0], -1), 2), "the last axis stays"),
    (checks.spectral_norm, lambda k: np.linalg.norm(k, 2, axis=(-2, -1)).max(), "the last axis stays"),
    (checks.spectral_norm, lambda k: flat_norm(k) ** 2, "largest singular value"),
    (checks.dirac_eigenvalue, lambda rate, penalty: dirac(rate, penalty, turns=False), "answers the new ψ"),
    (checks.dirac_eigenvalue, lambda rate, penalty: dirac(rate, 0), "1 − rate · penalty"),
    (checks.dirac_eigenvalue, lambda rate, penalty: dirac(rate, 0.5 * penalty), "1 − rate · penalty"),
    (checks.dirac_eigenvalue, lambda rate, penalty: np.sqrt(abs(1 - rate * penalty)), "largest absolute value"),
    (checks.distance_from_critic, lambda e, w: e, "quadratic"),
    (checks.distance_from_critic, lambda e, w: e / (1 + 1 / (2 * w)), "quadratic"),
    (checks.distance_from_critic, lambda e, w: w * (-np.sqrt(1 + 2 * e / w) - 1), "positive root"),
    (checks.minibatch_deviation, lambda x: with_column(x, x.std()), "over features"),
    (checks.minibatch_deviation, lambda x: np.column_stack([x, x.std(axis=1)]), "axis 0"),
    (checks.minibatch_deviation, lambda x: with_column(x, x.var(axis=0).mean()), "standard deviation"),
    (checks.minibatch_deviation, lambda x: with_column(x, x.std(axis=0, ddof=1).mean()), "divided by n"),
    (checks.minibatch_deviation, lambda x: np.concatenate([x, x.std(axis=0)[None]]), "shape"),
    (checks.minibatch_deviation, lambda x: None, "return missing"),
]
EMPTY = [
    (checks.hinge, lambda real_logits, fake_logits: (..., ...)),
    (checks.spectral_norm, lambda kernel: ...),
    (checks.dirac_eigenvalue, lambda rate, penalty: ...),
    (checks.distance_from_critic, lambda estimate, weight: ...),
    (checks.minibatch_deviation, lambda features: ...),
]
