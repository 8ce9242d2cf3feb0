"""Bands: run a recipe with five seeds and store what each measured, the mean, and the mean ± 3 standard deviations.

Import this module first in a recipe file: it keeps the process on two cores before TensorFlow starts. For one more
run of the recipe, mean ± 3 sd of five is a 95 % prediction interval (2.776 √(1 + 1/5) = 3.04). README.md says how to
use the tables.
"""

import argparse
import csv
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
SEEDS = (0, 1, 2, 3, 4)
COLUMNS = ["recipe", "name", "n", "mean", "sd", "low", "high", *(f"seed_{seed}" for seed in SEEDS)]


def use_two_cores():
    """Keep this process, and those it starts, on two cores where the system can; returns how many it may use."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count()
    cores = sorted(os.sched_getaffinity(0))[-2:]
    os.sched_setaffinity(0, cores)
    return len(cores)


use_two_cores()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(table, recipes):
    """Run each recipe(seed) -> {name: number} in a fresh process per seed; write bands_<table>.csv after each run.

    Args: ``table``, such as "02_gan"; ``recipes``, a list of functions of one seed. Runs already in the table are
    kept. Command line: ``--only NAME …``, ``--seeds N …``, ``--again`` to repeat what is there.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=[recipe.__name__ for recipe in recipes])
    parser.add_argument("--seeds", nargs="+", type=int, choices=SEEDS, default=list(SEEDS))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("RECIPE", "SEED", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return _run_one(recipes, *options.one)
    path = FOLDER / f"bands_{table}.csv"
    for recipe in recipes:
        if not options.only or recipe.__name__ in options.only:
            for seed in options.seeds:
                _run_and_store(path, recipe.__name__, seed, options.again)
    print_lines(path)


def read(path):
    """Rows of a table as {name: row}; numbers are floats, an empty cell is left out."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["name"]: {key: _number(value) for key, value in row.items() if value} for row in csv.DictReader(file)
        }


def summary(values):
    """n, mean, sd and the band mean ± 3 sd of some numbers, the band rounded outwards to be copied into a notebook."""
    mean, sd = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    digits = math.floor(math.log10(sd)) - 1 if sd > 0 else math.floor(math.log10(abs(mean) or 1.0)) - 5
    step = 10.0**digits
    low, high = math.floor((mean - 3 * sd) / step) * step, math.ceil((mean + 3 * sd) / step) * step
    return {"n": len(values), **{k: f"{v:.6g}" for k, v in (("mean", mean), ("sd", sd), ("low", low), ("high", high))}}


def print_lines(path):
    """Print each row as the line that a notebook needs."""
    for name, row in read(path).items():
        print(f'checks.expect("{name}", value, {row["low"]:g}, {row["high"]:g})  # {row["mean"]:g}, n = {row["n"]:g}')


def _run_and_store(path, recipe, seed, again):
    rows = read(path)
    if not again and any(row["recipe"] == recipe and f"seed_{seed}" in row for row in rows.values()):
        return
    result = path.with_suffix(f".{recipe}.{seed}.json")
    subprocess.run([sys.executable, sys.argv[0], "--one", recipe, str(seed), str(result)], check=True)
    numbers = json.loads(result.read_text())
    result.unlink()
    print(
        f"{recipe}, seed {seed}: " + ", ".join(f"{name} = {value:.5g}" for name, value in numbers.items()), flush=True
    )
    for name, value in numbers.items():
        rows.setdefault(name, {"recipe": recipe, "name": name})[f"seed_{seed}"] = value
    for row in rows.values():
        row.update(summary([row[f"seed_{seed}"] for seed in SEEDS if f"seed_{seed}" in row]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())


def _run_one(recipes, name, seed, path):
    recipe = next(recipe for recipe in recipes if recipe.__name__ == name)
    pathlib.Path(path).write_text(json.dumps({key: float(value) for key, value in recipe(int(seed)).items()}))


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text
