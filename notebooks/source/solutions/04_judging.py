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
# # Solutions to 04 · Judging samples
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
# ## Exercise 1: diluted
# A model gives `share` of its samples, noise the rest. From `log_p` and `log_noise` of the images, (n,), write
# `diluted(log_p, log_noise, share)`: the log-likelihood of the mixture, (n,). Log-likelihoods may be as small as −1000.


# %%
def my_diluted(log_p, log_noise, share):
    return np.logaddexp(np.log(share) + log_p, np.log(1 - share) + log_noise)


# %%
checks.diluted(my_diluted)

# %% [markdown]
# Multiplying a probability by `share` adds $\log$ `share` to its logarithm, and `logaddexp` adds two probabilities
# without leaving logarithms. The result is never more than $-\log$ `share` below `log_p`.

# %% [markdown]
# ## Exercise 2: take the bias off
# The bias of the Fréchet distance shrinks like $1/n$. So fit a straight line to distances over $1/n$, and read it off
# at $1/n = 0$. Write `without_bias(sizes, distances)`.


# %%
def my_without_bias(sizes, distances):
    return np.polyfit(1.0 / sizes, distances, 1)[1]  # slope first, then intercept


# %%
checks.without_bias(my_without_bias)

# %% [markdown]
# The intercept is the distance with endlessly many samples, as far as the line holds. It can come out a little below 0
# for two sets of one distribution.

# %% [markdown]
# ## Exercise 3: catch the thief
# Write `copied(samples, train, test)`, all (n, d): the share of samples whose nearest neighbour among both sets is a
# training row.


# %%
def my_copied(samples, train, test):
    to_train, to_test = (np.linalg.norm(samples[:, None] - pool, axis=2).min(axis=1) for pool in (train, test))
    return np.mean(to_train < to_test)


# %%
checks.copied(my_copied)

# %% [markdown]
# `samples[:, None] - pool` holds every pair, (samples, pool, d): fine for small sets. For 60,000 images take
# `NearestNeighbors` of scikit-learn, which works through them in parts.

# %% [markdown]
# ## Exercise 4: an interval by hand
# Wilson's interval of a share $\hat p$ = right / n, with $z = 1.96$: its centre is $\big(\hat p +
# \tfrac{z^2}{2n}\big) / \big(1 + \tfrac{z^2}{n}\big)$, and half of its width is $z\sqrt{\hat p(1-\hat p)/n +
# z^2/4n^2}\,\big/\,\big(1 + \tfrac{z^2}{n}\big)$. Write `wilson(right, n)`: the low and the high end.


# %%
def my_wilson(right, n, z=1.96):
    share, scale = right / n, 1 + z**2 / n
    centre = (share + z**2 / (2 * n)) / scale
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / scale
    return centre - half, centre + half


# %%
checks.wilson(my_wilson)

# %% [markdown]
# The textbook interval $\hat p \pm z\sqrt{\hat p(1-\hat p)/n}$ has no width at all after 20 right answers of 20.
# Wilson's does not fall into that trap. `scipy.stats.binomtest(right, n).proportion_ci(method="wilson")` is the same.

# %% [markdown]
# ## Exercise 5: verdicts
# What do the numbers reveal? One word each: `"collapse"`, `"copy"`, `"bias"`, `"weak"`, `"outliers"`.

# %%
my_verdicts = {
    "precision 0.99, recall 0.00": "collapse",
    "Fréchet distance below the floor of unseen real digits": "copy",
    "Fréchet distance 9 with 10,000 samples, 19 with 1,000": "bias",
    "two-sample test at 50 %, Fréchet distance far above the floor": "weak",
    "recall rises from 0.1 to 0.9, coverage stays": "outliers",
}

# %%
checks.verdicts(my_verdicts)

# %% [markdown]
# Each measure is blind to something, so two that disagree say more than one: a classifier that sees nothing beside a
# large distance is a weak classifier, and a recall that leaps while coverage stays has met a few odd images.
