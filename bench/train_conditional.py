"""Make conditional_digits.npz, the generator behind the widget of notebook 05: python bench/train_conditional.py

The convolutional generator of notebook 05 by its own code, narrower (48 channels for 64), told label, slant and
thickness from the start, for 4,500 steps. Stores the averaged generator's weights as float16 under "0", "1", … in the
order of ``generator.weights``, for ``networks.load_weights``.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import keras
import notebook_code
import numpy as np

from gentutor import metrics

PATH = bands.FOLDER.parent / "gentutor" / "assets" / "conditional_digits.npz"
NAMES = ("SEED", "LATENT", "BATCH", "split", "one_hot", "train", "labels", "digits", "measured", "MEAN")


def train(steps=4500, seed=0):
    """The notebook's definitions and its conditional GAN, trained with all wishes."""
    notebook = notebook_code.definitions("05_conditional", NAMES)
    keras.utils.set_random_seed(seed)
    gan = notebook.ConditionalGAN(
        notebook.conv_generator(12, width=48), notebook.conv_discriminator(12), ema_decay=0.999
    )
    gan.compile(rate=2e-3, jit_compile=False, steps_per_execution=50)
    conditions = notebook.request(notebook.labels, notebook.measured)
    pairs = notebook.batches(notebook.digits, conditions, notebook.BATCH, seed=2)
    gan.fit(pairs, steps_per_epoch=steps, shuffle=False, verbose=0)
    return notebook, gan


if __name__ == "__main__":
    notebook, gan = train()
    weights = {str(i): weight.astype(np.float16) for i, weight in enumerate(gan.average.get_weights())}
    np.savez_compressed(PATH, **weights)
    split = notebook.split
    asked = np.stack([metrics.slant(split.x_valid), notebook.thickness(split.x_valid)], axis=1)
    pictures = notebook.gan_pictures(gan, notebook.request(split.y_valid, asked), seed=1)
    read = metrics.classify_digits(pictures).argmax(axis=1)
    share = metrics.frechet_excess(pictures, "valid").share
    error = np.mean(np.abs(metrics.slant(pictures) - asked[:, 0]))
    print(
        f"validation part: agreement {100 * np.mean(read == split.y_valid):.2f} %, excess share {share:.3f}", end=", "
    )
    print(f"slants off by {error:.2f} degrees; {PATH.stat().st_size / 1000:.0f} kB")
