"""The VAE of notebook 03 as a Keras model: ``train_step`` is the whole algorithm."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from gentutor import losses, training, validate


@keras.saving.register_keras_serializable("gentutor")
class VAE(keras.Model):
    """An encoder and a decoder trained on the evidence lower bound (Kingma and Welling 2014; notebooks/03_vae.ipynb).

    Args:
        encoder: network from the shape of the data to ``mean`` and ``log_var``, each (batch, latent_dim).
        decoder: network from (batch, latent_dim) to what ``nll`` takes, in the shape of the data.
        nll: (x, decoder's output) -> (batch,) in nats: ``losses.bernoulli_nll``, ``losses.gaussian_nll``, or your own.
        beta: weight of the KL term, at least 0; the bound is the one with 1.
        sigma: standard deviation of the Gaussian, in the units of the data, when ``nll`` is ``losses.gaussian_nll``.
        data_range: (low, high) of the data, to make pixels of samples; (0, 1) for a Bernoulli decoder.
        seed: with the step number it decides the noise, with the epoch the order of the data.
    """

    def __init__(
        self, encoder, decoder, nll=losses.bernoulli_nll, beta=1.0, sigma=1.0, data_range=None, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        _check_networks(encoder, decoder, nll)
        self.encoder, self.decoder = encoder, decoder
        self.nll_function = nll
        self.beta = validate.number("beta", beta)
        self.sigma = validate.number("sigma", sigma, low=1e-6)
        self.data_range = (0.0, 1.0) if self.is_bernoulli else data_range or training.output_range(decoder)
        self.seed = validate.seed(seed)
        self.latent_dim = decoder.input_shape[-1]
        self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "reconstruction", "kl")]
        self.built = True

    @property
    def is_bernoulli(self):
        return self.nll_function is losses.bernoulli_nll

    @property
    def is_gaussian(self):
        return self.nll_function is losses.gaussian_nll

    def compile(self, optimizer=None, **kwargs):
        """Set the optimizer (Adam(1e-3) by default); other arguments go to Keras."""
        training.check_strategy(self, kwargs.get("jit_compile"), kwargs.get("steps_per_execution", 1))
        _check_trainable(self)
        super().compile(optimizer=optimizer or keras.optimizers.Adam(1e-3), **kwargs)
        self.optimizer.build(self.trainable_variables)

    def nll(self, x, output):
        """Negative log-likelihood of ``x`` given the decoder's output, in nats: (batch, ...) -> (batch,)."""
        return self.nll_function(x, output, self.sigma) if self.is_gaussian else self.nll_function(x, output)

    def elbo_terms(self, x, noise, training=False):
        """Reconstruction loss and KL, each (batch,) in nats, for one draw of z; ``noise`` is (batch, latent_dim)."""
        mean, log_var = self.encoder(x, training=training)
        z = mean + ops.exp(0.5 * log_var) * noise
        return self.nll(x, self.decoder(z, training=training)), losses.gaussian_kl(mean, log_var)

    def train_step(self, data):
        """One gradient step on reconstruction + beta · KL, the mean over the batch."""
        x = training.unpack_batch(data)
        noise = training.noise((ops.shape(x)[0], self.latent_dim), self.seed, self.optimizer.iterations)
        with tf.GradientTape() as tape:
            reconstruction, kl = self.elbo_terms(x, noise, training=True)
            loss = training.replica_share(reconstruction + self.beta * kl)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._log(reconstruction, kl)

    def test_step(self, data):
        """The same loss on held-out data, with noise that is the same in every evaluation."""
        x = training.unpack_batch(data)
        noise = training.noise((ops.shape(x)[0], self.latent_dim), self.seed, -1)
        return self._log(*self.elbo_terms(x, noise))

    def call(self, x, training=False):
        """Reconstruct: the decoder's output at the mean of q(z|x), in the shape of the data."""
        mean, _ = self.encoder(x, training=training)
        return self.decoder(mean, training=training)

    def fit(self, *args, **kwargs):
        """Train on an array (n, ...) or a dataset of batches; arguments as in ``training.fit``."""
        _check_trainable(self)
        return training.fit(self, *args, **kwargs)

    def make_train_function(self, force=False):
        """Keras's train function; with XLA and several steps per execution, all of them in one program."""
        if self.train_function is None or force:
            super().make_train_function(force)
            if self.jit_compile and self.steps_per_execution > 1:
                self.train_function = training.fused_train_function(self, self.train_function)

    def sample(self, n, seed, mean=True):
        """Draw ``n`` >= 1 images as uint8 (n, ...): z from the prior, then p(x|z)'s mean, or a draw if not ``mean``."""
        n = validate.positive_int("n", n)
        z = tf.random.stateless_normal((n, self.latent_dim), (validate.seed(seed), 1))
        return self.decode(z, seed, mean)

    def decode(self, z, seed=0, mean=True):
        """Pixels for latent points z (n, latent_dim): p(x|z)'s mean or a draw, uint8 in the decoder's shape."""
        if not mean and not (self.is_bernoulli or self.is_gaussian):
            raise ValueError(
                "mean=False needs losses.bernoulli_nll or losses.gaussian_nll: no rule to draw from yours."
            )
        output = training.in_chunks(self.decoder, ops.convert_to_tensor(z, "float32"))
        rng = np.random.default_rng(seed)
        if self.is_bernoulli:
            output = 0.5 + 0.5 * np.tanh(0.5 * output)  # the sigmoid, without overflow
            output = output if mean else rng.random(output.shape) < output
        elif not mean:
            output = output + self.sigma * rng.standard_normal(output.shape)
        return training.to_pixels(output, self.data_range)

    def check_data(self, name, x):
        """Raise a ValueError unless ``x`` is finite floating-point data in the encoder's shape and right range."""
        validate.float_batch(name, x)
        validate.same_shape(name, x.shape[1:], self.encoder.input_shape[1:], "the encoder takes")
        validate.not_raw_pixels(name, x)
        limits = training.output_range(self.decoder)
        if self.is_bernoulli:
            validate.data_range(name, x, 0.0, 1.0, "a Bernoulli likelihood needs probabilities or 0 and 1")
        elif limits is not None:
            validate.data_range(
                name, x, *limits, f"the decoder's last activation puts out [{limits[0]:g}, {limits[1]:g}]"
            )
            validate.reaches_below_zero(name, x, limits)

    def _log(self, reconstruction, kl):
        values = reconstruction + self.beta * kl, reconstruction, kl
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    @property
    def metrics(self):
        return self.trackers

    def get_config(self):
        pack = keras.saving.serialize_keras_object
        return {
            **{"encoder": pack(self.encoder), "decoder": pack(self.decoder), "nll": _pack_function(self.nll_function)},
            **{key: getattr(self, key) for key in ("beta", "sigma", "data_range", "seed", "name")},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("encoder", "decoder", "nll"):
            config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects=custom_objects)
        return cls(**config)

    def get_compile_config(self):
        if not self.compiled:
            return None
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "jit_compile": self.jit_compile,
            "steps_per_execution": self.steps_per_execution,
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def _pack_function(nll):
    if getattr(nll, "__name__", None) == "<lambda>":
        raise ValueError(
            "nll is a lambda, which cannot be saved. Write a function with a name, decorated with "
            "@keras.saving.register_keras_serializable(), and build the model with it."
        )
    return keras.saving.serialize_keras_object(nll)


def _check_trainable(model):
    if not model.trainable_variables:
        raise ValueError(
            "encoder and decoder have no trainable weights, so there is nothing to learn. "
            "Set encoder.trainable = True or decoder.trainable = True and compile again."
        )


def _check_networks(encoder, decoder, nll):
    if not callable(nll):
        raise ValueError(f"nll must be a function such as losses.bernoulli_nll, but it is {nll!r}.")
    validate.network("encoder", encoder, outputs=2)
    validate.network("decoder", decoder)
    mean, log_var = encoder.output_shape
    validate.same_shape("the encoder's log_var", log_var[1:], mean[1:], "its mean has the shape")
    validate.positive_int("the decoder's latent_dim", decoder.input_shape[-1])
    validate.same_shape("the encoder's mean", mean[1:], decoder.input_shape[1:], "the decoder takes")
    validate.same_shape("the decoder's output", decoder.output_shape[1:], encoder.input_shape[1:], "the encoder takes")
    if nll is losses.bernoulli_nll and training.output_range(decoder) is not None:
        raise ValueError(
            "decoder must put out logits for losses.bernoulli_nll, but it ends in an activation with a bounded range. "
            "Remove the last activation: the loss applies the sigmoid itself."
        )
