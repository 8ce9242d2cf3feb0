"""The exercise checks of notebook 03 take every right form of an answer and refuse the usual wrong ones."""

import numpy as np
import tensorflow as tf
from exercise_answers import (  # noqa: F401
    test_open_exercises_are_not_attempted,
    test_right_answers_are_taken,
    test_usual_wrong_answers_get_their_hint,
)
from keras import ops

from gentutor import checks


def numpy_kl(mean, log_var, m, v):
    return 0.5 * np.sum(np.exp(log_var - v) + (mean - m) ** 2 * np.exp(-v) - 1 - log_var + v, axis=-1)


def tensorflow_kl(mean, log_var, m, v):
    sigma, s = tf.exp(0.5 * tf.constant(log_var)), tf.exp(0.5 * tf.constant(v))
    return tf.reduce_sum(tf.math.log(s / sigma) + (sigma**2 + (mean - m) ** 2) / (2 * s**2) - 0.5, axis=1)


def keras_kl(mean, log_var, m, v):
    terms = ops.exp(log_var - v) + ops.square(mean - m) / ops.exp(v) - 1.0 - log_var + v
    return 0.5 * ops.sum(terms, axis=-1)


def numpy_bound(log_weights):
    top = log_weights.max(axis=1)
    return top + np.log(np.mean(np.exp(log_weights - top[:, None]), axis=1))


def tensorflow_units(means):
    return tf.math.count_nonzero(tf.math.reduce_variance(tf.constant(means), axis=0) > 0.01)


RIGHT = [
    (checks.kl_between, numpy_kl),
    (checks.kl_between, tensorflow_kl),
    (checks.kl_between, keras_kl),
    (checks.logistic_draw, lambda mean, scale, u: mean + scale * np.log(u / (1 - u))),
    (checks.logistic_draw, lambda mean, scale, u: mean - scale * tf.math.log(1.0 / u - 1.0)),
    (checks.logistic_draw, lambda mean, scale, u: ops.add(mean, scale * (ops.log(u) - ops.log(1 - u)))),
    (checks.importance_weighted, numpy_bound),
    (checks.importance_weighted, lambda w: tf.reduce_logsumexp(w, axis=1) - np.log(w.shape[1])),
    (checks.importance_weighted, lambda w: ops.logsumexp(w, axis=1) - ops.log(float(w.shape[1]))),
    (checks.importance_weighted, lambda w: np.logaddexp.reduce(w, axis=1) - np.log(w.shape[1])),
    (checks.hidden_beta, lambda pixels, latent_dim: pixels / latent_dim),
    (checks.hidden_beta, lambda pixels, latent_dim: tf.constant(pixels / latent_dim)),
    (checks.hidden_beta, lambda pixels, latent_dim: ops.divide(pixels, latent_dim)),
    (checks.active_units, lambda means: int(np.sum(means.var(axis=0) > 0.01))),
    (checks.active_units, lambda means: np.sum(means.var(axis=0, ddof=1) > 0.01)),
    (checks.active_units, tensorflow_units),
    (checks.active_units, lambda means: ops.sum(ops.cast(ops.var(means, axis=0) > 0.01, "int32"))),
]
WRONG = [
    (
        checks.importance_weighted,
        lambda w: w.max() + np.log(np.mean(np.exp(w - w.max()), axis=1)),
        "largest of each row",
    ),
    (
        checks.importance_weighted,
        lambda w: w.min() + np.log(np.mean(np.exp(w - w.min()), axis=1)),
        "largest of each row",
    ),
    (checks.hidden_beta, lambda pixels, latent_dim: pixels // latent_dim, "multiply the whole loss"),
    (checks.kl_between, lambda mean, log_var, m, v: numpy_kl(mean, log_var, 0, 0), "two equal|prior's variance"),
    (checks.kl_between, lambda m, v, a, b: numpy_kl(a, b, m, v), "standard normal|prior's variance"),
    (checks.kl_between, lambda *a: numpy_kl(*a).mean(), "one number an example"),
    (checks.kl_between, lambda *a: numpy_kl(*a) / 4, "summed over the last axis"),
    (checks.kl_between, lambda *a: 2 * numpy_kl(*a), "standard normal"),
    (
        checks.kl_between,
        lambda mean, lv, m, v: 0.5 * (np.exp(lv - v) + (mean - m) ** 2 - 1 - lv + v).sum(-1),
        "prior's variance",
    ),
    (checks.logistic_draw, lambda mean, scale, u: mean + scale * u, "solve u"),
    (checks.logistic_draw, lambda mean, scale, u: mean - scale * np.log(u / (1 - u)), "solve u"),
    (checks.logistic_draw, lambda mean, scale, u: mean + scale**0.5 * np.log(u / (1 - u)), "no square roots"),
    (checks.logistic_draw, lambda mean, scale, u: np.log(u / (1 - u)), "the mean is added"),
    (checks.importance_weighted, lambda w: w.mean(axis=1), "not the mean of the logarithms"),
    (checks.importance_weighted, lambda w: np.logaddexp.reduce(w, axis=1), "logarithm of the mean weight"),
    (checks.importance_weighted, lambda w: np.log(np.mean(np.exp(w))), "axis 1"),
    (checks.importance_weighted, lambda w: np.log(np.exp(w).mean(axis=1)), "subtract the largest first"),
    (checks.hidden_beta, lambda pixels, latent_dim: pixels, "multiply the whole loss"),
    (checks.hidden_beta, lambda pixels, latent_dim: latent_dim / pixels, "multiply the whole loss"),
    (checks.hidden_beta, lambda pixels, latent_dim: pixels * latent_dim, "multiply the whole loss"),
    (checks.active_units, lambda means: int(np.sum((means**2).mean(axis=0) > 0.01)), "take the variance"),
    (checks.active_units, lambda means: int(np.sum(means.std(axis=0) > 0.01)), "variance of its mean"),
    (checks.active_units, lambda means: int(np.sum(means.var(axis=1) > 0.01)), "variance of its mean"),
    (checks.active_units, lambda means: means.var(axis=0) > 0.01, "shape"),
    (checks.active_units, lambda means: None, "return missing"),
]
EMPTY = [
    (checks.kl_between, lambda mean, log_var, prior_mean, prior_log_var: ...),
    (checks.logistic_draw, lambda mean, scale, u: ...),
    (checks.importance_weighted, lambda log_weights: ...),
    (checks.hidden_beta, lambda pixels, latent_dim: ...),
    (checks.active_units, lambda means: ...),
]
