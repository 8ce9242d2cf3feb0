"""Notebook 06: the Dirac-GAN against theory, the ingredients against known answers, and the sweep's table."""

import csv
import itertools
import pathlib
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from gentutor import data, networks, plots, widgets

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import sweep_gans  # noqa: E402
from sweep_gans import notebook  # noqa: E402


def matrix(rate, penalty, alternate):
    discriminator = np.array([[1, 0], [-rate / 2, 1 - rate * penalty]])
    generator = np.array([[1, rate / 2], [0, 1]])
    return generator @ discriminator if alternate else discriminator + generator - np.eye(2)


class TestDirac:
    @given(st.floats(0.02, 1.0), st.floats(0.0, 2.0), st.booleans())
    @settings(max_examples=50, deadline=None)
    def test_a_step_near_the_goal_is_the_matrix_of_theory(self, rate, penalty, alternate):
        start = np.array([3e-6, -2e-6])
        path = widgets.dirac_path(rate, penalty, alternate, start, steps=3)
        expected = [np.linalg.matrix_power(matrix(rate, penalty, alternate), n) @ start for n in range(4)]
        np.testing.assert_allclose(path, expected, rtol=1e-4, atol=1e-11)

    def test_the_game_is_that_of_the_losses(self):
        """Gradients by TensorFlow of the losses, with a linear discriminator and the penalty of the package."""
        theta, psi = tf.Variable(0.7), tf.Variable(-1.2)
        with tf.GradientTape(persistent=True) as tape:
            d_loss = tf.nn.softplus(-psi * 0.0) + tf.nn.softplus(psi * theta) + 0.4 * 0.5 * psi**2
            g_loss = -tf.nn.softplus(psi * theta)
        expected = 0.7 - 0.1 * float(tape.gradient(g_loss, theta)), -1.2 - 0.1 * float(tape.gradient(d_loss, psi))
        path = widgets.dirac_path(0.1, 0.4, alternate=False, start=(0.7, -1.2), steps=1)
        np.testing.assert_allclose(path[1], expected, rtol=1e-6)

    def test_away_around_and_in(self):
        radius = [
            np.linalg.norm(widgets.dirac_path(0.2, *setting, start=(0.5, 0.5), steps=2000)[-1])
            for setting in ((0.0, False), (0.0, True), (0.3, True))
        ]
        assert radius[0] > 2
        assert 0.65 < radius[1] < 0.72
        assert radius[2] < 1e-6

    def test_a_path_that_leaves_stays_finite(self):
        assert np.isfinite(widgets.dirac_path(50.0, 2.0, steps=5000)).all()

    @pytest.mark.parametrize(
        ("setting", "words"),
        [((0.2, 0.0, True), "circles for ever"), ((0.2, 0.0, False), "spirals away"), ((0.2, 0.3, True), "pulled in")],
    )
    def test_the_message_is_the_eigenvalues(self, setting, words):
        size = np.abs(np.linalg.eigvals(matrix(*setting))).max()
        message = widgets.dirac_message(*setting)
        assert words in message
        assert f"{size:.4f}" in message

    def test_the_explorer_follows_its_sliders(self):
        box = widgets.dirac_explorer()
        turns, rate, penalty, message, captioned = box.children
        before = captioned.children[0].value
        rate.value, penalty.value, turns.value = 0.4, 0.5, "at once"
        expected = widgets.png(widgets.dirac_picture(0.4, 0.5, False))
        assert captioned.children[0].value == expected != before
        assert message.value == widgets.dirac_message(0.4, 0.5, False)

    @pytest.mark.parametrize(("name", "options"), [("start", {"start": (1.0,)}), ("steps", {"steps": 0})])
    def test_bad_input_is_named(self, name, options):
        with pytest.raises(ValueError, match=name):
            widgets.dirac_explorer(**options)


class TestIngredients:
    def test_losses_at_known_logits(self):
        real, fake = tf.constant([[2.0], [0.0]]), tf.constant([[-2.0], [0.0]])
        expected = {
            "logistic": (np.logaddexp(0, [-2, 0]).mean() * 2, np.logaddexp(0, [2, 0]).mean()),
            "hinge": (1.0, 1.0),
            "least squares": (0.5 * (1 + 1 + 4) / 2, 0.5 * (9 + 1) / 2),
            "wasserstein": (-2.0, 1.0),
        }
        for name, values in expected.items():
            np.testing.assert_allclose([float(v) for v in notebook.game(name, real, fake)], values, rtol=1e-6)

    def test_penalties_of_a_linear_network(self):
        linear, x = networks.mlp(3, 1), tf.random.stateless_normal((2, 6, 3), (0, 1))
        linear.set_weights([np.array([[1.0], [2.0], [2.0]]), np.zeros(1)])  # a slope of norm 3 everywhere
        assert float(notebook.r1(linear, x[0])) == pytest.approx(4.5, rel=1e-5)
        t = tf.random.stateless_uniform((6, 1), (0, 2))
        assert float(notebook.norm_penalty(linear, *x, t)) == pytest.approx(4.0, rel=1e-5)

    def test_the_norm_penalty_looks_between_the_pairs(self):
        """For f = ‖x‖²/2 the slope at a point is its distance from 0."""
        real, fake = tf.constant([[0.0, 0.0]]), tf.constant([[4.0, 0.0]])
        square = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: 0.5 * x[:, :1] ** 2)])
        assert float(notebook.norm_penalty(square, real, fake, tf.constant([[0.75]]))) == pytest.approx(4.0, rel=1e-5)

    def test_spectral_dense_divides_by_the_largest_singular_value(self):
        keras.utils.set_random_seed(0)
        layer = notebook.SpectralDense(9, use_bias=True)
        layer.build((None, 14))
        layer.kernel.assign(3.0 * np.random.default_rng(0).normal(size=(14, 9)))
        for _ in range(500):
            layer(tf.zeros((1, 14)), training=True)
        made = layer(tf.eye(14)).numpy()
        kernel = layer.kernel.numpy()
        np.testing.assert_allclose(made, kernel / np.linalg.norm(kernel, 2), atol=1e-4)
        assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(14, 9), (9,)]

    def test_deviation_appends_the_spread_of_the_batch(self):
        x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32") * [1, 2, 3, 4]
        made = notebook.Deviation()(tf.constant(x, tf.float32)).numpy()
        np.testing.assert_allclose(made, np.column_stack([x, np.full(50, x.std(axis=0).mean())]), rtol=1e-4)

    def test_packing_shows_two_examples_at_once(self):
        _, discriminator = sweep_gans.grid_players(notebook.Recipe(pack=2))
        assert discriminator.input_shape == (None, 4)

    @pytest.mark.parametrize("name", ["plain", "WGAN-GP", "spectral", "packing", "deviation", "R1, falling rate"])
    def test_a_step_moves_both_players_and_is_repeatable(self, name):
        made = []
        for _ in range(2):
            keras.utils.set_random_seed(0)
            players = notebook.players(sweep_gans.RECIPES[name], 2, 2, (8, 8))
            before = [network.get_weights() for network in players]
            averages, _ = notebook.train(
                *players, notebook.draw_grid, sweep_gans.RECIPES[name], 3, 16, 1e-3, jit_compile=False
            )
            for network, old in zip(players, before, strict=True):
                moved = [np.any(a != b) for a, b in zip(network.get_weights(), old, strict=True)]
                assert np.mean(moved) > 0.8
            made.append(averages[0].get_weights() + averages[1].get_weights())
        for a, b in zip(*made, strict=True):
            np.testing.assert_array_equal(a, b)


class TestDigits:
    def test_the_convolutional_pair_fits_flat_digits(self):
        generator, discriminator = notebook.convolutional_players(notebook.Recipe(deviation=True), 6)
        digits = generator(tf.random.stateless_normal((3, 6), (0, 1)))
        assert digits.shape == (3, 784)
        assert np.abs(digits).max() <= 1
        assert discriminator(digits).shape == (3, 1)
        assert discriminator.layers[-1].kernel.shape == (129, 1)  # 128 features and the deviation

    def test_the_discriminator_chooses_and_the_order_stays(self):
        generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(784, "tanh", use_bias=False)])
        lit = keras.Sequential([keras.Input((784,)), keras.layers.Dense(1, kernel_initializer="ones")])
        chosen = notebook.chosen_digits(generator, lit, 1000, of=2, seed=3)
        assert (chosen.shape, chosen.dtype) == ((1000, 784), np.uint8)
        for i in range(2):
            made = generator(tf.random.stateless_normal((1000, 4), (3, i))).numpy()
            best = made[np.sort(np.argsort(-made.sum(axis=1))[:500])]
            np.testing.assert_allclose(chosen[500 * i : 500 * (i + 1)] / 127.5 - 1.0, best, atol=0.01)

    def test_r1_may_look_at_a_part_of_the_batch(self):
        x = tf.random.stateless_normal((2, 8, 3), (0, 1))
        square = keras.Sequential(
            [keras.Input((3,)), keras.layers.Lambda(lambda x: 0.5 * ops.sum(x**2, axis=1)[:, None])]
        )
        for few, real in ((1, x[0]), (4, x[0, ::4])):
            recipe = notebook.Recipe("wasserstein", r1=2.0, few=few)
            plain = notebook.Recipe("wasserstein")
            costs = [notebook.discriminator_cost(r, square, *x, None, 1.0) for r in (recipe, plain)]
            assert float(costs[0] - costs[1]) == pytest.approx(float(ops.mean(ops.sum(real**2, axis=1))), rel=1e-4)


class TestGridJudge:
    def test_real_points(self):
        points = notebook.draw_grid(10_000, tf.constant([0, 1])).numpy()
        judged = sweep_gans.judge_grid(points)
        assert judged["modes"] == 25
        assert judged["good"] == pytest.approx(1 - np.exp(-4.5), abs=0.005)  # Rayleigh
        assert judged["kl"] < 0.01  # (25 − 1) / (2 · 10,000) = 0.0012 by chance alone
        assert judged["variance"] == pytest.approx(1.0, abs=0.03)

    @pytest.mark.parametrize("scale", [0.5, 1.4])
    def test_too_narrow_and_too_wide_bumps(self, scale):
        noise = scale * notebook.SD * np.random.default_rng(0).normal(size=(25_000, 2))
        judged = sweep_gans.judge_grid(notebook.CENTRES[np.arange(25_000) % 25] + noise)
        ratio = 4.5 / scale**2  # a Gaussian of another width, cut off at the same radius
        expected = scale**2 * (1 - ratio / np.expm1(ratio)) / (1 - 4.5 / np.expm1(4.5))
        assert judged["variance"] == pytest.approx(expected, rel=0.03)

    def test_missing_modes_and_points_in_between(self):
        half = np.repeat(notebook.CENTRES[:5], 100, axis=0)
        judged = sweep_gans.judge_grid(np.concatenate([half, half + 1.0]))
        assert judged["modes"] == 5
        assert judged["good"] == 0.5
        assert judged["kl"] == pytest.approx(np.log(5))
        nothing = sweep_gans.judge_grid(np.full((100, 2), 1.0))
        assert nothing == {"modes": 0, "good": 0.0, "kl": pytest.approx(np.log(25)), "variance": 0.0}


@pytest.mark.skipif(not sweep_gans.PATH.is_file(), reason="the sweep is not made yet: python bench/sweep_gans.py")
class TestTable:
    @pytest.fixture(scope="class")
    @staticmethod
    def rows():
        with open(data.asset("sweep_gans.csv"), newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def test_every_recipe_has_five_seeds_of_both_weights(self, rows):
        for kind, recipe in itertools.product(("grid", "digits"), sweep_gans.RECIPES):
            if not sweep_gans.fits(kind, recipe):
                continue
            found = [(row["weights"], row["seed"]) for row in rows if (row["data"], row["recipe"]) == (kind, recipe)]
            assert sorted(found) == sorted(itertools.product(("last", "average"), "01234")), (kind, recipe)

    def test_numbers_are_possible(self, rows):
        for row in rows:
            if row["data"] == "grid":
                assert 0 <= int(row["modes"]) <= 25
                assert 0 <= float(row["good"]) <= 1
                assert 0 <= float(row["kl"]) <= np.log(25) + 1e-4
            else:
                assert 0 <= float(row["precision"]) < 1.3
                assert 0 <= float(row["recall"]) < 1.3


def test_phase_portraits_and_effects_draw_what_they_are_given():
    axes = plots.phase_portrait([[(1, 1), (0.5, 0)], [(1, 1), (0, 0.5)]], 2, ["a", "b"])
    np.testing.assert_array_equal(axes[1].lines[0].get_xydata(), [(1, 1), (0, 0.5)])
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    ax = plots.effects({"one": (1.0, 0.5), "two": (-2.0, 1.0)}, "difference", wrong=["two"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["two", "one"]
    np.testing.assert_allclose(sorted(line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1)[0], -3)
