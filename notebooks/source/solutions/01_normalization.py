# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to 01 · Data normalization
# One right answer for each exercise; yours may differ and be right too. The checks say so.

# %% [markdown] tags=["links"]
# *Colab and Binder badges appear here once the course's address is known (`make links`).*

# %% tags=["setup"]
# Set-up. On Colab it installs the course's package; on your own machine `python course.py lab` already has.
import importlib.util
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages
SOURCE = "git+https://github.com/OWNER/NAME@main"  # `make links` writes the course's address here
if importlib.util.find_spec("gentutor") is None:
    if "OWNER/NAME" in SOURCE or "google.colab" not in sys.modules:
        pip = "" if "OWNER/NAME" in SOURCE else f" (elsewhere: %pip install --no-deps {SOURCE})"
        advice = "open the course with `python course.py lab`, or choose the kernel of its .venv"
        raise ModuleNotFoundError(f"This kernel lacks gentutor: {advice}{pip}.")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", SOURCE], check=True)

# %%
import numpy as np

from gentutor import checks

# %% [markdown]
# ## Exercise 1: scale to any range
# Write `normalize(images, low, high)`: `uint8` pixels of any shape in, floats out, with 0 at `low` and 255 at `high`.
# It must be right also for an image whose brightest pixel is not 255. NumPy, TensorFlow and Keras operations are all
# fine.


# %%
def my_normalize(images, low, high):
    return low + (high - low) * images.astype("float32") / 255.0


# %%
checks.normalize(my_normalize)

# %% [markdown]
# Dividing first by 255 keeps the scale the same for every image. `images.max()` would give each image a scale of its
# own, and computing before `astype` would wrap around.

# %% [markdown]
# ## Exercise 2: and back
# Write `denormalize(x, low, high)`: floats in, `uint8` pixels out. A network may overshoot its range a little: such
# values become 0 or 255.


# %%
def my_denormalize(x, low, high):
    pixels = np.rint(255.0 * (x - low) / (high - low))
    return np.clip(pixels, 0, 255).astype("uint8")


# %%
checks.denormalize(my_denormalize)

# %% [markdown]
# Round, clip, convert, in this order. Converting before clipping turns 256 into 0: a white pixel becomes black.

# %% [markdown]
# ## Exercise 3: which activation, which likelihood?
# Replace each `...` by a word. For the scalings: `"sigmoid"`, `"tanh"` or `"linear"`. For the numbers, the loss that is
# their negative log-likelihood: `"bernoulli"`, `"gaussian"`, or `"neither"`.


# %%
my_activations = {"[0, 1]": "sigmoid", "[-1, 1]": "tanh", "standardised": "linear"}
my_likelihoods = {"binary pixels": "bernoulli", "real numbers": "gaussian", "cross-entropy of grey pixels": "neither"}


# %%
checks.output_activations(my_activations)
checks.likelihoods(my_likelihoods)

# %% [markdown]
# The activation must reach every value of the data and, at best, no others. A likelihood must sum or integrate to 1
# over the values that the data can take.

# %% [markdown]
# ## Exercise 4: standardise a table
# Write `standardize(train, test)` for tables (rows, features): both come back with the *training* part's mean removed
# and divided by its standard deviation (divided by n, as `np.std` does), feature by feature. A feature that never
# varies in the training part is divided by 1.


# %%
def my_standardize(train, test):
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd = np.where(sd == 0.0, 1.0, sd)
    return (train - mean) / sd, (test - mean) / sd


# %%
checks.standardize(my_standardize)

# %% [markdown]
# `axis=0` gives each feature its own scale. The test part has no say in it.

# %% [markdown]
# ## Exercise 5: nats in another unit
# A Gaussian model of `numbers` values (784 for a digit), scaled to [`low`, `high`], has the negative log-likelihood
# `nll` in nats. What is it for the same images measured in grey levels, from 0 to 255? Write `nats_in_pixels(nll,
# numbers, low, high)`. A check by hand: from [0, 1] it grows by 784 log 255 = 4,344 nats for a digit.


# %%
def my_nats_in_pixels(nll, numbers, low, high):
    return nll + numbers * np.log(255.0 / (high - low))


# %%
checks.nats_in_pixels(my_nats_in_pixels)

# %% [markdown]
# Stretching the axis by $a = 255 / (\text{high} - \text{low})$ divides the density by $a$ for each number, and
# $-\log(p / a) = -\log p + \log a$. Now models trained on different ranges can be compared.
