"""Finish the 64 × 64 StyleGAN of notebook 07 with an encoder: python bench/stylegan_encoder.py --minutes 120 (2 cores)

The game of ``train_stylegan.py`` leaves faces that the discriminator still knows and the generator does not mend. So,
from there on, without a game, as the notebook does:

1. An **encoder** guesses w of drawn faces, and synthesis draws them again; both learn from the difference of the pixels
   (an autoencoder). Noise is added to w: codes nearby draw the same face.
2. The encoder's w of drawn faces lie elsewhere than the mapping network's. A **flow** learns how they are spread, and a
   walk along it becomes the mapping network (flow matching, Lipman et al. 2023; to fit a distribution to the codes of
   an autoencoder: Dai and Wipf 2019, Ghosh et al. 2020). It is the notebook's, but wider, and sees more faces.

No labels, no reading network. The work folder (``--folder``) holds all; ``--minutes`` are of the autoencoder and go on
from there, with rates that fall to 0. ``--map`` trains the flow, ``--report`` prints the numbers that notebook 07
reports, ``--store`` writes the generator, and synthesis with encoder, to gentutor/assets.
"""

import train_stylegan as game  # first: it chooses the cores, and how operations share them, before TensorFlow starts

# isort: split
import argparse
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
from stylegan_measures import notebook, report

from gentutor import faces, stylegan, training

ASSETS = pathlib.Path(stylegan.__file__).parent / "assets"
ASSET, STATE = ASSETS / stylegan.CHECKPOINT, ASSETS / "stylegan_encoder.npz"
BATCH, RATE, ENCODER_RATE, KEEP = 16, 0.005, 1e-3, 0.998
NOISE = 0.08  # of the spread of w: noise of a fixed size means little once w has grown
POWER = 3.0  # faces drawn worst count most: those with dark whiskers on a white coat
CODES = 300_000  # drawn faces whose w the flow learns from
WIDTH, FLOW = 384, {"steps": 40_000, "rate": 2e-3, "clip": 1.0}  # without clip one of 512 units once went astray


# ---- an autoencoder ----


def encoder(channels=game.CHANNELS, units=256):
    """Pictures (batch, s, s, 3) -> w (batch, 64): the notebook's, with a new discriminator's convolutions."""
    return notebook.encoder_from(stylegan.discriminator(channels), units)


def drawn_again(model, w):
    """Pictures (batch, s, s, 3) in floats that synthesis draws of w (batch, dim), the same for all layers, no noise."""
    silent = tf.zeros((len(w), stylegan.noise_size(model.channels)))
    return model.synthesis([tf.repeat(w[:, None], model.layer_count, axis=1), silent])


def reconstruct(model, encode, images, minutes, rate=RATE, encoder_rate=ENCODER_RATE):
    """Train encoder and synthesis to draw uint8 ``images`` again; both end as the averages of their weights."""
    weights = encode.trainable_variables + model.synthesis.trainable_variables
    averages = [tf.Variable(weight.value) for weight in weights]
    optimizers = keras.optimizers.Adam(encoder_rate, beta_2=0.99, global_clipnorm=1.0), stylegan.Muon(rate)
    parts = encode.trainable_variables, model.synthesis.trainable_variables
    for optimizer, part in zip(optimizers, parts, strict=True):
        optimizer.build(part)

    @tf.function
    def run(pixels, keep):
        real = tf.cast(pixels, tf.float32) / 127.5 - 1.0
        with tf.GradientTape() as tape:
            w = encode(real)
            spread = tf.sqrt(tf.reduce_mean(tf.math.reduce_variance(w, axis=0)))
            again = drawn_again(model, w + NOISE * spread * tf.random.normal(tf.shape(w)))
            squares = tf.reduce_mean((again - real) ** 2, axis=(1, 2, 3))
            loss = tf.reduce_mean(squares**POWER) ** (1.0 / POWER)
            total = 20.0 * loss  # so that slopes are clipped at first only
        slopes = tape.gradient(total, weights)
        optimizers[0].apply(slopes[: len(parts[0])], parts[0])
        optimizers[1].apply(slopes[len(parts[0]) :], parts[1])
        for average, weight in zip(averages, weights, strict=True):
            average.assign(weight + keep * (average - weight))
        return loss

    rng, start, step, losses = np.random.default_rng(len(averages)), time.perf_counter(), 0, []
    while (share := (time.perf_counter() - start) / (60.0 * minutes)) < 1.0:
        optimizers[0].learning_rate.assign(encoder_rate * (1.0 - share))
        optimizers[1].learning_rate.assign(rate * (1.0 - share))
        keep = tf.constant(min(KEEP, (1.0 + step) / (10.0 + step)), tf.float32)
        losses.append(float(run(tf.constant(images[rng.integers(0, len(images), BATCH)]), keep)))
        step += 1
        if step % 1000 == 0:
            print(f"step {step}: {127.5 * np.sqrt(np.mean(losses[-1000:])):.1f} grey levels off", flush=True)
    for weight, average in zip(weights, averages, strict=True):
        weight.assign(average)
    model.ema_synthesis.set_weights(model.synthesis.get_weights())


def codes(encode, images):
    """The encoder's w of uint8 pictures: (n, dim)."""
    run = tf.function(lambda x, training: encode(tf.cast(x, tf.float32) / 127.5 - 1.0))
    return training.in_chunks(run, tf.constant(images), 500)


def walking(model):
    """A ``StyleGAN`` with the averaged synthesis network of ``model`` and a new mapping network that walks."""
    new = stylegan.StyleGAN(model.channels, dim=model.dim, width=WIDTH, walk=12, units=game.UNITS)
    for network in (new.synthesis, new.ema_synthesis):
        network.set_weights(model.ema_synthesis.get_weights())
    return new


def new_mapping(encode, parts):
    """The notebook's mapping network that walks: its w are spread as the encoder's of parts of uint8 pictures."""
    w = np.concatenate([codes(encode, part) for part in parts])
    return notebook.walking_mapping(w, width=WIDTH, **FLOW)


# ---- files ----


def save(path, *networks, dtype=np.float32):
    """Write the weights of networks."""
    weights = [weight.astype(dtype) for network in networks for weight in network.get_weights()]
    np.savez_compressed(path, **{str(i): weight for i, weight in enumerate(weights)})


def set_weights(path, *networks):
    """Give networks the weights that ``save`` wrote."""
    stored = np.load(path)
    for i, weight in enumerate(weight for network in networks for weight in network.weights):
        weight.assign(stored[str(i)])


def restore(path):
    """Model and encoder from the work folder, or as STATE stored them, or the game's model and a new encoder."""
    keras.utils.set_random_seed(0)
    model, encode = game.restore(path.with_name("state.npz"), game.STATE), encoder()
    source = next((file for file in (path, STATE) if file.exists()), None)
    if source:
        set_weights(source, model.synthesis, encode)
        model.ema_synthesis.set_weights(model.synthesis.get_weights())
    return model, encode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.0, help="of the autoencoder")
    parser.add_argument("--map", action="store_true", help="train a new mapping network (an hour of one core)")
    parser.add_argument("--folder", type=pathlib.Path, default=game.FOLDER)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--store", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path, mapping_path = options.folder / "encoder.npz", options.folder / "mapping.npz"
    stale = options.minutes > 0 or not mapping_path.exists()
    if (options.store or options.report) and stale and not options.map:
        parser.error(f"--store and --report need a mapping network for this encoder in {options.folder}: add --map")
    images = game.training_faces(options.folder)
    model, encode = restore(path)
    if options.minutes > 0:
        reconstruct(model, encode, images, options.minutes)
        mapping_path.unlink(missing_ok=True)  # it was made for the encoder before
        save(path, model.synthesis, encode)
    if options.map:
        parts = (faces.render(faces.sample(10_000, seed), model.size) for seed in range(100, 100 + CODES // 10_000))
        save(mapping_path, new_mapping(encode, parts))
    if not (options.store or options.report):
        return
    model = walking(model)
    set_weights(mapping_path, model.ema_mapping)
    if options.store:
        stylegan.store(model, ASSET)
        save(STATE, model.synthesis, encode, dtype=np.float16)
        print(f"{ASSET.stat().st_size / 1e6:.2f} MB, {STATE.stat().st_size / 1e6:.2f} MB")
    if options.report:
        print(report(model.sample(10_000, seed=1)))


if __name__ == "__main__":
    main()
