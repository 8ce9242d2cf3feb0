"""Bundled data, pictures of your own, scaling and its inverse, binarisation, and batches in a repeatable order."""

import hashlib
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gentutor import validate

LFW_FACES = 13_233
MNIST_SHA256 = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"


class Split(NamedTuple):
    """Images and labels in three parts: train to fit, valid to choose, test to look at once."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def asset(name):
    """Path of a file bundled in gentutor/assets; raises FileNotFoundError if the installation lacks it."""
    path = Path(__file__).parent / "assets" / name
    if not path.is_file():
        raise FileNotFoundError(f"The bundled file {name} is missing from gentutor/assets. Install the package again.")
    return path


def load_mnist():
    """MNIST's 70,000 handwritten digits as a ``Split`` of 55,000, 5,000 and 10,000.

    Images are uint8 (n, 28, 28), labels uint8 (n,); the validation part is the last 5,000 of the 60,000.
    Raises OSError if the bundled file is damaged. Source: LeCun, Cortes and Burges (gentutor/assets/README.md).
    """
    path = asset("mnist.npz")
    if hashlib.sha256(path.read_bytes()).hexdigest() != MNIST_SHA256:
        raise OSError("The bundled mnist.npz is damaged (its SHA-256 is wrong). Install the package again.")
    with np.load(path) as file:
        x, y, x_test, y_test = (file[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    return Split(x[:55_000], y[:55_000], x[55_000:], y[55_000:], x_test, y_test)


# ---- pictures and faces ----


def load_images(folder, size):
    """Load the pictures in a folder as uint8 RGB (n, size, size, 3), in the order of their names, subfolders included.

    Each one is turned upright as its EXIF data says, put on white where it is transparent, cropped to the square in its
    middle and resized with antialiasing; an animation gives its first picture. Hidden files (.name) are passed over.
    What cannot be used (damaged, no picture, smaller than ``size``, above Pillow's 89 million pixels) is left out, and
    one warning says what and why. Raises ValueError if the folder holds nothing that can be used, or is none.
    """
    size = validate.positive_int("size", size)
    root = _folder(folder)
    names = [path.relative_to(root) for path in root.rglob("*") if path.is_file() or path.is_symlink()]
    names = sorted(name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts))
    pictures, left_out = [], []
    for name in names:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                pictures.append(_read_picture(root / name, size))
        except Exception as error:  # damaged files make Pillow raise a dozen kinds; none of them costs the other files
            left_out.append(f"{name} ({getattr(error, 'strerror', None) or str(error) or type(error).__name__})")
    more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
    report = f"{len(left_out)} of the {len(names)} files in it cannot be used: {', '.join(left_out[:5])}{more}"
    if not pictures:
        raise ValueError(
            f"folder must hold pictures of at least {size} × {size} pixels, but {str(root)!r} holds none: "
            f"{report if names else 'no files that are not hidden'}. Check the path, or ask for a smaller size."
        )
    if left_out:
        warnings.warn(f"load_images read {len(pictures)} pictures from {str(root)!r}; {report}.", stacklevel=2)
    return np.stack(pictures)


def load_real_faces(size, download=False):
    """Load photographed faces, Labeled Faces in the Wild (Huang et al. 2007), as uint8 RGB (n, size, size, 3).

    Without a network: the 100 that ship inside scikit-image, grey, 25 × 25 pixels, resized. They are enough to look at
    and to try an encoder or nearest neighbours on, and far too few to train a GAN, which would learn them by heart.
    With ``download=True``: all 13,233, in colour, ``size`` up to 125 (the middle of 250 × 250 pixels), by scikit-learn,
    which fetches 200 MB once into ~/scikit_learn_data. The first reading needs memory: 1.3 GiB at size 64, a quarter of
    that at 32. Raises OSError, which says what to do, if the download fails.
    """
    size = validate.positive_int("size", size)
    if download:
        return _fetch_faces(size)
    try:
        from skimage.data import lfw_subset
    except ImportError as error:
        raise ImportError("load_real_faces reads faces out of scikit-image: pip install scikit-image first.") from error
    faces = np.rint(255 * lfw_subset()[:100]).astype(np.uint8)  # the other 100 are no faces
    resized = [Image.fromarray(face).resize((size, size), Image.Resampling.LANCZOS) for face in faces]
    return np.stack([np.asarray(face.convert("RGB")) for face in resized])


def _folder(folder):
    if not isinstance(folder, (str, os.PathLike)) or not os.fspath(folder):
        raise ValueError(f"folder must be the path of a folder, but it is {folder!r}. Try folder='my_pictures'.")
    root = Path(folder).expanduser()
    if not root.is_dir():
        what = "is a file: hand over the folder that it is in, and unpack an archive" if root.exists() else "is missing"
        raise ValueError(f"folder must be a folder, but {str(root)!r} {what} (looked for from {str(Path.cwd())!r}).")
    return root


def _read_picture(path, size):
    """Read one picture as uint8 (size, size, 3); raises what Pillow raises, or a ValueError that holds the reason."""
    try:
        image = Image.open(path)
    except UnidentifiedImageError:
        export = ": export it as JPEG" if path.suffix.lower() in (".heic", ".heif") else ""
        raise ValueError(f"no picture that Pillow can read{export}") from None
    with image:
        if min(image.size) < size:
            raise ValueError("only {} × {} pixels".format(*image.size))
        deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))  # white is 65535
        if image.mode in ("I", "F") and not deep:
            raise ValueError("its 32-bit pixels have no known white: save it with 8 bits")
        image.draft(None, (3 * size, 3 * size))  # a large JPEG is decoded at 1/2, 1/4 or 1/8, several times faster
        image = ImageOps.exif_transpose(image)
    if deep:
        image = Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS))


def _fetch_faces(size):
    from sklearn.datasets import fetch_lfw_people

    if size > 125:
        raise ValueError(f"size must be at most 125, the pixels of a face in the photographs, but it is {size}.")
    middle = slice(63, 188), slice(63, 188)
    try:  # the half keeps rounding in resize * 125 from losing a pixel
        faces = fetch_lfw_people(color=True, slice_=middle, resize=(size + 0.5) / 125).images
    except OSError as error:
        raise OSError(
            f"LFW could not be downloaded ({error}). Without a network load_real_faces(size) gives 100 small grey "
            "faces and load_images(folder, size) your own pictures; or copy ~/scikit_learn_data/lfw_home from a "
            "computer that has downloaded it."
        ) from error
    if len(faces) != LFW_FACES:
        raise OSError(
            f"LFW has {LFW_FACES} faces, but {len(faces)} are here: a download was cut short. "
            "Delete ~/scikit_learn_data/lfw_home and call again."
        )
    np.rint(np.multiply(faces, 255, out=faces), out=faces)
    return faces.astype(np.uint8)


def normalize(images, low=-1.0, high=1.0):
    """Map uint8 pixels from [0, 255] to float32 in [low, high]; ``low`` < ``high``. Any shape; built in notebook 01."""
    images = validate.uint8_images("images", images)
    _check_limits(low, high)
    return images.astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)


def denormalize(x, low=-1.0, high=1.0):
    """Map [low, high] back to uint8 pixels, rounding and clipping; NaN raises ValueError. The inverse of normalize."""
    _check_limits(low, high)
    x = np.asarray(x, dtype=np.float32)
    if np.isnan(x).any():
        raise ValueError("x holds NaN, which is no pixel. Look for NaN in the network's weights or in its input.")
    return np.clip(np.rint((x - low) * (255.0 / (high - low))), 0, 255).astype(np.uint8)


def binarize(x, seed):
    """Draw each pixel as 0 or 1 with probability ``x``: floats in [0, 1] of any shape -> float32 of the same shape.

    The same seed gives the same draw. Salakhutdinov and Murray 2008; built in notebook 01.
    """
    x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"x must be floats in [0, 1], but its dtype is {x.dtype}: use data.normalize(images, 0, 1).")
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"x must be finite and not empty, but its shape is {x.shape} or it holds NaN or infinity.")
    validate.data_range("x", x, 0.0, 1.0, "each value is a probability")
    return (np.random.default_rng(seed).random(x.shape, dtype=np.float32) < x).astype(np.float32)


def batches(x, batch_size=128, seed=0, first_epoch=0, binarize=False):
    """Endless shuffled batches of an array as a ``tf.data.Dataset``; a short last batch is left out.

    Args: ``x``, (n, ...) with n of at least ``batch_size``. The order of epoch e depends on (seed, e) alone, so a
    training that starts at ``first_epoch`` sees what an uninterrupted one would have seen. ``binarize`` draws each
    pixel anew as 0 or 1 with probability ``x`` in every epoch. Give ``fit`` the steps: n // batch_size an epoch.
    """
    import tensorflow as tf

    batch_size = validate.positive_int("batch_size", batch_size)
    n = len(x)
    if n < batch_size:
        raise ValueError(f"x holds {n} examples, fewer than one batch of {batch_size}: lower batch_size.")
    steps = n // batch_size
    x = tf.convert_to_tensor(x)

    def epoch_order(epoch):
        key = tf.stack([tf.cast(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=key)
        rows = tf.reshape(order[: steps * batch_size], (steps, batch_size))
        numbers = epoch * steps + tf.range(steps, dtype=tf.int64)
        return tf.data.Dataset.from_tensor_slices((rows, numbers))

    def gather(rows, number):
        batch = tf.ensure_shape(tf.gather(x, rows), (batch_size, *x.shape[1:]))
        if binarize:
            draw = tf.random.stateless_uniform(tf.shape(batch), seed=tf.stack([tf.cast(seed, tf.int64), number]))
            batch = tf.cast(draw < batch, batch.dtype)
        return batch

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    drawn = epochs.flat_map(epoch_order).map(gather, num_parallel_calls=2, deterministic=True).prefetch(8)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread is only asked to stop after 1.3, 2.6, 5, 10, … s: fit would wait
    return drawn.with_options(options).apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def _check_limits(low, high):
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"low must be a finite number below high, but low is {low!r} and high is {high!r}.")
