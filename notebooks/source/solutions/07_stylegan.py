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
# # Solutions to 07 · StyleGAN and faces
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
# ## Exercise 1: demodulate
# A `kernel` of shape (3, 3, i, o) and a `style` for each example, (batch, i). Write the factors (batch, o) that
# the outputs are multiplied with, so that each has size 1 for inputs of size 1.


# %%
def my_demodulate(kernel, style):
    squares = np.sum(kernel**2, axis=(0, 1))  # (i, o): the style is the same at every place of the kernel
    return 1.0 / np.sqrt(style**2 @ squares)


# %%
checks.demodulate(my_demodulate)

# %% [markdown]
# A sum over the input channels of (style · kernel)² is a matrix product of the squares, for all examples at once.

# %% [markdown]
# ## Exercise 2: truncate
# Pull each `w` (n, d) towards the `mean` (d,), so that the share `psi` of the way from the mean to `w` is kept.


# %%
def my_truncate(w, mean, psi):
    return mean + psi * (w - mean)


# %%
checks.truncate(my_truncate)

# %% [markdown]
# The mean is that of many $w$, not of the few at hand: every picture is pulled to the same typical face.

# %% [markdown]
# ## Exercise 3: on the sphere
# Two unit vectors `a` and `b`, (d,), and a number `t` from 0 to 1: the point on the great circle between them that has
# gone the share `t` of the angle.


# %%
def my_slerp(a, b, t):
    angle = np.arccos(a @ b)
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


# %%
checks.slerp(my_slerp)

# %% [markdown]
# At $t = 0$ and $t = 1$ one of the two sines is 0 and the other equals the divisor, so the ends are met exactly.

# %% [markdown]
# ## Exercise 4: what is left open
# Two arrays of 0 and 1, (n,): the truth `y` and a classifier's word `x`. Write $H(y\mid x)$ in bits. (Mind the values
# of `x` that never come, and $0\log 0 = 0$.)


# %%
def my_entropy_left(y, x):
    left = 0.0
    for value in np.unique(x):  # only values that come
        share = np.mean(y[x == value])
        p = np.array([share, 1 - share])
        p = p[p > 0]  # 0 log 0 = 0
        left -= np.mean(x == value) * np.sum(p * np.log2(p))
    return left


# %%
checks.entropy_left(my_entropy_left)

# %% [markdown]
# A classifier that is always right leaves 0 bits; one that always says the same leaves all of the entropy of $y$.

# %% [markdown]
# ## Exercise 5: crossover
# Styles of two faces, `a` and `b`, each (layers, d), and a layer number `cut`: return the styles that are `a`'s before
# layer `cut` and `b`'s from it on.


# %%
def my_crossover(a, b, cut):
    return np.concatenate([a[:cut], b[cut:]])


# %%
checks.crossover(my_crossover)

# %% [markdown]
# In training `cut` is drawn at random for each picture, so that no layer learns to rely on its neighbours' $w$.
