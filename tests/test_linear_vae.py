"""A VAE with linear networks against exact probabilistic PCA: equality where it must be, a known gap elsewhere."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gentutor import losses, metrics, networks, vae

PIXELS, DIM, SIGMA = 7, 3, 0.6


def orthogonal(seed, n):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def linear_vae(W, b):
    """Linear decoder W z + b, with the best encoder whose covariance is diagonal."""
    precision = (W.T @ W + SIGMA**2 * np.eye(DIM)) / SIGMA**2
    A = np.linalg.solve(precision, W.T / SIGMA**2).T
    encoder, decoder = networks.mlp_encoder(DIM, PIXELS, ()), networks.mlp_decoder(DIM, PIXELS, ())
    encoder.set_weights([A, -b @ A, np.zeros((PIXELS, DIM)), -np.log(np.diag(precision))])
    decoder.set_weights([W.T, b])
    return vae.VAE(encoder, decoder, losses.gaussian_nll, sigma=SIGMA)


def exact_elbo(model, x):
    """The ELBO without chance: these points have mean 0 and covariance I, which is all that a quadratic asks for."""
    unit = np.sqrt(DIM) * np.eye(DIM, dtype=np.float32)
    points = np.concatenate([unit, -unit])
    terms = [model.elbo_terms(x, np.tile(point, (len(x), 1))) for point in points]
    return -np.mean([np.asarray(reconstruction) + np.asarray(kl) for reconstruction, kl in terms], axis=0)


def setting(rotation_seed=None, seed=0):
    """Model, data and exact log-likelihood; the decoder's columns are orthogonal unless a rotation is given."""
    rng = np.random.default_rng(seed)
    W = orthogonal(seed, PIXELS)[:, :DIM] * [2.0, 1.3, 0.5]
    b = rng.normal(size=PIXELS)
    x = rng.multivariate_normal(b, W @ W.T + SIGMA**2 * np.eye(PIXELS), 50).astype(np.float32)
    exact = multivariate_normal.logpdf(x, b, W @ W.T + SIGMA**2 * np.eye(PIXELS))
    W = W if rotation_seed is None else W @ orthogonal(rotation_seed, DIM)
    return linear_vae(W, b), W, x, exact


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bound_is_the_likelihood_where_the_columns_are_orthogonal(seed):
    model, _, x, exact = setting(seed=seed)
    np.testing.assert_allclose(exact_elbo(model, x), exact, atol=2e-4)


@pytest.mark.parametrize("rotation_seed", [10, 11, 12])
def test_elsewhere_the_bound_lies_below_by_the_known_gap(rotation_seed):
    """KL from the diagonal Gaussian to the posterior, from the general formula for two multivariate Gaussians."""
    model, W, x, exact = setting(rotation_seed)
    posterior = np.linalg.inv(W.T @ W / SIGMA**2 + np.eye(DIM))
    diagonal = np.diag(1 / np.diag(np.linalg.inv(posterior)))
    trace = np.trace(np.linalg.solve(posterior, diagonal))
    gap = 0.5 * (trace - DIM + np.linalg.slogdet(posterior)[1] - np.linalg.slogdet(diagonal)[1])
    assert gap > 0.05
    np.testing.assert_allclose(exact - exact_elbo(model, x), gap, atol=2e-4)


def test_a_worse_encoder_costs_its_divergence_from_the_best():
    model, _, x, exact = setting()
    kernel, bias, zero, log_var = model.encoder.get_weights()
    model.encoder.set_weights([kernel, bias + 0.3, zero, log_var + np.log(2.0)])
    variance = np.exp(log_var)
    gap = 0.5 * np.sum(2.0 + 0.3**2 / variance - 1.0 - np.log(2.0))
    np.testing.assert_allclose(exact - exact_elbo(model, x), gap, atol=2e-4)


def test_one_draw_is_right_on_average():
    model, _, x, _ = setting(rotation_seed=10)
    x = np.repeat(x[:1], 20_000, axis=0)
    noise = np.random.default_rng(4).standard_normal((len(x), DIM)).astype(np.float32)
    draws = -sum(np.asarray(term) for term in model.elbo_terms(x, noise))
    error = draws.std() / np.sqrt(len(x))
    assert abs(draws.mean() - exact_elbo(model, x[:1])[0]) < 4 * error


def test_many_samples_close_the_gap():
    """With a q twice as wide as the posterior the weights are bounded, so that their mean has a small error."""
    model, _, x, exact = setting()
    kernel, bias, zero, log_var = model.encoder.get_weights()
    model.encoder.set_weights([kernel, bias, zero, log_var + np.log(2.0)])
    bound = metrics.importance_weighted_bound(model, x, 4000, seed=0)
    one_draw = 0.5 * DIM * np.log(4 / 3)  # log E[w²] / E[w]² of Gaussians whose variances are 1 and 2
    error = np.sqrt((np.exp(one_draw) - 1) / 4000)
    np.testing.assert_allclose(bound, exact, atol=5 * error)
    assert np.mean(exact - exact_elbo(model, x)) > 10 * error
