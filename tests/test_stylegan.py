"""The layers of StyleGAN do what their formulas say, and its training step moves, repeats and resumes as it should."""

import keras
import numpy as np
import pytest
import scipy
import tensorflow as tf

from gentutor import data, stylegan

SMALL = {"channels": (8, 4), "dim": 16}


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def small_model(**options):
    keras.utils.set_random_seed(0)
    model = stylegan.StyleGAN(**{**SMALL, **options})
    model.compile()
    return model


def pictures(n=16, seed=0):
    return np.tanh(np.random.default_rng(seed).standard_normal((n, 32, 32, 3))).astype("float32")


@pytest.mark.parametrize("demodulate", [True, False])
def test_scaling_inputs_and_outputs_is_modulating_the_weights(demodulate):
    """Each example convolved with a kernel of its own, as the paper writes it."""
    layer, x, w = stylegan.ModulatedConv(5, demodulate=demodulate), normal(3, 6, 6, 4), normal(3, 7, seed=1)
    mine, style = layer([x, w]), layer.style(w).numpy()
    for i in range(3):
        kernel = layer.kernel.numpy() * layer.scale * style[i][None, None, :, None]
        if demodulate:
            kernel /= np.sqrt(np.sum(kernel**2, axis=(0, 1, 2), keepdims=True) + 1e-8)
        np.testing.assert_allclose(tf.nn.conv2d(x[i : i + 1], kernel, 1, "SAME")[0], mine[i], atol=2e-5)


def test_demodulated_outputs_keep_their_size_whatever_the_style():
    """For independent normal inputs each output has variance 1 (away from the border, where zeros are padded)."""
    layer, x = stylegan.ModulatedConv(64), normal(8, 10, 10, 32)
    out = layer([x, 30.0 * normal(8, 16, seed=2)]).numpy()[:, 1:-1, 1:-1]
    assert 0.85 < out.std() < 1.15


def test_upsampling_is_bilinear():
    x = normal(2, 4, 4, 3)
    np.testing.assert_allclose(stylegan.Upsample()(x), tf.image.resize(x, (8, 8), "bilinear"), atol=1e-5)


def test_minibatch_deviation_sees_sameness():
    same = tf.repeat(normal(1, 4, 4, 3), 8, axis=0)
    assert np.abs(stylegan.MinibatchDeviation()(same)[..., -1]).max() < 1e-3
    spread = stylegan.MinibatchDeviation()(normal(400, 4, 4, 3))
    assert spread.shape == (400, 4, 4, 4)
    # the mean standard deviation of 4 normal numbers, divided by n: sqrt(2 / pi) = 0.798
    assert float(tf.reduce_mean(spread[..., -1])) == pytest.approx(np.sqrt(2 / np.pi), abs=0.02)


def test_a_batch_that_makes_no_groups_is_named():
    with pytest.raises(ValueError, match="multiple of 4, but it is 6"):
        stylegan.MinibatchDeviation()(normal(6, 4, 4, 3))


def test_the_penalty_may_look_at_a_quarter_that_makes_no_groups():
    """A quarter of 24 pictures is 6, of which a discriminator that compares fours can take 4."""
    logs = small_model().train_on_batch(pictures(24), return_dict=True)
    assert np.isfinite(list(logs.values())).all()


def test_mixing_takes_the_second_w_from_the_cut_on():
    w, other = tf.zeros((2, 3)), tf.ones((2, 3))
    mixed = stylegan.mix(w, other, tf.constant([2, 5]), 5).numpy()
    assert mixed[0, :, 0].tolist() == [0, 0, 1, 1, 1]
    assert mixed[1].max() == 0


def test_mapping_starts_from_the_direction_of_z_alone():
    z = normal(5, 64)
    network = stylegan.mapping_network()
    np.testing.assert_allclose(network(z), network(7.0 * z), atol=1e-5)
    control = stylegan.mapping_network(depth=0)(z).numpy()
    np.testing.assert_allclose(np.mean(control**2, axis=1), 1.0, atol=1e-4)


def test_all_layers_of_the_mapping_network_but_the_last_have_its_width():
    network = stylegan.mapping_network(16, depth=3, width=24)
    assert [weight.shape for weight in network.weights[::2]] == [(16, 24), (24, 24), (24, 16)]


def test_a_walk_ends_where_scipy_solves_the_same_equation():
    network, z = stylegan.walking_network(6, depth=2, width=16, steps=60), normal(4, 6)
    rng = np.random.default_rng(0)
    network.set_weights([0.2 * rng.standard_normal(weight.shape) for weight in network.get_weights()])
    flow, axes = network.get_layer("flow"), network.get_layer("axes")

    def slope(t, x):
        x = x.reshape(4, 6).astype("float32")
        return np.asarray(flow([x, np.full((4, 1), t, "float32")])).ravel()

    start = z.numpy() / np.sqrt(np.mean(z.numpy() ** 2, axis=1, keepdims=True))
    end = scipy.integrate.solve_ivp(slope, (0, 1), start.ravel(), rtol=1e-6, atol=1e-6).y[:, -1].reshape(4, 6)
    assert np.abs(end - start).max() > 1.0  # it has gone somewhere
    np.testing.assert_allclose(network(z), end @ axes.kernel.numpy() + axes.bias.numpy(), atol=1e-3)
    with pytest.raises(ValueError, match="steps"):
        stylegan.walking_network(6, steps=0)


def test_layers_sizes_and_shapes_fit():
    assert stylegan.layer_sizes((48, 32, 16)) == [8, 8, 16, 16, 32, 32]
    assert stylegan.noise_size((8, 4)) == 2 * 64 + 2 * 256
    model = small_model()
    assert model.draw(np.zeros((3, 16))).shape == (3, 32, 32, 3)
    assert model.sample(5, seed=1).dtype == np.uint8
    assert model.discriminator(pictures(4)).shape == (4, 1)


def test_a_step_moves_every_weight_and_the_average_follows():
    model = small_model()
    before = [weight.numpy() for weight in model.generator_weights + model.discriminator.trainable_variables]
    average = [weight.numpy() for weight in model.ema_synthesis.trainable_variables]
    for step in range(2):  # in the first, the biases of the last layers may get no gradient yet
        model.train_on_batch(pictures(seed=step))
    after = [weight.numpy() for weight in model.generator_weights + model.discriminator.trainable_variables]
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))
    moved = [weight.numpy() for weight in model.ema_synthesis.trainable_variables]
    assert all(np.any(a != b) for a, b in zip(average, moved, strict=True))


def test_training_repeats_and_the_share_of_mixed_pictures_is_kept():
    runs = []
    for _ in range(2):
        model = small_model()
        for step in range(3):
            model.train_on_batch(pictures(seed=step))
        runs.append(model.sample(4, seed=0))
    np.testing.assert_array_equal(*runs)
    cuts = np.concatenate([small_model(mixing=0.25)._cuts(1000, step).numpy() for step in (0, 1)])
    assert np.mean(cuts < 4) == pytest.approx(0.25, abs=0.03)
    assert set(np.unique(cuts)) == {1, 2, 3, 4}
    assert small_model(mixing=0.0)._cuts(100, 0).numpy().min() == 4


def test_the_learning_rates_fall_to_nothing():
    """Once the rates have fallen to 0 a step leaves all weights as they are."""
    model = small_model()
    model.compile(steps=2)
    rates = []
    for step in range(2):
        rates.append(float(model.generator_optimizer.learning_rate))
        model.train_on_batch(pictures(seed=step))
    assert rates == pytest.approx([stylegan.RATE, stylegan.RATE / 2])
    before = [weight.numpy() for weight in model.generator_weights + model.discriminator.trainable_variables]
    model.train_on_batch(pictures())
    after = model.generator_weights + model.discriminator.trainable_variables
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    with pytest.raises(ValueError, match="steps must be"):
        model.compile(steps=0)


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (9, 9)])
def test_orthogonal_keeps_the_directions_and_levels_the_lengths(shape):
    """Beside the singular value decomposition: the same left and right vectors, all values near 1."""
    rng = np.random.default_rng(3)
    u, _, vt = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    sizes = np.geomspace(1.0, 0.05, min(shape))
    made = stylegan.orthogonal(tf.constant((u * sizes) @ vt, tf.float32)).numpy()
    turned = u.T @ made @ vt.T
    assert np.abs(turned - np.diag(np.diag(turned))).max() < 1e-3
    assert np.diag(turned).min() > 0.6
    assert np.diag(turned).max() < 1.25


def test_muon_steps_like_adam_where_there_is_no_matrix_and_by_the_rate_where_there_is():
    start = {"kernel": normal(3, 3, 4, 8), "bias": normal(8, seed=1), "logit": normal(20, 1, seed=2)}
    gradients = [[normal(*value.shape, seed=10 * k + i) for i, value in enumerate(start.values())] for k in (1, 2)]
    runs, adam = [], keras.optimizers.Adam(0.01, beta_1=0.0, beta_2=stylegan.SQUARES, epsilon=1e-8)
    for optimizer in (stylegan.Muon(0.01), adam):
        variables = [keras.Variable(value) for value in start.values()]
        for slopes in gradients:
            optimizer.apply(slopes, variables)
        runs.append([variable.numpy() for variable in variables])
    for mine, adams in zip(runs[0][1:], runs[1][1:], strict=True):
        np.testing.assert_allclose(mine, adams, atol=1e-5)
    first = keras.Variable(start["kernel"])
    stylegan.Muon(0.01).apply(gradients[0][:1], [first])
    moved = (first.numpy() - start["kernel"].numpy()).reshape(36, 8)
    assert np.sqrt(np.mean(moved**2)) == pytest.approx(0.01, rel=0.25)
    values = np.linalg.svd(moved, compute_uv=False)
    assert values.max() / values.min() < 2.0
    assert np.sum(moved * gradients[0][0].numpy().reshape(36, 8)) < 0  # downhill


def test_a_training_taken_up_without_its_memories_begins_with_steps_of_the_usual_length():
    optimizer, bias = stylegan.Muon(0.01), keras.Variable(normal(8))
    before = bias.numpy()
    optimizer.build([bias])
    optimizer.iterations.assign(1000)
    optimizer.apply([normal(8, seed=1)], [bias])
    np.testing.assert_allclose(np.abs(bias.numpy() - before), 0.01, rtol=1e-3)


def test_truncation_pulls_all_pictures_to_one():
    model = small_model()
    pulled = model.draw(model.mean_w() + 0.0 * model.map(normal(4, 16)))
    assert np.ptp(pulled.astype(int), axis=0).max() == 0
    assert np.abs(model.sample(4, seed=1, psi=1.0).astype(int) - model.sample(4, seed=1).astype(int)).max() == 0


@pytest.mark.parametrize("n", [1, 2, 3, 101])
def test_a_face_is_the_same_alone_and_in_company(n):
    """Pictures are drawn in two halves of a chunk; of one, or an odd number, as well."""
    model, w = small_model(), np.random.default_rng(0).standard_normal((101, 16)).astype("float32")
    styles = np.repeat(w[:n, None], model.layer_count, axis=1)
    expected = model.ema_synthesis([styles, np.zeros((n, stylegan.noise_size(model.channels)), "float32")])
    expected = data.denormalize(np.clip(expected, -1.0, 1.0))
    assert np.abs(model.draw(w[:n]).astype(int) - expected).max() <= 1  # rounding may fall either way


def test_fit_takes_batches_and_counts_both_losses():
    model = small_model()
    batches = data.batches(pictures(), 8).map(lambda x: x / 1.0)
    history = model.fit(batches, epochs=2, steps_per_epoch=2, verbose=0).history
    assert set(history) == {"discriminator_loss", "generator_loss"}
    assert int(model.generator_optimizer.iterations) == 4
    assert np.isfinite(history["generator_loss"]).all()


def test_wrong_data_is_named():
    model = small_model()
    for wrong, words in ((pictures()[..., :1], "generator puts out"), (127.5 * (pictures() + 1), "pixel|255|range")):
        with pytest.raises(ValueError, match=words):
            model.fit(wrong, epochs=1, batch_size=8, verbose=0)


def test_a_grown_model_begins_as_the_same_functions():
    model = small_model()
    model.train_on_batch(pictures())
    grown, x = model.grown(4), normal(8, 64, 64, 3)
    shrunk = tf.nn.avg_pool2d(x, 2, 2, "VALID")
    np.testing.assert_allclose(grown.discriminator(x), model.discriminator(shrunk), atol=1e-5)
    w, noise = normal(3, 4, 16), normal(3, stylegan.noise_size(model.channels))
    more = [tf.concat([w, w[:, :2]], axis=1), tf.concat([noise, normal(3, 2 * 32**2)], axis=1)]
    enlarged = tf.image.resize(model.synthesis([w, noise]), (64, 64), "bilinear")
    np.testing.assert_allclose(grown.synthesis(more), enlarged, atol=1e-5)
    penalties = model._penalty(shrunk), grown._penalty(x)  # the same slope, seen on four times as many pixels
    np.testing.assert_allclose(*penalties, rtol=1e-4)
    grown.compile()
    grown.train_on_batch(np.tanh(x))
    assert grown.sample(2, seed=0).shape == (2, 64, 64, 3)


@pytest.mark.parametrize("sizes", [{}, {"width": 24}, {"width": 24, "depth": 2, "walk": 3}, {"depth": 0}])
def test_stored_generator_draws_the_same(tmp_path, sizes):
    model = small_model(**sizes)
    model.train_on_batch(pictures())
    stylegan.store(model, tmp_path / "small.npz")
    loaded = stylegan.load(tmp_path / "small.npz")
    difference = loaded.sample(5, seed=1).astype(int) - model.sample(5, seed=1)
    assert np.abs(difference).max() <= 2  # half precision
