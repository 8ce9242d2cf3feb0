"""The exercise checks of notebook 02 take every right form of an answer and refuse the usual wrong ones."""

import re

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import special

from gentutor import checks


def numpy_value(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / (p + q)), 0), np.where(q > 0, q * np.log(q / (p + q)), 0)
    return terms[0].sum() + terms[1].sum()


def scipy_value(p, q):
    both = np.where(p + q > 0, p + q, 1)
    return np.sum(special.xlogy(p, p / both) + special.xlogy(q, q / both))


def tensorflow_value(p, q):
    return tf.reduce_sum(tf.math.xlogy(p, tf.math.divide_no_nan(p, p + q)) + tf.math.xlogy(q, 1 - p / (p + q + 1e-30)))


def numpy_squares(real, fake):
    return 0.5 * (real[:, 0] - 1) ** 2 + 0.5 * fake[:, 0] ** 2, 0.5 * (fake[:, 0] - 1) ** 2


def keras_squares(real, fake):
    d_loss = 0.5 * ops.sum(ops.square(real - 1.0) + ops.square(fake), axis=-1)
    return d_loss, 0.5 * ops.sum(ops.square(fake - 1.0), axis=-1)


def tensorflow_squares(real, fake):
    real, fake = tf.squeeze(real, 1), tf.squeeze(fake, 1)
    return [0.5 * (real - 1) ** 2 + 0.5 * fake**2, 0.5 * (fake - 1) ** 2]


def numpy_average(values, decay):
    average = values[0]
    for value in values[1:]:
        average = decay * average + (1 - decay) * value
    return average


def tensorflow_average(values, decay):
    return tf.scan(lambda average, value: decay * average + (1 - decay) * value, tf.constant(values))[-1]


def summed_average(values, decay):
    weights = (1 - decay) * decay ** np.arange(len(values) - 1)[::-1]
    return decay ** (len(values) - 1) * values[0] + np.sum(weights * values[1:])


DIAGNOSIS = {
    "D loss 1.386, G loss 0.693, samples widely spread but wrong": "weak",
    "G loss falls to 0, D loss rises and rises": "frozen",
    "D loss falls to 0, a minimax G gets no gradient": "strong",
    "three of ten digits never come up": "collapse",
}
RIGHT = [
    (checks.best_value, numpy_value),
    (checks.best_value, scipy_value),
    (checks.best_value, tensorflow_value),
    (checks.best_value, lambda p, q: ops.sum(ops.convert_to_tensor(scipy_value(p, q)))),
    (checks.least_squares, numpy_squares),
    (checks.least_squares, keras_squares),
    (checks.least_squares, tensorflow_squares),
    (checks.frechet_1d, lambda x, y: (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2),
    (checks.frechet_1d, lambda x, y: (np.mean(x) - np.mean(y)) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2),
    (checks.frechet_1d, lambda x, y: (x.mean() - y.mean()) ** 2 + x.var() + y.var() - 2 * np.sqrt(x.var() * y.var())),
    (
        checks.frechet_1d,
        lambda x, y: (
            (tf.reduce_mean(x) - tf.reduce_mean(y)) ** 2 + (tf.math.reduce_std(x) - tf.math.reduce_std(y)) ** 2
        ),
    ),
    (checks.frechet_1d, lambda x, y: ops.square(ops.mean(x) - ops.mean(y)) + ops.square(ops.std(x) - ops.std(y))),
    (checks.moving_average, numpy_average),
    (checks.moving_average, tensorflow_average),
    (checks.moving_average, summed_average),
    (checks.moving_average, lambda values, decay: ops.convert_to_tensor(numpy_average(values, decay))),
]
WRONG = [
    (
        checks.best_value,
        lambda p, q: np.sum(special.xlogy(p, p / (p + q)) + special.xlogy(q, q / (p + q))),
        "divide 0 by 0",
    ),
    (checks.moving_average, lambda values, decay: numpy_average(values, 0.9), "decay that is given"),
    (checks.best_value, lambda p, q: -numpy_value(p, q), "put D"),
    (checks.best_value, lambda p, q: numpy_value(p, q) / 2, "put D"),
    (checks.best_value, lambda p, q: np.sum(p * np.log(p / q)), "put D|where p is 0"),
    (checks.best_value, lambda p, q: np.sum(p * np.log(p / (p + q)) + q * np.log(q / (p + q))), "where p is 0"),
    (checks.best_value, lambda p, q: p * np.log(p / (p + q)) + q * np.log(q / (p + q)), "put D"),
    (checks.least_squares, lambda r, f: numpy_squares(f, r), "real outputs go to 1"),
    (checks.least_squares, lambda r, f: numpy_squares(r, f)[::-1], "real outputs go to 1"),
    (checks.least_squares, lambda r, f: (numpy_squares(r, f)[0], 0.5 * f[:, 0] ** 2), "the generator wants 1"),
    (checks.least_squares, lambda r, f: tuple(2 * loss for loss in numpy_squares(r, f)), "real outputs go to 1"),
    (checks.least_squares, lambda r, f: (0.5 * (r - 1) ** 2 + 0.5 * f**2, 0.5 * (f - 1) ** 2), r"shape \(batch,\)"),
    (checks.least_squares, lambda r, f: tuple(loss.mean() for loss in numpy_squares(r, f)), r"shape \(batch,\)"),
    (checks.least_squares, lambda r, f: numpy_squares(r, f)[0], "real outputs go to 1"),
    (checks.frechet_1d, lambda x, y: (x.mean() - y.mean()) ** 2, "spreads|m₁"),
    (checks.frechet_1d, lambda x, y: (x.mean() - y.mean()) ** 2 + (x.var() - y.var()) ** 2, "spreads"),
    (checks.frechet_1d, lambda x, y: (x.mean() - y.mean()) ** 2 + abs(x.std() - y.std()), "spreads"),
    (checks.frechet_1d, lambda x, y: np.hypot(x.mean() - y.mean(), x.std() - y.std()), "shift by 2"),
    (checks.moving_average, lambda values, decay: np.mean(values), "one step|keep decay"),
    (checks.moving_average, lambda values, decay: numpy_average(values, 1 - decay), "keep decay"),
    (checks.moving_average, lambda values, decay: numpy_average(np.append(0.0, values), decay), "start from the first"),
    (checks.moving_average, lambda values, decay: values[-1], "keep decay"),
]


@pytest.mark.parametrize(("check", "attempt"), RIGHT)
def test_right_answers_are_taken_in_every_form(check, attempt, capsys):
    assert check(attempt) is True
    assert capsys.readouterr().out.startswith("✓")


@pytest.mark.parametrize(("check", "attempt", "hint"), WRONG)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_wrong_answers_are_refused_with_a_hint(check, attempt, hint, capsys):
    assert check(attempt) is False
    said = capsys.readouterr().out
    assert said.startswith("✗")
    assert re.search(f"Hint: .*({hint})", said), said


@pytest.mark.parametrize("check", [checks.best_value, checks.least_squares, checks.frechet_1d, checks.moving_average])
def test_an_open_exercise_is_not_attempted(check, capsys):
    assert check(lambda *arguments: ...) is None
    assert check(lambda *arguments: (..., ...)) is None
    assert "not attempted yet" in capsys.readouterr().out


def test_the_diagnosis_takes_words_in_any_case_and_says_what_to_think_of(capsys):
    assert checks.diagnosis(DIAGNOSIS) is True
    assert checks.diagnosis({symptom: f" {cause.title()} " for symptom, cause in DIAGNOSIS.items()}) is True
    for symptom in DIAGNOSIS:
        assert checks.diagnosis({**DIAGNOSIS, symptom: ...}) is None
        for cause in set(DIAGNOSIS.values()) - {DIAGNOSIS[symptom]}:
            assert checks.diagnosis({**DIAGNOSIS, symptom: cause}) is False
            assert f"'{cause}' is not right for {symptom}. Hint: " in capsys.readouterr().out
