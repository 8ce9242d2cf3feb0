"""Checks that a learner runs: two versions agree, a number lies in its band, an exercise is right.

A failure prints what was expected and how to look further, and does not stop the notebook. With the environment
variable GENTUTOR_STRICT=1, as under ``make test``, it raises AssertionError.
"""

import contextlib
import importlib.metadata
import os
import pathlib
import platform

import keras
import numpy as np
import tensorflow as tf
from packaging.requirements import Requirement  # Matplotlib depends on packaging, so it is always there
from packaging.specifiers import SpecifierSet

from gentutor import data


def same(mine, reference, *args, tolerance=1e-4):
    """Compare two functions on the same arguments: prints the largest difference, relative to the reference's size.

    Both are called with ``*args`` and may return an array, a tensor or a tuple of them.
    """
    name = getattr(reference, "__name__", "the reference")
    answer = mine(*args)
    if _unanswered(answer):
        return _not_attempted(f"same as {name}")
    ours, theirs = _arrays(answer), _arrays(reference(*args))
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

    ``cases`` is a list of (arguments, expected, hint); a tuple stands for several results, a list for an array. Returns
    True, False, or None when not attempted: the learner's ``...`` is still there. NumPy arrays, tensors and plain
    numbers are all right as answers.
    """
    for arguments, expected, hint in cases:
        try:
            answer = attempt(*arguments) if callable(attempt) else attempt
        except Exception as error:
            if "ellipsis" in str(error).lower():
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
    if answer is None:
        return f"expected {_show(expected)}, you have None: is a return missing"
    if isinstance(expected, (str, bool)):
        return None if _is_word(answer, expected) else f"expected {expected!r}, you have {_show(answer)}"
    targets = _arrays(expected)
    try:
        answers = _arrays(answer, _several(expected) and isinstance(answer, (tuple, list)))
    except (TypeError, ValueError):
        return f"expected {_show(expected)}, you have {answer!r}, which is not a number or an array of numbers"
    if len(answers) != len(targets):
        return f"expected {len(targets)} results, you returned {len(answers)}"
    for mine, target in zip(answers, targets, strict=True):
        if mine.shape != target.shape:
            return f"expected the shape {target.shape}, yours is {mine.shape}"
        if not np.allclose(mine, target, rtol=tolerance, atol=tolerance):
            return f"expected {_show(target)}, you have {_show(mine)}"
    return None


def _is_word(answer, expected):
    """Whether an answer is the expected string or bool, also as a NumPy or TensorFlow scalar."""
    if isinstance(answer, (tuple, list)) or getattr(answer, "shape", ()) != ():
        return False
    return bool(answer == expected)


def _several(result):
    """Whether a result is a tuple, or a list of arrays, and not one array or a list of numbers."""
    parts = result if isinstance(result, list) else ()
    return isinstance(result, tuple) or any(len(getattr(part, "shape", ())) for part in parts)


def _arrays(result, several=None):
    """A result as a list of float64 arrays, one for each part if there are ``several``."""
    parts = result if several or (several is None and _several(result)) else (result,)
    tensors = [tf.is_tensor(part) or isinstance(part, keras.Variable) for part in parts]
    parts = [keras.ops.convert_to_numpy(part) if is_one else part for part, is_one in zip(parts, tensors, strict=True)]
    return [np.asarray(part, dtype=np.float64) for part in parts]


def _unanswered(answer):
    """Whether a ``...`` is left in an answer, or in a part of it."""
    if isinstance(answer, np.ndarray) and answer.dtype == object:
        answer = answer.ravel().tolist()
    if isinstance(answer, (tuple, list)):
        return any(_unanswered(part) for part in answer)
    return answer is ...


def _show(value):
    if callable(value):
        return getattr(value, "__name__", "a function")
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return repr(value)
    text = np.array2string(array, precision=4, threshold=8, edgeitems=2, suppress_small=True)
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


# ---- 00 start here: the machine ----


def machine():
    """Check Python, packages, cores, memory, the bundled data and a multiplication; say all is well, or how to mend it.

    Prints a line for each and returns True if the course can run here. Nothing is trained or downloaded. Notebook 00.
    """
    problems = []
    for look in (
        _look_at_python,
        _look_at_packages,
        _look_at_cores,
        _look_at_memory,
        _look_at_data,
        _look_at_tensorflow,
    ):
        found, mend = look()
        print(("✓ " if mend is None else "✗ ") + found)
        problems += [] if mend is None else [mend]
    return _report(not problems, "All is well." if not problems else "To mend: " + " ".join(problems))


def _requirements():
    """Versions that the package's metadata asks for: Python's as a specifier, then the packages'."""
    metadata = importlib.metadata.metadata("gentutor")
    needed = [Requirement(text) for text in importlib.metadata.requires("gentutor") or ()]
    return SpecifierSet(metadata["Requires-Python"]), [item for item in needed if item.marker is None]


def _look_at_python():
    wanted, have = _requirements()[0], platform.python_version()
    supported = ", ".join(sorted(map(str, wanted), reverse=True))
    mend = f"Install a Python that is {supported} and call `make lab` with it."
    return f"Python {have} (supported: {supported})", None if wanted.contains(have, prereleases=True) else mend


def _look_at_packages():
    have = {item: _version(item.name) for item in _requirements()[1]}
    bad = [str(item) for item, version in have.items() if version is None or not item.specifier.contains(version, True)]
    listed = ", ".join(f"{item.name} {version or 'missing'}" for item, version in have.items())
    return "Packages: " + listed, f"Install {', '.join(bad)}: `make lab` does." if bad else None


def _look_at_cores():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slow = "; the times in the notebooks are for two cores, so expect about twice as long" if cores == 1 else ""
    return f"{cores} processor core{'s' if cores > 1 else ''}{slow}", None


def _look_at_memory(needed=1.5):
    free = _free_memory()
    if free is None:
        return f"Memory: this system does not say; a notebook needs {needed} GiB", None
    mend = f"Close other programs or kernels: a notebook needs {needed} GiB of memory." if free < needed else None
    return f"{free:.1f} GiB of memory free (a notebook needs up to {needed} GiB)", mend


def _look_at_data():
    try:
        split = data.load_mnist()
    except OSError as error:
        return "Bundled data", str(error)
    count = len(split.x_train) + len(split.x_valid) + len(split.x_test)
    return f"Bundled data: {count:,} digits, checksum right", None


def _look_at_tensorflow():
    a = np.random.default_rng(0).standard_normal((64, 64))
    product = tf.matmul(tf.constant(a, tf.float32), tf.constant(a, tf.float32)).numpy()
    device = "graphics card" if tf.config.list_physical_devices("GPU") else "processor"
    found = f"TensorFlow multiplies matrices on the {device}, Keras runs on {keras.backend.backend()}"
    if keras.backend.backend() != "tensorflow":
        return found, 'Set the environment variable KERAS_BACKEND to "tensorflow" and restart the kernel.'
    right = np.allclose(product, a @ a, rtol=1e-2, atol=1e-1)
    return found, None if right else "The product is wrong: install TensorFlow again, with `make lab` in a new folder."


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _free_memory():
    """Memory that is free for this process in GiB, within a container's limit where there is one; None if unknown."""
    try:
        import psutil  # Colab and the course's own environment have it, the package alone does not need it
    except ImportError:
        return None
    free = psutil.virtual_memory().available
    group = pathlib.Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        used = int((group / "memory.current").read_text())
        free = min(free, int((group / "memory.max").read_text()) - used)
    return free / 2**30


# ---- Exercises of 01 data normalization ----


def normalize(attempt):
    """Judge ``attempt(images, low, high)``: uint8 pixels -> floats in [low, high]. Exercise of notebook 01."""
    bright = np.array([[0, 51], [204, 255]], np.uint8)
    dim = np.array([[0, 100, 200]], np.uint8)
    stretch = "in floats, for uint8 wraps around: go to [0, 1] first, then stretch by high − low, then add low."
    cases = [
        ((bright, 0.0, 1.0), bright / 255.0, "255 should become high, so divide by 255."),
        ((bright, -1.0, 1.0), 2.0 * (bright / 255.0) - 1.0, stretch),
        ((dim, -1, 1), 2.0 * (dim / 255.0) - 1.0, "divide by 255, not by this image's maximum; and not in uint8."),
        ((dim, -3, 5), 8.0 * (dim / 255.0) - 3.0, stretch),
    ]
    return exercise("normalize", attempt, cases)


def denormalize(attempt):
    """Judge ``attempt(x, low, high)``: floats in [low, high] -> uint8 pixels. Exercise of notebook 01."""
    name, levels = "denormalize", np.arange(256, dtype=np.uint8)
    ends, some = np.array([-1.0, 1.0], np.float32), np.array([-1.0, 0.203, 1.0], np.float32)
    cases = [
        (
            (some, -1.0, 1.0),
            [0.0, 153.0, 255.0],
            "undo it in reverse: subtract low, divide by high − low, multiply by 255.",
        ),
        ((data.normalize(levels, -1, 1), -1.0, 1.0), levels, "round before you convert: astype cuts the digits off."),
        ((data.normalize(levels, 0, 1), 0.0, 1.0), levels, "use low and high, not −1 and 1."),
        ((1.3 * ends, -1.0, 1.0), np.array([0.0, 255.0]), "clip to [0, 255] before you convert: uint8 wraps around."),
    ]
    kind = _kind(attempt, ends, -1.0, 1.0)
    if kind not in (None, "uint8"):
        return _report(False, f"{name}: expected the dtype uint8, yours is {kind}. Hint: convert at the very end.")
    return exercise(name, attempt, cases)


def output_activations(answers):
    """Judge a dictionary from each scaling to the activation of the last layer. Exercise of notebook 01."""
    right = {
        "[0, 1]": ("sigmoid", "which activation puts out everything from 0 to 1 and nothing else?"),
        "[-1, 1]": ("tanh", "which activation puts out everything from −1 to 1 and nothing else?"),
        "standardised": ("linear", "standardised pixels end at 2.8, and others may end elsewhere: who has no limits?"),
    }
    return _match("output activation", answers, right)


def likelihoods(answers):
    """Judge a dictionary from each kind of number to the loss that is its negative log-likelihood. Notebook 01."""
    right = {
        "binary pixels": ("bernoulli", "the probabilities of 0 and of 1 must sum to 1."),
        "real numbers": ("gaussian", "the density must integrate to 1 over all real numbers."),
        "cross-entropy of grey pixels": ("neither", "look at the integral of exp(−cross-entropy) above: is it 1?"),
    }
    return _match("likelihood", answers, right)


def standardize(attempt):
    """Judge ``attempt(train, test)``: both standardised by the training part, per feature. Exercise of notebook 01."""
    rng = np.random.default_rng(1)
    train, test = (rng.normal(5.0, 1.0, (n, 3)) * [1.0, 100.0, 0.01] for n in (6, 4))
    constant = np.column_stack([train[:, 0], np.full(6, 7.0)]), np.array([[5.0, 7.0], [6.0, 9.0]])
    own = "the training part's mean and standard deviation scale both parts, feature by feature (axis=0, divided by n)."
    flat = "the second feature never varies in training: divide it by 1 instead of by 0."
    cases = [((a, b), _standardized(a, b), hint) for (a, b), hint in (((train, test), own), (constant, flat))]
    return exercise("standardize", attempt, cases)


def nats_in_pixels(attempt):
    """Judge ``attempt(nll, numbers, low, high)``: a density's NLL moved to grey levels. Exercise of notebook 01."""
    per = "stretching an axis by a factor divides the density by it, so each number adds the factor's logarithm."
    factor = "the factor takes [low, high] to [0, 255]."
    cases = [
        ((0.0, 784, 0.0, 1.0), 784 * np.log(255.0), per),
        ((-50.0, 10, -1.0, 1.0), -50 + 10 * np.log(127.5), factor),
    ]
    return exercise("nats_in_pixels", attempt, cases)


def _standardized(train, test):
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd = np.where(sd == 0.0, 1.0, sd)
    return (train - mean) / sd, (test - mean) / sd


def _match(name, answers, right):
    """Judge a dictionary of words; returns True, False, or None while an answer is still ``...``."""
    if answers is not ... and not isinstance(answers, dict):
        return _report(False, f"{name}: expected a dictionary with the keys {list(right)}. Change the words only.")
    if answers is ... or any(answers.get(key, ...) is ... for key in right):
        return _not_attempted(name)
    for key, (expected, hint) in right.items():
        if _word(answers[key]) != expected:
            return _report(False, f"{name}: {_word(answers[key])!r} is not right for {key}. Hint: {hint}")
    return _report(True, f"{name}: correct")


def _word(answer):
    """An answer in words: None is Keras's name for linear, and a function stands for its name."""
    word = getattr(answer, "__name__", "linear" if answer is None else str(answer))
    return word.strip().lower()


def _kind(attempt, *arguments):
    """Name of the dtype that an attempt returns; None if it returns no array, which ``exercise`` then reports."""
    try:
        answer = attempt(*arguments)
    except Exception:
        return None
    if answer is ... or answer is None:
        return None
    return getattr(getattr(answer, "dtype", None), "name", type(answer).__name__)


# ---- Exercises of 02 the GAN adversarial loop ----


def best_value(attempt):
    """Judge ``attempt(p, q)``: V(D*, G) of two discrete distributions (n,), in nats. Exercise of notebook 02."""
    p, q = np.array([0.5, 0.3, 0.2], np.float32), np.array([0.1, 0.3, 0.6], np.float32)
    half = np.full(2, 0.5, np.float32)
    apart = np.array([0.5, 0.5, 0.0, 0.0], np.float32), np.array([0.0, 0.0, 0.25, 0.75], np.float32)
    hint = "put D* = p / (p + q) into V: the sum of p log D* plus the sum of q log(1 − D*)."
    zero = "where p is 0 the term p log D* is 0, and where q is 0 the other: scipy.special.xlogy knows that."
    value = float(np.sum(p * np.log(p / (p + q)) + q * np.log(q / (p + q))))
    empty = np.array([1.0, 0.0, 0.0], np.float32), np.array([0.0, 1.0, 0.0], np.float32)
    never = "an outcome that neither distribution ever gives adds 0: take care not to divide 0 by 0 there."
    cases = [((half, half), -2 * np.log(2), hint), ((p, q), value, hint), (apart, 0.0, zero), (empty, 0.0, never)]
    return exercise("best_value", attempt, cases)


def least_squares(attempt):
    """Judge ``attempt(real_logits, fake_logits)``: both losses of a least-squares GAN, twice (batch,). Notebook 02."""
    real, fake = np.array([[2.0], [1.0], [-0.5]], np.float32), np.array([[0.0], [1.0], [3.0]], np.float32)
    d_loss, g_loss = 0.5 * (real - 1) ** 2 + 0.5 * fake**2, 0.5 * (fake - 1) ** 2
    ones = np.ones((3, 1), np.float32)
    hint = "real outputs go to 1 and generated ones to 0; the generator wants 1. One number an example: shape (batch,)."
    cases = [
        ((ones, 0 * ones), (np.zeros(3), np.full(3, 0.5)), hint),
        ((real, fake), (d_loss[:, 0], g_loss[:, 0]), hint),
    ]
    return exercise("least_squares", attempt, cases)


def frechet_1d(attempt):
    """Judge ``attempt(x, y)``: squared Fréchet distance of Gaussians fitted to numbers (n,), (m,). Notebook 02."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(0.0, 1.0, 400).astype(np.float32), rng.normal(3.0, 2.0, 300).astype(np.float32)
    cases = [
        ((x, x), 0.0, "a set is at distance 0 from itself."),
        ((x, x + 2), 4.0, "a shift by 2 costs 2² = 4."),
        (
            (x, 3 * x),
            4 * float(x.std()) ** 2 + 4 * float(x.mean()) ** 2,
            "the spreads differ by s₁ − s₂: square it.",
        ),
        ((x, y), float((x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2), "(m₁ − m₂)² + (s₁ − s₂)²."),
    ]
    return exercise("frechet_1d", attempt, cases, tolerance=1e-2)


def moving_average(attempt):
    """Judge ``attempt(values, decay)``: exponential moving average after the last value. Exercise of notebook 02."""
    values = np.array([4.0, 0.0, 1.0, 3.0, -2.0], np.float32)
    average = 4.0
    for value in values[1:]:
        average = 0.9 * average + 0.1 * float(value)
    cases = [
        ((np.full(6, 7.0, np.float32), 0.9), 7.0, "start from the first value: weights that stand still keep theirs."),
        (
            (np.array([1.0, 0.0], np.float32), 0.9),
            0.9,
            "keep decay of the average, add (1 − decay) of the new.",
        ),
        ((np.array([1.0, 0.0], np.float32), 0.5), 0.5, "use the decay that is given."),
        ((values, 0.9), average, "one step after the other: average = decay · average + (1 − decay) · value."),
    ]
    return exercise("moving_average", attempt, cases)


def diagnosis(answers):
    """Judge a dictionary from each symptom of a GAN's training to its cause. Exercise of notebook 02."""
    right = {
        "D loss 1.386, G loss 0.693, samples widely spread but wrong": ("weak", "who sees no difference where we do?"),
        "G loss falls to 0, D loss rises and rises": ("frozen", "which player has stopped learning?"),
        "D loss falls to 0, a minimax G gets no gradient": ("strong", "which player wins every round?"),
        "three of ten digits never come up": ("collapse", "the samples that there are may be perfect."),
    }
    return _match("diagnosis", answers, right)


# ---- Exercises of 03 the VAE ELBO ----


def kl_between(attempt):
    """Judge ``attempt(mean, log_var, prior_mean, prior_log_var)``: KL of two Gaussians, (batch,). Notebook 03."""
    rng = np.random.default_rng(3)
    q = rng.normal(size=(2, 3, 4)).astype(np.float32)
    p = rng.normal(size=(2, 3, 4)).astype(np.float32)
    zero = np.zeros((3, 4), np.float32)
    to_standard = 0.5 * (q[0] ** 2 + np.exp(q[1]) - 1 - q[1]).sum(axis=1)
    ratio, shift = np.exp(q[1] - p[1]), (q[0] - p[0]) ** 2 / np.exp(p[1])
    cases = [
        ((zero, zero, zero, zero), np.zeros(3), "two equal Gaussians have a divergence of 0, one number an example."),
        ((*q, zero, zero), to_standard, "to the standard normal it is the formula above, summed over the last axis."),
        ((*q, *p), 0.5 * (ratio + shift - 1 - q[1] + p[1]).sum(axis=1), "measure all in the prior's variance."),
    ]
    return exercise("kl_between", attempt, cases)


def logistic_draw(attempt):
    """Judge ``attempt(mean, scale, u)``: a logistic variable made from uniform noise ``u``. Exercise of notebook 03."""
    u = np.array([0.1, 0.5, 0.8], np.float32)
    odds = np.log(u / (1 - u))
    cases = [
        ((0.0, 1.0, u), odds, "solve u = 1 / (1 + exp(−(z − mean) / scale)) for z."),
        ((2.0, 0.5, u), 2.0 + 0.5 * odds, "the scale multiplies the noise, the mean is added: no square roots."),
    ]
    return exercise("logistic_draw", attempt, cases)


def importance_weighted(attempt):
    """Judge ``attempt(log_weights)``: (batch, samples) -> the bound (batch,). Exercise of notebook 03."""
    small = np.log(np.array([[1.0, 3.0], [2.0, 2.0], [0.5, 7.5]], np.float32))
    low = small - 1000.0
    mixed = np.array([[0.0, 0.0], [-1000.0, -1000.0], [0.0, -1000.0]], np.float32)
    average = "take the logarithm of the mean weight, not the mean of the logarithms; over the samples, axis 1."
    each = "subtract the largest of each row, not of all rows: axis=1, keepdims=True."
    cases = [
        ((small,), np.log([2.0, 2.0, 4.0]), average),
        ((low,), np.log([2.0, 2.0, 4.0]) - 1000.0, "exp(−1000) is 0: subtract the largest first, or use logsumexp."),
        ((mixed,), np.array([0.0, -1000.0, -np.log(2.0)]), each),
    ]
    return exercise("importance_weighted", attempt, cases, tolerance=1e-5)


def hidden_beta(attempt):
    """Judge ``attempt(pixels, latent_dim)``: the beta of a loss of two means. Exercise of notebook 03."""
    hint = "multiply the whole loss until the reconstruction is a sum over pixels: what multiplies the KL's sum then?"
    cases = [((784, 1), 784.0, hint), ((784, 2), 392.0, hint), ((3072, 128), 24.0, hint), ((784, 20), 39.2, hint)]
    return exercise("hidden_beta", attempt, cases)


def active_units(attempt):
    """Judge ``attempt(means)``: (n, latent_dim) means of q(z|x) -> number of active units. Exercise of notebook 03."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(200, 6))
    noise = ((noise - noise.mean(axis=0)) / noise.std(axis=0)).astype(np.float32)
    means = noise * np.array([1.0, 0.05, 0.2, 0.0, 0.09, 0.3], np.float32)
    cases = [
        ((means,), 3, "a unit is active if the variance of its mean over the examples exceeds 0.01."),
        ((means + 5.0,), 3, "a constant mean carries nothing about x: take the variance, not the mean square."),
        ((np.zeros((10, 4), np.float32),), 0, "no unit moves here."),
    ]
    return exercise("active_units", attempt, cases)


# ---- Exercises of 04 judging samples ----


def diluted(attempt):
    """Judge ``attempt(log_p, log_noise, share)``: log of share · p + (1 − share) · noise, (n,). Notebook 04."""
    near, tiny = np.log(np.array([0.2, 0.5], np.float32)), np.array([-140.0, -1000.0], np.float32)
    noise = np.full(2, -543.4, np.float32)
    rule = "add the two weighted probabilities, then take the logarithm: one number an image."
    small = "exp(−140) times 0.01 is fine on paper, but exp(−1000) is 0 here: np.logaddexp adds in logarithms."
    cases = [
        ((near, near, 0.3), near, rule),
        ((near, np.log(np.array([0.4, 0.1], np.float32)), 0.25), np.log([0.35, 0.2]), rule),
        ((tiny, noise, 0.01), np.array([-140.0 + np.log(0.01), -543.4 + np.log(0.99)]), small),
    ]
    return exercise("diluted", attempt, cases)


def without_bias(attempt):
    """Judge ``attempt(sizes, distances)``: what a straight line in 1/n says at 1/n = 0. Exercise of notebook 04."""
    sizes = np.array([500.0, 1000.0, 2000.0, 4000.0], np.float32)
    bend = np.array([8.0, 4.6, 3.5, 2.7], np.float32)
    line = np.polyfit(1.0 / sizes.astype(float), bend.astype(float), 1)
    hint = "the bias shrinks like 1/n: fit a straight line to the distances over 1/n, and read it off where 1/n is 0."
    cases = [
        ((sizes, np.full(4, 7.0, np.float32)), 7.0, "distances that do not depend on n have no bias to take off."),
        ((sizes, 3.0 + 1000.0 / sizes), 3.0, hint),
        ((sizes, bend), line[1], "least squares over all points, not a line through two of them."),
    ]
    return exercise("without_bias", attempt, cases, tolerance=2e-3)


def copied(attempt):
    """Judge ``attempt(samples, train, test)``: share whose nearest neighbour is a training row. Notebook 04."""
    rng = np.random.default_rng(2)
    train, test = (rng.normal(size=(n, 3)).astype(np.float32) for n in (50, 10))
    some = rng.normal(size=(40, 3)).astype(np.float32)
    to_train, to_test = (np.linalg.norm(some[:, None] - part, axis=2).min(axis=1) for part in (train, test))
    hint = "for each sample the nearest distance to either set; then how often the one to train is the smaller."
    cases = [
        ((train[:20], train, test), 1.0, "a copy is at distance 0 from its source, which is a training row."),
        ((test, train, test), 0.0, "test rows copied have their nearest neighbour in the test set."),
        ((some, train, test), float(np.mean(to_train < to_test)), hint),
    ]
    return exercise("copied", attempt, cases, tolerance=1e-3)


def wilson(attempt):
    """Judge ``attempt(right, n)``: low and high end of Wilson's 95 % interval of a share. Exercise of notebook 04."""
    centre = "the centre is (share + z²/2n) / (1 + z²/n), not the share itself."
    width = "half of the width is z · √(share (1 − share)/n + z²/4n²), divided by 1 + z²/n, with z = 1.96."
    cases = [
        ((10, 20), _wilson(10, 20), width),
        ((20, 20), _wilson(20, 20), centre),
        ((3, 10), _wilson(3, 10), centre),
        ((0, 7), _wilson(0, 7), width),
    ]
    return exercise("wilson", attempt, cases, tolerance=1e-3)


def verdicts(answers):
    """Judge a dictionary from each set of numbers to what they reveal. Exercise of notebook 04."""
    right = {
        "precision 0.99, recall 0.00": ("collapse", "all samples look real, but of how many kinds are they?"),
        "Fréchet distance below the floor of unseen real digits": ("copy", "who can be nearer than new real digits?"),
        "Fréchet distance 9 with 10,000 samples, 19 with 1,000": ("bias", "the generator is the same in both."),
        "two-sample test at 50 %, Fréchet distance far above the floor": (
            "weak",
            "one judge sees what another misses.",
        ),
        "recall rises from 0.1 to 0.9, coverage stays": ("outliers", "what makes huge balls around generated points?"),
    }
    return _match("verdicts", answers, right)


def _wilson(right, n, z=1.959964):
    share = right / n
    centre, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return [float((centre - half) / (1 + z**2 / n)), float((centre + half) / (1 + z**2 / n))]  # a list: one array


# ---- Exercises of 06 better GANs ----


def hinge(attempt):
    """Judge ``attempt(real_logits, fake_logits)``: hinge losses of both players, twice (batch,). Notebook 06."""
    real = np.array([[2.0], [1.0], [-0.5], [0.25]], np.float32)
    fake = np.array([[0.0], [-1.0], [3.0], [-4.0]], np.float32)
    d_loss, g_loss = np.maximum(0, 1 - real) + np.maximum(0, 1 + fake), -fake
    margin = np.full((2, 1), 1.5, np.float32)
    beyond = (
        "the discriminator pays nothing beyond the margin, max(0, 1 − real) + max(0, 1 + fake); the generator −fake."
    )
    hint = "the generator's loss is −fake, without a maximum; one number an example: shape (batch,)."
    cases = [
        ((margin, -margin), (np.zeros(2), np.full(2, 1.5)), beyond),
        ((real, fake), (d_loss[:, 0], g_loss[:, 0]), hint),
    ]
    return exercise("hinge", attempt, cases)


def spectral_norm(attempt):
    """Judge ``attempt(kernel)``: largest singular value of a dense or convolution kernel. Notebook 06."""
    rng = np.random.default_rng(6)
    dense = np.array([[3.0, 0.0], [0.0, -4.0], [0.0, 0.0]], np.float32)
    wide = rng.normal(size=(5, 7)).astype(np.float32)
    convolution = rng.normal(size=(3, 2, 4, 6)).astype(np.float32)
    flat = "reshape (height, width, in, out) to (height · width · in, out): the last axis stays."
    largest = "the largest singular value, not the largest entry or the root of the sum of squares."
    cases = [
        ((dense,), 4.0, largest),
        ((wide,), np.linalg.norm(wide, 2), largest),
        ((convolution,), np.linalg.norm(convolution.reshape(24, 6), 2), flat),
    ]
    return exercise("spectral_norm", attempt, cases, tolerance=1e-3)


def dirac_eigenvalue(attempt):
    """Judge ``attempt(rate, penalty)``: largest absolute eigenvalue of the Dirac-GAN's step in turns. Notebook 06."""
    turns = "the generator answers the new ψ: put ψ's row, times rate / 2, into θ's row."
    shrink = "R1 takes rate · penalty · ψ off ψ: its own entry is 1 − rate · penalty."
    sizes = {case: _dirac_size(*case) for case in ((0.2, 0.0), (0.2, 0.5), (0.5, 1.8), (1.0, 2.5))}
    hints = [turns, shrink, "take the largest absolute value of both: they may be real and differ.", shrink]
    cases = [(case, size, hint) for (case, size), hint in zip(sizes.items(), hints, strict=True)]
    return exercise("dirac_eigenvalue", attempt, cases)


def distance_from_critic(attempt):
    """Judge ``attempt(estimate, weight)``: the length behind a linear WGAN-GP critic's estimate. Notebook 06."""
    large = "estimate = d (1 + d / (2 weight)) is quadratic in d: take its positive root."
    cases = [((d * (1 + d / (2 * w)), w), d, large) for d, w in ((1.0, 10.0), (2.0, 1.0), (0.0, 5.0), (30.0, 0.5))]
    return exercise("distance_from_critic", attempt, cases, tolerance=1e-3)


def minibatch_deviation(attempt):
    """Judge ``attempt(features)``: (batch, d) -> (batch, d + 1), with the batch's spread appended. Notebook 06."""
    rng = np.random.default_rng(7)
    same, varied = np.ones((4, 3), np.float32), rng.normal(size=(5, 3)).astype(np.float32)
    unequal = (varied * np.array([1.0, 10.0, 0.0])).astype(np.float32)
    hint = (
        "standard deviation over the batch (axis 0, divided by n), then its mean over features, the same for all rows."
    )
    cases = [((x,), np.column_stack([x, np.full(len(x), x.std(axis=0).mean())]), hint) for x in (same, varied, unequal)]
    return exercise("minibatch_deviation", attempt, cases, tolerance=1e-3)


def _dirac_size(rate, penalty):
    """Largest absolute eigenvalue of (theta, psi) -> (theta + rate/2 psi', psi') with psi' the discriminator's move."""
    psi = np.array([-rate / 2, 1 - rate * penalty])
    return float(np.abs(np.linalg.eigvals([[1, 0] + rate / 2 * psi, psi])).max())


# ---- Exercises of 07 StyleGAN and faces ----


def demodulate(attempt):
    """Judge ``attempt(kernel, style)``: (3, 3, i, o) and (batch, i) -> factors (batch, o). Exercise of notebook 07."""
    rng = np.random.default_rng(7)
    ones, plain = np.ones((3, 3, 2, 4), np.float32), np.ones((1, 2), np.float32)
    kernel, style = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 3, 5, 4), (2, 5)))
    sums = np.sum((kernel[None] * style[:, None, None, :, None]) ** 2, axis=(1, 2, 3))
    each = "the style scales each input channel before the squares are summed: one row for each example."
    cases = [
        ((ones, plain), np.full((1, 4), 18.0**-0.5), "one over the root of the sum of squares: a sum, not a mean."),
        ((ones, 2 * plain), np.full((1, 4), 72.0**-0.5), each),
        ((kernel, style), sums**-0.5, "sum over the kernel's height and width and over the input channels."),
    ]
    return exercise("demodulate", attempt, cases, tolerance=1e-3)


def truncate(attempt):
    """Judge ``attempt(w, mean, psi)``: w (n, d) pulled towards the mean (d,). Exercise of notebook 07."""
    w, mean = np.random.default_rng(8).normal(size=(3, 4)).astype(np.float32), np.arange(4, dtype=np.float32)
    cases = [
        ((w, mean, 1.0), w, "psi = 1 must change nothing."),
        ((w, mean, 0.0), np.tile(mean, (3, 1)), "psi = 0 must give the mean, not zero, for every example."),
        ((w, mean, 0.7), mean + 0.7 * (w - mean), "keep the share psi of the way from the mean to w."),
    ]
    return exercise("truncate", attempt, cases)


def adain(attempt):
    """Judge ``attempt(x, scale, bias)``: (b, h, w, c), (b, c), (b, c) -> (b, h, w, c). Exercise of notebook 07."""
    rng = np.random.default_rng(9)
    x = rng.normal(2.0, 3.0, (2, 4, 4, 3)).astype(np.float32)
    scale, bias = (rng.normal(size=(2, 3)).astype(np.float32) for _ in range(2))
    plain, none = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    normal = (x - x.mean(axis=(1, 2), keepdims=True)) / x.std(axis=(1, 2), keepdims=True)
    own = "each channel of each picture by its own mean and standard deviation (divided by n) over height and width."
    cases = [
        ((x, plain, none), normal, own),
        ((x * [10.0, 1.0, 0.1], plain, none), normal, own),
        (
            (x, scale, bias),
            normal * scale[:, None, None] + bias[:, None, None],
            "scale and bias come last, one row each.",
        ),
    ]
    return exercise("adain", attempt, cases, tolerance=2e-3)


def spared(attempt):
    """Judge ``attempt(normal, others)``: (d,), (2, d) -> a unit (d,) orthogonal to both. Exercise of notebook 07."""
    normal, others = np.array([0.6, 0.0, 0.8, 0.0], np.float32), np.eye(4, dtype=np.float32)[:2]
    leaning = np.array([[1.0, 0.0, 0.0, 0.0], [0.6, 0.8, 0.0, 0.0]], np.float32)
    long = np.array([0.48, 0.6, 0.0, 0.64], np.float32)
    cases = [
        ((normal, others), np.array([0.0, 0.0, 1.0, 0.0]), "take the shares of both away, then bring it to length 1."),
        (
            (long, leaning),
            np.array([0.0, 0.0, 0.0, 1.0]),
            "the others are not orthogonal to each other: taking the second share away brings back some of the first."
            " Make them orthogonal first.",
        ),
    ]
    return exercise("spared", attempt, cases, tolerance=1e-3)


def path_penalty(attempt):
    """Judge ``attempt(slopes, y, a)``: (b, pixels, d), (b, pixels), number -> (b,). Exercise of notebook 07."""
    rng = np.random.default_rng(11)
    slopes, y = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 6, 4), (3, 6)))
    lengths = np.linalg.norm(np.einsum("bpd,bp->bd", slopes, y), axis=1)
    cases = [
        (
            (slopes[:1], y[:1], 0.0),
            lengths[:1] ** 2,
            "sum y times the slopes over the pixels: the length of the d numbers that are left, squared, if a is 0.",
        ),
        ((slopes, y, 0.0), lengths**2, "each picture has its own slopes and its own y: one number for each."),
        ((slopes, y, 2.0), (lengths - 2.0) ** 2, "take a from the length, then square."),
    ]
    return exercise("path_penalty", attempt, cases, tolerance=1e-3)


# ---- Exercises of 05 conditional generation ----


def projection_logit(attempt):
    """Judge ``attempt(h, labels, w, b, v)``: a projection discriminator's logit, (batch, 1). Notebook 05."""
    rng = np.random.default_rng(6)
    h, w, v = (rng.normal(size=shape).astype(np.float32) for shape in ((5, 4), (4,), (3, 4)))
    labels, zero = np.array([2, 0, 1, 1, 2]), np.zeros_like(v)
    plain = h @ w[:, None]
    cases = [
        (
            (h, labels, w, 0.5, zero),
            plain + 0.5,
            "if every row of v is 0 it is w · h + b, one logit a row: (batch, 1).",
        ),
        (
            (h, labels, w, 0.5, v),
            plain + 0.5 + np.sum(h * v[labels], axis=1, keepdims=True),
            "take the row of v that belongs to each label, multiply it by that example's h, and sum over features.",
        ),
    ]
    return exercise("projection_logit", attempt, cases)


def class_agreement(attempt):
    """Judge ``attempt(asked, read, classes)``: share of each asked class read as asked. Exercise of notebook 05."""
    asked, read = np.array([0, 0, 0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 2, 1, 1, 2, 0])
    share = "of those that were asked for as this class, how many were read as it? Divide by the number asked for."
    cases = [
        ((asked, asked, 3), np.ones(3), "if all is read as asked, each share is 1."),
        ((asked, read, 3), np.array([0.5, 1.0, 0.5]), share),
        ((asked[4:], read[4:], 4), np.array([0.0, 1.0, 0.5, 0.0]), "a class that nobody asked for gets 0, not NaN."),
    ]
    return exercise("class_agreement", attempt, cases)


def condition_worth(attempt):
    """Judge ``attempt(joint)``: mutual information of x and c in nats, from p(x, c) (n, k). Exercise of notebook 05."""
    apart = np.outer([0.2, 0.3, 0.5], [0.6, 0.4]).astype(np.float32)
    some = np.array([[0.3, 0.1], [0.1, 0.2], [0.05, 0.25]], np.float32)
    known = np.diag([0.5, 0.25, 0.25]).astype(np.float32)
    value = float(np.sum(some * np.log(some / (some.sum(axis=1, keepdims=True) * some.sum(axis=0)))))
    mean = "p(x|c) = p(x, c) / p(c): sum p(x, c) · (log p(x|c) − log p(x)) over all pairs, weighted by p(x, c)."
    zero = "a pair that never comes adds 0: leave it out, or use scipy.special.xlogy."
    cases = [
        ((apart,), 0.0, "where x and c are independent, the condition is worth nothing."),
        ((some,), value, mean),
        ((known,), 1.5 * np.log(2.0), zero),
    ]
    return exercise("condition_worth", attempt, cases)


def control(attempt):
    """Judge ``attempt(asked, got)``: mean absolute error and slope of got on asked. Exercise of notebook 05."""
    asked = np.array([-20.0, -5.0, 0.0, 10.0, 30.0], np.float32)
    noise = np.array([3.0, -2.0, 1.0, 4.0, -6.0], np.float32)
    half = 0.5 * asked + 8
    got = half + noise
    both = "first the mean of |got − asked|, neither squared nor signed; then how much `got` grows for 1 more asked."
    cases = [
        ((asked, asked), (0.0, 1.0), "what is drawn exactly as asked has the error 0 and the slope 1."),
        ((asked, asked - 3), (3.0, 1.0), both),
        ((asked, got), (float(np.abs(got - asked).mean()), float(np.polyfit(asked, got, 1)[0])), both),
    ]
    return exercise("control", attempt, cases, tolerance=1e-3)


def control_diagnosis(answers):
    """Judge a dictionary from each verdict on a conditional model to its cause. Exercise of notebook 05."""
    right = {
        "agreement 10 %, diversity above 100 %, share small": ("ignores", "10 % is what chance gives for ten digits."),
        "agreement 100 %, diversity 5 %, a poor teacher": (
            "collapse",
            "how many pictures of a digit are there?",
        ),
        "agreement 98.5 %, diversity 95 %, share small": ("fine", "compare with what real digits give."),
        "agreement 90 %, whatever the model, share small": ("mislabelled", "a model learns what the pairs say."),
    }
    return _match("control_diagnosis", answers, right)
