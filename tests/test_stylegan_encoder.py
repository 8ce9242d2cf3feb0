"""The checkpoint's last part: codes that draw again, a flow and a mapping network where the right answer is known."""

import itertools
import pathlib
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from gentutor import faces, stylegan

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
SMALL = (8, 8, 8)  # channels


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.delattr("os.sched_setaffinity", raising=False)
    import stylegan_encoder

    clock = types.SimpleNamespace(perf_counter=itertools.count().__next__)  # every step takes a second, on any machine
    monkeypatch.setattr(stylegan_encoder, "time", clock)
    return stylegan_encoder


@pytest.fixture
def small(recipe, monkeypatch):
    """A small model and encoder; a new one each time."""
    monkeypatch.setattr(recipe.game, "CHANNELS", SMALL)
    monkeypatch.setattr(recipe, "encoder", lambda make=recipe.encoder: make(SMALL, units=16))
    return lambda: (stylegan.StyleGAN(SMALL), recipe.encoder())


def test_faces_are_drawn_again_better_and_from_averaged_weights(recipe, small):
    images, (model, encode) = faces.render(faces.sample(64, seed=0), 64), small()

    def off():
        again = recipe.drawn_again(model, recipe.codes(encode, images)).numpy()
        return np.sqrt(np.mean((again - (images / 127.5 - 1.0)) ** 2))

    before = off()
    recipe.reconstruct(model, encode, images, minutes=2.0)  # 119 steps
    assert off() < 0.6 * before
    floats = recipe.drawn_again(model, recipe.codes(encode, images)).numpy().clip(-1, 1)
    drawn = model.draw(recipe.codes(encode, images))  # the averaged network
    np.testing.assert_allclose((floats + 1.0) * 127.5, drawn, atol=0.6)


def test_noise_on_w_is_a_share_of_their_spread(recipe, small, monkeypatch):
    images, draw = faces.render(faces.sample(64, seed=0), 64), recipe.drawn_again

    def drawn_from(noise):
        """The w that the first step draws from."""
        seen = []
        monkeypatch.setattr(recipe, "NOISE", noise)
        monkeypatch.setattr(recipe, "drawn_again", lambda model, w: seen.append(w.numpy()) or draw(model, w))
        keras.utils.set_random_seed(0)
        recipe.reconstruct(*small(), images, minutes=0.03)  # one step
        return seen[0]

    tf.config.run_functions_eagerly(True)  # numbers, not symbols, reach drawn_again
    try:
        w, astray = drawn_from(0.0), drawn_from(0.5)
    finally:
        tf.config.run_functions_eagerly(False)
    added = astray - w
    assert added.std() / np.sqrt(w.var(axis=0).mean()) == pytest.approx(0.5, rel=0.1)  # 1024 draws: 2 % off


def test_what_was_saved_is_restored(recipe, small, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "STATE", tmp_path / "none.npz")
    monkeypatch.setattr(recipe.game, "STATE", tmp_path / "none.npz")
    monkeypatch.setattr(recipe.game, "STAGES", {64: 10**9})
    model, encode = small()
    recipe.save(tmp_path / "encoder.npz", model.synthesis, encode)
    again, encode_again = recipe.restore(tmp_path / "encoder.npz")
    images = faces.render(faces.sample(4, seed=0), 64)
    np.testing.assert_array_equal(recipe.codes(encode, images), recipe.codes(encode_again, images))
    w = recipe.codes(encode, images)
    again_drawn = recipe.drawn_again(model, w), recipe.drawn_again(again, w)
    np.testing.assert_array_equal(*again_drawn)
    np.testing.assert_array_equal((again_drawn[1].numpy().clip(-1, 1) * 127.5 + 127.5).round(), again.draw(w))


def test_axes_lead_there_and_back(recipe):
    w = np.random.default_rng(0).standard_normal((500, 6)) @ np.random.default_rng(1).standard_normal((6, 6)) + 3.0
    axes = recipe.Axes(w.astype("float32"))
    x = axes.to(w)
    np.testing.assert_allclose(axes.back(x), w, atol=1e-4)
    covariance = np.cov(x.T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)
    assert np.mean(np.diag(covariance)) == pytest.approx(1.0, abs=0.01)


def test_w_get_another_spread_by_the_smallest_moves(recipe):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((5000, 4)) @ rng.standard_normal((4, 4))
    like = rng.standard_normal((300, 4)) * [1, 2, 3, 4] + 5
    moved = recipe.spread_as(w, like)
    np.testing.assert_allclose(moved.mean(axis=0), like.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(like.T), rtol=1e-3, atol=1e-3)
    means, (c, d) = (w.mean(axis=0) - like.mean(axis=0)) ** 2, (np.cov(w.T), np.cov(like.T))
    smallest = means.sum() + np.trace(c) + np.trace(d) - 2 * np.sqrt(np.linalg.eigvals(c @ d).real).sum()  # Fréchet's
    assert np.mean(np.sum((moved - w) ** 2, axis=1)) == pytest.approx(smallest, rel=1e-3)


def test_a_walk_along_slopes_of_a_known_solution(recipe):
    """dx/dt = a x + t has the solution e^(a t) (x + 1/a²) − t/a − 1/a²."""
    a, start = 0.8, np.random.default_rng(0).standard_normal((1003, 3)).astype("float32")
    end = recipe.walk(lambda inputs: a * inputs[0] + inputs[1], start, steps=80)
    np.testing.assert_allclose(end, np.exp(a) * (start + 1 / a**2) - 1 / a - 1 / a**2, atol=5e-4)


def test_a_flow_draws_two_heaps_as_often_and_as_wide_as_they_are(recipe):
    rng, dim = np.random.default_rng(0), 8
    x = (0.3 * rng.standard_normal((20_000, dim))).astype("float32")
    x[:, 0] += np.where(rng.uniform(size=len(x)) < 0.7, 1.5, -1.5)
    drawn = recipe.walk(recipe.train_flow(x, steps=2000, width=64), recipe.sphere(4000, dim, (0, 1)).numpy())
    right = drawn[:, 0] > 0
    assert right.mean() == pytest.approx(0.7, abs=0.05)  # standard error 0.007, and what so short a training leaves
    assert np.mean(np.abs(drawn[:, 0]) < 0.5) < 0.03  # next to nothing between the heaps
    for heap, centre in ((drawn[right], 1.5), (drawn[~right], -1.5)):
        assert heap[:, 0].mean() == pytest.approx(centre, abs=0.1)
        np.testing.assert_allclose(heap[:, 1:].std(axis=0), 0.3, atol=0.05)


def test_the_mapping_network_learns_a_known_map(recipe):
    z, matrix = recipe.sphere(6000, 16, (0, 1)).numpy(), np.random.default_rng(0).standard_normal((16, 16)) / 4
    w = (z @ matrix).astype("float32")
    network = recipe.train_mapping(z[:5000], w[:5000], steps=1500, depth=2, width=64)
    error = np.mean((network(z[5000:]).numpy() - w[5000:]) ** 2) / w.var()
    assert error < 1e-3


def test_between_two_answers_the_mapping_network_takes_the_more_frequent_one(recipe):
    """7 in 10 say 1 and 3 say −1, whatever z: the mean is 0.4, and the distance is smallest at 1."""
    z = recipe.sphere(4000, 16, (0, 1)).numpy()
    w = np.where(np.random.default_rng(0).uniform(size=(4000, 1)) < 0.7, 1.0, -1.0) * np.ones((1, 16))
    network = recipe.train_mapping(z, w.astype("float32"), steps=300, depth=2, width=32)
    assert np.median(network(z).numpy()) == pytest.approx(1.0, abs=0.1)


def test_a_model_with_a_new_mapping_network_draws_what_it_says(recipe, small):
    model, _ = small()
    mapping = stylegan.mapping_network(model.dim, 3, 32)
    new = recipe.with_mapping(model, mapping, depth=3, width=32)
    z = tf.random.stateless_normal((4, model.dim), (0, 1))
    np.testing.assert_allclose(new.map(z), mapping(z), atol=1e-5)
    np.testing.assert_array_equal(new.draw(new.map(z)), model.draw(np.asarray(mapping(z))))
