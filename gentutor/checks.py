"""Checks that a learner runs: two versions agree, a number lies in its band, an exercise is right.

A failure prints what was expected and how to look further, and does not stop the notebook. With the environment
variable GENTUTOR_STRICT=1, as under ``make test``, it raises AssertionError.
"""

import os

import keras
import numpy as np
import tensorflow as tf


def same(mine, reference, *args, tolerance=1e-4):
    """Compare two functions on the same arguments: prints the largest difference, relative to the reference's size.

    Both are called with ``*args`` and may return an array, a tensor or a tuple of them.
    """
    name = getattr(reference, "__name__", "the reference")
    ours, theirs = (_arrays(function(*args)) for function in (mine, reference))
    shapes = [[array.shape for array in arrays] for arrays in (ours, theirs)]
    if shapes[0] != shapes[1]:
        return _report(False, f"same as {name}: your shapes are {shapes[0]}, expected {shapes[1]}")
    scale = max(1.0, *(np.abs(array).max(initial=0.0) for array in theirs))
    gap = max(np.abs(a - b).max(initial=0.0) for a, b in zip(ours, theirs, strict=True)) / scale
    if gap <= tolerance:
        return _report(True, f"same as {name}")
    return _report(False, f"same as {name}: they differ by {gap:.2g} of the largest value, expected {tolerance:g}")


def expect(name, value, low, high):
    """Say whether a measured value lies in its band [low, high], the mean ± 3 sd of five seeds (tables in bench/)."""
    value = float(value)
    inside = low <= value <= high
    advice = "" if inside else " Did you change a constant? Then this may be right; otherwise compare with bench/."
    return _report(inside, f"{name} = {value:.4g}, expected from {low:g} to {high:g}.{advice}")


def exercise(name, attempt, cases, tolerance=1e-4):
    """Judge an exercise: ``attempt`` is a function (or a value, for cases without arguments).

    ``cases`` is a list of (arguments, expected, hint). Returns True, False, or None when not attempted: the learner's
    ``...`` is still there. NumPy arrays, tensors and plain numbers are all right as answers.
    """
    for arguments, expected, hint in cases:
        try:
            answer = attempt(*arguments) if callable(attempt) else attempt
        except Exception as error:
            if callable(attempt) and "ellipsis" in str(error).lower():
                return _not_attempted(name)
            return _report(False, f"{name}: your code raised {type(error).__name__}: {error}. Hint: {hint}")
        if _unanswered(answer):
            return _not_attempted(name)
        problem = _difference(answer, expected, tolerance)
        if problem:
            given = f" for {_show_all(arguments)}" if arguments else ""
            return _report(False, f"{name}: {problem}{given}. Hint: {hint}")
    return _report(True, f"{name}: correct")


def _difference(answer, expected, tolerance):
    """What is wrong with an answer, in words; None if nothing is."""
    if isinstance(expected, (str, bool)):
        return None if answer == expected else f"expected {expected!r}, you have {answer!r}"
    answers, targets = _arrays(answer), _arrays(expected)
    if len(answers) != len(targets):
        return f"expected {len(targets)} result(s), you returned {len(answers)}"
    for mine, target in zip(answers, targets, strict=True):
        if mine.shape != target.shape:
            return f"expected the shape {target.shape}, yours is {mine.shape}"
        if not np.allclose(mine, target, rtol=tolerance, atol=tolerance):
            return f"expected {_show(target)}, you have {_show(mine)}"
    return None


def _arrays(result):
    parts = result if isinstance(result, (tuple, list)) else (result,)
    return [np.asarray(keras.ops.convert_to_numpy(p) if tf.is_tensor(p) else p, dtype=np.float64) for p in parts]


def _unanswered(answer):
    parts = answer if isinstance(answer, (tuple, list)) else (answer,)
    return any(part is ... for part in parts)


def _show(value):
    if callable(value):
        return getattr(value, "__name__", "a function")
    array = np.asarray(value)
    text = np.array2string(array.astype(np.float64), precision=4, threshold=8, edgeitems=2, suppress_small=True)
    return text if array.size <= 8 else f"an array of shape {array.shape}: {text}"


def _show_all(arguments):
    return "(" + ", ".join(_show(argument) for argument in arguments) + ")"


def _not_attempted(name):
    print(f"{name}: not attempted yet")


def _report(passed, message):
    print(("✓ " if passed else "✗ ") + message)
    if not passed and os.environ.get("GENTUTOR_STRICT") == "1":
        raise AssertionError(message)
    return passed


# ---- Exercises of 01 data normalization ----


# ---- Exercises of 02 the GAN adversarial loop ----


# ---- Exercises of 03 the VAE ELBO ----
