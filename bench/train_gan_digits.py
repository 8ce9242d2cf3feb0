"""Draw the bundled digits of a GAN for the game of notebook 04: python bench/train_gan_digits.py, four minutes.

The better GAN of notebook 02, trained for 20,000 steps instead of 6,000; the first 400 digits that it draws, none
picked. Writes gentutor/assets/gan_digits.npz.
"""

import bands  # keeps the process on two cores before TensorFlow starts

# isort: split
import numpy as np
import seeds_gan

from gentutor import metrics

STEPS, COUNT = 20_000, 400


def main():
    model = seeds_gan.better_gan(seed=0)
    seeds_gan.train(model, 64, STEPS // seeds_gan.EPOCH)
    print(metrics.frechet_excess(model.sample(5000, seed=3), "valid"))
    path = bands.FOLDER.parent / "gentutor" / "assets" / "gan_digits.npz"
    np.savez_compressed(path, images=model.sample(COUNT, seed=4).reshape(-1, 28, 28))
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
