"""Proportions: weights by a direct search, moves of z known in closed form, and what the bundled checkpoint draws."""

import pathlib
import sys

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.decomposition import PCA

from gentutor import faces, stylegan

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import stylegan_proportions as proportions


def test_weights_reach_the_target_and_no_others_are_more_equal():
    rng = np.random.default_rng(0)
    scores, target = rng.standard_normal((12, 2)), np.array([0.3, -0.2])
    weights = proportions.balancing_weights(scores, target)
    np.testing.assert_allclose(weights @ scores, target, atol=1e-4)
    searched = minimize(  # the entropy itself, with the target as a constraint
        lambda p: np.sum(p * np.log(p)),
        np.full(12, 1 / 12),
        bounds=[(1e-9, 1.0)] * 12,
        constraints=[
            {"type": "eq", "fun": lambda p: p.sum() - 1.0},
            {"type": "eq", "fun": lambda p: p @ scores - target},
        ],
        options={"ftol": 1e-12, "maxiter": 500},
    )
    np.testing.assert_allclose(weights, searched.x, atol=1e-3)


def test_scores_that_are_right_already_keep_equal_weights():
    scores = np.random.default_rng(0).standard_normal((50, 3))
    np.testing.assert_allclose(proportions.balancing_weights(scores, scores.mean(axis=0)), 1 / 50, atol=1e-6)


def test_a_target_that_no_weights_reach_is_named():
    scores = np.random.default_rng(0).uniform(-1.0, 1.0, (50, 2))
    with pytest.raises(ValueError, match="number 1 of it is 3"):
        proportions.balancing_weights(scores, np.array([0.0, 3.0]))


def test_draws_have_exactly_the_moments_of_the_standard_normal():
    z = proportions.standard_normals(300, 5, seed=0)
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(z.T @ z / 300, np.eye(5), atol=1e-12)


def test_a_linear_generator_gets_the_mean_and_the_spread_of_the_data():
    """Pictures z A of normal z: data with another mean and another spread in z need exactly these."""
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
    mixing = turn * np.array([3.0, 2.0, 1.5, 1.0, 0.8, 0.6])
    mean, spread = np.array([0.4, 0.0, -0.3, 0, 0, 0]), np.diag([0.8, 1.0, 1.0, 1.2, 1.0, 1.0])
    z = proportions.standard_normals(40_000, 6, seed=1)
    real = (mean + proportions.standard_normals(40_000, 6, seed=2) @ spread) @ mixing.T
    pca = PCA(6, whiten=True).fit(real)
    target = proportions.moments(pca, real).mean(axis=0)
    found, covariance = proportions.balanced(z, proportions.moments(pca, z @ mixing.T), target)
    np.testing.assert_allclose(found, mean, atol=0.02)
    np.testing.assert_allclose(covariance, spread**2, atol=0.04)


def test_a_moved_mapping_network_answers_as_before_to_moved_z():
    """Exactly in its first layer; in w but for the length of z, which so small a move hardly changes."""
    old, new = stylegan.mapping_network(), stylegan.mapping_network()
    new.set_weights(old.get_weights())
    rng = np.random.default_rng(0)
    mean, root = 0.02 * rng.standard_normal(64), np.diag(rng.uniform(0.9, 1.1, 64))
    proportions.move(new, mean, root @ root.T)
    z = rng.standard_normal((500, 64)).astype("float32")
    moved = (mean + z @ root).astype("float32")
    first = (np.asarray(network.get_layer("dense_0")(x)) for network, x in ((new, z), (old, moved)))
    np.testing.assert_allclose(*first, atol=1e-4)
    wanted = np.asarray(old(moved))
    error, unmoved = (np.mean((np.asarray(network(z)) - wanted) ** 2) for network in (new, old))
    assert error < 0.2 * unmoved


def test_cats_come_up_as_often_as_they_should():
    """The bundled checkpoint against drawn faces of which three in five are cats, not one in three."""
    factors = faces.sample(6000, seed=0)
    cat = faces.NAMES["species"].index("cat")
    rng = np.random.default_rng(0)
    chosen = rng.choice(6000, 4000, p=(share := np.where(factors.species == cat, 3.0, 1.0)) / share.sum())
    model = stylegan.load()
    before = np.mean(faces.read(model.sample(2000, seed=1)).species == cat)
    proportions.balance(model, faces.render(factors, 32)[chosen], n=3000, rounds=3)
    after = np.mean(faces.read(model.sample(2000, seed=1)).species == cat)
    assert before < 0.36
    assert after == pytest.approx(np.mean(factors.species[chosen] == cat), abs=0.1)
