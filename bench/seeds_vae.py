"""Five seeds of notebook 03's models, with the notebook's constants: python bench/seeds_vae.py

Grey models: cross-entropy of grey pixels plus KL on the test part, which is no likelihood. Binarised model: trained on
digits drawn anew in every epoch, judged on one fixed draw (seed 0) of the 10,000 test digits; its importance-weighted
bound with 100 samples is taken on all of them.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import time

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from gentutor import data, losses, metrics, networks, vae

BATCH, EPOCHS, SHORT = 128, 10, 3  # the classic networks; the short trainings for beta and sigma
WIDTHS, LATENT_DIM, BINARY_EPOCHS = (400, 400), 40, 20  # the stronger one, on binarised digits
STEPS = 55_000 // BATCH  # 429 = 39 · 11 an epoch


def grey_digits(seed):
    """Batches of training digits, scaled one batch at a time, and the test digits, in [0, 1]."""
    split = data.load_mnist()
    train, test = (x.reshape(-1, 784) for x in (split.x_train, split.x_test))
    batches = data.batches(train, BATCH, seed).map(lambda batch: ops.cast(batch, "float32") / 255.0)
    return batches, data.normalize(test, 0, 1), train


def fitted(model, x, epochs=EPOCHS, rate=5e-3, jit_compile=True):
    """Train by Adam with a learning rate that falls from ``rate`` to 0 along half a cosine."""
    falling = keras.optimizers.schedules.CosineDecay(rate, epochs * STEPS)
    model.compile(keras.optimizers.Adam(falling), jit_compile=jit_compile, steps_per_execution=39)
    model.fit(x, epochs=epochs, steps_per_epoch=STEPS, verbose=0)
    return model


def loss_on(model, x, seed=0):
    """Reconstruction loss and KL, means in nats, with one draw of z for each image: (2,)."""
    noise = np.random.default_rng(seed).standard_normal((len(x), model.latent_dim)).astype("float32")
    chunks = [slice(i, i + 1000) for i in range(0, len(x), 1000)]
    return np.mean([ops.mean(ops.stack(model.elbo_terms(x[c], noise[c])), axis=1) for c in chunks], axis=0)


def classic(latent_dim, seed, epochs=EPOCHS, **options):
    """The 784-256-latent_dim-256-784 network trained on grey digits; the model and the test digits."""
    keras.utils.set_random_seed(seed)
    digits, x_test, _ = grey_digits(seed)
    encoder, decoder = networks.mlp_encoder(latent_dim=latent_dim), networks.mlp_decoder(latent_dim=latent_dim)
    model = vae.VAE(encoder, decoder, seed=seed, **options)
    return fitted(model, digits, epochs, jit_compile=epochs != SHORT), x_test


def two(seed):
    return {"03 two-dimensional VAE: test loss": loss_on(*classic(2, seed)).sum()}


def twenty(seed):
    """Test loss, and of how many more samples from q(z) than from p(z) the classifier is 90 % sure."""
    model, x_test = classic(20, seed)
    mean, log_var = model.encoder(x_test[:2000])
    noise = tf.random.stateless_normal((2000, 20), (0, 2))
    prior, posterior = (
        100 * np.mean(metrics.classify_digits(model.decode(z)).max(axis=1) > 0.9)
        for z in (noise, mean + ops.exp(0.5 * log_var) * noise)
    )
    return {
        "03 twenty-dimensional VAE: test loss": loss_on(model, x_test).sum(),
        "03 twenty-dimensional VAE: sure samples, q(z) minus p(z), % points": posterior - prior,
    }


def betas(seed):
    """Reconstruction + KL, with weights 1, after short trainings with three weights."""
    numbers = {}
    for beta in (0.2, 1.0, 5.0):
        numbers[f"03 beta {beta:g}: reconstruction + KL"] = loss_on(*classic(20, seed, SHORT, beta=beta)).sum()
    return numbers


def mean_nll(x, logits):
    return keras.losses.binary_crossentropy(x, logits, from_logits=True)


def pixel_mean(seed):
    """A mean over pixels beside a summed KL: reconstruction in nats above drawing the mean digit, and the KL."""
    model, x_test = classic(20, seed, SHORT, nll=mean_nll)
    rates = (grey_digits(seed)[2].mean(axis=0) / 255).clip(1e-6, 1 - 1e-6).astype("float32")
    mean_digit = float(np.mean(losses.bernoulli_nll(x_test, np.log(rates / (1 - rates)))))
    mean_cross_entropy, kl = loss_on(model, x_test)
    return {"03 pixel mean: nats above the mean digit": 784 * mean_cross_entropy - mean_digit, "03 pixel mean: KL": kl}


def sigmas(seed):
    """Units whose mean has a variance above 0.01 under Gaussian likelihoods of three widths."""
    numbers = {}
    for sigma in (2.5, 1.0, 0.25):
        model, x_test = classic(20, seed, SHORT, nll=losses.gaussian_nll, sigma=sigma, data_range=(0, 1))
        variances = keras.ops.convert_to_numpy(model.encoder(x_test)[0]).var(axis=0)
        numbers[f"03 sigma {sigma:g}: active units"] = int(np.sum(variances > 0.01))
    return numbers


def binarised(seed):
    """The stronger network on digits drawn anew in every epoch."""
    keras.utils.set_random_seed(seed)
    digits, x_test, _ = grey_digits(seed)
    x = image = keras.Input((784,))
    for width in WIDTHS:
        x = keras.layers.Dense(width, activation="silu")(x)
    encoder = keras.Model(image, [keras.layers.Dense(LATENT_DIM)(x), keras.layers.Dense(LATENT_DIM)(x)])
    decoder = networks.mlp(LATENT_DIM, 784, WIDTHS, activation="silu")

    def drawn(number, batch):
        return ops.cast(tf.random.stateless_uniform(batch.shape, (seed, number)) < batch, "float32")

    start = time.perf_counter()
    model = fitted(vae.VAE(encoder, decoder, seed=seed), digits.enumerate().map(drawn), BINARY_EPOCHS, 2e-3)
    seconds = time.perf_counter() - start
    binary = data.binarize(x_test, seed=0)
    return {
        "03 binarised VAE: test loss": loss_on(model, binary).sum(),
        "03 binarised VAE: importance-weighted bound": -np.mean(
            metrics.importance_weighted_bound(model, binary, 100, seed=0)
        ),
        "03 binarised VAE: training seconds": seconds,
    }


if __name__ == "__main__":
    bands.main("03_vae", [two, twenty, binarised, betas, pixel_mean, sigmas])
