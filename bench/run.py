"""Measure the course against its bars: python course.py bench [PART …] [--list]; results.md has the table.

Without names every part but ``suite`` runs (about an hour on two cores). Each part replaces its own numbers in
results.json, so a part can be repeated alone; the table is made from all of them.
"""

import bands  # keeps the process on two cores before TensorFlow starts

# isort: split
import argparse
import importlib.metadata
import json
import operator
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import execute
import nbformat
import psutil

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent
RESULTS, TABLE = FOLDER / "results.json", FOLDER / "results.md"


class Bar(NamedTuple):
    """A line of the table: the number called ``name``; ``limit`` is like "<= 60" or ">= 15", or "" if only told."""

    name: str
    limit: str
    unit: str


BARS = [
    Bar("00: notebook", "<= 60", "s"),
    Bar("01: notebook", "<= 120", "s"),
    Bar("02: notebook", "<= 240", "s"),
    Bar("03: notebook", "<= 240", "s"),
    *(Bar(f"{number}: peak resident memory", "<= 1536", "MiB") for number in ("00", "01", "02", "03")),
    Bar("02 classic GAN: training seconds", "<= 75", "s"),
    Bar("02 better GAN: training seconds", "<= 120", "s"),
    Bar("02 better GAN: excess share", "<= 0.15", ""),
    Bar("03 two-dimensional VAE: test loss", "<= 159.5", "nats"),
    Bar("03 twenty-dimensional VAE: test loss", "<= 106.5", "nats"),
    Bar("03 binarised VAE: test loss", "<= 97", "nats"),
    Bar("03 binarised VAE: importance-weighted bound", "<= 93", "nats"),
    Bar("03 binarised VAE: training seconds", "<= 120", "s"),
    Bar("04: notebook", "<= 180", "s"),
    Bar("04: peak resident memory", "<= 1536", "MiB"),
    Bar("04 q eight times as wide: log p minus bound with 5,000 samples", "<= 0.05", "nats"),
    Bar("05: notebook", "<= 240", "s"),
    Bar("05: peak resident memory", "<= 1536", "MiB"),
    Bar("05 conditional GAN: agreement, %", ">= 98", "%"),
    Bar("05 conditional GAN: agreement for the worst digit, %", ">= 95", "%"),
    Bar("05 conditional GAN: real digits read by its pupil, %", ">= 95", "%"),
    Bar("05 conditional GAN: excess share", "<= 0.03", ""),
    Bar("05 slant: mean error, degrees", "<= 3", "degrees"),
    Bar("05 slant: slope", ">= 0.9", ""),
    Bar("05 faces: species as asked, %", ">= 98", "%"),
    Bar("06: notebook", "<= 240", "s"),
    Bar("06: peak resident memory", "<= 1536", "MiB"),
    Bar("06 grid, best: modes missed", "<= 0", ""),
    Bar("06 grid, best: share of good points", ">= 0.9", ""),
    Bar("06 grid, best: KL of the counts", "<= 0.1", "nats"),
    Bar("06 grid, best: variance within modes", ">= 0.5", ""),
    Bar("06 network critic, weight 10: estimate over largest slope", ">= 0.95", ""),
    Bar("06 digits, chosen: precision", ">= 0.9", ""),
    Bar("06 digits, chosen: recall", ">= 0.8", ""),
    Bar("07: notebook", "<= 330", "s"),
    Bar("07: peak resident memory", "<= 1536", "MiB"),
    Bar("07 live: excess share", "<= 0.25", ""),
    Bar("07 live: species off", "<= 0.1", ""),
    Bar("GAN.fit: seconds for the classic 10,000 steps, compilation counted", "<= 75", "s"),
    Bar("GAN.fit: times the steps per second of the loop", ">= 15", "times"),
    Bar("GAN.fit: steps per second", "", "1/s"),
    Bar("predict + train_on_batch: steps per second", "", "1/s"),
    Bar("GAN.fit: share of the matrix-multiply peak", "", ""),
    Bar("2-D VAE: times faster than the convolutional one", ">= 7", "times"),
    Bar("2-D VAE: training seconds to a validation loss of 165", "", "s"),
    Bar("convolutional VAE: training seconds to a validation loss of 165 (300 if it does not arrive)", "", "s"),
    Bar("classifier: test accuracy", ">= 0.992", ""),
    Bar("classifier: size", "<= 1", "MB"),
    Bar("features of 10,000 images: seconds", "<= 2", "s"),
    Bar("importance-weighted bound, 10,000 images and 100 samples: seconds", "<= 60", "s"),
    Bar("importance-weighted bound: memory it adds", "<= 300", "MiB"),
    Bar("import tensorflow: seconds", "", "s"),
    Bar("import of the whole package: seconds", "", "s"),
    Bar("matrix-multiply peak: GFLOP/s", "", "GFLOP/s"),
    Bar("make test from a clean clone: minutes", "<= 50", "min"),
]


def measure_notebooks():
    """Wall time and peak resident memory of each saved notebook, executed in a fresh kernel."""
    values = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        seconds, peak, _ = execute.execute(nbformat.read(path, as_version=4), path.parent)
        print(f"{path.stem}: {seconds:.0f} s, {peak:.0f} MiB", flush=True)
        values |= {f"{path.stem[:2]}: notebook": seconds, f"{path.stem[:2]}: peak resident memory": peak}
    return values


def run_script(script, *arguments):
    """Numbers that a script of this folder writes to a file, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "numbers.json"
        subprocess.run([sys.executable, FOLDER / script, *arguments, file], check=True)
        return json.loads(file.read_text())


def measure_seeds(script, table):
    """The worst of five seeds of each number in a table; seeds that the table lacks are run."""
    subprocess.run([sys.executable, FOLDER / script], check=True)
    rows = bands.read(FOLDER / f"bands_{table}.csv")
    worst = {bar.name: min if bar.limit.startswith(">=") else max for bar in BARS}
    return {name: worst.get(name, max)(row[f"seed_{seed}"] for seed in bands.SEEDS) for name, row in rows.items()}


def measure_suite():
    """Minutes that the test command takes in a fresh clone of what is committed, the installation counted."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        start = time.perf_counter()
        subprocess.run([sys.executable, "course.py", "test"], cwd=folder, check=True)
        return {"make test from a clean clone: minutes": (time.perf_counter() - start) / 60.0}


PARTS = {
    "machine": lambda: run_script("speed.py", "machine"),
    "metrics": lambda: run_script("metric_scale.py"),
    "gan": lambda: run_script("speed.py", "gan"),
    "vae": lambda: run_script("speed.py", "vae"),
    "notebooks": measure_notebooks,
    "seeds_gan": lambda: measure_seeds("seeds_gan.py", "02_gan"),
    "seeds_vae": lambda: measure_seeds("seeds_vae.py", "03_vae"),
    "seeds_judging": lambda: measure_seeds("seeds_judging.py", "04_judging"),
    "seeds_conditional": lambda: measure_seeds("seeds_conditional.py", "05_conditional"),
    "seeds_better_gans": lambda: measure_seeds("seeds_better_gans.py", "06_better_gans"),
    "seeds_stylegan": lambda: measure_seeds("seeds_stylegan.py", "07_stylegan"),
    "suite": measure_suite,
}


def describe_machine():
    """What a reader needs to compare: processor, cores used, memory, system and versions; no name of the machine."""
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy", "scipy")}
    return {
        "processor": processor(),
        "cores used": bands.use_two_cores(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **versions,
    }


def processor():
    """The processor's name, from /proc/cpuinfo where there is one."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def verdict(value, limit):
    """Whether a value keeps a limit such as "<= 60"; None if there is no limit."""
    if not limit:
        return None
    sign, number = limit.split()
    return {"<=": operator.le, ">=": operator.ge}[sign](value, float(number))


def table_lines(results):
    """The lines of the table in Markdown, then the machines that the numbers come from."""
    values = {name: value for part in results.values() for name, value in part["values"].items()}
    lines = ["| bar | measured | limit | |", "|---|---|---|---|"]
    for bar in BARS:
        limit = bar.limit.replace("<=", "≤").replace(">=", "≥")
        shown, passed = "not measured yet", None
        if bar.name in values:
            shown, passed = f"{values[bar.name]:.4g} {bar.unit}".strip(), verdict(values[bar.name], bar.limit)
        lines.append(f"| {bar.name} | {shown} | {limit} | {({None: '', True: 'pass', False: 'FAIL'})[passed]} |")
    for part, result in results.items():
        about = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
        lines += ["", f"`{part}`, {result['date']}: {about}"]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="of " + ", ".join(PARTS))
    parser.add_argument("--list", action="store_true", help="only print the table of what was measured before")
    options = parser.parse_args()
    if set(options.parts) - set(PARTS):
        parser.error(f"the parts are {', '.join(PARTS)}")
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for part in [] if options.list else options.parts or [name for name in PARTS if name != "suite"]:
        print(f"— {part}", flush=True)
        results[part] = {"date": time.strftime("%Y-%m-%d"), "machine": describe_machine(), "values": PARTS[part]()}
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = table_lines(results)
    TABLE.write_text("# The bars, as measured\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return 1 if any("FAIL" in line for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
