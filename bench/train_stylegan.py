"""Train the StyleGAN of notebook 07 on drawn faces of 64 × 64: python bench/train_stylegan.py --minutes 60 (1 core)

Stops after so many minutes and goes on from there when it is called again: the work folder (``--folder``, about 300 MB)
holds all weights, both optimizers and the drawn faces; noise and batches are functions of the step alone. ``--rate``
sets the learning rate of this stretch; ``--store`` writes the averaged generator to gentutor/assets as float16. After
each stretch it prints the numbers that notebook 07 reports of the checkpoint.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import argparse
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
from stylegan_measures import report

from gentutor import faces, stylegan

SETTINGS = {
    "channels": (64, 64, 48, 32, 16),
    "discriminator_channels": (16, 24, 48, 64, 64),
    "ema_decay": 0.999,
}
BATCH, RATE, FACES, SAVE_EVERY = 32, 3e-3, 20_000, 150  # SAVE_EVERY in seconds
SIZE = 64
FOLDER = bands.FOLDER.parent / "build" / "stylegan"
ASSET = pathlib.Path(stylegan.__file__).parent / "assets" / stylegan.CHECKPOINT


def training_faces(folder):
    """20,000 drawn faces of 64 × 64, kept in the work folder."""
    path = folder / "faces.npy"
    if not path.exists():
        np.save(path, faces.render(faces.sample(FACES, seed=1), SIZE))
    return np.load(path)


def batch(images, step):
    """The batch of one step: a function of the step alone, so that a run that was stopped goes on as if it was not."""
    return images[np.random.default_rng([7, step]).integers(0, len(images), BATCH)]


def variables(model):
    """All that a training run must remember, as a list of variables."""
    networks = model.mapping, model.synthesis, model.ema_mapping, model.ema_synthesis, model.discriminator
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    return [variable for part in (*networks, *optimizers) for variable in getattr(part, "weights", part.variables)]


def save(model, path):
    """Write all variables; the old file stays until the new one is whole."""
    new = path.with_name("new.npz")
    np.savez(new, **{str(i): keras.ops.convert_to_numpy(variable) for i, variable in enumerate(variables(model))})
    new.replace(path)


def restore(model, path):
    """Put the stored variables back, if there are any."""
    if path.exists():
        with np.load(path) as file:
            for i, variable in enumerate(variables(model)):
                variable.assign(file[str(i)])


def train(model, images, path, minutes, rate):
    """Train for so many minutes; saves on the way and at the end."""

    @tf.function(jit_compile=False)
    def run(pixels):
        return model.train_step(tf.cast(pixels, tf.float32) / 127.5 - 1.0)

    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        optimizer.learning_rate.assign(rate)
    start = saved = time.perf_counter()
    while (now := time.perf_counter()) < start + 60.0 * minutes:
        step = int(model.generator_optimizer.iterations)
        logs = run(tf.constant(batch(images, step)))
        if now > saved + SAVE_EVERY:
            save(model, path)
            losses = ", ".join(f"{name} {float(value):.3f}" for name, value in logs.items())
            print(f"step {step}, {step * BATCH / 1000:.0f} thousand faces: {losses}", flush=True)
            model.reset_metrics()
            saved = now
    save(model, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--store", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(0)
    model = stylegan.StyleGAN(**SETTINGS)
    model.compile(options.rate)
    path = options.folder / "state.npz"
    restore(model, path)
    if options.minutes > 0:
        train(model, training_faces(options.folder), path, options.minutes, options.rate)
    if options.store:
        stylegan.store(model, ASSET)
        print(f"{ASSET.stat().st_size / 1e6:.2f} MB")
    print(f"step {int(model.generator_optimizer.iterations)}:", report(model.sample(10_000, seed=1)))


if __name__ == "__main__":
    main()
