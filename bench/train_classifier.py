"""Train the small digit classifier behind gentutor.metrics: python bench/train_classifier.py (4 minutes, 2 cores).

Writes gentutor/assets/digit_classifier.npz (float16 arrays). Epochs and augmentation were chosen on the validation
part; the test part is looked at once, at the end, with the weights as they are stored.
"""

import argparse
import math
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf

from gentutor import data, metrics

BATCH, EPOCHS, PEAK_RATE, DROPOUT = 125, 20, 2e-3, 0.4
ASSET = pathlib.Path(metrics.__file__).parent / "assets" / metrics.CLASSIFIER
SHAPES = {
    "conv1": (5, 5, 1, 32),
    "conv2": (3, 3, 32, 64),
    "conv3": (3, 3, 64, 32),
    "dense1": (800, 96),
    "dense2": (96, 10),
}


def initial_weights(shapes, seed):
    """He-normal kernels of {name: shape} and zero biases as a dictionary of variables."""
    rng, weights = np.random.default_rng(seed), {}
    for name, shape in shapes.items():
        scale = math.sqrt(2.0 / math.prod(shape[:-1]))
        weights[name] = tf.Variable(rng.normal(0, scale, shape).astype(np.float32))
        weights[name + "_bias"] = tf.Variable(np.zeros(shape[-1], np.float32))
    return weights


def augment(images):
    """Turn, scale, shear and shift each image a little: float (batch, 28, 28, 1) -> the same shape."""
    n = tf.shape(images)[0]
    turn, shear = tf.random.uniform([n], -0.2, 0.2), tf.random.uniform([n], -0.15, 0.15)
    wide, high = tf.random.uniform([n], 0.88, 1.12), tf.random.uniform([n], 0.88, 1.12)
    a, b = wide * tf.cos(turn), high * (shear - tf.sin(turn))
    c, d = wide * tf.sin(turn), high * tf.cos(turn)
    dx, dy = tf.random.uniform([n], -2.0, 2.0), tf.random.uniform([n], -2.0, 2.0)
    x0, y0 = 13.5 - a * 13.5 - b * 13.5 + dx, 13.5 - c * 13.5 - d * 13.5 + dy
    zero = tf.zeros([n])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=tf.stack([a, b, x0, c, d, y0, zero, zero], axis=1), output_shape=[28, 28],
        interpolation="BILINEAR", fill_mode="CONSTANT", fill_value=0.0,
    )  # fmt: skip


def train(split, epochs, seed=0):
    """Train by Adam with a cosine schedule and print the validation accuracy of each epoch; returns the weights."""
    tf.random.set_seed(seed)
    weights = initial_weights(SHAPES, seed)
    steps = len(split.x_train) // BATCH
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(
        1e-4, epochs * steps, warmup_target=PEAK_RATE, warmup_steps=steps))  # fmt: skip
    variables = list(weights.values())
    optimizer.build(variables)

    @tf.function
    def step(images, labels):
        x = augment(tf.cast(images, tf.float32)[..., None] / 255.0)
        with tf.GradientTape() as tape:
            _, logits = metrics.classifier(weights, x, dropout=DROPOUT)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        start, losses = time.perf_counter(), []
        for rows in rng.permutation(len(split.x_train))[: steps * BATCH].reshape(steps, BATCH):
            losses.append(step(tf.constant(split.x_train[rows]), tf.constant(split.y_train[rows].astype(np.int32))))
        score = accuracy(weights, split.x_valid, split.y_valid)
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1:2d}: loss {np.mean(losses):.4f}, validation {score:.2%}, {seconds:.0f} s", flush=True)
    return weights


def outputs(weights, images):
    """Raw features and logits of uint8 images, a thousand at a time."""
    parts = [images[i : i + 1000, ..., None].astype(np.float32) / 255.0 for i in range(0, len(images), 1000)]
    parts = [metrics.classifier(weights, part) for part in parts]
    return [np.concatenate([part[k] for part in parts]) for k in (0, 1)]


def accuracy(weights, images, labels):
    """Share of images whose largest logit is at their label."""
    return float(np.mean(outputs(weights, images)[1].argmax(axis=1) == labels))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=pathlib.Path, default=ASSET)
    options = parser.parse_args()
    split = data.load_mnist()
    weights = {name: value.numpy().astype(np.float16) for name, value in train(split, options.epochs).items()}
    stored = {name: tf.constant(value.astype(np.float32)) for name, value in weights.items()}
    features, _ = outputs(stored, split.x_train)
    scales = {"feature_mean": features.mean(axis=0), "feature_sd": features.std(axis=0)}
    np.savez_compressed(options.out, **weights, **scales)
    print(f"stored weights: validation {accuracy(stored, split.x_valid, split.y_valid):.2%}", flush=True)
    print(f"test {accuracy(stored, split.x_test, split.y_test):.2%}, {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
