"""Metrics against closed forms, SciPy, naive loops and Monte Carlo with error bars, and on graded damage to digits."""

import hashlib
import math

import hypothesis
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import sklearn.decomposition
import sklearn.neighbors
from hypothesis import strategies as st
from scipy import ndimage

from gentutor import data, losses, metrics, networks, vae


@pytest.fixture(scope="module")
def mnist():
    return data.load_mnist()


# ---- The bundled files ----


def test_every_bundled_file_has_a_row_with_its_checksum():
    folder = data.asset("README.md").parent
    readme = (folder / "README.md").read_text(encoding="utf-8")
    files = [path for path in folder.iterdir() if path.suffix in (".npz", ".npy", ".txt", ".json")]
    assert len(files) >= 2
    for path in files:
        rows = [line for line in readme.splitlines() if line.startswith(f"| `{path.name}` |")]
        assert len(rows) == 1, f"gentutor/assets/README.md needs one row for {path.name}"
        assert hashlib.sha256(path.read_bytes()).hexdigest() in rows[0], f"the checksum of {path.name} is another one"


# ---- The bundled classifier ----


def test_classifier_is_small_and_right_on_the_test_part(mnist):
    probabilities = metrics.classify_digits(mnist.x_test)
    assert np.mean(probabilities.argmax(axis=1) == mnist.y_test) >= 0.992
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert data.asset(metrics.CLASSIFIER).stat().st_size <= 1_000_000


def test_all_three_image_shapes_give_the_same_features(mnist):
    images = mnist.x_test[:7]
    expected = metrics.digit_features(images)
    assert expected.shape == (7, 128)
    for shape in ((7, 28, 28, 1), (7, 784)):
        np.testing.assert_array_equal(metrics.digit_features(images.reshape(shape)), expected)


def test_features_do_not_depend_on_the_batch_they_come_in(mnist):
    together = metrics.digit_features(mnist.x_test[:1203])
    np.testing.assert_allclose(metrics.digit_features(mnist.x_test[1200:1203]), together[1200:], atol=1e-4)


def test_features_have_mean_0_and_sd_1_over_the_training_images(mnist):
    features = metrics.digit_features(mnist.x_train[::5])
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=0.06)  # 5 standard errors of 11,000 images
    np.testing.assert_allclose(features.std(axis=0), 1.0, atol=0.1)


@pytest.mark.parametrize("function", [metrics.digit_features, metrics.classify_digits])
@pytest.mark.parametrize(
    "images",
    [np.zeros((2, 28, 28), np.float32), np.zeros((28, 28), np.uint8), np.zeros((0, 784), np.uint8),
     np.zeros((2, 32, 32), np.uint8), np.zeros((2, 28, 28, 3), np.uint8), np.full((2, 784), np.nan)],
    ids=["float", "no batch", "empty", "32 pixels", "colour", "NaN"],
)  # fmt: skip
def test_bad_images_are_refused_by_name(function, images):
    with pytest.raises(ValueError, match="images"):
        function(images)


# ---- Fréchet distance ----


def exact_sample(n, mean, root, seed=0):
    """n rows whose sample mean is ``mean`` and whose sample covariance is root rootᵀ, exactly."""
    x = np.random.default_rng(seed).normal(size=(n, len(root)))
    x = x - x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return mean + white @ root.T


def test_frechet_distance_of_diagonal_gaussians_has_a_closed_form():
    means, sds = np.array([[0.0, 1.0, -2.0], [0.5, 1.0, 3.0]]), np.array([[1.0, 2.0, 0.5], [3.0, 2.0, 0.1]])
    real, generated = (exact_sample(50 + 10 * i, means[i], np.diag(sds[i]), seed=i) for i in range(2))
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((sds[0] - sds[1]) ** 2)
    assert metrics.frechet_distance(real, generated) == pytest.approx(expected, rel=1e-10)


@hypothesis.given(st.integers(1, 8), st.integers(0, 10_000))
@hypothesis.settings(max_examples=30, deadline=None)
def test_frechet_distance_agrees_with_scipy_matrix_root(dimensions, seed):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(40, dimensions)) @ rng.normal(size=(dimensions, dimensions)) + 1.0
    generated = rng.normal(size=(25, dimensions)) @ rng.normal(size=(dimensions, dimensions))
    c1, c2 = np.atleast_2d(np.cov(real.T)), np.atleast_2d(np.cov(generated.T))
    expected = np.sum((real.mean(0) - generated.mean(0)) ** 2)
    expected += np.trace(c1 + c2) - 2.0 * np.trace(scipy.linalg.sqrtm(c1 @ c2).real)
    assert metrics.frechet_distance(real, generated) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_frechet_distance_with_fewer_rows_than_columns():
    """Three dimensions turned into 60: the answer is that of the three, whatever the rank of the covariances."""
    rng = np.random.default_rng(3)
    sds = np.array([[1.0, 2.0, 0.5], [3.0, 2.0, 0.1]])
    turn = np.linalg.qr(rng.normal(size=(60, 60)))[0][:3]
    real, generated = (exact_sample(10, np.zeros(3), np.diag(sds[i]), seed=i) @ turn for i in range(2))
    assert metrics.frechet_distance(real, generated) == pytest.approx(np.sum((sds[0] - sds[1]) ** 2), rel=1e-10)
    assert metrics.frechet_distance(real, real) == pytest.approx(0.0, abs=1e-10)


def test_frechet_distance_is_symmetric(mnist):
    a, b = metrics.digit_features(mnist.x_test[:60]), metrics.digit_features(mnist.x_train[:90])
    assert metrics.frechet_distance(a, b) == pytest.approx(metrics.frechet_distance(b, a), rel=1e-9)


@pytest.mark.parametrize("distance", [metrics.frechet_distance, metrics.kernel_distance, metrics.precision_recall])
@pytest.mark.parametrize(
    ("bad", "message"),
    [(np.zeros((1, 4)), "at least"), (np.zeros(4), "must be"), (np.full((9, 4), np.inf), "NaN or infinity"),
     (np.zeros((9, 5)), "shape")],
    ids=["one row", "one axis", "infinite", "other width"],
)  # fmt: skip
def test_bad_features_are_refused(distance, bad, message):
    with pytest.raises(ValueError, match=message):
        distance(np.random.default_rng(0).normal(size=(9, 4)), bad)


# ---- Kernel distance ----


def naive_kernel_distance(x, y):
    def k(a, b):
        return (a @ b / len(a) + 1.0) ** 3

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2.0 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_kernel_distance_agrees_with_a_double_loop():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 5)), rng.normal(1.0, 2.0, size=(17, 5))
    assert metrics.kernel_distance(x, y) == pytest.approx(naive_kernel_distance(x, y), rel=1e-10)


def test_kernel_distance_in_blocks_agrees_with_one_matrix():
    x = np.random.default_rng(1).normal(size=(1700, 3))
    y = x[:1200] * 1.5
    k = [(a @ b.T / 3 + 1.0) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    within = [(m.sum() - np.trace(m)) / (len(m) * (len(m) - 1)) for m in k[:2]]
    assert metrics.kernel_distance(x, y) == pytest.approx(sum(within) - 2.0 * k[2].mean(), rel=1e-9)


@pytest.mark.parametrize("q", [[0.25, 0.25, 0.5], [0.6, 0.3, 0.1]], ids=["same", "other"])
def test_kernel_distance_is_unbiased(q):
    """Two discrete distributions on three points, where the squared discrepancy is a finite sum."""
    points, p, rng = (
        np.array([[0.0, 1.0], [2.0, -1.0], [1.0, 1.0]]),
        np.array([0.25, 0.25, 0.5]),
        np.random.default_rng(5),
    )
    kernel, q = (points @ points.T / 2 + 1.0) ** 3, np.array(q)
    exact = (p - q) @ kernel @ (p - q)
    draws = [metrics.kernel_distance(points[rng.choice(3, 4, p=p)], points[rng.choice(3, 6, p=q)]) for _ in range(6000)]
    error = np.std(draws) / math.sqrt(len(draws))
    assert abs(np.mean(draws) - exact) < 4.0 * error
    assert error < 0.5  # the kernel's values reach 43: a biased estimate would be off by more than 1


# ---- Precision and recall ----


def naive_share_inside(members, points, k):
    def distance(a, b):
        return math.sqrt(float(np.sum((a - b) ** 2)))

    radii = [sorted(distance(a, b) for j, b in enumerate(members) if j != i)[k - 1] for i, a in enumerate(members)]
    inside = [any(distance(p, a) <= r for a, r in zip(members, radii, strict=True)) for p in points]
    return sum(inside) / len(points)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_agree_with_loops(k):
    rng = np.random.default_rng(k)
    real, generated = rng.normal(size=(40, 3)), rng.normal(0.7, 0.6, size=(30, 3))
    expected = naive_share_inside(real, generated, k), naive_share_inside(generated, real, k)
    assert metrics.precision_recall(real, generated, k) == pytest.approx(expected)
    assert 0.0 < expected[1] < expected[0] <= 1.0


def test_a_dropped_mode_costs_recall_and_a_wrong_mode_costs_precision():
    rng = np.random.default_rng(0)
    left, right = rng.normal(-50, 1, size=(300, 2)), rng.normal(50, 1, size=(300, 2))
    both = np.concatenate([left, right])
    precision, recall = metrics.precision_recall(both, left[:150] + 0.01)
    assert precision > 0.95
    assert 0.4 < recall <= 0.5
    precision, recall = metrics.precision_recall(left, both)
    assert (precision, recall) == (0.5, 1.0)


# ---- What the distances must notice ----


def blurred(images, labels, rng):
    chosen = images[rng.choice(len(images), 2000, replace=False)].astype(np.float64)
    for sigma in (0.0, 0.5, 0.8, 1.2):
        yield np.rint(ndimage.gaussian_filter(chosen, (0, sigma, sigma))).astype(np.uint8)


def without_a_style(images, labels, rng):
    order = metrics.slant(images)
    for share in (0.0, 0.15, 0.3, 0.55):  # of each class, those that lean most are never shown
        kept = [np.quantile(order[labels == label], 1.0 - share) for label in range(10)]
        left = np.flatnonzero(order <= np.array(kept)[labels])
        yield images[rng.choice(left, 2000, replace=False)]


def unbalanced(images, labels, rng):
    for share in (0.0, 0.4, 0.7, 0.95):  # of the digits from 0 to 4 are left out
        weights = np.where(labels < 5, 1.0 - share, 1.0)
        yield images[rng.choice(len(images), 2000, replace=False, p=weights / weights.sum())]


@pytest.mark.parametrize("damage", [blurred, without_a_style, unbalanced])
def test_both_distances_rank_graded_damage(mnist, damage):
    real = metrics.digit_features(mnist.x_test[::4])
    grades = damage(mnist.x_test[1::2], mnist.y_test[1::2], np.random.default_rng(0))
    features = [metrics.digit_features(images) for images in grades]
    for distance in (metrics.frechet_distance, metrics.kernel_distance):
        values = [distance(real, grade) for grade in features]
        assert values == sorted(values), f"{distance.__name__} after {damage.__name__}: {values}"
        assert values[-1] - values[0] > 2.0 * (values[1] - values[0])


# ---- The scale of the Fréchet distance ----


def test_excess_is_0_for_real_digits_and_1_for_the_gaussian(mnist):
    real = metrics.frechet_excess(mnist.x_train[-5000:], part="valid")
    assert abs(real.share) < 0.02
    assert real.floor < 0.05 * real.gaussian
    drawn = metrics.frechet_excess(metrics.pca_gaussian(mnist.x_train, 5000, seed=9), part="valid")
    assert drawn.share == pytest.approx(1.0, abs=0.05)
    assert drawn.share == pytest.approx((drawn.distance - drawn.floor) / (drawn.gaussian - drawn.floor))


def test_excess_wants_as_many_images_as_the_part_has(mnist):
    with pytest.raises(ValueError, match="images holds 100, but the valid part has 5000"):
        metrics.frechet_excess(mnist.x_train[:100], part="valid")
    with pytest.raises(ValueError, match="part"):
        metrics.frechet_excess(mnist.x_train[:100], part="train")


def test_pca_gaussian_has_the_variances_of_the_principal_components():
    rng = np.random.default_rng(0)
    images = np.rint(128 + rng.normal(size=(2000, 3)) * [300, 200, 100] @ np.linalg.qr(rng.normal(size=(784, 3)))[0].T)
    images = images.astype(np.uint8).reshape(-1, 28, 28)
    drawn = metrics.pca_gaussian(images, 2000, seed=1, components=3).reshape(-1, 784)
    pca, pca_drawn = (sklearn.decomposition.PCA(4).fit(x) for x in (images.reshape(-1, 784), drawn))
    ratios = pca_drawn.explained_variance_[:3] / pca.explained_variance_[:3]
    np.testing.assert_allclose(ratios, 1.0, atol=5 * math.sqrt(2 * 2 / 2000))  # 5 standard errors of a ratio
    np.testing.assert_allclose(drawn.mean(axis=0), images.reshape(-1, 784).mean(axis=0), atol=2.5)


# ---- The importance-weighted bound ----

SIGMA = 0.7


def linear_vae(decoder_weights, bias, encoder_weights, log_var):
    """A VAE whose decoder is linear with noise SIGMA, so that log p(x) is that of a Gaussian."""
    latent, width = decoder_weights.shape
    encoder, decoder = networks.mlp_encoder(latent, width, hidden=()), networks.mlp_decoder(latent, width, hidden=())
    zeros, offset = np.zeros((width, latent)), -bias @ encoder_weights
    encoder.get_layer("mean").set_weights([encoder_weights, offset])
    encoder.get_layer("log_var").set_weights([zeros, log_var])
    decoder.layers[-1].set_weights([decoder_weights, bias])
    return vae.VAE(encoder, decoder, nll=losses.gaussian_nll, sigma=SIGMA)


def linear_example(seed=0):
    """Decoder with orthogonal columns, its exact posterior (which factorises), some x and their exact log p(x)."""
    rng = np.random.default_rng(seed)
    weights = np.linalg.qr(rng.normal(size=(5, 2)))[0].T * [[1.5], [0.8]]
    bias, precision = rng.normal(size=5), 1.0 + np.sum(weights**2, axis=1) / SIGMA**2
    encoder_weights = weights.T / SIGMA**2 / precision
    covariance = weights.T @ weights + SIGMA**2 * np.eye(5)
    x = rng.multivariate_normal(bias, covariance, size=3).astype(np.float32)
    exact = scipy.stats.multivariate_normal(bias, covariance).logpdf(x)
    return weights, bias, encoder_weights, -np.log(precision), x, exact


@pytest.mark.parametrize("samples", [1, 7, 2003])
def test_bound_is_log_p_for_the_exact_posterior(samples):
    weights, bias, encoder_weights, log_var, x, exact = linear_example()
    model = linear_vae(weights, bias, encoder_weights, log_var)
    bound = metrics.importance_weighted_bound(model, x, samples, seed=samples)
    assert bound.shape == (3,)
    np.testing.assert_allclose(bound, exact, atol=2e-4)


def inexact_bounds(samples, repeats=4000):
    """Many independent estimates of the bound for one x, with a posterior that is displaced and too wide."""
    weights, bias, encoder_weights, log_var, x, exact = linear_example()
    model = linear_vae(weights, bias, 0.7 * encoder_weights, log_var + 0.8)
    x, exact = np.repeat(x[:1], repeats, axis=0), exact[0]
    posterior_mean, mean = ((x[0] - bias) @ encoder_weights * scale for scale in (1.0, 0.7))
    variance = np.exp(log_var)
    gap = 0.5 * np.sum(np.exp(0.8) + (mean - posterior_mean) ** 2 / variance - 1.0 - 0.8)  # KL(q || p(z|x))
    return metrics.importance_weighted_bound(model, x, samples, seed=1).astype(np.float64), exact, gap


def test_one_sample_gives_the_elbo():
    bounds, exact, gap = inexact_bounds(1)
    assert gap > 0.2
    assert abs(bounds.mean() - (exact - gap)) < 4.0 * bounds.std() / math.sqrt(len(bounds))


def test_bound_rises_to_log_p_from_below():
    means, errors = [], []
    for samples in (1, 4, 16, 64, 256):
        bounds, exact, _ = inexact_bounds(samples, repeats=2000)
        means.append(bounds.mean())
        errors.append(bounds.std() / math.sqrt(len(bounds)))
    assert all(high - low > -4.0 * error for low, high, error in zip(means[:-1], means[1:], errors, strict=False))
    assert all(mean < exact + 4.0 * error for mean, error in zip(means, errors, strict=True))
    assert means[0] < exact - 0.2 < means[2]
    assert means[-1] == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("samples", [1, 5])
def test_exponential_of_the_bound_is_an_unbiased_estimate_of_p(samples):
    bounds, exact, _ = inexact_bounds(samples, repeats=20_000)
    ratio = np.exp(bounds - exact)
    assert abs(ratio.mean() - 1.0) < 4.0 * ratio.std() / math.sqrt(len(ratio))


def test_bound_repeats_with_its_seed_and_refuses_bad_input():
    weights, bias, encoder_weights, log_var, x, _ = linear_example()
    model = linear_vae(weights, bias, 0.7 * encoder_weights, log_var)
    first, again, other = (metrics.importance_weighted_bound(model, x, 3, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    for bad, samples in ((x, 0), (x[:, :4], 3), (x * np.nan, 3), (x.astype(np.uint8), 3)):
        with pytest.raises(ValueError, match=r"x|samples"):
            metrics.importance_weighted_bound(model, bad, samples, 0)


# ---- Density and coverage (04) ----


def naive_density_coverage(real, generated, k):
    radii = [sorted(np.linalg.norm(a - b) for j, b in enumerate(real) if j != i)[k - 1] for i, a in enumerate(real)]
    inside = np.array([[np.linalg.norm(g - a) <= r for a, r in zip(real, radii, strict=True)] for g in generated])
    return inside.sum() / (k * len(generated)), inside.any(axis=0).mean()


@pytest.mark.parametrize("k", [1, 5])
def test_density_and_coverage_agree_with_loops(k):
    rng = np.random.default_rng(k)
    real, generated = rng.normal(size=(40, 3)), rng.normal(0.7, 0.6, size=(30, 3))
    expected = naive_density_coverage(real, generated, k)
    assert metrics.density_coverage(real, generated, k) == pytest.approx(expected)
    assert 0.0 < expected[1] < 1.0


def test_density_and_coverage_agree_with_radius_neighbours_of_scikit_learn():
    rng = np.random.default_rng(2)
    real, generated = rng.normal(size=(1500, 8)), rng.normal(0.3, 1.0, size=(1200, 8))
    radii = sklearn.neighbors.NearestNeighbors(n_neighbors=6).fit(real).kneighbors(real)[0][:, -1]  # itself is one
    tree = sklearn.neighbors.NearestNeighbors().fit(generated)
    counts = [len(tree.radius_neighbors(a[None], r)[1][0]) for a, r in zip(real, radii, strict=True)]
    expected = np.sum(counts) / (5 * len(generated)), np.mean(np.array(counts) > 0)
    assert metrics.density_coverage(real, generated) == pytest.approx(expected, rel=1e-4)


def test_same_distribution_has_density_1_and_the_known_coverage():
    """Naeem et al. 2020: with n = m the expected coverage is 1 − ∏ (n − i) / (2n − i), i = 1 … k, near 1 − 2⁻ᵏ."""
    rng, n, k = np.random.default_rng(3), 1500, 3
    density, coverage = metrics.density_coverage(rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), k)
    factors = [(n - i) / (2 * n - i) for i in range(1, k + 1)]
    assert coverage == pytest.approx(1.0 - np.prod(factors), abs=4 * math.sqrt(0.11 / n))
    assert density == pytest.approx(1.0, abs=0.1)


def test_samples_that_crowd_in_the_middle_have_a_high_density():
    rng = np.random.default_rng(0)
    real, crowd = rng.normal(size=(600, 20)), 0.5 * rng.normal(size=(600, 20))
    assert metrics.density_coverage(real, crowd)[0] > 1.5


def test_a_dropped_mode_costs_coverage_and_no_density():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(600, 3)) + np.repeat([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]], 300, axis=0)
    density, coverage = metrics.density_coverage(real, rng.normal(size=(600, 3)))
    assert density == pytest.approx(1.0, abs=0.15)
    assert 0.45 < coverage <= 0.5


def test_one_outlier_in_the_real_set_fools_precision_but_hardly_density():
    rng = np.random.default_rng(1)
    real = np.concatenate([rng.normal(size=(500, 2)), [[30.0, 0.0]]])
    bad = rng.normal([15.0, 0.0], 1.0, (500, 2))
    assert metrics.precision_recall(real, bad)[0] > 0.9
    assert metrics.density_coverage(real, bad, k=3)[0] < 0.4


@pytest.mark.parametrize(
    ("bad", "message"),
    [(np.zeros((5, 4)), "at least"), (np.full((9, 4), np.nan), "NaN"), (np.zeros((9, 5)), "shape")],
    ids=["five rows", "NaN", "other width"],
)  # fmt: skip
def test_density_coverage_refuses_bad_features(bad, message):
    with pytest.raises(ValueError, match=message):
        metrics.density_coverage(np.random.default_rng(0).normal(size=(9, 4)), bad)


class TestSlant:
    def test_lines_of_known_angle(self):
        """An upright stroke, sheared by the tangent of the angle."""
        y, x = 13.5 - np.arange(28.0)[:, None], np.arange(28.0) - 13.5
        for degrees in (-30, 0, 15, 40):
            line = 255 * np.clip(2 - np.abs(x - y * np.tan(np.radians(degrees))), 0, 1) * (np.abs(y) < 10)
            assert metrics.slant(np.rint(line[None]).astype(np.uint8))[0] == pytest.approx(degrees, abs=0.5)

    def test_moving_a_digit_does_not_change_it_and_no_ink_is_zero(self):
        x = data.load_mnist().x_test[:300]
        inner = np.zeros((300, 28, 28), np.uint8)
        inner[:, 5:-5, 5:-5] = x[:, 5:-5, 5:-5]
        np.testing.assert_allclose(metrics.slant(np.roll(inner, (3, -4), (1, 2))), metrics.slant(inner), atol=1e-9)
        assert metrics.slant(np.zeros((2, 28, 28), np.uint8)).tolist() == [0, 0]

    def test_floats_are_refused(self):
        with pytest.raises((TypeError, ValueError), match="images"):
            metrics.slant(np.zeros((2, 28, 28)))
