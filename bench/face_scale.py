"""How the metrics rank known damage to drawn faces: python bench/face_scale.py (3 minutes, 1 core).

Writes face_scale.csv: for each set of 10,000 pictures of 32 × 32 its Fréchet distance to 10,000 drawn faces in the
features of the reading network, the share of the Gaussian's excess over the floor, the kernel distance, precision and
recall. It says what "below 25 % of the Gaussian's" means before a model is judged by it.
"""

import bands  # keeps the process on two cores before TensorFlow starts

# isort: split
import csv

import numpy as np
from scipy import ndimage
from stylegan_measures import notebook

from gentutor import faces, metrics

N, SIZE = 10_000, 32


def image_sets():
    """Yield (what, pictures): drawn faces, models without a network, and graded damage."""
    rng, factors = np.random.default_rng(0), faces.sample(N, seed=12)
    drawn = faces.render(factors, SIZE)
    yield "other drawn faces (the floor)", faces.render(faces.sample(N, seed=11), SIZE)
    yield "Gaussian on 50 principal components (the scale)", notebook.pca_gaussian(drawn)
    yield "a third set of drawn faces", drawn
    yield "the mean picture", np.repeat(np.rint(drawn.mean(axis=0)).astype(np.uint8)[None], N, axis=0)
    yield "uniform noise", rng.integers(0, 256, drawn.shape, dtype=np.uint8)
    for sd in (5, 10, 20, 40):
        noisy = np.clip(np.rint(drawn + rng.normal(0, sd, drawn.shape)), 0, 255)
        yield f"noise of standard deviation {sd}", noisy.astype(np.uint8)
    for sigma in (0.4, 0.6, 0.8, 1.2):
        blurred = ndimage.gaussian_filter(drawn.astype(np.float32), (0, sigma, sigma, 0))
        yield f"blur of {sigma} pixels", np.rint(blurred).astype(np.uint8)
    for share in (0.25, 0.5, 1.0):
        yield f"{share:.0%} of the dogs are cats", _changed(factors, "species", 2, 1, share)
    for share in (0.25, 0.5, 1.0):
        yield f"{share:.0%} of the glasses left out", _changed(factors, "glasses", 1, 0, share)
    for reach in (0.8, 0.5, 0.0):
        still = factors.copy()
        still.mouth, still.turn, still.tilt = reach * still.mouth, reach * still.turn, reach * still.tilt
        yield f"{reach:.0%} of the range of mouth, turn and tilt", faces.render(still, SIZE)
    for kinds in (2000, 500, 100):
        yield f"only {kinds} different faces", drawn[rng.integers(kinds, size=N)]


def _changed(factors, name, old, new, share):
    changed = factors.copy()
    changed[name][(factors[name] == old) & (np.arange(len(factors)) < share * len(factors))] = new
    return faces.render(changed, SIZE)


def main():
    real, rows = faces.features(faces.render(faces.sample(N, seed=10), SIZE)), []
    for name, images in image_sets():
        found = faces.features(images)
        distances = [metrics.frechet_distance(real, found), metrics.kernel_distance(real, found)]
        rows.append((name, *distances, *metrics.precision_recall(real, found)))
        print(rows[-1], flush=True)
    floor, scale = rows[0][1], rows[1][1] - rows[0][1]
    with (bands.FOLDER / "face_scale.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["pictures", "frechet", "share", "kernel", "precision", "recall"])
        for name, frechet, *others in rows:
            writer.writerow([name, *(f"{value:.4g}" for value in (frechet, (frechet - floor) / scale, *others))])


if __name__ == "__main__":
    main()
