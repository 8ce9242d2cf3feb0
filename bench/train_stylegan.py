"""Train the StyleGAN of notebook 07 on drawn faces up to 64 × 64: python bench/train_stylegan.py --minutes 60 (2 cores)

Stops after so many minutes and goes on from there when it is called again: the work folder (``--folder``, about 300 MB)
holds all weights, both optimizers and the drawn faces; noise and batches are functions of the step alone. With
``--falling`` the learning rates fall to 0 over this stretch, from their full size or a share of it: the last one.
``--report`` prints the numbers that notebook 07 reports; ``--store`` writes all weights to stylegan_state.npz as
float16: a new work folder goes on from those weights, and so does stylegan_encoder.py, which finishes the checkpoint.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import os

os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # each operation on one core, two side by side: a quarter quicker
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # TensorFlow leaves it off without AVX-512: 1.5 times as slow
os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_ALLOWLIST_REMOVE"] = "MatMul,BatchMatMul,BatchMatMulV2"  # see train

# isort: split
import argparse
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
from stylegan_measures import report

from gentutor import faces, stylegan

CHANNELS = (96, 48, 24)
STAGES = {16: 8000, 32: 15_000, 64: 10**9}  # steps at each size; the last goes on as long as it may
BATCH, FACES, SAVE_EVERY = 32, 20_000, 120  # SAVE_EVERY in seconds
PENALTY, RATE, UNITS = 2.0, 0.01, 128  # the package's 10, 0.02 and 64 are for short trainings: see stylegan_trials.md
SIZE = 64
FOLDER = bands.FOLDER.parent / "build" / "stylegan"
STATE = bands.FOLDER / "stylegan_state.npz"


def training_faces(folder):
    """20,000 drawn faces of 64 × 64, kept in the work folder."""
    path = folder / "faces.npy"
    if not path.exists():
        np.save(path, faces.render(faces.sample(FACES, seed=1), SIZE))
    return np.load(path)


def batch(images, size, step):
    """The batch of one step: a function of the step alone, so that a run that was stopped goes on as if it was not."""
    return images[np.random.default_rng([size, step]).integers(0, len(images), BATCH)]


def weights(model):
    """Weights of all networks, as a list of variables."""
    networks = model.mapping, model.synthesis, model.ema_mapping, model.ema_synthesis, model.discriminator
    return [weight for network in networks for weight in network.weights]


def variables(model):
    """All that a training run must remember: the weights, and what the optimizers know."""
    return [*weights(model), *model.generator_optimizer.variables, *model.discriminator_optimizer.variables]


def save(model, path):
    """Write the size and all variables; the old file stays until the new one is whole."""
    new, values = path.with_name("new.npz"), [keras.ops.convert_to_numpy(variable) for variable in variables(model)]
    np.savez(new, size=model.size, **{str(i): value for i, value in enumerate(values)})
    new.replace(path)


def store_state(model, path=STATE):
    """Write the weights as float16, with the steps made at this size, for others to go on from."""
    values = {str(i): keras.ops.convert_to_numpy(weight).astype(np.float16) for i, weight in enumerate(weights(model))}
    np.savez_compressed(path, size=model.size, steps=int(model.generator_optimizer.iterations), **values)


def restore(path, state=None):
    """The model as it was saved in the work folder, or as ``state`` stored it, or a new one of the first size."""
    keras.utils.set_random_seed(0)
    source = next((file for file in (path, state) if file and file.exists()), None)
    stored = np.load(source) if source else {"size": min(STAGES)}
    channels = CHANNELS[: int(np.log2(stored["size"])) - 3]
    model = stylegan.StyleGAN(channels, penalty=PENALTY, ema_decay=0.999, units=UNITS)
    model.compile()
    if source:
        for i, variable in enumerate(variables(model) if source == path else weights(model)):
            variable.assign(stored[str(i)])
    if "steps" in stored:
        for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
            optimizer.iterations.assign(stored["steps"])
    set_rates(model, 1.0)
    return model


def set_rates(model, share):
    """Both learning rates, as a share of the full ones."""
    model.generator_optimizer.learning_rate.assign(share * RATE)
    model.discriminator_optimizer.learning_rate.assign(share * stylegan.DISCRIMINATOR_RATE)


def compiled_step(model):
    """A function of uint8 pictures of 64 × 64 that trains one step on them, shrunk to the model's size."""
    factor = SIZE // model.size

    @tf.function(jit_compile=False)
    def run(pixels):
        return model.train_step(tf.nn.avg_pool2d(tf.cast(pixels, tf.float32) / 127.5 - 1.0, factor, factor, "VALID"))

    return run


def train(model, images, path, minutes, falling=0.0):
    """Train for so many minutes, growing when a stage is over; saves on the way and at the end. Returns the model.

    Convolutions take bfloat16, where the processor does (1.4 times as quick); products of matrices do not, because
    Muon's iteration would leave its bounds.
    """
    _bfloat16(has_bfloat16())
    run, start = compiled_step(model), time.perf_counter()
    saved = start
    while (now := time.perf_counter()) < start + 60.0 * minutes:
        if falling:
            set_rates(model, falling * (1.0 - (now - start) / (60.0 * minutes)))
        step = int(model.generator_optimizer.iterations)
        if step >= STAGES[model.size]:
            keras.utils.set_random_seed(model.size)
            model = model.grown(CHANNELS[len(model.channels)])
            model.compile()
            run, step = compiled_step(model), 0
        logs = run(tf.constant(batch(images, model.size, step)))
        if now > saved + SAVE_EVERY:
            save(model, path)
            losses = ", ".join(f"{name} {float(value):.3f}" for name, value in logs.items())
            print(f"{model.size} × {model.size}, step {step}: {losses}", flush=True)
            model.reset_metrics()
            saved = now
    save(model, path)
    _bfloat16(False)
    return model


def has_bfloat16():
    """Whether the processor calculates in bfloat16; where it must be imitated a step takes three times as long."""
    known = pathlib.Path("/proc/cpuinfo")
    return known.exists() and "bf16" in known.read_text()


def _bfloat16(wanted):
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": wanted})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--falling", type=float, nargs="?", const=1.0, default=0.0, metavar="SHARE")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--store", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "state.npz"
    model = restore(path, STATE)
    if options.minutes > 0:
        model = train(model, training_faces(options.folder), path, options.minutes, options.falling)
    print(f"{model.size} × {model.size}, step {int(model.generator_optimizer.iterations)}")
    if options.store:
        store_state(model)
        print(f"{STATE.stat().st_size / 1e6:.2f} MB")
    if options.report:
        print(report(model.sample(10_000, seed=1)))


if __name__ == "__main__":
    main()
