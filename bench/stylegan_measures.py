"""What notebook 07 measures of a StyleGAN of drawn faces: python bench/stylegan_measures.py (the bundled one, 1 core)

What the notebook defines is taken from it. Every function takes a ``stylegan.StyleGAN`` (or pictures) and returns plain
numbers or arrays; tests/ checks them where the right answer is known. Pictures are read by ``faces.read``: what a face
*is* is what the reading network says.
"""

import functools

import notebook_code
import numpy as np
from sklearn.linear_model import LogisticRegression

from gentutor import faces, metrics

notebook = notebook_code.definitions("07_stylegan", {"BATCH", "STAGES", "CHANNELS", "reader_weights"})


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


def share_drawable(images, factor=1.5):
    """Share of pictures whose residual is at most 1.5 times that of real drawings (root mean square over 2,000)."""
    real = notebook.residuals(faces.render(faces.sample(2000, seed=13), images.shape[1]))
    return float(np.mean(notebook.residuals(images) <= factor * np.sqrt(np.mean(real**2))))


def report(images):
    """The headline numbers of a set of pictures, in one line."""
    residual = np.median(notebook.residuals(images[:2000]))
    return (
        f"excess share {excess_share(images):.4f}, species off by {species_off(images):.3f}, "
        f"drawable {share_drawable(images[:2000]):.3f}, median residual {residual:.1f}"
    )


def attributes(factors):
    """Two-sided questions about faces: {name: (yes/no (n,), how sure (n,))}."""
    ones = np.ones(len(factors))
    questions = {f"{word}?": (factors.species == k, ones) for k, word in enumerate(faces.NAMES["species"])}
    questions["glasses?"] = factors.glasses == 1, ones
    questions["dark coat?"] = factors.coat >= 2, ones
    questions["dark hair?"] = factors.hair < 2, ones
    return questions | {f"{name} > 0?": (factors[name] > 0, np.abs(factors[name])) for name in faces.CONTINUOUS}


def separability(latents, factors, seed=0):
    """Entropy in bits that is left about each attribute's answer when a linear classifier has spoken: {name: bits}.

    Of the faces read by a number the surer half is kept, of the others all; a logistic regression learns on half of
    those and is judged on the other half.
    2 to the power of the sum is the score of Karras et al. 2019 (theirs: e to the sum in nats, the same).
    """
    left, order = {}, np.random.default_rng(seed).permutation(len(latents))
    for name, (answers, sureness) in attributes(factors).items():
        rows = order[sureness[order] >= np.median(sureness)]
        train, test = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        if len(np.unique(answers[train])) < 2:
            left[name] = 0.0
            continue
        probe = LogisticRegression(max_iter=300).fit(latents[train], answers[train])
        left[name] = notebook.entropy_left(answers[test], probe.predict(latents[test]))
    return left


def main():
    from gentutor import stylegan

    model = stylegan.load()
    print(report(model.sample(10_000, seed=1)))


if __name__ == "__main__":
    main()
