"""The GAN against steps written by hand in NumPy, against known densities, and what fit, save and sample promise."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from scipy import special, stats

from gentutor import gan, losses, networks

LOG_2 = math.log(2.0)
SLOPE = float(np.float32(0.2))  # of LeakyReLU: TensorFlow keeps it in float32 in float64 networks too


@pytest.fixture(scope="module")
def pairs():
    """Data in [-1, 1]: float32 (96, 4)."""
    return np.tanh(np.random.default_rng(0).standard_normal((96, 4))).astype("float32")


@pytest.fixture
def double():
    """Networks built in the test compute in float64."""
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


def small_gan(hidden=(8,), normalise=False, **arguments):
    keras.utils.set_random_seed(0)
    generator = networks.mlp_generator(2, 4, hidden)
    if normalise:
        z = keras.Input((2,))
        h = layers.BatchNormalization(momentum=0.7)(layers.Dense(6, activation="relu")(z))
        generator = keras.Model(z, layers.Dense(4, activation="tanh")(h))
    return gan.GAN(generator, networks.mlp_discriminator(4, hidden), seed=1, **arguments)


def compiled(model, **arguments):
    """The model compiled as asked, otherwise by what starts fastest: plain descent, step by step."""
    quick = {"generator_optimizer": "sgd", "discriminator_optimizer": "sgd", "run_eagerly": True}
    model.compile(**(arguments or quick))
    return model


def states(model):
    """All that training changes, as arrays: weights, both optimizers' memories and step numbers."""
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    return model.get_weights() + [variable.numpy() for optimizer in optimizers for variable in optimizer.variables]


def assert_same_states(one, other):
    for a, b in zip(states(one), states(other), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- one step, by hand ----


def forward(weights, x):
    """Input -> Dense -> LeakyReLU(0.2) -> Dense, in NumPy: the hidden sums and the output."""
    hidden = x @ weights[0] + weights[1]
    return hidden, np.where(hidden > 0, hidden, SLOPE * hidden) @ weights[2] + weights[3]


def backward(weights, x, hidden, gradient):
    """Gradients of the four weights and of the input, given the one of the output."""
    active = np.where(hidden > 0, hidden, SLOPE * hidden)
    back = (gradient @ weights[2].T) * np.where(hidden > 0, 1.0, SLOPE)
    return [x.T @ back, back.sum(0), active.T @ gradient, gradient.sum(0)], back @ weights[0].T


def step_by_hand(generator, discriminator, real, z_discriminator, z_generator, rates):
    """One step of both players by plain gradient descent: new weights, and the two losses before the updates."""
    n = len(real)
    fake = np.tanh(forward(generator, z_discriminator)[1])
    hidden_real, real_logits = forward(discriminator, real)
    hidden_fake, fake_logits = forward(discriminator, fake)
    on_real, _ = backward(discriminator, real, hidden_real, -special.expit(-real_logits) / n)
    on_fake, _ = backward(discriminator, fake, hidden_fake, special.expit(fake_logits) / n)
    d_loss = np.logaddexp(0, -real_logits).mean() + np.logaddexp(0, fake_logits).mean()
    discriminator = [w - rates[1] * (a + b) for w, a, b in zip(discriminator, on_real, on_fake, strict=True)]

    hidden_z, before_tanh = forward(generator, z_generator)
    fake = np.tanh(before_tanh)
    hidden_fake, fake_logits = forward(discriminator, fake)
    _, on_input = backward(discriminator, fake, hidden_fake, -special.expit(-fake_logits) / n)
    on_generator, _ = backward(generator, z_generator, hidden_z, on_input * (1 - fake**2))
    generator = [w - rates[0] * g for w, g in zip(generator, on_generator, strict=True)]
    return generator, discriminator, d_loss, np.logaddexp(0, -fake_logits).mean()


def penalised_loss(discriminator, real, fake, weight):
    """Discriminator's loss with the R1 penalty on the exact gradient of its logits at the real data."""
    hidden, real_logits = forward(discriminator, real)
    slopes = np.where(hidden > 0, 1.0, SLOPE) * discriminator[2][:, 0] @ discriminator[0].T
    adversarial = np.logaddexp(0, -real_logits) + np.logaddexp(0, forward(discriminator, fake)[1])
    return adversarial.mean() + weight * 0.5 * np.square(slopes).sum(axis=1).mean()


def finite_differences(function, weights, step=1e-6):
    gradients = [np.zeros_like(weight) for weight in weights]
    for weight, gradient in zip(weights, gradients, strict=True):
        for place in np.ndindex(weight.shape):
            kept = weight[place]
            ends = []
            for sign in (-1, 1):
                weight[place] = kept + sign * step
                ends.append(function(weights))
            weight[place] = kept
            gradient[place] = (ends[1] - ends[0]) / (2 * step)
    return gradients


@pytest.mark.usefixtures("double")
class TestStepByHand:
    RATES = 0.25, 0.125  # exact in the float32 that Keras keeps a learning rate in

    def model(self, rates=RATES, **arguments):
        model = small_gan(hidden=(5,), **arguments)
        rng = np.random.default_rng(3)
        for network in (model.generator, model.discriminator):
            network.set_weights([rng.standard_normal(w.shape) for w in network.get_weights()])
        sgd = [keras.optimizers.SGD(rate) for rate in rates]
        return compiled(model, generator_optimizer=sgd[0], discriminator_optimizer=sgd[1], jit_compile=False)

    def test_three_steps_of_both_players(self):
        model, real = self.model(), np.random.default_rng(4).uniform(-1, 1, (3, 16, 4))
        generator, discriminator = model.generator.get_weights(), model.discriminator.get_weights()
        for number, batch in enumerate(real):
            noise = [z.numpy() for z in model._noise(16, number)]
            generator, discriminator, *by_hand = step_by_hand(generator, discriminator, batch, *noise, self.RATES)
            model.reset_metrics()
            logs = model.train_step(tf.constant(batch))
            assert float(logs["discriminator_loss"]) == pytest.approx(by_hand[0], rel=1e-6)
            assert float(logs["generator_loss"]) == pytest.approx(by_hand[1], rel=1e-6)
        for mine, theirs in zip(
            generator + discriminator, model.generator.get_weights() + model.discriminator.get_weights(), strict=True
        ):
            assert theirs.dtype == np.float64
            np.testing.assert_allclose(theirs, mine, rtol=1e-10, atol=1e-12)

    def test_the_gradient_penalty_by_finite_differences(self):
        model, real = self.model(gradient_penalty=0.7), np.random.default_rng(4).uniform(-1, 1, (16, 4))
        before, noise = model.discriminator.get_weights(), model._noise(16, 0)[0].numpy()
        fake = np.tanh(forward(model.generator.get_weights(), noise)[1])
        model.train_step(tf.constant(real))
        after = model.discriminator.get_weights()
        gradients = finite_differences(lambda weights: penalised_loss(weights, real, fake, 0.7), before)
        plain = finite_differences(lambda weights: penalised_loss(weights, real, fake, 0.0), before)
        assert max(np.abs(a - b).max() for a, b in zip(gradients, plain, strict=True)) > 0.1  # the penalty matters
        for old, new, gradient in zip(before, after, gradients, strict=True):
            np.testing.assert_allclose((old - new) / self.RATES[1], gradient, atol=1e-7)

    def test_the_logged_loss_is_without_the_penalty(self):
        real = tf.constant(np.random.default_rng(4).uniform(-1, 1, (16, 4)))
        plain, penalised = (self.model(gradient_penalty=weight).train_step(real) for weight in (0.0, 5.0))
        assert float(plain["discriminator_loss"]) == float(penalised["discriminator_loss"])

    def test_the_noise_of_the_players_and_of_the_steps_differs(self):
        model = self.model()
        draws = [z.numpy().ravel() for step in range(-1, 3) for z in model._noise(50, step)]
        draws += [small_gan()._noise(50, 0)[0].numpy().ravel()[:0]]
        for i, one in enumerate(draws[:-1]):
            for other in draws[:i]:
                assert abs(np.corrcoef(one, other)[0, 1]) < 0.5
        np.testing.assert_array_equal(draws[0], model._noise(50, -1)[0].numpy().ravel())


# ---- the discriminator of two known densities ----


def density_ratio(mean, sd):
    """Coefficients of 1, x and x² in log N(x; 0, 1) − log N(x; mean, sd²)."""
    return np.array([mean**2 / (2 * sd**2) + math.log(sd), -mean / sd**2, 0.5 / sd**2 - 0.5])


def standard_errors(mean, sd, n, grid):
    """Of the logits on a grid, for a logistic regression on 1, x, x² with n real and n generated points."""
    x = np.linspace(-9, 9, 4001)
    features = np.stack([np.ones_like(x), x, x**2])
    p, q = stats.norm(0, 1).pdf(x), stats.norm(mean, sd).pdf(x)
    information = n * (features * (p * q / (p + q)) * (x[1] - x[0])) @ features.T
    if sd == 1:
        information, features = information[:2, :2], features[:2]
    on_grid = np.stack([np.ones_like(grid), grid, grid**2])[: len(features)]
    return np.sqrt(np.einsum("ij,ik,kj->j", on_grid, np.linalg.inv(information), on_grid))


class TestKnownDensities:
    """Real points from N(0, 1), generated ones from N(mean, sd²): the best discriminator is log p − log q."""

    N = 16_000

    def trained(self, mean, sd):
        keras.utils.set_random_seed(0)
        generator = networks.mlp(1, 1)
        generator.set_weights([np.float32([[sd]]), np.float32([mean])])
        x = keras.Input((1,))
        features = x if sd == 1 else layers.Concatenate()([x, x * x])
        discriminator = keras.Model(x, layers.Dense(1)(features))
        model = gan.GAN(generator, discriminator, data_range=(-3, 3))
        adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 240), beta_2=0.99)
        compiled(model, generator_optimizer=keras.optimizers.SGD(0.0), discriminator_optimizer=adam, jit_compile=False)
        real = np.random.default_rng(5).standard_normal((self.N, 1)).astype("float32")
        history = model.fit(real, batch_size=self.N // 4, epochs=60, verbose=0).history
        return model, history

    @pytest.mark.parametrize(("mean", "sd"), [(1.2, 1.0), (0.5, 1.6)])
    def test_the_discriminator_learns_the_logarithm_of_their_ratio(self, mean, sd):
        model, history = self.trained(mean, sd)
        grid = np.linspace(-2.5, 2.5, 11)
        logits = keras.ops.convert_to_numpy(model.discriminator(grid[:, None]))[:, 0]
        expected = np.polynomial.polynomial.polyval(grid, density_ratio(mean, sd))
        np.testing.assert_allclose(expected, stats.norm(0, 1).logpdf(grid) - stats.norm(mean, sd).logpdf(grid))
        error = standard_errors(mean, sd, self.N, grid)
        assert error.max() < 0.1 * np.ptp(expected)
        assert (np.abs(logits - expected) < 5 * error).all()
        assert model.generator.get_weights()[0] == pytest.approx(sd)  # a learning rate of 0 leaves it where it was
        assert history["discriminator_loss"][-1] < 2 * LOG_2


# ---- fit ----


class TestFit:
    def test_history_progress_and_validation(self, pairs, capsys):
        model = compiled(small_gan())
        history = model.fit(pairs, batch_size=32, epochs=2, verbose=2, validation_data=pairs[:40])
        names = {"generator_loss", "discriminator_loss"}
        assert set(history.history) == names | {f"val_{name}" for name in names}
        assert all(len(values) == 2 and np.isfinite(values).all() for values in history.history.values())
        said = capsys.readouterr().out
        assert "Epoch 2/2" in said
        assert "val_discriminator_loss" in said
        assert int(model.generator_optimizer.iterations) == int(model.discriminator_optimizer.iterations) == 6

    def test_validation_is_the_losses_at_fixed_noise(self, pairs):
        model = compiled(small_gan())
        logs = model.evaluate(pairs, batch_size=96, verbose=0, return_dict=True)
        fake = model.discriminator(model.generator(model._noise(96, -1)[0]))[:, 0].numpy().astype(float)
        real = model.discriminator(pairs)[:, 0].numpy().astype(float)
        expected = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
        assert logs["discriminator_loss"] == pytest.approx(expected, rel=1e-5)
        assert logs["generator_loss"] == pytest.approx(np.logaddexp(0, -fake).mean(), rel=1e-5)
        model.generator_optimizer.iterations.assign(70)  # the noise of the evaluation does not follow the steps
        assert model.evaluate(pairs, batch_size=96, verbose=0, return_dict=True) == logs

    def test_same_seed_same_training_other_seed_another(self, pairs):
        runs = []
        for seed in (1, 1, 2):
            model = compiled(small_gan())
            model.seed = seed
            model.fit(pairs, batch_size=32, verbose=0)
            runs.append(model)
        assert_same_states(*runs[:2])
        assert not np.array_equal(states(runs[0])[0], states(runs[2])[0])

    @pytest.mark.parametrize("settings_", [{}, {"jit_compile": True, "steps_per_execution": 3}])
    def test_a_resumed_training_is_the_uninterrupted_one_to_the_last_bit(self, pairs, tmp_path, settings_):
        adam = [keras.optimizers.Adam(1e-2, beta_1=0.5) for _ in range(2)]
        model = small_gan(normalise=True, ema_decay=0.9, gradient_penalty=0.0 if settings_ else 0.1)
        compiled(
            model, generator_optimizer=adam[0], discriminator_optimizer=adam[1], **{"jit_compile": False, **settings_}
        )
        saver = keras.callbacks.ModelCheckpoint(str(tmp_path / "after_{epoch}.keras"))
        whole = model.fit(pairs, batch_size=32, epochs=4, verbose=0, callbacks=[saver]).history
        resumed = keras.models.load_model(tmp_path / "after_2.keras")
        assert int(resumed.generator_optimizer.iterations) == 6
        rest = resumed.fit(pairs, batch_size=32, epochs=4, initial_epoch=2, verbose=0)
        assert rest.epoch == [2, 3]
        assert rest.history["generator_loss"] == whole["generator_loss"][2:]
        assert_same_states(resumed, model)

    def test_a_dataset_trains_like_the_same_batches_by_hand(self, pairs):
        batches = tf.data.Dataset.from_tensor_slices(pairs).batch(40)  # 40, 40 and a short one of 16
        model, other = compiled(small_gan()), compiled(small_gan())
        history = model.fit(batches, epochs=2, verbose=0)
        for batch in [*batches, *batches]:
            other.train_step(batch)
        assert history.epoch == [0, 1]
        assert_same_states(model, other)

    def test_a_dataset_of_pairs_trains_on_the_images(self, pairs):
        labels = np.zeros(96, np.int64)
        with_labels, without = compiled(small_gan()), compiled(small_gan())
        with_labels.fit(tf.data.Dataset.from_tensor_slices((pairs, labels)).batch(32), verbose=0)
        without.fit(tf.data.Dataset.from_tensor_slices(pairs).batch(32), verbose=0)
        assert_same_states(with_labels, without)

    def test_float64_data_trains_like_float32(self, pairs):
        one, other = compiled(small_gan(gradient_penalty=0.1)), compiled(small_gan(gradient_penalty=0.1))
        one.fit(pairs, batch_size=32, verbose=0, validation_data=pairs)
        other.fit(pairs.astype("float64"), batch_size=32, verbose=0, validation_data=pairs.astype("float64"))
        assert_same_states(one, other)

    def test_an_endless_dataset_needs_its_steps(self, pairs):
        endless = tf.data.Dataset.from_tensor_slices(pairs).batch(32).repeat()
        model = compiled(small_gan())
        with pytest.raises(ValueError, match=r"x is an endless dataset.* Give steps_per_epoch"):
            model.fit(endless, verbose=0)
        model.fit(endless, steps_per_epoch=2, epochs=2, verbose=0)
        assert int(model.generator_optimizer.iterations) == 4

    def test_it_learns_a_point(self):
        """Real data is one point: the generator's mean must come close to it."""
        keras.utils.set_random_seed(0)
        model = gan.GAN(networks.mlp_generator(2, 2, (8,)), networks.mlp_discriminator(2, (8,)), gradient_penalty=0.5)
        rates = {
            f"{player}_optimizer": keras.optimizers.Adam(1e-2, beta_1=0.0) for player in ("generator", "discriminator")
        }
        compiled(model, jit_compile=False, **rates)
        point = np.tile(np.float32([[0.6, -0.3]]), (640, 1))
        model.fit(point, batch_size=64, epochs=40, verbose=0)
        drawn = model.predict(np.random.default_rng(0).standard_normal((500, 2)).astype("float32"), verbose=0)
        np.testing.assert_allclose(drawn.mean(axis=0), point[0], atol=0.1)
        assert drawn.std(axis=0).max() < 0.1


# ---- averaged weights ----


class TestEMA:
    @pytest.mark.parametrize(("decay", "normalise"), [(0.8, False), (0.8, True), (0.0, False), (0.15, True)])
    def test_equals_an_average_kept_by_hand(self, pairs, decay, normalise):
        model = compiled(small_gan(normalise=normalise, ema_decay=decay))
        assert len(model.generator.non_trainable_weights) == (2 if normalise else 0)
        average = [w.astype(float) for w in model.generator.get_weights()]
        for step in range(1, 16):
            model.train_step(tf.constant(pairs[:32]))
            keep = min(decay, (1 + step) / (10 + step))
            now = model.generator.get_weights()
            average = [keep * a + (1 - keep) * w for a, w in zip(average, now, strict=True)]
        for mine, theirs in zip(average, model.ema_generator.get_weights(), strict=True):
            np.testing.assert_allclose(theirs, mine, rtol=1e-5, atol=1e-7)
        assert decay == 0.0 or not np.allclose(model.ema_generator.get_weights()[0], now[0], atol=1e-5)

    def test_samples_come_from_the_average(self, pairs):
        model = compiled(small_gan(ema_decay=0.9))
        model.ema_generator.set_weights([np.zeros_like(w) for w in model.ema_generator.get_weights()])
        assert (model.sample(5, seed=0) == 128).all()  # tanh(0) = 0 is the middle of [-1, 1]
        assert not (small_gan().sample(5, seed=0) == 128).all()

    def test_it_starts_at_the_generator_and_leaves_its_training_alone(self, pairs):
        with_average, without = compiled(small_gan(ema_decay=0.9)), compiled(small_gan())
        for a, b in zip(with_average.ema_generator.get_weights(), without.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        for model in (with_average, without):
            model.fit(pairs, batch_size=32, verbose=0)
        for a, b in zip(with_average.generator.get_weights(), without.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("decay", [-0.1, 1.1, np.nan, "much"])
    def test_a_decay_outside_of_0_to_1_is_refused(self, decay):
        with pytest.raises(ValueError, match="ema_decay must be a finite number from 0 to 1"):
            small_gan(ema_decay=decay)


# ---- save and load ----


class TestSave:
    def test_everything_comes_back_and_the_next_step_is_the_same(self, pairs, tmp_path):
        model = small_gan(normalise=True, ema_decay=0.9, gradient_penalty=0.3, data_range=(-1.0, 1.0))
        rmsprop, adam = keras.optimizers.RMSprop(3e-3), keras.optimizers.Adam(2e-3, beta_1=0.3)
        compiled(model, generator_optimizer=rmsprop, discriminator_optimizer=adam, jit_compile=False)
        model.fit(pairs, batch_size=32, verbose=0)
        model.save(tmp_path / "gan.keras")
        loaded = keras.models.load_model(tmp_path / "gan.keras")
        assert isinstance(loaded, gan.GAN)
        assert isinstance(loaded.generator_optimizer, keras.optimizers.RMSprop)
        assert float(loaded.generator_optimizer.learning_rate) == pytest.approx(3e-3)
        assert loaded.discriminator_optimizer.beta_1 == pytest.approx(0.3)
        assert (loaded.ema_decay, loaded.gradient_penalty, loaded.seed) == (0.9, 0.3, 1)
        assert_same_states(loaded, model)
        np.testing.assert_array_equal(loaded.sample(4, seed=3), model.sample(4, seed=3))
        for one in (model, loaded):
            one.train_step(tf.constant(pairs[:32]))
        assert_same_states(loaded, model)

    def test_an_uncompiled_model_comes_back(self, tmp_path):
        model = small_gan()
        model.save(tmp_path / "gan.keras")
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / "gan.keras").sample(4, 0), model.sample(4, 0))

    def test_weights_alone_come_back_into_another_model(self, pairs, tmp_path):
        model, other = compiled(small_gan(ema_decay=0.9)), compiled(small_gan(ema_decay=0.9))
        model.fit(pairs, batch_size=32, verbose=0)
        model.save_weights(tmp_path / "gan.weights.h5")
        other.load_weights(tmp_path / "gan.weights.h5")
        assert_same_states(other, model)


# ---- sample ----


class TestSample:
    @settings(max_examples=12)
    @given(st.integers(1, 40), st.integers(0, 2**31 - 1))
    def test_uint8_in_the_generators_shape_and_repeatable(self, n, seed):
        model = small_gan()
        images = model.sample(n, seed)
        assert images.dtype == np.uint8
        assert images.shape == (n, 4)
        np.testing.assert_array_equal(images, model.sample(n, seed))

    def test_another_seed_other_images_and_more_are_not_the_same_again(self):
        model = small_gan()
        assert not np.array_equal(model.sample(20, 0), model.sample(20, 1))
        assert len(np.unique(model.sample(2100, 0), axis=0)) > 1000  # more than one chunk

    @pytest.mark.parametrize(
        ("activation", "low", "high"), [("tanh", -1.0, 1.0), ("sigmoid", 0.0, 1.0), (None, -2.0, 3.0)]
    )
    def test_image_shapes_and_ranges(self, activation, low, high):
        keras.utils.set_random_seed(0)
        z = keras.Input((3,))
        x = layers.Reshape((4, 4, 1))(layers.Dense(16, activation=activation)(z))
        image = keras.Input((4, 4, 1))
        discriminator = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))
        arguments = {} if activation else {"data_range": (low, high)}
        model = gan.GAN(keras.Model(z, x), discriminator, **arguments)
        images = model.sample(6, seed=2)
        assert images.shape == (6, 4, 4, 1)
        noise = tf.random.stateless_normal((6, 3), (2, 1))
        expected = 255 * (model.generator(noise).numpy().astype(float) - low) / (high - low)
        np.testing.assert_allclose(images, np.clip(expected, 0, 255), atol=0.501)
        data = np.random.default_rng(0).uniform(low, high, (8, 4, 4, 1)).astype("float32")
        assert compiled(model).fit(data, batch_size=4, verbose=0).epoch == [0]

    def test_an_unknown_range_is_asked_for(self):
        keras.utils.set_random_seed(0)
        model = gan.GAN(networks.mlp(2, 4), networks.mlp_discriminator(4, (8,)))
        with pytest.raises(ValueError, match=r"data_range is not known.*data_range=\(low, high\)"):
            model.sample(1, seed=0)

    @pytest.mark.parametrize("n", [0, -1, 1.5, "three", None, True])
    def test_n_must_be_a_whole_number_from_1(self, n):
        with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
            small_gan().sample(n, seed=0)

    @pytest.mark.parametrize("seed", [None, -1, 2**31, 0.5, "a"])
    def test_a_seed_must_be_a_whole_number(self, seed):
        with pytest.raises(ValueError, match="seed must be a whole number from 0"):
            small_gan().sample(1, seed=seed)
        with pytest.raises(ValueError, match="seed must be a whole number from 0"):
            gan.GAN(small_gan().generator, small_gan().discriminator, seed=seed)


# ---- bad input ----


def spoiled(kind, x, place):
    """The data with one thing wrong, and what the error must say."""
    x, row = x.copy(), place % len(x)
    if kind == "uint8":
        return np.full(x.shape, 7, np.uint8), "its dtype is uint8.*data.normalize"
    if kind == "integers":
        return np.full(x.shape, 7, np.int64), "its dtype is int64"
    if kind == "[0, 255]":
        return (x - x.min()) * np.float32(255 / np.ptp(x)), "looks like pixels from 0 to 255.*data.normalize"
    if kind == "[0, 1]":
        return (x - x.min()) / np.ptp(x), r"ends in tanh, whose range is \[-1, 1\].*data.normalize\(images, -1, 1\)"
    if kind == "beyond":
        x[row, 0] = -1.5
        return x, r"must lie in \[-1, 1\] because the generator ends in tanh, but it spans \[-1.5, "
    if kind in ("nan", "inf", "-inf"):
        x[row, -1] = float(kind)
        return x, "holds NaN or infinity"
    if kind == "empty":
        return x[:0], r"must have the shape \(n, ...\) with n of at least 1, but it is \(0, 4\)"
    if kind == "wide":
        return np.concatenate([x, x], axis=1), r"has the shape \(n, 8\), but the generator puts out \(n, 4\)"
    if kind == "deep":
        return x[:, :, None], r"has the shape \(n, 4, 1\), but the generator puts out \(n, 4\)"
    return {"flat": (x[:, 0], r"must have the shape \(n, ...\)"), "list": (x.tolist(), "must be an array.*np.asarray")}[
        kind
    ]


KINDS = [
    "uint8",
    "integers",
    "[0, 255]",
    "[0, 1]",
    "beyond",
    "nan",
    "inf",
    "-inf",
    "empty",
    "wide",
    "deep",
    "flat",
    "list",
]


class TestBadData:
    MODEL = compiled(small_gan())

    @settings(max_examples=40)
    @given(st.sampled_from(KINDS), st.integers(0, 95), st.integers(0, 3))
    def test_is_named_at_the_call(self, kind, place, seed):
        good = np.random.default_rng(seed).uniform(-1, 1, (96, 4)).astype("float32")
        bad, message = spoiled(kind, good, place)
        model = self.MODEL
        before = model.get_weights()
        with pytest.raises(ValueError, match=f"^x .*{message}"):
            model.fit(bad, verbose=0)
        with pytest.raises(ValueError, match=f"^validation_data .*{message}"):
            model.fit(good, validation_data=bad, verbose=0)
        for a, b in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("empty", "list")])
    def test_of_a_dataset_is_named_by_its_first_batch(self, pairs, kind):
        bad, message = spoiled(kind, pairs, 3)
        with pytest.raises(ValueError, match=f"^the first batch of x .*{message}"):
            self.MODEL.fit(tf.data.Dataset.from_tensor_slices(bad).batch(32), verbose=0)

    def test_a_dataset_without_batches_is_named(self, pairs):
        with pytest.raises(ValueError, match=r"the first batch of x must have the shape \(n, ...\)"):
            compiled(small_gan()).fit(tf.data.Dataset.from_tensor_slices(pairs), verbose=0)

    @pytest.mark.parametrize("batch_size", [-1, 1.5, "all"])
    def test_a_batch_size_must_be_a_whole_number(self, pairs, batch_size):
        with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1"):
            compiled(small_gan()).fit(pairs, batch_size=batch_size, verbose=0)


def with_ending(ending):
    """A discriminator of (4,) whose logit goes through a sigmoid, said in one of several ways."""
    x = keras.Input((4,))
    if ending == "argument":
        return networks.mlp(4, 1, (3,), output_activation="sigmoid")
    if ending == "nested":
        return keras.Model(x, networks.mlp(4, 1, (3,), output_activation="sigmoid")(x))
    if ending == "sequential":
        return keras.Sequential([x, layers.Dense(1), layers.Activation("sigmoid")])
    logit = layers.Dense(1)(x)
    if ending == "reshaped":
        return keras.Model(x, layers.Reshape((1,))(layers.Activation("sigmoid")(logit)))
    return keras.Model(x, layers.Activation("sigmoid")(logit) if ending == "layer" else keras.ops.sigmoid(logit))


class TestBadNetworks:
    def refused(self, message, generator=None, discriminator=None, **arguments):
        generator = generator or networks.mlp_generator(2, 4, (3,))
        discriminator = discriminator or networks.mlp_discriminator(4, (3,))
        with pytest.raises(ValueError, match=message):
            gan.GAN(generator, discriminator, **arguments)

    def test_networks_that_do_not_fit_each_other(self):
        self.refused(
            r"the generator's output has the shape \(n, 5\), but the discriminator takes \(n, 4\)",
            networks.mlp_generator(2, 5, (3,)),
        )

    def test_a_discriminator_with_two_outputs(self):
        self.refused("the discriminator's output has the shape.*needs one logit", discriminator=networks.mlp(4, 2))

    @pytest.mark.parametrize("ending", ["argument", "layer", "operation", "nested", "sequential", "reshaped"])
    def test_a_discriminator_that_ends_in_a_sigmoid(self, ending):
        self.refused("discriminator ends in a sigmoid, but the losses take logits", discriminator=with_ending(ending))

    def test_networks_whose_input_is_not_known(self):
        sequential = keras.Sequential([layers.Dense(4)])
        self.refused("generator must be a built keras.Model.*Begin a Sequential with keras.Input", sequential)
        self.refused("discriminator must be a built keras.Model", discriminator=sequential)

    @pytest.mark.parametrize("wrong", ["a name", 3, np.zeros(3), layers.Dense(1)])
    def test_what_is_no_network(self, wrong):
        with pytest.raises(ValueError, match=r"generator must be a built keras.Model.*but it is a"):
            gan.GAN(wrong, networks.mlp_discriminator(4, (3,)))

    def test_a_network_with_two_inputs(self):
        a, b = keras.Input((2,)), keras.Input((1,))
        two = keras.Model([a, b], layers.Dense(4)(layers.Concatenate()([a, b])))
        self.refused(r"generator must have one input and 1 output\(s\), but it has 2 and 1", two)

    @pytest.mark.parametrize("latent_dim", [0, -3, 2.5])
    def test_a_latent_dim_of_0(self, latent_dim):
        with pytest.raises(ValueError, match="latent_dim must be a whole number of at least 1"):
            networks.mlp_generator(latent_dim, 4)

    def test_a_generator_with_an_empty_latent_space(self):
        z = keras.Input((0,))
        self.refused("latent_dim must be a whole number of at least 1", keras.Model(z, layers.Dense(4)(z)))

    @pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "R1"])
    def test_a_gradient_penalty_must_be_a_number_from_0(self, weight):
        self.refused("gradient_penalty must be a finite number from 0", gradient_penalty=weight)


class TestFrozen:
    """Many tutorials compile, set ``discriminator.trainable = False``, and then train nothing."""

    @pytest.mark.parametrize("player", ["generator", "discriminator"])
    def test_a_frozen_player_is_refused_at_compile(self, player):
        model = small_gan()
        getattr(model, player).trainable = False
        with pytest.raises(ValueError, match=f"{player} has no trainable weights.*Set {player}.trainable = True"):
            model.compile()

    @pytest.mark.parametrize("player", ["generator", "discriminator"])
    def test_a_player_frozen_after_compile_is_refused_at_fit(self, pairs, player):
        model = compiled(small_gan())
        getattr(model, player).trainable = False
        with pytest.raises(ValueError, match=f"{player} has no trainable weights"):
            model.fit(pairs, verbose=0)
        getattr(model, player).trainable = True
        before = [w.copy() for w in model.discriminator.get_weights()]
        model.fit(pairs, batch_size=32, verbose=0)
        assert not np.array_equal(model.discriminator.get_weights()[0], before[0])

    def test_one_frozen_layer_stays_and_the_rest_learns(self, pairs):
        model = small_gan()
        model.discriminator.layers[1].trainable = False
        before = [w.copy() for w in model.discriminator.get_weights()]
        compiled(model).fit(pairs, batch_size=32, verbose=0)
        after = model.discriminator.get_weights()
        assert [np.array_equal(a, b) for a, b in zip(after, before, strict=True)] == [True, True, False, False]

    def test_both_players_move_with_every_step(self, pairs):
        model = compiled(small_gan())
        before = model.get_weights()
        model.train_step(tf.constant(pairs[:32]))
        assert not any(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True) if a.any())

    def test_one_optimizer_for_both_players_is_refused(self):
        adam = keras.optimizers.Adam()
        with pytest.raises(ValueError, match="generator_optimizer and discriminator_optimizer are the same object"):
            small_gan().compile(adam, adam)
        small_gan().compile("adam", "adam")  # a name makes a new one for each

    def test_an_uncompiled_model_says_so(self, pairs):
        with pytest.raises(ValueError, match=r"compile\(\)"):
            small_gan().fit(pairs, verbose=0)


def test_losses_of_a_blind_discriminator_are_those_of_chance(pairs):
    model = compiled(small_gan())
    model.discriminator.set_weights([np.zeros_like(w) for w in model.discriminator.get_weights()])
    logs = model.evaluate(pairs, verbose=0, return_dict=True)
    assert logs["discriminator_loss"] == pytest.approx(2 * LOG_2, rel=1e-6)
    assert logs["generator_loss"] == pytest.approx(LOG_2, rel=1e-6)
    assert float(losses.generator_loss(np.zeros((1, 1), np.float32))[0]) == pytest.approx(LOG_2, rel=1e-6)
