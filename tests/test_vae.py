"""The VAE against probabilistic PCA and steps by hand, and what fit, save and sample promise."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from scipy import special, stats

from gentutor import losses, networks, vae


@keras.saving.register_keras_serializable("tests")
def laplace_nll(x, mean):
    """A likelihood of one's own: Laplace with scale 1."""
    return keras.ops.sum(keras.ops.absolute(x - mean) + math.log(2.0), axis=-1)


def unregistered_nll(x, mean):
    return keras.ops.sum(keras.ops.absolute(x - mean), axis=-1)


@pytest.fixture(scope="module")
def bits():
    """Data of 0 and 1: float32 (96, 6), half of the columns copies of the others."""
    halves = np.random.default_rng(0).integers(0, 2, (96, 3))
    return np.concatenate([halves, halves], axis=1).astype("float32")


@pytest.fixture
def double():
    """Networks built in the test compute in float64."""
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


def small_vae(normalise=False, output_activation=None, **arguments):
    keras.utils.set_random_seed(0)
    encoder, decoder = networks.mlp_encoder(2, 6, (8,)), networks.mlp_decoder(2, 6, (8,), output_activation)
    if normalise:
        z = keras.Input((2,))
        h = layers.BatchNormalization(momentum=0.7)(layers.Dense(8, activation="relu")(z))
        decoder = keras.Model(z, layers.Dense(6, activation=output_activation)(h))
    return vae.VAE(encoder, decoder, **{"seed": 1, **arguments})


def compiled(model, **arguments):
    """The model compiled as asked, otherwise by what starts fastest: plain descent, step by step."""
    model.compile(**(arguments or {"optimizer": "sgd", "run_eagerly": True}))
    return model


def states(model):
    return model.get_weights() + [variable.numpy() for variable in model.optimizer.variables]


def assert_same_states(one, other):
    for a, b in zip(states(one), states(other), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- the linear VAE is probabilistic PCA, whose likelihood is exact ----


class LinearModel:
    """x = W z + b + sigma · noise with z from N(0, I): exact evidence and posterior in NumPy, and the same as a VAE."""

    sigma = 0.4

    def __init__(self, orthogonal):
        rng = np.random.default_rng(1)
        self.w = rng.standard_normal((6, 2))
        if orthogonal:
            self.w = np.linalg.qr(self.w)[0] * [1.5, 0.6]
        else:
            self.w[:, 1] += 1.5 * self.w[:, 0]
        self.b = rng.standard_normal(6)
        self.x = rng.standard_normal((5, 2)) @ self.w.T + self.b + self.sigma * rng.standard_normal((5, 6))
        precision = np.eye(2) + self.w.T @ self.w / self.sigma**2
        self.covariance = np.linalg.inv(precision)
        self.gain = self.covariance @ self.w.T / self.sigma**2

    def evidence(self):
        """log p(x), (batch,)."""
        return stats.multivariate_normal(self.b, self.w @ self.w.T + self.sigma**2 * np.eye(6)).logpdf(self.x)

    def posterior_mean(self):
        return (self.x - self.b) @ self.gain.T

    def vae(self, log_var, shift=0.0):
        """A VAE whose q(z|x) has the exact posterior mean plus ``shift``, and the given log_var."""
        x, z = keras.Input((6,)), keras.Input((2,))
        heads = [layers.Dense(2, name=name) for name in ("mean", "log_var")]
        encoder = keras.Model(x, [head(x) for head in heads])
        heads[0].set_weights([self.gain.T, shift - self.gain @ self.b])
        heads[1].set_weights([np.zeros((6, 2)), np.broadcast_to(log_var, 2)])
        decoder = keras.Model(z, layers.Dense(6)(z))
        decoder.set_weights([self.w.T, self.b])
        return vae.VAE(encoder, decoder, losses.gaussian_nll, sigma=self.sigma, data_range=(-3, 3))

    def elbo(self, model):
        """The bound, exact: the mean of a quadratic under N(0, I) is its mean over ±√2 times the unit vectors."""
        points = math.sqrt(2.0) * np.concatenate([np.eye(2), -np.eye(2)])
        terms = [model.elbo_terms(self.x, np.broadcast_to(point, (5, 2))) for point in points]
        return -np.mean([reconstruction.numpy() + kl.numpy() for reconstruction, kl in terms], axis=0)

    def gap(self, log_var, shift):
        """KL from q(z|x) to the exact posterior: the same for every x, as both have the same mean up to ``shift``."""
        precision = np.linalg.inv(self.covariance)
        q = np.exp(np.broadcast_to(log_var, 2))
        shift = np.broadcast_to(shift, 2)
        trace = np.trace(precision * q) - 2 + shift @ precision @ shift
        return 0.5 * (trace - np.log(q).sum() + np.linalg.slogdet(self.covariance)[1])


@pytest.mark.usefixtures("double")
class TestLinearVAE:
    def test_the_bound_is_tight_at_the_exact_posterior_where_the_columns_are_orthogonal(self):
        linear = LinearModel(orthogonal=True)
        off_diagonal = linear.covariance[0, 1]
        assert abs(off_diagonal) < 1e-12
        model = linear.vae(np.log(np.diag(linear.covariance)))
        np.testing.assert_allclose(linear.elbo(model), linear.evidence(), rtol=1e-9)

    @pytest.mark.parametrize("orthogonal", [True, False])
    @pytest.mark.parametrize(("offset", "shift"), [(0.0, 0.0), (0.7, 0.0), (-0.5, 0.3)])
    def test_the_gap_is_the_divergence_from_the_exact_posterior(self, orthogonal, offset, shift):
        linear = LinearModel(orthogonal)
        log_var = np.log(1 / np.diag(np.linalg.inv(linear.covariance))) + offset  # the best diagonal one, and others
        gap = linear.gap(log_var, shift)
        assert (gap > 1e-2) == ((orthogonal, offset, shift) != (True, 0.0, 0.0))
        np.testing.assert_allclose(
            linear.evidence() - linear.elbo(linear.vae(log_var, shift)), np.full(5, gap), atol=1e-9
        )

    def test_one_draw_of_the_noise_is_unbiased(self):
        linear = LinearModel(orthogonal=False)
        model = linear.vae(np.zeros(2))
        x = np.repeat(linear.x[:1], 40_000, axis=0)
        noise = np.random.default_rng(2).standard_normal((40_000, 2))
        reconstruction, kl = (term.numpy() for term in model.elbo_terms(x, noise))
        error = reconstruction.std() / 200
        assert abs(-(reconstruction + kl).mean() - linear.elbo(model)[0]) < 4 * error
        assert np.ptp(kl) == 0.0

    @pytest.mark.parametrize("beta", [1.0, 3.0])
    def test_a_step_of_gradient_descent_by_finite_differences(self, beta):
        linear, rate = LinearModel(orthogonal=False), 2.0**-10
        model = linear.vae(np.zeros(2), shift=0.2)
        model.beta = beta
        compiled(model, optimizer=keras.optimizers.SGD(rate), jit_compile=False)
        from gentutor import training

        before, noise = model.get_weights(), training.noise((5, 2), model.seed, 0).numpy()

        def loss(weights):  # mean, log_var, decoder: each a kernel and a bias
            mean, log_var = (linear.x @ weights[i] + weights[i + 1] for i in (0, 2))
            output = (mean + np.exp(0.5 * log_var) * noise) @ weights[4] + weights[5]
            nll = -stats.norm(output, linear.sigma).logpdf(linear.x).sum(axis=1)
            return (nll + beta * 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)).mean()

        assert [w.shape for w in before] == [(6, 2), (2,), (6, 2), (2,), (2, 6), (6,)]
        model.train_step(tf.constant(linear.x))
        for i, (old, new) in enumerate(zip(before, model.get_weights(), strict=True)):
            for place in np.ndindex(old.shape):
                ends = []
                for sign in (-1, 1):
                    moved = [weight.copy() for weight in before]
                    moved[i][place] += sign * 1e-5
                    ends.append(loss(moved))
                assert (old - new)[place] / rate == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-6, abs=1e-6)


def test_a_linear_vae_learns_the_evidence_of_probabilistic_pca():
    """Trained from scratch, its bound reaches the best possible likelihood within the noise of the last step."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(3)
    w = np.linalg.qr(rng.standard_normal((6, 2)))[0] * [2.0, 1.0]
    x = (rng.standard_normal((2000, 2)) @ w.T + 0.5 * rng.standard_normal((2000, 6))).astype("float32")
    # maximum likelihood in closed form for a known sigma (Tipping and Bishop 1999)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    best = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:] - 0.25, 0))
    evidence = stats.multivariate_normal(x.mean(0), best @ best.T + 0.25 * np.eye(6)).logpdf(x).mean()
    model = vae.VAE(networks.mlp_encoder(2, 6, ()), networks.mlp_decoder(2, 6, ()), losses.gaussian_nll, sigma=0.5)
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.03, 600))
    compiled(model, optimizer=adam, jit_compile=False).fit(x, batch_size=200, epochs=60, verbose=0)
    bounds = [
        -sum(t.numpy() for t in model.elbo_terms(x, rng.standard_normal((2000, 2)).astype("float32")))
        for _ in range(20)
    ]
    assert evidence - 0.05 < np.mean(bounds) < evidence + 0.02  # nats; the noise of 40,000 draws is below 0.01


class TestELBOTerms:
    def test_equal_the_formulas_in_numpy(self, bits):
        model, noise = small_vae(), np.random.default_rng(0).standard_normal((96, 2)).astype("float32")
        mean, log_var = (part.numpy().astype(float) for part in model.encoder(bits))
        logits = model.decoder(mean + np.exp(0.5 * log_var) * noise).numpy().astype(float)
        reconstruction, kl = model.elbo_terms(bits, noise)
        expected = -stats.bernoulli(special.expit(logits)).logpmf(bits).sum(axis=1)
        np.testing.assert_allclose(reconstruction, expected, rtol=1e-4)
        np.testing.assert_allclose(
            kl, 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1), rtol=1e-4, atol=1e-5
        )

    def test_call_reconstructs_from_the_mean(self, bits):
        model = small_vae()
        np.testing.assert_array_equal(model(bits), model.decoder(model.encoder(bits)[0]))


# ---- fit ----


class TestFit:
    def test_history_and_validation(self, bits):
        model = compiled(small_vae(beta=0.5))
        history = model.fit(bits, batch_size=32, epochs=2, verbose=0, validation_data=bits[:40]).history
        assert set(history) == {part + name for part in ("", "val_") for name in ("loss", "reconstruction", "kl")}
        for part in ("", "val_"):
            total = np.add(history[part + "reconstruction"], 0.5 * np.array(history[part + "kl"]))
            np.testing.assert_allclose(history[part + "loss"], total, rtol=1e-5)

    def test_validation_is_repeatable_and_covers_every_example(self):
        model = compiled(small_vae())
        x = np.random.default_rng(0).integers(0, 2, (1500, 6)).astype("float32")
        history = model.fit(x[:32], batch_size=32, verbose=0, validation_data=x).history
        kl = model.elbo_terms(x, np.zeros((1500, 2), np.float32))[1].numpy()
        assert history["val_kl"][0] == pytest.approx(kl.mean(), rel=1e-5)
        first = model.evaluate(x, batch_size=500, verbose=0)
        model.optimizer.iterations.assign(70)  # the noise of the evaluation does not follow the steps
        assert model.evaluate(x, batch_size=500, verbose=0) == first

    @pytest.mark.parametrize("settings_", [{}, {"jit_compile": True, "steps_per_execution": 3}])
    def test_a_resumed_training_is_the_uninterrupted_one_to_the_last_bit(self, bits, tmp_path, settings_):
        model = compiled(
            small_vae(normalise=True), optimizer=keras.optimizers.Adam(1e-2), **{"jit_compile": False, **settings_}
        )
        saver = keras.callbacks.ModelCheckpoint(str(tmp_path / "after_{epoch}.keras"))
        whole = model.fit(bits, batch_size=32, epochs=4, verbose=0, callbacks=[saver]).history
        resumed = keras.models.load_model(tmp_path / "after_2.keras")
        assert int(resumed.optimizer.iterations) == 6
        rest = resumed.fit(bits, batch_size=32, epochs=4, initial_epoch=2, verbose=0)
        assert rest.epoch == [2, 3]
        assert rest.history["loss"] == whole["loss"][2:]
        assert_same_states(resumed, model)

    def test_it_learns_a_bit_that_all_pixels_share(self):
        """Without its latent space the loss stays at 6 log 2; no model comes below log 2, the bit itself."""
        x = np.repeat(np.random.default_rng(0).integers(0, 2, (960, 1)), 6, axis=1).astype("float32")
        model = compiled(small_vae(), optimizer=keras.optimizers.Adam(2e-2), jit_compile=False)
        loss = model.fit(x, batch_size=32, epochs=15, verbose=0).history["loss"][-1]
        assert 0.9 * math.log(2) < loss < 2 * math.log(2)

    def test_a_dataset_trains_like_the_same_batches_by_hand(self, bits):
        batches = tf.data.Dataset.from_tensor_slices((bits, bits)).batch(40)  # 40, 40 and a short one of 16
        model, other = compiled(small_vae()), compiled(small_vae())
        history = model.fit(batches, epochs=2, verbose=0)
        for batch, _ in [*batches, *batches]:
            other.train_step(batch)
        assert history.epoch == [0, 1]
        assert_same_states(model, other)

    def test_float64_data_trains_like_float32(self, bits):
        one, other = compiled(small_vae()), compiled(small_vae())
        one.fit(bits, batch_size=32, verbose=0, validation_data=bits)
        wide = bits.astype("float64")
        other.fit(wide, batch_size=32, verbose=0, validation_data=wide)
        assert_same_states(one, other)
        assert one.evaluate(bits, verbose=0) == other.evaluate(wide, verbose=0)

    def test_an_endless_dataset_needs_its_steps(self, bits):
        endless = tf.data.Dataset.from_tensor_slices(bits).batch(32).repeat()
        with pytest.raises(ValueError, match="x is an endless dataset"):
            compiled(small_vae()).fit(endless, verbose=0)

    def test_a_larger_beta_gives_a_smaller_kl(self, bits):
        kl = []
        for beta in (0.1, 10.0):
            model = compiled(small_vae(beta=beta), optimizer=keras.optimizers.Adam(2e-2), jit_compile=False)
            kl.append(model.fit(bits, batch_size=32, epochs=20, verbose=0).history["kl"][-1])
        assert kl[1] < 0.2 * kl[0]


# ---- save and load ----


class TestSave:
    @pytest.mark.parametrize("nll", [losses.bernoulli_nll, losses.gaussian_nll, laplace_nll])
    def test_everything_comes_back_and_the_next_step_is_the_same(self, bits, tmp_path, nll):
        model = small_vae(normalise=True, nll=nll, sigma=0.3, beta=0.7, data_range=(0.0, 1.0))
        compiled(model, optimizer=keras.optimizers.RMSprop(3e-3), jit_compile=False)
        model.fit(bits, batch_size=32, verbose=0)
        model.save(tmp_path / "vae.keras")
        loaded = keras.models.load_model(tmp_path / "vae.keras")
        assert isinstance(loaded, vae.VAE)
        assert loaded.nll_function is nll
        assert (loaded.sigma, loaded.beta, loaded.seed) == (0.3, 0.7, 1)
        assert isinstance(loaded.optimizer, keras.optimizers.RMSprop)
        assert_same_states(loaded, model)
        np.testing.assert_array_equal(loaded.sample(4, seed=3), model.sample(4, seed=3))
        for one in (model, loaded):
            one.train_step(tf.constant(bits[:32]))
        assert_same_states(loaded, model)

    def test_an_uncompiled_model_comes_back(self, tmp_path):
        model = small_vae()
        model.save(tmp_path / "vae.keras")
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / "vae.keras").sample(4, 0), model.sample(4, 0))

    def test_an_unregistered_likelihood_is_handed_over_when_loading(self, tmp_path):
        model = small_vae(nll=unregistered_nll, data_range=(0, 1))
        model.save(tmp_path / "vae.keras")
        with pytest.raises(Exception, match="unregistered_nll"):
            keras.models.load_model(tmp_path / "vae.keras")
        loaded = keras.models.load_model(tmp_path / "vae.keras", custom_objects={"unregistered_nll": unregistered_nll})
        assert loaded.nll_function is unregistered_nll

    def test_a_lambda_is_refused_when_saving(self, tmp_path):
        model = small_vae(nll=lambda x, mean: keras.ops.sum(keras.ops.absolute(x - mean), axis=-1), data_range=(0, 1))
        with pytest.raises(ValueError, match=r"nll is a lambda.*register_keras_serializable"):
            model.save(tmp_path / "vae.keras")
        model.save_weights(tmp_path / "vae.weights.h5")


# ---- sample ----


class TestSample:
    @settings(max_examples=12)
    @given(st.integers(1, 40), st.integers(0, 2**31 - 1), st.booleans())
    def test_uint8_in_the_decoders_shape_and_repeatable(self, n, seed, mean):
        model = small_vae()
        images = model.sample(n, seed, mean=mean)
        assert images.dtype == np.uint8
        assert images.shape == (n, 6)
        np.testing.assert_array_equal(images, model.sample(n, seed, mean=mean))

    def test_another_seed_other_images(self):
        assert not np.array_equal(small_vae().sample(20, 0), small_vae().sample(20, 1))

    def test_the_mean_is_the_sigmoid_of_the_decoder(self):
        model, z = small_vae(), np.random.default_rng(0).standard_normal((50, 2)).astype("float32")
        expected = 255 * special.expit(model.decoder(z).numpy().astype(float))
        np.testing.assert_allclose(model.decode(z), expected, atol=0.501)
        prior = tf.random.stateless_normal((7, 2), (3, 1))
        np.testing.assert_array_equal(model.sample(7, seed=3), model.decode(prior))

    def test_draws_are_black_or_white_and_average_to_the_mean(self):
        model, n = small_vae(), 4000
        z = np.repeat(np.float32([[1.0, -2.0]]), n, axis=0)
        draws = model.decode(z, seed=5, mean=False)
        assert set(np.unique(draws)) == {0, 255}
        p = special.expit(model.decoder(z[:1]).numpy()[0].astype(float))
        assert (np.abs(draws.mean(axis=0) / 255 - p) < 4 * np.sqrt(p * (1 - p) / n)).all()

    def test_draws_of_the_prior_average_to_its_mean_images(self):
        model, n = small_vae(), 4000
        gap = model.sample(n, 2, mean=False).astype(float) - model.sample(n, 2)
        assert (np.abs(gap.mean(axis=0)) < 4 * gap.std(axis=0) / math.sqrt(n) + 0.5).all()

    @pytest.mark.filterwarnings("error")
    def test_extreme_logits_do_not_overflow(self):
        model = small_vae()
        weights = model.decoder.get_weights()
        weights[-1] = np.float32([-2000, 2000] * 3)
        model.decoder.set_weights(weights)
        np.testing.assert_array_equal(model.sample(3, 0), [[0, 255] * 3] * 3)

    def test_a_gaussian_draw_has_the_given_spread(self):
        model = small_vae(nll=losses.gaussian_nll, sigma=0.25, data_range=(-4.0, 4.0))
        z = np.zeros((4000, 2), np.float32)
        mean, draws = (255 * model.decoder(z[:1]).numpy()[0] / 8 + 127.5), model.decode(z, seed=1, mean=False)
        spread = 255 * 0.25 / 8  # in grey levels; rounding adds a variance of 1/12
        sd = math.sqrt(spread**2 + 1 / 12)
        assert (np.abs(draws.std(axis=0) - sd) < 4 * sd / math.sqrt(2 * 4000)).all()
        assert (np.abs(draws.mean(axis=0) - mean) < 4 * sd / math.sqrt(4000)).all()
        np.testing.assert_allclose(model.decode(z[:1])[0], mean, atol=0.501)

    def test_image_shapes(self):
        keras.utils.set_random_seed(0)
        image, z = keras.Input((4, 4, 1)), keras.Input((3,))
        x = layers.Flatten()(image)
        encoder = keras.Model(image, [layers.Dense(3)(x), layers.Dense(3)(x)])
        decoder = keras.Model(z, layers.Reshape((4, 4, 1))(layers.Dense(16)(z)))
        model = compiled(vae.VAE(encoder, decoder))
        assert model.sample(6, seed=2).shape == model.sample(6, seed=2, mean=False).shape == (6, 4, 4, 1)
        data = np.random.default_rng(0).random((8, 4, 4, 1)).astype("float32")
        assert model.fit(data, batch_size=4, verbose=0).epoch == [0]

    def test_no_draw_from_a_likelihood_of_ones_own(self):
        model = small_vae(nll=laplace_nll, data_range=(0.0, 1.0))
        assert model.sample(2, 0).shape == (2, 6)
        with pytest.raises(ValueError, match=r"mean=False needs losses.bernoulli_nll or losses.gaussian_nll"):
            model.sample(2, 0, mean=False)

    @pytest.mark.parametrize("n", [0, -1, 1.5, "three", None, True])
    def test_n_must_be_a_whole_number_from_1(self, n):
        with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
            small_vae().sample(n, seed=0)

    @pytest.mark.parametrize("seed", [None, -1, 2**31, 0.5])
    def test_a_seed_must_be_a_whole_number(self, seed):
        with pytest.raises(ValueError, match="seed must be a whole number from 0"):
            small_vae().sample(1, seed=seed)
        with pytest.raises(ValueError, match="seed must be a whole number from 0"):
            small_vae(seed=seed)


# ---- bad input ----


KINDS = {
    "uint8": lambda x: (np.full(x.shape, 7, np.uint8), "its dtype is uint8.*data.normalize"),
    "integers": lambda x: (x.astype(np.int64), "its dtype is int64"),
    "[0, 255]": lambda x: (255 * x, "looks like pixels from 0 to 255.*data.normalize"),
    "negative": lambda x: (
        2 * x - 1,
        r"must lie in \[0, 1\] because a Bernoulli .* spans \[-1, 1\].*normalize\(images, 0, 1\)",
    ),
    "nan": lambda x: (np.where(np.arange(6) == 5, np.float32(np.nan), x), "holds NaN or infinity"),
    "inf": lambda x: (np.where(np.arange(6) == 5, np.float32(np.inf), x), "holds NaN or infinity"),
    "empty": lambda x: (x[:0], r"must have the shape \(n, ...\) with n of at least 1, but it is \(0, 6\)"),
    "wide": lambda x: (np.hstack([x, x]), r"has the shape \(n, 12\), but the encoder takes \(n, 6\)"),
    "deep": lambda x: (x[:, :, None], r"has the shape \(n, 6, 1\), but the encoder takes \(n, 6\)"),
    "flat": lambda x: (x[:, 0], r"must have the shape \(n, ...\)"),
    "list": lambda x: (x.tolist(), r"must be an array.*np.asarray"),
}


class TestBadData:
    MODEL = compiled(small_vae())
    GOOD = np.eye(6, dtype=np.float32)

    @settings(max_examples=40)
    @given(st.sampled_from(sorted(KINDS)), st.integers(1, 50))
    def test_is_named_at_the_call(self, kind, copies):
        bad, message = KINDS[kind](np.tile(self.GOOD, (copies, 1)))
        before = self.MODEL.get_weights()
        with pytest.raises(ValueError, match=f"^x .*{message}"):
            self.MODEL.fit(bad, verbose=0)
        with pytest.raises(ValueError, match=f"^validation_data .*{message}"):
            self.MODEL.fit(self.GOOD, validation_data=bad, verbose=0)
        for a, b in zip(self.MODEL.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)

    @settings(max_examples=30)
    @given(st.floats(-1e6, 1e6, width=32), st.integers(0, 5), st.integers(0, 5))
    def test_one_pixel_outside_of_0_to_1_is_enough(self, value, row, column):
        x = self.GOOD.copy()
        x[row, column] = value
        if -1e-6 <= value <= 1 + 1e-6:
            self.MODEL.check_data("x", x)
        elif not 1 < value < 1 + 1e-5 and not -1e-5 < value < 0:
            with pytest.raises(ValueError, match=r"^x "):
                self.MODEL.check_data("x", x)

    @pytest.mark.parametrize("kind", sorted(set(KINDS) - {"empty", "list"}))
    def test_of_a_dataset_is_named_by_its_first_batch(self, kind):
        bad, message = KINDS[kind](self.GOOD)
        with pytest.raises(ValueError, match=f"^the first batch of x .*{message}"):
            self.MODEL.fit(tf.data.Dataset.from_tensor_slices(bad).batch(3), verbose=0)

    @pytest.mark.parametrize(
        ("activation", "factor", "message"),
        [
            ("tanh", 1.0, r"ends in tanh, whose range is \[-1, 1\]"),
            ("tanh", 2.0, r"must lie in \[-1, 1\] because the decoder's last activation puts out \[-1, 1\]"),
            ("sigmoid", -1.0, r"must lie in \[0, 1\] because the decoder's last activation puts out \[0, 1\]"),
        ],
    )
    def test_a_gaussian_decoder_must_be_able_to_reach_the_data(self, activation, factor, message):
        model = compiled(small_vae(nll=losses.gaussian_nll, output_activation=activation))
        with pytest.raises(ValueError, match=message):
            model.fit(factor * self.GOOD, verbose=0)

    def test_a_linear_gaussian_decoder_takes_any_real_numbers(self):
        model = compiled(small_vae(nll=losses.gaussian_nll))
        assert model.fit(30 * np.random.default_rng(0).standard_normal((32, 6)).astype("float32"), verbose=0).epoch == [
            0
        ]


class TestBadArguments:
    @settings(max_examples=30)
    @given(st.floats(max_value=-1e-300) | st.sampled_from([np.nan, np.inf, "much", None]))
    def test_beta_must_be_a_number_from_0(self, beta):
        encoder, decoder = TestBadData.MODEL.encoder, TestBadData.MODEL.decoder
        with pytest.raises(ValueError, match="beta must be a finite number from 0 to inf, but it is "):
            vae.VAE(encoder, decoder, beta=beta)
        assert vae.VAE(encoder, decoder, beta=0).beta == 0.0

    @pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.inf, "wide"])
    def test_sigma_must_be_a_positive_number(self, sigma):
        with pytest.raises(ValueError, match="sigma must be a finite number from 1e-06 to inf, but it is "):
            small_vae(nll=losses.gaussian_nll, sigma=sigma)

    @pytest.mark.parametrize("latent_dim", [0, -3, 2.5])
    @pytest.mark.parametrize("make", [networks.mlp_encoder, networks.mlp_decoder])
    def test_a_latent_dim_of_0(self, latent_dim, make):
        with pytest.raises(ValueError, match="latent_dim must be a whole number of at least 1"):
            make(latent_dim, 6)


class TestBadNetworks:
    def refused(self, message, encoder=None, decoder=None, **arguments):
        encoder, decoder = encoder or networks.mlp_encoder(2, 6, (3,)), decoder or networks.mlp_decoder(2, 6, (3,))
        with pytest.raises(ValueError, match=message):
            vae.VAE(encoder, decoder, **arguments)

    def test_latent_sizes_that_differ(self):
        message = r"the encoder's mean has the shape \(n, 2\), but the decoder takes \(n, 3\)"
        self.refused(message, decoder=networks.mlp_decoder(3, 6, (3,)))

    def test_data_shapes_that_differ(self):
        message = r"the decoder's output has the shape \(n, 5\), but the encoder takes \(n, 6\)"
        self.refused(message, decoder=networks.mlp_decoder(2, 5, (3,)))

    def test_an_encoder_with_one_output(self):
        self.refused(r"encoder must have one input and 2 output\(s\), but it has 1 and 1", networks.mlp(6, 2))

    def test_a_mean_and_log_var_that_differ(self):
        x = keras.Input((6,))
        self.refused("the encoder's log_var has the shape", keras.Model(x, [layers.Dense(2)(x), layers.Dense(1)(x)]))

    def test_an_empty_latent_space(self):
        x, z = keras.Input((6,)), keras.Input((0,))
        encoder = keras.Model(x, [layers.Reshape((0,))(x[:, :0])] * 2)
        self.refused("latent_dim must be a whole number of at least 1", encoder, keras.Model(z, layers.Dense(6)(z)))

    @pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
    def test_a_bernoulli_decoder_must_put_out_logits(self, activation):
        decoder = networks.mlp_decoder(2, 6, (3,), activation)
        self.refused("decoder must put out logits for losses.bernoulli_nll", decoder=decoder)
        nested = keras.Sequential([keras.Input((2,)), decoder, layers.Reshape((6,))])
        self.refused("decoder must put out logits for losses.bernoulli_nll", decoder=nested)

    def test_networks_whose_input_is_not_known(self):
        sequential = keras.Sequential([layers.Dense(6)])
        self.refused("decoder must be a built keras.Model", decoder=sequential)
        self.refused(r"encoder must be a built keras.Model.*Begin a Sequential with keras.Input", sequential)

    @pytest.mark.parametrize("nll", [None, "bernoulli", 3])
    def test_a_likelihood_that_is_no_function(self, nll):
        self.refused("nll must be a function", nll=nll)

    def test_frozen_networks_are_refused(self, bits):
        model = small_vae()
        model.encoder.trainable = model.decoder.trainable = False
        with pytest.raises(ValueError, match="no trainable weights"):
            model.compile()
