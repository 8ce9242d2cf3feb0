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
# # Solutions to 06 · Better GANs
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
# ## Exercise 1: hinge losses
# Write `hinge(real_logits, fake_logits)`: the loss of the discriminator and of the generator, from (batch, 1) twice to
# (batch,) twice. (No mean over the batch: one number an example.)


# %%
def my_hinge(real_logits, fake_logits):
    d_loss = np.maximum(0.0, 1.0 - real_logits) + np.maximum(0.0, 1.0 + fake_logits)  # (batch, 1)
    return d_loss[:, 0], -fake_logits[:, 0]


# %%
checks.hinge(my_hinge)

# %% [markdown]
# Real logits above 1 and generated ones below −1 cost nothing and give no gradient: the discriminator works on what is
# still in doubt. The generator's loss has no margin, so it never stops learning.

# %% [markdown]
# ## Exercise 2: what spectral normalisation divides by
# Write `spectral_norm(kernel)` for the kernel of a dense layer (in, out) and of a convolution (height, width, in, out):
# the largest singular value of the kernel, reshaped if need be. You may use `np.linalg`, or power iteration.


# %%
def my_spectral_norm(kernel):
    matrix = kernel.reshape(-1, kernel.shape[-1])  # of a dense layer this changes nothing
    return np.linalg.svd(matrix, compute_uv=False)[0]


# %%
checks.spectral_norm(my_spectral_norm)

# %% [markdown]
# `reshape(-1, out)` puts height, width and input channels into one axis. It is the norm of the map from one window to
# its output, not that of the whole convolution, whose windows overlap.

# %% [markdown]
# ## Exercise 3: in or away?
# Write `dirac_eigenvalue(rate, penalty)`: the size of the largest eigenvalue of the Dirac-GAN's step, taking turns, the
# discriminator first.


# %%
def my_dirac_eigenvalue(rate, penalty):
    discriminator = np.array([[1, 0], [-rate / 2, 1 - rate * penalty]])  # acts on (theta, psi)
    generator = np.array([[1, rate / 2], [0, 1]])
    return np.abs(np.linalg.eigvals(generator @ discriminator)).max()


# %%
checks.dirac_eigenvalue(my_dirac_eigenvalue)

# %% [markdown]
# While the eigenvalues are a complex pair their size is $\sqrt{1 - h\gamma}$: below 1 for any penalty above 0. When
# they are real they differ, and the larger one counts.

# %% [markdown]
# ## Exercise 4: undo the penalty's bias
# A linear critic under WGAN-GP with the weight $\lambda$ says `estimate` $= d\,(1 + d/(2\lambda))$. Write
# `distance_from_critic(estimate, weight)`: the true distance $d$.


# %%
def my_distance_from_critic(estimate, weight):
    return weight * (np.sqrt(1 + 2 * estimate / weight) - 1)


# %%
checks.distance_from_critic(my_distance_from_critic)

# %% [markdown]
# $d^2 + 2\lambda d - 2\lambda\,\text{estimate} = 0$ has the positive root
# $d = \lambda\big(\sqrt{1 + 2\,\text{estimate}/\lambda} - 1\big)$. For a large weight it is the estimate itself.

# %% [markdown]
# ## Exercise 5: how much a batch varies
# Write `minibatch_deviation(features)`: append to each row of (batch, d) the standard deviation over the batch,
# averaged over the features. The result is (batch, d + 1).


# %%
def my_minibatch_deviation(features):
    deviation = features.std(axis=0).mean()
    return np.column_stack([features, np.full(len(features), deviation)])


# %%
checks.minibatch_deviation(my_minibatch_deviation)

# %% [markdown]
# A batch of copies gets a 0, whatever it shows: a discriminator that has seen real batches knows that something is
# wrong.
