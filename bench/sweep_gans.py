"""What each ingredient of a GAN is worth alone: five seeds on the grid of 25 bumps and on digits.

    python bench/sweep_gans.py              runs what sweep_gans.csv lacks, one fresh process a run, one core
    python bench/sweep_gans.py --only digits --seeds 0 1

Every recipe gets the same number of steps (one of each player), batch, learning rate and widths on the same data; the
table also says how many seconds that took. Each run is judged twice: by the generator's last weights, and by their
moving average. The ingredients and the loop are those of notebook 06, which reads the table.
"""

import argparse
import csv
import functools
import itertools
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import notebook_code
import numpy as np
import tensorflow as tf

from gentutor import metrics, training

PATH = pathlib.Path(__file__).resolve().parent.parent / "gentutor" / "assets" / "sweep_gans.csv"
KEPT = "CENTRES", "SD", "GRID", "GRID_RECIPES", "ANGLES", "RING", "MOVE", "WEIGHTS", "DIGITS", "split", "train_images"
notebook = notebook_code.definitions("06_better_gans", KEPT)
Recipe = notebook.Recipe


# ---- The grid of 25 bumps ----


def judge_grid(points):
    """The notebook's four numbers by their names; the points come as (n, 2)."""
    return dict(zip(("modes", "good", "kl", "variance"), map(float, notebook.judge_grid(points)), strict=True))


def grid_players(recipe):
    return notebook.players(recipe, 2, 2, (64,) * 5)


def grid_points(generator, n=10_000, seed=100):
    z = tf.random.stateless_normal((n, generator.input_shape[-1]), (seed, 9))
    return training.in_chunks(generator, z, 5000)


# ---- Digits ----


@functools.cache
def real_digits(part):
    """Features of the digits of a part, and precision and recall of as many training digits against them."""
    split = notebook.split
    real = split.x_valid if part == "valid" else split.x_test
    features = metrics.digit_features(real)
    rows = np.random.default_rng(0).choice(len(split.x_train), len(real), replace=False)
    return features, metrics.precision_recall(features, metrics.digit_features(split.x_train[rows]))


def judge_digits(images, part):
    """Excess share, precision and recall of digits; the last two as fractions of what real digits get.

    Args: as many images as ``part`` has, 5,000 for "valid", 10,000 for "test".
    """
    features, best = real_digits(part)
    precision, recall = metrics.precision_recall(features, metrics.digit_features(images))
    share = metrics.frechet_excess(images, part).share
    return {"share": share, "precision": precision / best[0], "recall": recall / best[1]}


def digit_players(recipe, convolutional=False):
    """The notebook's convolutional pair, or dense networks."""
    if convolutional:
        return notebook.convolutional_players(recipe, 48)
    return notebook.players(recipe, 64, 784, (256, 256), "tanh")


def digit_images(generator, n, seed=100):
    z = tf.random.stateless_normal((n, generator.input_shape[-1]), (seed, 9))
    return training.to_pixels(training.in_chunks(generator, z), (-1.0, 1.0))


# ---- The sweep: each ingredient added alone to the plain GAN, and the best recipe ----

GRID = {"steps": 5_000, "batch": 128, "rate": 3e-3}
DIGITS = {"steps": 1_000, "batch": 64, "rate": 1e-3}
CONVOLUTIONS = "convolutions"  # the plain recipe, with other networks
RECIPES = {
    "plain": notebook.GRID_RECIPES["plain"],
    "hinge": Recipe("hinge"),
    "least squares": Recipe("least squares"),
    "WGAN-GP": Recipe("wasserstein", gp=10.0),
    "spectral": Recipe(spectral=True),
    "R1": Recipe(r1=1.0),
    "two rates": Recipe(d_rate=3.0),
    "packing": Recipe(pack=2),
    "deviation": Recipe(deviation=True),
    "falling rate": Recipe(falling=True),
    CONVOLUTIONS: Recipe(),
    "R1, falling rate": Recipe(r1=1.0, falling=True),
    "best": notebook.GRID_RECIPES["best"],
}
COLUMNS = ["data", "recipe", "weights", "seed", "seconds", "modes", "good", "kl", "variance"]
COLUMNS += ["share", "precision", "recall"]


def run(kind, name, seed):
    """Rows of the table for one training: the last weights' and the average's."""
    keras.utils.set_random_seed(seed)
    recipe = RECIPES[name]
    if kind == "grid":
        players, draw, options = grid_players(recipe), notebook.draw_grid, GRID
    else:
        players, draw, options = digit_players(recipe, name == CONVOLUTIONS), notebook.draw_digits, DIGITS
    xla = name != CONVOLUTIONS  # it is no help there
    (average, _), seconds = notebook.train(*players, draw, recipe, seed=seed, jit_compile=xla, **options)
    for weights, generator in (("last", players[0]), ("average", average)):
        if kind == "grid":
            judged = judge_grid(grid_points(generator))
        else:
            judged = judge_digits(digit_images(generator, 5000), "valid")  # the sweep is for choosing
        row = {"data": kind, "recipe": name, "weights": weights, "seed": seed, "seconds": f"{seconds:.1f}"}
        yield row | {key: f"{value:.5g}" for key, value in judged.items()}


def fits(kind, name):
    """Whether a recipe is run on this data: points have no pixels, and the fading penalty is for their narrow bumps."""
    return name != CONVOLUTIONS if kind == "grid" else not RECIPES[name].fade


def read():
    """Rows of the table; an empty list if there is none."""
    if not PATH.is_file():
        return []
    with PATH.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(rows):
    """Add rows at the end of the table, so that several processes can fill it at once."""
    new = not PATH.is_file()
    with PATH.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


def sort():
    """Put the rows into one order, whoever wrote them when."""
    order = {name: i for i, name in enumerate(RECIPES)}
    rows = sorted(read(), key=lambda row: (row["data"], order[row["recipe"]], row["weights"], int(row["seed"])))
    PATH.unlink(missing_ok=True)
    append(rows)


def main():
    """Run what the table lacks, seed by seed; stop after so many minutes (another call goes on from there)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["grid", "digits"])
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--minutes", type=float, default=np.inf)
    options = parser.parse_args()
    start = time.perf_counter()
    kinds = [options.only] if options.only else ["grid", "digits"]
    for kind, seed, name in itertools.product(kinds, options.seeds, options.recipes):
        done = {(row["data"], row["recipe"], row["seed"]) for row in read()}
        if not fits(kind, name) or (kind, name, str(seed)) in done:
            continue
        if time.perf_counter() - start > 60 * options.minutes:
            return
        rows = list(run(kind, name, seed))
        append(rows)
        print(*(" ".join(f"{k} {v}" for k, v in row.items()) for row in rows), sep="\n", flush=True)
        keras.backend.clear_session()
    sort()


if __name__ == "__main__":
    main()
