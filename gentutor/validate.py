"""Checks of arrays and networks: each failure says which argument, what came, what was expected and how to mend it."""

import math
import operator

import numpy as np


def positive_int(name, value):
    """Return ``value`` as an int of at least 1, or raise a ValueError that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}. Ask for 1 or more.")
    return number


def number(name, value, low=0.0, high=math.inf):
    """Return ``value`` as a finite float in [low, high], or raise a ValueError that names the argument."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = math.nan
    if not (math.isfinite(result) and low <= result <= high):
        raise ValueError(f"{name} must be a finite number from {low:g} to {high:g}, but it is {value!r}.")
    return result


def seed(value):
    """Return ``value`` as an int that random generators take, or raise a ValueError."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError(f"seed must be a whole number from 0 to 2**31 - 1, but it is {value!r}. Try seed=0.")
    return int(value)


def uint8_images(name, images):
    """Return ``images`` as a non-empty uint8 array, or raise: what a picture is before it is scaled."""
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise ValueError(
            f"{name} must be uint8 pixels from 0 to 255, but its dtype is {images.dtype}{_span(images)}. "
            "Scaled data goes back to pixels with data.denormalize(x, low, high)."
        )
    if images.size == 0:
        raise ValueError(f"{name} is empty: its shape is {images.shape}. Hand over at least one image.")
    return images


def digits(name, images):
    """Return 28 × 28 uint8 digits as (n, 28, 28), from (n, 28, 28), (n, 28, 28, 1) or (n, 784); otherwise raise."""
    images = uint8_images(name, images)
    if images.shape[1:] not in ((28, 28), (28, 28, 1), (784,)):
        raise ValueError(
            f"{name} must have the shape (n, 28, 28), (n, 28, 28, 1) or (n, 784), but it is {images.shape}. "
            "A single digit needs a batch axis: images[None]."
        )
    return images.reshape(-1, 28, 28)


def float_batch(name, x):
    """Raise unless ``x`` is a non-empty, finite, floating-point array with a batch axis: (n, ...)."""
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        raise ValueError(f"{name} must be an array, but it is a {type(x).__name__}. Convert it with np.asarray first.")
    dtype = np.dtype(getattr(x.dtype, "as_numpy_dtype", x.dtype))
    if not np.issubdtype(dtype, np.floating):
        raise ValueError(
            f"{name} must be floating point, but its dtype is {dtype}. "
            "Scale uint8 images first: data.normalize(images, low, high)."
        )
    if len(x.shape) < 2 or 0 in tuple(x.shape):
        raise ValueError(f"{name} must have the shape (n, ...) with n of at least 1, but it is {tuple(x.shape)}.")
    if not np.isfinite(np.asarray(x)).all():
        raise ValueError(
            f"{name} holds NaN or infinity. Look for a division by 0 or a logarithm of 0 where it was made."
        )


def data_range(name, x, low, high, reason):
    """Raise unless all of ``x`` lies in [low, high] (to a rounding of 1e-6); ``reason`` says who asks for it."""
    x = np.asarray(x)
    if x.min() < low - 1e-6 or x.max() > high + 1e-6:
        raise ValueError(
            f"{name} must lie in [{low:g}, {high:g}] because {reason}, but it spans [{x.min():g}, {x.max():g}]. "
            f"Scale it from uint8 with data.normalize(images, {low:g}, {high:g})."
        )


def not_raw_pixels(name, x):
    """Raise if ``x`` looks like pixels that nobody scaled: nothing negative, and values beyond 2 up to 255."""
    x = np.asarray(x)
    if x.min() >= 0 and 100 < x.max() <= 255.5:
        raise ValueError(
            f"{name} spans [{x.min():g}, {x.max():g}], which looks like pixels from 0 to 255. "
            "Scale them first: data.normalize(images, low, high)."
        )


def same_shape(name, shape, expected, reason):
    """Raise unless the two shapes, both without the batch axis, agree; None fits anything."""
    shape, expected = tuple(shape), tuple(expected)
    fits = len(shape) == len(expected) and all(a == b or None in (a, b) for a, b in zip(shape, expected, strict=True))
    if not fits:
        raise ValueError(
            f"{name} has the shape (n, {', '.join(map(str, shape))}), but {reason} "
            f"(n, {', '.join(map(str, expected))}). Reshape the data or change the network."
        )


def _span(x):
    numeric = np.issubdtype(x.dtype, np.number) and x.size > 0
    return f" and it spans [{x.min():g}, {x.max():g}]" if numeric and not np.iscomplexobj(x) else ""


def reaches_below_zero(name, x, limits):
    """Raise if data for a tanh network, which should fill [-1, 1], stays within [0, 1]."""
    x = np.asarray(x)
    if limits[0] < 0 and x.min() >= 0 and x.max() > 0.5:
        raise ValueError(
            f"{name} spans [{x.min():g}, {x.max():g}], but the network ends in tanh, whose range is [-1, 1]: it would "
            "use half of it. Scale the data with data.normalize(images, -1, 1), or end the network in a sigmoid."
        )


def network(name, model, outputs=1):
    """Raise unless ``model`` is a built Keras network with one input and the given number of outputs."""
    try:
        found = 1, len(model.outputs)
        inputs = len(model.inputs)
    except (AttributeError, TypeError):
        raise ValueError(
            f"{name} must be a built keras.Model whose input shape is known, but it is a {type(model).__name__}. "
            "Begin a Sequential with keras.Input, or use the functions in gentutor.networks."
        ) from None
    if (inputs, outputs) != found:
        raise ValueError(
            f"{name} must have one input and {outputs} output(s), but it has {inputs} and {found[1]}. "
            "Build it as keras.Model(inputs, outputs)."
        )
