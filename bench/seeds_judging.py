"""Five seeds of notebook 04, with the notebook's constants: python bench/seeds_judging.py

``likelihood``: the two-dimensional VAE on binarised digits, its exact log p(x) by quadrature on 500 test digits, the
bounds of its own q and of a q eight times as wide, and what its means are worth as samples. ``contenders``: the
GAN and the mixture, judged by 10,000 samples against the 10,000 test digits.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import warnings

import keras
import numpy as np
import seeds_gan
import tensorflow as tf
from keras import ops
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from gentutor import data, metrics, networks, vae

BATCH, EPOCHS, STEPS, WIDER = 128, 10, 50_000 // 128, 8.0
GAN_EPOCHS = 10  # of 500 steps


def parts():
    """The 50,000 training digits that models may see, the 10,000 unseen ones, the 10,000 test digits."""
    split = data.load_mnist()
    return split.x_train[:50_000], np.concatenate([split.x_train[50_000:], split.x_valid]), split.x_test


def binary_vae(seed):
    """The 784-256-2-256-784 network, trained on digits whose pixels are drawn anew in every epoch."""
    keras.utils.set_random_seed(seed)

    def drawn(number, batch):
        grey = ops.cast(batch, "float32") / 255.0
        return ops.cast(tf.random.stateless_uniform(batch.shape, (seed, number)) < grey, "float32")

    model = vae.VAE(networks.mlp_encoder(latent_dim=2), networks.mlp_decoder(latent_dim=2), seed=seed)
    falling = keras.optimizers.schedules.CosineDecay(5e-3, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(falling), jit_compile=True, steps_per_execution=39)
    batches = data.batches(parts()[0].reshape(-1, 784), BATCH, seed).enumerate().map(drawn)
    model.fit(batches, epochs=EPOCHS, steps_per_epoch=STEPS, verbose=0)
    return model


def quadrature(model, x, step, limit=6.0, chunk=5000):
    """log p(x) by a sum over a grid of the plane: (images, 784) -> (images,)."""
    axis, x = np.arange(-limit, limit + step / 2, step, dtype="float32"), tf.constant(x)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)

    @tf.function(reduce_retracing=True)
    def log_joint(z):
        logits = model.decoder(z)
        log_z = -0.5 * ops.sum(z**2, axis=1) - np.log(2 * np.pi)
        return logits @ ops.transpose(x) + (log_z - ops.sum(ops.softplus(logits), axis=1))[:, None]

    sums = [logsumexp(log_joint(tf.constant(z[i : i + chunk])), axis=0) for i in range(0, len(z), chunk)]
    return logsumexp(sums, axis=0) + 2 * np.log(step)


def log_weights(model, x, wider, samples=5000):
    """log p(x, z) / q(z|x) for draws of q, its standard deviation multiplied by ``wider``: (images, samples)."""
    mean, log_var = model.encoder(x)
    sd, x = wider * ops.exp(0.5 * log_var), tf.constant(x)

    @tf.function
    def weigh(noise):
        z = mean[:, None] + sd[:, None] * noise
        logits = ops.reshape(model.decoder(ops.reshape(z, (-1, 2))), (len(x), -1, 784))
        log_x = ops.einsum("np,nkp->nk", x, logits) - ops.sum(ops.softplus(logits), axis=-1)
        return log_x + 0.5 * ops.sum(noise**2 - z**2, axis=-1) + ops.sum(ops.log(sd), axis=-1)[:, None]

    noises = (tf.random.stateless_normal((len(x), 4, 2), (0, i)) for i in range(samples // 4))
    return np.concatenate([weigh(noise) for noise in noises], axis=1)


def likelihood(seed):
    model, (_, unseen, test) = binary_vae(seed), parts()
    binary = data.binarize(data.normalize(test[:500], 0, 1), seed=0).reshape(-1, 784)
    exact = quadrature(model, binary, 0.02)
    coarse = [quadrature(model, binary, 0.1, limit) for limit in (6.0, 8.0)]
    outside = np.abs(coarse[1] - coarse[0]).max()
    halved = quadrature(model, binary, 0.01)
    narrow, wide = (log_weights(model, binary, wider) for wider in (1.0, WIDER))
    bounds = [logsumexp(log_w, axis=1) - np.log(log_w.shape[1]) for log_w in (narrow, wide)]
    rest = exact - bounds[1]
    real = metrics.digit_features(test)
    means = metrics.digit_features(model.sample(10_000, seed=1))
    floor = metrics.precision_recall(real, metrics.digit_features(unseen))
    precision, recall = metrics.precision_recall(real, means)
    return {
        "04 quadrature: largest change by halving a step of 0.02, nats": np.abs(exact - halved).max(),
        "04 quadrature: largest change by a square to 8 in place of 6, nats": outside,
        "04 two-dimensional VAE: exact log p(x)": exact.mean(),
        "04 two-dimensional VAE: log p minus ELBO": (exact - narrow.mean(axis=1)).mean(),
        "04 q as trained: log p minus bound with 5,000 samples": (exact - bounds[0]).mean(),
        "04 q eight times as wide: log p minus bound with 5,000 samples": rest.mean(),
        "04 q eight times as wide: standard error of that": rest.std() / np.sqrt(len(rest)),
        "04 VAE means: Fréchet share": share(real, means, unseen),
        "04 VAE means: precision minus that of unseen digits": precision - floor[0],
        "04 VAE means: recall": recall,
    }


def share(real, points, unseen):
    """Excess Fréchet distance over unseen digits, as a share of the excess of a Gaussian on 50 components."""
    far = metrics.pca_gaussian(parts()[0], 10_000, seed=0)
    floor, top = (metrics.frechet_distance(real, metrics.digit_features(images)) for images in (unseen, far))
    return (metrics.frechet_distance(real, points) - floor) / (top - floor)


def small_gan(seed):
    """The better GAN of notebook 02, trained on the 50,000."""
    model = seeds_gan.better_gan(seed)
    scaled = data.batches(parts()[0].reshape(-1, 784), 64, seed).map(lambda x: ops.cast(x, "float32") / 127.5 - 1.0)
    model.fit(scaled, epochs=GAN_EPOCHS, steps_per_epoch=500, verbose=0)
    return model


def mixture(n, seed, components=50):
    """``n`` images of a mixture of Gaussians on 50 principal components of 20,000 training digits: uint8."""
    flat = parts()[0].reshape(-1, 784)[:20_000].astype("float32")
    pca = PCA(50, svd_solver="covariance_eigh").fit(flat)
    model = GaussianMixture(components, max_iter=20, reg_covar=1.0, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        codes = model.fit(pca.transform(flat)).sample(n)[0]
    codes = codes[np.random.default_rng(seed).permutation(n)]
    return np.clip(np.rint(pca.inverse_transform(codes)), 0, 255).astype(np.uint8).reshape(-1, 28, 28)


def two_sample(real, generated):
    """Accuracy of a linear classifier of the features on the half that it was not trained on."""
    order = np.random.default_rng(0).permutation(20_000)  # MNIST's own order is not random
    x = np.concatenate([real, generated]).astype("float32")[order]
    y = np.repeat([1, 0], 10_000)[order]
    judge = LogisticRegression(max_iter=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        judge.fit(x[:10_000], y[:10_000])
    return np.mean(judge.predict(x[10_000:]) == y[10_000:])


def near_train(points, train, test):
    """Share of training digits among the nearest neighbours of 2,000 points in training and test digits."""
    pool = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(np.concatenate([train, test]))
    found = np.unique(pool.kneighbors(points[:2000], return_distance=False))  # a digit that is met twice counts once
    return np.mean(found < len(train))


def contenders(seed):
    train, unseen, test = parts()
    real = metrics.digit_features(test)
    drawn = metrics.digit_features(small_gan(seed).sample(10_000, seed=3))
    mixed = metrics.digit_features(mixture(10_000, seed))
    order = np.random.default_rng(7).permutation(10_000)  # MNIST's own order is not random
    few, other = real[order], metrics.digit_features(unseen[order])
    small = np.mean([metrics.frechet_distance(few[i : i + 200], other[i : i + 200]) for i in range(0, 800, 200)])
    precision, recall = metrics.precision_recall(real, drawn)
    density, coverage = metrics.density_coverage(real, drawn)
    return {
        "04 GAN: Fréchet share": share(real, drawn, unseen),
        "04 GAN: precision": precision,
        "04 GAN: recall": recall,
        "04 GAN: density": density,
        "04 GAN: coverage": coverage,
        "04 two-sample test of the GAN: accuracy, features": two_sample(real, drawn),
        "04 GAN: share nearest to training digits": near_train(drawn, metrics.digit_features(train), real),
        "04 Fréchet distance: 200 real digits over 10,000 of the GAN": small / metrics.frechet_distance(real, drawn),
        "04 mixture: Fréchet share": share(real, mixed, unseen),
    }


if __name__ == "__main__":
    bands.main("04_judging", [likelihood, contenders])
