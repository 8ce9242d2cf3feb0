"""Numbers that judge samples: distances in a bundled network's features, precision and recall, a bound on log p(x)."""

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from gentutor import data, validate

CLASSIFIER = "digit_classifier.npz"
COMPONENTS = 50  # of the Gaussian that is the far end of frechet_excess's scale


def classifier(weights, x, dropout=0.0):
    """The digit network: x (n, 28, 28, 1) in [0, 1] -> features of an intermediate layer (n, 128) and logits (n, 10).

    Three convolutions and two dense layers. The features are the last convolution's 32 channels, averaged over four
    overlapping quarters of the image: they still know how a digit is written, which the last layer forgets.
    ``weights`` is a dictionary of arrays; trained by bench/train_classifier.py.
    """

    def conv(x, name, stride, padding):
        return tf.nn.relu(tf.nn.conv2d(x, weights[name], stride, padding) + weights[name + "_bias"])

    def dense(x, name):
        return tf.matmul(tf.nn.dropout(x, dropout), weights[name]) + weights[name + "_bias"]

    hidden = conv(conv(conv(x, "conv1", 2, "SAME"), "conv2", 2, "SAME"), "conv3", 1, "VALID")
    features = tf.reshape(tf.nn.avg_pool2d(hidden, 3, 2, "VALID"), (-1, 128))
    return features, dense(tf.nn.relu(dense(tf.reshape(hidden, (-1, 800)), "dense1")), "dense2")


def digit_features(images):
    """Features of digits in an intermediate layer of the bundled classifier: (n, 128) float32.

    Args: ``images``, uint8 (n, 28, 28), (n, 28, 28, 1) or (n, 784); anything else raises ValueError. Each feature has
    mean 0 and standard deviation 1 over the training images, which gives the distances below their unit.
    """
    return _run_classifier(images)[0]


def classify_digits(images):
    """Probabilities of the ten digits by the bundled classifier: uint8 images, shaped as above, -> (n, 10) float32."""
    return _run_classifier(images)[1]


def frechet_distance(real_features, generated_features):
    """Squared Fréchet distance of the Gaussians fitted to two sets of features, a float of at least 0.

    Args: two arrays (n, d) and (m, d) with at least 2 rows each; fewer rows than columns will do. The trace of
    (C₁C₂)^½ is the sum of the singular values of R₁R₂ᵀ, where Cᵢ = RᵢᵀRᵢ: no root of an ill-conditioned matrix.
    Depends on n and m: compare equal sizes only. Heusel et al. 2017; notebooks 02 and 04.
    """
    real, generated = _check_features(real_features, generated_features)
    shift = real.mean(axis=0) - generated.mean(axis=0)
    root_real, root_generated = _covariance_root(real), _covariance_root(generated)
    cross = np.linalg.svd(root_real @ root_generated.T, compute_uv=False).sum()
    distance = shift @ shift + np.sum(root_real**2) + np.sum(root_generated**2) - 2.0 * cross
    return max(float(distance), 0.0)


def kernel_distance(real_features, generated_features):
    """Unbiased estimate of the squared maximum mean discrepancy under the kernel (x·y/d + 1)³, a float.

    Args: two arrays (n, d) and (m, d) with at least 2 rows each. Unbiased at any size: for two sets from one
    distribution it is 0 on average, so it can be negative. Bińkowski et al. 2018 (KID), on whole sets, not subsets.
    """
    real, generated = _check_features(real_features, generated_features)
    between = _kernel_sum(real, generated) / (len(real) * len(generated))
    return _kernel_within(real) + _kernel_within(generated) - 2.0 * between


def precision_recall(real, generated, k=3):
    """Improved precision and recall: the shares of generated among real and of real among generated features.

    Args: features (n, d) and (m, d) with more than ``k`` rows each. A point is among a set if it is no farther from
    one of its members than that member's ``k``-th nearest neighbour in the set. Returns two floats in [0, 1].
    Kynkäänniemi et al. 2019.
    """
    real, generated = _check_features(real, generated, rows=validate.positive_int("k", k) + 1)
    return _share_inside(real, generated, k), _share_inside(generated, real, k)


def density_coverage(real, generated, k=5):
    """Density and coverage: how crowded the real balls are that generated features fall into, and how many are hit.

    Args: features (n, d) and (m, d) with more than ``k`` rows each. A ball reaches from a real point to its ``k``-th
    nearest real neighbour. Density is the mean number of balls that a generated point lies in, over ``k``: about 1 for
    real data, above 1 where samples crowd. Coverage is the share of balls with a generated point inside, in [0, 1].
    Naeem et al. 2020; built in notebooks/04_judging.ipynb.
    """
    from sklearn.metrics import pairwise_distances_chunked

    real, generated = _check_features(real, generated, rows=validate.positive_int("k", k) + 1)
    radii, balls, hit = _radii(real, k), 0, np.zeros(len(real), bool)
    for chunk in pairwise_distances_chunked(generated, real, working_memory=64):
        inside = chunk <= radii
        balls += np.count_nonzero(inside)
        hit |= inside.any(axis=0)
    return float(balls / (k * len(generated))), float(hit.mean())


class Excess(NamedTuple):
    """A Fréchet distance and its scale: ``share`` is 0 for real digits, 1 for a Gaussian on 50 principal components."""

    distance: float
    floor: float
    gaussian: float
    share: float


def frechet_excess(images, part="test"):
    """Fréchet distance of generated digits to real ones, beside the two distances that give it meaning.

    Args: ``images``, uint8 digits, as many as ``part`` of MNIST has: 10,000 for "test" or 5,000 for "valid" (choose
    on "valid", look at "test" once); another number raises ValueError, because the distance depends on it.
    Returns ``Excess``: ``floor`` is the distance of as many training images, ``gaussian`` that of draws from a
    Gaussian fitted to 50 principal components, share = (distance − floor) / (gaussian − floor).
    """
    features, floor, gaussian = _reference(part)
    images = validate.digits("images", images)
    if len(images) != len(features):
        raise ValueError(f"images holds {len(images)}, but the {part} part has {len(features)}: give as many.")
    distance = frechet_distance(features, digit_features(images))
    return Excess(distance, floor, gaussian, (distance - floor) / (gaussian - floor))


def pca_gaussian(images, n, seed, components=COMPONENTS):
    """Draw ``n`` images from a Gaussian fitted to the principal components of uint8 images: uint8 (n, 28, 28)."""
    flat = validate.digits("images", images).reshape(-1, 784)
    mean = flat.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((784, 784))
    for start in range(0, len(flat), 5000):  # a part at a time: 55,000 images of float64 take 345 MB
        rows = flat[start : start + 5000] - mean
        scatter += rows.T @ rows
    variances, axes = np.linalg.eigh(scatter / (len(flat) - 1))
    scales = np.sqrt(np.maximum(variances[-components:], 0.0))
    z = np.random.default_rng(seed).normal(size=(n, len(scales)))
    pixels = (z * scales) @ axes[:, -components:].T
    pixels += mean
    np.clip(np.rint(pixels, out=pixels), 0, 255, out=pixels)  # in place: 10,000 images of float64 take 63 MB
    return pixels.astype(np.uint8).reshape(-1, 28, 28)


def slant(images):
    """Degrees by which the ink of uint8 digits leans to the right, (n,); 0 without ink. Built in 04_judging.ipynb.

    The arc tangent of the covariance of x and y over the variance of y, weighted by ink, with y upwards: shearing a
    picture, x → x + s y, adds s to the tangent.
    """
    ink = validate.digits("images", images).reshape(-1, 784)
    y, x = (place.ravel() for place in np.mgrid[13.5:-14:-1, -13.5:14])
    moments = np.stack([np.ones(784), x, y, x * y, y * y], axis=1)
    sums = np.concatenate([ink[start : start + 5000] @ moments for start in range(0, len(ink), 5000)])
    _, mean_x, mean_y, xy, yy = (sums / np.maximum(sums[:, :1], 1.0)).T
    return np.degrees(np.arctan2(xy - mean_x * mean_y, yy - mean_y**2))


def importance_weighted_bound(vae, x, samples, seed):
    """Lower bound on log p(x) from ``samples`` draws of q(z|x) for each x, in nats: (batch,) float32.

    Args: ``vae`` with ``encoder``, ``decoder`` and ``nll``; ``x``, floats (batch, ...) as the encoder takes them;
    ``samples`` >= 1. With 1 it is the ELBO's estimate; it rises to log p(x) as ``samples`` grows. Seeded, and batched
    so that memory stays small. Burda et al. 2016, equation 8; built in notebooks/03_vae.ipynb.
    """
    validate.float_batch("x", x)
    validate.same_shape("x", x.shape[1:], vae.encoder.input_shape[1:], "the encoder takes")
    samples = validate.positive_int("samples", samples)
    log_weights = tf.function(functools.partial(_log_weights, vae), reduce_retracing=True)
    draws = min(samples, 2000)
    images, bounds = max(2000 // draws, 1), []
    for start in range(0, len(x), images):
        part, total = tf.convert_to_tensor(x[start : start + images], tf.float32), -np.inf
        for first in range(0, samples, draws):
            count = tf.constant(min(draws, samples - first))
            total = np.logaddexp(total, log_weights(part, count, tf.constant([seed, start + first * len(x)], tf.int64)))
        bounds.append(total - math.log(samples))
    return np.concatenate(bounds)


@functools.cache
def _classifier_function():
    with np.load(data.asset(CLASSIFIER)) as file:
        weights = {name: tf.constant(file[name].astype(np.float32)) for name in file.files}

    @tf.function(input_signature=[tf.TensorSpec((None, 28, 28), tf.uint8)])
    def run(images):
        features, logits = classifier(weights, tf.cast(images, tf.float32)[..., None] / 255.0)
        return (features - weights["feature_mean"]) / weights["feature_sd"], tf.nn.softmax(logits)

    return run


def _run_classifier(images, chunk=500):
    images = validate.digits("images", images)
    with tf.device("CPU"):
        parts = [_classifier_function()(images[i : i + chunk]) for i in range(0, len(images), chunk)]
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _check_features(real, generated, rows=2):
    real, generated = np.asarray(real, dtype=np.float64), np.asarray(generated, dtype=np.float64)
    for name, features in (("real_features", real), ("generated_features", generated)):
        if features.ndim != 2 or len(features) < rows:
            raise ValueError(f"{name} must be (n, d) with n of at least {rows}, but its shape is {features.shape}.")
        if not np.isfinite(features).all():
            raise ValueError(f"{name} holds NaN or infinity. Look for NaN in the images or the network they came from.")
    validate.same_shape("generated_features", generated.shape[1:], real.shape[1:], "real_features has the shape")
    return real, generated


def _covariance_root(x):
    """A matrix R with RᵀR = the covariance of the rows of x."""
    return np.linalg.qr((x - x.mean(axis=0)) / math.sqrt(len(x) - 1), mode="r")


def _kernel_sum(x, y):
    """Sum of (x·y/d + 1)³ over all pairs of rows; the 1 is one more column of both."""
    x, y = (np.column_stack([part / math.sqrt(part.shape[1]), np.ones(len(part))]) for part in (x, y))
    blocks = (x[i : i + 250] @ y[j : j + 2000].T for i in range(0, len(x), 250) for j in range(0, len(y), 2000))
    return sum(float(np.vdot(block * block, block)) for block in blocks)


def _kernel_within(x):
    """Mean of the kernel over pairs of different rows; each pair is computed once."""
    diagonal = float(np.sum((np.sum(x * x, axis=1) / x.shape[1] + 1.0) ** 3))
    starts = range(0, len(x), 1000)
    both = sum(_kernel_sum(x[i : i + 1000], x[i + 1000 :]) for i in starts if i + 1000 < len(x))
    own = sum(_kernel_sum(x[i : i + 1000], x[i : i + 1000]) for i in starts)
    return (2.0 * both + own - diagonal) / (len(x) * (len(x) - 1))


def _radii(members, k):
    """Distance of each row to its k-th nearest other row: (n,)."""
    from sklearn.neighbors import NearestNeighbors  # imported late: a second that most notebooks can save

    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(members).kneighbors()[0][:, -1]


def _share_inside(members, points, k):
    from sklearn.metrics import pairwise_distances_chunked

    radii, chunks = _radii(members, k), pairwise_distances_chunked(points, members, working_memory=64)
    return float(np.concatenate([np.any(chunk <= radii, axis=1) for chunk in chunks]).mean())


@functools.cache
def _reference(part):
    if part not in ("test", "valid"):
        raise ValueError(f'part must be "test" or "valid", but it is {part!r}.')
    split = data.load_mnist()
    real = split.x_test if part == "test" else split.x_valid
    features = digit_features(real)
    rows = np.random.default_rng(0).choice(len(split.x_train), len(real), replace=False)
    floor = frechet_distance(features, digit_features(split.x_train[rows]))
    drawn = pca_gaussian(split.x_train, len(real), seed=0)
    return features, floor, frechet_distance(features, digit_features(drawn))


def _log_weights(vae, x, samples, key):
    """Logarithm of the sum of p(x, z) / q(z|x) over ``samples`` draws of z for each x: (batch,)."""
    mean, log_var = (tf.repeat(t, samples, axis=0) for t in vae.encoder(x, training=False))
    noise = tf.random.stateless_normal(tf.shape(mean), key)
    z = mean + tf.exp(0.5 * log_var) * noise
    log_ratio = 0.5 * tf.reduce_sum(noise**2 + log_var - z**2, axis=-1)  # log p(z) − log q(z|x)
    log_weight = log_ratio - vae.nll(tf.repeat(x, samples, axis=0), vae.decoder(z, training=False))
    return tf.reduce_logsumexp(tf.reshape(log_weight, (-1, samples)), axis=1)
