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
# ## Exercise 3: the first StyleGAN's way
# Adaptive instance normalisation (AdaIN), in the place of demodulation: bring each channel of each picture in `x`,
# (batch, h, w, c), to mean 0 and standard deviation 1 over its height and width, then multiply it by the picture's
# `scale` and add its `bias`, both (batch, c).


# %%
def my_adain(x, scale, bias):
    normal = (x - x.mean(axis=(1, 2), keepdims=True)) / x.std(axis=(1, 2), keepdims=True)
    return normal * scale[:, None, None] + bias[:, None, None]


# %%
checks.adain(my_adain)

# %% [markdown]
# Demodulation divides by the size that a channel *would* have for inputs of size 1; this divides by the size that it
# *has* in this picture, and so hides from all later layers how strong it was.

# %% [markdown]
# ## Exercise 4: leave two things alone
# A direction `normal` (d,) for an edit, and two unit vectors `others` (2, d) along which nothing may change; they need
# not be orthogonal to each other. Return the unit vector nearest to `normal` that is orthogonal to both.


# %%
def my_spared(normal, others):
    basis, _ = np.linalg.qr(others.T)  # two orthogonal unit vectors in the plane of the two
    rest = normal - basis @ (basis.T @ normal)
    return rest / np.linalg.norm(rest)


# %%
checks.spared(my_spared)

# %% [markdown]
# Taking away the shares along the two as they are would be right only if they were orthogonal.

# %% [markdown]
# ## Exercise 5: even steps
# StyleGAN2 asks that a small step in $W$ change the picture by as much wherever one stands and whatever its direction.
# Let $g_i(w)$ be number $i$ of the picture and $J$, (pixels, d), the matrix of the slopes
# $\partial g_i/\partial w_k$. A random picture $y$ is drawn; $J^\top y$, (d,), is the gradient of the one number
# $\sum_i y_i\,g_i(w)$. The **path-length penalty** is $(\lVert J^\top y\rVert-a)^2$, with the Euclidean length and a
# number $a$. For a batch of `slopes` (batch, pixels, d) and `y` (batch, pixels) return it for each picture, (batch,).


# %%
def my_path_penalty(slopes, y, a):
    along = np.einsum("bpd,bp->bd", slopes, y)
    return (np.linalg.norm(along, axis=1) - a) ** 2


# %%
checks.path_penalty(my_path_penalty)

# %% [markdown]
# In training $J$ is never built: a gradient tape gives $J^\top y$ as the gradient of $\sum_i y_i\,g_i(w)$ by $w$, at
# the price of one backward pass; to learn from the penalty takes a second one through it.
