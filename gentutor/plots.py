"""Figures in one visual language: arrays in, ``Axes`` out, and nothing is shown for you.

Real data is blue, generated data orange, latent space green, what is wrong vermilion (Okabe and Ito 2008).
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

REAL, GENERATED, LATENT, WRONG = "#0072B2", "#E69F00", "#009E73", "#D55E00"


def use_style():
    """Switch Matplotlib to the course's style sheet: sizes, fonts, grid, colours."""
    plt.style.use(Path(__file__).parent / "assets" / "gentutor.mplstyle")


def image_grid(images, columns=10, title="", ax=None, scale=0.55):
    """Draw images in one tight grid without axes: (n, h, w) or (n, h·w) square, uint8 or floats in [0, 255]."""
    images = np.asarray(images)
    if images.ndim == 2:
        side = round(images.shape[1] ** 0.5)
        images = images.reshape(-1, side, side)
    images = images.reshape(images.shape[:3])
    n, height, width = images.shape
    rows = -(-n // columns)
    canvas = np.zeros((rows, columns, height, width))
    canvas.reshape(-1, height, width)[:n] = images
    picture = canvas.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    if ax is None:
        ax = plt.subplots(figsize=(columns * scale, rows * scale + 0.35))[1]
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.set_title(title)
    return ax


def curves(series, xlabel, ylabel, baselines=(), title="", ax=None):
    """Draw named curves, {label: values} or {label: (x, values)}, with optional baselines [(value, label), ...]."""
    ax = ax or plt.subplots(figsize=(6, 3.2))[1]
    for label, values in series.items():
        x, y = values if isinstance(values, tuple) else (np.arange(1, len(values) + 1), values)
        ax.plot(x, y, label=label)
    for value, label in baselines:
        ax.axhline(value, color="#555555", linestyle="--", linewidth=1.2, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if len(series) + len(baselines) > 1:
        ax.legend()
    return ax


# ---- 00 and 01 ----


def scaled_histogram(images, low, high, output_range=None, activation="the output", ax=None):
    """Draw the histogram of uint8 images scaled to [low, high]; what an activation can put out is shaded."""
    ax = ax or plt.subplots(figsize=(5.2, 2.8))[1]
    shares = 100 * np.bincount(np.ravel(images) // 8, minlength=32) / np.size(images)
    edges = low + (high - low) * np.linspace(0, 1, 33)
    ax.stairs(shares, edges, baseline=1e-3, fill=True, color=REAL, label="scaled pixels")
    limits = min(-2.2, low), max(2.2, high)
    if output_range is not None:
        bottom, top = np.clip(output_range, *limits)
        label = f"range of {activation}"
        ax.axvspan(bottom, top, color=GENERATED, alpha=0.3, linewidth=0, zorder=0.6, label=label)
    ax.set(xlim=limits, ylim=(0.05, 130), yscale="log", xlabel="value", xticks=range(-2, 3))
    ax.set_yticks([0.1, 1, 10, 100], ["0.1 %", "1 %", "10 %", "100 %"])
    ax.set_ylabel("share of pixels")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


# ---- 02 the GAN adversarial loop ----


# ---- 03 the VAE ELBO ----
