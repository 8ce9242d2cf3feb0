"""What notebook 07 measures of a StyleGAN of drawn faces: python bench/stylegan_measures.py (the bundled one, 1 core)

What the notebook defines is taken from it. Every function takes a ``stylegan.StyleGAN`` (or pictures) and returns plain
numbers or arrays; tests/ checks them where the right answer is known. Pictures are read by ``faces.read``: what a face
*is* is what the reading network says.
"""

# isort: split
import functools

import keras
import notebook_code
import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from gentutor import data, faces, metrics

notebook = notebook_code.definitions("07_stylegan")
residuals, carried, slerp, interval = notebook.residuals, notebook.carried, notebook.slerp, notebook.interval
conditional_entropy, plane = notebook.entropy_left, notebook.plane
NAMED, CONTINUOUS = tuple(faces.NAMES), faces.CONTINUOUS
EPSILON = 1e-3  # of the path length


# ---- the pictures as a set ----


@functools.cache
def reference(n=10_000):
    """Features of n drawn faces, their distance to n others (the floor) and to a Gaussian on 50 components."""
    real, other = (faces.features(faces.render(faces.sample(n, seed), 32)) for seed in (10, 11))
    drawn = faces.render(faces.sample(n, seed=12), 32)
    return real, metrics.frechet_distance(real, other), metrics.frechet_distance(real, faces.features(gaussian(drawn)))


def gaussian(images, seed=0, components=50):
    """As many pictures from a Gaussian fitted to the principal components of uint8 pictures: uint8, same shape."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    pca = PCA(components, svd_solver="randomized", random_state=0).fit(flat)
    z = np.random.default_rng(seed).normal(size=(len(images), components)) * np.sqrt(pca.explained_variance_)
    return np.clip(np.rint(pca.inverse_transform(z)), 0, 255).astype(np.uint8).reshape(images.shape)


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
    real = residuals(faces.render(faces.sample(2000, seed=13), images.shape[1]))
    return float(np.mean(residuals(images) <= factor * np.sqrt(np.mean(real**2))))


def report(images):
    """The headline numbers of a set of pictures, in one line."""
    return (
        f"excess share {excess_share(images):.4f}, species off by {species_off(images):.3f}, "
        f"drawable {share_drawable(images[:2000]):.3f}, median residual {np.median(residuals(images[:2000])):.1f}"
    )


# ---- what each layer decides ----


def mixing_table(model, pairs=1000, seed=0):
    """Share of each factor that a layer's w carries over: (layers, 12), the named factors first.

    Picture A is drawn with one layer's w taken from B. Named factors: among pairs that differ, how often the mixture
    reads as B. Continuous ones: the slope of what the mixture reads as on B's value.
    """
    w = model.map(np.random.default_rng(seed).standard_normal((2 * pairs, model.dim)))
    a, b = w[:pairs], w[pairs:]
    read_a, read_b = faces.read(model.draw(a)), faces.read(model.draw(b))
    table = np.zeros((model.layer_count, len(NAMED) + len(CONTINUOUS)))
    for layer in range(model.layer_count):
        styles = np.repeat(a[:, None], model.layer_count, axis=1)
        styles[:, layer] = b
        table[layer] = carried(read_a, read_b, faces.read(model.draw(styles)))
    return table


# ---- path length ----


@functools.cache
def _reader_weights():
    with np.load(data.asset(faces.READER)) as file:
        return {name: file[name].astype(np.float32) for name in file.files}  # arrays: no graph owns them


def float_features(x):
    """Features of pictures in [-1, 1] without rounding to bytes, so that tiny differences count: (n, 256)."""
    weights, side = _reader_weights(), x.shape[1] // 32
    x = tf.nn.avg_pool2d((tf.clip_by_value(x, -1.0, 1.0) + 1.0) / 2.0, side, side, "VALID")
    return (faces.reader(weights, x)[0] - weights["feature_mean"]) / weights["feature_sd"]


def lerp(a, b, t):
    return (1 - t) * a + t * b


def path_lengths(model, space, n=2000, epsilon=EPSILON, seed=0):
    """Squared change of the features along a path, divided by epsilon², for n random places on n paths: (n,).

    ``space`` "z": between two z on the sphere; "w": between their w in a straight line. Uniform places t; pixel noise
    0. Their mean is the perceptual path length of Karras et al. 2019, with the reading network's features.
    """
    rng = np.random.default_rng(seed)
    ends, t = rng.standard_normal((2, n, model.dim)), rng.uniform(0, 1 - epsilon, (n, 1))
    if space == "w":
        ends = [model.map(end) for end in ends]
    between, found = (slerp if space == "z" else lerp), []
    for place in (t, t + epsilon):
        point = between(*ends, place).astype(np.float32)
        w = model.map(point) if space == "z" else point
        found.append(_features_of(model, w))
    return np.sum((found[1] - found[0]) ** 2, axis=1) / epsilon**2


def _features_of(model, w):
    styles, size = np.repeat(w[:, None], model.layer_count, axis=1), model.synthesis.input_shape[1][1]
    run = tf.function(lambda part: float_features(model.ema_synthesis([part, tf.zeros((tf.shape(part)[0], size))])))
    return np.concatenate([run(tf.constant(styles[i : i + 500])).numpy() for i in range(0, len(styles), 500)])


# ---- linear separability ----


def attributes(factors):
    """Two-sided questions about faces: {name: (yes/no (n,), how sure (n,))}."""
    ones = np.ones(len(factors))
    questions = {f"{word}?": (factors.species == k, ones) for k, word in enumerate(faces.NAMES["species"])}
    questions["glasses?"] = factors.glasses == 1, ones
    questions["dark coat?"] = factors.coat >= 2, ones
    questions["dark hair?"] = factors.hair < 2, ones
    return questions | {f"{name} > 0?": (factors[name] > 0, np.abs(factors[name])) for name in CONTINUOUS}


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
        left[name] = conditional_entropy(answers[test], probe.predict(latents[test]))
    return left


# ---- truncation, inversion, edits ----


def truncation_curve(model, psis=(0.2, 0.4, 0.6, 0.8, 1.0), n=2000):
    """Precision and recall against n drawn faces for each psi: (len(psis), 2)."""
    real = faces.features(faces.render(faces.sample(n, seed=14), 32))
    return np.array([metrics.precision_recall(real, faces.features(model.sample(n, 3, psi))) for psi in psis])


def invert(model, images, steps=300, rate=0.05, each_layer=False):
    """Find w (n, dim), or (n, layers, dim) with ``each_layer``, whose pictures are nearest to ``images`` (uint8).

    Adam on the mean squared difference of pixels plus 0.05 times that of the features, from the mean w. The pixel
    noise is 0. Returns w and the root mean square difference in grey levels, (n,).
    """
    target = tf.constant(images, tf.float32) / 127.5 - 1.0
    layers, noise = model.layer_count, tf.zeros((len(images), model.synthesis.input_shape[1][1]))
    start = np.repeat(model.mean_w()[None, None], len(images), axis=0)
    w = tf.Variable(np.repeat(start, layers, axis=1) if each_layer else start)
    goal, optimizer = float_features(target), keras.optimizers.Adam(rate)
    optimizer.build([w])

    def picture():
        return model.ema_synthesis([w if each_layer else tf.repeat(w, layers, axis=1), noise])

    @tf.function(jit_compile=False)
    def step():
        with tf.GradientTape() as tape:
            x = picture()
            loss = tf.reduce_mean((x - target) ** 2, (1, 2, 3))
            loss += 0.05 * tf.reduce_mean((float_features(x) - goal) ** 2, 1)
            total = tf.reduce_sum(loss)
        optimizer.apply([tape.gradient(total, w)], [w])

    for k in range(steps):
        optimizer.learning_rate.assign(rate * min(1.0, 4.0 * (1 - k / steps)))
        step()
    found = w.numpy() if each_layer else w.numpy()[:, 0]
    gap = model.draw(found).astype(np.float32) - images
    return found, np.sqrt(np.mean(gap**2, axis=(1, 2, 3)))


def without(normal, others):
    """Unit vector nearest to ``normal`` that is orthogonal to all directions in ``others``."""
    basis = np.linalg.qr(np.transpose(others))[0]
    rest = normal - basis @ (basis.T @ normal)
    return (rest / np.linalg.norm(rest)).astype(np.float32)


def edited(w, normal, offset, depth, along=None):
    """Move w (n, dim) along a unit vector until each is ``depth`` on the yes side of the plane; and how far it went.

    ``along`` is the way to go, by default the plane's normal.
    """
    along = normal if along is None else along
    steps = (depth - (w @ normal + offset)) / float(along @ normal)
    return w + steps[:, None] * along, steps


def changes(before, after):
    """Share of faces in which each factor reads differently: named by the label, continuous by more than 0.5: (12,)."""
    named = [np.mean(before[f] != after[f]) for f in NAMED]
    return np.array(named + [np.mean(np.abs(before[f] - after[f]) > 0.5) for f in CONTINUOUS])


def main():
    from gentutor import stylegan

    model = stylegan.load()
    print(report(model.sample(10_000, seed=1)))


if __name__ == "__main__":
    main()
