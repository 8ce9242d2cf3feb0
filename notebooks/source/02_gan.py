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
# # 02 · The GAN adversarial loop
# **Nobody can say, pixel by pixel, how wrong an invented digit is. Can a second network learn to say it, and can a
# generator learn from that?**
#
# - **You will** write the game of a generative adversarial network (GAN) as code, check it where the right answer is
#   known, train it on points and on digits, read its losses, judge its samples by numbers, and see it fail in two ways
#   that raise no error.
# - **You need** notebook 01 (data in [−1, 1] for a tanh), a training loop, and logarithms. Notebook 03 is not needed.
# - **Time:** about two minutes to run on two cores (twice that on Binder), 60 minutes to read.

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
import time
import warnings
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy.ndimage import median_filter
from scipy.stats import norm

from gentutor import callbacks, checks, data, gan, losses, metrics, networks, plots, training, widgets

plots.use_style()
keras.utils.set_random_seed(0)

# %% [markdown]
# ## The question, in a picture
# A **generator** $G$ turns random numbers $z$ (standard normal) into something that should look like data. In notebook
# 01 a decoder had a target to copy; a generator has none, since no real digit belongs to a given $z$. So a second
# network is trained beside it, the **discriminator** $D$: it sees real and generated examples and says which is which.
# Its answer is the generator's teacher ([Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661)).

# %%
_ = plots.gan_diagram()

# %% [markdown]
# The discriminator puts out one number $a$, the **logit**, and $D(x) = 1/(1+e^{-a})$ is its probability that $x$ is
# real: $a = 0$ means "I cannot tell", a large $a$ "surely real". **Predict:** how should the generator's weights
# change, if the discriminator is all that it can ask?
#
# ## First where the truth is known
# Digits are hard to judge. So we begin with points in the plane whose density we choose: the **real** points come from
# eight Gaussian bumps on a circle, density $p$; the **generated** ones, for now, from a single wide Gaussian, density
# $q$.

# %%
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = 2.0 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def draw_real(n, rng, sd=0.35):
    """Points from eight Gaussian bumps on a circle of radius 2: (n, 2)."""
    return (CENTRES[rng.integers(0, 8, n)] + sd * rng.standard_normal((n, 2))).astype("float32")


def log_p(x, sd=0.35):
    """Logarithm of their density: (..., 2) -> (...)."""
    bumps = norm.logpdf(x[..., None, :], CENTRES, sd).sum(axis=-1)
    return np.logaddexp.reduce(bumps, axis=-1) - np.log(8)


def log_q(x):
    """Logarithm of the density of a Gaussian with standard deviation 1.5: (..., 2) -> (...)."""
    return norm.logpdf(x, 0.0, 1.5).sum(axis=-1)


# %%
rng = np.random.default_rng(0)
real, fake = draw_real(40_000, rng), (1.5 * rng.standard_normal((40_000, 2))).astype("float32")
clouds = [(real[:1000], fake[:0]), (real[:0], fake[:1000])]
_ = plots.point_clouds(clouds, 5, ["real, density p", "generated, density q"])

# %% [markdown]
# ## The discriminator's game, and its best move
# The discriminator wants a high probability for what is real and a low one for what is generated. In one number, the
# **value** of the game:
# $$V(D, G) = \mathbb E_{x\sim p}\big[\log D(x)\big] + \mathbb E_{x\sim q}\big[\log(1 - D(x))\big].$$
# $D$ makes it large, $G$ (which sets $q$) makes it small. What is the best $D$ for a fixed $q$? As one integral,
# $V = \int \big[\,p(x)\log D(x) + q(x)\log(1-D(x))\,\big]\,dx$, and at each point $x$ we may choose $D(x)$ freely. The
# derivative of the bracket by $D$ is $p/D - q/(1-D)$. It is zero (a maximum, for both logarithms are concave) at
# $$D^*(x) = \frac{p(x)}{p(x) + q(x)},\qquad\text{as a logit}\quad a^*(x) = \log p(x) - \log q(x).$$
# **The best discriminator knows the ratio of the two densities.** That is much more than "real or not".
#
# As a loss we take $-V$, in logits, for $-\log D = \mathrm{softplus}(-a)$ and $-\log(1-D) = \mathrm{softplus}(a)$,
# where $\mathrm{softplus}(a) = \log(1+e^a)$. That never takes the logarithm of a 0.


# %%
def discriminator_loss(real_logits, fake_logits):
    """-log D(real) - log(1 - D(fake)), in nats: (batch, 1) twice -> (batch,)."""
    return ops.sum(ops.softplus(-real_logits) + ops.softplus(fake_logits), axis=-1)


some = [np.linspace(-80, 80, 9, dtype="float32")[:, None], np.linspace(3, -5, 9, dtype="float32")[:, None]]
_ = checks.same(discriminator_loss, losses.discriminator_loss, *some)

# %% [markdown]
# With $q$ fixed this is ordinary classification: label the real points 1, the generated ones 0, and train by
# cross-entropy. (Keras averages over both labels, so the number that it would report is half of ours.) **Predict:**
# will a small network find $\log p - \log q$, though nobody tells it either density?


# %%
def train_discriminator(hidden):
    """A discriminator trained on the points above, by cross-entropy."""
    keras.utils.set_random_seed(0)
    network = networks.mlp(2, 1, hidden, "relu", name="discriminator")
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 3200)  # from 0.01 to 0 in 3,200 steps
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), cross_entropy, jit_compile=False, steps_per_execution=40)
    labels = np.repeat(np.array([1, 0], "float32"), len(real))
    network.fit(np.concatenate([real, fake]), labels, batch_size=500, epochs=20, verbose=0)
    return network


learnt = train_discriminator(hidden=(64, 64))

# %%
axis = np.linspace(-4, 4, 60)
places = np.stack(np.meshgrid(axis, axis), axis=-1)  # (60, 60, 2)
maps = {
    "learnt from points": training.in_chunks(learnt, places.reshape(-1, 2).astype("float32")).reshape(60, 60),
    "log p − log q": log_p(places) - log_q(places),
}
_ = plots.logit_maps(maps, limit=4)

# %% [markdown]
# Blue says "real", orange "generated", and the learnt map has the same eight bumps and the same hole in the middle as
# the exact one. (Beyond ±2.5 the colours stop, so do not compare the corners: where there is almost no point of either
# kind, the network can only guess.) How good is it? On fresh points we compare the logits, and the loss, with the best
# possible:


# %%
def loss_with(logit, n=100_000, seed=1):
    """Discriminator's loss on fresh points, for any function from points (n, 2) to logits (n,)."""
    rng = np.random.default_rng(seed)
    new_real, new_fake = draw_real(n, rng), (1.5 * rng.standard_normal((n, 2))).astype("float32")
    return float(np.mean(discriminator_loss(logit(new_real)[:, None], logit(new_fake)[:, None])))


def best_logit(x):
    return (log_p(x) - log_q(x)).astype("float32")


def learnt_logit(x, network=learnt):
    return training.in_chunks(network, x)[:, 0]


# %%
fresh = draw_real(20_000, np.random.default_rng(2))
error = np.sqrt(np.mean((learnt_logit(fresh) - best_logit(fresh)) ** 2))
print(f"logits on fresh real points are off by {error:.2f} (root mean square)")
learnt_loss, best_loss = loss_with(learnt_logit), loss_with(best_logit)
print(f"loss: learnt {learnt_loss:.4f}, best possible {best_loss:.4f} nats")
_ = checks.expect("02 learnt minus best discriminator loss", learnt_loss - best_loss, 0.00158, 0.00372)

# %% [markdown]
# Within a few thousandths of a nat of the best possible, without being told a density. So a discriminator *measures*
# something. Put $D^*$ into $V$ and the best loss is
# $$-V(D^*, G) = 2\log 2 - 2\,\mathrm{JS}(p, q),\qquad \mathrm{JS}(p,q) = \tfrac12 D_{\mathrm{KL}}\!\big(p\,\|\,
# \tfrac{p+q}2\big) + \tfrac12 D_{\mathrm{KL}}\!\big(q\,\|\,\tfrac{p+q}2\big),$$
# where $D_{\mathrm{KL}}(p\|m) = \mathbb E_p[\log p - \log m]$ is the Kullback–Leibler divergence. The
# **Jensen–Shannon divergence** JS is 0 if $p = q$, and $\log 2$ if the two never overlap. So the generator, which
# wants $V$ small against a perfect opponent, makes JS small: it pulls $q$ towards $p$.

# %% [markdown]
# ## The generator's move: two losses, one goal
# The generator sees the data only through the discriminator's logit $a(G(z))$. So its weights follow the gradient of
# that logit, which flows back through the discriminator into $G$: that is the answer to the first question above. Which
# loss should it minimise? Two come to mind:
#
# | | loss | its slope in $a$ |
# |---|---|---|
# | **minimax** | $\log(1 - D) = -\mathrm{softplus}(a)$ | $-D$ |
# | **non-saturating** | $-\log D = \mathrm{softplus}(-a)$ | $-(1-D)$ |
#
# Both fall as $a$ rises. **Predict:** early in training the discriminator is sure, $D \approx 0$ on generated data.
# Which of the two still has a slope then?
#
# Let us measure it, where all is known: real $x \sim \mathcal N(0, 1)$, generated $x = \theta + z$ with $z \sim
# \mathcal N(0, 1)$, so that the generator has one weight, $\theta$, how far it is off. The best discriminator is
# $a^*(x) = \theta^2/2 - \theta x$. For each $\theta$ we let TensorFlow differentiate both losses, with the
# discriminator held fixed, and average over $z$ (by a fine sum, so there is no chance in it).

# %%
Z = np.linspace(-9, 9, 3601).astype("float32")
WEIGHTS = (norm.pdf(Z) * (Z[1] - Z[0])).astype("float32")  # sum to 1


def generator_gradients(shift):
    """Derivative of both generator losses by theta, at theta = shift, against the best discriminator."""
    theta = tf.Variable(shift, dtype="float32")
    with tf.GradientTape(persistent=True) as tape:
        a = shift**2 / 2 - shift * (theta + Z)  # the discriminator knows the shift, but does not move with theta
        minimax = tf.reduce_sum(WEIGHTS * -tf.nn.softplus(a))
        non_saturating = tf.reduce_sum(WEIGHTS * tf.nn.softplus(-a))
    return float(tape.gradient(minimax, theta)), float(tape.gradient(non_saturating, theta))


shifts = np.linspace(0.1, 8, 40)
minimax, non_saturating = np.transpose([generator_gradients(float(shift)) for shift in shifts])

# %% [markdown]
# Theory knows both answers: minimax follows the slope of 2 JS, and the non-saturating loss that of
# $D_{\mathrm{KL}}(q\|p) - 2\,\mathrm{JS}$ ([Arjovsky and Bottou 2017](https://arxiv.org/abs/1701.04862)). Here
# $D_{\mathrm{KL}}(q\|p) = \theta^2/2$, and JS we sum numerically.


# %%
def twice_js(shift):
    """2 JS of N(0, 1) and N(shift, 1), in nats, by a sum over a fine grid."""
    x = np.linspace(-12, 22, 20_001)
    p, q = norm.logpdf(x), norm.logpdf(x, shift)
    middle = np.logaddexp(p, q) - np.log(2)
    return np.sum(np.exp(p) * (p - middle) + np.exp(q) * (q - middle)) * (x[1] - x[0])


slope = np.array([(twice_js(shift + 1e-3) - twice_js(shift - 1e-3)) / 2e-3 for shift in shifts])


def theory():
    return slope, shifts - slope


checks.same(lambda: (minimax, non_saturating), theory)
series = {"minimax": (shifts, minimax), "non-saturating": (shifts, non_saturating)}
labels = "how far the generator is off, in standard deviations", "gradient, nats for each sd"
ax = plots.curves(series, *labels, colours=[plots.WRONG, plots.GENERATED])
_ = ax.set(yscale="log", ylim=(1e-4, 20))

# %% [markdown]
# Near the goal the two agree. Far from it the minimax gradient **vanishes**: a generator that is hopelessly off is
# told nothing, because a sure discriminator's loss is flat. The non-saturating gradient *grows* with the distance. Most
# GANs train with it or a relative of it, and so do we from here on:


# %%
def generator_loss(fake_logits):
    """Non-saturating -log D(fake), in nats: (batch, 1) -> (batch,)."""
    return ops.sum(ops.softplus(-fake_logits), axis=-1)


_ = checks.same(generator_loss, losses.generator_loss, some[0])

# %% [markdown]
# ## What equilibrium looks like, and why it certifies nothing
# If $q = p$, the best logit is 0 everywhere. **Predict** both losses there.

# %% tags=["nbval-check-output"]
zero = np.zeros((1, 1), "float32")
print(f"discriminator {float(discriminator_loss(zero, zero)[0]):.4f} = 2 log 2 = {2 * np.log(2):.4f}")
print(f"generator     {float(generator_loss(zero)[0]):.4f} =   log 2 = {np.log(2):.4f}")

# %% [markdown]
# So losses of 1.386 and 0.693 are a good sign? Take our wide Gaussian, which is clearly *not* the ring, and a weaker
# discriminator: a linear one. **Predict** its loss.

# %%
weak_loss = loss_with(partial(learnt_logit, network=train_discriminator(hidden=())))
print(f"loss with two hidden layers {learnt_loss:.3f}, linear {weak_loss:.3f}")
print(f"JS(p, q) = {np.log(2) - best_loss / 2:.3f} nats, where log 2 = {np.log(2):.3f} would mean: no overlap at all")
_ = checks.expect("02 linear discriminator: loss minus 2 log 2", weak_loss - 2 * np.log(2), -0.001, 0.001)

# %% [markdown]
# Both clouds have the same mean. At $a = 0$ the slope of the loss in a linear discriminator's weights is half the
# difference of the two means, which is 0, and the loss is convex: no linear logit does better than $a = 0$. It sits at
# $2\log 2$, the loss of a perfect generator, in front of a blob. **A loss measures the generator *as this discriminator
# sees it*.** If it is at equilibrium, either the samples are right or the discriminator is weak, and the loss cannot
# say which.
#
# ## The loop
# Now both move. One step of the adversarial loop: the discriminator takes one gradient step on fresh real and generated
# points, then the generator takes one against the new discriminator.


# %%
def adversarial_step(generator, discriminator, optimizers, real, noise):
    """One step of each player, each with its own optimizer; noise is (2, batch, latent_dim)."""
    fake = generator(noise[0])
    with tf.GradientTape() as tape:
        d_loss = ops.mean(discriminator_loss(discriminator(real), discriminator(fake)))
    weights = discriminator.trainable_variables  # the discriminator's weights only
    optimizers[1].apply(tape.gradient(d_loss, weights), weights)

    with tf.GradientTape() as tape:
        g_loss = ops.mean(generator_loss(discriminator(generator(noise[1]))))
    weights = generator.trainable_variables  # the generator's only: the gradient flows *through* the discriminator
    optimizers[0].apply(tape.gradient(g_loss, weights), weights)
    return d_loss, g_loss


# %% [markdown]
# Nothing needs to be frozen: each optimizer is handed the weights of one player. The package's `gan.GAN` does the same
# inside Keras's `fit`. To check, we let both take one step from the same weights, with the same noise, by plain
# gradient descent (Adam's first step only looks at signs, and would hide or exaggerate differences):

# %%
model = gan.GAN(networks.mlp(2, 2, (64, 64)), networks.mlp(2, 1, (64, 64)))
ours = [keras.models.clone_model(network) for network in (model.generator, model.discriminator)]
for mine, theirs in zip(ours, (model.generator, model.discriminator), strict=True):
    mine.set_weights(theirs.get_weights())
sgd = partial(keras.optimizers.SGD, 0.1)
adversarial_step(*ours, [sgd(), sgd()], real[:256], training.noise((2, 256, 2), seed=0, step=0))
model.compile(sgd(), sgd())
model.train_on_batch(real[:256])


def gan_step():
    return model.get_weights()


_ = checks.same(lambda: ours[0].get_weights() + ours[1].get_weights(), gan_step, tolerance=1e-6)

# %% [markdown]
# One step agrees to a millionth. From here on the package's `gan.GAN` plays.
#
# ## The game as a film
# A generator with two hidden layers of 64 turns points of the plane into points of the plane; the bumps are now
# narrower (0.15). After every epoch of 200 steps we draw what it makes.


# %%
def ring_gan(generator_rate, discriminator_rate, epochs=30, seed=0):
    """Train a small GAN on the ring; returns the model, its history, its points after each epoch."""
    keras.utils.set_random_seed(seed)
    model = gan.GAN(networks.mlp(2, 2, (64, 64)), networks.mlp(2, 1, (64, 64)), seed=seed)
    rates = generator_rate, discriminator_rate
    model.compile(*(keras.optimizers.Adam(rate, 0.5) for rate in rates), jit_compile=False, steps_per_execution=100)
    film = callbacks.Snapshots(lambda m: training.in_chunks(m, RING_NOISE))
    points = draw_real(20_000, np.random.default_rng(seed), sd=0.15)
    model.fit(points, batch_size=256, epochs=epochs, steps_per_epoch=200, verbose=0, callbacks=[film])
    return model, model.history.history, film


RING_NOISE = tf.random.stateless_normal((5000, 2), (0, 9))
ring_points = draw_real(500, np.random.default_rng(5), sd=0.15)
_, ring_history, ring_film = ring_gan(1e-3, 1e-3)

# %%
chosen = [0, 1, 2, 4, 8, 12, 20, 30]
clouds = [(ring_points, ring_film.frames[epoch][:500]) for epoch in chosen]
_ = plots.point_clouds(clouds, 3, [f"epoch {epoch}" for epoch in chosen])


# %%
# The same as a film: press play, or drag
def picture(points):
    """One frame of the film: uint8 (h, w, 3)."""
    return widgets.figure_picture(lambda ax: plots.cloud(ring_points, points[:500], 3, ax=ax), size=(3.4, 3.4))


pictures = [picture(points) for points in ring_film.frames]
widgets.playback(np.array(pictures), [f"epoch {epoch}" for epoch in ring_film.epochs], title="The game on the ring")

# %% [markdown]
# The orange cloud is blown over the whole square (epoch 1), pulled onto the ring (epoch 4), and torn into eight.
# Because the truth is known, we can count: a point is **good** within three standard deviations of a bump's centre
# (98.9 % of real points are), and a bump, or
# **mode**, is found if at least 20 of 5,000 points are good ones of it.


# %%
def count_modes(points, sd=0.15):
    """Share of good points, and the number of good points at each of the eight modes."""
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=2)  # (n, 8)
    good = distances.min(axis=1) < 3 * sd
    return good.mean(), np.bincount(distances.argmin(axis=1)[good], minlength=8)


for name, points in {"real": draw_real(5000, np.random.default_rng(6), 0.15), "GAN": ring_film.frames[-1]}.items():
    good, counts = count_modes(points)
    print(f"{name:5s} {100 * good:.1f} % good, modes found {np.sum(counts >= 20)} of 8, points at each: {counts}")
_ = checks.expect("02 ring: modes missed", 8 - np.sum(counts >= 20), 0, 0)

# %%
equilibrium = [(2 * np.log(2), "2 log 2"), (np.log(2), "log 2")]
PLAYERS = "black", plots.GENERATED
series = {"discriminator": ring_history["discriminator_loss"], "generator": ring_history["generator_loss"]}
_ = plots.curves(series, "epoch of 200 steps", "loss, nats", equilibrium, colours=PLAYERS)
print({name: round(values[-1], 3) for name, values in series.items()}, "at the end")
_ = checks.expect("02 ring: discriminator loss", ring_history["discriminator_loss"][-1], 1.328, 1.426)

# %% [markdown]
# Most of the time the losses are close to those of equilibrium. Here we can see what is behind them: all eight modes
# are found, but fewer points are good than of the real ones, and the modes get unequal numbers of points, where chance
# alone would give each $625 \pm 23$. It is nearly a match, and the losses hardly show what is missing.
#
# ## Broken on purpose: mode collapse
# Now the same game with a generator whose learning rate is 50 times as large as the discriminator's. **Predict:** what
# will it do, if it moves far before its teacher has noticed?

# %%
_, collapsed_history, collapsed_film = ring_gan(5e-3, 1e-4)
chosen = [5, 15, 25, 30]
clouds = [(ring_points, collapsed_film.frames[epoch][:500]) for epoch in chosen]
_ = plots.point_clouds(clouds, 3, [f"epoch {epoch}" for epoch in chosen])


# %%
def modes_found(points):
    """Number of modes with at least 20 good points."""
    return int(np.sum(count_modes(points)[1] >= 20))


for name, film in {"equal rates": ring_film, "fast generator": collapsed_film}.items():
    print(f"{name:14s} modes found after 5, 10, … 30 epochs", [modes_found(points) for points in film.frames[5::5]])
last = {name: values[-1] for name, values in collapsed_history.items()}
print("losses of the fast generator's run:", {name: round(value, 2) for name, value in last.items()})
checks.expect("02 ring, fast generator: modes missed", 8 - modes_found(collapsed_film.frames[-1]), 5.75, 9.05)
_ = checks.expect("02 ring, fast generator: discriminator loss", last["discriminator_loss"], 1.221, 1.473)

# %% [markdown]
# **Mode collapse.** The whole cloud is a point or a thin thread. It runs to wherever the discriminator is easiest to
# fool, and by the time the discriminator has learnt of it, it is somewhere else. Whenever we look it covers two of the
# eight modes at most. **The losses do not tell:** they are within a tenth or so of those of the good run. **How you
# notice:** count modes where you know them, and look how far the samples spread where you do not. **The remedy** here
# is the learning rate; notebook 06 (planned) will show others.
#
# ## Digits: the classic small network
# Now 784 dimensions, and nobody knows $p$. The data goes to [−1, 1], because the generator ends in a tanh (notebook
# 01).

# %%
split = data.load_mnist()
train_images = split.x_train.reshape(-1, 784)  # they stay bytes in memory; each batch is scaled when it is drawn
BATCH, STEPS, EPOCH = 128, 10_000, 500  # an "epoch" here is 500 steps


def scaled_batches(batch_size):
    """Endless shuffled batches of training digits as float32 in [-1, 1]: (batch_size, 784)."""
    return data.batches(train_images, batch_size).map(lambda x: ops.cast(x, "float32") / 127.5 - 1.0)


# %%
generator = keras.Sequential(
    [
        keras.Input((100,)),
        layers.Dense(128),
        layers.LeakyReLU(0.2),
        layers.Dense(784, activation="tanh"),
    ]
)
discriminator = keras.Sequential(
    [keras.Input((784,)), layers.Dense(128), layers.LeakyReLU(0.2), layers.Dense(1)]  # a logit: no sigmoid
)

# %% [markdown]
# (LeakyReLU(0.2) is $\max(a, 0.2a)$: it never goes quite flat, so the generator's gradient gets through.) The loop by
# hand, for 400 steps, with the step from above, compiled into one program by `tf.function`:

# %%
adam = partial(keras.optimizers.Adam, 2e-4, beta_1=0.5)
optimizers = [adam(), adam()]
for optimizer, network in zip(optimizers, (generator, discriminator), strict=True):
    optimizer.build(network.trainable_variables)
compiled_step = tf.function(partial(adversarial_step, generator, discriminator, optimizers))


def play(step, steps):
    """Plays so many steps on random batches; returns the last losses and steps per second."""
    start = time.perf_counter()
    for number, real in enumerate(scaled_batches(BATCH).take(steps)):
        d_loss, g_loss = step(real, training.noise((2, BATCH, 100), 0, number))
    return float(d_loss), float(g_loss), steps / (time.perf_counter() - start)


play(compiled_step, 1)  # the first call compiles
by_hand = play(compiled_step, 400)
eager = play(partial(adversarial_step, generator, discriminator, optimizers), 20)
print(f"after 400 steps: discriminator {by_hand[0]:.2f}, generator {by_hand[1]:.2f}")

# %% [markdown]
# `fit` does better still, because it puts 50 steps into one compiled program (`steps_per_execution`), and brings a
# progress bar, callbacks, checkpoints. We train for the 10,000 steps that many listings use, and keep 30 samples from
# the same noise after each 500 steps, and after each 1,000 a number that is explained below.


# %%
def valid_share(model):
    """Excess Fréchet distance on the validation part, as a share (explained below)."""
    return metrics.frechet_excess(model.sample(5000, seed=2), "valid").share


class Stopwatch(keras.callbacks.Callback):
    """Adds up the seconds of training and compiling; the first callback in the list, so that no other is counted."""

    seconds, start = 0.0, None

    def on_epoch_begin(self, epoch, logs=None):
        self.start = None

    def on_train_batch_begin(self, batch, logs=None):
        self.start = self.start or time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self.start


# %%
def train(model, rate, beta_1, batch_size, epochs):
    """Train on digits by Adam; returns the seconds of training, the film, the shares after every second epoch."""
    gc.collect()
    adam = partial(keras.optimizers.Adam, rate, beta_1=beta_1)
    model.compile(adam(), adam(), jit_compile=True, steps_per_execution=50)
    watch = Stopwatch()
    film = callbacks.Snapshots(lambda m: widgets.tile(m.sample(30, seed=1), columns=10))
    judge = callbacks.Snapshots(valid_share, every=2)
    fit = {"epochs": epochs, "steps_per_epoch": EPOCH, "verbose": 0, "callbacks": [watch, film, judge]}
    model.fit(scaled_batches(batch_size), **fit)
    return watch.seconds, film, judge


for part, digits in {"valid": split.x_valid, "test": split.x_test}.items():
    metrics.frechet_excess(digits, part)  # prepares the judge, before any clock runs
keras.utils.set_random_seed(0)
classic = gan.GAN(networks.mlp_generator(), networks.mlp_discriminator())
classic_seconds, classic_film, classic_judge = train(classic, 2e-4, beta_1=0.5, batch_size=BATCH, epochs=20)

# %%
fit_rate = STEPS / classic_seconds
for name, rate in {"by hand, eager": eager[2], "by hand, compiled": by_hand[2], "GAN.fit": fit_rate}.items():
    print(f"{name:18s} {rate:5.0f} steps a second, {rate / eager[2]:4.1f} times the first")

# %% [markdown]
# The same algorithm three times: compiling the step is worth a lot, and fifty steps in one program, compiled by XLA
# (`jit_compile=True`), are worth more, even with the time for compiling counted.

# %%
series = {name.split("_")[0]: values for name, values in classic.history.history.items()}
ax = plots.curves(series, "epoch of 500 steps", "loss, nats", equilibrium, colours=PLAYERS)
ax.set_ylim(0.5, 1.5)
_ = ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)

# %%
rows = {f"step {500 * e:,}": classic_film.frames[e][:28].reshape(28, 10, 28).swapaxes(0, 1) for e in (4, 10, 20)}
_ = plots.image_rows(rows)

# %% [markdown]
# After the first few epochs the losses only wander. From them alone you could not tell the
# smudges at step 2,000 from the strokes at step 10,000: each player has got better, and so has its opponent. The
# samples did improve. But are they *good*?
#
# ## Judge by numbers
# **Which digits come up?** The bundled classifier (99.4 % right on real test digits) names 10,000 samples. **Predict**
# the histogram.

# %%
samples = {"classic": classic.sample(10_000, seed=3)}


def label_shares(images):
    """Share of each digit among the images, as the classifier names them: (10,)."""
    return np.bincount(metrics.classify_digits(images).argmax(axis=1), minlength=10) / len(images)


shares = {"real test digits": label_shares(split.x_test), "classic": label_shares(samples["classic"])}
_ = plots.label_histogram(shares)

# %% [markdown]
# The classic network seems to draw almost nothing but a few kinds. But **a judge must be judged too**: its samples are
# full of white specks, which the classifier never saw in training. So we put specks on *real* digits, and also try a
# median filter, which replaces each pixel by the middle value of its 3 × 3 neighbourhood and so removes specks.
# **Predict:** how many real digits are still named correctly?


# %%
def without_specks(images):
    """Median of each 3 × 3 neighbourhood: (n, 784) or (n, 28, 28) -> (n, 28, 28)."""
    return median_filter(images.reshape(-1, 28, 28), (1, 3, 3))


real_digits, real_labels = split.x_test[:2000], split.y_test[:2000]
hit = np.random.default_rng(0).random(real_digits.shape) < 0.08
specks = np.where(hit, 255, real_digits).astype("uint8")
trials = {"real": real_digits, "real, 8 % of pixels white": specks, "the same, filtered": without_specks(specks)}
for name, images in trials.items():
    named = metrics.classify_digits(images).argmax(axis=1)
    print(f"{name:26s} {100 * np.mean(named == real_labels):4.1f} % named correctly", end=", ")
    print(f"{100 * np.mean(named == 8):4.1f} % called an 8")

# %%
shares = {name: label_shares(without_specks(images)) for name, images in {"real": split.x_test, **samples}.items()}
_ = plots.label_histogram(shares)

# %% [markdown]
# Specks alone make the classifier call many digits an 8. With the filter, which costs real digits almost nothing, the
# histogram is fairer: more kinds come up, but still not equally often. That is the generator's own doing, a mild form
# of the collapse that you saw on the ring. From here on labels are counted behind the filter.
#
# By **features** we mean 128 numbers that an intermediate layer of the classifier computes from an image: which strokes
# are where. A shift by one pixel changes every pixel, but the features only little.
#
# **Are there duplicates?** A collapsed generator draws nearly the same image again and again. Among 2,000 images, how
# far is each from its nearest neighbour, measured in the features? A *duplicate* is closer than all but 1 % of real
# digits are to theirs.


# %%
def nearest(features):
    """Distance of each row to the nearest other row: (n, d) -> (n,)."""
    squares = np.sum(features**2, axis=1)
    distances = squares[:, None] + squares - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    return np.sqrt(distances.min(axis=1).clip(0))


limit = np.quantile(nearest(metrics.digit_features(split.x_test[:2000])), 0.01)


def duplicates(images):
    return np.mean(nearest(metrics.digit_features(images[:2000])) < limit)


copies = np.repeat(split.x_train[:20], 100, axis=0)  # what a complete collapse would give
for name, images in {"real digits": split.x_train, "20 digits copied": copies, **samples}.items():
    print(f"{name:18s} {100 * duplicates(images):5.1f} % duplicates")

# %% [markdown]
# The judge works (copies are found), and the classic network passes: it does not draw the same image twice. It is too
# noisy for that. One number is never enough, so:
#
# **How far is the whole set of samples from the real one?** Fit a Gaussian to the features of each set, with means
# $m_1, m_2$ and covariances $C_1, C_2$. The squared **Fréchet distance** of the two Gaussians is
# $$d^2 = \|m_1 - m_2\|^2 + \operatorname{tr}\!\big(C_1 + C_2 - 2\,(C_1C_2)^{1/2}\big) .$$
# The trace of the root is the sum of the square roots of the eigenvalues of $C_1C_2$, so a few lines do
# ([Heusel et al. 2017](https://arxiv.org/abs/1706.08500) use an Inception network's features, and call it FID).


# %%
def frechet_distance(real, generated):
    """Squared Fréchet distance of Gaussians fitted to two sets of features, (n, d) and (m, d)."""
    shift = real.mean(axis=0) - generated.mean(axis=0)
    c1, c2 = np.cov(real.T), np.cov(generated.T)
    roots = np.sqrt(np.linalg.eigvals(c1 @ c2).real.clip(0))
    return shift @ shift + np.trace(c1) + np.trace(c2) - 2 * roots.sum()


features = {name: metrics.digit_features(images) for name, images in samples.items()}
real_features = metrics.digit_features(split.x_test)
_ = checks.same(
    frechet_distance, metrics.frechet_distance, real_features.astype(float), features["classic"].astype(float)
)

# %% [markdown]
# A distance needs a scale. Its **floor** is the distance of 10,000 *training* digits from the 10,000 test digits, which
# is above 0 because both sets are finite and were written by different people. Its far end is a Gaussian fitted to 50
# principal components of the pixels, a model without any network. The **share** = (distance − floor) / (Gaussian −
# floor) is 0 for real digits and 1 for that Gaussian. **Predict** the classic network's share.

# %%
excess = metrics.frechet_excess(samples["classic"])
print(f"floor {excess.floor:.1f}, classic {excess.distance:.1f}, Gaussian {excess.gaussian:.1f}")
_ = checks.expect("02 classic GAN: excess share", excess.share, 0.61, 2.08)

# %% [markdown]
# After 10,000 steps of training the classic network is about as far from real digits as a Gaussian without any network,
# or farther: five seeds gave shares from 1.1 to 1.7. Many tutorials end here.
#
# ## A better small GAN, in about the same time
# Four changes, each a line or two:
#
# 1. **Wider and deeper**: two hidden layers of 256 for each player, fed by 64 latent numbers. To pay for that, batches
#    of 64 instead of 128, and 6,000 steps instead of 10,000.
# 2. **Faster, without momentum**: a learning rate of 0.001, and Adam with `beta_1=0`. Momentum remembers where the
#    opponent *was*.
# 3. **A gradient penalty** keeps the teacher gentle: add $\tfrac12\,\mathbb E_p\|\nabla_x a(x)\|^2$ to the
#    discriminator's loss (R1, [Mescheder et al. 2018](https://arxiv.org/abs/1801.04406)). It holds down the slope of
#    the logit at real images, so that the discriminator does not become sure because of tiny differences.
# 4. **An average of the weights** for drawing: after each step $\bar w \leftarrow 0.998\,\bar w + 0.002\,w$ (an
#    exponential moving average, EMA; early on over fewer steps). The players may circle around each other; the average
#    stands near the centre.
#
# We change all at once; which of them matters most is not measured here. The average you write in exercise 4. The
# penalty is new: its gradient is by the *image*, not by the weights.


# %%
def my_penalty(discriminator, real):
    """Half the squared norm of the logit's gradient at each real image: (batch, 784) -> (batch,)."""
    real = tf.convert_to_tensor(real)
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = discriminator(real)
    return 0.5 * ops.sum(ops.square(tape.gradient(logits, real)), axis=-1)


some_digits = data.normalize(train_images[:1000])
linear = networks.mlp(784, 1)  # its logit is w · x + b, so the gradient is w for every image
half_square = 0.5 * np.sum(linear.get_weights()[0] ** 2)
print(f"penalty {float(my_penalty(linear, some_digits[:1])[0]):.5f}, known for a linear network: {half_square:.5f}")

# %% [markdown]
# In training, this gradient is differentiated once more, by the discriminator's weights: `GAN` puts this tape inside
# the other one. Now the better network. **Predict** its share.

# %%
keras.utils.set_random_seed(0)
widths = (256, 256)
players = networks.mlp_generator(64, 784, widths), networks.mlp_discriminator(784, widths)
better = gan.GAN(*players, gradient_penalty=1.0, ema_decay=0.998)
better_seconds, better_film, better_judge = train(better, 1e-3, beta_1=0.0, batch_size=64, epochs=12)
print(f"seconds of training, better against classic: {better_seconds / classic_seconds:.2f} times")

# %%
curves_ = {
    name: (np.array(judge.epochs) * EPOCH, judge.frames)
    for name, judge in {"classic": classic_judge, "better": better_judge}.items()
}
scale = [(1, "Gaussian on 50 components"), (0, "real digits")]
ax = plots.curves(curves_, "step", "share, validation part", scale, colours=[plots.GENERATED] * 2)
ax.lines[0].set_linestyle("--")
_ = ax.legend()

# %% [markdown]
# Here is what the losses would not give: after the first 1,000 steps both curves fall, as the samples become clearer.
# The share was measured on the *validation* part, so that we may look at it as often as we like, and choose by it.
# (`callbacks.KeepBest` does, and puts the best weights back.) Each network meets the test part once, after its last
# step. Now the better one:

# %%
samples["better"] = better.sample(10_000, seed=3)
rows = {"real": split.x_test[:14], **{name: images[:14] for name, images in samples.items()}}
_ = plots.image_rows(rows)

# %%
shares["better"] = label_shares(without_specks(samples["better"]))
_ = plots.label_histogram(shares)

# %%
better_excess = metrics.frechet_excess(samples["better"])
for name, result in {"classic": excess, "better": better_excess}.items():
    off = 50 * np.abs(shares[name] - shares["real"]).sum()
    print(f"{name:8s} share {result.share:.2f}, labels off by {off:.1f} %", end=", ")
    print(f"duplicates {100 * duplicates(samples[name]):.1f} %")
_ = checks.expect("02 better GAN: excess share", better_excess.share, 0.1178, 0.1361)

# %% [markdown]
# From a share of 1 or more to about an eighth, in about the same time, and all ten digits come up. (*Labels off by*
# is the share of samples that would have to change their label to match the real histogram.) It is still a small
# network: some digits come up too often, and strokes break. (Fréchet distances that papers report for MNIST, as
# [Lucic et al. 2018](https://arxiv.org/abs/1711.10337) do, come from another network's features and cannot be compared
# with ours. A Fréchet distance means something only beside its own floor and baseline.)

# %%
# Each network's own 30 latent points, the same in every frame: classic on the left, better on the right
gap = np.full((84, 12), 255, "uint8")
film = [np.hstack([a, gap, b]) for a, b in zip(classic_film.frames[1:13], better_film.frames[1:], strict=True)]
titles = [f"step {EPOCH * epoch:,}" for epoch in better_film.epochs[1:]]
widgets.playback(np.array(film), titles, title="Classic (left), better (right)")

# %% [markdown]
# ## Broken on purpose: the recipe of many tutorials
# Countless listings write the loop like this: compile the discriminator, set `discriminator.trainable = False`, stack
# generator and discriminator into a second model, and call `predict` and `train_on_batch`. The idea is that the
# discriminator still trains alone (it was compiled before), and stands still inside the stack. **Predict:** which of
# the two losses will fall?

# %%
keras.utils.set_random_seed(0)
generator, discriminator = networks.mlp_generator(), networks.mlp_discriminator()
cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
discriminator.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), cross_entropy)
discriminator.trainable = False  # meant for the stack only ...
stack = keras.Sequential([generator, discriminator])
stack.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), cross_entropy)


def tutorial_step(real, rng):
    """One step as the listings write it: real, generated, then the stack."""
    fake = generator.predict(rng.standard_normal((BATCH, 100)), verbose=0)
    discriminator.train_on_batch(real, np.ones((BATCH, 1)))
    discriminator.train_on_batch(fake, np.zeros((BATCH, 1)))
    stack.train_on_batch(rng.standard_normal((BATCH, 100)), np.ones((BATCH, 1)))


# %%
def losses_now(n=1000):
    """Both losses, measured by our own functions."""
    fake_logits = discriminator(generator(tf.random.stateless_normal((n, 100), (0, 5))))
    real_logits = discriminator(some_digits)
    pair = discriminator_loss(real_logits, fake_logits), generator_loss(fake_logits)
    return [float(np.mean(loss)) for loss in pair]


before, noise_rng, seconds = discriminator.get_weights(), np.random.default_rng(0), 0.0
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for step, batch in enumerate(scaled_batches(BATCH).take(81)):
        if step % 20 == 0:
            print("step {:3d}: discriminator {:5.2f}, generator {:7.4f}".format(step, *losses_now()))
        start = time.perf_counter()
        tutorial_step(batch, noise_rng)
        seconds += time.perf_counter() - start if step else 0.0  # the first step builds the programs

# %% tags=["nbval-check-output"]
after = discriminator.get_weights()
print("any weight of the discriminator changed:", any(np.any(a != b) for a, b in zip(before, after, strict=True)))

# %%
print("Keras says:", *{str(warning.message) for warning in said})
print(f"GAN.fit makes {fit_rate * seconds / 80:.0f} times as many steps a second, and trains both players")

# %% [markdown]
# The generator's loss goes to 0, which looks like triumph: it has found the blind spot of a discriminator that **never
# learnt anything**. In Keras 3 `trainable = False` also reaches the model that was compiled before, for Keras asks
# which weights are trainable when a training function is first run, not in `compile`; the order of the lines no longer
# protects it. Keras does warn, in one line that many notebooks silence. **How you notice:** a
# generator's loss near 0 beside a discriminator's that rises. **The remedy** is above: no freezing, two optimizers, and
# each handed the weights of its own player. (`GAN.compile` refuses a player that has nothing to train.)
# Speeds depend on the machine; `bench/` compares them with both sides taking turns.
#
# ## Exercises
# Replace each `...`, run the cell and the check below it. Answers: `solutions/02_gan.ipynb`.

# %% [markdown]
# ### Exercise 1: the value at the best discriminator
# Two distributions over a few outcomes, as arrays of probabilities `p` and `q` of shape (n,). Write `best_value(p, q)`:
# $V(D^*, G)$ in nats. A check by hand: it is $-2\log 2$ if they are equal and 0 if they never overlap. (Mind outcomes
# with probability 0.) NumPy, TensorFlow and Keras operations are all fine.


# %%
def my_best_value(p, q):
    return ...


# %%
checks.best_value(my_best_value)

# %% [markdown]
# ### Exercise 2: another game
# The *least-squares* GAN ([Mao et al. 2017](https://arxiv.org/abs/1611.04076)) takes the discriminator's output $a$ as
# it is, and asks for 1 on real and 0 on generated data: the discriminator pays $\tfrac12(a_\text{real}-1)^2 +
# \tfrac12a_\text{fake}^2$ and the generator $\tfrac12(a_\text{fake}-1)^2$. Write `least_squares(real_logits,
# fake_logits)`: both losses, from (batch, 1) to (batch,).


# %%
def my_least_squares(real_logits, fake_logits):
    return ..., ...


# %%
checks.least_squares(my_least_squares)

# %% [markdown]
# ### Exercise 3: the Fréchet distance of numbers
# In one dimension the covariances are variances $s_1^2, s_2^2$, and the formula above becomes very simple. Write
# `frechet_1d(x, y)` for two sets of numbers, (n,) and (m,).


# %%
def my_frechet_1d(x, y):
    return ...


# %%
checks.frechet_1d(my_frechet_1d)

# %% [markdown]
# ### Exercise 4: an average that forgets
# Write `moving_average(values, decay)`: start from the first value, take in the others one by one, each time keeping
# `decay` of the average and adding `1 - decay` of the new value. Return the last average.


# %%
def my_moving_average(values, decay):
    return ...


# %%
checks.moving_average(my_moving_average)

# %% [markdown]
# ### Exercise 5: diagnosis
# For each symptom the most likely cause, one word: `"frozen"` (a discriminator that does not learn), `"weak"` (one that
# cannot see the difference), `"strong"` (one that wins every round), or `"collapse"` (of the generator's modes).


# %%
my_diagnosis = {
    "D loss 1.386, G loss 0.693, samples widely spread but wrong": ...,
    "G loss falls to 0, D loss rises and rises": ...,
    "D loss falls to 0, a minimax G gets no gradient": ...,
    "three of ten digits never come up": ...,
}

# %%
checks.diagnosis(my_diagnosis)

# %% [markdown]
# ## What to remember
# - The best discriminator knows the log-ratio of the two densities; the generator learns through it, and with the
#   non-saturating loss it learns also when it is far off.
# - Losses of a GAN say how one player sees the other, not how good the samples are: equilibrium values come with a true
#   match, with a weak discriminator and with collapse.
# - Judge samples by what can be counted: labels, duplicates, and a distance beside its floor and a baseline.
#
# ## Going deeper
# - **Does the game settle?** Near the solution, gradient steps of two players can circle around it, or spiral away; a
#   penalty on the discriminator's gradient pulls them in
#   ([Mescheder et al. 2018](https://arxiv.org/abs/1801.04406)).
# - **When supports do not overlap**, JS is $\log 2$ whatever the distance, and a perfect discriminator teaches nothing
#   ([Arjovsky and Bottou 2017](https://arxiv.org/abs/1701.04862)). That led to the Wasserstein GAN
#   ([Arjovsky et al. 2017](https://arxiv.org/abs/1701.07875)).
# - **Other divergences.** The same game plays any $f$-divergence
#   ([Nowozin et al. 2016](https://arxiv.org/abs/1606.00709)).
#
# ## Further reading
# - [Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661): the first GAN, eight pages.
# - [Goodfellow 2016](https://arxiv.org/abs/1701.00160): a tutorial with the questions that readers ask.
# - [Lucic et al. 2018](https://arxiv.org/abs/1711.10337): with the same budget for tuning, many GANs are equally good.
# - [Heusel et al. 2017](https://arxiv.org/abs/1706.08500): two learning rates, and the Fréchet distance of samples.
