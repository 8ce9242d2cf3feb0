"""Figures in one visual language: arrays in, ``Axes`` out, and nothing is shown for you.

Real data is blue, generated data orange, latent space green, what is wrong vermilion (Okabe and Ito 2008).
"""

import itertools
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

REAL, GENERATED, LATENT, WRONG = "#0072B2", "#E69F00", "#009E73", "#D55E00"
BASELINES = [{"color": "#555555", "linestyle": style, "linewidth": 1.2} for style in ("--", ":", "-.")]


def use_style():
    """Switch Matplotlib to the course's style sheet: sizes, fonts, grid, colours."""
    plt.style.use(Path(__file__).parent / "assets" / "gentutor.mplstyle")


def image_grid(images, columns=10, title="", ax=None, scale=0.55):
    """Draw images in one tight grid without axes: uint8 or floats in [0, 255], grey or in colour.

    Grey images are (n, h, w), (n, h, w, 1) or flat squares (n, h·w), coloured ones (n, h, w, 3).
    """
    images = np.asarray(images)
    if images.ndim == 2:
        side = round(images.shape[1] ** 0.5)
        images = images.reshape(-1, side, side)
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)):
        raise ValueError(f"images must have the shape (n, h, w), (n, h·w) or (n, h, w, 3), but it is {images.shape}.")
    if images.shape[3:] == (1,):
        images = images[..., 0]
    n, height, width, *colours = images.shape
    rows = -(-n // columns)
    canvas = np.zeros((rows * columns, height, width, *colours))
    canvas[:n] = images
    canvas = canvas.reshape(rows, columns, height, width, *colours).swapaxes(1, 2)
    picture = canvas.reshape(rows * height, columns * width, *colours)
    if colours:  # Matplotlib takes coloured pixels from 0 to 255 as uint8 only
        picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if ax is None:
        ax = plt.subplots(figsize=(columns * scale, rows * scale + 0.35))[1]
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.set_title(title)
    return ax


def curves(series, xlabel, ylabel, baselines=(), title="", ax=None, colours=()):
    """Draw named curves, {label: values} or {label: (x, values)}, with optional baselines [(value, label), ...].

    Values alone are counted 1, 2, 3, …; ``colours`` names a colour for each curve, by default the course's in turn.
    """
    ax = ax or plt.subplots(figsize=(6, 3.2))[1]
    for label, values in series.items():
        x, y = values if isinstance(values, tuple) else (np.arange(1, len(values) + 1), values)
        ax.plot(x, y, label=label)
    for line, colour in zip(ax.lines, colours, strict=False):
        line.set_color(colour)
    for (value, label), style in zip(baselines, itertools.cycle(BASELINES)):
        ax.axhline(value, label=label, **style)
    if not any(isinstance(values, tuple) for values in series.values()):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
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


def course_map(here, planned):
    """Draw the course, one row a part, from two {part: [notebook, ...]}; ``planned`` ones have a dashed outline."""
    ax = plt.subplots(figsize=(8.8, 0.66 * len(planned)))[1]
    for row, part in enumerate(planned):
        ax.text(0.0, -row, part, va="center", weight="bold")
        rows = [(name, REAL, "-", "white") for name in here.get(part, [])]
        rows += [(name, "#999999", "--", "#555555") for name in planned[part]]
        for column, (name, edge, line, colour) in enumerate(rows):
            left, face = 2.25 + 1.52 * column, REAL if edge == REAL else "white"
            shape = "round,pad=0,rounding_size=0.06"
            ax.add_patch(FancyBboxPatch((left, -row - 0.36), 1.36, 0.72, boxstyle=shape, fc=face, ec=edge, ls=line))
            ax.text(left + 0.68, -row, name, ha="center", va="center", size=8.5, color=colour, linespacing=1.1)
    ax.set(xlim=(-0.05, 9.9), ylim=(0.45 - len(planned), 0.5))
    ax.axis("off")
    ax.set_title("The course: filled = here now, dashed = to come", loc="left")
    return ax


def families(models):
    """Draw what families of models give for the likelihood against what one sample costs.

    Args: ``models``, rows (name, "exact", "a bound" or "none", fewest passes, most passes, how far to lift the row).
    Notebook 00 names the papers behind each.
    """
    ax = plt.subplots(figsize=(9.2, 3.9))[1]
    levels = {"none": 0, "a bound": 1, "exact": 2}
    for name, likelihood, fewest, most, lift in models:
        y, ends = levels[likelihood] + lift, sorted({fewest, most})
        ax.plot(ends, [y] * len(ends), "o-", color=GENERATED, linewidth=4, markersize=9)
        place = (fewest / 1.12, "left") if fewest < 100 else (most * 1.12, "right")
        ax.text(place[0], y + 0.13, name, ha=place[1], va="bottom", size=10)
    ax.set(xscale="log", xlim=(0.7, 1800), ylim=(-0.4, 2.6), xlabel="passes through a network for one sample")
    ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    ax.set_yticks([0, 1, 2], ["none", "a bound", "exact"])
    ax.set_ylabel("what it gives for log p(x)")
    return ax


def latent_map(images, limits=(-3, 3), ax=None):
    """Draw decoded points of a two-dimensional latent space: (n², h, w), row by row from the top left, z₂ upwards."""
    ax = ax or plt.subplots(figsize=(4.2, 4.2))[1]
    image_grid(images, columns=math.isqrt(len(images)), ax=ax)
    size = ax.images[0].get_array().shape
    names = [f"{tick:g}".replace("-", "−") for tick in np.linspace(*limits, 5)]
    places = np.linspace(0, 1, 5)
    ax.set_xticks(places * size[1] - 0.5, names)
    ax.set_yticks(size[0] - 0.5 - places * size[0], names)
    ax.set_xlabel("z₁")
    ax.set_ylabel("z₂", rotation=0, va="center")
    ax.tick_params(colors=LATENT)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(color=LATENT, weight="bold", size=13)
    return ax


def pixel_values(image, rows, columns):
    """Draw an image with a part of it framed, beside that part with its numbers; ``rows``, ``columns`` are slices."""
    (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.5), width_ratios=(1, 1.25))[1]
    part = image[rows, columns]
    for ax, pixels in ((left, image), (right, part)):
        ax.imshow(pixels, vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    corner, height, width = (columns.start - 0.5, rows.start - 0.5), *part.shape
    left.add_patch(Rectangle(corner, width, height, fill=False, ec=REAL, lw=2.5))
    for (row, column), value in np.ndenumerate(part):
        right.text(column, row, value, ha="center", va="center", size=8, color="black" if value > 127 else "white")
    left.set_title(f"{image.shape[0]} × {image.shape[1]} pixels")
    right.set_title("the framed part: 0 is black, 255 white")
    for spine in right.spines.values():
        spine.set(visible=True, color=REAL, lw=2.5)
    return right


def image_rows(rows, wrong=(), title=""):
    """Draw one row of images for each {label: uint8 (n, 28, 28) or (n, 784)}; labels in ``wrong`` are vermilion."""
    count = max(len(images) for images in rows.values())
    size = 2.0 + 0.56 * count, 0.62 * len(rows) + 0.4 * bool(title)
    figure, axes = plt.subplots(len(rows), 1, figsize=size, squeeze=False)
    for ax, (label, images) in zip(axes[:, 0], rows.items(), strict=True):
        image_grid(images, columns=count, ax=ax)
        colour = WRONG if label in wrong else "black"
        ax.set_ylabel(("✗ " if label in wrong else "") + label, rotation=0, ha="right", va="center", color=colour)
        ax.spines[:].set_visible(False)
    if title:
        figure.suptitle(title)
    return axes[:, 0]


def activations(functions, x):
    """Draw the last activations {name: function} over ``x``, with what each can put out shaded and written down."""
    axes = plt.subplots(1, len(functions), figsize=(2.6 * len(functions), 2.2), sharex=True, sharey=True)[1]
    for ax, (name, function) in zip(axes, functions.items(), strict=True):
        y = np.asarray(function(x))
        ax.plot(x, y, color=GENERATED)
        ax.axhspan(max(y.min(), -2.5), min(y.max(), 2.5), color=GENERATED, alpha=0.2, linewidth=0)
        ax.set(title=name, xlabel="before the activation", ylim=(-2.5, 2.5))
    axes[0].set_ylabel("output")
    return axes


def seed_results(results, xlabel, baselines=(), wrong=(), ax=None):
    """Draw {recipe: values of several seeds} as dots on one row each, with baselines [(value, label), ...]."""
    ax = ax or plt.subplots(figsize=(7, 0.34 * len(results) + 1.1))[1]
    names = list(results)[::-1]
    for row, name in enumerate(names):
        colour, marker = (WRONG, "X") if name in wrong else (GENERATED, "o")
        ax.plot(results[name], np.full(len(results[name]), row), marker, color=colour, alpha=0.7, markersize=8)
    for (value, label), style in zip(baselines, itertools.cycle(BASELINES)):
        ax.axvline(value, label=label, **style)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel=xlabel, ylim=(-0.6, len(names) - 0.4), xlim=(0, None))
    if baselines:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(baselines))
    return ax


# ---- 02 the GAN adversarial loop ----


def gan_diagram(latent_dim=100, hidden=(128,), pixels=784):
    """Draw the two players as boxes with the shapes on their arrows: z -> generator -> discriminator <- real images."""
    ax = plt.subplots(figsize=(9.6, 2.5))[1]
    widths = " → ".join(str(width) for width in hidden)
    boxes = [
        (0.0, 1.3, "z ~ N(0, I)", LATENT),
        (2.6, 1.3, f"generator G\n{widths}", "#555555"),
        (5.2, 1.3, "generated", GENERATED),
        (5.2, 0.0, "real", REAL),
        (7.8, 0.65, f"discriminator D\n{widths}", "#555555"),
    ]
    for left, bottom, text, colour in boxes:
        shape = "round,pad=0,rounding_size=0.1"
        ax.add_patch(FancyBboxPatch((left, bottom), 1.5, 0.9, boxstyle=shape, fc="white", ec=colour))
        ax.text(left + 0.75, bottom + 0.45, text, ha="center", va="center", color=colour)
    arrows = [
        ((1.52, 1.75), (2.58, 1.75), f"{latent_dim}"),
        ((4.12, 1.75), (5.18, 1.75), f"{pixels}"),
        ((6.72, 1.75), (7.78, 1.3), f"{pixels}"),
        ((6.72, 0.45), (7.78, 0.9), f"{pixels}"),
        ((9.32, 1.1), (10.3, 1.1), "1 logit"),
    ]
    for start, end, shape in arrows:
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#555555"})
        ax.text((start[0] + end[0]) / 2, max(start[1], end[1]) + 0.08, shape, ha="center", va="bottom", size=9)
    ax.text(10.36, 1.1, "real?", va="center")
    back = {"arrowstyle": "->", "color": "#555555", "linestyle": "--", "shrinkA": 0}
    ax.plot([8.55, 8.55, 3.35], [0.63, -0.25, -0.25], "--", color="#555555", lw=1.2)
    ax.annotate("", (3.35, 1.28), (3.35, -0.26), arrowprops=back)
    ax.text(5.95, -0.22, "gradient of the generator's loss", ha="center", va="bottom", size=9, color="#555555")
    ax.set(xlim=(-0.1, 11.0), ylim=(-0.4, 2.3))
    ax.axis("off")
    return ax


def logit_maps(maps, limit, top=2.5):
    """Draw maps {title: logits (n, n)} over [-limit, limit]² in one colour scale: blue says real, orange generated."""
    figure, axes = plt.subplots(1, len(maps), figsize=(3.1 * len(maps) + 0.9, 3.2), squeeze=False)
    colours = LinearSegmentedColormap.from_list("game", [GENERATED, "white", REAL])
    levels = np.linspace(-top, top, 11)
    for ax, (title, logits) in zip(axes[0], maps.items(), strict=True):
        axis = np.linspace(-limit, limit, len(logits))
        filled = ax.contourf(axis, axis, logits, levels, cmap=colours, extend="both")
        ax.contour(axis, axis, logits, [0.0], colors="black", linewidths=1)
        ax.set(title=title, xlabel="x₁", aspect="equal")
    axes[0, 0].set_ylabel("x₂")
    figure.colorbar(filled, ax=axes, label="logit (0: black line)", ticks=levels[::2])
    return axes[0]


def point_clouds(clouds, limit, titles=(), columns=4):
    """Draw two-dimensional samples, one panel for each (real, generated) pair of arrays (n, 2)."""
    columns = min(columns, len(clouds))
    rows = -(-len(clouds) // columns)
    size = (2.1 * columns + 0.3, 2.25 * rows + 0.2)
    axes = plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False)[1]
    for ax in axes.flat[len(clouds) :]:
        ax.set_visible(False)
    for ax, (real, generated), title in zip(axes.flat, clouds, titles or [""] * len(clouds), strict=False):
        cloud(real, generated, limit, title, ax)
    names = {"ncols": 2, "markerscale": 3, "handletextpad": 0.2}
    axes[0, 0].figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", **names)
    return axes


def cloud(real, generated, limit, title="", ax=None):
    """Draw one panel of two-dimensional samples: real ones blue, generated ones orange, arrays (n, 2)."""
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    ax.scatter(*np.transpose(real), s=4, color=REAL, alpha=0.5, linewidth=0, label="real")
    ax.scatter(*np.transpose(generated), s=8, color=GENERATED, alpha=0.8, linewidth=0, label="generated")
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=title)
    return ax


def label_histogram(shares, ax=None):
    """Draw how often each digit comes up, {name: shares (10,)}, in per cent; the first one is the real data's."""
    ax = ax or plt.subplots(figsize=(7.2, 2.8))[1]
    width = 0.8 / len(shares)
    colours, hatches = [REAL, *[GENERATED] * (len(shares) - 1)], ["", "", "//", ".."]
    for column, (name, values) in enumerate(shares.items()):
        places = np.arange(10) + (column - (len(shares) - 1) / 2) * width
        ax.bar(
            places, 100 * np.asarray(values), width, label=name, color=colours[column], hatch=hatches[column], ec="w"
        )
    ax.set(xlabel="digit, as the bundled classifier names it", ylabel="share, per cent", xticks=range(10))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(shares))
    return ax


# ---- 03 the VAE ELBO ----


def vae_diagram(pixels=784, hidden=(256,), latent_dim=2):
    """Draw the classic VAE as boxes with the shapes on its arrows: x -> encoder -> q(z|x) -> z -> decoder -> logits."""
    ax = plt.subplots(figsize=(9.6, 1.9))[1]
    widths = " → ".join(str(width) for width in hidden)
    boxes = [
        ("x", REAL, f"{pixels}"),
        (f"encoder\nReLU {widths}", "#555555", f"mean {latent_dim}\nlog_var {latent_dim}"),
        ("q(z|x)\nmean + sd · ε", LATENT, f"z: {latent_dim}"),
        (f"decoder\nReLU {widths}", "#555555", f"logits {pixels}"),
        ("p(x|z)", GENERATED, ""),
    ]
    for column, (text, colour, shape) in enumerate(boxes):
        left = 2.3 * column
        shape_of_box = "round,pad=0,rounding_size=0.1"
        ax.add_patch(FancyBboxPatch((left, 0), 1.35, 1, boxstyle=shape_of_box, fc="white", ec=colour))
        ax.text(left + 0.675, 0.5, text, ha="center", va="center", color=colour)
        if shape:
            ax.annotate("", (left + 2.28, 0.5), (left + 1.37, 0.5), arrowprops={"arrowstyle": "->", "color": "#555555"})
            ax.text(left + 1.82, 0.58, shape, ha="center", va="bottom", size=9)
    ax.set(xlim=(-0.1, 10.7), ylim=(-0.1, 1.15))
    ax.axis("off")
    return ax


def latent_scatter(means, labels, limit=4, ax=None):
    """Draw the encoder's means (n, 2), coloured and numbered by digit, with the prior's 50 % and 95 % circles."""
    ax = ax or plt.subplots(figsize=(5.4, 4.6))[1]
    points = ax.scatter(*means.T, c=labels, cmap="viridis", s=2, alpha=0.5, rasterized=True)
    for share, style in ((0.5, "-"), (0.95, "--")):
        radius = math.sqrt(-2 * math.log(1 - share))  # the radius of a 2-D standard normal is Rayleigh distributed
        label = f"{100 * share:.0f} % of the prior"
        ax.add_patch(plt.Circle((0, 0), radius, fill=False, ec=LATENT, ls=style, lw=2, label=label))
    names = np.unique(labels)
    places = _spread(np.array([np.median(means[labels == name], axis=0) for name in names]), gap=limit / 7)
    for digit, place in zip(names, places, strict=True):
        box = {"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1}
        ax.text(*place, digit, ha="center", va="center", weight="bold", bbox=box)
    ax.figure.colorbar(points, ax=ax, label="digit", ticks=range(10)).solids.set_alpha(1)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="z₁", ylabel="z₂", aspect="equal")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def _spread(places, gap, rounds=200):
    """Move the places (n, 2) of labels apart until no two are closer than ``gap``, each as little as it needs."""
    places = places + 1e-6 * np.arange(places.size).reshape(places.shape)  # so that none coincide
    for _ in range(rounds):
        apart = places[:, None] - places
        distance = np.linalg.norm(apart, axis=2) + np.eye(len(places)) * gap
        push = np.clip(1.05 * gap - distance, 0, None) * (1 - np.eye(len(places)))
        places = places + 0.5 * np.sum(push[..., None] * apart / distance[..., None], axis=1)
    return places


def active_units(variances, threshold=0.01, ax=None):
    """Draw Var_x(E[z|x]) of each latent unit, {model: (latent_dim,)}, sorted, with the threshold of active units."""
    ax = ax or plt.subplots(figsize=(6.4, 3.2))[1]
    for (name, values), marker in zip(variances.items(), "os^Dv", strict=False):
        ax.plot(np.arange(1, len(values) + 1), np.sort(values)[::-1], marker=marker, markersize=4, label=name)
    ax.axhline(threshold, color="#555555", linestyle="--", label=f"active above {threshold:g}")
    ax.set(yscale="log", xlabel="latent unit, sorted", ylabel="variance of its mean over x")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax
