"""The exercise checks of notebook 01 take every right form of an answer and refuse the usual wrong ones; 00's check."""

import csv
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from exercise_answers import (  # noqa: F401
    test_open_exercises_are_not_attempted,
    test_right_answers_are_taken,
    test_usual_wrong_answers_get_their_hint,
)
from keras import ops

from gentutor import checks, data

ROOT = pathlib.Path(__file__).parents[1]


def tensorflow_normalize(images, low, high):
    return low + (high - low) * tf.cast(images, tf.float32) / 255.0


def keras_normalize(images, low, high):
    return ops.add(low, ops.multiply(high - low, ops.cast(images, "float32") / 255.0))


def tensorflow_denormalize(x, low, high):
    pixels = tf.round((tf.convert_to_tensor(x) - low) * 255.0 / (high - low))
    return tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), tf.uint8)


def keras_denormalize(x, low, high):
    return ops.cast(ops.clip(ops.round((ops.convert_to_tensor(x) - low) / (high - low) * 255.0), 0, 255), "uint8")


def numpy_standardize(train, test):
    mean, sd = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / np.where(sd > 0, sd, 1), (test - mean) / np.where(sd > 0, sd, 1)


def tensorflow_standardize(train, test):
    mean, variance = tf.nn.moments(tf.constant(train), axes=[0])
    sd = tf.where(variance > 1e-20, tf.sqrt(variance), 1.0)
    return (train - mean) / sd, (test - mean) / sd


def keras_standardize(train, test):
    train, test = ops.convert_to_tensor(train), ops.convert_to_tensor(test)
    mean, sd = ops.mean(train, axis=0), ops.std(train, axis=0)
    sd = ops.where(sd > 0, sd, ops.ones_like(sd))
    return [(train - mean) / sd, (test - mean) / sd]


ACTIVATIONS = {"[0, 1]": "sigmoid", "[-1, 1]": "tanh", "standardised": "linear"}
LIKELIHOODS = {"binary pixels": "bernoulli", "real numbers": "gaussian", "cross-entropy of grey pixels": "neither"}
RIGHT = [
    (checks.normalize, data.normalize),
    (checks.normalize, tensorflow_normalize),
    (checks.normalize, keras_normalize),
    (checks.normalize, lambda images, low, high: np.interp(images, [0, 255], [low, high])),
    (checks.denormalize, data.denormalize),
    (checks.denormalize, tensorflow_denormalize),
    (checks.denormalize, keras_denormalize),
    (checks.denormalize, lambda x, low, high: np.uint8(np.clip(255 * (x - low) / (high - low) + 0.5, 0, 255))),
    (checks.standardize, numpy_standardize),
    (checks.standardize, tensorflow_standardize),
    (checks.standardize, keras_standardize),
    (checks.nats_in_pixels, lambda nll, n, low, high: nll + n * np.log(255 / (high - low))),
    (checks.nats_in_pixels, lambda nll, n, low, high: tf.constant(nll - n * np.log((high - low) / 255))),
    (checks.nats_in_pixels, lambda nll, n, low, high: ops.add(nll, n * ops.log(255.0 / (high - low)))),
    (checks.output_activations, ACTIVATIONS),
    (checks.output_activations, {"[0, 1]": "Sigmoid ", "[-1, 1]": keras.activations.tanh, "standardised": None}),
    (checks.likelihoods, LIKELIHOODS),
    (checks.likelihoods, {key: word.upper() for key, word in LIKELIHOODS.items()}),
]
WRONG = [
    (checks.normalize, lambda i, low, high: i / 255.0, r"go to \[0, 1\] first"),
    (checks.normalize, lambda i, low, high: (high - low) * (i / 255.0), "add low"),
    (checks.normalize, lambda i, low, high: i / 127.5 - 1.0, "divide by 255"),
    (checks.normalize, lambda i, low, high: low + (high - low) * (i / i.max()), "not by this image's maximum"),
    (checks.normalize, lambda i, low, high: low + (high - low) * (i / 256.0), "divide by 255"),
    (checks.normalize, lambda i, low, high: int(high - low) * i / 255.0 + low, "uint8 wraps around"),
    (checks.normalize, lambda i, low, high: low + (high - low) * (i // 255), "expected"),
    (checks.denormalize, lambda x, low, high: ((x - low) / (high - low) * 255).astype("uint8"), "round before"),
    (checks.denormalize, lambda x, low, high: np.rint((x - low) / (high - low) * 255).astype("uint8"), "clip"),
    (
        checks.denormalize,
        lambda x, low, high: np.clip(np.rint((x + 1) * 127.5), 0, 255).astype("uint8"),
        "low and high",
    ),
    (checks.denormalize, lambda x, low, high: np.clip(np.rint((x - low) / (high - low) * 255), 0, 255), "dtype uint8"),
    (checks.denormalize, lambda x, low, high: np.clip(np.rint(x * 255), 0, 255).astype("uint8"), "subtract low"),
    (checks.denormalize, lambda x, low, high: None, "None"),
    (checks.standardize, lambda a, b: ((a - a.mean()) / a.std(), (b - a.mean()) / a.std()), "axis=0"),
    (checks.standardize, lambda a, b: ((a - a.mean(0)) / a.std(0), (b - b.mean(0)) / b.std(0)), "training part's mean"),
    (checks.standardize, lambda a, b: ((a - a.mean(0)) / a.std(0, ddof=1), (b - a.mean(0)) / a.std(0, ddof=1)), "by n"),
    (checks.standardize, lambda a, b: (a - a.mean(0)) / a.std(0), "expected 2 results"),
    (
        checks.standardize,
        lambda a, b: ((a - a.mean(0)) / (a.std(0) + 1e-7), (b - a.mean(0)) / (a.std(0) + 1e-7)),
        "by 1",
    ),
    (checks.nats_in_pixels, lambda nll, n, low, high: nll, "adds the factor's logarithm"),
    (checks.nats_in_pixels, lambda nll, n, low, high: nll - n * np.log(255 / (high - low)), "logarithm"),
    (checks.nats_in_pixels, lambda nll, n, low, high: nll + n * np.log(255), r"\[low, high\] to \[0, 255\]"),
    (checks.nats_in_pixels, lambda nll, n, low, high: nll + np.log(255 / (high - low)), "each number"),
    (checks.output_activations, {**ACTIVATIONS, "[-1, 1]": "sigmoid"}, "from −1 to 1"),
    (checks.output_activations, {**ACTIVATIONS, "standardised": "tanh"}, "no limits"),
    (checks.output_activations, "tanh", "expected a dictionary"),
    (checks.likelihoods, {**LIKELIHOODS, "cross-entropy of grey pixels": "bernoulli"}, "is it 1"),
    (checks.likelihoods, {**LIKELIHOODS, "binary pixels": "gaussian"}, "must sum to 1"),
]
EMPTY = [
    (checks.normalize, lambda images, low, high: ...),
    (checks.denormalize, lambda x, low, high: ...),
    (checks.standardize, lambda train, test: (..., ...)),
    (checks.nats_in_pixels, lambda nll, numbers, low, high: ...),
    (checks.nats_in_pixels, lambda nll, numbers, low, high: nll + numbers * ...),
    (checks.output_activations, dict.fromkeys(ACTIVATIONS, ...)),
    (checks.output_activations, {**ACTIVATIONS, "standardised": ...}),
    (checks.likelihoods, dict.fromkeys(LIKELIHOODS, ...)),
    (checks.likelihoods, ...),
]


def test_a_division_by_zero_in_standardize_is_pointed_out(capsys):
    with np.errstate(all="ignore"):
        assert checks.standardize(lambda a, b: ((a - a.mean(0)) / a.std(0), (b - a.mean(0)) / a.std(0))) is False
    assert "divide it by 1 instead of by 0" in capsys.readouterr().out


# ---- the check of the machine in notebook 00 ----


def test_this_machine_is_well(capsys):
    assert checks.machine() is True
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "✓ All is well."
    assert all(line.startswith("✓") for line in lines)
    assert any("70,000 digits, checksum right" in line for line in lines)
    assert any("tensorflow " + tf.__version__ in line for line in lines)


@pytest.mark.parametrize(
    ("name", "replacement", "words"),
    [
        ("_free_memory", lambda: 0.4, r"✗ 0\.4 GiB of memory free(.|\n)*To mend: Close other programs"),
        ("_version", lambda name: None, r"✗ Packages: .*numpy missing(.|\n)*To mend: Install .*numpy.*make lab"),
        ("_version", lambda name: "1.0", r"✗ Packages: .*tensorflow 1\.0(.|\n)*Install .*tensorflow>=2"),
        ("platform", type("old", (), {"python_version": lambda: "3.9.1"}), r"✗ Python 3\.9\.1 (.|\n)*Install a Python"),
    ],
)
def test_what_is_wrong_with_a_machine_is_said_with_its_mend(name, replacement, words, monkeypatch, capsys):
    monkeypatch.setattr(checks, name, replacement)
    assert checks.machine() is False
    printed = capsys.readouterr().out
    assert re.search(words, printed)
    assert "All is well" not in printed


def test_damaged_data_are_reported_and_not_raised(monkeypatch, capsys):
    def damaged():
        raise OSError("The bundled mnist.npz is damaged (its SHA-256 is wrong). Install the package again.")

    monkeypatch.setattr(checks.data, "load_mnist", damaged)
    assert checks.machine() is False
    assert "To mend: The bundled mnist.npz is damaged" in capsys.readouterr().out


def test_unknown_memory_is_no_problem(monkeypatch, capsys):
    monkeypatch.setattr(checks, "_free_memory", lambda: None)
    assert checks.machine() is True
    assert "this system does not say" in capsys.readouterr().out


# ---- the tables in the notebook ----


def test_the_notebook_shows_the_five_seeds_of_its_table():
    """The literals in notebook 01 are the rows of bench/bands_01_normalization.csv, rounded to a tenth."""
    with (ROOT / "bench" / "bands_01_normalization.csv").open(newline="", encoding="utf-8") as file:
        table = {row["name"]: [round(float(row[f"seed_{i}"]), 1) for i in range(5)] for row in csv.DictReader(file)}
    source = (ROOT / "notebooks" / "source" / "01_normalization.py").read_text(encoding="utf-8")
    blocks = re.findall(r"five_seeds = (\{.*?\n\})", source, flags=re.DOTALL)
    assert len(blocks) == 2
    for kind, block in zip(("decoder", "generator"), blocks, strict=True):
        shown = re.findall(r'"(.+?)": \[(.+?)\]', block)
        assert len(shown) >= 6
        for name, values in shown:
            assert [float(value) for value in values.split(",")] == table[f"01 {kind}, {name}: grey levels"]
