"""The exercise checks of notebook 04 take every right form of an answer and refuse the usual wrong ones."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.neighbors
import tensorflow as tf
from exercise_answers import (  # noqa: F401
    test_open_exercises_are_not_attempted,
    test_right_answers_are_taken,
    test_usual_wrong_answers_get_their_hint,
)
from keras import ops

from gentutor import checks


def keras_diluted(log_p, log_noise, share):
    return ops.logaddexp(log_p + np.float32(np.log(share)), log_noise + np.float32(np.log1p(-share)))


def tensorflow_diluted(log_p, log_noise, share):
    both = tf.stack([log_p + tf.math.log(share), log_noise + tf.math.log(1.0 - share)])
    return tf.reduce_logsumexp(both, axis=0)


def numpy_copied(samples, train, test):
    nearest = [np.linalg.norm(samples[:, None] - part, axis=2).min(axis=1) for part in (train, test)]
    return np.mean(nearest[0] < nearest[1])


def tensorflow_copied(samples, train, test):
    every = tf.concat([train, test], axis=0)
    nearest = tf.argmin(tf.norm(tf.constant(samples)[:, None] - every, axis=2), axis=1)
    return tf.reduce_mean(tf.cast(nearest < len(train), tf.float32))


def keras_copied(samples, train, test):
    nearest = [ops.min(ops.norm(ops.expand_dims(samples, 1) - part, axis=2), axis=1) for part in (train, test)]
    return ops.mean(ops.cast(nearest[0] < nearest[1], "float32"))


def scikit_copied(samples, train, test):
    tree = sklearn.neighbors.NearestNeighbors(n_neighbors=1).fit(np.concatenate([train, test]))
    return np.mean(tree.kneighbors(samples)[1][:, 0] < len(train))


def least_squares(sizes, distances):
    design = ops.stack([ops.ones_like(sizes), 1.0 / sizes], axis=1)
    return ops.lstsq(design, ops.expand_dims(distances, 1))[0, 0]


def numpy_wilson(right, n, z=1.96):
    share = right / n
    centre, half = share + z**2 / 2 / n, z * np.sqrt(share * (1 - share) / n + z**2 / 4 / n**2)
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def scipy_wilson(right, n):
    return scipy.stats.binomtest(right, n).proportion_ci(method="wilson")


def tensorflow_wilson(right, n):
    return tuple(tf.constant(end) for end in numpy_wilson(right, n))


def wald(right, n):
    share = right / n
    half = 1.96 * np.sqrt(share * (1 - share) / n)
    return share - half, share + half


VERDICTS = {
    "precision 0.99, recall 0.00": "collapse",
    "Fréchet distance below the floor of unseen real digits": "copy",
    "Fréchet distance 9 with 10,000 samples, 19 with 1,000": "bias",
    "two-sample test at 50 %, Fréchet distance far above the floor": "weak",
    "recall rises from 0.1 to 0.9, coverage stays": "outliers",
}
RIGHT = [
    (checks.diluted, lambda p, n, s: np.logaddexp(p + np.log(s), n + np.log(1 - s))),
    (checks.diluted, lambda p, n, s: scipy.special.logsumexp([p, n], axis=0, b=[[s], [1 - s]])),
    (checks.diluted, tensorflow_diluted),
    (checks.diluted, keras_diluted),
    (checks.without_bias, lambda sizes, distances: np.polyfit(1 / sizes, distances, 1)[1]),
    (checks.without_bias, lambda sizes, distances: scipy.stats.linregress(1 / sizes, distances).intercept),
    (checks.without_bias, least_squares),
    (checks.without_bias, lambda sizes, distances: tf.constant(np.polyfit(1 / sizes, distances, 1)[1])),
    (checks.copied, numpy_copied),
    (checks.copied, tensorflow_copied),
    (checks.copied, keras_copied),
    (checks.copied, scikit_copied),
    (checks.wilson, numpy_wilson),
    (checks.wilson, scipy_wilson),
    (checks.wilson, tensorflow_wilson),
    (checks.wilson, lambda right, n: list(numpy_wilson(right, n))),
    (checks.wilson, lambda right, n: ops.convert_to_tensor(numpy_wilson(right, n))),
    (checks.verdicts, VERDICTS),
    (checks.verdicts, {key: word.upper() + " " for key, word in VERDICTS.items()}),
]
WRONG = [
    (checks.diluted, lambda p, n, s: s * p + (1 - s) * n, "then take the logarithm"),
    (checks.diluted, lambda p, n, s: np.log(s * np.exp(p) + (1 - s) * np.exp(n)), "np.logaddexp"),
    (checks.diluted, lambda p, n, s: np.logaddexp(p, n), "weighted"),
    (checks.diluted, lambda p, n, s: np.logaddexp(p + np.log(1 - s), n + np.log(s)), "weighted"),
    (checks.diluted, lambda p, n, s: np.logaddexp(p + np.log(s), n + np.log(1 - s)).mean(), "one number an image"),
    (checks.without_bias, lambda sizes, distances: distances[-1], "straight line"),
    (checks.without_bias, lambda sizes, distances: distances.mean(), "straight line"),
    (checks.without_bias, lambda sizes, distances: np.polyfit(sizes, distances, 1)[1], "over 1/n"),
    (checks.without_bias, lambda sizes, distances: np.polyfit(1 / sizes, distances, 1)[0], "no bias"),
    (
        checks.without_bias,
        lambda n, d: (n[-1] * d[-1] - n[0] * d[0]) / (n[-1] - n[0]),
        "not a line through two",
    ),
    (checks.copied, lambda samples, train, test: 1 - numpy_copied(samples, train, test), "distance 0"),
    (checks.copied, lambda samples, train, test: np.linalg.norm(samples[:, None] - train, axis=2).min(1), "shape"),
    (
        checks.copied,
        lambda s, a, b: np.mean([np.linalg.norm(x - a[0]) < np.linalg.norm(x - b[0]) for x in s]),
        "distance 0|nearest",
    ),
    (checks.wilson, wald, "half of the width|centre"),
    (checks.wilson, lambda right, n: numpy_wilson(right, n)[::-1], "half of the width"),
    (checks.wilson, lambda right, n: numpy_wilson(right, n, z=1.0), "1.96"),
    (checks.wilson, lambda right, n: numpy_wilson(right, n)[0], "shape"),
    (checks.wilson, lambda right, n: scipy.stats.binomtest(right, n).proportion_ci(), "half of the width"),
    (checks.verdicts, VERDICTS | {"precision 0.99, recall 0.00": "copy"}, "of how many kinds"),
    (checks.verdicts, ["collapse"], "dictionary"),
]  # fmt: skip
EMPTY = [
    (checks.diluted, lambda log_p, log_noise, share: ...),
    (checks.without_bias, lambda sizes, distances: ...),
    (checks.copied, lambda samples, train, test: ...),
    (checks.wilson, lambda right, n: (..., ...)),
    (checks.verdicts, dict.fromkeys(VERDICTS, ...)),
]


def test_wilson_is_scipys():
    for right, n in ((0, 5), (7, 9), (50, 100)):
        assert checks._wilson(right, n) == pytest.approx(list(scipy_wilson(right, n)), rel=1e-6, abs=1e-9)
