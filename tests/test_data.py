"""Bundled data, scaling and back, binarisation, batches; and the errors of `validate`, by property."""

import re
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gentutor import data, networks, validate

LEVELS = np.arange(256, dtype=np.uint8)
SCALES = (
    st.floats(-1000, 1000)
    .flatmap(lambda low: st.tuples(st.just(low), st.floats(0.01, 1000)))
    .map(lambda pair: (pair[0], pair[0] + pair[1]))
)
SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)


# ---- MNIST ----


def test_mnist_has_the_published_shapes_counts_and_moments():
    split = data.load_mnist()
    assert [len(part) for part in split] == [55_000, 55_000, 5_000, 5_000, 10_000, 10_000]
    assert all(x.shape[1:] == (28, 28) and x.dtype == np.uint8 for x in split[::2])
    x, y = (np.concatenate([a, b]) for a, b in (split[:3:2], split[1:4:2]))
    assert np.bincount(y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(split.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (round(x.mean(), 4), round(x.std(), 4)) == (33.3184, 78.5675)
    assert split.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_validation_part_is_the_last_5000_of_the_60000():
    split = data.load_mnist()
    with np.load(data.asset("mnist.npz")) as file:
        assert (file["x_train"][-5000:] == split.x_valid).all()
        assert (file["y_train"][-5000:] == split.y_valid).all()


def test_a_damaged_file_says_so(tmp_path, monkeypatch):
    whole = data.asset("mnist.npz").read_bytes()
    damaged = tmp_path / "mnist.npz"
    damaged.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    monkeypatch.setattr(data, "asset", lambda name: damaged)
    with pytest.raises(OSError, match=r"mnist\.npz is damaged.*Install the package again"):
        data.load_mnist()


def test_a_missing_file_says_so():
    with pytest.raises(FileNotFoundError, match=r"no_such\.npz is missing.*Install the package again"):
        data.asset("no_such.npz")


# ---- Scaling and back ----


@given(limits=SCALES)
def test_every_pixel_survives_the_round_trip_in_any_range(limits):
    """Ranges far from 0 and narrow ones lose digits in float32, so the width is kept above a ten-thousandth of it."""
    low, high = limits
    if high - low < 1e-3 * abs(low):
        high = low + 1e-3 * abs(low) + 0.01
    x = data.normalize(LEVELS, low, high)
    assert x.dtype == np.float32
    assert (data.denormalize(x, low, high) == LEVELS).all()


@given(images=hnp.arrays(np.uint8, SHAPES), limits=SCALES)
def test_normalize_is_the_straight_line_through_both_ends(images, limits):
    low, high = limits
    expected = np.interp(images, [0, 255], [low, high])  # NumPy's own line, in float64
    np.testing.assert_allclose(data.normalize(images, low, high), expected, atol=1e-6 * max(abs(low), abs(high), 1))


@given(x=hnp.arrays(np.float32, SHAPES, elements=st.floats(-3, 3, width=32)))
def test_denormalize_gives_the_nearest_pixel_and_clips(x):
    pixels = data.denormalize(x, -1, 1)
    assert pixels.dtype == np.uint8
    assert pixels.shape == x.shape
    inside = np.clip(x, -1, 1).astype(np.float64)
    np.testing.assert_array_less(np.abs(pixels / 127.5 - 1 - inside), 0.5 / 127.5 + 1e-6)


@pytest.mark.parametrize("convert", [np.asarray, tf.constant, keras.ops.convert_to_tensor])
def test_denormalize_takes_arrays_and_tensors(convert):
    assert data.denormalize(convert(np.float32([-1, 0.2, 1]))).tolist() == [0, 153, 255]


def test_infinity_is_clipped_and_nan_is_refused():
    assert data.denormalize(np.array([-np.inf, np.inf])).tolist() == [0, 255]
    with pytest.raises(ValueError, match=r"x holds NaN.*Look for NaN"):
        data.denormalize([0.0, np.nan])


@pytest.mark.parametrize(("low", "high"), [(1, -1), (0, 0), (np.nan, 1), (0, np.inf)])
@pytest.mark.parametrize("scale", [data.normalize, data.denormalize])
def test_a_range_must_be_finite_and_low_below_high(scale, low, high):
    with pytest.raises(ValueError, match=rf"low must be .* below high, but low is {low} and high is {high}"):
        scale(LEVELS, low, high)


@given(dtype=st.sampled_from([np.float32, np.float64, np.int32, np.int8, bool, np.complex64]))
def test_normalize_takes_uint8_only(dtype):
    with pytest.raises(ValueError, match=rf"images must be uint8.*dtype is {np.dtype(dtype)}.*denormalize"):
        data.normalize(np.ones((2, 3), dtype))


def test_no_images_are_refused():
    with pytest.raises(ValueError, match=r"images is empty: its shape is \(0, 28, 28\)"):
        data.normalize(np.zeros((0, 28, 28), np.uint8))


# ---- Binarisation ----


@settings(max_examples=20)
@given(p=st.floats(0, 1), seed=st.integers(0, 10_000))
def test_binarize_draws_ones_with_probability_p(p, seed):
    n = 20_000
    drawn = data.binarize(np.full(n, p), seed)
    assert set(np.unique(drawn)) <= {0.0, 1.0}
    error = 5 * np.sqrt(p * (1 - p) / n)  # five standard errors; at p = 0 and 1 the mean is exact
    assert abs(drawn.mean(dtype=np.float64) - p) <= error + 1e-6


def test_binarize_repeats_itself_and_differs_with_the_seed():
    x = data.normalize(data.load_mnist().x_test[:50], 0, 1)
    first = data.binarize(x, seed=3)
    assert first.dtype == np.float32
    assert first.shape == x.shape
    assert (first == data.binarize(x, seed=3)).all()
    assert (first != data.binarize(x, seed=4)).any()
    assert (first[x == 0] == 0).all()
    assert (first[x == 1] == 1).all()


def test_pixels_are_drawn_independently_of_their_neighbours():
    drawn = data.binarize(np.full((20_000, 2), 0.3), seed=0)
    correlation = np.corrcoef(drawn.T)[0, 1]
    assert abs(correlation) < 5 / np.sqrt(20_000)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (LEVELS, r"x must be floats in \[0, 1\], but its dtype is uint8: use data\.normalize\(images, 0, 1\)"),
        (
            np.array([-0.5, 1.0]),
            r"x must lie in \[0, 1\] because each value is a probability.*\[-0\.5, 1\]",
        ),
        (np.array([0.5, 255.0]), r"x must lie in \[0, 1\].*\[0\.5, 255\]"),
        (np.array([0.5, np.nan]), r"x must be finite and not empty.*NaN"),
        (np.zeros((0, 4)), r"x must be finite and not empty, but its shape is \(0, 4\)"),
    ],
)
def test_binarize_refuses_what_is_no_probability(x, message):
    with pytest.raises(ValueError, match=message):
        data.binarize(x, seed=0)


# ---- Batches ----


def epochs_of(x, count, **arguments):
    """The first ``count`` epochs of batches: a list of arrays (steps, batch_size, ...)."""
    steps = len(x) // arguments["batch_size"]
    drawn = [batch.numpy() for batch in data.batches(x, **arguments).take(count * steps)]
    return [np.stack(drawn[i * steps : (i + 1) * steps]) for i in range(count)]


@settings(max_examples=15)
@given(n=st.integers(1, 40), batch_size=st.integers(1, 12), seed=st.integers(0, 2**31 - 1))
def test_each_epoch_is_a_permutation(n, batch_size, seed):
    batch_size = min(batch_size, n)
    for epoch in epochs_of(np.arange(n, dtype=np.float32), 2, batch_size=batch_size, seed=seed):
        assert epoch.shape == (n // batch_size, batch_size)
        seen = epoch.ravel().tolist()
        assert len(set(seen)) == len(seen) == n // batch_size * batch_size
        assert set(seen) <= set(range(n))


def test_order_is_a_function_of_seed_and_epoch():
    x = np.arange(100, dtype=np.float32)
    first, second = epochs_of(x, 2, batch_size=10, seed=1)
    again = epochs_of(x, 2, batch_size=10, seed=1)
    other = epochs_of(x, 1, batch_size=10, seed=2)[0]
    assert (first == again[0]).all()
    assert (second == again[1]).all()
    assert (first != second).any()
    assert (first != other).any()


@pytest.mark.parametrize("binarize", [False, True])
def test_a_resumed_training_sees_the_same_batches(binarize):
    x = np.random.default_rng(0).random((60, 5), dtype=np.float32)
    whole = epochs_of(x, 4, batch_size=20, seed=5, binarize=binarize)
    resumed = epochs_of(x, 2, batch_size=20, seed=5, binarize=binarize, first_epoch=2)
    assert (np.stack(whole[2:]) == np.stack(resumed)).all()


def test_all_places_in_the_order_are_equally_likely():
    x = np.arange(10, dtype=np.float32)
    firsts = [epoch[0, 0] for epoch in epochs_of(x, 2000, batch_size=10, seed=0)]
    counts = np.bincount(np.int64(firsts), minlength=10)
    chi_square = np.sum((counts - 200) ** 2 / 200)
    assert chi_square < 33.7  # 0.9999 quantile at 9 degrees of freedom


def test_batches_draw_binary_pixels_anew_in_every_epoch():
    x = np.full((50, 40), 0.3, np.float32)
    first, second = epochs_of(x, 2, batch_size=50, seed=0, binarize=True)
    assert set(np.unique(first)) == {0.0, 1.0}
    assert (first != second).any()
    both = np.stack([first, second])
    assert abs(both.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / both.size)


def test_batches_keep_dtype_shape_and_a_size_known_beforehand():
    spec = data.batches(np.zeros((10, 4, 4, 1), np.uint8), batch_size=4).element_spec
    assert spec.shape == (4, 4, 4, 1)
    assert spec.dtype == tf.uint8


def test_a_training_that_is_over_does_not_wait_for_its_batches():
    """TensorFlow's tuning thread heeds the end of a dataset only after 1.3, 2.6, 5.1, 10.2, … seconds."""
    iterator = iter(data.batches(np.zeros((100, 2), np.float32), batch_size=10).map(tf.identity))
    start = time.perf_counter()
    while time.perf_counter() < start + 1.5:
        next(iterator)
        time.sleep(0.01)
    over = time.perf_counter()
    del iterator
    assert time.perf_counter() - over < 0.5


@pytest.mark.parametrize("batch_size", [0, -3, 2.5, True, None])
def test_batch_size_is_a_whole_number_of_at_least_one(batch_size):
    with pytest.raises(ValueError, match=r"batch_size must be a whole number of at least 1, but it is"):
        data.batches(np.zeros((10, 2)), batch_size=batch_size)


def test_fewer_examples_than_a_batch_are_refused():
    with pytest.raises(ValueError, match=r"x holds 5 examples, fewer than one batch of 6: lower batch_size"):
        data.batches(np.zeros((5, 2)), batch_size=6)


# ---- validate ----


@given(value=st.one_of(st.integers(max_value=0), st.floats(), st.booleans(), st.text(), st.none()))
def test_positive_int_refuses_everything_else_and_names_it(value):
    with pytest.raises(ValueError, match=r"latent_dim must be a whole number of at least 1.*Ask for 1 or more"):
        validate.positive_int("latent_dim", value)


@given(value=st.integers(1, 2**40))
def test_positive_int_takes_every_kind_of_integer(value):
    assert validate.positive_int("n", value) == value
    assert validate.positive_int("n", np.int64(value)) == value


@given(value=st.one_of(st.floats(max_value=-1e-9), st.just(np.nan), st.just(np.inf), st.text("abc"), st.none()))
def test_number_refuses_what_is_outside_and_says_so(value):
    with pytest.raises(ValueError, match=re.escape(f"beta must be a finite number from 0 to inf, but it is {value!r}")):
        validate.number("beta", value)


@given(value=st.floats(0, 1e300))
def test_number_returns_a_float(value):
    assert validate.number("beta", value) == value
    assert validate.number("beta", np.float64(value)) == value


@given(shape=hnp.array_shapes(min_dims=1, max_dims=4, max_side=30))
def test_digits_takes_the_three_shapes_and_no_other(shape):
    images = np.zeros(shape, np.uint8)
    if shape[1:] in ((28, 28), (28, 28, 1), (784,)):
        assert validate.digits("images", images).shape == (shape[0], 28, 28)
    else:
        with pytest.raises(ValueError, match=r"images must have the shape .*but it is .*images\[None\]"):
            validate.digits("images", images)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 28, 28, 1), (3, 784)])
def test_digits_keeps_the_pixels(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert (validate.digits("images", images).ravel() == images.ravel()).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0, 2.0], r"x must be an array, but it is a list.*np\.asarray"),
        (np.zeros((2, 3), np.uint8), r"x must be floating point, but its dtype is uint8.*data\.normalize"),
        (tf.zeros((2, 3), tf.int32), r"x must be floating point, but its dtype is int32"),
        (np.zeros(3), r"x must have the shape \(n, \.\.\.\) with n of at least 1, but it is \(3,\)"),
        (np.zeros((0, 3)), r"x must have the shape .* but it is \(0, 3\)"),
        (np.array([[0.0, np.nan]]), r"x holds NaN or infinity\. Look for"),
        (np.array([[0.0, np.inf]]), r"x holds NaN or infinity"),
    ],
)
def test_float_batch_says_what_is_wrong(x, message):
    with pytest.raises(ValueError, match=message):
        validate.float_batch("x", x)


@pytest.mark.parametrize("x", [np.zeros((2, 3)), np.zeros((1, 2, 2, 1), np.float16), tf.zeros((4, 2))])
def test_float_batch_takes_arrays_and_tensors(x):
    assert validate.float_batch("x", x) is None


@given(x=hnp.arrays(np.float32, (3, 4), elements=st.floats(-5, 5, width=32)))
def test_data_range_is_refused_exactly_when_outside(x):
    if x.min() < -1 - 1e-6 or x.max() > 1 + 1e-6:
        with pytest.raises(ValueError, match=r"x must lie in \[-1, 1\] because it ends in tanh"):
            validate.data_range("x", x, -1, 1, "it ends in tanh")
    else:
        validate.data_range("x", x, -1, 1, "it ends in tanh")


def test_pixels_that_nobody_scaled_are_recognised():
    with pytest.raises(ValueError, match=r"x spans \[0, 255\], which looks like pixels.*data\.normalize"):
        validate.not_raw_pixels("x", np.float32([[0, 255]]))
    for fine in ([[0.0, 1.0]], [[-1.0, 1.0]], [[-300.0, 200.0]], [[0.0, 2.8]]):
        validate.not_raw_pixels("x", np.array(fine))


def test_data_that_uses_half_of_a_tanh_is_recognised():
    with pytest.raises(ValueError, match=r"x spans \[0, 1\], but the network ends in tanh.*half of it"):
        validate.reaches_below_zero("x", np.array([[0.0, 1.0]]), (-1.0, 1.0))
    validate.reaches_below_zero("x", np.array([[-1.0, 1.0]]), (-1.0, 1.0))
    validate.reaches_below_zero("x", np.array([[0.0, 1.0]]), (0.0, 1.0))


@given(shape=SHAPES, expected=SHAPES)
def test_same_shape_agrees_with_equality(shape, expected):
    if shape == expected:
        validate.same_shape("x", shape, expected, "the encoder takes")
    else:
        with pytest.raises(ValueError, match=r"x has the shape \(n, .*but the encoder takes \(n, .*Reshape the data"):
            validate.same_shape("x", shape, expected, "the encoder takes")


def test_same_shape_lets_none_fit_anything_but_counts_axes():
    validate.same_shape("x", (28, 28), (None, 28), "the encoder takes")
    with pytest.raises(ValueError, match="the encoder takes"):
        validate.same_shape("x", (28,), (None, 28), "the encoder takes")


def test_network_wants_a_built_model_with_the_right_ends():
    validate.network("decoder", networks.mlp_decoder())
    validate.network("encoder", networks.mlp_encoder(), outputs=2)
    with pytest.raises(ValueError, match=r"decoder must be a built keras\.Model.*but it is a str"):
        validate.network("decoder", "decoder")
    with pytest.raises(ValueError, match=r"decoder must be a built keras\.Model.*Begin a Sequential with keras\.Input"):
        validate.network("decoder", keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match=r"encoder must have one input and 2 output\(s\), but it has 1 and 1"):
        validate.network("encoder", networks.mlp_decoder(), outputs=2)
