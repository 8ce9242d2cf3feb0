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
# # 01 · Data normalization
# **A pixel is a whole number from 0 to 255, and a network works with real numbers near 1. What can go wrong between the
# two, and by which number do you notice?**
#
# - **You will** scale images and undo it without losing a grey level, match the range of the data to the last
#   activation and to a loss that means something, and watch a decoder and a generator fail under wrong scalings.
# - **You need** NumPy arrays, and a first idea of what a neural network and a training loop are.
# - **Time:** about a minute and a half to run on two cores (twice that on Binder), 45 minutes to read.

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
import gc
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from gentutor import checks, data, gan, losses, metrics, networks, plots, training, widgets

plots.use_style()
split = data.load_mnist()
print("train", split.x_train.shape, "valid", split.x_valid.shape, "test", split.x_test.shape, split.x_train.dtype)

# %% [markdown]
# ## What a pixel is
# A grey image is a table of numbers, one for each pixel: 0 is black, 255 is white. Each is stored in one byte, the type
# `uint8`, which holds the 256 whole numbers from 0 to 255 and nothing else.
#
# **Predict:** what share of a digit's pixels is exactly 0? What share is grey, neither 0 nor 255?

# %%
_ = plots.pixel_values(split.x_test[0], rows=slice(6, 16), columns=slice(4, 14))

# %%
pixels = split.x_train
for name, share in {
    "black (0)": np.mean(pixels == 0),
    "grey (1 to 254)": np.mean((pixels > 0) & (pixels < 255)),
    "white (255)": np.mean(pixels == 255),
}.items():
    print(f"{name:16s} {100 * share:5.1f} %")

# %% [markdown]
# Four in five pixels are exactly black, and fewer than one in a hundred is exactly white. A digit is mostly background
# with a soft-edged stroke, and that will decide below what a wrong scaling does.
#
# ## A byte wraps around
# **Predict:** what is 200 + 100 in `uint8`? And what does "make the digit brighter by 60" look like?

# %% tags=["nbval-check-output"]
a, b = np.array([200, 10], np.uint8), np.array([100, 20], np.uint8)
print(a, "+", b, "=", a + b)
print(a, "-", b, "=", a - b)

# %%
digits = split.x_test[:10]
brighter = np.clip(digits.astype(np.int16) + 60, 0, 255).astype(np.uint8)
rows = {"digits": digits, "digits + 60": digits + 60, "+ 60, done right": brighter}
_ = plots.image_rows(rows, wrong=["digits + 60"])

# %% [markdown]
# 300 does not fit in a byte, so 300 − 256 = 44 is what you get, without any warning; 10 − 20 becomes 246. In the
# middle row the brightest strokes, 255 + 60, have become 59, as dark as the background, and the soft edges are now
# brightest. The rule: **convert to a wider type first**, compute, clip to [0, 255], and convert back last. Averages
# and differences of images need the same care.
#
# ## Scaling, and scaling back
# Networks work best with numbers around 1, and their last layer has a range of its own. Three scalings are common.
# With a pixel $p$ from 0 to 255, and the mean $m$ and standard deviation $s$ of the training pixels:
#
# | | there | back | at $p = 0$ and $p = 255$ |
# |---|---|---|---|
# | **[0, 1]** | $x = p / 255$ | $p = 255\,x$ | 0 and 1 |
# | **[−1, 1]** | $x = 2p / 255 - 1$ | $p = 255\,(x + 1) / 2$ | −1 and 1 |
# | **standardised** | $x = (p - m) / s$ | $p = s\,x + m$ | $-m/s$ and $(255 - m)/s$ |
#
# All three are the same straight line $x = \text{low} + (\text{high} - \text{low})\,p/255$ with another low and high.


# %%
def to_signed(images):
    """Pixels 0 ... 255 -> float32 in [-1, 1]."""
    return 2.0 * images.astype("float32") / 255.0 - 1.0


def from_signed(x):
    """Floats in [-1, 1] -> pixels: rounded, clipped, and only then made bytes."""
    return np.clip(np.rint((x + 1.0) * 127.5), 0, 255).astype("uint8")


# %% [markdown]
# For the third scaling we need the mean and the standard deviation of the training pixels:


# %%
def mean_and_sd(x, axis=None):
    """Mean and standard deviation, part by part: 55,000 images of floats at once would take 345 MB."""
    mean = x.mean(axis=axis)
    parts = np.array_split(x, 100)
    return mean, np.sqrt(np.mean([np.mean((part - mean) ** 2, axis=axis) for part in parts], axis=0))


m, s = mean_and_sd(split.x_train)
standardised = (-m / s, (255 - m) / s)  # what pixels 0 and 255 become
print(f"training pixels: mean {m:.2f}, standard deviation {s:.2f}")
print(f"standardised pixels go from {standardised[0]:.2f} to {standardised[1]:.2f}")

# %% [markdown]
# The package's `data.normalize(images, low, high)` and `data.denormalize(x, low, high)` are these lines for any low and
# high. (You write the general version yourself in the exercises.) Do they agree with ours, there and back?

# %%
levels = np.arange(256, dtype="uint8")
checks.same(to_signed, partial(data.normalize, low=-1, high=1), levels)
_ = checks.same(from_signed, partial(data.denormalize, low=-1, high=1), np.linspace(-1.2, 1.2, 1000, dtype="float32"))

# %% [markdown]
# **Predict:** someone writes the way back as `((x + 1) * 127.5).astype("uint8")`, without rounding. `astype` cuts off
# what is behind the decimal point. How many of the 256 grey levels come back as they went in?

# %% tags=["nbval-check-output"]
careless = ((to_signed(levels) + 1.0) * 127.5).astype("uint8")
print("levels that survive the round trip, cut off:", np.sum(careless == levels), "of 256")
print("levels that survive the round trip, rounded:", np.sum(from_signed(to_signed(levels)) == levels), "of 256")

# %% [markdown]
# Floats are not exact: 2 comes back as 1.9999999, and cutting off makes it 1. One level is invisible in one image,
# but it makes every image of a model a little darker, and a comparison with real pixels a little wrong.
#
# ## The last layer has a range too
# What a network can put out is decided by its last activation: **sigmoid** $1/(1+e^{-a})$ stays between 0 and 1,
# **tanh** between −1 and 1, and **linear** (none) has no limits.

# %%
activations = {"sigmoid": keras.activations.sigmoid, "tanh": keras.activations.tanh, "linear": keras.activations.linear}
_ = plots.activations(activations, np.linspace(-5, 5, 201, dtype="float32"))

# %% [markdown]
# So scaling and activation belong together: [0, 1] with sigmoid, [−1, 1] with tanh, standardised with linear. Move the
# sliders below: they change the range under the histogram of the pixels, and the picture on the right is the *best*
# that any network with that activation could draw. **Try:** low = −1, high = 1 with *sigmoid*. Which part is lost?

# %%
widgets.range_explorer(split.x_test[:300])

# %%
# The same in print, for a page without sliders: data in [−1, 1] under a tanh (left) and under a sigmoid (right)
_, axes = plt.subplots(1, 2, figsize=(8.6, 2.7))
plots.scaled_histogram(split.x_test[:300], -1, 1, (-1, 1), "tanh", ax=axes[0])
_ = plots.scaled_histogram(split.x_test[:300], -1, 1, (0, 1), "sigmoid", ax=axes[1])

# %% [markdown]
# On the right the tall bar at −1, the black background, lies outside of what a sigmoid can put out. That network cannot
# draw black at all, however long it is trained.
#
# How bad is that? We can know **before any training**. The best output for a target $x$ out of reach is the nearest end
# of the range; the error that remains is a floor that no training gets under. We measure it in one unit for all
# scalings, **grey levels** (steps of a pixel from 0 to 255), as the root of the mean squared difference.


# %%
def grey_error(images, real):
    """Root of the mean squared difference of two uint8 arrays, in grey levels."""
    return float(np.sqrt(np.mean((images.astype("float32") - real) ** 2)))


RANGES = {"sigmoid": (0, 1), "tanh": (-1, 1), "linear": (-np.inf, np.inf)}
test = split.x_test.reshape(-1, 784)
pairs = {
    "tanh, [−1, 1]": (-1, 1),
    "sigmoid, [−1, 1]": (-1, 1),
    "tanh, standardised": standardised,
    "tanh, [0, 255]": (0, 255),
}
floors = {}
for name, (low, high) in pairs.items():
    best = widgets.best_output(test, low, high, RANGES[name.split(",")[0]])
    floors[name] = grey_error(best, test)
    print(f"{name:20s} no training gets under {floors[name]:6.1f} grey levels")

# %% [markdown]
# A sigmoid under data in [−1, 1] cannot get under 116.7 grey levels; a tanh under raw pixels not under 85.7, which is
# an image all but black. Keep these numbers: the trainings below should obey them.
#
# ## Which loss is a likelihood of what?
# A loss $\ell(x)$ is a **negative log-likelihood** if $e^{-\ell(x)}$ is a probability distribution of $x$: it must sum,
# or integrate, to 1. In notebook 03 everything rests on that. Take the **binary cross-entropy** of a pixel $x$ under a
# predicted $\rho$ (from 0 to 1): $\ell(x) = -x \log \rho - (1 - x)\log(1 - \rho)$.
#
# **Predict:** does $e^{-\ell}$ sum to 1 if $x$ is 0 or 1? Does it integrate to 1 if $x$ may be any grey from 0 to 1?

# %%
rho = np.linspace(0.01, 0.99, 99)
logits = np.log(rho / (1 - rho))[:, None]  # the package's losses take logits: log(rho / (1 - rho))


def density(x):
    """exp(-cross-entropy) of a pixel x under every rho: (99,)."""
    return np.exp(-np.asarray(losses.bernoulli_nll(np.full_like(logits, x), logits)))


binary = density(0.0) + density(1.0)
greys = np.linspace(0, 1, 1001)
grey = np.trapezoid([density(x) for x in greys], greys, axis=0)
print(f"sum over 0 and 1: from {binary.min():.4f} to {binary.max():.4f}")
print(f"integral over greys: {grey[49]:.3f} at rho = 0.5, {grey[98]:.3f} at rho = 0.99")

# %%
series = {"x is 0 or 1: sum": (rho, binary), "x is grey: integral": (rho, grey)}
ax = plots.curves(series, "predicted ρ", "total probability", [(1.0, "a likelihood")])
_ = ax.set_ylim(0, 1.1)

# %% [markdown]
# For binary pixels the sum is 1 for every $\rho$: there the cross-entropy is the Bernoulli's negative log-likelihood.
# For grey pixels the integral is one half at best, and it depends on $\rho$, so no constant repairs it:
# **cross-entropy of grey pixels is a likelihood of nothing.** It trains a usable network all the same, because its
# minimum is in the right place, $\rho = x$. But that minimum is not 0:

# %%
x = np.clip(data.normalize(test, 0, 1), 1e-6, 1 - 1e-6)
floor = np.sum(-x * np.log(x) - (1 - x) * np.log(1 - x), axis=1)  # cross-entropy of each image under itself
print(f"a perfect copy of a test digit costs {floor.mean():.1f} nats (± {floor.std() / 100:.1f}, one standard error)")
_ = checks.expect("01 cross-entropy of grey test digits under themselves: nats", floor.mean(), 45.5, 45.6)

# %% [markdown]
# (A *nat* is the unit of a natural logarithm: 1 nat = 1.44 bits.) A loss of 100 nats on grey digits therefore means:
# 45.5 that no model can save, and 54.5 of error. That is why notebook 03 calls such a number a loss, never a
# likelihood.
#
# For **real numbers** the Gaussian density does integrate to 1. With a fixed standard deviation $\sigma$ its negative
# log-likelihood is the squared error in disguise,
# $$-\log \mathcal N(x;\mu,\sigma^2) = \frac{(x-\mu)^2}{2\sigma^2} + \log\sigma + \tfrac12\log 2\pi ,$$
# and $\sigma$ is in the units of the data. **Predict:** the same images and the same reconstruction, once scaled to
# [0, 1] with $\sigma = 0.1$ and once to [−1, 1] with $\sigma = 0.2$, which is the same $\sigma$. Is the loss the same?

# %%
image, guess = split.x_test[:1], np.full((1, 28, 28), 60, "uint8")
for low, sigma in [(0.0, 0.1), (-1.0, 0.2)]:
    nll = losses.gaussian_nll(data.normalize(image, low, 1), data.normalize(guess, low, 1), sigma)
    print(f"in [{low:g}, 1] with sigma {sigma}: {float(nll[0]):8.1f} nats")
print(f"784 log 2 = {784 * np.log(2):.1f} nats")

# %% [markdown]
# It is not: a density is *probability per unit*, and stretching the axis by 2 thins it by 2 for each of 784 numbers.
# **Nats of densities can be compared only in the same unit.** The table to keep:
#
# | pixels | loss | likelihood? |
# |---|---|---|
# | binary, 0 or 1 | cross-entropy = Bernoulli NLL | yes |
# | real numbers | squared error = Gaussian NLL of a fixed $\sigma$, up to a constant | yes, per unit of $x$ |
# | grey, in [0, 1] | cross-entropy | no: useful, with a floor of 45.5 nats |
#
# ## Binarisation: making the Bernoulli right
# If the likelihood wants binary pixels, make them binary. Either cut at one half, or read the grey $x$ as a probability
# and **draw** 0 or 1. **Predict:** what do you see if you average 100 draws?


# %%
def my_binarize(x, rng):
    """Draw each pixel as 1 with probability x, else 0."""
    return (rng.random(x.shape) < x).astype("float32")


grey, rng = data.normalize(digits, 0, 1), np.random.default_rng(0)
draws = np.stack([my_binarize(grey, rng) for _ in range(100)])
rows = {"grey": grey, "cut at 1/2": grey > 0.5, "one draw": draws[0], "mean of 100": draws.mean(axis=0)}
_ = plots.image_rows({label: 255.0 * images for label, images in rows.items()})

# %%
between = (grey > 0) & (grey < 1)
standard_error = np.sqrt(grey * (1 - grey) / 100)[between]  # of a mean of 100 draws
z = (draws.mean(axis=0) - grey)[between] / standard_error
print(
    f"deviation from the grey, in standard errors: mean {z.mean():.2f}, root mean square {np.sqrt(np.mean(z**2)):.2f}"
)

# %% [markdown]
# The mean of the draws is the grey image, off by just the chance error that theory allows (root mean square near 1).
# Cutting loses the soft edges for good; drawing anew in every epoch loses nothing on average. The package's
# `data.binarize(x, seed)` draws the same way and repeatably, and `data.batches(x, binarize=True)` anew each epoch.
# Results on "binarised MNIST" cannot be compared between these protocols, so always say which one was used.
#
# ## Statistics come from the training part only
# Standardising needs a mean and a standard deviation. Whose? If the test part helps to set them, it has helped to
# train: a **leak**. How much does that flatter the result? On MNIST, with one mean and one deviation for all pixels,
# take the Gaussian of the training pixels as the simplest model, and its negative log-likelihood on the test part.


# %%
def gaussian_nats(x, mean, sd):
    """Negative log-likelihood of each row under independent Gaussians, in nats for each number: (n,)."""
    return np.mean(0.5 * ((x - mean) / sd) ** 2 + np.log(sd) + 0.5 * np.log(2 * np.pi), axis=1)


everything = np.concatenate([split.x_train, split.x_test])
m_leaky, s_leaky = mean_and_sd(everything)
gain = gaussian_nats(test, m, s) - gaussian_nats(test, m_leaky, s_leaky)
print(f"mean {m:.2f}, sd {s:.2f} of the training part; with the test part {m_leaky:.2f} and {s_leaky:.2f}")
del everything
print(f"the leak flatters MNIST by {gain.mean():.6f} ± {gain.std() / 100:.6f} nats for each pixel")

# %% [markdown]
# A 2 in the fifth decimal place. The error bar says that it is there, but with 55,000 images the test part hardly
# moves two numbers: on MNIST you could break the rule and never notice. So take a tiny set whose features have scales
# of their own: 178 wines described by 13 chemical measurements, with 10 wines to train on and 10 to test.

# %%
wine = load_wine().data
print(f"standard deviations of the features: from {wine.std(axis=0).min():.2f} to {wine.std(axis=0).max():.0f}")


def one_repeat(rng, n=10):
    """Nats for each number of held-out wines: honest, leaky on its own test part, leaky on wines never touched."""
    train, test, fresh = np.split(rng.permutation(wine), [n, 2 * n])
    both = np.concatenate([train, test])
    own, leaky = (train.mean(0), train.std(0)), (both.mean(0), both.std(0))
    return [gaussian_nats(x, *stats).mean() for x, stats in [(test, own), (test, leaky), (fresh, leaky)]]


# %% [markdown]
# **Predict:** three scores (lower is better): *honest* (statistics of the 10 training wines), *leaky* (of training and
# test wines, scored on those test wines), and the *truth* about the leaky model, on wines it never touched. In which
# order will they come?

# %%
repeats, rng = 1000, np.random.default_rng(0)
scores = np.array([one_repeat(rng) for _ in range(repeats)])
for name, column in zip(["honest", "leaky, as claimed", "leaky, in truth"], scores.T, strict=True):
    print(f"{name:18s} {column.mean():.3f} ± {column.std() / np.sqrt(repeats):.3f} nats for each number")
optimism = scores[:, 2] - scores[:, 1]
print(f"flattery of the leak {optimism.mean():.3f} ± {optimism.std() / np.sqrt(repeats):.3f}")
_ = checks.expect("01 flattery of the leak on wine: nats for each number", optimism.mean(), 0.1086, 0.1287)

# %% [markdown]
# The leaky score is better than the truth about the same model by many standard errors, thousands of times more than on
# MNIST: with ten wines, the ten in the test part decide half of each mean and deviation, and an extreme wine widens the
# very yardstick it is measured by. The rule costs nothing, so keep it always: **fit every number on the training part,
# apply it everywhere.**
#
# One more trap of per-feature scales: on MNIST some pixels never vary.

# %%
mean, sd = mean_and_sd(split.x_train.reshape(-1, 784), axis=0)
largest = ((test.max(axis=0) - mean) / np.maximum(sd, 1e-9))[sd > 0].max()
print(f"{np.sum(sd == 0)} of 784 pixels are 0 in all training digits: dividing by their deviation divides by 0")
print(f"{np.sum(test[:, sd == 0].max(axis=0) > 0)} of these are lit in some test digit")
print(f"elsewhere, a standardised test pixel reaches {largest:.0f} standard deviations")

# %% [markdown]
# So images get *one* mean and *one* deviation for all pixels (or one for each colour channel), and tables one for each
# column, with a guard where a column never varies.
#
# ## Broken on purpose: a small decoder
# Now train. A network squeezes each digit into 16 numbers and a small **decoder** draws it again from those; the loss
# is the mean squared error *in the scaled units*. Nothing differs between the four runs but the last activation and
# the range. We judge all of them on test digits, in grey levels.

# %%
IMAGES, CODE, DECODER_EPOCHS, GENERATOR_EPOCHS = 19_968, 16, 4, 10
train = split.x_train[:IMAGES].reshape(-1, 784)


def scaled_batches(low, high, seed):
    """Endless batches of training digits: they stay bytes, and are scaled to [low, high] one batch at a time."""
    images = data.batches(train, batch_size=128, seed=seed)
    return images.map(lambda batch: low + (high - low) * keras.ops.cast(batch, "float32") / 255.0)


# %%
def train_decoder(activation, low, high, seed=0):
    """Train on digits scaled to [low, high]; returns the test digits as the decoder draws them, uint8."""
    gc.collect()  # gives back the memory of the last training
    keras.utils.set_random_seed(seed)
    encoder = networks.mlp(784, CODE, (128,), name="encoder")
    decoder = networks.mlp_decoder(CODE, 784, (128,), output_activation=activation)
    model = keras.Sequential([encoder, decoder])
    model.compile("adam", "mse", jit_compile=False, steps_per_execution=39)
    pairs = scaled_batches(low, high, seed).map(lambda x: (x, x))  # input and target are the same image
    model.fit(pairs, epochs=DECODER_EPOCHS, steps_per_epoch=IMAGES // 128, shuffle=False, verbose=0)
    return data.denormalize(training.in_chunks(model, data.normalize(test, low, high)), low, high)


# %% [markdown]
# Two baselines give the numbers a meaning: the mean image for every digit, and the best that *linear* networks with 16
# numbers can do, which is known exactly (principal components).

# %%
mean = train.mean(axis=0)
centred = train - mean.astype("float32")
axes = np.linalg.eigh(centred.T @ centred)[1][:, -CODE:]
linear = mean + (test - mean) @ axes @ axes.T
baselines = [(grey_error(mean, test), "mean image"), (grey_error(linear, test), "16 principal components")]
del centred, linear
print("; ".join(f"{name}: {value:.1f} grey levels" for value, name in baselines))

# %% [markdown]
# **Predict:** which of the four will work? What will the wrong ones look like? (You know their floors.)

# %%
drawn = {
    "sigmoid, [0, 1]": train_decoder("sigmoid", 0, 1),
    "tanh, [−1, 1]": train_decoder("tanh", -1, 1),
    "sigmoid, [−1, 1]": train_decoder("sigmoid", -1, 1),
    "tanh, [0, 255]": train_decoder("tanh", 0, 255),
}
WRONG = ["sigmoid, [−1, 1]", "tanh, [0, 255]"]
rows = {"test digits": test[:10], **{name: images[:10] for name, images in drawn.items()}}
_ = plots.image_rows(rows, wrong=WRONG)

# %%
errors = {name: grey_error(images, test) for name, images in drawn.items()}
checks.expect("01 decoder, sigmoid, [0, 1]: grey levels", errors["sigmoid, [0, 1]"], 36.32, 38)
checks.expect("01 decoder, tanh, [−1, 1]: grey levels", errors["tanh, [−1, 1]"], 34.75, 36.65)
above = {name: errors[name] - floors[name] for name in WRONG}
checks.expect("01 decoder, sigmoid, [−1, 1]: grey levels above the floor", above["sigmoid, [−1, 1]"], 0, 6.5)
_ = checks.expect("01 decoder, tanh, [0, 255]: grey levels above the floor", above["tanh, [0, 255]"], 0, 0.5)

# %% [markdown]
# Both right pairs beat the mean image by far and the linear network by 5 to 6 grey levels. Both wrong ones obey their
# floors of 116.7 and 85.7, and are *worse than the mean image*: the sigmoid draws its black as middle grey, the tanh
# puts out at most 1 where up to 255 was asked for, and everything is black. None of these runs raised an error or a
# warning.
#
# A recipe in `bench/` trained eight pairs with five seeds each:

# %%
five_seeds = {
    "tanh, [−1, 1]": [35.5, 35.6, 35.5, 36.2, 35.8],
    "linear, standardised": [36.9, 36.7, 36.8, 36.8, 37.0],
    "sigmoid, [0, 1]": [37.2, 37.1, 36.8, 37.1, 37.6],
    "linear, [0, 255]": [37.7, 37.7, 37.2, 37.4, 37.6],
    "tanh, [0, 1]": [39.2, 38.7, 38.7, 38.6, 38.9],
    "tanh, standardised": [51.6, 51.7, 51.5, 51.6, 51.6],
    "tanh, [0, 255]": [85.7, 85.7, 85.7, 85.7, 85.7],
    "sigmoid, [−1, 1]": [123.1, 123.1, 123.1, 123.0, 123.1],
}
CUT_OFF = ["tanh, standardised", *WRONG]
_ = plots.seed_results(five_seeds, "error on test digits, grey levels (five seeds)", baselines, wrong=CUT_OFF)

# %% [markdown]
# Three groups. The pairs that match lie between 35.7 and 37.2 grey levels; a linear output on raw pixels (37.5) does
# as well, because it can reach every value and Adam makes its steps nearly independent of the size of the loss. Half a
# range, tanh on [0, 1], trains without complaint and costs 3 grey levels. A range that is cut off costs far more: 51.6
# for tanh on standardised pixels (floor 44.6), and beyond the mean image for the last two.
#
# The same recipe measured the leak of above once more: standardising by the statistics of all 70,000 images instead of
# the 55,000 for training changed the decoder's error by −0.003 ± 0.018 grey levels (mean of five seeds and its standard
# error). On MNIST the leak does nothing that one could see.
#
# ## Broken on purpose: a small generator
# A **generator** has no target to copy: it learns from a second network, the discriminator, which compares its samples
# with real digits. Notebook 02 builds that game; here `gan.GAN` is a closed box. If the scaling is wrong, the package
# refuses:

# %%
generator, discriminator = networks.mlp_generator(), networks.mlp_discriminator()
for low, high in [(0, 255), (0, 1)]:
    try:
        gan.GAN(generator, discriminator).check_data("x", data.normalize(train, low, high))
    except ValueError as error:
        print(f"{type(error).__name__}: {error}\n")


# %% [markdown]
# To see why it refuses, we take the guard away, and train the same generator under one right and two wrong scalings.


# %%
class Unchecked(gan.GAN):
    """A GAN without the guard."""

    def check_data(self, name, x):
        pass


def train_generator(activation, low, high, seed=0):
    """Train on digits scaled to [low, high]; returns 10,000 samples, uint8 (10000, 784)."""
    gc.collect()
    keras.utils.set_random_seed(seed)
    generator = networks.mlp(100, 784, (128,), keras.layers.LeakyReLU(0.2), activation, name="generator")
    more = {"ema_decay": 0.99, "gradient_penalty": 1.0, "data_range": (low, high), "seed": seed}  # see notebook 02
    model = Unchecked(generator, networks.mlp_discriminator(), **more)
    optimizers = [keras.optimizers.Adam(1e-3, beta_1=0.5) for _ in range(2)]
    model.compile(*optimizers, jit_compile=False, steps_per_execution=39)
    x = scaled_batches(low, high, seed)
    model.fit(x, epochs=GENERATOR_EPOCHS, steps_per_epoch=IMAGES // 128, shuffle=False, verbose=0)
    return model.sample(10_000, seed=1)


# %% [markdown]
# Samples have no partner to be compared with pixel by pixel, but their histogram of grey levels has: the area between
# two cumulative histograms is the average number of grey levels by which pixels must be moved to turn one histogram
# into the other (the Wasserstein-1 distance). As a second judge we take the Fréchet distance of notebook 02, as a
# share: 0 is as good as real digits, 1 is as bad as a Gaussian fitted to 50 principal components.


# %%
def histogram_distance(images, real):
    """Distance of two histograms of pixels, in grey levels."""
    cumulative = [np.cumsum(np.bincount(x.ravel(), minlength=256)) / x.size for x in (images, real)]
    return float(np.abs(cumulative[0] - cumulative[1]).sum())


print(f"two sets of real digits:  {histogram_distance(split.x_train[:10_000], test):6.1f} grey levels")
print(f"nothing but black:        {histogram_distance(np.zeros_like(test), test):6.1f}")
floors = {}
for name in WRONG:
    best = widgets.best_output(test, *pairs[name], RANGES[name.split(",")[0]])
    floors[name] = histogram_distance(best, test)
    print(f"floor of {name + ':':18s}{floors[name]:6.1f}")

# %%
samples = {
    "tanh, [−1, 1]": train_generator("tanh", -1.0, 1.0),
    "sigmoid, [−1, 1]": train_generator("sigmoid", -1.0, 1.0),
    "tanh, [0, 255]": train_generator("tanh", 0.0, 255.0),
}
rows = {"real digits": test[:10], **{name: images[:10] for name, images in samples.items()}}
_ = plots.image_rows(rows, wrong=WRONG)

# %%
distances = {name: histogram_distance(images, test) for name, images in samples.items()}
shares = {name: metrics.frechet_excess(images).share for name, images in samples.items()}
above = {name: distances[name] - floors[name] for name in WRONG}
shares["nothing but black"] = metrics.frechet_excess(np.zeros_like(test)).share
print("Fréchet shares:", ", ".join(f"{name}: {share:.2f}" for name, share in shares.items()))
checks.expect("01 generator, tanh, [−1, 1]: grey levels", distances["tanh, [−1, 1]"], 8.02, 12.66)
checks.expect("01 generator, tanh, [−1, 1]: excess share", shares["tanh, [−1, 1]"], 0.754, 0.893)
checks.expect("01 generator, sigmoid, [−1, 1]: grey levels above the floor", above["sigmoid, [−1, 1]"], 0, 13.5)
_ = checks.expect("01 generator, tanh, [0, 255]: grey levels above the floor", above["tanh, [0, 255]"], 0, 0.9)

# %% [markdown]
# The right pair draws digits, roughly: its histogram is about 10 grey levels off, and its Fréchet share of 0.8 says
# that there is much left to do (notebook 02 does better). The two wrong ones draw nothing: one puts out middle grey
# everywhere, the other black, 13 and 0.3 grey levels above their floors, with shares of about 2.4, no better than an
# empty page.
#
# **How you notice in practice:** print the smallest, the mean and the largest pixel of your samples next to those of
# the data, in pixels, before you look at any loss.

# %%
for name, images in {"real digits": test, **samples}.items():
    print(f"{name:18s} smallest {images.min():3d}, mean {images.mean():5.1f}, largest {images.max():3d}")

# %% [markdown]
# Five seeds for each of six pairs, from the recipe in `bench/`:

# %%
five_seeds = {
    "sigmoid, [0, 1]": [4.4, 3.9, 3.7, 4.0, 3.9],
    "tanh, [−1, 1]": [11.6, 9.9, 9.7, 10.4, 10.1],
    "linear, standardised": [23.1, 22.9, 23.0, 22.6, 22.8],
    "tanh, [0, 1]": [23.5, 23.5, 23.5, 23.6, 24.8],
    "tanh, [0, 255]": [33.9, 34.0, 33.9, 33.8, 34.0],
    "sigmoid, [−1, 1]": [121.0, 121.0, 121.0, 121.0, 121.0],
}
HALF_OR_NONE = ["tanh, [0, 1]", *WRONG]
xlabel = "distance of the samples' histogram from the real one, grey levels (five seeds)"
black = [(histogram_distance(np.zeros_like(test), test), "nothing but black")]
_ = plots.seed_results(five_seeds, xlabel, black, wrong=HALF_OR_NONE)

# %% [markdown]
# The generator is pickier than the decoder. Both saturating activations with their own range come closest (4 and 10
# grey levels). A linear output on standardised pixels, which the decoder did not mind, is 23 off. A likely reason: it
# has to hit the black of four pixels in five exactly, while sigmoid and tanh reach it at the end of their range. And
# tanh on [0, 1], which the decoder survived, is as far off here, 24: black now lies in the middle of its range, and it
# too must be hit exactly.
#
# ## Exercises
# Replace each `...`, run the cell and the check below it. Answers: `solutions/01_normalization.ipynb`.

# %% [markdown]
# ### Exercise 1: scale to any range
# Write `normalize(images, low, high)`: `uint8` pixels of any shape in, floats out, with 0 at `low` and 255 at `high`.
# It must be right also for an image whose brightest pixel is not 255. NumPy, TensorFlow and Keras operations are all
# fine.


# %%
def my_normalize(images, low, high):
    return ...


# %%
checks.normalize(my_normalize)

# %% [markdown]
# ### Exercise 2: and back
# Write `denormalize(x, low, high)`: floats in, `uint8` pixels out. A network may overshoot its range a little: such
# values become 0 or 255.


# %%
def my_denormalize(x, low, high):
    return ...


# %%
checks.denormalize(my_denormalize)

# %% [markdown]
# ### Exercise 3: which activation, which likelihood?
# Replace each `...` by a word. For the scalings: `"sigmoid"`, `"tanh"` or `"linear"`. For the numbers, the loss that is
# their negative log-likelihood: `"bernoulli"`, `"gaussian"`, or `"neither"`.


# %%
my_activations = {"[0, 1]": ..., "[-1, 1]": ..., "standardised": ...}
my_likelihoods = {"binary pixels": ..., "real numbers": ..., "cross-entropy of grey pixels": ...}


# %%
checks.output_activations(my_activations)
checks.likelihoods(my_likelihoods)

# %% [markdown]
# ### Exercise 4: standardise a table
# Write `standardize(train, test)` for tables (rows, features): both come back with the *training* part's mean removed
# and divided by its standard deviation (divided by n, as `np.std` does), feature by feature. A feature that never
# varies in the training part is divided by 1.


# %%
def my_standardize(train, test):
    return ..., ...


# %%
checks.standardize(my_standardize)

# %% [markdown]
# ### Exercise 5: nats in another unit
# A Gaussian model of `numbers` values (784 for a digit), scaled to [`low`, `high`], has the negative log-likelihood
# `nll` in nats. What is it for the same images measured in grey levels, from 0 to 255? Write `nats_in_pixels(nll,
# numbers, low, high)`. A check by hand: from [0, 1] it grows by 784 log 255 = 4,344 nats for a digit.


# %%
def my_nats_in_pixels(nll, numbers, low, high):
    return ...


# %%
checks.nats_in_pixels(my_nats_in_pixels)

# %% [markdown]
# ## What to remember
# - Data, last activation and loss are chosen together: [0, 1] with sigmoid, [−1, 1] with tanh, standardised with
#   linear; a value that the activation cannot reach is an error that no training removes, and it can be computed
#   beforehand.
# - Cross-entropy is a likelihood of binary pixels, squared error of real numbers, and cross-entropy of grey pixels of
#   neither; densities can be compared only in one unit.
# - Compute in floats, round and clip before going back to bytes, and take every statistic from the training part only.
#
# ## Going deeper
# - **The continuous Bernoulli.** Dividing $e^{-\ell}$ by the integral that we plotted makes cross-entropy of grey
#   pixels a true density; the missing constant, $\log$ of that integral, depends on $\rho$, so leaving it out changes
#   what is learnt ([Loaiza-Ganem and Cunningham 2019](https://arxiv.org/abs/1907.06845)).
# - **Dequantisation.** A density of numbers that take only 256 values can grow without limit: a model may put an ever
#   narrower spike on each. Adding uniform noise of one grey level before scaling removes the spikes, and makes the
#   result a lower bound on a true discrete likelihood ([Theis et al. 2016](https://arxiv.org/abs/1511.01844)).
# - **Colour.** Photographs get one mean and deviation for each channel, from the training part; generators of
#   photographs usually keep [−1, 1] and tanh ([Radford et al. 2016](https://arxiv.org/abs/1511.06434)).
#
# ## Further reading
# - [LeCun, Bottou, Orr and Müller, *Efficient BackProp*](https://doi.org/10.1007/3-540-49430-8_2), 1998, section 4.3:
#   why inputs near mean 0 and deviation 1 train faster.
# - [Salakhutdinov and Murray 2008](https://doi.org/10.1145/1390156.1390266): binarised MNIST as a benchmark.
# - [Kaufman et al. 2012](https://doi.org/10.1145/2382577.2382579): leakage, what it is and how to avoid it.
