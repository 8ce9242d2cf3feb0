"""The exercise checks of notebook 05 accept right answers in NumPy, TensorFlow and Keras, and say what is wrong."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import xlogy
from sklearn.metrics import confusion_matrix

from gentutor import checks


def logit_numpy(h, labels, w, b, v):
    return (h @ w + b + (h * v[labels]).sum(axis=1))[:, None]


def logit_keras(h, labels, w, b, v):
    both = ops.take(v, labels, axis=0) + w
    return ops.sum(h * both, axis=-1, keepdims=True) + b


def logit_tensorflow(h, labels, w, b, v):
    every = tf.matmul(h, v, transpose_b=True)
    return tf.linalg.matvec(h, w)[:, None] + b + tf.gather(every, labels[:, None], batch_dims=1)


def agreement_numpy(asked, read, classes):
    places = [asked == k for k in range(classes)]
    return np.array([np.mean(read[p] == k) if p.any() else 0.0 for k, p in enumerate(places)])


def agreement_confusion(asked, read, classes):
    table = confusion_matrix(asked, read, labels=range(classes))
    return np.diag(table) / np.maximum(table.sum(axis=1), 1)


def agreement_keras(asked, read, classes):
    wanted = keras.utils.to_categorical(asked, classes)
    right = ops.cast(asked == read, "float32")
    return ops.matmul(right, wanted) / ops.maximum(ops.sum(wanted, axis=0), 1.0)


def worth_numpy(joint):
    return xlogy(joint, joint / (joint.sum(axis=1, keepdims=True) * joint.sum(axis=0))).sum()


def worth_entropies(joint):
    def entropy(p):
        return -np.sum(xlogy(p, p))

    return entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1)) - entropy(joint)


def worth_tensorflow(joint):
    product = tf.reduce_sum(joint, axis=1, keepdims=True) * tf.reduce_sum(joint, axis=0)
    return tf.reduce_sum(tf.math.xlogy(joint, joint / product))


def control_polyfit(asked, got):
    return np.abs(got - asked).mean(), np.polyfit(asked, got, 1)[0]


def control_covariance(asked, got):
    return np.mean(np.abs(asked - got)), np.cov(asked, got)[0, 1] / asked.var(ddof=1)


def control_keras(asked, got):
    x, y = (ops.convert_to_tensor(a) - ops.mean(a) for a in (asked, got))
    return [ops.mean(ops.abs(ops.subtract(got, asked))), ops.sum(x * y) / ops.sum(x * x)]


RIGHT = {
    checks.projection_logit: [logit_numpy, logit_keras, logit_tensorflow],
    checks.class_agreement: [agreement_numpy, agreement_confusion, agreement_keras],
    checks.condition_worth: [worth_numpy, worth_entropies, worth_tensorflow],
    checks.control: [control_polyfit, control_covariance, control_keras],
}
WRONG = [  # check, answer, what it must hear
    (checks.projection_logit, lambda h, c, w, b, v: logit_numpy(h, c, w, b, v)[:, 0], "expected the shape (5, 1)"),
    (checks.projection_logit, lambda h, c, w, b, v: (h @ w)[:, None] + b, "the row of v that belongs to each label"),
    (checks.projection_logit, lambda h, c, w, b, v: (h @ w)[:, None] + (h * v[c]).sum(1, keepdims=True), "w · h + b"),
    (checks.projection_logit, lambda h, c, w, b, v: (h @ w)[:, None] + b + v[c].sum(1, keepdims=True), "multiply it"),
    (checks.projection_logit, lambda h, c, w, b, v: (h @ w)[:, None] + b + h @ v.T, "shape"),
    (checks.class_agreement, lambda a, r, k: np.mean(a == r), "expected the shape (3,)"),
    (checks.class_agreement, lambda a, r, k: agreement_numpy(r, a, k), "Divide by the number asked for"),
    (checks.class_agreement, lambda a, r, k: np.array([np.mean(r[a == i] == i) for i in range(k)]), "gets 0, not NaN"),
    (checks.class_agreement, lambda a, r, k: 100 * agreement_numpy(a, r, k), "each share is 1"),
    (checks.condition_worth, lambda p: np.mean(np.log(p / (p.sum(1, keepdims=True) * p.sum(0)))), "weighted by"),
    (checks.condition_worth, lambda p: worth_numpy(p) / np.log(2), "weighted by"),
    (checks.condition_worth, lambda p: -np.sum(xlogy(p.sum(0), p.sum(0))), "is worth nothing"),
    (checks.condition_worth, lambda p: np.sum(p * np.log(p / (p.sum(1, keepdims=True) * p.sum(0)))), "adds 0"),
    (checks.control, lambda a, g: (np.sqrt(np.mean((g - a) ** 2)), np.polyfit(a, g, 1)[0]), "neither squared"),
    (checks.control, lambda a, g: (np.mean(g - a), np.polyfit(a, g, 1)[0]), "neither squared nor signed"),
    (checks.control, lambda a, g: (np.abs(g - a).mean(), 1 / np.polyfit(g, a, 1)[0]), "grows for 1 more"),
    (checks.control, lambda a, g: (np.abs(g - a).mean(), np.corrcoef(a, g)[0, 1]), "grows for 1 more"),
    (checks.control, lambda a, g: np.abs(g - a).mean(), "expected 2 results"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
class TestChecks:
    @pytest.mark.parametrize(("check", "answer"), [(check, answer) for check in RIGHT for answer in RIGHT[check]])
    def test_right_answers_pass(self, check, answer):
        assert check(answer) is True

    @pytest.mark.parametrize(("check", "answer", "message"), WRONG)
    def test_wrong_answers_hear_why(self, check, answer, message, capsys, monkeypatch):
        monkeypatch.delenv("GENTUTOR_STRICT", raising=False)
        assert check(answer) is False
        assert message in capsys.readouterr().out

    @pytest.mark.parametrize("check", RIGHT)
    def test_an_untouched_exercise_is_not_attempted(self, check, capsys):
        assert check(lambda *_: ...) is None
        assert "not attempted yet" in capsys.readouterr().out


DIAGNOSIS = {
    "agreement 10 %, diversity above 100 %, share small": "ignores",
    "agreement 100 %, diversity 5 %, a poor teacher": "collapse",
    "agreement 98.5 %, diversity 95 %, share small": "fine",
    "agreement 90 %, whatever the model, share small": "mislabelled",
}


def test_the_diagnosis_accepts_the_right_words_and_hints_at_wrong_ones(capsys, monkeypatch):
    monkeypatch.delenv("GENTUTOR_STRICT", raising=False)
    assert checks.control_diagnosis(DIAGNOSIS) is True
    assert checks.control_diagnosis({**DIAGNOSIS, next(iter(DIAGNOSIS)): "collapse"}) is False
    assert "what chance gives" in capsys.readouterr().out
    assert checks.control_diagnosis(dict.fromkeys(DIAGNOSIS, ...)) is None
