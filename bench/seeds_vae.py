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

from gentutor import data, metrics, networks, vae

BATCH, EPOCHS = 128, 10  # the classic networks
WIDTHS, LATENT_DIM, BINARY_EPOCHS = (400, 400), 40, 18  # the stronger one, on binarised digits
STEPS = 55_000 // BATCH  # 429 = 39 · 11 an epoch


def schedule(epochs, start=1e-3):
    """Learning rate that falls from ``start`` to 0 along half a cosine."""
    return keras.optimizers.schedules.CosineDecay(start, epochs * STEPS)


def grey_digits():
    split = data.load_mnist()
    return [data.normalize(x.reshape(-1, 784), 0, 1) for x in (split.x_train, split.x_test)]


def loss_on(model, x):
    """Mean of reconstruction + KL in nats, with one draw of z for each image."""
    return model.evaluate(x, batch_size=1000, verbose=0, return_dict=True)["loss"]


def classic(latent_dim, seed):
    """The 784-256-latent_dim-256-784 network after 10 epochs on grey digits; its test loss and training seconds."""
    keras.utils.set_random_seed(seed)
    x_train, x_test = grey_digits()
    model = vae.VAE(networks.mlp_encoder(latent_dim=latent_dim), networks.mlp_decoder(latent_dim=latent_dim), seed=seed)
    model.compile(keras.optimizers.Adam(schedule(EPOCHS, 2e-3)), jit_compile=True, steps_per_execution=39)
    start = time.perf_counter()
    model.fit(x_train, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model, loss_on(model, x_test), time.perf_counter() - start


def two(seed):
    _, loss, seconds = classic(2, seed)
    return {"03 two-dimensional VAE: test loss": loss, "03 two-dimensional VAE: training seconds": seconds}


def twenty(seed):
    _, loss, seconds = classic(20, seed)
    return {"03 twenty-dimensional VAE: test loss": loss, "03 twenty-dimensional VAE: training seconds": seconds}


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
        "03 binarised VAE: test loss": loss_on(model, binary),
        "03 binarised VAE: importance-weighted bound": -float(np.mean(bound)),
        "03 binarised VAE: training seconds": seconds,
    }


if __name__ == "__main__":
    bands.main("03_vae", [two, twenty, binarised])
