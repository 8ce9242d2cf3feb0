"""How the metrics rank known damage to digits: python bench/metric_scale.py, a minute on two cores.

Writes metric_scale.csv: for each set of 10,000 images its Fréchet distance to the 10,000 test images, the share of the
Gaussian's excess, the kernel distance, precision and recall. Also times the classifier and the bound.
"""

import bands  # keeps the process on two cores before TensorFlow starts

# isort: split
import argparse
import csv
import json
import pathlib
import threading
import time

import numpy as np
import psutil
from scipy import ndimage

from gentutor import data, metrics, networks, vae

N = 10_000


def image_sets(split):
    """Yield (what, images): real digits, models without a network, and graded damage to training digits."""
    rng, x, y = np.random.default_rng(1), split.x_train, split.y_train
    chosen = x[rng.choice(len(x), N, replace=False)]
    yield "training digits (another draw than the floor's)", chosen
    yield "Gaussian on 50 principal components", metrics.pca_gaussian(x, N, seed=1)
    yield "the mean image", np.repeat(np.rint(x.mean(axis=0)).astype(np.uint8)[None], N, axis=0)
    yield "uniform noise", rng.integers(0, 256, chosen.shape, dtype=np.uint8)
    for sd in (10, 30, 60):
        noisy = np.clip(np.rint(chosen + rng.normal(0.0, sd, chosen.shape)), 0, 255)
        yield f"noise of standard deviation {sd}", noisy.astype(np.uint8)
    for sigma in (0.5, 0.8, 1.2):
        blurred = ndimage.gaussian_filter(chosen.astype(np.float32), (0, sigma, sigma))
        yield f"blur of {sigma} pixels", np.rint(blurred).astype(np.uint8)
    lean = metrics.slant(x)
    for share in (0.1, 0.2, 0.4):
        limits = np.array([np.quantile(lean[y == label], 1.0 - share) for label in range(10)])
        yield f"without the {share:.0%} of each class that lean most", _draw(rng, x, lean <= limits[y])
    for share in (0.4, 0.7, 0.95):
        yield f"without {share:.0%} of the digits 0 to 4", _draw(rng, x, np.where(y < 5, 1.0 - share, 1.0))


def _draw(rng, x, weights):
    return x[rng.choice(len(x), N, replace=False, p=weights / weights.sum())]


def write_table(split, path):
    """Measure every set of images and store the table; returns the two ends of the scale."""
    real = metrics.digit_features(split.x_test)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["images", "frechet", "share", "kernel", "precision", "recall"])
        for name, images in image_sets(split):
            excess, features = metrics.frechet_excess(images), metrics.digit_features(images)
            numbers = [excess.distance, excess.share, metrics.kernel_distance(real, features)]
            row = [name, *(f"{value:.4g}" for value in (*numbers, *metrics.precision_recall(real, features)))]
            writer.writerow(row)
            print(", ".join(row), flush=True)
    return {"Fréchet distance: floor": excess.floor, "Fréchet distance: PCA Gaussian": excess.gaussian}


def time_features(split):
    """Accuracy, size and time of the bundled classifier."""
    right = metrics.classify_digits(split.x_test).argmax(axis=1) == split.y_test
    start = time.perf_counter()
    metrics.digit_features(split.x_test)
    return {
        "classifier: test accuracy": np.mean(right),
        "classifier: size": data.asset(metrics.CLASSIFIER).stat().st_size / 1e6,
        "features of 10,000 images: seconds": time.perf_counter() - start,
    }


def time_bound(split):
    """Time of the importance-weighted bound for a 784-400-400-40 VAE, and the memory that it adds."""
    model = vae.VAE(networks.mlp_encoder(40, hidden=(400, 400)), networks.mlp_decoder(40, hidden=(400, 400)))
    x = data.binarize(data.normalize(split.x_test, 0.0, 1.0), seed=0).reshape(-1, 784)
    process, done, peak = psutil.Process(), threading.Event(), [0]

    def watch():
        while not done.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss)

    before, start, watcher = process.memory_info().rss, time.perf_counter(), threading.Thread(target=watch)
    watcher.start()
    metrics.importance_weighted_bound(model, x, 100, seed=0)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return {
        "importance-weighted bound, 10,000 images and 100 samples: seconds": seconds,
        "importance-weighted bound: memory it adds": (peak[0] - before) / 2**20,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=pathlib.Path, help="where to put the numbers as JSON")
    options = parser.parse_args()
    split = data.load_mnist()
    values = {**time_bound(split), **time_features(split), **write_table(split, bands.FOLDER / "metric_scale.csv")}
    values = {name: float(value) for name, value in values.items()}
    print(json.dumps(values, indent=1, ensure_ascii=False))
    if options.file:
        options.file.write_text(json.dumps(values))


if __name__ == "__main__":
    main()
