"""Losses against SciPy's distributions, numerical integration, Monte Carlo and closed forms."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from gentutor import losses

LOG_2 = math.log(2.0)


def rows(rng, *shape, scale=1.0):
    return (scale * rng.standard_normal(shape)).astype("float32")


def as_array(x):
    return keras.ops.convert_to_numpy(x)


class TestGaussianKL:
    @settings(max_examples=20)
    @given(st.floats(-3, 3), st.floats(-3, 2))
    def test_equals_the_integral_of_its_definition(self, mean, log_var):
        q, p = stats.norm(mean, math.exp(0.5 * log_var)), stats.norm()
        reach = 12 * q.std()
        integral, error = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - reach, mean + reach)
        kl = float(losses.gaussian_kl(np.float32([[mean]]), np.float32([[log_var]]))[0])
        assert kl == pytest.approx(integral, rel=1e-5, abs=1e-5 + error)

    def test_equals_entropies_of_scipy(self):
        rng = np.random.default_rng(0)
        mean, log_var = rows(rng, 6, 4), rows(rng, 6, 4)
        sd = np.exp(0.5 * log_var.astype(float))
        cross = -stats.norm.logpdf(mean.astype(float)) + 0.5 * sd**2  # E[-log p(z)] = -log p(mean) + var / 2
        expected = (cross - stats.norm(mean, sd).entropy()).sum(axis=1)
        np.testing.assert_allclose(losses.gaussian_kl(mean, log_var), expected, rtol=1e-5)

    def test_equals_monte_carlo_within_its_error_bar(self):
        rng = np.random.default_rng(1)
        mean, log_var = rows(rng, 5), rows(rng, 5)
        sd = np.exp(0.5 * log_var)
        z = mean + sd * rng.standard_normal((200_000, 5))
        terms = (stats.norm(mean, sd).logpdf(z) - stats.norm.logpdf(z)).sum(axis=1)
        error = terms.std() / math.sqrt(len(terms))
        kl = float(losses.gaussian_kl(mean[None], log_var[None])[0])
        assert abs(kl - terms.mean()) < 4 * error
        assert 20 * error < kl  # the bar is short enough to see a wrong formula

    @settings(max_examples=30)
    @given(st.floats(-20, 20), st.floats(-20, 20))
    def test_is_never_negative(self, mean, log_var):
        assert float(losses.gaussian_kl(np.float32([[mean]]), np.float32([[log_var]]))[0]) >= -1e-6

    def test_is_zero_for_the_prior_alone(self):
        zero = np.zeros((2, 3), np.float32)
        np.testing.assert_array_equal(losses.gaussian_kl(zero, zero), 0.0)
        assert (as_array(losses.gaussian_kl(zero + 0.1, zero)) > 0).all()
        assert (as_array(losses.gaussian_kl(zero, zero + 0.1)) > 0).all()
        assert (as_array(losses.gaussian_kl(zero, zero - 0.1)) > 0).all()


class TestBernoulliNLL:
    def test_equals_scipy_on_bits(self):
        rng = np.random.default_rng(0)
        bits, logits = rng.integers(0, 2, (7, 20)), rows(rng, 7, 20, scale=3)
        expected = -stats.bernoulli(special.expit(logits.astype(float))).logpmf(bits).sum(axis=1)
        np.testing.assert_allclose(losses.bernoulli_nll(bits.astype("float32"), logits), expected, rtol=1e-5)

    def test_is_the_cross_entropy_of_grey_pixels(self):
        rng = np.random.default_rng(1)
        grey, logits = rng.random((7, 20)).astype("float32"), rows(rng, 7, 20)
        p = special.expit(logits.astype(float))
        expected = -(special.xlogy(grey, p) + special.xlog1py(1 - grey, -p)).sum(axis=1)
        np.testing.assert_allclose(losses.bernoulli_nll(grey, logits), expected, rtol=1e-5)

    def test_probabilities_of_all_pictures_sum_to_one(self):
        pictures = np.array([[i >> bit & 1 for bit in range(8)] for i in range(256)], np.float32)
        logits = np.broadcast_to(rows(np.random.default_rng(2), 8, scale=2), (256, 8))
        assert np.exp(-as_array(losses.bernoulli_nll(pictures, logits))).sum() == pytest.approx(1.0, rel=1e-5)

    def test_large_logits_stay_finite_and_linear(self):
        logits = np.float32([[1e4], [-1e4], [1e4], [-1e4]])
        bits = np.float32([[1], [0], [0], [1]])
        np.testing.assert_allclose(losses.bernoulli_nll(bits, logits), [0, 0, 1e4, 1e4], rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("logit", [-1e4, -100.0, 0.0, 100.0, 1e4])
    def test_gradient_is_sigmoid_minus_pixel(self, logit):
        logits = tf.constant([[logit]])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses.bernoulli_nll(tf.constant([[0.25]]), logits)
        assert float(tape.gradient(loss, logits)[0, 0]) == pytest.approx(special.expit(logit) - 0.25, abs=1e-6)


class TestGaussianNLL:
    @pytest.mark.parametrize("sigma", [0.01, 0.5, 1.0, 30.0])
    def test_equals_scipy(self, sigma):
        rng = np.random.default_rng(0)
        x, mean = rows(rng, 7, 20, scale=sigma), rows(rng, 7, 20, scale=sigma)
        expected = -stats.norm(mean.astype(float), sigma).logpdf(x.astype(float)).sum(axis=1)
        np.testing.assert_allclose(losses.gaussian_nll(x, mean, sigma), expected, rtol=1e-5)

    def test_sigma_is_one_unless_given(self):
        x, mean = np.float32([[1.0, 2.0]]), np.float32([[0.0, 0.0]])
        np.testing.assert_allclose(losses.gaussian_nll(x, mean), [2.5 + math.log(2 * math.pi)], rtol=1e-6)

    def test_is_least_at_the_root_mean_square_error(self):
        rng = np.random.default_rng(1)
        x, mean = rows(rng, 1, 5000, scale=0.3), np.zeros((1, 5000), np.float32)
        best = math.sqrt(np.square(x).mean())
        at = {factor: float(losses.gaussian_nll(x, mean, factor * best)[0]) for factor in (0.95, 1.0, 1.05)}
        assert at[1.0] < min(at[0.95], at[1.05])


class TestAdversarialLosses:
    def test_chance_costs_two_log_two_and_log_two(self):
        zero = np.zeros((3, 1), np.float32)
        np.testing.assert_allclose(losses.discriminator_loss(zero, zero), [2 * LOG_2] * 3, rtol=1e-6)
        np.testing.assert_allclose(losses.generator_loss(zero), [LOG_2] * 3, rtol=1e-6)

    def test_equal_the_logarithms_of_probabilities(self):
        rng = np.random.default_rng(0)
        real, fake = rows(rng, 50, 1, scale=3), rows(rng, 50, 1, scale=3)
        d_real, d_fake = (special.expit(logits.astype(float))[:, 0] for logits in (real, fake))
        np.testing.assert_allclose(
            losses.discriminator_loss(real, fake), -np.log(d_real) - np.log1p(-d_fake), rtol=1e-5
        )
        np.testing.assert_allclose(losses.generator_loss(fake), -np.log(d_fake), rtol=1e-5)

    def test_the_optimal_discriminator_costs_two_log_two_less_twice_the_js_divergence(self):
        p, q = stats.norm(0.0, 1.0), stats.norm(1.5, 1.0)
        x = np.linspace(-10, 12, 20_001)
        step = x[1] - x[0]

        def kl_to_mixture(density):
            half = 0.5 * (p.pdf(x) + q.pdf(x))
            return np.sum(density.pdf(x) * np.log(density.pdf(x) / half)) * step

        logits = (p.logpdf(x) - q.logpdf(x))[:, None].astype("float32")
        off = np.full_like(logits, -100.0), np.full_like(logits, 100.0)  # logits that make the other term 0
        real, fake = losses.discriminator_loss(logits, off[0]), losses.discriminator_loss(off[1], logits)
        value = np.sum(p.pdf(x) * as_array(real) + q.pdf(x) * as_array(fake)) * step
        expected = 2 * LOG_2 - kl_to_mixture(p) - kl_to_mixture(q)
        assert value == pytest.approx(expected, rel=1e-5)

    def test_flat_and_column_logits_are_the_same(self):
        real, fake = rows(np.random.default_rng(1), 2, 6)
        column = losses.discriminator_loss(real[:, None], fake[:, None])
        np.testing.assert_array_equal(losses.discriminator_loss(real, fake), column)
        np.testing.assert_array_equal(losses.generator_loss(fake), losses.generator_loss(fake[:, None]))

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_large_logits_stay_finite_and_linear(self, sign):
        logits = np.float32([[sign * 1e4]])
        expected = 0.0 if sign > 0 else 1e4
        np.testing.assert_allclose(losses.generator_loss(logits), [expected], atol=1e-6)
        np.testing.assert_allclose(losses.discriminator_loss(logits, -logits), [2 * expected], atol=1e-6)

    def test_the_generator_is_pulled_even_where_the_discriminator_is_sure(self):
        logits = tf.constant([[-30.0], [0.0], [30.0]])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses.generator_loss(logits)
        np.testing.assert_allclose(tape.gradient(loss, logits)[:, 0], [-1.0, -0.5, 0.0], atol=1e-6)


class TestGradientPenalty:
    def test_is_half_the_squared_norm(self):
        gradients = rows(np.random.default_rng(0), 5, 4, 3, 2)
        expected = 0.5 * np.linalg.norm(gradients.reshape(5, -1).astype(float), axis=1) ** 2
        np.testing.assert_allclose(losses.gradient_penalty(gradients), expected, rtol=1e-5)

    def test_of_a_linear_discriminator_is_that_of_its_weights(self):
        weights, x = rows(np.random.default_rng(1), 4, 1), tf.constant(rows(np.random.default_rng(2), 6, 4))
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = x @ weights
        penalty = losses.gradient_penalty(tape.gradient(logits, x))
        np.testing.assert_allclose(penalty, [0.5 * np.square(weights).sum()] * 6, rtol=1e-5)


class TestShapes:
    @settings(max_examples=25)
    @given(st.integers(1, 4), st.lists(st.integers(1, 4), min_size=1, max_size=3))
    def test_one_number_an_example_and_sums_within_it(self, batch, shape):
        rng = np.random.default_rng(0)
        x, output = rng.random((batch, *shape)).astype("float32"), rows(rng, batch, *shape)
        pairs = losses.bernoulli_nll, losses.gaussian_nll, losses.gaussian_kl
        for loss in (*pairs, lambda x, _: losses.gradient_penalty(x)):
            whole = as_array(loss(x, output))
            assert whole.shape == (batch,)
            flat = loss(x.reshape(batch, -1), output.reshape(batch, -1))
            np.testing.assert_allclose(whole, flat, rtol=1e-5)
            singles = loss(x.reshape(-1, 1), output.reshape(-1, 1))  # every pixel an example of its own
            np.testing.assert_allclose(whole, as_array(singles).reshape(batch, -1).sum(axis=1), rtol=1e-4, atol=1e-5)

    def test_they_work_under_a_compiled_function_with_an_open_batch_size(self):
        compiled = tf.function(
            losses.bernoulli_nll, input_signature=[tf.TensorSpec((None, 3)), tf.TensorSpec((None, 3))]
        )
        x = np.ones((5, 3), np.float32)
        np.testing.assert_allclose(compiled(x, x), losses.bernoulli_nll(x, x), rtol=1e-6)

    @pytest.mark.parametrize(
        "name", ["gaussian_kl", "bernoulli_nll", "gaussian_nll", "discriminator_loss", "generator_loss"]
    )
    def test_they_are_found_again_by_name_when_a_model_is_loaded(self, name):
        loss = getattr(losses, name)
        assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)) is loss
