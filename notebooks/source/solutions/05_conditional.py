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
# # Solutions to 05 · Conditional generation
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
# ## Exercise 1: the projection
# Write `projection_logit(h, labels, w, b, v)`: features `h` (batch, d), integer labels (batch,), `w` (d,), a number `b`
# and one row for each label, `v` (labels, d) → logits $w\cdot h + b + v_c\cdot h$, (batch, 1). NumPy, TensorFlow and
# Keras operations are all fine.


# %%
def my_projection_logit(h, labels, w, b, v):
    return np.sum(h * (w + v[labels]), axis=1, keepdims=True) + b


# %%
checks.projection_logit(my_projection_logit)

# %% [markdown]
# The label chooses which direction in the features counts: $w + v_c$. Written so, a projection discriminator is ten
# discriminators that share all but their last layer.

# %% [markdown]
# ## Exercise 2: agreement, class by class
# Write `class_agreement(asked, read, classes)`: from the labels asked for and read, both (n,), to the share between 0
# and 1 of each *asked* class that was read as asked, (classes,). A class that nobody asked for gets 0.


# %%
def my_class_agreement(asked, read, classes):
    right = np.bincount(asked[asked == read], minlength=classes)
    return right / np.maximum(np.bincount(asked, minlength=classes), 1)


# %%
checks.class_agreement(my_class_agreement)

# %% [markdown]
# Divide by the number *asked for*: dividing by the number read answers another question (of what is read as a seven,
# how much was asked for as one?). The mean over all pictures hides a digit that always fails.

# %% [markdown]
# ## Exercise 3: what a condition is worth
# For few outcomes all is exact. `joint` (pictures, conditions) holds the probabilities $p(x, c)$, summing to 1. Write
# `condition_worth(joint)`: the mean of $\log p(x\mid c) - \log p(x)$ in nats, what the condition saves a perfect model.
# (Mind zeros.)


# %%
def my_condition_worth(joint):
    p_x, p_c = joint.sum(axis=1, keepdims=True), joint.sum(axis=0)  # (pictures, 1), (conditions,)
    return np.sum(xlogy(joint, joint / (p_x * p_c)))


# %%
checks.condition_worth(my_condition_worth)

# %% [markdown]
# This is the mutual information of picture and condition. It is at most the entropy of the condition: 2.3 nats for ten
# equally frequent labels, however good the model is.

# %% [markdown]
# ## Exercise 4: was the request obeyed?
# Write `control(asked, got)`: mean absolute error, and the slope of the least-squares line that predicts `got` from
# `asked`, two numbers.


# %%
def my_control(asked, got):
    slope = np.cov(asked, got)[0, 1] / np.var(asked, ddof=1)
    return np.mean(np.abs(got - asked)), slope


# %%
checks.control(my_control)

# %% [markdown]
# The line predicts what was drawn *from what was asked*. A generator that ignores the request has the slope 0; one that
# goes only half the way has 0.5, even if its correlation is perfect.

# %% [markdown]
# ## Exercise 5: diagnosis
# For each verdict one word: `"fine"`, `"ignores"` (the condition), `"collapse"` (of the variety within a class), or
# `"mislabelled"` (the training data has a tenth of its labels wrong).


# %%
my_control_diagnosis = {
    "agreement 10 %, diversity above 100 %, share small": "ignores",
    "agreement 100 %, diversity 5 %, a poor teacher": "collapse",
    "agreement 98.5 %, diversity 95 %, share small": "fine",
    "agreement 90 %, whatever the model, share small": "mislabelled",
}

# %%
checks.control_diagnosis(my_control_diagnosis)

# %% [markdown]
# The last one is no fault of the model: it has learnt the wrong labels as well. Look at pairs of the training data
# before you change a network.
