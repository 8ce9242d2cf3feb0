"""Draw the bundled digits of a GAN for the game of notebook 04: python bench/train_gan_digits.py, four minutes.

The better GAN of notebook 02, trained for 20,000 steps instead of 6,000; the first 400 digits that it draws, none
picked. Writes gentutor/assets/gan_digits.npz.
"""

import bands  # keeps the process on two cores before TensorFlow starts

# isort: split
import keras
import numpy as np

from gentutor import data, gan, metrics, networks

STEPS, COUNT = 20_000, 400


def main():
    keras.utils.set_random_seed(0)
    players = networks.mlp_generator(64, 784, (256, 256)), networks.mlp_discriminator(784, (256, 256))
    model = gan.GAN(*players, gradient_penalty=1.0, ema_decay=0.998)
    optimizers = [keras.optimizers.Adam(1e-3, beta_1=0.0) for _ in range(2)]
    model.compile(*optimizers, jit_compile=True, steps_per_execution=50)
    images = data.load_mnist().x_train.reshape(-1, 784)
    batches = data.batches(images, 64).map(lambda x: keras.ops.cast(x, "float32") / 127.5 - 1.0)
    model.fit(batches, epochs=STEPS // 500, steps_per_epoch=500, verbose=0)
    print(metrics.frechet_excess(model.sample(5000, seed=3), "valid"))
    path = bands.FOLDER.parent / "gentutor" / "assets" / "gan_digits.npz"
    np.savez_compressed(path, images=model.sample(COUNT, seed=4).reshape(-1, 28, 28))
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
