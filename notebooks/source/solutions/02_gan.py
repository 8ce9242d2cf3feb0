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
# # Solutions to 02 · The GAN adversarial loop
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
from scipy.special import xlogy

from gentutor import checks

# %% [markdown]
# ## Exercise 1: the value at the best discriminator
# Two distributions over a few outcomes, as arrays of probabilities `p` and `q` of shape (n,). Write `best_value(p, q)`:
# $V(D^*, G)$ in nats. A check by hand: it is $-2\log 2$ if they are equal and 0 if they never overlap. (Mind outcomes
# with probability 0.) NumPy, TensorFlow and Keras operations are all fine.


# %%
def my_best_value(p, q):
    both = np.where(p + q > 0, p + q, 1.0)  # an outcome that never comes must not become 0 / 0
    return np.sum(xlogy(p, p / both) + xlogy(q, q / both))


# %%
checks.best_value(my_best_value)

# %% [markdown]
# `xlogy(p, x)` is $p \log x$, and 0 where $p$ is 0. The value is $2\,\mathrm{JS}(p, q) - 2\log 2$: the generator, which
# makes it small, can do no better than $p = q$.

# %% [markdown]
# ## Exercise 2: another game
# The *least-squares* GAN ([Mao et al. 2017](https://arxiv.org/abs/1611.04076)) takes the discriminator's output $a$ as
# it is, and asks for 1 on real and 0 on generated data: the discriminator pays $\tfrac12(a_\text{real}-1)^2 +
# \tfrac12a_\text{fake}^2$ and the generator $\tfrac12(a_\text{fake}-1)^2$. Write `least_squares(real_logits,
# fake_logits)`: both losses, from (batch, 1) to (batch,).


# %%
def my_least_squares(real_logits, fake_logits):
    d_loss = 0.5 * (real_logits - 1.0) ** 2 + 0.5 * fake_logits**2  # (batch, 1)
    g_loss = 0.5 * (fake_logits - 1.0) ** 2
    return d_loss[:, 0], g_loss[:, 0]


# %%
checks.least_squares(my_least_squares)

# %% [markdown]
# No logarithm and no probability: far from its goal an output is pulled back by a force that grows with the distance,
# where a cross-entropy is content with anything on the right side.

# %% [markdown]
# ## Exercise 3: the Fréchet distance of numbers
# In one dimension the covariances are variances $s_1^2, s_2^2$, and the formula above becomes very simple. Write
# `frechet_1d(x, y)` for two sets of numbers, (n,) and (m,).


# %%
def my_frechet_1d(x, y):
    return (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2


# %%
checks.frechet_1d(my_frechet_1d)

# %% [markdown]
# In one dimension $C_1 + C_2 - 2(C_1C_2)^{1/2} = s_1^2 + s_2^2 - 2s_1s_2$, which is $(s_1 - s_2)^2$.

# %% [markdown]
# ## Exercise 4: an average that forgets
# Write `moving_average(values, decay)`: start from the first value, take in the others one by one, each time keeping
# `decay` of the average and adding `1 - decay` of the new value. Return the last average.


# %%
def my_moving_average(values, decay):
    average = values[0]
    for value in values[1:]:
        average = decay * average + (1 - decay) * value
    return average


# %%
checks.moving_average(my_moving_average)

# %% [markdown]
# A value that is $k$ steps old has the weight $(1 - \text{decay})\,\text{decay}^k$ (the first keeps
# $\text{decay}^k$): with 0.998 half of the average is
# younger than 346 steps.

# %% [markdown]
# ## Exercise 5: diagnosis
# For each symptom the most likely cause, one word: `"frozen"` (a discriminator that does not learn), `"weak"` (one that
# cannot see the difference), `"strong"` (one that wins every round), or `"collapse"` (of the generator's modes).


# %%
my_diagnosis = {
    "D loss 1.386, G loss 0.693, samples widely spread but wrong": "weak",
    "G loss falls to 0, D loss rises and rises": "frozen",
    "D loss falls to 0, a minimax G gets no gradient": "strong",
    "three of ten digits never come up": "collapse",
}

# %%
checks.diagnosis(my_diagnosis)

# %% [markdown]
# The first is the trap: those are also the losses of a perfect generator. Only the samples tell the two apart.
