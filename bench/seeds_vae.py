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

from gentutor import data, losses, metrics, networks, vae

BATCH, EPOCHS, SHORT = 128, 10, 3  # the classic networks; the short trainings for beta and sigma
WIDTHS, LATENT_DIM, BINARY_EPOCHS = (400, 400), 40, 18  # the stronger one, on binarised digits
STEPS = 55_000 // BATCH  # 429 = 39 · 11 an epoch


def schedule(epochs, rate=2e-3):
    """Learning rate that falls from ``rate`` to 0 along half a cosine."""
    return keras.optimizers.schedules.CosineDecay(rate, epochs * STEPS)


def grey_digits():
    split = data.load_mnist()
    return [data.normalize(x.reshape(-1, 784), 0, 1) for x in (split.x_train, split.x_test)]


def loss_on(model, x):
    """Mean of loss, reconstruction and KL in nats, with one draw of z for each image."""
    return model.evaluate(x, batch_size=1000, verbose=0, return_dict=True)


def classic(latent_dim, seed, epochs=EPOCHS, **options):
    """The 784-256-latent_dim-256-784 network trained on grey digits; the model and the digits."""
    keras.utils.set_random_seed(seed)
    x_train, x_test = grey_digits()
    encoder, decoder = networks.mlp_encoder(latent_dim=latent_dim), networks.mlp_decoder(latent_dim=latent_dim)
    model = vae.VAE(encoder, decoder, seed=seed, **options)
    model.compile(keras.optimizers.Adam(schedule(epochs)), jit_compile=True, steps_per_execution=39)
    model.fit(x_train, batch_size=BATCH, epochs=epochs, verbose=0)
    return model, x_train, x_test


def two(seed):
    model, _, x_test = classic(2, seed)
    return {"03 two-dimensional VAE: test loss": loss_on(model, x_test)["loss"]}


def twenty(seed):
    model, _, x_test = classic(20, seed)
    return {"03 twenty-dimensional VAE: test loss": loss_on(model, x_test)["loss"]}


def betas(seed):
    """Reconstruction + KL, with weights 1, after short trainings with three weights."""
    numbers = {}
    for beta in (0.2, 1.0, 5.0):
        model, _, x_test = classic(20, seed, SHORT, beta=beta)
        parts = loss_on(model, x_test)
        numbers[f"03 beta {beta:g}: reconstruction + KL"] = parts["reconstruction"] + parts["kl"]
    return numbers


def mean_nll(x, logits):
    return keras.losses.binary_crossentropy(x, logits, from_logits=True)


def pixel_mean(seed):
    """A mean over pixels beside a summed KL: reconstruction in nats above drawing the mean digit, and the KL."""
    model, x_train, x_test = classic(20, seed, SHORT, nll=mean_nll)
    rates = x_train.mean(axis=0).clip(1e-6, 1 - 1e-6)
    mean_digit = np.mean(losses.bernoulli_nll(x_test, np.log(rates / (1 - rates))))
    parts = loss_on(model, x_test)
    above = 784 * parts["reconstruction"] - float(mean_digit)
    return {"03 pixel mean: nats above the mean digit": above, "03 pixel mean: KL": parts["kl"]}


def sigmas(seed):
    """Units whose mean has a variance above 0.01 under Gaussian likelihoods of three widths."""
    numbers = {}
    for sigma in (2.5, 1.0, 0.25):
        model, _, x_test = classic(20, seed, SHORT, nll=losses.gaussian_nll, sigma=sigma, data_range=(0, 1))
        variances = keras.ops.convert_to_numpy(model.encoder(x_test)[0]).var(axis=0)
        numbers[f"03 sigma {sigma:g}: active units"] = int(np.sum(variances > 0.01))
    return numbers


def binarised(seed):
    keras.utils.set_random_seed(seed)
    x_train, x_test = grey_digits()
    encoder = networks.mlp_encoder(latent_dim=LATENT_DIM, hidden=WIDTHS)
    decoder = networks.mlp_decoder(latent_dim=LATENT_DIM, hidden=WIDTHS)
    model = vae.VAE(encoder, decoder, seed=seed)
    model.compile(keras.optimizers.Adam(schedule(BINARY_EPOCHS, 3e-3)), jit_compile=True, steps_per_execution=39)
    start = time.perf_counter()
    batches = data.batches(x_train, BATCH, seed, binarize=True)
    model.fit(batches, epochs=BINARY_EPOCHS, steps_per_epoch=STEPS, verbose=0)
    seconds = time.perf_counter() - start
    binary = data.binarize(x_test, seed=0)
    bound = metrics.importance_weighted_bound(model, binary, 100, seed=0)
    return {
        "03 binarised VAE: test loss": loss_on(model, binary)["loss"],
        "03 binarised VAE: importance-weighted bound": -float(np.mean(bound)),
        "03 binarised VAE: training seconds": seconds,
    }


if __name__ == "__main__":
    bands.main("03_vae", [two, twenty, binarised, betas, pixel_mean, sigmas])
