"""Train the small network that reads drawn faces: python bench/train_face_reader.py (7 minutes, 1 core).

Writes gentutor/assets/face_reader.npz (float16 arrays) and bench/face_reader.csv: how often each named factor is
right, and how far off the others are, over 10,000 new faces, with the weights as they are stored. Steps, rate, blur
and noise were chosen on other faces. With ``--second`` it does so for face_reader_2.npz and face_reader_2.csv: the same
from other starting weights, which notebook 07 searches with so that the first one can judge.
"""

import bands  # keeps the process on two cores before TensorFlow starts

# isort: split
import argparse
import csv
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
from train_classifier import initial_weights

from gentutor import faces

BATCH, STEPS, PEAK_RATE, NOISE = 128, 10_000, 2e-3, 0.1
POOL, PASSES = 40_000, 2  # faces drawn at a time, and how often each is seen before others are drawn
SECOND = "face_reader_2.npz"
SIZES = [len(words) for words in faces.NAMES.values()]
SHAPES = {
    "conv1": (5, 5, 3, 24),
    "conv2": (3, 3, 24, 48),
    "conv3": (3, 3, 48, 64),
    "dense": (1024, 128),
    "heads": (128, sum(SIZES) + len(faces.CONTINUOUS)),
}


def targets(factors):
    """Labels of the named factors (n, 7) and values of the continuous ones (n, 5)."""
    labels = np.stack([factors[name] for name in faces.NAMES], axis=1).astype(np.int32)
    return labels, np.stack([factors[name] for name in faces.CONTINUOUS], axis=1)


def worsen(x):
    """Blur and noise, from none to strong, a dose for each picture: the network is to read generated faces too."""
    blur, noise = (tf.random.uniform([BATCH, 1, 1, 1], 0.0, most) ** 2 for most in (1.0, NOISE**0.5))
    x += blur * (tf.nn.avg_pool2d(x, 3, 1, "SAME") - x)
    return x + noise * tf.random.normal(tf.shape(x))


def loss_of(weights, x, labels, values):
    """Cross-entropies of the named factors plus 4 times the squared errors of the others, averaged over the batch."""
    _, logits, estimates = faces.reader(weights, x)
    parts = tf.split(logits, SIZES, axis=1)
    entropy = sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels[:, k], part) for k, part in enumerate(parts))
    return tf.reduce_mean(entropy + 4.0 * tf.reduce_sum(tf.square(estimates - values), axis=1))


def train(steps, seed=0):
    """Train by Adam with a cosine schedule on faces that are drawn on the way; returns the weights."""
    tf.random.set_seed(seed)
    weights = initial_weights(SHAPES, seed)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(
        1e-4, steps, alpha=0.01, warmup_target=PEAK_RATE, warmup_steps=300))  # fmt: skip
    variables = list(weights.values())
    optimizer.build(variables)

    @tf.function
    def step(images, labels, values):
        x = worsen(tf.cast(images, tf.float32) / 255.0)
        with tf.GradientTape() as tape:
            loss = loss_of(weights, x, labels, values)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    start, per_pool = time.perf_counter(), PASSES * (POOL // BATCH)
    for first in range(0, steps, per_pool):
        factors = faces.sample(POOL, seed=1000 + first)
        images, (labels, values) = faces.render(factors, 32), targets(factors)
        starts = [k * BATCH % (POOL - POOL % BATCH) for k in range(min(per_pool, steps - first))]
        parts = [slice(row, row + BATCH) for row in starts]
        losses = [step(images[part], labels[part], values[part]) for part in parts]
        print(f"step {first + len(parts)}: loss {np.mean(losses):.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    return weights


def store(weights, path):
    """Write the weights as float16, with the scale of the features over 10,000 drawn faces."""
    stored = {name: value.numpy().astype(np.float16) for name, value in weights.items()}
    constants = {name: tf.constant(value.astype(np.float32)) for name, value in stored.items()}
    images = faces.render(faces.sample(10_000, seed=2), 32)
    parts = [faces.reader(constants, images[i : i + 500].astype(np.float32) / 255.0)[0] for i in range(0, 10_000, 500)]
    summary = np.concatenate(parts)
    spread = summary.std(axis=0)
    spread[spread < 0.05 * np.median(spread)] = 1.0  # a unit that hardly ever fires stays small, whatever wakes it
    scales = {"feature_mean": summary.mean(axis=0), "feature_sd": spread}
    np.savez_compressed(path, **stored, **scales)


def accuracies(seed, n=10_000):
    """Share of right answers of each named factor, mean absolute error of each continuous one, over new faces."""
    factors = faces.sample(n, seed)
    found = faces.read(faces.render(factors, 32))
    rows = {name: ("share right", float(np.mean(found[name] == factors[name]))) for name in faces.NAMES}
    return rows | {
        name: ("mean absolute error", float(np.mean(np.abs(found[name] - factors[name])))) for name in faces.CONTINUOUS
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=3, help="of the faces to test on")
    parser.add_argument("--second", action="store_true", help="the network that notebook 07 searches with")
    options = parser.parse_args()
    if options.second:
        faces.READER = SECOND
    asset = pathlib.Path(faces.__file__).parent / "assets" / faces.READER
    table = (bands.FOLDER / faces.READER).with_suffix(".csv")
    if options.steps:
        store(train(options.steps, seed=int(options.second)), asset)
    rows = accuracies(options.seed)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["factor", "measure", "value"])
        writer.writerows([name, measure, f"{value:.4f}"] for name, (measure, value) in rows.items())
    print(table.read_text(), f"{asset.stat().st_size / 1e3:.0f} kB, {bands.use_two_cores()} core(s)")


if __name__ == "__main__":
    main()
