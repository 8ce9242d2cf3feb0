"""How often which face comes up: gives a trained StyleGAN's pictures the mean and the spread of the data's.

A discriminator judges pictures, not how often they come up, and late in training the generator can hardly mend that: on
the way from a dog to a cat it would have to draw what is neither. But too few cats show in the mean picture. So
generated pictures are weighted until they have the mean and the spread of real ones along principal components, with
weights as equal as that allows (entropy balancing, Hainmueller 2012). Then z is given the mean and the covariance of
the weighted z. The mapping network begins with a dense layer: its kernel and bias are all that has to change.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.decomposition import PCA

SIDE = 16  # pictures are looked at in this size


def rows(images):
    """Pictures (n, s, s, 3), uint8, shrunk to 16 × 16 and laid out as rows: (n, 768)."""
    factor = images.shape[1] // SIDE
    blocks = images.reshape(len(images), SIDE, factor, SIDE, factor, 3)
    return blocks.mean((2, 4), dtype=np.float32).reshape(len(images), -1)


def balancing_weights(scores, target):
    """Weights (n,), summing to 1, with which ``scores`` (n, k) have the mean ``target`` (k,); as equal as can be.

    Of all such weights those of the largest entropy: they are exp(λ · score) / sum, and λ minimises the logarithm of
    the sum of exp(λ · (score − target)), whose slope is the weighted mean less the target. Raises a ValueError if the
    target lies outside of the scores, where no weights reach it.
    """
    gap = scores - target

    def log_sum(slopes):
        return logsumexp(gap @ slopes), gap.T @ softmax(gap @ slopes)

    weights = softmax(gap @ minimize(log_sum, np.zeros(gap.shape[1]), jac=True, method="L-BFGS-B").x)
    missed = np.abs(weights @ gap)
    if not np.all(missed < 1e-2):
        worst = int(missed.argmax())
        raise ValueError(
            f"target must be a weighted mean of the scores, but number {worst} of it is {target[worst]:.3g}, and "
            f"weights reach {weights @ scores[:, worst]:.3g}: take more scores, or fewer components."
        )
    return weights


def standard_normals(n, dim, seed):
    """Draws (n, dim) of a normal distribution with a mean of exactly 0 and exactly the identity as covariance."""
    z = np.random.default_rng(seed).standard_normal((n, dim))
    z -= z.mean(axis=0)
    return np.linalg.solve(np.linalg.cholesky(z.T @ z / n), z.T).T


def moments(pca, pictures):
    """What shall come out right: scores along the components of a whitened ``pca``, and their squares, (n, 2 k)."""
    scores = pca.transform(pictures)
    return np.hstack([scores, scores**2])


def balanced(z, have, target):
    """Mean (dim,) and covariance (dim, dim) that z must have for what z draws to have the ``target`` as mean moments.

    Args: z (n, dim); ``have`` (n, k), the moments of the picture drawn from each; ``target`` (k,).
    """
    weights = balancing_weights(have, target)
    mean = weights @ z
    return mean, (z - mean).T * weights @ (z - mean)


def move(mapping, mean, covariance):
    """Let a mapping network answer to z as it did to mean + root · z, where root · rootᵀ is the covariance.

    Exact but for the length to which it scales z, which the shift changes by a few percent.
    """
    layer, root = mapping.get_layer("dense_0"), np.linalg.cholesky(covariance)
    kernel = np.asarray(layer.kernel)
    layer.bias.assign(layer.bias + (mean @ kernel) * layer.scale / layer.speed)
    layer.kernel.assign(root.T @ kernel)


def balance(model, images, n=20_000, components=30, rounds=2):
    """Move z of a ``StyleGAN`` so that its pictures have the mean and the spread of ``images``; prints each move."""
    real = rows(images)
    pca = PCA(components, whiten=True, svd_solver="randomized", random_state=0).fit(real)
    target = moments(pca, real).mean(axis=0)
    for seed in range(rounds):
        z = standard_normals(n, model.dim, [seed, 8])
        mean, covariance = balanced(z, moments(pca, rows(model.draw(model.map(z)))), target)
        for mapping in (model.mapping, model.ema_mapping):
            move(mapping, mean, covariance)
        low, high = np.sqrt(np.linalg.eigvalsh(covariance)[[0, -1]])
        print(f"z moved by {np.linalg.norm(mean):.3f}, stretched by {low:.2f} to {high:.2f}")
