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
# # 04 · Judging samples
# **Two models draw digits. Which is better, and how could you prove it to somebody who likes the other one?**
#
# - **You will** compute the likelihood of a model all but exactly and watch bounds creep up to it, build five measures
#   of samples, fool each of them on purpose, rank nine "generators" in one table, and measure your own eye.
# - **You need** notebook 03 (the ELBO and the importance-weighted bound) and the Fréchet distance of notebook 02.
# - **Time:** about three minutes to run on two cores (twice that on Binder), 60 minutes to read.

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
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import ops
from scipy import linalg, ndimage
from scipy.special import logsumexp
from scipy.stats import binomtest

# %%
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_chunked
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from gentutor import checks, data, gan, metrics, networks, plots, vae, widgets

plots.use_style()
plt.rcParams["figure.dpi"] = 80
keras.utils.set_random_seed(0)

# %% [markdown]
# ## The question, in a picture
# Models here may learn from 50,000 training digits only. Another 10,000 (the last 5,000 of the training part and the
# 5,000 of the validation part) stay **unseen**: they are what a perfect generator would give. All are compared with
# the 10,000 test digits. Below: two "generators" that need no training at all.

# %%
split = data.load_mnist()
train, test = split.x_train[:50_000], split.x_test
unseen = np.concatenate([split.x_train[50_000:], split.x_valid])
rng = np.random.default_rng(0)
copies = train[rng.choice(50_000, 10_000, replace=False)]  # a thief: takes training digits, and signs them
noise = rng.integers(0, 256, test.shape, dtype=np.uint8)
_ = plots.image_rows({"real test digits": test[:12], "generator A": copies[:12], "generator B": noise[:12]})

# %% [markdown]
# Every picture of A is perfect. It is a **thief**: it keeps the training set and hands out copies. B is noise.
# **Predict:** a judge may use the likelihood of test digits, a distance between sets, or a look at the pictures. Which
# of them rank A above B? Which notice what A is?
#
# The plan: first likelihood, where the truth can be computed; then measures of samples, each built, checked and
# fooled; then one table with all of them.

# %% [markdown]
# # Part 1: likelihood
# ## A model whose likelihood we can compute
# A VAE with **two** latent numbers, trained on digits whose pixels are drawn as 0 or 1 anew in each epoch (notebook
# 03). Its likelihood is an integral over the plane, and in the plane one can simply add up:
# $$p(x) = \int p(x\mid z)\,p(z)\,dz \;\approx\; h^2\sum_i p(x\mid z_i)\,p(z_i),$$
# over a square grid of points $z_i$ with step $h$. This is **quadrature**.

# %%
BATCH, EPOCHS, STEPS = 128, 10, 50_000 // 128  # 390 = 39 · 10 steps an epoch


def drawn(number, batch):
    """Draw each pixel of batch ``number`` as 0 or 1, with its grey value as the probability of a 1."""
    grey = ops.cast(batch, "float32") / 255.0
    return ops.cast(tf.random.stateless_uniform(batch.shape, (0, number)) < grey, "float32")


model = vae.VAE(networks.mlp_encoder(latent_dim=2), networks.mlp_decoder(latent_dim=2))
falling = keras.optimizers.schedules.CosineDecay(5e-3, EPOCHS * STEPS)
model.compile(keras.optimizers.Adam(falling), jit_compile=True, steps_per_execution=39)
batches = data.batches(train.reshape(-1, 784), BATCH).enumerate().map(drawn)
_ = model.fit(batches, epochs=EPOCHS, steps_per_epoch=STEPS, verbose=0)


# %% [markdown]
# For binary pixels $\log p(x\mid z) = \sum_i \big(x_i a_i - \mathrm{softplus}(a_i)\big)$, with the decoder's logits
# $a$. One product of matrices gives it for all images and many grid points at once. Sums of tiny probabilities are
# taken in logarithms.


# %%
@tf.function(reduce_retracing=True)
def log_joint(z, x):
    """log p(x|z) + log p(z) for every z and every x: (points, 2), (images, 784) -> (points, images), in nats."""
    logits = model.decoder(z)
    log_z = -0.5 * ops.sum(z**2, axis=1) - np.log(2 * np.pi)
    return logits @ ops.transpose(x) + (log_z - ops.sum(ops.softplus(logits), axis=1))[:, None]


def grid(step, limit=6.0):
    """Points of a square grid over [-limit, limit]²: (n, 2)."""
    axis = np.arange(-limit, limit + step / 2, step, dtype="float32")
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def log_p(x, step, limit=6.0, chunk=2500):
    """log p(x) by quadrature: (images, 784) -> (images,), in nats."""
    z, x = grid(step, limit), tf.constant(x)
    sums = [ops.logsumexp(log_joint(tf.constant(z[i : i + chunk]), x), axis=0) for i in range(0, len(z), chunk)]
    return logsumexp(sums, axis=0) + 2 * np.log(step)


# %% [markdown]
# Is the sum fine enough, and the square large enough? We halve the step, and ask how much a larger square adds. (For
# smooth functions that vanish at the edge, such a sum converges faster than any power of $h$; here a few very narrow
# posteriors decide.)

# %%
binary = data.binarize(data.normalize(test[:500], 0, 1), seed=0).reshape(-1, 784)
exact = log_p(binary, step=0.02)
halving = np.abs(log_p(binary, step=0.01) - exact)
coarse = {limit: log_p(binary, step=0.1, limit=limit) for limit in (6.0, 8.0)}
outside = np.abs(coarse[8.0] - coarse[6.0]).max()
print(f"mean log p(x) of 500 test digits: {exact.mean():.2f} nats")
print(f"change by half the step: {halving.mean():.5f} nats in the mean, {halving.max():.4f} for the worst image")
print(f"change by a larger square: {outside:.4f} nats for the worst image")
checks.expect("04 quadrature: mean change by halving the step, nats", halving.mean(), 0, 0.01)
_ = checks.expect("04 two-dimensional VAE: exact log p(x)", exact.mean(), -153.1, -144)

# %% [markdown]
# From now on `exact` is the truth. How near do the bounds of notebook 03 come? With $z_k \sim q(z\mid x)$ and weights
# $w_k = p(x, z_k) / q(z_k\mid x)$, the ELBO is the mean of $\log w_k$, and the importance-weighted bound
# ([Burda et al. 2016](https://arxiv.org/abs/1509.00519))
# $$\mathcal L_K = \mathbb E\Big[\log\frac1K\sum_{k=1}^K w_k\Big],\qquad \mathrm{ELBO} = \mathcal L_1 \le \mathcal L_2
# \le \dots \le \log p(x).$$
# The weights of an image serve every $K$: they are cut into groups of $K$.


# %%
def log_weights(x, wider=1.0, samples=5000, seed=0):
    """log w of draws from q, its standard deviation multiplied by ``wider``: (images, 784) -> (images, samples)."""
    x = tf.constant(x)
    mean, log_var = model.encoder(x)
    sd = wider * ops.exp(0.5 * log_var)

    @tf.function
    def weigh(noise):  # (images, k, 2)
        z = mean[:, None] + sd[:, None] * noise
        logits = ops.reshape(model.decoder(ops.reshape(z, (-1, 2))), (len(x), -1, 784))
        log_x = ops.einsum("np,nkp->nk", x, logits) - ops.sum(ops.softplus(logits), axis=-1)  # log p(x|z)
        log_ratio = 0.5 * ops.sum(noise**2 - z**2, axis=-1) + ops.sum(ops.log(sd), axis=-1)[:, None]
        return log_x + log_ratio  # log p(x|z) + log p(z) - log q(z|x)

    noises = [tf.random.stateless_normal((len(x), 4, 2), (seed, i)) for i in range(samples // 4)]
    return np.concatenate([weigh(noise) for noise in noises], axis=1)


# %%
def bound(log_w, samples):
    """The bound with so many samples, averaged over the groups: (images, all) -> (images,)."""
    groups = log_w.reshape(len(log_w), -1, samples)
    return (logsumexp(groups, axis=2) - np.log(samples)).mean(axis=1)


# %% [markdown]
# **Predict:** how many samples does it take until less than 0.1 nats are missing?

# %%
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
narrow = log_weights(binary, samples=1000)
missing = {k: exact - bound(narrow, k) for k in COUNTS}
for k in (1, 10, 100, 1000):
    error = missing[k].std() / np.sqrt(500)
    print(f"K = {k:5,}: log p − bound = {missing[k].mean():.2f} ± {error:.2f} nats, worst image {missing[k].max():.1f}")
_ = checks.expect("04 two-dimensional VAE: log p minus ELBO", missing[1].mean(), 1.93, 4.96)

# %% [markdown]
# The bound rises, as it must, but 1,000 samples leave most of a nat, in a plane where 1,000 points should see all of it
# (and 5,000 leave 0.7, by `bench/seeds_judging.py`). The mean hides why: nearly all of it comes from a few images that
# miss by tens of nats. Since we know the exact posterior $p(z\mid x) = p(x, z)/p(x)$ on the grid, look at two images: a
# middling one, and the worst.

# %%
order = np.argsort(missing[1000])
cases = {"middling image": order[250], "worst image": order[-1]}
fine, axis = grid(0.05, limit=4.0), np.linspace(-4, 4, 161)
means, log_vars = (ops.convert_to_numpy(t) for t in model.encoder(binary))
_, axes = plt.subplots(1, 2, figsize=(8.6, 4.2))
for ax, (name, i) in zip(axes, cases.items(), strict=True):
    parts = [log_joint(tf.constant(z), tf.constant(binary[i : i + 1])) for z in np.array_split(fine, 10)]
    picture = np.exp(np.concatenate(parts)[:, 0] - np.max(np.concatenate(parts))).reshape(161, 161)
    ax.contourf(axis, axis, picture, [0.01, 0.1, 0.5, 1], cmap="Greens")
    sd = np.exp(0.5 * log_vars[i])
    for width, style in ((6, "-"), (16, "--")):
        ax.add_patch(plt.matplotlib.patches.Ellipse(means[i], *(width * sd), fill=False, ec=plots.WRONG, ls=style))
    ax.set(title=f"{name}: {missing[1000][i]:.2f} nats missing", xlabel="z₁", ylabel="z₂")
    ax.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal")

# %% [markdown]
# Green is the exact posterior (contours at 1, 10 and 50 % of its peak); the solid line holds what lies within three
# standard deviations of the encoder's $q$. On the left $q$ sits on the posterior. On the right **the encoder is simply
# wrong, and sure of it**: no draw of $q$ ever lands where the mass is. No bound that draws from $q$ can tell you that,
# for it only sees what it draws. This is the *amortisation gap* ([Cremer et al. 2018](https://arxiv.org/abs/1801.03558)).
#
# The ELBO taught $q$ to be narrow: $D_{\mathrm{KL}}(q\|p)$ punishes it for covering too much, and hardly for missing
# something (notebook 03). A *proposal* needs the opposite. So widen it: take the same $q$ with eight times the standard
# deviation (dashed: one of these). **Predict:** what does that do to the ELBO, and what to the bound with 5,000
# samples?

# %%
wide = log_weights(binary, wider=8.0)
rest = {k: exact - bound(wide, k) for k in (*COUNTS, 5000)}
for k in (1, 10, 100, 1000, 5000):
    error = rest[k].std() / np.sqrt(500)
    print(f"K = {k:5,}: log p − bound = {rest[k].mean():6.3f} ± {error:.3f} nats, worst image {rest[k].max():6.2f}")
_ = checks.expect("04 q eight times as wide: log p minus bound with 5,000 samples", rest[5000].mean(), 0.0018, 0.0208)

# %%
series = {
    "q as trained": (COUNTS, [missing[k].mean() for k in COUNTS]),
    "q eight times as wide": ((*COUNTS, 5000), [gap.mean() for gap in rest.values()]),
}
ax = plots.curves(series, "samples K", "log p(x) − bound, nats", colours=[plots.WRONG, plots.LATENT])
_ = ax.set(xscale="log", yscale="log", ylim=(1e-3, 100))

# %% [markdown]
# With one sample the wide $q$ is far worse, with 5,000 it is all but exact: a few hundredths of a nat or less are
# missing. So a published "bound with 5,000 samples" may be loose because of the encoder, and **you cannot see it from
# the bound alone**. Where no grid is possible (twenty dimensions), compare several proposals, and take the highest
# bound.
#
# ## Why a likelihood does not show in the pictures
# Now that we can compute likelihoods, two constructions of
# [Theis, van den Oord and Bethge 2016](https://arxiv.org/abs/1511.01844).
#
# **Diluted.** Take our VAE for 1 % of the samples, and noise (each pixel a fair coin, $\log u(x) = -784\log 2$) for
# 99 %: $p_{\text{mix}}(x) = 0.01\,p(x) + 0.99\,u(x)$. **Predict:** how many nats does that cost?

# %%
log_noise = -784 * np.log(2)
diluted = np.logaddexp(np.log(0.01) + exact, np.log(0.99) + log_noise)
print(f"VAE {exact.mean():.2f}, 99 % noise {diluted.mean():.2f} nats; log 100 = {np.log(100):.3f}")
_ = checks.expect("04 diluted: nats lost beyond log 100", exact.mean() - diluted.mean() - np.log(100), -0.001, 0.001)


# %% [markdown]
# Never more than $\log 100 = 4.6$ nats, of about 150. **The thief**, as a density: take a training digit at random,
# binarised, and flip each pixel with a small probability $\varepsilon$. With $d_i$ pixels different from training digit
# $i$, $p(x) = \frac1N\sum_i \varepsilon^{d_i}(1-\varepsilon)^{784-d_i}$, exactly.


# %%
stolen = data.binarize(data.normalize(train[::5], 0, 1), seed=1).reshape(-1, 784)  # every fifth: a thief of 10,000


def log_thief(x, flip):
    """log p(x) under the thief who flips each pixel with probability ``flip``: (images, 784) -> (images,)."""
    different = x.sum(axis=1)[:, None] + stolen.sum(axis=1) - 2 * x @ stolen.T
    log_each = different * np.log(flip) + (784 - different) * np.log1p(-flip)
    return logsumexp(log_each, axis=1) - np.log(len(stolen))


rates = train.mean(axis=0).reshape(-1) / 255
rates = rates.clip(1e-4, 1 - 1e-4)
independent = binary @ np.log(rates) + (1 - binary) @ np.log1p(-rates)
thief = {flip: log_thief(binary, flip) for flip in (0.001, 0.05)}

# %%
rows = {
    "binarised test digits": binary[:12],
    "VAE": model.sample(12, seed=1, mean=False) / 255,
    "99 % noise": rng.integers(0, 2, (12, 784)),
    "thief, 5 % flipped": np.abs(stolen[:12] - (rng.random((12, 784)) < 0.05)),
    "independent pixels": rng.random((12, 784)) < rates,
    "thief, 0.1 % flipped": np.abs(stolen[:12] - (rng.random((12, 784)) < 0.001)),
}
scores = [None, exact, diluted, thief[0.05], independent, thief[0.001]]
labels = [name if s is None else f"{name}: {s.mean():.0f} nats" for name, s in zip(rows, scores, strict=True)]
_ = plots.image_rows({label: 255 * images for label, images in zip(labels, rows.values(), strict=True)})
print(f"thief, 0.1 % flipped, on the digits that it stole: {log_thief(stolen[:500], 0.001).mean():.0f} nats")
_ = checks.expect("04 thief, 0.1 % flipped: log p(x)", thief[0.001].mean(), -347.5, -347)

# %% [markdown]
# Read the numbers against the pictures. The row of pure noise is the second best of the five in likelihood. The thief
# with hardly a flip draws perfect digits, and has by far the worst likelihood, below independent pixels: whatever it
# has not seen, it thinks impossible. With more flips the pictures get worse and the likelihood better. **A likelihood
# judges how well a model covers unseen data; samples show where it puts its mass. One does not tell you the other.**
# (And on the digits that it stole the thief scores best of all: always use held-out data.)
#
# GANs and many other models give no likelihood at all. So we turn to measures that need nothing but samples.

# %% [markdown]
# # Part 2: measures of samples
# ## The contenders
# Besides the thief and the noise: the mean image; a Gaussian on 50 principal components; a mixture of 50 Gaussians on
# the same components; our VAE, as means of $p(x\mid z)$ and as honest draws; and the better GAN of notebook 02
# (5,000 steps).

# %%
del narrow, wide, batches
_ = gc.collect()
generator, discriminator = networks.mlp_generator(64, 784, (256, 256)), networks.mlp_discriminator(784, (256, 256))
player = gan.GAN(generator, discriminator, gradient_penalty=1.0, ema_decay=0.998)
adams = [keras.optimizers.Adam(1e-3, beta_1=0.0) for _ in range(2)]
player.compile(*adams, jit_compile=True, steps_per_execution=50)
scaled = data.batches(train.reshape(-1, 784), 64).map(lambda x: ops.cast(x, "float32") / 127.5 - 1.0)
_ = player.fit(scaled, epochs=10, steps_per_epoch=500, verbose=0)


# %%
def mixture_of_gaussians(n, components=50, seed=0):
    """Draw ``n`` images from Gaussians fitted to 50 principal components of 20,000 training digits: uint8."""
    flat = train.reshape(-1, 784)[:20_000].astype("float32")
    pca = PCA(50, svd_solver="covariance_eigh").fit(flat)
    mixture = GaussianMixture(components, max_iter=20, reg_covar=1.0, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):  # tiny products: two threads only hinder each other
        warnings.simplefilter("ignore", ConvergenceWarning)  # 20 rounds are enough for us
        codes = mixture.fit(pca.transform(flat)).sample(n)[0]  # sorted by component
    codes = codes[np.random.default_rng(seed).permutation(n)]
    return np.clip(np.rint(pca.inverse_transform(codes)), 0, 255).astype(np.uint8).reshape(-1, 28, 28)


# %%
samples = {
    "noise": noise,
    "mean image": np.repeat(np.rint(train.mean(axis=0)).astype(np.uint8)[None], 10_000, axis=0),
    "Gaussian": metrics.pca_gaussian(train, 10_000, seed=0),
    "mixture": mixture_of_gaussians(10_000),
    "VAE means": model.sample(10_000, seed=1).reshape(-1, 28, 28),
    "VAE draws": model.sample(10_000, seed=1, mean=False).reshape(-1, 28, 28),
    "GAN": player.sample(10_000, seed=3).reshape(-1, 28, 28),
    "thief": copies,
    "unseen real": unseen,
}
_ = plots.image_rows({name: images[:12] for name, images in samples.items()})
del player, generator, discriminator, scaled
_ = gc.collect()

# %% [markdown]
# **Predict:** write down your own order, best first, before you read on.
#
# **One protocol for all.** 10,000 samples against the 10,000 test digits, in the 128 features of the bundled
# classifier (what strokes are where; notebook 02), and always beside *unseen real* digits: no generator can be asked to
# do better than those.

# %%
features = {name: metrics.digit_features(images) for name, images in samples.items()}
real = metrics.digit_features(test)

# %% [markdown]
# ## Distances: Fréchet and kernel
# The **Fréchet distance** compares means and covariances only (notebook 02 built it). The **kernel distance** compares
# averages of $k(x, y) = (x\cdot y/d + 1)^3$ over pairs, within each set and between the two:
# $$\mathrm{KD} = \overline{k(x, x')} + \overline{k(y, y')} - 2\,\overline{k(x, y)},$$
# where pairs of a point with itself are left out ([Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401)). Because
# of the third power it also sees skewness.


# %%
def frechet_by_scipy(x, y):
    """Squared Fréchet distance by SciPy's root of a matrix, (n, d) and (m, d)."""
    c1, c2 = np.cov(x.T), np.cov(y.T)
    return np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2) + np.trace(c1 + c2 - 2 * linalg.sqrtm(c1 @ c2).real)


def kernel_by_scikit(x, y):
    """Unbiased kernel distance by scikit-learn's polynomial kernel, (n, d) and (m, d)."""
    within = []
    for one in (x, y):
        k = polynomial_kernel(one, degree=3, gamma=1 / one.shape[1], coef0=1)
        within.append((k.sum() - np.trace(k)) / (len(one) * (len(one) - 1)))  # without the diagonal
    return sum(within) - 2 * polynomial_kernel(x, y, degree=3, gamma=1 / x.shape[1], coef0=1).mean()


some = real[:2000].astype(float), features["GAN"][:2000].astype(float)
checks.same(frechet_by_scipy, metrics.frechet_distance, *some)
_ = checks.same(kernel_by_scikit, metrics.kernel_distance, *some)

# %% [markdown]
# ### Fooled by the number of samples
# The same unseen digits, and the same GAN, judged by $n$ samples against $n$ test digits. **Predict** both curves.

# %%
SIZES = (200, 500, 1000, 2000, 4000, 10_000)


shuffled = np.random.default_rng(7).permutation(10_000)  # MNIST's own order is not random


def by_size(name, distance):
    """Mean distance of n samples to n test digits over disjoint groups, four at most, for each n."""
    means, x, y = [], real[shuffled], features[name][shuffled]
    for n in SIZES:
        starts = range(0, min(4 * n, 10_000) - n + 1, n)
        means.append(np.mean([distance(x[i : i + n], y[i : i + n]) for i in starts]))
    return np.array(means)


sizes_frechet = {name: by_size(name, metrics.frechet_distance) for name in ("GAN", "unseen real")}
sizes_kernel = {name: by_size(name, metrics.kernel_distance) for name in ("GAN", "unseen real")}
for name in sizes_frechet:
    print(f"{name:12s} Fréchet", dict(zip(SIZES, sizes_frechet[name].round(1).tolist(), strict=True)))
    print(f"{'':12s} kernel ", dict(zip(SIZES, sizes_kernel[name].round(3).tolist(), strict=True)))

# %%
_, axes = plt.subplots(1, 2, figsize=(9.4, 3.2))
for ax, curves, label in zip(axes, (sizes_frechet, sizes_kernel), ("Fréchet distance", "kernel distance"), strict=True):
    series = {name: (SIZES, values) for name, values in curves.items()}
    plots.curves(series, "samples n", label, colours=[plots.GENERATED, plots.REAL], ax=ax)
    ax.set(xscale="log", ylim=(0, None))
ratio = sizes_frechet["unseen real"][0] / sizes_frechet["GAN"][-1]
print(f"Fréchet: real digits judged by 200 over the GAN judged by 10,000: {ratio:.2f}")
_ = checks.expect("04 Fréchet distance: 200 real digits over 10,000 of the GAN", ratio, 1.143, 1.246)

# %% [markdown]
# The Fréchet distance falls with $n$, because covariances of few points are rough: its bias shrinks like $1/n$. **Real
# digits judged by 200 look worse than the GAN judged by 10,000.** The kernel distance is unbiased: it scatters more
# for small $n$, around the same value. So a Fréchet distance may only be compared at equal $n$, and needs its **floor**
# (the unseen digits at that $n$) beside it. Exercise 2 takes the bias off.
#
# ### Fooled by anything with the right mean and covariance
# The Fréchet distance sees two moments. So draw *features* from the Gaussian that has exactly those moments: points
# that no image ever had.

# %%
fitted = np.random.default_rng(1).multivariate_normal(real.mean(axis=0), np.cov(real.T), 10_000)
for name, points in {"unseen real": features["unseen real"], "Gaussian features": fitted}.items():
    print(f"{name:18s} Fréchet {metrics.frechet_distance(real, points):.2f}", end=", ")
    print(f"kernel {metrics.kernel_distance(real, points):.4f}")

# %% [markdown]
# Its Fréchet distance is *below* that of real unseen digits; the kernel distance is not fooled.
#
# ### Trusted after a test: graded damage
# A measure earns trust by ranking damage that we dose ourselves. Four kinds, three doses each: blur; noise;
# *styles dropped*: without the digits of each class that lean most; *imbalance*: fewer of the digits 0 to 4. (How far a
# digit leans: the angle of the straight line that best predicts the ink's column from its height.)


# %%
def slant(images):
    """Degrees by which the ink of each digit leans to the right: (n, 28, 28) -> (n,)."""
    ink = images.reshape(-1, 784) / images.sum(axis=(1, 2))[:, None]  # sums to 1
    y, x = (place.ravel() for place in np.mgrid[13.5:-14:-1, -13.5:14])  # y upwards
    covariance, variance = ink @ (x * y) - (ink @ x) * (ink @ y), ink @ y**2 - (ink @ y) ** 2
    return np.degrees(np.arctan2(covariance, variance))


_ = checks.same(slant, metrics.slant, train[:1000])


# %%
def chosen(weights):
    """10,000 training digits, drawn with probabilities in proportion to ``weights`` (50,000,)."""
    return train[np.random.default_rng(2).choice(len(train), 10_000, replace=False, p=weights / weights.sum())]


# %%
labels, lean = split.y_train[:50_000], metrics.slant(train)
wobble = np.random.default_rng(3).normal(size=copies.shape).astype("float32")


def damaged(kind, dose):
    """10,000 training digits with a dose of damage: uint8."""
    if kind == "blur":
        return np.rint(ndimage.gaussian_filter(copies.astype("float32"), (0, dose, dose))).astype(np.uint8)
    if kind == "noise":
        return np.clip(np.rint(copies + dose * wobble), 0, 255).astype(np.uint8)
    if kind == "styles dropped":
        limits = np.array([np.quantile(lean[labels == label], 1 - dose) for label in range(10)])
        return chosen((lean <= limits[labels]).astype(float))
    return chosen(np.where(labels < 5, 1.0 - dose, 1.0))


# %%
DOSES = {
    "blur": (0.5, 0.8, 1.2),
    "noise": (10, 30, 60),
    "styles dropped": (0.1, 0.2, 0.4),
    "imbalance": (0.4, 0.7, 0.95),
}
wrong_order = 0
undamaged = metrics.frechet_distance(real, features["thief"]), metrics.kernel_distance(real, features["thief"])
for kind, doses in DOSES.items():
    scale = [undamaged]
    for dose in doses:
        points = metrics.digit_features(damaged(kind, dose))
        scale.append((metrics.frechet_distance(real, points), metrics.kernel_distance(real, points)))
    wrong_order += int(np.sum(np.diff(scale, axis=0) <= 0))
    frechet, kernel = np.transpose(scale)
    print(f"{kind:15s} none, {doses}: Fréchet {frechet.round(1)}, kernel {kernel.round(3)}")
_ = checks.expect("04 graded damage: steps in the wrong order", wrong_order, 0, 0.5)

# %% [markdown]
# Both rank all four kinds perfectly, from "no damage" up: 24 steps, none in the wrong order. They do not *weigh* them
# as you would: a slight blur, which the eye forgives, counts for more than the loss of a fifth of all styles.
#
# ## Two questions instead of one: precision and recall
# A distance mixes two faults: bad samples, and missing kinds. To ask about them one at a time, draw a ball around each
# real point, out to its $k$-th nearest real neighbour. **Precision**: the share of generated points inside some real
# ball. **Recall**: the share of real points inside some *generated* ball
# ([Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991)). **Density** counts *how many* real balls a generated
# point lies in (over $k$), and **coverage** is the share of real balls with a generated point inside
# ([Naeem et al. 2020](https://arxiv.org/abs/2002.09797)). All four in one pass:


# %%
def radii(points, k):
    """Distance of each point to its k-th nearest neighbour in its own set: (n, d) -> (n,)."""
    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points).kneighbors()[0][:, -1]


def four_measures(real, generated, real_radii=None, k=3, k_density=5):
    """Precision, recall (k = 3), density and coverage (k = 5) of generated features (m, d)."""
    small, large = real_radii or (radii(real, k), radii(real, k_density))
    own = radii(generated, k)
    in_real, in_own, balls, hit, start = [], np.zeros(len(real), bool), 0, np.zeros(len(real), bool), 0
    for distance in pairwise_distances_chunked(generated, real, working_memory=64):
        in_real.append((distance <= small).any(axis=1))
        in_own |= (distance <= own[start : start + len(distance), None]).any(axis=0)
        balls += np.count_nonzero(distance <= large)
        hit |= (distance <= large).any(axis=0)
        start += len(distance)
    return np.concatenate(in_real).mean(), in_own.mean(), balls / (k_density * len(generated)), hit.mean()


# %%
def four_by_package(real, generated):
    return *metrics.precision_recall(real, generated, k=3), *metrics.density_coverage(real, generated, k=5)


_ = checks.same(four_measures, four_by_package, *some)

# %% [markdown]
# ### Fooled by one odd point
# In the plane, where we can look. Real points: a round cloud, and one outlier. **Predict** the precision of the
# orange "generator", which has learnt nothing.

# %%
rng = np.random.default_rng(4)
cloud = np.concatenate([rng.normal(size=(200, 2)), [[8.0, 0.0]]])
nonsense = rng.normal(size=(200, 2)) * 0.7 + [5.0, 0.0]
spread = np.concatenate([0.1 * rng.normal(size=(200, 2)), rng.uniform(-9, 9, (10, 2))])  # collapsed, and ten odd points
ax = plots.cloud(cloud, nonsense, 14)
for centre, radius in zip(cloud, radii(cloud, 3), strict=True):
    ax.add_patch(plt.Circle(centre, radius, fill=False, ec=plots.REAL, lw=0.5))
for name, points in {"nonsense": nonsense, "collapsed": spread[:200], "collapsed + 10 odd points": spread}.items():
    print(
        "{}: precision {:.2f}, recall {:.2f}, density {:.2f}, coverage {:.2f}".format(
            name, *four_measures(cloud, points)
        )
    )

# %% [markdown]
# One real outlier makes one huge ball, and everything in it counts as precise; density, which counts balls, falls to
# 0.2. Ten odd *generated* points make huge generated balls, and recall leaps to 1; coverage, whose balls are real,
# hardly moves. Now the contenders on digits:

# %%
real_radii = radii(real, 3), radii(real, 5)
four = {name: four_measures(real, points, real_radii) for name, points in features.items()}
for name, numbers in four.items():
    print("{:12s} precision {:.2f}, recall {:.3f}, density {:.2f}, coverage {:.2f}".format(name, *numbers))
gained = four["VAE means"][0] - four["unseen real"][0]
_ = checks.expect("04 VAE means: precision minus that of unseen digits", gained, -0.127, 0.13)

# %% [markdown]
# **Precision is fooled by blur**: the VAE's means are about as "precise" as real unseen digits (over five seeds from
# 0.07 less to 0.04 more), for a mean is typical, and more precise than the GAN. Recall and coverage see that hardly any
# real digit is like them. Unseen digits themselves have a precision and a recall of about 0.83, not 1, and so say what
# the best possible is. Report all four, beside the values of unseen digits.
#
# ## Can a classifier tell? The two-sample test
# Train a classifier on half of the real and generated points, and count its right answers on the other half. At 50 %
# it cannot tell; the interval says what chance allows ([Lopez-Paz and Oquab
# 2017](https://arxiv.org/abs/1610.06545)). A test is as good as its judge, so we take two: linear in the *pixels*, and
# linear in the 128 *features*. First a warning: **predict** the result for real digits at even against real digits at
# odd places of MNIST's training part.


# %%
def two_sample(real, generated):
    """Right answers of a linear classifier on the held-out half, and how many there are."""
    order = np.random.default_rng(0).permutation(20_000)  # MNIST's own order is not random
    x = np.concatenate([real, generated]).astype("float32")[order]
    y = np.repeat([1, 0], 10_000)[order]
    judge = LogisticRegression(max_iter=60)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        judge.fit(x[:10_000], y[:10_000])
    return int(np.sum(judge.predict(x[10_000:]) == y[10_000:])), 10_000


def interval(right, n):
    """Clopper and Pearson's 95 % interval of a share."""
    return binomtest(right, n).proportion_ci(method="exact")


# %%
sources = (metrics.digit_features(train[start:20_000:2]) for start in (0, 1))
right, n = two_sample(*sources)
print(f"real against real, even against odd places in the training part: {100 * right / n:.1f} %")
accuracy = {}
pixel_pca = PCA(50, svd_solver="covariance_eigh").fit(test.reshape(-1, 784).astype("float32"))
for name, points in features.items():
    accuracy[name] = right, n = two_sample(real, points)
    low, high = interval(right, n)
    text = f"{name:12s} features: {100 * right / n:5.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    if name in ("Gaussian", "mixture", "GAN", "unseen real"):
        right, n = two_sample(*(pixel_pca.transform(x.reshape(-1, 784)) / 500 for x in (test, samples[name])))
        text += f"   pixels: {100 * right / n:.1f} %"
    print(text)
_ = checks.expect("04 two-sample test of the GAN: accuracy, features", accuracy["GAN"][0] / 10_000, 0.7666, 0.7945)

# %% [markdown]
# **Real digits are told from real digits**, by where they stand: MNIST was put together from two collections of
# writers, and even and odd places differ. Whoever takes halves without shuffling measures that. (We shuffle, and still
# unseen digits come out a little above 50 %, since training and test part have different writers: that value, not 50 %,
# is the goal.)
#
# (Pixels stand for their 50 principal components here.) **The weak judge is nearly fooled by the GAN**, and calls even
# the Gaussian, which nobody would take for digits, right in only two cases of three. In the features all models are
# caught. A test that finds nothing means a good generator *or a weak judge*, as notebook 02 said of a discriminator's
# loss. And the thief passes both: for a classifier, copies *are* real.
#
# ## Catching the thief
# So far the thief is best at everything: its Fréchet distance is even below that of unseen digits. What gives it away
# is that its samples are *too near to the training digits*. Pool the 50,000 training and the 10,000 test digits. Whose
# is the nearest neighbour of a sample? A generator that draws new digits finds a training digit in 5 of 6 cases, for
# that is their share, wherever its samples lie. Copies find their source. (A digit that is met twice counts once: a
# generator that crowds in one place would otherwise ask the same digit again and again.)


# %%
def neighbours(points, train_points, test_points):
    """Nearest neighbours of the points among both sets, each counted once: how many are training ones, how many."""
    pool = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(np.concatenate([train_points, test_points]))
    found = np.unique(pool.kneighbors(points, return_distance=False))
    return int(np.sum(found < len(train_points))), len(found)


# %%
train_features = metrics.digit_features(train)
moved = np.roll(copies, 1, axis=2)  # a cleverer thief: everything moved by one pixel
suspects = {**features, "thief, moved": metrics.digit_features(moved[:2000])}
near_train = {}
for name, points in suspects.items():
    right, n = neighbours(points[:2000], train_features, real)
    low, high = interval(right, n)
    near_train[name] = right / n
    print(f"{name:13s} {n:4d} neighbours, {100 * right / n:5.1f} % training", end=" ")
    print(f"({100 * low:.1f} to {100 * high:.1f}; chance 83.3)")

# %%
checks.expect("04 thief: share nearest to training digits", near_train["thief"], 0.995, 1)
checks.expect("04 unseen digits: share nearest to training digits", near_train["unseen real"], 0.808, 0.859)
_ = checks.expect("04 GAN: share nearest to training digits", near_train["GAN"], 0.7944, 0.8544)
suspects = {"unseen real": unseen[:500], "thief": train[:500], "thief, moved": np.roll(train[:500], 1, axis=2)}
pool = [images[:5000].reshape(-1, 784).astype("float32") for images in (train, test)]
for name, images in suspects.items():
    right, n = neighbours(images.reshape(-1, 784).astype("float32"), *pool)
    print(f"{name:13s} in pixels, 5,000 against 5,000: {100 * right / n:.1f} % training (chance: 50 %)")

# %% [markdown]
# The thief is caught with certainty; unseen digits and the GAN are near chance: this GAN does not copy. The thief who
# moves every digit by one pixel is still caught, in the features nearly always, in pixels less surely: **a thief who
# changes more escapes a given distance.** Absence of copies is never proved, only looked for, in the distances that you
# chose. (Where few neighbours are found, as for the noise and the mean image, the interval is wide and says so.)

# %% [markdown]
# # Part 3: one table
# **Predict:** who is first in how many columns?

# %%
floor, top = (metrics.frechet_distance(real, features[name]) for name in ("unseen real", "Gaussian"))
table = {}
for name, points in features.items():
    share = (metrics.frechet_distance(real, points) - floor) / (top - floor)
    kernel = metrics.kernel_distance(real, points)
    table[name] = [share, kernel, *four[name], accuracy[name][0] / 10_000, near_train[name]]
columns = ["Fréchet share", "kernel", "precision", "recall", "density", "coverage", "two-sample", "near train"]
values = np.array(list(table.values()))
best_first = np.array([1, 1, -1, -1, -1, -1, 1])  # -1: the larger, the better
order = np.column_stack([values[:, :-1] * best_first, np.abs(values[:, -1] - 5 / 6)])  # the last one: near 5 of 6
ranks = np.argsort(np.argsort(order, axis=0, kind="stable"), axis=0, kind="stable") + 1

# %%
_, ax = plt.subplots(figsize=(9.6, 4.2))
ax.imshow(ranks, cmap="cividis_r", aspect="auto", vmin=1, vmax=9)
for (row, column), value in np.ndenumerate(values):
    colour = "white" if ranks[row, column] > 5 else "black"
    ax.text(column, row, f"{round(value, 2) + 0.0:.3g}", ha="center", va="center", color=colour)
ax.set_xticks(range(8), columns, rotation=20)
ax.set_yticks(range(9), list(table))
ax.grid(False)
_ = ax.set_title("Light: best in its column, dark: worst", loc="left")

# %% [markdown]
# *Fréchet share* is the excess over the unseen digits, as a share of the Gaussian's. No column tells the whole story:
#
# - **The thief wins the distances and passes the classifier.** Only the last column accuses it.
# - **The VAE's means are as precise as real digits**, and nobody would choose them for that: recall is near 0. The same
#   model's honest draws come out worse in most columns. Say which of the two you show.
# - **The mixture, which has no network, beats our 2-D VAE** in the distances. Put simple baselines into your table.
#   (Two latent numbers are few: this is no verdict on VAEs.)
# - **The GAN is the best of the honest ones**, and far from real: recall is less than half of that of unseen digits.
#
# What can be known beforehand? Some pairs: unseen digits and copies are better than any model, a mixture that contains
# the Gaussian as a special case is better than the Gaussian, the Gaussian (mean *and* covariance) is better than the
# mean alone, and anything beats noise. A protocol that fails this is broken.

# %%
known = [("unseen real", name) for name in ("GAN", "VAE means", "VAE draws", "mixture")]
known += [("thief", "GAN"), ("mixture", "Gaussian"), ("Gaussian", "mean image"), ("mean image", "noise")]
known += [("GAN", "noise"), ("VAE means", "noise"), ("VAE draws", "noise")]
failures = [(a, b, c) for a, b in known for c in (0, 1) if table[a][c] >= table[b][c]]
print("pairs in the wrong order:", failures)
checks.expect("04 pairs in the wrong order", len(failures), 0, 0.5)
checks.expect("04 GAN: Fréchet share", table["GAN"][0], 0.1375, 0.1506)
checks.expect("04 mixture: Fréchet share", table["mixture"][0], 0.3827, 0.4111)
checks.expect("04 VAE means: Fréchet share", table["VAE means"][0], 1.113, 1.435)
checks.expect("04 GAN: recall", table["GAN"][3], 0.3571, 0.4097)
_ = checks.expect("04 GAN: coverage", table["GAN"][5], 0.5802, 0.6103)

# %% [markdown]
# # Part 4: your own eye
# Papers often ask people. A fair question is: *real or generated?*, one picture at a time, half of each kind
# ([Zhou et al. 2019](https://arxiv.org/abs/1904.01121)). Below are 20 digits: ten were written by people, ten drawn by
# a GAN like ours that trained four times as long (`bench/train_gan_digits.py`; none were picked). **Predict:** how
# many will you get right?

# %%
with np.load(data.asset("gan_digits.npz")) as file:
    drawn_by_gan = file["images"]
answer = np.random.default_rng(11).permutation(np.repeat([1, 0], 10))  # 1: written by a person
sheet = np.where(answer[:, None, None] == 1, unseen[:20], drawn_by_gan[:20])
_ = plots.image_grid(sheet, columns=10, title="Number them 1 to 20: which are real?", scale=0.8)

# %%
print("written by people: numbers", [int(i) for i in np.flatnonzero(answer) + 1])
for right, n in ((10, 20), (14, 20), (15, 20), (140, 200), (110, 200), (117, 200)):
    low, high = interval(right, n)
    verdict = "can tell" if low > 0.5 else "not shown"
    print(f"{right:3d} of {n:3d} right: {100 * right / n:.0f} % (95 %: {100 * low:.0f} to {100 * high:.0f}), {verdict}")

# %% [markdown]
# With 20 answers, 14 right ones are compatible with guessing: 50 % lies in the interval. Even a real skill of 60 %
# takes some 200 answers to show. Decide on the number of answers *before* you begin: whoever stops when the score
# looks good, fools the interval. Now you, one at a time, for 20 answers:

# %%
widgets.real_or_fake(unseen[:2000], drawn_by_gan)

# %% [markdown]
# **What the score means.** All of the interval above 50 %: you can tell them apart. 50 % inside: these answers do not
# show that you can. (Below 50 %: you see a difference, but call the generated ones real.) And what it does not mean:
# the thief of the first picture would pass this test perfectly. An eye sees precision; it sees neither recall nor
# copies.
#
# ## Exercises
# Replace each `...`, run the cell and the check below it. Answers: `solutions/04_judging.ipynb`.

# %% [markdown]
# ### Exercise 1: diluted
# A model gives `share` of its samples, noise the rest. From `log_p` and `log_noise` of the images, (n,), write
# `diluted(log_p, log_noise, share)`: the log-likelihood of the mixture, (n,). Log-likelihoods may be as small as −1000.
# NumPy, TensorFlow and Keras operations are all fine.


# %%
def my_diluted(log_p, log_noise, share):
    return ...


# %%
checks.diluted(my_diluted)

# %% [markdown]
# ### Exercise 2: take the bias off
# The bias of the Fréchet distance shrinks like $1/n$. So fit a straight line to distances over $1/n$, and read it off
# at $1/n = 0$ ([Chong and Forsyth 2020](https://arxiv.org/abs/1911.07023)). Write `without_bias(sizes, distances)`.


# %%
def my_without_bias(sizes, distances):
    return ...


# %%
checks.without_bias(my_without_bias)
print("the GAN, with 10,000 samples:", sizes_frechet["GAN"][-1].round(2), end="; ")
print("with endlessly many:", my_without_bias(np.array(SIZES), sizes_frechet["GAN"]))

# %% [markdown]
# ### Exercise 3: catch the thief
# Write `copied(samples, train, test)`, all (n, d): the share of samples whose nearest neighbour among both sets is a
# training row.


# %%
def my_copied(samples, train, test):
    return ...


# %%
checks.copied(my_copied)

# %% [markdown]
# ### Exercise 4: an interval by hand
# Wilson's interval of a share $\hat p$ = right / n, with $z = 1.96$, is easier than Clopper and Pearson's: its centre
# is $\big(\hat p + \tfrac{z^2}{2n}\big) / \big(1 + \tfrac{z^2}{n}\big)$, and half of its width is $z\sqrt{\hat p(1-\hat
# p)/n + z^2/4n^2}\,\big/\,\big(1 + \tfrac{z^2}{n}\big)$. Write `wilson(right, n)`: the low and the high end.


# %%
def my_wilson(right, n):
    return ..., ...


# %%
checks.wilson(my_wilson)

# %% [markdown]
# ### Exercise 5: verdicts
# What do the numbers reveal? One word each: `"collapse"` (good samples of few kinds), `"copy"` (training digits handed
# out), `"bias"` (too few samples), `"weak"` (a judge that sees too little), `"outliers"` (a few odd generated images).


# %%
my_verdicts = {
    "precision 0.99, recall 0.00": ...,
    "Fréchet distance below the floor of unseen real digits": ...,
    "Fréchet distance 9 with 10,000 samples, 19 with 1,000": ...,
    "two-sample test at 50 %, Fréchet distance far above the floor": ...,
    "recall rises from 0.1 to 0.9, coverage stays": ...,
}

# %%
checks.verdicts(my_verdicts)

# %% [markdown]
# ## What to remember
# - A likelihood says how well unseen data is covered, not how samples look; a bound on it is only as good as the draws
#   that it is made from, and cannot say so itself.
# - Every measure of samples is blind to something: Fréchet to shape and to small $n$, precision to what is missing,
#   recall to junk, a classifier to what it cannot see, and all of them to copies.
# - So fix one protocol before you look: equal numbers of samples, real unseen data as the floor, simple baselines,
#   graded damage as a test of the measure, intervals, and a search for copies.
#
# ## Going deeper
# - **Likelihoods in many dimensions.** Where no grid is possible, annealed importance sampling walks from the prior to
#   the posterior ([Wu et al. 2017](https://arxiv.org/abs/1611.04273)).
# - **Copying, tested.** Compare distances to training data with those of unseen real data, cell by cell
#   ([Meehan et al. 2020](https://arxiv.org/abs/2004.05675)); nearest neighbours in pixels miss small shifts
#   ([Theis et al. 2016](https://arxiv.org/abs/1511.01844)).
# - **Which features?** The network behind a Fréchet distance decides what counts; people agree more with others than
#   with Inception's ([Stein et al. 2023](https://arxiv.org/abs/2306.04675)).
# - **Small details matter.** Resizing and compression alone change a published distance
#   ([Parmar et al. 2022](https://arxiv.org/abs/2104.11222)).
#
# ## Further reading
# - [Theis, van den Oord and Bethge 2016](https://arxiv.org/abs/1511.01844): a note on the evaluation of generative
#   models.
# - [Heusel et al. 2017](https://arxiv.org/abs/1706.08500) and
#   [Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401): the two distances.
# - [Sajjadi et al. 2018](https://arxiv.org/abs/1806.00035): precision and recall of distributions.
# - [Borji 2022](https://arxiv.org/abs/2103.09396): a survey of measures, with their faults.
