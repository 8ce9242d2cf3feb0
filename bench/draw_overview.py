"""Make notebooks/images/overview.png, the picture at the top of README: python bench/draw_overview.py

Left, the bundled decoder's map of digits; right, the better GAN of notebook 02 while it learns, from the same noise.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import keras
import matplotlib.pyplot as plt
import numpy as np
import seeds_gan

from gentutor import callbacks, data, networks, plots, widgets

PATH = bands.FOLDER.parent / "notebooks" / "images" / "overview.png"
SHOWN = (0, 1, 2, 4, 12)  # epochs of 500 steps


def latent_map():
    """Decoded points of a 12 × 12 grid: uint8 (144, 784)."""
    with np.load(data.asset("vae2d.npz")) as file:
        decoder = networks.load_weights(networks.mlp_decoder(latent_dim=2), dict(file))
    return data.denormalize(keras.ops.sigmoid(decoder(widgets.latent_grid((-3, 3), 12))), 0, 1)


def film():
    """Ten samples from the same noise after each epoch: a list of uint8 (10, 784)."""
    snapshots = callbacks.Snapshots(lambda model: model.sample(10, seed=1))
    seeds_gan.train(seeds_gan.better_gan(0), 64, seeds_gan.BETTER_EPOCHS, [snapshots])
    return snapshots.frames


def draw(decoded, frames):
    """The two halves, as one figure."""
    figure = plt.figure(figsize=(10.4, 4.3))
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    ax = plots.latent_map(decoded, ax=left.subplots())
    ax.set_title("two numbers draw a digit")
    axes = right.subplots(len(SHOWN), 1)
    for ax, epoch in zip(axes, SHOWN, strict=True):
        plots.image_grid(frames[epoch], columns=10, ax=ax)
        ax.set_ylabel(f"step {500 * epoch:,}", rotation=0, ha="right", va="center")
        ax.spines[:].set_visible(False)
    axes[0].set_title("a generator learns to draw")
    return figure


if __name__ == "__main__":
    plots.use_style()
    PATH.parent.mkdir(exist_ok=True)
    draw(latent_map(), film()).savefig(PATH, dpi=100)
    print(f"{PATH.name}: {PATH.stat().st_size / 1000:.0f} kB")
