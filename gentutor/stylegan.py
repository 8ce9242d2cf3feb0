"""The StyleGAN of notebook 07: a mapping network, a generator steered by styles, and the training step of both players.

Karras et al. 2019 and 2020 (StyleGAN and StyleGAN2), kept to what a processor can train: built part by part in
notebooks/07_stylegan.ipynb; trained longer by bench/train_stylegan.py.
"""

import functools
import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from gentutor import data, losses, networks, training, validate

START = 8  # height and width of the constant
CHANNELS = (64, 32)  # of both players at 8 × 8, 16 × 16, … : one number for each resolution
STYLE_DIM = 64  # numbers in z and in w
MAPPING_DEPTH, MAPPING_SPEED = 3, 0.1
UNITS = 64  # of the discriminator's dense layer
GROUP = 4  # examples that MinibatchDeviation compares
PENALTY, FEW = 10.0, 4  # R1 looks at one real picture in FEW, at one GROUP at least
RATE, DISCRIMINATOR_RATE = 2e-2, 2e-3
MOMENTUM, SQUARES = 0.6, 0.99  # shares of the old mean gradient, and of the old mean squared gradient, kept at a step
CHECKPOINT = "stylegan_faces.npz"
MAPPING = "dim", "depth", "width", "walk"  # the settings of a mapping network


# ---- layers ----


class Leaky(keras.layers.Layer):
    """LeakyReLU(0.2), times √2 so that the mean square of normal inputs stays nearly 1."""

    def call(self, x):
        return ops.leaky_relu(x, 0.2) * math.sqrt(2.0)


class Dense(keras.layers.Layer):
    """Dense layer whose weights are all of size 1 and are scaled when used: (batch, inputs) -> (batch, units).

    The optimizer moves each weight by about the learning rate; so every layer learns at the same relative speed (an
    equalised learning rate, Karras et al. 2018). ``speed`` below 1 slows a layer down; biases begin at ``bias``.
    """

    def __init__(self, units, bias=0.0, speed=1.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.bias_start, self.speed = units, bias, speed

    def build(self, shape):
        start = keras.initializers.RandomNormal(stddev=1.0 / self.speed)
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], self.units), initializer=start)
        start = keras.initializers.Constant(self.bias_start / self.speed)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=start)
        self.scale = self.speed / math.sqrt(shape[-1])

    def call(self, x):
        return ops.matmul(x, self.kernel * self.scale) + self.bias * self.speed


class ModulatedConv(keras.layers.Layer):
    """3 × 3 convolution whose input channels are scaled by a style computed from w: [x, w] -> (batch, h, w, channels).

    With ``demodulate`` each output channel is divided by the size that it would have for inputs of size 1. Scaling the
    inputs and the outputs is the same as scaling the weights anew for each example, and faster. Karras et al. 2020.
    """

    def __init__(self, channels, demodulate=True, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.demodulate = channels, demodulate

    def build(self, shapes):
        x_shape, w_shape = shapes
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, x_shape[-1], self.channels), initializer=start)
        self.scale = 1.0 / math.sqrt(9 * x_shape[-1])
        self.style = Dense(x_shape[-1], bias=1.0, name="style")
        self.style.build(w_shape)

    def call(self, inputs):
        x, w = inputs
        style, kernel = self.style(w), self.kernel * self.scale
        x = tf.nn.conv2d(x * style[:, None, None, :], kernel, 1, "SAME")
        if self.demodulate:
            squares = ops.matmul(ops.square(style), ops.sum(ops.square(kernel), axis=(0, 1)))
            x *= ops.rsqrt(squares + 1e-8)[:, None, None, :]
        return x


class Noise(keras.layers.Layer):
    """Adds noise (batch, h, w, 1) to every channel with one learnt strength that begins at 0: [x, noise] -> x."""

    def build(self, shapes):
        self.strength = self.add_weight(name="strength", shape=(), initializer="zeros")

    def call(self, inputs):
        x, noise = inputs
        return x + self.strength * noise


class Bias(keras.layers.Layer):
    """Adds a learnt number to each channel."""

    def build(self, shape):
        self.bias = self.add_weight(name="bias", shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        return x + self.bias


class Constant(keras.layers.Layer):
    """A learnt picture (8, 8, channels), the same for every example: the batch size is all that it takes from w."""

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, shape):
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.picture = self.add_weight(name="picture", shape=(1, START, START, self.channels), initializer=start)

    def call(self, w):
        return ops.tile(self.picture, (ops.shape(w)[0], 1, 1, 1))


class Upsample(keras.layers.Layer):
    """Doubles height and width by bilinear interpolation: two products with a fixed matrix, which is fast."""

    def build(self, shape):
        self.matrix = tf.constant(_bilinear(shape[1]))

    def call(self, x):
        _, size, _, channels = x.shape
        rows = ops.matmul(self.matrix, ops.reshape(x, (-1, size, size * channels)))
        both = ops.matmul(self.matrix, ops.reshape(rows, (-1, size, channels)))
        return ops.reshape(both, (-1, 2 * size, 2 * size, channels))


class MinibatchDeviation(keras.layers.Layer):
    """Adds a channel that says how much the examples of a group of 4 differ, so that sameness can be seen.

    The standard deviation over the group, averaged over pixels and channels (Karras et al. 2018). The batch must be a
    multiple of 4.
    """

    def call(self, x):
        batch, height, width, channels = x.shape
        if batch and batch % GROUP:
            raise ValueError(f"batch must be a multiple of {GROUP}, but it is {batch}: choose another batch size.")
        groups = ops.reshape(x, (GROUP, -1, height, width, channels))
        deviation = ops.sqrt(ops.var(groups, axis=0) + 1e-8)
        deviation = ops.mean(deviation, axis=(1, 2, 3), keepdims=True)
        return ops.concatenate([x, ops.tile(deviation, (GROUP, height, width, 1))], axis=-1)


# ---- networks ----


def mapping_network(dim=STYLE_DIM, depth=MAPPING_DEPTH, width=None):
    """z (batch, dim) -> w (batch, dim): z scaled to length √dim, ``depth`` dense layers. Depth 0 is the control.

    All layers but the last have ``width`` units: ``dim`` unless given.
    """
    z = keras.Input((validate.positive_int("dim", dim),), name="z")
    w = normalize_z(z)
    for i in range(depth):
        units = dim if i == depth - 1 else width or dim
        w = Leaky()(Dense(units, speed=MAPPING_SPEED, name=f"dense_{i}")(w))
    return keras.Model(z, w, name="mapping")


def walking_network(dim=STYLE_DIM, depth=3, width=None, steps=12):
    """z (batch, dim) -> w (batch, dim): z scaled to length √dim, carried by a flow in ``steps``, turned and stretched.

    The flow, a network with ``depth`` blocks of ``width`` units, says for a place and a time from 0 to 1 which way to
    go; each step follows the mean of its answers at both ends (Heun). Notebook 07 builds and trains it.
    """
    flow, z = flow_network(dim, depth, width or dim), keras.Input((validate.positive_int("dim", dim),), name="z")
    x, limit = normalize_z(z), 2.0 * math.sqrt(dim)  # no code has such numbers, but a rare walk would run off
    for k in range(validate.positive_int("steps", steps)):
        now, then = (ops.full_like(x[:, :1], t / steps) for t in (k, k + 1))
        first = flow([x, now])
        x = ops.clip(x + (first + flow([x + first / steps, then])) / (2 * steps), -limit, limit)
    return keras.Model(z, keras.layers.Dense(dim, name="axes")(x), name="mapping")


def flow_network(dim, depth, width):
    """Where one is (batch, dim) and when, from 0 to 1, (batch, 1) -> which way to go: (batch, dim)."""
    x, t = keras.Input((dim,), name="x"), keras.Input((1,), name="t")
    waves = t * (np.pi / 2 * np.arange(1, 9, dtype="float32"))
    when = ops.concatenate([ops.sin(waves), ops.cos(waves)], axis=-1)
    h = keras.layers.Dense(width)(ops.concatenate([x, when], axis=-1))
    for _ in range(depth):
        own = keras.layers.Dense(width, activation="silu")(ops.concatenate([h, when], axis=-1))
        h = h + keras.layers.Dense(width, kernel_initializer="zeros")(own)
    return keras.Model([x, t], keras.layers.Dense(dim, kernel_initializer="zeros")(h), name="flow")


@functools.lru_cache(maxsize=8)
def _compiled(network):
    """A mapping network as one graph, traced once: walks are three times as quick."""
    run = tf.function(lambda z: network(z), input_signature=[tf.TensorSpec((None, network.input_shape[-1]))])
    return lambda z, training: run(z)


def normalize_z(z):
    """z (batch, dim), scaled to length √dim."""
    return z * ops.rsqrt(ops.mean(ops.square(z), axis=-1, keepdims=True) + 1e-8)


def synthesis_network(channels=CHANNELS, dim=STYLE_DIM):
    """Styles (batch, layers, dim) and noise (batch, noise_size) -> pictures (batch, s, s, 3), nearly in [-1, 1].

    One resolution for each number in ``channels``, from 8 × 8 on, with two styled layers each. Each resolution draws a
    picture of twice its size, the twelve channels of a place being a block of 2 × 2 pixels, and adds it to the enlarged
    sum of those before.
    """
    count, sizes = layer_count(channels), layer_sizes(channels)
    styles, pixels = keras.Input((count, dim), name="w"), keras.Input((noise_size(channels),), name="pixels")
    noise, x, picture = list(_noise_maps(pixels, channels)), Constant(channels[0], name="constant")(styles), None
    for i, size in enumerate(sizes):
        x = ModulatedConv(channels[i // 2], name=f"conv_{i}")([x, styles[:, i]])
        if size > x.shape[1]:  # after the convolution: a quarter of its cost
            x = Upsample()(x)
        x = Leaky()(Bias(name=f"bias_{i}")(Noise(name=f"noise_{i}")([x, noise[i]])))
        if i % 2 == 1:  # the last of its resolution
            own = ModulatedConv(12, demodulate=False, name=f"picture_{2 * size}")([x, styles[:, i]])
            own = networks.Unfold()(Bias(name=f"picture_bias_{2 * size}")(own))
            picture = own if picture is None else Upsample()(picture) + own
    return keras.Model([styles, pixels], picture, name="synthesis")


def discriminator(channels=CHANNELS, units=UNITS):
    """Pictures (batch, s, s, 3) -> logits (batch, 1): folded to half the size, convolutions down to 8 × 8, then dense.

    Mirrors the generator: at each resolution the picture, shrunk to twice that size and folded, is looked at.
    """
    x, size, leaky = None, picture_size(channels), keras.layers.LeakyReLU(0.2)
    picture = shrunk = keras.Input((size, size, 3), name="picture")
    conv = functools.partial(keras.layers.Conv2D, kernel_size=3, padding="same", activation=leaky)
    for width in channels[::-1]:
        look = conv(width, name=f"look_{size}")(networks.Fold()(shrunk))
        x = look if x is None else conv(width, strides=2, name=f"down_{2 * size}")(x) + look
        shrunk, size = keras.layers.AveragePooling2D(2)(shrunk), size // 2
    x = keras.layers.Flatten()(MinibatchDeviation()(x))
    x = keras.layers.Dense(units, activation=leaky, name="dense")(x)
    return keras.Model(picture, keras.layers.Dense(1, name="logit")(x), name="discriminator")


def picture_size(channels=CHANNELS):
    """Height and width of the pictures: twice the last resolution."""
    return 2 * START * 2 ** (len(channels) - 1)


def layer_count(channels=CHANNELS):
    """Number of styled layers: two at each resolution."""
    return 2 * len(channels)


def layer_sizes(channels=CHANNELS):
    """Resolution of each styled layer: [8, 8, 16, 16, …]."""
    return [START * 2 ** (i // 2) for i in range(layer_count(channels))]


def noise_size(channels=CHANNELS):
    """How many random numbers one picture takes: one for each pixel of each styled layer."""
    return sum(size**2 for size in layer_sizes(channels))


def _noise_maps(noise, channels):
    start = 0
    for size in layer_sizes(channels):
        yield ops.reshape(noise[:, start : start + size**2], (-1, size, size, 1))
        start += size**2


def _bilinear(size):
    """Matrix (2 size, size) of bilinear interpolation of square pixels: weights 1/4 and 3/4, the edges repeated."""
    places = np.clip((np.arange(2 * size) + 0.5) / 2.0 - 0.5, 0.0, size - 1.0)
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(size))).astype(np.float32)


# ---- the optimizer ----


class Muon(keras.optimizers.Optimizer):
    """Steps of nearly equal length in all directions of each kernel, after Jordan et al. 2024 (kellerjordan.github.io).

    A kernel is a matrix from its inputs to its outputs. The mean of its last few gradients (``MOMENTUM``) is made
    ``orthogonal`` and scaled so that its numbers have a mean square of 1, as Adam's steps have: learning rates mean the
    same. Biases, strengths and the constant are moved by Adam without momentum.
    """

    def build(self, variables):
        if not self.built:
            super().build(variables)  # one memory each: the mean gradient of a kernel, else the mean squared gradient
            self.memories = [self.add_variable_from_reference(variable, "memory") for variable in variables]
            self.seen = self.add_variable((), name="seen")  # gradients: fewer than iterations if training was taken up

    def apply(self, *args, **kwargs):
        super().apply(*args, **kwargs)
        self.seen.assign_add(1.0)

    def update_step(self, gradient, variable, learning_rate):
        rate, memory = ops.cast(learning_rate, "float32"), self.memories[self._get_variable_index(variable)]
        if len(variable.shape) in (2, 4) and variable.shape[0] > 1 and variable.shape[-1] > 1:
            self.assign(memory, MOMENTUM * memory + (1.0 - MOMENTUM) * gradient)
            rows = ops.reshape(memory, (-1, variable.shape[-1]))
            move = ops.reshape(orthogonal(rows), variable.shape) * math.sqrt(max(rows.shape))
        else:
            self.assign(memory, SQUARES * memory + (1.0 - SQUARES) * ops.square(gradient))
            known = 1.0 - ops.power(SQUARES, self.seen + 1.0)
            move = gradient / (ops.sqrt(memory / known) + 1e-8)
        self.assign_sub(variable, rate * move)


def orthogonal(matrix):
    """The matrix with all singular values brought near 1, in between 0.7 and 1.2 but for very small ones.

    Five steps of an odd polynomial (Newton and Schulz; coefficients of Jordan et al. 2024), worked out on the small
    square matrix xᵀx. For matrices with m rows and n columns.
    """
    if matrix.shape[0] < matrix.shape[1]:
        return ops.transpose(orthogonal(ops.transpose(matrix)))
    x = matrix * ops.rsqrt(ops.sum(ops.square(matrix)) + 1e-30)
    gram, one = ops.matmul(ops.transpose(x), x), ops.eye(matrix.shape[1])
    product = one
    for _ in range(5):
        factor = 3.4445 * one - 4.7750 * gram + 2.0315 * ops.matmul(gram, gram)
        product, gram = ops.matmul(product, factor), ops.matmul(ops.matmul(factor, gram), factor)
    return ops.matmul(x, product)


# ---- the model ----


class StyleGAN(keras.Model):
    """Mapping, synthesis and discriminator with their training step; pictures come from averaged weights.

    Args:
        channels: of both players at 8 × 8, 16 × 16, …
        depth: dense layers of the mapping network; 0 is the control without one.
        width: units of all of them but the last; ``dim`` unless given.
        walk: if given, the mapping network is ``walking_network``, of so many steps, ``depth`` blocks and this width.
        penalty: weight of R1, half the squared gradient of the logits at a quarter of the real pictures (at four at
            least). It is meant for 32 × 32 and grows with the number of pixels, because each pixel's gradient shrinks
            with it.
        mixing: share of pictures in training that get one w up to a random layer and another from there on.
        ema_decay: of the averaged weights, in ``ema_mapping`` and ``ema_synthesis``.
        units: of the discriminator's dense layer.
        seed: with the step number it decides all noise in training.
    """

    def __init__(
        self,
        channels=CHANNELS,
        dim=STYLE_DIM,
        depth=MAPPING_DEPTH,
        width=None,
        walk=None,
        penalty=PENALTY,
        mixing=0.05,
        ema_decay=0.998,
        units=UNITS,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.settings = dict(
            dim=dim, depth=depth, width=width, walk=walk,
            penalty=penalty, mixing=mixing, ema_decay=ema_decay, units=units,
        )  # fmt: skip  # what ``grown`` hands on
        self.channels, self.dim, self.size = tuple(channels), dim, picture_size(channels)
        make = functools.partial(walking_network, steps=walk) if walk else mapping_network
        self.mapping, self.ema_mapping = (make(dim, depth, width) for _ in range(2))
        self.synthesis, self.ema_synthesis = (synthesis_network(channels, dim) for _ in range(2))
        self.discriminator = discriminator(channels, validate.positive_int("units", units))
        self.penalty, self.mixing = validate.number("penalty", penalty), validate.number("mixing", mixing, 0.0, 1.0)
        self.ema_decay, self.seed = validate.number("ema_decay", ema_decay, 0.0, 1.0), validate.seed(seed)
        self.ema_mapping.set_weights(self.mapping.get_weights())
        self.ema_synthesis.set_weights(self.synthesis.get_weights())
        self.trackers = [keras.metrics.Mean(name=f"{name}_loss") for name in ("discriminator", "generator")]
        self.built = True

    def compile(self, steps=None, rate=RATE, discriminator_rate=DISCRIMINATOR_RATE, **kwargs):
        """``Muon`` for each player; given ``steps``, both learning rates fall to 0 in so many."""
        rates = rate, discriminator_rate
        if steps is not None:
            steps = validate.positive_int("steps", steps)
            rates = (keras.optimizers.schedules.PolynomialDecay(start, steps, end_learning_rate=0.0) for start in rates)
        self.generator_optimizer, self.discriminator_optimizer = (Muon(rate) for rate in rates)
        super().compile(optimizer=self.generator_optimizer, **{"jit_compile": False, **kwargs})
        self.generator_optimizer.build(self.generator_weights)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def train_step(self, data):
        """One step of both players at once on a batch of real pictures in [-1, 1], (batch, s, s, 3)."""
        real, step = training.unpack_batch(data), self.generator_optimizer.iterations
        noise = training.noise((real.shape[0], 2 * self.dim + noise_size(self.channels)), self.seed, step)
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generate(noise, self._cuts(real.shape[0], step))
            real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
            d_loss, g_loss = losses.discriminator_loss(real_logits, fake_logits), losses.generator_loss(fake_logits)
            few = max(GROUP, real.shape[0] // (FEW * GROUP) * GROUP)  # whole groups
            d_total = ops.mean(d_loss) + ops.mean(self._penalty(real[:few]))
            g_total = ops.mean(g_loss)
        d_weights, g_weights = self.discriminator.trainable_variables, self.generator_weights
        d_slopes, g_slopes = tape.gradient(d_total, d_weights), tape.gradient(g_total, g_weights)
        self.discriminator_optimizer.apply(d_slopes, d_weights)
        self.generator_optimizer.apply(g_slopes, g_weights)
        self._update_ema(step)
        for tracker, value in zip(self.trackers, (d_loss, g_loss), strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    def generate(self, noise, cut):
        """Pictures in training: noise (batch, 2 dim + noise_size) holds two z and the pixels' noise, cut is (batch,).

        The first w is used in the layers before ``cut``, the second from there on: style mixing.
        """
        first, second, pixels = tf.split(noise, [self.dim, self.dim, noise.shape[1] - 2 * self.dim], axis=1)
        return self.synthesis([mix(self.mapping(first), self.mapping(second), cut, self.layer_count), pixels])

    def grown(self, width):
        """A model of twice the size that begins as the same functions: its new layers, ``width`` channels, add nothing.

        Its generator draws this one's pictures enlarged, its discriminator shrinks what it sees and judges as this one
        does. Compile it and go on (progressive growing, Karras et al. 2018).
        """
        new = StyleGAN((*self.channels, width), seed=self.seed, **self.settings)
        for name in ("mapping", "synthesis", "ema_mapping", "ema_synthesis", "discriminator"):
            old_layers = {layer.name: layer for layer in getattr(self, name).layers if layer.weights}
            for layer in getattr(new, name).layers:
                if layer.name in old_layers:
                    layer.set_weights(old_layers[layer.name].get_weights())
        for network, layer in (
            (new.synthesis, f"picture_{new.size}"),
            (new.ema_synthesis, f"picture_{new.size}"),
            (new.discriminator, f"down_{new.size}"),
        ):
            kernel = network.get_layer(layer).kernel
            kernel.assign(ops.zeros_like(kernel))
        return new

    def fit(self, *args, **kwargs):
        """Train on a dataset of batches or an array in [-1, 1]; arguments as in ``training.fit``."""
        return training.fit(self, *args, **kwargs)

    def check_data(self, name, x):
        """Raise a ValueError unless ``x`` is finite floating-point pictures of the generator's shape in [-1, 1]."""
        validate.float_batch(name, x)
        validate.same_shape(name, x.shape[1:], self.synthesis.output_shape[1:], "the generator puts out")
        validate.not_raw_pixels(name, x)
        validate.data_range(name, x, -1.0, 1.0, "a StyleGAN takes pictures in [-1, 1]")
        validate.reaches_below_zero(name, x, (-1.0, 1.0))

    def sample(self, n, seed, psi=1.0):
        """Draw ``n`` pictures, uint8 (n, s, s, 3); ``psi`` below 1 pulls each w towards the mean w (truncation)."""
        n, key = validate.positive_int("n", n), (validate.seed(seed), 1)
        w = self.map(tf.random.stateless_normal((n, self.dim), key))
        if psi != 1.0:
            mean = self.mean_w()
            w = mean + psi * (w - mean)
        return self.draw(w, seed)

    def map(self, z):
        """Averaged mapping network: z (n, dim) -> w (n, dim) as a NumPy array."""
        return training.in_chunks(_compiled(self.ema_mapping), tf.convert_to_tensor(z, tf.float32), 1000)

    def mean_w(self, n=10_000):
        """Mean of w over ``n`` fixed draws of z: (dim,)."""
        return self.map(tf.random.stateless_normal((n, self.dim), (0, 2))).mean(axis=0)

    def draw(self, w, seed=None):
        """Averaged synthesis network: w (n, dim), or one for each layer (n, layers, dim), -> uint8 (n, s, s, 3).

        Without a ``seed`` the pixels' noise is 0, so that pictures differ by w alone.
        """
        w = np.asarray(w, np.float32)
        styles = np.repeat(w[:, None], self.layer_count, axis=1) if w.ndim == 2 else w
        pictures, chunk = np.empty((len(styles), self.size, self.size, 3), np.uint8), 100  # larger: memory, no speed
        for start in range(0, len(styles), chunk):
            part = styles[start : start + chunk]
            shape = len(part), noise_size(self.channels)
            noise = tf.zeros(shape) if seed is None else tf.random.stateless_normal(shape, (seed, start + 3))
            drawn = ops.convert_to_numpy(self._drawn(tf.constant(part), noise))
            pictures[start : start + chunk] = data.denormalize(drawn.clip(-1.0, 1.0))
        return pictures

    @functools.cached_property
    def _drawn(self):
        shapes = [(None, self.layer_count, self.dim), (None, noise_size(self.channels))]

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32) for shape in shapes])
        def run(styles, noise):
            n = tf.shape(styles)[0]
            half = (n + 1) // 2  # two halves side by side, a core each; of an odd number both draw the middle one
            first, last = (self.ema_synthesis([styles[i : i + half], noise[i : i + half]]) for i in (0, n - half))
            return tf.concat([first, last[2 * half - n :]], axis=0)

        return run

    def _cuts(self, batch, step):
        """The layer from which the second w is used, (batch,): layer_count, so never, for 1 - mixing of them."""
        key = tf.stack([tf.constant(self.seed, tf.int32), -1 - tf.cast(step, tf.int32)])
        u = tf.random.stateless_uniform((batch,), key)
        share = tf.minimum(u / max(self.mixing, 1e-9), 1.0)
        return 1 + tf.cast(share * (self.layer_count - 1), tf.int32)

    def _penalty(self, real):
        with tf.GradientTape() as tape:
            tape.watch(real)
            logits = self.discriminator(real)
        weight = self.penalty * (self.size / 32) ** 2
        return weight * losses.gradient_penalty(tape.gradient(logits, real))

    def _update_ema(self, step):
        step = ops.cast(step, "float32")
        keep = ops.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        averages = self.ema_mapping.trainable_variables + self.ema_synthesis.trainable_variables
        for average, weight in zip(averages, self.generator_weights, strict=True):
            average.assign(weight + keep * (average - weight))

    @property
    def generator_weights(self):
        """Trainable weights of the mapping and the synthesis network."""
        return self.mapping.trainable_variables + self.synthesis.trainable_variables

    @property
    def layer_count(self):
        """Number of styled layers."""
        return layer_count(self.channels)

    @property
    def metrics(self):
        return self.trackers


def mix(w, other, cut, layers):
    """One w in the layers before ``cut``, another from there on: (n, dim) twice, (n,) -> (n, layers, dim)."""
    before = tf.range(layers)[None, :, None] < cut[:, None, None]
    return tf.where(before, w[:, None], other[:, None])


# ---- files ----


def store(model, path):
    """Write the averaged generator of a ``StyleGAN`` as float16 arrays, with the settings that ``load`` needs."""
    settings = {name: size for name in MAPPING if (size := model.settings[name]) is not None}
    networks = {"mapping": model.ema_mapping, "synthesis": model.ema_synthesis}
    weights = {
        f"{name}_{i}": weight.astype(np.float16)
        for name, network in networks.items()
        for i, weight in enumerate(network.get_weights())
    }
    np.savez_compressed(path, channels=model.channels, **settings, **weights)


def load(path=None):
    """A ``StyleGAN`` with the averaged generator from a file of ``store``; by default the bundled one of 64 × 64.

    Its discriminator is new and knows nothing: the model draws, and can be trained on from its averaged weights.
    """
    with np.load(path or data.asset(CHECKPOINT)) as file:
        arrays = {name: file[name] for name in file.files}
    channels = tuple(int(width) for width in arrays["channels"])
    sizes = {name: int(arrays[name]) for name in MAPPING if name in arrays}
    model = StyleGAN(channels, **sizes)
    for name in ("mapping", "synthesis"):
        weights = [arrays[f"{name}_{i}"] for i in range(len(getattr(model, name).weights))]
        for network in (getattr(model, name), getattr(model, f"ema_{name}")):
            network.set_weights([weight.astype(np.float32) for weight in weights])
    return model
