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
# # 03 · The VAE ELBO
# **Can a network learn to say how probable an image is, when the sum that it would need has too many terms to
# compute?**
#
# - **You will** derive the bound that a variational autoencoder (VAE) is trained on, check it where the truth is known,
#   train three VAEs on digits, read their latent space, and break one in two ways that raise no error.
# - **You need** notebook 01 (scalings, and which loss is a likelihood), a training loop, the normal distribution and
#   logarithms. Notebook 02 is not needed.
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

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import ops
from scipy.stats import Covariance, multivariate_normal, norm

from gentutor import checks, data, losses, metrics, networks, plots, training, vae, widgets

plots.use_style()
plt.rcParams["figure.dpi"] = 80

# %%
BATCH, EPOCHS, STEPS = 128, 10, 55_000 // 128  # 429 = 39 · 11 steps an epoch
split = data.load_mnist()
train, test = (x.reshape(-1, 784) for x in (split.x_train, split.x_test))
x_test = data.normalize(test, 0, 1)


def scaled(batch):
    return ops.cast(batch, "float32") / 255.0


digits = data.batches(train, BATCH, seed=0).map(scaled)  # the 55,000 stay bytes, and are scaled a batch at a time

# %% [markdown]
# ## The question, in a picture
# An **autoencoder** squeezes an image into a few numbers (the *code*) by one network, the encoder, and draws it again
# by another, the decoder. It needs no labels: input and target are the same image. Let us train one with two numbers.

# %%
keras.utils.set_random_seed(0)
squeeze, draw = networks.mlp(784, 2, (256,), name="encoder"), networks.mlp_decoder(latent_dim=2)
autoencoder = keras.Sequential([squeeze, draw])
cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
autoencoder.compile(keras.optimizers.Adam(2e-3), cross_entropy, jit_compile=False, steps_per_execution=39)


def with_itself(x):
    return x, x


_ = autoencoder.fit(digits.map(with_itself), epochs=3, steps_per_epoch=STEPS, shuffle=False, verbose=0)

# %% [markdown]
# **Predict:** the decoder turns any two numbers into an image. If you hand it two numbers drawn at random, each from
# the standard normal distribution $\mathcal N(0, I)$, will you see digits?


# %%
def pixels(logits):
    """Logits -> uint8 pixels of the mean: 255 times the sigmoid."""
    return data.denormalize(ops.convert_to_numpy(ops.sigmoid(logits)), 0, 1)


codes = training.in_chunks(squeeze, x_test)
z = np.random.default_rng(0).standard_normal((10, 2)).astype("float32")
again = pixels(autoencoder(x_test[:10]))
rows = {"test digits": test[:10], "drawn again": again, "random codes": pixels(draw(z))}
_ = plots.image_rows(rows, wrong=["random codes"])
print(f"codes of test digits: mean {codes.mean(axis=0).round(1)}, standard deviation {codes.std(axis=0).round(1)}")
print(f"share with both numbers between -2 and 2: {100 * np.mean(np.all(np.abs(codes) < 2, axis=1)):.0f} %")
del autoencoder, squeeze, draw  # gives their memory back

# %% [markdown]
# It copies after a fashion (two numbers are few: some digits come back as others), but it does not generate: random
# codes give the same few shapes, because the codes of real digits are spread over a region that nobody prescribed, far
# wider than the numbers that we drew. An autoencoder gives neither a
# distribution of codes to draw from nor a probability of an image. A VAE repairs both, by asking for one thing:
# **a probability $p(x)$ that is high for real images.**
#
# ## Why "make the data probable" covers everything
# Training by *maximum likelihood* means: choose the model $q$ with the largest mean of $\log q(x)$ over data $x$ from
# $p$. That is the same as the smallest **Kullback–Leibler divergence**
# $$D_{\mathrm{KL}}(p\,\|\,q) = \mathbb E_{p}\big[\log p(x) - \log q(x)\big] \ge 0 ,$$
# for $\log p(x)$ does not depend on the model. It is not symmetric. Take data with two humps and a model with only one,
# a single Gaussian, and fit it both ways: by $D_{\mathrm{KL}}(p\|q)$ and by $D_{\mathrm{KL}}(q\|p)$.
#
# **Predict:** where does each put its hump? Which one would you take to draw samples from?

# %%
grid = np.linspace(-9, 9, 1801)
step = grid[1] - grid[0]
log_p = np.logaddexp(norm.logpdf(grid, -2.5, 0.7), norm.logpdf(grid, 2.5, 0.7)) - np.log(2)


def kl(log_a, log_b):
    """KL(a || b) of two densities on the grid, in nats."""
    return float(np.sum(np.exp(log_a) * (log_a - log_b)) * step)


candidates = [(m, s) for m in np.linspace(0, 4, 41) for s in np.linspace(0.4, 4, 73)]  # m < 0 is the mirror image
forward = min(candidates, key=lambda q: kl(log_p, norm.logpdf(grid, *q)))
backward = min(candidates, key=lambda q: kl(norm.logpdf(grid, *q), log_p))

# %%
series = {"data p": (grid, np.exp(log_p))}
for name, (m, s) in {"smallest KL(p‖q)": forward, "smallest KL(q‖p)": backward}.items():
    q = norm.logpdf(grid, m, s)
    print(f"{name}: mean {m:5.2f}, sd {s:.2f};  KL(p‖q) = {kl(log_p, q):6.2f}, KL(q‖p) = {kl(q, log_p):5.2f} nats")
    series[name] = (grid, np.exp(q))
ax = plots.curves(series, "x", "density")
ax.lines[2].set(color=plots.GENERATED, linestyle="--")
_ = ax.legend()

# %% [markdown]
# $D_{\mathrm{KL}}(p\|q)$ asks at each *data point* whether the model allows it: the wide Gaussian **covers** both
# humps (it has the mean and the standard deviation of the data, 0 and 2.6), and pays with samples in the empty middle.
# $D_{\mathrm{KL}}(q\|p)$ asks at each *sample of the model* whether the data allow it: the narrow one sits on a single
# hump (the mirrored one is as good). All that it pays for leaving out half of the data is $\log 2 = 0.69$ nats.
#
# A GAN (notebook 02) too is graded only where its generator puts samples. Under its usual loss, and against a perfect
# discriminator, the generator goes down the slope of $D_{\mathrm{KL}}(q\|p) - 2\,\mathrm{JS}(p, q)$
# ([Arjovsky and Bottou 2017](https://arxiv.org/abs/1701.04862), theorem 2.5), where the Jensen–Shannon divergence JS
# is the mean of $D_{\mathrm{KL}}(p\|m)$ and $D_{\mathrm{KL}}(q\|m)$ with $m = (p + q)/2$. Which of our two Gaussians
# would that choose?


# %%
def js(log_q):
    """Jensen–Shannon divergence JS(p, q), in nats."""
    log_m = np.logaddexp(log_p, log_q) - np.log(2)
    return (kl(log_p, log_m) + kl(log_q, log_m)) / 2


def gan_slope(log_q):
    """KL(q || p) - 2 JS(p, q), in nats."""
    return kl(log_q, log_p) - 2 * js(log_q)


for name, q in {"covers both humps": forward, "sits on one hump": backward}.items():
    log_q = norm.logpdf(grid, *q)
    print(f"{name:16s} KL(q‖p) − 2 JS = {gan_slope(log_q):.2f}, JS alone = {js(log_q):.2f} nats")
best = min(candidates, key=lambda q: gan_slope(norm.logpdf(grid, *q)))
print(f"best of all: mean {best[0]:.2f}, sd {best[1]:.2f}")

# %% [markdown]
# The single hump: the GAN's game *may drop* what maximum likelihood has to cover. (Under the minimax loss, which is JS
# alone, the wide one would win. In practice the discriminator is not perfect either, so the divergence is only a part
# of why GANs drop modes.) So expect of a VAE: everything covered, some of it blurred. But for that we must compute the
# probability that the model gives to an image.
#
# ## A model with a hidden cause
# From here on the letters change, as in the literature: $p$ is now the *model*, and $q$ will be a helper that guesses
# $z$. A VAE explains each image $x$ by a hidden (**latent**) vector $z$: first $z \sim p(z) = \mathcal N(0, I)$ is
# drawn, then $x \sim p(x\mid z)$, given by the decoder. The probability of an image sums over every cause:
# $$p(x) = \int p(x\mid z)\,p(z)\,dz .$$
# For a decoder that is a neural network, nobody can compute this integral. First we take one where we can:
# $x = w z + b + \sigma\varepsilon$ with two "pixels" and one latent number, so that $p(x) = \mathcal N(x;\, b,\,
# ww^\top + \sigma^2 I)$ exactly.

# %%
w, b, sigma = np.array([1.5, -0.8]), np.array([0.3, 0.1]), 0.5
x = np.array([2.0, -0.5])
exact = multivariate_normal.logpdf(x, b, np.outer(w, w) + sigma**2 * np.eye(2))


def log_joint(z):
    """log p(x|z) + log p(z) for our x and many z: (n,) -> (n,)."""
    return norm.logpdf(x, b + z[:, None] * w, sigma).sum(axis=1) + norm.logpdf(z)


print(f"exact log p(x) = {exact:.4f} nats")

# %% [markdown]
# ## The bound, line by line
# Let $q(z)$ be *any* density that we can draw from and that is nowhere 0. Write the integral as a mean under $q$, then
# move the logarithm inside:
# $$\log p(x) = \log\int q(z)\,\frac{p(x, z)}{q(z)}\,dz = \log\,\mathbb E_{q}\!\left[\frac{p(x, z)}{q(z)}\right]
# \;\ge\; \mathbb E_{q}\big[\log p(x, z) - \log q(z)\big] = \mathrm{ELBO}.$$
# The logarithm bends downwards, so the logarithm of a mean is at least the mean of the logarithms (Jensen's
# inequality). The right-hand side is the **evidence lower bound**. Each line of code is one piece of the formula:


# %%
def elbo_by_draws(mean, sd, draws=100_000, seed=0):
    """Both sides of the inequality, estimated with draws of q = N(mean, sd²), in nats."""
    z = np.random.default_rng(seed).normal(mean, sd, draws)  # z ~ q
    log_weight = log_joint(z) - norm.logpdf(z, mean, sd)  # log p(x, z) - log q(z)
    log_of_mean = np.logaddexp.reduce(log_weight) - np.log(draws)  # log E[p(x, z) / q(z)]
    return log_weight.mean(), log_of_mean, log_weight.std() / np.sqrt(draws)


# %% [markdown]
# What is lost? Put $p(x, z) = p(z\mid x)\,p(x)$ into the ELBO and $\log p(x)$ comes out of the mean:
# $$\log p(x) - \mathrm{ELBO} = D_{\mathrm{KL}}\big(q(z)\,\|\,p(z\mid x)\big).$$
# So the bound is tight exactly if $q$ is the **posterior** $p(z\mid x)$, the distribution of causes once $x$ is seen.
# Here it is known: a Gaussian with precision $w^\top w/\sigma^2 + 1$. **Predict:** for which of the three $q$ below is
# the spread of the draws (the standard error) zero?

# %%
precision = w @ w / sigma**2 + 1.0
posterior = (w @ (x - b) / sigma**2 / precision, precision**-0.5)
for name, (mean, sd) in {"posterior": posterior, "too wide": (posterior[0], 2 * posterior[1]), "prior": (0, 1)}.items():
    bound, log_of_mean, error = elbo_by_draws(mean, sd)
    gap = np.log(posterior[1] / sd) + (sd**2 + (mean - posterior[0]) ** 2) * precision / 2 - 0.5
    print(f"q = {name:9s}: ELBO {bound:8.4f} ± {error:.4f}, log of the mean {log_of_mean:7.3f}", end="; ")
    print(f"exact − KL(q‖posterior) = {exact:.3f} − {gap:.3f} = {exact - gap:8.4f}")

# %% [markdown]
# Line by line the ELBO is the exact value minus the gap, within the error. With the exact posterior every draw gives
# the same number, for then $p(x, z)/q(z) = p(x)$ whatever $z$ is. And the logarithm of the mean stays near the truth
# even if $q$ is the prior. Then why learn a $q$? Because this was one latent number and 100,000 draws. The number of
# draws that are needed grows like $e^{D}$, where $D$ is the divergence from the posterior to $q$
# ([Chatterjee and Diaconis 2018](https://arxiv.org/abs/1511.01437)). For the 24 nats of our 20-dimensional model below
# that would be some $10^{10}$ draws from the prior *for each image*; a $q$ near the posterior needs few. The logarithm
# of the mean comes back as the *importance-weighted bound*.

# %% [markdown]
# ## The form that is trained
# One more rewriting gives the loss. Split $\log p(x,z) = \log p(x\mid z) + \log p(z)$:
# $$\mathrm{ELBO}(x) = \underbrace{\mathbb E_{q(z\mid x)}\big[\log p(x\mid z)\big]}_{-\text{reconstruction loss}}
# \;-\; \underbrace{D_{\mathrm{KL}}\big(q(z\mid x)\,\|\,p(z)\big)}_{\text{KL}} .$$
# A second network, the **encoder**, gives a $q$ for each image: $q(z\mid x) = \mathcal N(\mu(x),
# \operatorname{diag}\sigma^2(x))$. Everything is now a loss, in nats: *redraw $x$ well, and stay near the prior*.
#
# ## The two terms
# The first needs $p(x\mid z)$. For pixels of 0 or 1 the decoder puts out one logit $a_i$ a pixel, and each pixel is a
# coin of its own with the probability $\rho_i = 1/(1+e^{-a_i})$ of a 1:
# $$-\log p(x\mid z) = -\sum_i\big[x_i\log\rho_i + (1-x_i)\log(1-\rho_i)\big] = \sum_i\big[\mathrm{softplus}(a_i) -
# x_i a_i\big],\qquad \mathrm{softplus}(a)=\log(1+e^a).$$
# For real numbers it is the Gaussian of notebook 01. The KL term needs no draws for Gaussians, and it is a **sum** over
# latent dimensions:
# $$D_{\mathrm{KL}} = \tfrac12\sum_j\big(\mu_j^2+\sigma_j^2-1-\log\sigma_j^2\big).$$
# **Predict:** where is it zero? Which costs more, a mean of 1 or a variance of 2?


# %%
def gaussian_kl(mean, log_var):
    """KL from N(mean, exp(log_var)) to N(0, 1), summed over dimensions: (batch, d) -> (batch,)."""
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)


def bernoulli_nll(x, logits):
    """-log p(x|z) of binary pixels, summed over pixels: (batch, 784) -> (batch,)."""
    return ops.sum(ops.softplus(logits) - x * logits, axis=-1)


def gaussian_nll(x, mean, sigma):
    """-log p(x|z) of real pixels with noise of size sigma, summed over pixels: (batch, 784) -> (batch,)."""
    return ops.sum(0.5 * ops.square((x - mean) / sigma) + np.log(sigma) + 0.5 * np.log(2 * np.pi), axis=-1)


# %%
rng = np.random.default_rng(1)
mean, log_var = (rng.normal(size=(5, 3)).astype("float32") for _ in range(2))
logits = rng.normal(0, 3, (5, 784)).astype("float32")
checks.same(gaussian_kl, losses.gaussian_kl, mean, log_var)
checks.same(bernoulli_nll, losses.bernoulli_nll, x_test[:5], logits)
checks.same(gaussian_nll, losses.gaussian_nll, x_test[:5], logits, 0.5)
print("mean 1:", float(gaussian_kl(np.ones((1, 1)), np.zeros((1, 1)))[0].numpy().round(3)), "nats;", end=" ")
print("variance 2:", float(gaussian_kl(np.zeros((1, 1)), np.log([[2.0]]))[0].numpy().round(3)), "nats")

# %% [markdown]
# The KL is zero where $q$ is the prior. A mean of 1 costs 0.50 nats and a variance of 2 only 0.15: the prior forgives a
# wide guess more than a displaced one. The networks put out $\log\sigma^2$ (`log_var`) because any real number is then
# allowed, and logits for the same reason: no logarithm of a 0 can happen.
#
# ## The reparameterisation
# The first term is a mean over draws $z \sim q$. How do you differentiate through a draw? Make the randomness an
# *input*: $z = \mu + \sigma\,\varepsilon$ with $\varepsilon \sim \mathcal N(0, 1)$. Then $z$ is an ordinary function of
# $\mu$ and $\sigma$. The alternative needs no such trick: $\nabla_\mu \mathbb E[f(z)] = \mathbb E[f(z)\,\nabla_\mu\log
# q(z)]$, called the score function. Both are right on average. Try $f(z) = z^2$, where the answer is $2\mu$.

# %%
mu, sd = tf.Variable(1.5), 0.7
noise = tf.random.stateless_normal((10_000,), (0, 1))
with tf.GradientTape() as tape:
    z = mu + sd * noise  # the draw, as a function of mu
    f = z**2
through = 2 * z  # df/dz · dz/dmu, draw by draw; its mean is what the tape gives
score = f * (z - mu) / sd**2
print(f"tape {float(tape.gradient(f, mu)) / 10_000:.3f}, expected {2 * 1.5}")
for name, draws in {"reparameterised": through, "score function": score}.items():
    print(f"{name:16s} mean {np.mean(draws):.2f}, standard deviation of one draw {np.std(draws):5.2f}")

# %% [markdown]
# Same mean, but a single draw of the score function is several times noisier. That is why one draw for each image is
# enough to train a VAE.
#
# ## The linear VAE: check the bound where the truth is known
# If encoder and decoder are *linear* and the pixels Gaussian, the VAE is **probabilistic principal component analysis**
# ([Tipping and Bishop 1999](https://doi.org/10.1111/1467-9868.00196)): $p(x) = \mathcal N(x;\, b,\, WW^\top + \sigma^2
# I)$ is exact, on real digits too. The best decoder $Wz + b$ is known: the columns of $W$ are principal axes, scaled.

# %%
DIM = 20
x = data.normalize(train[:5000], 0, 1)
variances, axes = np.linalg.eigh(np.cov(x.T))  # in rising order
sigma = float(np.sqrt(variances[:-DIM].mean()))  # noise: the mean variance that is left out
b = x.mean(axis=0, dtype=np.float64)
W = axes[:, -DIM:] * np.sqrt(variances[-DIM:] - sigma**2)  # (784, 20), columns orthogonal
some = x_test[:500]
covariance = Covariance.from_cholesky(np.linalg.cholesky(W @ W.T + sigma**2 * np.eye(784)))
exact = multivariate_normal.logpdf(some, b, covariance)
print(f"sigma {sigma:.3f}; mean exact log p(x) of 500 test digits: {exact.mean():.1f} nats")

# %% [markdown]
# (Positive, for it is the density of 784 real numbers, and a density may exceed 1.) Now the same as a VAE from the
# package. With $M = W^\top W + \sigma^2 I$ the posterior is $\mathcal N\big(M^{-1}W^\top(x-b),\ \sigma^2M^{-1}\big)$.
# Our encoder has one variance for each latent dimension and no correlations; the best that it can do is the right mean
# and the variances $\sigma^2/M_{jj}$. We put these weights in; nothing is trained.


# %%
def linear_vae(W, b, sigma):
    """VAE with linear networks: decoder W z + b, and the best encoder with a diagonal covariance."""
    M = W.T @ W + sigma**2 * np.eye(DIM)
    A = np.linalg.solve(M, W.T).T
    encoder, decoder = networks.mlp_encoder(DIM, hidden=()), networks.mlp_decoder(DIM, hidden=())
    encoder.set_weights([A, -b @ A, np.zeros((784, DIM)), np.log(sigma**2 / np.diag(M))])
    decoder.set_weights([W.T, b])
    return vae.VAE(encoder, decoder, losses.gaussian_nll, sigma=sigma), M


def exact_elbo(model, x):
    """ELBO without chance: ±√d times each unit vector as noise has mean 0 and covariance I, enough for a quadratic."""
    points = np.sqrt(DIM) * np.concatenate([np.eye(DIM), -np.eye(DIM)]).astype("float32")
    terms = [sum(model.elbo_terms(x, np.tile(e, (len(x), 1)))) for e in points]
    return -np.mean([ops.convert_to_numpy(t) for t in terms], axis=0)


# %% [markdown]
# **Predict:** turn the latent space by a rotation $R$ (decoder $WRz + b$). $p(x)$ does not change at all, for
# $WR(WR)^\top = WW^\top$. Does the bound?

# %%
R = np.linalg.qr(np.random.default_rng(2).normal(size=(DIM, DIM)))[0]
errors = {}
for name, matrix in {"orthogonal columns": W, "rotated": W @ R}.items():
    model, M = linear_vae(matrix, b, sigma)
    theory = 0.5 * (np.log(np.diag(M)).sum() - np.linalg.slogdet(M)[1])  # KL(q || posterior), the same for every x
    gap = exact - exact_elbo(model, some)
    errors[name] = gap.mean() - theory
    shown = round(float(gap.mean()), 3) + 0.0  # not -0.000
    print(f"{name:19s} log p(x) − ELBO = {shown:6.3f} nats (± {gap.std():.3f}), theory {theory:6.3f}")
checks.expect("03 linear VAE, orthogonal columns: gap minus theory in nats", errors["orthogonal columns"], -0.01, 0.01)
_ = checks.expect("03 linear VAE, rotated: gap minus theory in nats", errors["rotated"], -0.01, 0.01)

# %% [markdown]
# With orthogonal columns the posterior has no correlations, our $q$ can be it, and the bound *is* the log-likelihood.
# Rotated, the best diagonal $q$ stays the same known number of nats below, for every image. So a VAE does not only fit
# $p(x)$: it prefers latent axes along which the posterior is uncorrelated
# ([Rolínek et al. 2019](https://arxiv.org/abs/1812.06775)).
#
# ## The classic network
# Now networks that bend, where no exact answer exists. One hidden layer of 256 on each side, two latent numbers:

# %%
_ = plots.vae_diagram(pixels=784, hidden=(256,), latent_dim=2)


# %%
def my_loss_terms(encoder, decoder, x, noise):
    """The two terms of the negative ELBO, with one draw of z for each image: twice (batch,), in nats."""
    mean, log_var = encoder(x)
    z = mean + ops.exp(0.5 * log_var) * noise  # reparameterised: sd = exp(log_var / 2)
    return bernoulli_nll(x, decoder(z)), gaussian_kl(mean, log_var)


keras.utils.set_random_seed(0)
model2 = vae.VAE(networks.mlp_encoder(latent_dim=2), networks.mlp_decoder(latent_dim=2))
noise = np.random.default_rng(3).standard_normal((5, 2)).astype("float32")
_ = checks.same(lambda *a: my_loss_terms(model2.encoder, model2.decoder, *a), model2.elbo_terms, x_test[:5], noise)

# %% [markdown]
# Three lines hold the whole idea; `VAE.train_step` adds the gradient step. We train for 10 epochs by Adam, with a
# learning rate that falls to 0 along half a cosine. **Predict:** the sum of the two terms falls. Which of them *rises*?


# %%
def fitted(model, x=digits, epochs=EPOCHS, rate=5e-3, jit_compile=True):
    """Train by Adam with a learning rate that falls from ``rate`` to 0 along half a cosine, 39 steps a call."""
    falling = keras.optimizers.schedules.CosineDecay(rate, epochs * STEPS)
    model.compile(keras.optimizers.Adam(falling), jit_compile=jit_compile, steps_per_execution=39)
    model.fit(x, epochs=epochs, steps_per_epoch=STEPS, verbose=0)
    return model


def loss_on(model, x, seed=0):
    """Reconstruction loss and KL on held-out images, means in nats, with one draw of z for each image: (2,)."""
    noise = np.random.default_rng(seed).standard_normal((len(x), model.latent_dim)).astype("float32")
    chunks = [slice(i, i + 1000) for i in range(0, len(x), 1000)]
    return np.mean([ops.mean(ops.stack(model.elbo_terms(x[c], noise[c])), axis=1) for c in chunks], axis=0)


# %%
before = loss_on(model2, x_test)
reconstruction, kl_term = loss_on(fitted(model2), x_test)
print("training loss after each epoch, nats an image:", np.rint(model2.history.history["loss"]).astype(int))
print(f"test part, untrained: reconstruction {before[0]:5.1f}, KL {before[1]:.1f} nats")
print(f"test part, trained:   reconstruction {reconstruction:5.1f}, KL {kl_term:.1f} nats")
_ = checks.expect("03 two-dimensional VAE: test loss", reconstruction + kl_term, 153.2, 156.36)

# %% [markdown]
# The KL **rises** from nearly 0: the encoder learns to say something about the image. Most of the fall of the
# reconstruction is no merit of $z$: drawing the mean digit for every image already gives 205.8 nats (measured below).
# The rest is: it gains more than 50 nats for a KL of about 6. With a KL of 0, $z$ would know nothing about $x$.
#
# How good can it get? A perfect copy has 45.5 nats left (notebook 01), for cross-entropy of *grey* pixels is not a
# likelihood: our number is a **loss**, not an NLL. The convolutional VAE on the [Keras
# site](https://keras.io/examples/generative/vae/), also with two latent numbers and grey targets, reports a *training*
# loss of 152.2 after 10 epochs on all 70,000 images; it has no held-out value to compare ours with.
#
# ## Look: reconstructions, and what a sample is
# A sample is $z \sim \mathcal N(0, I)$, then $x \sim p(x\mid z)$. The last step draws each pixel by itself. Most papers
# show the *mean* of $p(x\mid z)$ instead. **Predict:** what does an honest draw look like?

# %%
rows = {
    "test digits": test[:10],
    "reconstructed": pixels(model2(x_test[:10])),
    "samples, mean": model2.sample(10, seed=4),
    "samples, drawn": model2.sample(10, seed=4, mean=False),
}
_ = plots.image_rows(rows)

# %% [markdown]
# The means are smooth and blurred, the draws are full of specks: given $z$, the decoder treats each pixel as a coin of
# its own, so wherever it is unsure, neighbours disagree. A picture of means flatters, a picture of draws shows the
# model; say which one you show. The reconstructions turn fours into nines: two numbers are too few.
#
# ## The map, and its holes
# With two latent numbers we can see everything: left, where the encoder puts the test digits; right, what the decoder
# draws at each point. (Points beyond ±3 are cut off on the left.)

# %%
means, log_vars = (ops.convert_to_numpy(t) for t in model2.encoder(x_test))
points = widgets.latent_grid((-3, 3), 12)
_, axes = plt.subplots(1, 2, figsize=(9, 4.1))
plots.latent_scatter(means[:1200], split.y_test[:1200], limit=3, ax=axes[0])
_ = plots.latent_map(model2.decode(points), ax=axes[1])

# %% [markdown]
# Zeros, ones and sevens have regions of their own, the other digits crowd in the middle, and neighbours look alike. The
# points fill the prior's circles, but only roughly. The mixture of all images' Gaussians,
# $q(z) = \frac1N\sum_i q(z\mid x_i)$, is called the **aggregate posterior**. The decoder is trained on draws from
# $q(z)$, and samples are decoded from $p(z)$: where the prior has mass and $q(z)$ has nearly none, there are **holes**.
# How large are they? We compare the two densities at points drawn from the prior.

# %%
from_prior = np.random.default_rng(6).standard_normal((2000, 2)).astype("float32")
spread = np.exp(0.5 * log_vars)


def log_aggregate(z, chunk=20):
    """log q(z), the mean of the test digits' Gaussians: (n, 2) -> (n,)."""
    parts = (norm.logpdf(part[:, None], means, spread).sum(axis=2) for part in np.split(z, len(z) // chunk))
    return np.concatenate([np.logaddexp.reduce(part, axis=1) for part in parts]) - np.log(len(means))


ratio = log_aggregate(from_prior) - norm.logpdf(from_prior).sum(axis=1)
holes = ratio < np.log(0.2)
print(f"share of prior draws where q(z) is less than a fifth of p(z): {100 * holes.mean():.0f} %")

# %%
order = np.argsort(ratio)
rows = {"deepest holes": order[:10], "fullest places": order[-10:]}
_ = plots.image_rows({name: model2.decode(from_prior[i]) for name, i in rows.items()}, wrong=["deepest holes"])

# %% [markdown]
# In the deepest holes the decoder draws what lies between two digits and is neither. Training hardly ever asked it to
# decode such points, but one draw in ten from the prior lands in a hole.
#
# Explore the map yourself: move the sliders, and look for the crossing between two digits.

# %%
widgets.latent_explorer(model2.decode, latent_dim=2)

# %% [markdown]
# ## Twenty numbers
# Two dimensions are for looking. **Predict:** with 20 latent numbers, what happens to the reconstruction loss, to the
# KL, and to the sum?

# %%
keras.utils.set_random_seed(0)
model20 = fitted(vae.VAE(networks.mlp_encoder(latent_dim=20), networks.mlp_decoder(latent_dim=20)))
reconstruction, kl_term = loss_on(model20, x_test)
print(f"test part: reconstruction {reconstruction:.1f}, KL {kl_term:.1f} nats")
_ = checks.expect("03 twenty-dimensional VAE: test loss", reconstruction + kl_term, 104.73, 106)

# %% [markdown]
# A code four times as expensive nearly halves the reconstruction loss. To judge the pictures by a number, we ask a
# classifier that is bundled with the course: how many reconstructions does it read as the right digit, and of how many
# samples is it 90 % sure? **Predict:** samples decoded from $z \sim p(z)$ against samples decoded from the aggregate
# posterior, that is $z \sim q(z\mid x)$ for test digits $x$: which are better, and is the difference larger in 2 or in
# 20 dimensions?


# %%
def sure(images):
    """Share of images of whose digit the bundled classifier is 90 % sure, in percent."""
    return 100 * np.mean(metrics.classify_digits(images).max(axis=1) > 0.9)


def judged(model, n=2000):
    """Percent of reconstructions read rightly; of samples from prior and aggregate posterior that are surely digits."""
    mean, log_var = model.encoder(x_test[:n])
    noise = tf.random.stateless_normal((n, model.latent_dim), (0, 2))
    read = metrics.classify_digits(model.decode(mean)).argmax(axis=1)
    from_posterior = mean + ops.exp(0.5 * log_var) * noise
    return 100 * np.mean(read == split.y_test[:n]), sure(model.decode(noise)), sure(model.decode(from_posterior))


for name, model in {" 2 numbers": model2, "20 numbers": model20}.items():
    read, prior, posterior = judged(model)
    print(f"{name}: {read:.0f} % read rightly; sure of {prior:.0f} % from p(z), of {posterior:.0f} % from q(z)")
print(f"real test digits: sure of {sure(test[:2000]):.0f} %")
_ = checks.expect("03 twenty-dimensional VAE: sure samples, q(z) minus p(z), % points", posterior - prior, 41.7, 48.1)

# %%
rows = {
    "test digits": test[:10],
    "20 numbers": pixels(model20(x_test[:10])),
    "samples, p(z)": model20.sample(10, seed=4),
}
_ = plots.image_rows(rows)

# %% [markdown]
# The copies are now nearly all the right digits. But of the samples from the prior the classifier is sure of only half,
# against nine in ten from the aggregate posterior, *through the same decoder*: what is wrong with the samples is not
# the decoder but where $z$ comes from. In two dimensions the same gap is much smaller. Later models answer this with
# a prior that is learnt ([Tomczak and Welling 2018](https://arxiv.org/abs/1705.07120)) or fitted to the codes
# afterwards ([Ghosh et al. 2020](https://arxiv.org/abs/1903.12436)).
#
# ## Interpolation
# Between two images we can mix their pixels, or mix their latent means and decode. **Predict** the difference.

# %%
start, end = ops.convert_to_numpy(model20.encoder(x_test[:2])[0])
t = np.linspace(0, 1, 11, dtype="float32")[:, None]
blend = (1 - t) * x_test[0] + t * x_test[1]
rows = {"pixels mixed": data.denormalize(blend, 0, 1), "latent mixed": model20.decode((1 - t) * start + t * end)}
_ = plots.image_rows(rows)

# %%
widgets.interpolation_explorer(model20.decode, start, end)

# %% [markdown]
# Mixed pixels show two ghosts on top of each other; mixed codes bend one shape into the other. Halfway, far from
# both codes, the stroke fades.
#
# ## beta: how much is the prior worth?
# $\beta$-VAEs ([Higgins et al. 2017](https://openreview.net/forum?id=Sy2fzU9gl)) weigh the terms: reconstruction +
# $\beta$ · KL. Only $\beta = 1$ trains the sum that we judge by. **Predict** what happens to each term at 0.2 and at 5.
# (Three epochs each.)


# %%
def trained(epochs=3, **options):
    """A VAE of the classic size with 20 latent numbers, trained on grey digits; ``options`` go to ``VAE``."""
    gc.collect()  # gives back the memory of the last training
    keras.utils.set_random_seed(0)
    parts = networks.mlp_encoder(latent_dim=20), networks.mlp_decoder(latent_dim=20)
    return fitted(vae.VAE(*parts, **options), epochs=epochs, jit_compile=False)  # too short to repay compiling


# %%
rows, sums = {}, {}
for beta in (0.2, 1.0, 5.0):
    model = trained(beta=beta)
    reconstruction, kl_term = loss_on(model, x_test)
    sums[beta] = reconstruction + kl_term
    print(
        f"beta {beta:3.1f}: reconstruction {reconstruction:5.1f}, KL {kl_term:4.1f}, sum {sums[beta]:5.1f} nats (test)"
    )
    _, prior, posterior = judged(model)
    print(f"          samples: sure of {prior:.0f} % from p(z), of {posterior:.0f} % from q(z)")
    rows[f"samples, beta {beta:g}"] = model.sample(10, seed=4)
    del model  # its memory is free for the next one
checks.expect("03 beta 0.2: reconstruction + KL", sums[0.2], 120.47, 122.09)
checks.expect("03 beta 1: reconstruction + KL", sums[1.0], 109.72, 112.35)
checks.expect("03 beta 5: reconstruction + KL", sums[5.0], 136.9, 144.1)
_ = plots.image_rows(rows)

# %% [markdown]
# A small beta buys a better copy with a longer code, and little holds $q(z)$ near the prior: its samples from $p(z)$
# are much worse than those from $q(z)$. A large beta gives smooth shapes and a poor copy. The sum is best at 1, the
# only weight that asks for it; the samples that look best need not come from there. (Nothing is chosen by these
# numbers, so the test part will do.)
#
# ## Broken on purpose: a mean beside a sum
# Keras losses *average* over pixels. Added to a KL that is a sum over dimensions, such a mean trains without complaint.
# **Predict:** what is wrong with it?


# %%
def mean_nll(x, logits):
    """The tempting line: Keras's own loss, a mean over the 784 pixels: (batch,)."""
    return keras.losses.binary_crossentropy(x, logits, from_logits=True)


averaged = trained(nll=mean_nll)
mean_cross_entropy, kl_term = loss_on(averaged, x_test)
print(f"printed loss {mean_cross_entropy + kl_term:.3f}", end="; ")
print(f"in nats: reconstruction {784 * mean_cross_entropy:.1f}, KL {kl_term:.3f}")
rates = (train.mean(axis=0) / 255).clip(1e-6, 1 - 1e-6).astype("float32")
mean_digit = np.log(rates / (1 - rates))  # as logits
baseline = float(bernoulli_nll(x_test.mean(axis=0), mean_digit))  # linear in x, so the mean of x will do
print(f"drawing the mean digit whatever x is: {baseline:.1f} nats")

# %%
above = 784 * mean_cross_entropy - baseline
checks.expect("03 pixel mean: nats above the mean digit", above, 0.091, 0.178)
mean_image = np.tile(data.denormalize(rates, 0, 1), (10, 1))
rows = {"test digits": test[:10], "reconstructed": pixels(averaged(x_test[:10])), "mean digit": mean_image}
_ = plots.image_rows(rows, wrong=["reconstructed"])

# %% [markdown]
# With $S$ for the cross-entropy summed over pixels, the loss is $S/784 + \mathrm{KL} = (S + 784\,\mathrm{KL})/784$:
# **beta = 784 in disguise**. No information is worth its price, the KL goes to 0, and the decoder draws the mean digit,
# just as well as a model without any $z$. The printed loss, about 0.26, looks wonderful. **How you notice:** compare
# the reconstruction term, *in nats for each image*, with the mean digit's. **The remedy:** sum over pixels, sum over
# latent dimensions, mean over the batch.
#
# ## Broken on purpose: collapse under a correct loss
# A latent unit that says nothing about $x$ has $q(z_j\mid x) = p(z_j)$: it is **inactive**, or *collapsed*.
# [Burda et al. 2016](https://arxiv.org/abs/1509.00519) call unit $j$ active if the mean of $q(z_j \mid x)$ moves with
# $x$: $\operatorname{Var}_x\big(\mathbb E_q[z_j]\big) > 0.01$.


# %%
def unit_variances(model, x=x_test):
    """Var over images of the mean of q(z_j|x), for each unit: (latent_dim,)."""
    return ops.convert_to_numpy(model.encoder(x)[0]).var(axis=0)


def active(model, x=x_test):
    return int(np.sum(unit_variances(model, x) > 0.01))


for name, model in {"2-D": model2, "20-D": model20, "pixel mean": averaged}.items():
    print(f"{name:10s} {active(model):2d} of {model.latent_dim:2d} units active")

# %% [markdown]
# Collapse can also happen when every sum is right. Take the Gaussian likelihood, whose $\sigma$ we must choose:
# $-\log p(x\mid z) = \frac{1}{2\sigma^2}\|x - \hat x\|^2 + 784\log\sigma + \text{const}$, with the decoder's output
# $\hat x$. Whoever writes "squared error + KL" has chosen $\sigma = 0.7$, and "½ squared error + KL" is $\sigma = 1$: a
# perfectly correct ELBO, of a model in which each pixel (between 0 and 1) carries noise of size 1. The linear VAE
# predicts what follows: keeping a principal axis of variance $\lambda_j$ gains it $\tfrac12(\lambda_j/\sigma^2 - 1 -
# \log(\lambda_j/\sigma^2))$ nats if $\lambda_j > \sigma^2$; below that the axis is not worth its KL, and collapses
# ([Lucas et al. 2019](https://arxiv.org/abs/1911.02469)).
#
# **Predict** from the variances printed below: how many of 20 units stay active at $\sigma = 1$? At 2.5?

# %%
largest = variances[-16:][::-1]
print("largest variances along principal axes:", largest.round(1))
gain = 0.5 * (largest[:12] - 1 - np.log(largest[:12]))
print("nats that an axis of the linear VAE gains at sigma = 1:", gain.round(2))

# %%
collapse, units = {}, {}
for sigma in (2.5, 1.0, 0.25):
    model = trained(nll=losses.gaussian_nll, sigma=sigma, data_range=(0, 1))
    kept = variances[-20:][variances[-20:] > sigma**2]  # axes that the linear VAE would keep
    linear_error = np.sqrt((variances.sum() - kept.sum() + np.sum(sigma**4 / kept)) / 784)
    error = np.sqrt(np.mean((model(x_test[:1000]).numpy() - x_test[:1000]) ** 2))
    units[sigma] = active(model)
    print(f"sigma {sigma:4.2f}: {units[sigma]:2d} of 20 units active (linear: {len(kept):2d})", end="; ")
    print(f"error of a reconstructed pixel {error:.2f} (linear: {linear_error:.2f})")
    collapse[f"sigma {sigma:g}"] = unit_variances(model)
    del model
checks.expect("03 sigma 2.5: active units", units[2.5], 0, 0)
checks.expect("03 sigma 1: active units", units[1.0], 3.95, 7.25)
checks.expect("03 sigma 0.25: active units", units[0.25], 20, 20)
ax = plots.active_units(collapse)
for line, colour in zip(ax.lines, (plots.WRONG, "#555555", plots.LATENT), strict=False):
    line.set_color(colour)
_ = ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

# %% [markdown]
# At the ends the networks do what the linear theory says: with σ = 2.5 nothing is worth its price, with 0.25 everything
# is. In between they keep fewer units than the linear VAE would: those whose axes gain the most. For the others the
# linear VAE itself gains a tenth of a nat or less each, and the few bent units already redraw better than its twelve
# straight ones. (It draws $\hat x$ from the mean of the posterior, with an error of $\sigma^4/\lambda_j$ along each
# axis that it keeps and $\lambda_j$ along each other.) Nothing looks wrong from outside: no error is raised, and every
# ELBO is correct.
#
# **How you notice:** count the active units, and compare $\sigma$ with the error of a reconstructed pixel. The model
# with σ = 1 says that pixels carry noise of size 1, and is itself wrong by about 0.2. **The remedy:** take that
# error for $\sigma$. Setting the derivative of the formula above to zero shows that it has the highest likelihood, and
# it can be learnt along ([Rybkin et al. 2021](https://arxiv.org/abs/2006.13202)). At σ = 0.25 the error has shrunk to
# 0.12, so an even smaller σ would be better still.
#
# ## Measure: a true likelihood bound
# Grey cross-entropy is no likelihood. So binarise: draw each pixel as 0 or 1 anew in every epoch (*dynamic*
# binarisation), and make the model stronger: 40 latent numbers, and two hidden layers of 400 with the smooth activation
# *silu*, $a/(1+e^{-a})$. An encoder is no more than a network with two last layers; here it is by hand:

# %%
BINARY_EPOCHS = 20
keras.utils.set_random_seed(0)
x = image = keras.Input((784,))
for _ in range(2):
    x = keras.layers.Dense(400, activation="silu")(x)
encoder = keras.Model(image, [keras.layers.Dense(40)(x), keras.layers.Dense(40)(x)])  # mean and log_var
decoder = networks.mlp(40, 784, hidden=(400, 400), activation="silu")


def drawn(number, batch):
    """Draw each pixel of batch ``number`` as 0 or 1, with its grey value as the probability of a 1."""
    return ops.cast(tf.random.stateless_uniform(batch.shape, (0, number)) < batch, "float32")


strong = fitted(vae.VAE(encoder, decoder), digits.enumerate().map(drawn), BINARY_EPOCHS, 2e-3)

# %%
binary = data.binarize(x_test, seed=0)  # one fixed draw of the 10,000 test digits
reconstruction, kl_term = loss_on(strong, binary)
print(f"test part: reconstruction {reconstruction:.1f}, KL {kl_term:.1f} nats", end="; ")
print(f"{active(strong, binary)} of 40 units active")
print(f"independent pixels, no z: {float(bernoulli_nll(binary.mean(axis=0), mean_digit)):.1f} nats")
_ = checks.expect("03 binarised VAE: test loss", reconstruction + kl_term, 93.39, 94.14)

# %% [markdown]
# This −ELBO is an upper bound on the negative log-likelihood, and we can tighten it without more training. The
# *logarithm of the mean* of $K$ weights, seen above to be nearly exact, lies between the ELBO ($K = 1$) and $\log p(x)$
# on average, and rises with $K$ ([Burda et al. 2016](https://arxiv.org/abs/1509.00519)):
# $$\mathcal L_K(x) = \mathbb E\left[\log \frac1K\sum_{k=1}^K \frac{p(x, z_k)}{q(z_k\mid x)}\right],\qquad
# z_k\sim q(z\mid x).$$
# With $z = \mu + \sigma\varepsilon$ the logarithm of $p(z)/q(z\mid x)$ is $\tfrac12\sum_j(\varepsilon_j^2 +
# \log\sigma_j^2 - z_j^2)$:


# %%
def my_bound(model, x, samples, seed=0):
    """Importance-weighted bound on log p(x) in nats: (batch, 784) -> (batch,)."""
    mean, log_var = (ops.repeat(t, samples, axis=0) for t in model.encoder(x))
    noise = tf.random.stateless_normal(mean.shape, (seed, 0))
    z = mean + ops.exp(0.5 * log_var) * noise
    log_weight = 0.5 * ops.sum(noise**2 + log_var - z**2, axis=-1)  # log p(z) - log q(z|x)
    log_weight -= bernoulli_nll(ops.repeat(x, samples, axis=0), model.decoder(z))
    return ops.logsumexp(ops.reshape(log_weight, (-1, samples)), axis=1) - np.log(samples)


_ = checks.same(my_bound, metrics.importance_weighted_bound, strong, binary[:20], 100, 0)

# %%
for samples in (1, 10, 100, 1000):
    bound = -metrics.importance_weighted_bound(strong, binary[:200], samples, seed=0)
    print(f"K = {samples:4d}: {bound.mean():.1f} nats on 200 test digits")
bound = -float(np.mean(metrics.importance_weighted_bound(strong, binary, 100, seed=0)))
_ = checks.expect("03 binarised VAE: importance-weighted bound", bound, 90.38, 91.23)

# %% [markdown]
# | −log p(x) of binarised test digits, nats | at most | protocol |
# |---|---|---|
# | independent pixels (no $z$) | 206 | exact |
# | ours, −ELBO | 94 | dynamic, 20 epochs, one fixed draw of the test digits |
# | ours, 100 samples | 91 | the same |
# | VAE of Burda et al. 2016 | 86.8 | 5,000 samples, far longer training |
# | trained on $\mathcal L_{50}$ (their IWAE) | 84.8 | 5,000 samples, far longer training |
#
# Read such tables with care. The bound with 100 samples is 3 nats better than the −ELBO of the very same model, more
# than lies between the last two rows, which are different methods. So state the samples, the kind of binarisation
# (drawn once or anew) and the part of the data. Numbers of *grey* digits belong in no such table.
#
# Some of the 40 units stay inactive here too. That is no fault by itself: a unit that is not worth its KL costs
# nothing, and the number to judge by is the bound.
#
# ## Exercises
# Replace each `...`, run the cell and the check below it. Answers: `solutions/03_vae.ipynb`.

# %% [markdown]
# ### Exercise 1: between any two Gaussians
# Write `kl_between(mean, log_var, prior_mean, prior_log_var)`: the divergence from $\mathcal N(\mu, \sigma^2)$ to
# $\mathcal N(m, s^2)$, summed over the last axis: $\log\frac{s}{\sigma} + \frac{\sigma^2 + (\mu - m)^2}{2 s^2} -
# \frac12$ for each dimension. A learned prior needs it. NumPy, TensorFlow and Keras operations are all fine.


# %%
def my_kl_between(mean, log_var, prior_mean, prior_log_var):
    return ...


# %%
checks.kl_between(my_kl_between)

# %% [markdown]
# ### Exercise 2: reparameterise another distribution
# The logistic distribution has the cumulative distribution function $u = 1/\big(1 + e^{-(z - \text{mean})/\text{scale}}
# \big)$. Write `logistic_draw(mean, scale, u)` that turns uniform noise $u$ from 0 to 1 into a draw $z$.


# %%
def my_logistic_draw(mean, scale, u):
    return ...


# %%
checks.logistic_draw(my_logistic_draw)

# %% [markdown]
# ### Exercise 3: the importance-weighted bound, without overflow
# From log weights (batch, samples) to the bound (batch,): the logarithm of the mean weight. It must also work where
# every weight is as small as $e^{-1000}$, as weights of images are.


# %%
def my_importance_weighted(log_weights):
    return ...


# %%
checks.importance_weighted(my_importance_weighted)

# %% [markdown]
# ### Exercise 4: the hidden beta
# Somebody averages the cross-entropy over `pixels` *and* averages the KL over the `latent_dim` dimensions. Which beta,
# on sums, has the same minimum? Write `hidden_beta(pixels, latent_dim)`.


# %%
def my_hidden_beta(pixels, latent_dim):
    return ...


# %%
checks.hidden_beta(my_hidden_beta)

# %% [markdown]
# ### Exercise 5: count the active units
# Write `active_units(means)`: from the means of $q(z\mid x)$ for many images, (n, latent_dim), to the number of units
# whose mean has a variance above 0.01.


# %%
def my_active_units(means):
    return ...


# %%
checks.active_units(my_active_units)

# %% [markdown]
# ## What to remember
# - The ELBO, $\mathbb E_q[\log p(x\mid z)]$ minus the KL, lies below $\log p(x)$ by exactly $D_{\mathrm{KL}}(q(z\mid
#   x)\,\|\,p(z\mid x))$; where the posterior has the form of $q$, the bound can be tight, and is if the encoder finds
#   it.
# - Sum over pixels and over latent dimensions, then average over the batch: a mean in the wrong place is a beta in
#   disguise, and a sigma that is too large collapses the code under a correct loss. Count active units.
# - Say what a number is: grey cross-entropy is a loss, −ELBO is a bound, more samples tighten it, and only binarised
#   digits of one protocol can be compared.
#
# ## Going deeper
# - **What $\mathcal L_K$ is.** Draw $K$ codes and keep one in proportion to its weight: the $q$ of that code has an
#   ELBO of at least $\mathcal L_K$ ([Cremer et al. 2017](https://arxiv.org/abs/1704.02916)). Trained on a large $K$,
#   though, an encoder gets a noisier gradient relative to its size
#   ([Rainforth et al. 2018](https://arxiv.org/abs/1802.04537)).
# - **Where the gap comes from**: too simple a family of $q$, or an encoder that misses the best member for an image
#   ([Cremer et al. 2018](https://arxiv.org/abs/1801.03558)).
# - **Collapse by a strong decoder.** A decoder that can predict pixels (or words) from their neighbours needs no $z$;
#   raising the weight of the KL slowly from 0 is an early remedy ([Bowman et al.
#   2016](https://arxiv.org/abs/1511.06349)).
# - **Surgery on the KL.** Its mean over the data is the information that $z$ holds about $x$ plus
#   $D_{\mathrm{KL}}(q(z)\,\|\,p(z))$, the holes
#   ([Hoffman and Johnson 2016](http://approximateinference.org/accepted/HoffmanJohnson2016.pdf)).
#
# ## Further reading
# - [Kingma and Welling 2014](https://arxiv.org/abs/1312.6114) and
#   [Rezende, Mohamed and Wierstra 2014](https://arxiv.org/abs/1401.4082): the VAE.
# - [Kingma and Welling 2019](https://arxiv.org/abs/1906.02691): an introduction of book length.
# - [Burda, Grosse and Salakhutdinov 2016](https://arxiv.org/abs/1509.00519): the importance-weighted bound, active
#   units.
# - [Blei, Kucukelbir and McAuliffe 2017](https://arxiv.org/abs/1601.00670): variational inference for statisticians.
