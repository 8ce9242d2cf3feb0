"""The few networks that more than one notebook uses, as functions that return a ``keras.Model``."""

import math

import keras
import tensorflow as tf
from keras import layers

from gentutor import validate


def mlp(inputs, outputs, hidden=(), activation="relu", output_activation=None, name="mlp"):
    """Dense network from (batch, inputs) through the ``hidden`` widths to (batch, outputs)."""
    x = start = keras.Input((validate.positive_int("inputs", inputs),))
    for width in hidden:
        x = layers.Dense(validate.positive_int("hidden", width), activation=activation)(x)
    x = layers.Dense(validate.positive_int("outputs", outputs), activation=output_activation, name="output")(x)
    return keras.Model(start, x, name=name)


def mlp_generator(latent_dim=100, outputs=784, hidden=(128,)):
    """Classic small generator: (batch, latent_dim) -> LeakyReLU(0.2) layers -> tanh (batch, outputs). Notebook 02."""
    latent_dim = validate.positive_int("latent_dim", latent_dim)
    return mlp(latent_dim, outputs, hidden, layers.LeakyReLU(0.2), "tanh", name="generator")


def mlp_discriminator(inputs=784, hidden=(128,)):
    """Classic small discriminator: (batch, inputs) -> LeakyReLU(0.2) layers -> one logit (batch, 1). Notebook 02."""
    return mlp(inputs, 1, hidden, layers.LeakyReLU(0.2), name="discriminator")


def mlp_encoder(latent_dim=2, inputs=784, hidden=(256,)):
    """Encoder of a VAE: (batch, inputs) -> ReLU layers -> mean and log_var, each (batch, latent_dim). Notebook 03."""
    latent_dim = validate.positive_int("latent_dim", latent_dim)
    x = start = keras.Input((validate.positive_int("inputs", inputs),))
    for width in hidden:
        x = layers.Dense(validate.positive_int("hidden", width), activation="relu")(x)
    heads = [layers.Dense(latent_dim, name="mean")(x), layers.Dense(latent_dim, name="log_var")(x)]
    return keras.Model(start, heads, name="encoder")


def mlp_decoder(latent_dim=2, outputs=784, hidden=(256,), output_activation=None):
    """Decoder of a VAE: (batch, latent_dim) -> ReLU layers -> logits or means (batch, outputs). Notebook 03."""
    latent_dim = validate.positive_int("latent_dim", latent_dim)
    return mlp(latent_dim, outputs, hidden, "relu", output_activation, name="decoder")


def load_weights(network, arrays):
    """Put the arrays of a bundled .npz (keys "0", "1", … in the order of ``network.weights``) into the network."""
    weights = [arrays[key] for key in sorted(arrays, key=int)]
    expected = [tuple(weight.shape) for weight in network.weights]
    if [weight.shape for weight in weights] != expected:
        raise ValueError(
            f"arrays has the shapes {[w.shape for w in weights]}, but the network needs {expected}. "
            "Build the network with the arguments that its weights were made with."
        )
    network.set_weights([weight.astype("float32") for weight in weights])
    return network


def count_weights(network):
    """Number of trainable numbers in a network."""
    return sum(math.prod(weight.shape) for weight in network.trainable_weights)


# ---- 06 better GANs ----


class Fold(layers.Layer):
    """(batch, 2h, 2w, k) -> (batch, h, w, 4k): each block of 2 × 2 pixels becomes one place. Built in notebook 05."""

    def call(self, x):
        return tf.nn.space_to_depth(x, 2)


class Unfold(layers.Layer):
    """The reverse of ``Fold``: (batch, h, w, 4k) -> (batch, 2h, 2w, k)."""

    def call(self, x):
        return tf.nn.depth_to_space(x, 2)
