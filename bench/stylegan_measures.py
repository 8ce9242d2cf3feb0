"""What notebook 07 measures of a StyleGAN of drawn faces: python bench/stylegan_measures.py (the bundled one, 1 core)

What the notebook defines is taken from it. Every function takes a ``stylegan.StyleGAN`` (or pictures) and returns plain
numbers or arrays; tests/ checks them where the right answer is known. Pictures are read by ``faces.read``: what a face
*is* is what the reading network says.
"""

import functools

import notebook_code
import numpy as np

from gentutor import faces, metrics

KEPT = {"BATCH", "STEPS", "FINISH_STEPS", "FLOW_STEPS", "reader", "second", "names"}
notebook = notebook_code.definitions("07_stylegan", KEPT)


@functools.cache
def reference(n=10_000):
    """Features of n drawn faces, their distance to n others (the floor) and to a Gaussian on 50 components."""
    real, other = (faces.features(faces.render(faces.sample(n, seed), 32)) for seed in (10, 11))
    gaussian = faces.features(notebook.pca_gaussian(faces.render(faces.sample(n, seed=12), 32)))
    return real, metrics.frechet_distance(real, other), metrics.frechet_distance(real, gaussian)


def excess_share(images):
    """(distance − floor) / (Gaussian − floor) in the reading network's features."""
    real, floor, scale = reference(len(images))
    return (metrics.frechet_distance(real, faces.features(images)) - floor) / (scale - floor)


def species_off(images):
    """Total variation between the species read and a third of each: the share that would have to change."""
    shares = np.bincount(faces.read(images).species, minlength=3) / len(images)
    return 0.5 * float(np.abs(shares - 1 / 3).sum())


def share_drawable(images):
    """Share of pictures that are drawable."""
    return float(np.mean(notebook.residuals(images) <= notebook.limit(images.shape[1])))


def report(images):
    """The headline numbers of a set of pictures, in one line; residuals of the first 2,000."""
    residuals = notebook.residuals(images[:2000])
    return (
        f"excess share {excess_share(images):.4f}, species off by {species_off(images):.3f}, "
        f"drawable {np.mean(residuals <= notebook.limit(images.shape[1])):.3f}, "
        f"median residual {np.median(residuals):.1f}"
    )


def separability(latents, factors):
    """2 to the power of the bits that linear classifiers leave open about the notebook's questions.

    The score of Karras et al. 2019 (theirs: e to the sum in nats, the same).
    """
    questions = notebook.questions(factors).values()
    return 2 ** sum(notebook.left_open(latents, *question)[0] for question in questions)


def drawn_edit(parts=7):
    """Percent of 14,000 drawings in which a factor reads differently once glasses are drawn on, and is misread then."""
    shares = [notebook.drawn_edit(2000, seed=5000 + part) for part in range(parts)]
    return {row: {name: 100 * np.mean([s[row][name] for s in shares]) for name in notebook.names} for row in shares[0]}


def main():
    from gentutor import stylegan

    model = stylegan.load()
    print(report(model.sample(10_000, seed=1)))
    for row, shares in drawn_edit().items():
        print(f"{row}, percent:", *(f"{name} {share:.2f}" for name, share in shares.items()))


if __name__ == "__main__":
    main()
