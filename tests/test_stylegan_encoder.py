"""The checkpoint's last part: codes that draw again, and a mapping network that is spread as they are."""

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


def test_the_new_mapping_network_draws_w_spread_as_the_encoders(recipe, small, monkeypatch):
    monkeypatch.setattr(recipe, "WIDTH", 64)
    monkeypatch.setattr(recipe, "FLOW", {"steps": 400})
    (model, encode), images = small(), faces.render(faces.sample(1000, seed=0), 64)
    walker, w = recipe.walking(model), recipe.codes(encode, images)
    walker.ema_mapping.set_weights(recipe.new_mapping(encode, [images[:600], images[600:]]).get_weights())
    drawn = walker.map(np.random.default_rng(0).standard_normal((2000, 64)))
    np.testing.assert_allclose(drawn.mean(axis=0), w.mean(axis=0), atol=0.2 * w.std())
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(w.T), atol=0.1 * np.cov(w.T).max())
    np.testing.assert_array_equal(walker.draw(drawn[:4]), model.draw(drawn[:4]))
