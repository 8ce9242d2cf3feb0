"""The measures of notebook 07 give the right answer where it is known."""

import pathlib
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from gentutor import faces, stylegan

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))


@pytest.fixture(scope="module")
def measures():
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("os.sched_setaffinity", raising=False)
        import stylegan_measures

        return stylegan_measures


@pytest.fixture(scope="module")
def notebook(measures):
    return measures.notebook


class Linear:
    """A generator whose picture is a fixed linear map of w, and whose w is z: everything about it is known."""

    dim, layer_count, channels = 4, 2, (1,)

    def __init__(self, size=32):
        self.matrix = np.random.default_rng(0).standard_normal((4, size * size * 3)).astype(np.float32) * 0.05
        self.size = size

    def map(self, z):
        return np.asarray(z, np.float32)

    def ema_synthesis(self, inputs):
        return tf.reshape(tf.matmul(inputs[0][:, 0], self.matrix), (-1, self.size, self.size, 3))


def test_path_length_of_a_linear_map_is_the_squared_distance_of_its_ends(notebook, monkeypatch):
    monkeypatch.setitem(
        notebook.path_lengths.__globals__, "look", lambda x, weights: [tf.reshape(x, (-1, 3 * x.shape[1] ** 2))]
    )
    model, rng = Linear(), np.random.default_rng(0)
    found = notebook.path_lengths(model, "W", n=50, epsilon=1e-2, seed=0)
    a, b = rng.standard_normal((2, 50, 4))
    np.testing.assert_allclose(found, np.sum(((b - a) @ model.matrix) ** 2, axis=1), rtol=1e-3)
    mean, low, high = notebook.interval(found)
    assert low < mean < high
    assert mean == pytest.approx(found.mean())


def test_features_of_floats_are_those_of_bytes(notebook):
    """Before rounding: the reading network's own features of the same pictures, but for half a grey level."""
    images = faces.render(faces.sample(20, seed=3), 64)
    x = tf.constant(images, tf.float32) / 127.5 - 1.0
    floats = tf.function(lambda x: notebook.look(x, notebook.reader)[0])(x)
    np.testing.assert_allclose(floats, faces.features(images), atol=0.1)


def test_spherical_interpolation_keeps_the_length_and_the_pace(notebook):
    a, b = np.random.default_rng(1).standard_normal((2, 20, 8))
    t = np.full((20, 1), 0.3)
    middle, start = notebook.slerp(a, b, t), notebook.slerp(a, b, 0 * t)
    np.testing.assert_allclose(np.linalg.norm(middle, axis=1), 1.0)
    angle = np.arccos(np.sum(notebook.slerp(a, b, 0 * t + 1) * start, axis=1))
    np.testing.assert_allclose(np.arccos(np.sum(middle * start, axis=1)), 0.3 * angle, rtol=1e-6)


def test_conditional_entropy_of_known_tables(notebook):
    y = np.array([True, True, False, False])
    assert notebook.entropy_left(y, y) == pytest.approx(0.0, abs=1e-9)
    assert notebook.entropy_left(y, np.array([True, False, True, False])) == pytest.approx(1.0)
    x = np.array([True] * 4 + [False] * 4)
    y = np.array([True, True, True, False] + [False] * 4)
    assert notebook.entropy_left(y, x) == pytest.approx(0.5 * 0.8112781, abs=1e-6)


def test_separability_finds_what_is_linear_and_what_is_not(measures, notebook):
    factors = faces.sample(4000, seed=0)
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((4000, 5))
    latents[:, 0] = factors.mouth
    latents[:, 1] = np.where(factors.glasses == 1, 1, -1) * rng.choice([-1, 1], 4000)  # half of it is hidden: no use
    left = {name: notebook.left_open(latents, *question) for name, question in notebook.questions(factors).items()}
    assert left["mouth > 0?"][0] < 0.02
    assert left["light > 0?"][0] > 0.97
    assert left["glasses?"] == (pytest.approx(0.8813, abs=0.06),) * 2  # entropy of a share of 0.3
    assert measures.separability(latents, factors) == pytest.approx(2 ** sum(bits for bits, _ in left.values()))


def test_separability_does_not_depend_on_the_latents_scales(notebook):
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((2000, 3))
    answers, ones = latents[:, 0] + 0.3 * rng.standard_normal(2000) > 0, np.ones(2000)
    small = notebook.left_open(latents * [1e-3, 1.0, 10.0], answers, ones)
    assert small[0] == pytest.approx(notebook.left_open(latents, answers, ones)[0], abs=0.01)


def test_carried_is_nothing_for_a_and_all_for_b(notebook):
    a, b = (np.tile(faces.sample(250, seed), 2).view(np.recarray) for seed in (1, 2))
    for factor in faces.CONTINUOUS:
        b[factor][250:] *= -1  # each value of a meets one of b and its opposite: not correlated at all
    np.testing.assert_allclose(notebook.carried(a, b, a), 0.0, atol=1e-6)
    np.testing.assert_allclose(notebook.carried(a, b, b), 1.0, atol=1e-6)
    half, flat, mouth = a.copy(), a.copy(), len(faces.NAMES) + 1
    half.mouth, flat.mouth = 0.5 * (a.mouth + b.mouth), 0.0
    assert notebook.carried(a, b, half)[mouth] == pytest.approx(0.5, abs=1e-5)
    assert notebook.carried(a, b, flat)[mouth] == 0.0  # a mouth that is only lost is not B's


def test_drawn_faces_are_their_own_kind(measures):
    images = faces.render(faces.sample(2000, seed=30), 32)
    assert measures.share_drawable(images) > 0.8
    assert measures.species_off(images) < 0.03
    noise = np.random.default_rng(0).integers(0, 256, images[:200].shape, dtype=np.uint8)
    assert measures.share_drawable(noise) < 0.05


def test_the_bundled_checkpoint_draws_as_well_as_said(measures):
    images = stylegan.load().sample(5000, seed=3)
    assert measures.excess_share(images) < 0.05  # 0.034
    assert measures.species_off(images) < 0.03  # 0.011; by chance about 0.008
    assert measures.share_drawable(images[:2000]) > 0.80  # 0.832 of 10,000; standard error 0.0083


def test_an_edit_goes_along_the_normal_to_the_depth_asked_for(notebook):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((4000, 4)).astype(np.float32)
    answers = w[:, 0] + 0.5 * w[:, 1] + 0.3 * rng.standard_normal(4000) > 1.0
    normal, offset, depth = notebook.plane(w, answers)
    assert np.mean((w @ normal + offset)[answers] < depth) == pytest.approx(0.9, abs=0.002)
    np.testing.assert_allclose(normal[:2], [0.894, 0.447], atol=0.05)
    assert offset == pytest.approx(-1.0 / np.hypot(1, 0.5), abs=0.05)
    moved, deep = notebook.edited(w, normal, offset, depth=0.7), w @ normal + offset > 0.7
    np.testing.assert_array_equal(moved[deep], w[deep])
    np.testing.assert_allclose((moved @ normal + offset)[~deep], 0.7, atol=1e-4)
    np.testing.assert_allclose(moved[:, 2:] - w[:, 2:], (moved - w)[:, :1] * normal[2:] / normal[0], atol=1e-4)


def test_the_spread_of_w_is_a_root_of_its_covariance(notebook):
    w = np.random.default_rng(0).standard_normal((500, 6)) * [1, 2, 3, 4, 5, 0]
    spread = notebook.spread_of(w)
    np.testing.assert_allclose(spread.T @ spread, np.cov(w.T), atol=1e-4)


def test_wishes_are_what_is_read_but_for_the_edit(notebook):
    factors = faces.sample(50, seed=5)
    x = tf.constant(faces.render(factors, 64), tf.float32) / 127.5 - 1.0
    shares, estimates = notebook.wishes(x, {"glasses": 1, "mouth": 0.7})
    for name, share in zip(faces.NAMES, shares, strict=True):
        if name == "glasses":
            np.testing.assert_array_equal(share, np.tile([0, 2], (50, 1)))
        else:
            np.testing.assert_allclose(np.sum(share, axis=1), 1.0, rtol=1e-5)
            assert np.mean(np.argmax(share, axis=1) == factors[name]) > 0.9, name
    for k, name in enumerate(faces.CONTINUOUS):
        expected = 0.7 if name == "mouth" else factors[name]
        np.testing.assert_allclose(estimates[:, k], expected, atol=1e-6 if name == "mouth" else 0.5, err_msg=name)


def test_what_is_wanted_costs_nothing_and_each_departure_its_weight(notebook):
    factors = faces.sample(20, seed=5)
    factors.glasses[:] = 1
    x = tf.constant(faces.render(factors, 64), tf.float32) / 127.5 - 1.0
    still, (shares, estimates) = tf.zeros((20, 64)), notebook.wishes(x, {"glasses": 1})
    least = notebook.cost(still, x, x, shares, estimates).numpy()
    assert least.min() > 0.3  # the root's 0.01 times 30, and what the network is unsure of
    assert np.median(least) < 0.35
    np.testing.assert_allclose(notebook.cost(still + 1.0, x, x, shares, estimates) - least, 0.2 * 64, rtol=1e-4)
    other = estimates + np.float32([0.5, 0, 0, 0, 0])
    np.testing.assert_allclose(notebook.cost(still, x, x, shares, other) - least, 10 * 0.25, rtol=1e-3)
    old = x + np.float32([0.3, 0.0, 0.4])  # every colour 0.5 away
    np.testing.assert_allclose(notebook.cost(still, x, old, shares, estimates) - least, 30 * 0.49, rtol=0.01)
    assert np.all(notebook.cost(still, x, x, *notebook.wishes(x, {"glasses": 0})).numpy() > 2.0)


def test_a_repair_gives_back_what_the_walk_changed_and_keeps_the_edit(notebook):
    """On the bundled checkpoint, judged by the network that the search does not ask.

    Its walks change little else, so each is led astray: a third of the way to another face.
    """
    model = stylegan.load()
    w = model.map(np.random.default_rng(0).standard_normal((1000, 64)).astype(np.float32))
    read = faces.read(model.draw(w))
    rows = np.flatnonzero(read.glasses == 0)[:20]
    before = np.repeat(w[rows, None], model.layer_count, axis=1)
    walked = notebook.edited(before, *notebook.plane(w, read.glasses == 1))
    walked += (w[rows + 1] - w[rows])[:, None] / 3.0
    repaired = notebook.repaired(model, notebook.spread_of(w), before, walked, {"glasses": 1}, steps=30)
    pictures = [model.draw(styles) for styles in (before, walked, repaired)]
    assert faces.read(pictures[2]).glasses.mean() >= 0.8
    shares = [notebook.changes(read[rows], faces.read(picture)) for picture in pictures[1:]]
    others = [sum(row.values()) - row["glasses"] for row in shares]
    assert others[1] < 0.5 * others[0], others


def test_new_faces_without_glasses_are_bare_and_others_for_each_seed(notebook):
    model = stylegan.load()
    bare, more, other = (notebook.without_glasses(model, n, seed) for n, seed in ((20, 0), (30, 0), (20, 1)))
    assert bare.shape == (20, 64)
    np.testing.assert_allclose(more[:20], bare, atol=1e-5)
    assert not np.any(faces.read(model.draw(bare)).glasses)
    assert np.abs(other - bare).max(axis=1).min() > 0.1


def test_the_bundled_encoder_and_a_search_find_given_faces(notebook):
    model, (factors, given) = stylegan.load(), notebook.given_faces(20, seed=3)
    assert given.shape == (20, 64, 64, 3)
    assert not np.any(factors.glasses)
    guessed = np.repeat(notebook.codes(notebook.bundled_encoder(model.channels), given)[:, None], 6, axis=1)
    found = notebook.searched(model, guessed, given, steps=20)

    def off(w):
        return np.sqrt(np.mean((model.draw(w).astype(float) - given) ** 2))

    assert off(found) < off(guessed) < 13.0  # grey levels; 10 of 400 faces
    np.testing.assert_array_equal(faces.read(model.draw(found)).species, factors.species)
    astray = guessed + 0.5 * np.random.default_rng(0).standard_normal(guessed.shape).astype("float32")
    assert off(notebook.searched(model, astray, given, steps=60)) < 0.75 * off(astray)


def test_glasses_drawn_on_change_the_glasses_and_what_is_misread_is_part_of_it(notebook):
    rows = notebook.drawn_edit(300, seed=4)
    drawn, misread = rows["drawn with glasses"], rows["misread wearers"]
    assert drawn["glasses"] > 0.98
    assert misread["glasses"] < 0.02
    assert sum(drawn.values()) - drawn["glasses"] < 0.03
    factors, pictures = notebook.given_faces(300, seed=4)
    misread_bare = notebook.changes(factors, faces.read(pictures))
    for name in faces.NAMES.keys() - {"glasses"}:  # an answer that changes is wrong before or after
        assert drawn[name] <= misread[name] + misread_bare[name]


def test_rows_in_parts_are_the_rows_of_all(notebook):
    a, b = np.arange(14.0).reshape(7, 2), np.arange(7.0)
    np.testing.assert_array_equal(notebook.in_parts(lambda x, y: x + y[:, None], a, b, size=3), a + b[:, None])


def test_augmentation_does_nothing_at_p_0_and_moves_pictures_whole(measures):
    import few_faces

    x = tf.constant(np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)), tf.float32)
    layer = few_faces.Augment()
    np.testing.assert_array_equal(layer(x), x)
    layer.p.assign(0.9)
    assert np.abs(layer(x).numpy() - x).max() > 0.1
    moved = few_faces.shifted(x, tf.constant([[0, 0], [2, 0], [0, -3], [1, 1]])).numpy()
    np.testing.assert_array_equal(moved[0], x[0])
    np.testing.assert_array_equal(moved[1, 2:], x[1, :-2])
    np.testing.assert_array_equal(moved[2, :, :-3], x[2, :, 3:])
    np.testing.assert_array_equal(moved[3, 1:, 1:], x[3, :-1, :-1])


def test_a_sure_discriminator_raises_p(measures):
    import few_faces

    model = few_faces.Adaptive(channels=(8,), dim=16)
    model.compile()
    model.discriminator.layers[-1].get_layer("logit").bias.assign([50.0])
    model.train_on_batch(np.tanh(np.random.default_rng(0).standard_normal((8, 16, 16, 3))).astype("float32"))
    assert float(model.augment.p) == pytest.approx(few_faces.PACE)


def test_the_encoder_begins_with_the_discriminators_convolutions(notebook):
    """Its last layers are given a kernel that picks one channel at one place: what the discriminator sees there."""
    discriminator = stylegan.discriminator()
    before = next(layer for layer in discriminator.layers if isinstance(layer, stylegan.MinibatchDeviation)).input
    images = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    seen = keras.Model(discriminator.input, before)(images).numpy()
    encode = notebook.encoder_from(discriminator, units=4)
    hidden, last = (layer for layer in encode.layers if isinstance(layer, keras.layers.Dense))
    pick = np.zeros(hidden.kernel.shape, "float32")
    pick[np.ravel_multi_index((2, 3, 5), seen.shape[1:]), 0] = 1.0
    hidden.kernel.assign(pick)
    last.kernel.assign(np.eye(4, 64, dtype="float32"))
    expected = np.where(seen[:, 2, 3, 5] > 0, 1.0, 0.2) * seen[:, 2, 3, 5]
    np.testing.assert_allclose(encode(images)[:, 0], expected, rtol=1e-4, atol=1e-6)
    assert len(encode.trainable_variables) == len(discriminator.trainable_variables)


def test_the_finish_copies_the_model_and_learns_to_draw_faces_again(notebook, monkeypatch):
    monkeypatch.setitem(notebook.reconstruct.__globals__, "FINISH_STEPS", 60)
    images, model = faces.render(faces.sample(64, seed=0), 32), stylegan.StyleGAN()
    before = [weight.copy() for weight in model.ema_synthesis.get_weights() + model.discriminator.get_weights()]
    finished, encode = notebook.to_finish(model)
    w = np.random.default_rng(0).standard_normal((3, 64)).astype("float32")
    np.testing.assert_array_equal(model.draw(w), finished.draw(w))

    def off():
        again = finished.draw(notebook.codes(encode, images)).astype("float32")
        return np.sqrt(np.mean((again - images) ** 2))

    first, grey = off(), notebook.reconstruct(finished, encode, images)
    assert len(grey) == 60
    assert off() < 0.6 * first
    for old, weight in zip(before, model.ema_synthesis.get_weights() + model.discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, weight)  # what the game left is kept


def test_points_lie_on_the_straight_way_from_a_z_to_the_end(notebook):
    end = tf.random.stateless_normal((500, 6), (3, 1))
    (x, t), way = notebook.points(tf.constant(4, tf.int64), end)
    z = ((x - t * end) / (1.0 - t)).numpy()[t.numpy()[:, 0] < 0.9]
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), np.sqrt(6), rtol=1e-3)
    np.testing.assert_allclose(x + (1.0 - t) * way, end, atol=1e-5)
    assert 0.0 <= t.numpy().min() < 0.05
    assert 0.95 < t.numpy().max() <= 1.0
    assert np.abs((notebook.points(tf.constant(5, tf.int64), end)[0][0] - x).numpy()).max() > 0.1  # new at each step


def test_a_walk_along_slopes_of_a_known_solution(notebook):
    """dx/dt = a x + t has the solution e^(a t) (x + 1/a²) − t/a − 1/a²."""
    a, start = 0.8, 0.2 * np.random.default_rng(0).standard_normal((1003, 3)).astype("float32")
    end = notebook.walk(lambda inputs: a * inputs[0] + inputs[1], start, steps=80)
    np.testing.assert_allclose(end, np.exp(a) * (start + 1 / a**2) - 1 / a - 1 / a**2, atol=5e-4)


def test_a_walk_that_runs_off_ends_at_the_limit(notebook):
    z = tf.constant([[1.0, -1.0, 0.0, 0.5]])
    end = notebook.walk(lambda inputs: 300.0 * inputs[0], z)  # without a limit it comes to 1e33
    np.testing.assert_allclose(end, [[4.0, -4.0, 0.0, 4.0]])
    walker = stylegan.walking_network(4)
    last = walker.get_layer("flow").layers[-1]
    last.set_weights([last.kernel, np.full(4, 1e6)])
    walker.get_layer("axes").set_weights([np.eye(4), np.zeros(4)])
    np.testing.assert_allclose(walker(z), [[4.0, 4.0, 4.0, 4.0]])


def test_a_flow_draws_two_heaps_as_often_and_as_wide_as_they_are(notebook):
    rng, dim = np.random.default_rng(0), 8
    x = (0.3 * rng.standard_normal((20_000, dim))).astype("float32")
    x[:, 0] += np.where(rng.uniform(size=len(x)) < 0.7, 1.5, -1.5)
    z = notebook.normalize_z(tf.random.stateless_normal((4000, dim), (0, 1)))
    drawn = notebook.walk(notebook.train_flow(x, width=64), z).numpy()
    right = drawn[:, 0] > 0
    assert right.mean() == pytest.approx(0.7, abs=0.05)  # standard error 0.007, and what so short a training leaves
    assert np.mean(np.abs(drawn[:, 0]) < 0.5) < 0.03  # next to nothing between the heaps
    for heap, centre in ((drawn[right], 1.5), (drawn[~right], -1.5)):
        assert heap[:, 0].mean() == pytest.approx(centre, abs=0.1)
        np.testing.assert_allclose(heap[:, 1:].std(axis=0), 0.3, atol=0.05)


def test_the_packages_walk_is_the_notebooks(notebook):
    w = np.random.default_rng(0).standard_normal((500, 16)).astype("float32")
    ours, z = notebook.walking_mapping(w, width=24, steps=200), tf.random.stateless_normal((50, 16), (0, 1))
    theirs = stylegan.walking_network(16, width=24)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(theirs(z), ours(z), atol=1e-5)


def test_the_mapping_network_that_walks_draws_a_known_gaussian(notebook):
    rng, mean = np.random.default_rng(0), np.linspace(-3.0, 3.0, 16)
    axes = np.linalg.qr(rng.standard_normal((16, 16)))[0]
    matrix = np.linspace(0.5, 2.0, 16)[:, None] * axes  # standard deviations along the axes
    w = (rng.standard_normal((20_000, 16)) @ matrix + mean).astype("float32")
    drawn = notebook.walking_mapping(w)(rng.standard_normal((8000, 16)).astype("float32")).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.1)
    along = (drawn - mean) @ axes.T
    np.testing.assert_allclose(along.std(axis=0), np.linspace(0.5, 2.0, 16), rtol=0.15)  # so short a training leaves
    correlations = np.corrcoef(along.T) - np.eye(16)
    assert np.abs(correlations).max() < 0.1  # standard error 0.011
