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
# # Solutions to 03 · The VAE ELBO
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
# ## Exercise 1: between any two Gaussians
# Write `kl_between(mean, log_var, prior_mean, prior_log_var)`: the divergence from $\mathcal N(\mu, \sigma^2)$ to
# $\mathcal N(m, s^2)$, summed over the last axis: $\log\frac{s}{\sigma} + \frac{\sigma^2 + (\mu - m)^2}{2 s^2} -
# \frac12$ for each dimension. A learned prior needs it. NumPy, TensorFlow and Keras operations are all fine.


# %%
def my_kl_between(mean, log_var, prior_mean, prior_log_var):
    ratio = np.exp(log_var - prior_log_var)  # sigma² / s²
    shift = (mean - prior_mean) ** 2 / np.exp(prior_log_var)
    return 0.5 * np.sum(ratio + shift - 1.0 - np.log(ratio), axis=-1)


# %%
checks.kl_between(my_kl_between)

# %% [markdown]
# $\log\frac{s}{\sigma}$ is half of $-\log\frac{\sigma^2}{s^2}$, so one ratio serves twice. With a prior mean of 0 and a
# prior `log_var` of 0 it is the formula that the VAE uses.

# %% [markdown]
# ## Exercise 2: reparameterise another distribution
# The logistic distribution has the cumulative distribution function $u = 1/\big(1 + e^{-(z - \text{mean})/\text{scale}}
# \big)$. Write `logistic_draw(mean, scale, u)` that turns uniform noise $u$ from 0 to 1 into a draw $z$.


# %%
def my_logistic_draw(mean, scale, u):
    return mean + scale * np.log(u / (1.0 - u))


# %%
checks.logistic_draw(my_logistic_draw)

# %% [markdown]
# Solve $u = 1/\big(1 + e^{-(z - \text{mean})/\text{scale}}\big)$ for $z$. Any distribution whose cumulative
# distribution function can be inverted is reparameterised in this way, and gradients flow to `mean` and `scale`.

# %% [markdown]
# ## Exercise 3: the importance-weighted bound, without overflow
# From log weights (batch, samples) to the bound (batch,): the logarithm of the mean weight. It must also work where
# every weight is as small as $e^{-1000}$, as weights of images are.


# %%
def my_importance_weighted(log_weights):
    largest = log_weights.max(axis=1, keepdims=True)
    mean_weight = np.mean(np.exp(log_weights - largest), axis=1)  # the largest term is exp(0) = 1
    return largest[:, 0] + np.log(mean_weight)


# %%
checks.importance_weighted(my_importance_weighted)

# %% [markdown]
# Taking the largest out of the sum and adding it after the logarithm changes nothing on paper, but no weight overflows
# and not all of them become 0. `logsumexp` of SciPy, Keras or TensorFlow does the same: subtract $\log K$ from it.

# %% [markdown]
# ## Exercise 4: the hidden beta
# Somebody averages the cross-entropy over `pixels` *and* averages the KL over the `latent_dim` dimensions. Which beta,
# on sums, has the same minimum? Write `hidden_beta(pixels, latent_dim)`.


# %%
def my_hidden_beta(pixels, latent_dim):
    return pixels / latent_dim


# %%
checks.hidden_beta(my_hidden_beta)

# %% [markdown]
# With the sums $S$ and $\mathrm{KL}$ the loss is $S/\text{pixels} + \mathrm{KL}/\text{latent\_dim}$. Times `pixels`,
# which moves no minimum, it is $S + (\text{pixels}/\text{latent\_dim})\,\mathrm{KL}$: for the classic network beta is
# 392.

# %% [markdown]
# ## Exercise 5: count the active units
# Write `active_units(means)`: from the means of $q(z\mid x)$ for many images, (n, latent_dim), to the number of units
# whose mean has a variance above 0.01.


# %%
def my_active_units(means):
    return int(np.sum(means.var(axis=0) > 0.01))


# %%
checks.active_units(my_active_units)

# %% [markdown]
# The variance over the images, `axis=0`, unit by unit. A unit whose mean is 5 for every image is as silent as one whose
# mean is 0.
