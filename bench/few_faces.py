"""A StyleGAN that knows only 500 drawn faces, with and without augmentation: python bench/few_faces.py --seed 0

Trains three models at 32 × 32 for as many steps: on 20,000 faces, on 500, and on 500 with augmentation (Karras et al.
2020, arXiv 2006.06676: the discriminator sees both real and generated pictures shifted, mirrored and recoloured, each
with a probability p that rises while it is too sure of the real ones). Writes few_faces.csv, one row for each model and
seed: the excess Fréchet distance against 5,000 faces that no model has seen, and how sure the discriminator is, as the
mean sign of its logits, on training faces and on unseen ones.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import os

os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # each operation on one core, two side by side: a quarter quicker

# isort: split
import argparse
import csv

import keras
import numpy as np
import stylegan_measures as measures
import tensorflow as tf

from gentutor import data, faces, stylegan, training

STEPS, BATCH, TARGET, PACE = 5000, 16, 0.6, 1 / 2000  # p goes from 0 to 1 in 2,000 steps at most
TABLE = bands.FOLDER / "few_faces.csv"
MODELS = {"20,000 faces": (20_000, False), "500 faces": (500, False), "500 faces, augmented": (500, True)}


class Augment(keras.layers.Layer):
    """Shifts by up to 4 pixels, mirrors and recolours pictures, each with probability p; differentiable."""

    def build(self, shape):
        self.p = self.add_weight(name="p", shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        n = tf.shape(x)[0]

        def chosen():
            return tf.random.uniform((n, 1, 1, 1)) < self.p

        x = tf.where(chosen(), x[:, :, ::-1], x)
        x = tf.where(chosen(), shifted(x, tf.random.uniform((n, 2), -4, 5, tf.int32)), x)
        x = tf.where(chosen(), x + tf.random.normal((n, 1, 1, 1), stddev=0.2), x)  # brightness
        grey = tf.reduce_mean(x, axis=3, keepdims=True)
        x = tf.where(chosen(), grey + tf.exp(tf.random.normal((n, 1, 1, 1), stddev=0.4)) * (x - grey), x)  # saturation
        mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
        return tf.where(chosen(), mean + tf.exp(tf.random.normal((n, 1, 1, 1), stddev=0.3)) * (x - mean), x)  # contrast


def shifted(x, by):
    """Each picture moved by its own whole number of rows and columns, edges repeated: (n, h, w, c), (n, 2)."""
    rows = tf.clip_by_value(tf.range(x.shape[1])[None] - by[:, :1], 0, x.shape[1] - 1)
    columns = tf.clip_by_value(tf.range(x.shape[2])[None] - by[:, 1:], 0, x.shape[2] - 1)
    return tf.gather(tf.gather(x, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


class Adaptive(stylegan.StyleGAN):
    """A StyleGAN whose discriminator looks through ``Augment``; p follows how sure it is of the real pictures."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.augment = Augment()
        picture = keras.Input(self.discriminator.input_shape[1:])
        self.discriminator = keras.Model(picture, self.discriminator(self.augment(picture)))

    def train_step(self, data):
        sure = tf.reduce_mean(tf.sign(self.discriminator(training.unpack_batch(data))))
        self.augment.p.assign(tf.clip_by_value(self.augment.p + PACE * tf.sign(sure - TARGET), 0.0, 0.9))
        return super().train_step(data)


def run(name, seed, steps=STEPS):
    """Train one model; returns its row of the table."""
    count, adaptive = MODELS[name]
    images = faces.render(faces.sample(count, seed=1), 32)
    keras.utils.set_random_seed(seed)
    model = (Adaptive if adaptive else stylegan.StyleGAN)(seed=seed)
    model.compile(steps=steps)
    batches = data.batches(images, BATCH, seed).map(measures.notebook.normalized)
    model.fit(batches, epochs=1, steps_per_epoch=steps, verbose=0)
    unseen = faces.render(faces.sample(500, seed=40), 32)
    sure = [float(np.mean(np.sign(model.discriminator(data.normalize(x[:500]))))) for x in (images, unseen)]
    share = measures.excess_share(model.sample(5000, seed=3))
    return {
        "model": name,
        "seed": seed,
        "share": f"{share:.4f}",
        "sure_seen": f"{sure[0]:.3f}",
        "sure_unseen": f"{sure[1]:.3f}",
        "p": f"{float(model.augment.p):.2f}" if adaptive else "0",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(MODELS), default=list(MODELS))
    options = parser.parse_args()
    for name in options.only:
        row, new = run(name, options.seed), not TABLE.exists()
        with TABLE.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
