"""The GAN of notebook 02 as a Keras model: ``train_step`` is the whole algorithm."""

import keras
import tensorflow as tf
from keras import ops

from gentutor import losses, training, validate


@keras.saving.register_keras_serializable("gentutor")
class GAN(keras.Model):
    """A generator and a discriminator that play against each other (Goodfellow et al. 2014; notebooks/02_gan.ipynb).

    Args:
        generator: network from (batch, latent_dim) to the shape of the data.
        discriminator: network from the shape of the data to logits (batch, 1).
        ema_decay: if given, ``ema_generator`` follows the generator's weights as their exponential moving average,
            and ``sample`` draws from it.
        gradient_penalty: weight of the squared gradient of the logits at real data (R1, Mescheder et al. 2018).
        data_range: (low, high) of the data; read from the generator's last activation if that is tanh or sigmoid.
        seed: with the step number it decides the noise, with the epoch the order of the data.
    """

    def __init__(
        self, generator, discriminator, ema_decay=None, gradient_penalty=0.0, data_range=None, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        _check_networks(generator, discriminator)
        self.generator, self.discriminator = generator, discriminator
        self.ema_decay = None if ema_decay is None else validate.number("ema_decay", ema_decay, 0.0, 1.0)
        self.ema_generator = None if ema_decay is None else _copy(generator)
        self.gradient_penalty = validate.number("gradient_penalty", gradient_penalty)
        self.data_range = data_range or training.output_range(generator)
        self.seed = validate.seed(seed)
        self.latent_dim = generator.input_shape[-1]
        self.discriminator_tracker = keras.metrics.Mean(name="discriminator_loss")
        self.generator_tracker = keras.metrics.Mean(name="generator_loss")
        self.built = True

    def compile(self, generator_optimizer=None, discriminator_optimizer=None, **kwargs):
        """Set the two optimizers (Adam(2e-4, beta_1=0.5) each by default); other arguments go to Keras."""
        training.check_strategy(self, kwargs.get("jit_compile"), kwargs.get("steps_per_execution", 1))
        _check_players(self, generator_optimizer, discriminator_optimizer)
        self.generator_optimizer = keras.optimizers.get(generator_optimizer or _default_optimizer())
        self.discriminator_optimizer = keras.optimizers.get(discriminator_optimizer or _default_optimizer())
        super().compile(optimizer=self.generator_optimizer, **kwargs)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def train_step(self, data):
        """One step of each player: the discriminator first, then the generator against the new discriminator."""
        real = training.unpack_batch(data)
        z_discriminator, z_generator = self._noise(ops.shape(real)[0], self.generator_optimizer.iterations)

        fake = self.generator(z_discriminator, training=True)
        with tf.GradientTape() as tape:
            d_loss, penalty = self._discriminator_loss(real, fake)
            loss = training.replica_share(d_loss + penalty)
        gradients = tape.gradient(loss, self.discriminator.trainable_variables)
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)

        with tf.GradientTape() as tape:
            fake = self.generator(z_generator, training=True)
            g_loss = losses.generator_loss(self.discriminator(fake, training=True))
            loss = training.replica_share(g_loss)
        gradients = tape.gradient(loss, self.generator.trainable_variables)
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)

        if self.ema_decay is not None:
            self._update_ema()
        return self._log(d_loss, g_loss)

    def test_step(self, data):
        """Both losses on held-out data with fixed noise: a discriminator that memorised shows itself here."""
        real = training.unpack_batch(data)
        z, _ = self._noise(ops.shape(real)[0], -1)
        fake_logits = self.discriminator(self.generator(z, training=False), training=False)
        d_loss = losses.discriminator_loss(self.discriminator(real, training=False), fake_logits)
        return self._log(d_loss, losses.generator_loss(fake_logits))

    def call(self, z, training=False):
        """Generate from latent points: (batch, latent_dim) -> the shape of the data, by the averaged weights if any."""
        return (self.ema_generator or self.generator)(z, training=training)

    def fit(self, *args, **kwargs):
        """Train on an array (n, ...) or a dataset of batches; arguments as in ``training.fit``."""
        _check_players(self)
        return training.fit(self, *args, **kwargs)

    def make_train_function(self, force=False):
        """Keras's train function; with XLA and several steps per execution, all of them in one program."""
        if self.train_function is None or force:
            super().make_train_function(force)
            if self.jit_compile and self.steps_per_execution > 1:
                self.train_function = training.fused_train_function(self, self.train_function)

    def sample(self, n, seed):
        """Draw ``n`` >= 1 images as uint8 in the shape that the generator puts out; same seed, same images."""
        n = validate.positive_int("n", n)
        z = tf.random.stateless_normal((n, self.latent_dim), (validate.seed(seed), 1))
        return training.to_pixels(training.in_chunks(self, z), self.data_range)

    def check_data(self, name, x):
        """Raise a ValueError unless ``x`` is finite floating-point data in the generator's shape and range."""
        validate.float_batch(name, x)
        validate.same_shape(name, x.shape[1:], self.generator.output_shape[1:], "the generator puts out")
        validate.not_raw_pixels(name, x)
        limits = training.output_range(self.generator)
        if limits is not None:
            activation = "tanh" if limits[0] < 0 else "sigmoid"
            validate.data_range(name, x, *limits, f"the generator ends in {activation}")
            validate.reaches_below_zero(name, x, limits)

    def _discriminator_loss(self, real, fake):
        """Per-example loss and weighted penalty, (batch,) each."""
        if self.gradient_penalty == 0.0:
            real_logits, penalty = self.discriminator(real, training=True), 0.0
        else:
            with tf.GradientTape() as tape:
                tape.watch(real)
                real_logits = self.discriminator(real, training=True)
            penalty = self.gradient_penalty * losses.gradient_penalty(tape.gradient(real_logits, real))
        fake_logits = self.discriminator(fake, training=True)
        return losses.discriminator_loss(real_logits, fake_logits), penalty

    def _noise(self, batch, step):
        z = training.noise((2, batch, self.latent_dim), self.seed, step)
        return z[0], z[1]

    def _update_ema(self):
        """Move the averaged weights towards the generator's; early on the average is over fewer steps."""
        step = ops.cast(self.generator_optimizer.iterations, "float32")
        keep = ops.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))

        def move(average, weight):
            average.assign(weight + ops.cast(keep, weight.dtype) * (average - weight))

        def update(strategy, averages, weights):
            for average, weight in zip(averages, weights, strict=True):
                strategy.extended.update(average, move, args=(weight,), group=False)

        averages, weights = ([w.value for w in g.weights if w.dtype.startswith("float")] for g in self._generators())
        tf.distribute.get_replica_context().merge_call(update, args=(averages, weights))

    def _generators(self):
        return self.ema_generator, self.generator

    def _log(self, d_loss, g_loss):
        self.discriminator_tracker.update_state(d_loss)
        self.generator_tracker.update_state(g_loss)
        return {metric.name: metric.result() for metric in self.metrics}

    @property
    def metrics(self):
        return [self.discriminator_tracker, self.generator_tracker]

    def get_config(self):
        pack = keras.saving.serialize_keras_object
        return {
            **{"generator": pack(self.generator), "discriminator": pack(self.discriminator)},
            **{key: getattr(self, key) for key in ("ema_decay", "gradient_penalty", "data_range", "seed", "name")},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("generator", "discriminator"):
            config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects=custom_objects)
        return cls(**config)

    def get_compile_config(self):
        if not self.compiled:
            return None
        pack = keras.saving.serialize_keras_object
        return {
            "generator_optimizer": pack(self.generator_optimizer),
            "discriminator_optimizer": pack(self.discriminator_optimizer),
            "jit_compile": self.jit_compile,
            "steps_per_execution": self.steps_per_execution,
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def _default_optimizer():
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


def _copy(network):
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def _check_players(model, generator_optimizer=None, discriminator_optimizer=None):
    """Raise unless both networks can learn, each by its own optimizer."""
    for name, network in (("generator", model.generator), ("discriminator", model.discriminator)):
        if not network.trainable_variables:
            raise ValueError(
                f"{name} has no trainable weights (trainable = {network.trainable}), so it cannot learn. "
                f"Set {name}.trainable = True and compile: GAN needs no freezing, its optimizers move one player each."
            )
    if isinstance(generator_optimizer, keras.optimizers.Optimizer) and generator_optimizer is discriminator_optimizer:
        raise ValueError(
            "generator_optimizer and discriminator_optimizer are the same object, but each player needs a memory of "
            "its own. Make two, for instance keras.optimizers.Adam(2e-4, beta_1=0.5) twice."
        )


def _check_networks(generator, discriminator):
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        validate.network(name, network)
    validate.positive_int("the generator's latent_dim", generator.input_shape[-1])
    validate.same_shape(
        "the generator's output", generator.output_shape[1:], discriminator.input_shape[1:], "the discriminator takes"
    )
    validate.same_shape("the discriminator's output", discriminator.output_shape[1:], (1,), "a GAN needs one logit:")
    if training.output_range(discriminator) == (0.0, 1.0):
        raise ValueError(
            "discriminator ends in a sigmoid, but the losses take logits. Remove the last activation: Dense(1)."
        )
