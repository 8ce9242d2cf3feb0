"""The reused networks: shapes, numbers of weights by hand, bundled weights put back, clear errors."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gentutor import networks

WIDTHS = st.lists(st.integers(1, 9), max_size=3).map(tuple)


def by_hand(widths):
    """Weights and biases of a chain of dense layers."""
    return sum(a * b + b for a, b in itertools.pairwise(widths))


@settings(max_examples=15)
@given(st.integers(1, 9), st.integers(1, 9), WIDTHS)
def test_shapes_and_numbers_of_weights(latent_dim, features, hidden):
    generator, decoder = (make(latent_dim, features, hidden) for make in (networks.mlp_generator, networks.mlp_decoder))
    discriminator, encoder = (
        networks.mlp_discriminator(features, hidden),
        networks.mlp_encoder(latent_dim, features, hidden),
    )
    for network in (generator, decoder):
        assert (network.input_shape, network.output_shape) == ((None, latent_dim), (None, features))
        assert networks.count_weights(network) == by_hand((latent_dim, *hidden, features))
    assert (discriminator.input_shape, discriminator.output_shape) == ((None, features), (None, 1))
    assert networks.count_weights(discriminator) == by_hand((features, *hidden, 1))
    assert [tuple(shape) for shape in encoder.output_shape] == [(None, latent_dim)] * 2
    last = (features, *hidden)[-1]
    assert networks.count_weights(encoder) == by_hand((features, *hidden)) + 2 * by_hand((last, latent_dim))


def test_the_classic_networks_have_the_published_sizes():
    assert networks.count_weights(networks.mlp_generator()) == 100 * 128 + 128 + 128 * 784 + 784
    assert networks.count_weights(networks.mlp_discriminator()) == 784 * 128 + 128 + 128 + 1
    assert networks.count_weights(networks.mlp_encoder()) == 784 * 256 + 256 + 2 * (256 * 2 + 2)
    assert networks.count_weights(networks.mlp_decoder()) == 2 * 256 + 256 + 256 * 784 + 784


@pytest.mark.parametrize(
    ("make", "hidden", "output"),
    [
        (networks.mlp_generator, lambda h: np.where(h > 0, h, 0.2 * h), np.tanh),
        (networks.mlp_decoder, lambda h: np.maximum(h, 0), lambda h: h),
        (lambda *a: networks.mlp_discriminator(a[0], a[2]), lambda h: np.where(h > 0, h, 0.2 * h), lambda h: h),
    ],
)
def test_they_compute_what_the_docstring_says(make, hidden, output):
    network, x = make(3, 4, (5,)), np.random.default_rng(0).standard_normal((7, 3)).astype("float32")
    w, b, v, c = network.get_weights()
    np.testing.assert_allclose(network(x), output(hidden(x @ w + b) @ v + c), rtol=1e-4, atol=1e-5)


def test_the_encoder_has_two_linear_heads():
    network, x = networks.mlp_encoder(2, 3, (5,)), np.random.default_rng(0).standard_normal((7, 3)).astype("float32")
    w, b, *heads = network.get_weights()
    h = np.maximum(x @ w + b, 0)
    for output, v, c in zip(network(x), heads[::2], heads[1::2], strict=True):
        np.testing.assert_allclose(output, h @ v + c, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "wide", None, True])
def test_sizes_must_be_whole_numbers_from_1(wrong):
    for name, call in {
        "latent_dim": lambda: networks.mlp_generator(wrong, 4),
        "outputs": lambda: networks.mlp_decoder(2, wrong),
        "inputs": lambda: networks.mlp_discriminator(wrong),
        "hidden": lambda: networks.mlp_encoder(2, 4, (wrong,)),
    }.items():
        with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, but it is {wrong!r}"):
            call()


def test_networks_save_and_load(tmp_path):
    network, z = networks.mlp_generator(3, 4, (5,)), np.random.default_rng(0).standard_normal((2, 3)).astype("float32")
    network.save(tmp_path / "generator.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "generator.keras")(z), network(z))


class TestLoadWeights:
    def bundled(self, network, folder):
        """Twelve and more arrays, so that the order of the numbers differs from the order of the words."""
        np.savez(folder / "w.npz", **{str(i): w.astype("float16") for i, w in enumerate(network.get_weights())})
        return np.load(folder / "w.npz")

    def test_they_come_back_in_order(self, tmp_path):
        network, other = (networks.mlp(2, 2, (2,) * 6) for _ in range(2))
        assert len(network.weights) == 14
        assert networks.load_weights(other, self.bundled(network, tmp_path)) is other
        for mine, theirs in zip(other.get_weights(), network.get_weights(), strict=True):
            assert mine.dtype == np.float32
            np.testing.assert_array_equal(mine, theirs.astype("float16"))

    def test_other_shapes_are_refused(self, tmp_path):
        arrays = self.bundled(networks.mlp(2, 3), tmp_path)
        with pytest.raises(ValueError, match=r"arrays has the shapes \[\(2, 3\), \(3,\)\], but the network needs"):
            networks.load_weights(networks.mlp(2, 4), arrays)


def test_fold_puts_each_block_of_pixels_into_one_place_and_unfold_puts_it_back():
    image = np.arange(2 * 6 * 4 * 3, dtype="float32").reshape(2, 6, 4, 3)
    folded = networks.Fold()(image).numpy()
    assert folded.shape == (2, 3, 2, 12)
    np.testing.assert_array_equal(folded[1, 2, 0].reshape(2, 2, 3), image[1, 4:6, 0:2])
    np.testing.assert_array_equal(networks.Unfold()(folded), image)
