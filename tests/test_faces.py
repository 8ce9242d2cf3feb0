"""Drawn faces: the answers known from geometry, from colours and from drawings with one factor changed."""

import csv
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gentutor import faces

TABLE = pathlib.Path(__file__).parent.parent / "bench" / "face_reader.csv"
ALL = [*faces.NAMES, *faces.CONTINUOUS]


def plain(n=1, **changes):
    """Factors of n equal faces: the middle of every range, the first of every name, but for the changes."""
    factors = np.recarray(n, dtype=faces.FACTORS)
    for name in ALL:
        factors[name] = changes.get(name, 0)
    return factors


def box_average(images, times):
    n, size = len(images), images.shape[1] // times
    return images.reshape(n, size, times, size, times, 3).mean(axis=(2, 4))


# ---- sample ----


def test_factors_have_the_promised_distribution():
    factors = faces.sample(60_000, seed=0)
    for name, words in faces.NAMES.items():
        expected = np.full(len(words), 1 / len(words)) if name != "glasses" else np.array([0.7, 0.3])
        shares = np.bincount(factors[name], minlength=len(words)) / len(factors)
        assert np.all(np.abs(shares - expected) < 4 * np.sqrt(expected * (1 - expected) / len(factors))), name
    for name in faces.CONTINUOUS:
        assert abs(factors[name].mean()) < 4 / np.sqrt(3 * len(factors))
        assert abs(factors[name].std() - 1 / np.sqrt(3)) < 0.01
    columns = np.stack([factors[name].astype(float) for name in ALL])
    off_diagonal = np.corrcoef(columns) - np.eye(len(ALL))
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(len(factors)), "factors are independent of each other"


def test_a_seed_repeats_and_another_differs():
    assert (faces.sample(5, seed=1) == faces.sample(5, seed=1)).all()
    assert (faces.sample(5, seed=1) != faces.sample(5, seed=2)).all()


# ---- render ----


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 5), size=st.integers(8, 70))
def test_any_size_gives_pictures(seed, n, size):
    factors = faces.sample(n, seed)
    images = faces.render(factors, size)
    assert images.shape == (n, size, size, 3)
    assert images.dtype == np.uint8
    assert np.array_equal(images[-1:], faces.render(factors[-1:], size)), "a face does not depend on its neighbours"


def test_many_faces_come_back_in_their_order():
    factors = faces.sample(200, seed=3)
    images = faces.render(factors, 16)
    for row in (0, 57, 199):
        assert np.array_equal(images[row], faces.render(factors[row : row + 1], 16)[0])


def test_edges_are_smooth_a_small_picture_is_the_average_of_a_large_one():
    factors = faces.sample(60, seed=4)
    small, large = faces.render(factors, 32).astype(float), faces.render(factors, 256)
    error = np.abs(box_average(large, 8) - small)
    jagged = large[:, 4::8, 4::8].astype(float)  # one point for each pixel, as without anti-aliasing
    assert error.mean() < 2.0
    assert error.mean() < 0.3 * np.abs(box_average(large, 8) - jagged).mean()


def test_ellipse_and_segment_know_their_distance():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, 1, 40, 40))
    circle = faces._ellipse(x, y, 0.1, -0.2, 0.4, 0.4)
    exact = np.hypot(x - 0.1, y + 0.2) - 0.4
    near = np.abs(exact) < 0.02  # to first order: off by the square of the distance
    assert near.any()
    assert np.abs(circle - exact)[near].max() < 0.02**2 / 0.4
    assert np.array_equal(circle < 0, exact < 0)
    line = np.linspace([-0.5, 0.3], [0.2, -0.4], 20_001)
    nearest = np.array([np.hypot(*(line - point).T).min() for point in np.stack([x[0].ravel(), y[0].ravel()], 1)])
    found = faces._segment(x, y, -0.5, 0.3, 0.2, -0.4, 0.1)
    assert np.abs(found.ravel() - (nearest - 0.1)).max() < 1e-4


def test_triangle_has_the_right_area_whatever_the_order_of_its_corners():
    grid = (np.arange(400) + 0.5) / 200 - 1
    x, y = np.meshgrid(grid, grid)
    corners = (-0.5, -0.4), (0.6, -0.1), (0.1, 0.7)
    area = 0.5 * abs((0.6 + 0.5) * (0.7 + 0.4) - (0.1 + 0.5) * (-0.1 + 0.4))
    for order in (corners, corners[::-1]):
        assert np.mean(faces._triangle(x, y, *order) < 0) * 4 == pytest.approx(area, rel=0.01)


def test_arc_is_as_far_as_its_parabola():
    x, y = np.random.default_rng(1).uniform(-0.4, 0.4, (2, 1, 30, 30))
    found = faces._arc(x, y, 0.05, -0.1, 0.2, 0.1, 0.03)
    along = np.linspace(-0.2, 0.2, 4001)
    curve = np.stack([0.05 + along, -0.1 + 0.1 * (along / 0.2) ** 2], 1)
    nearest = np.array([np.hypot(*(curve - point).T).min() for point in np.stack([x[0].ravel(), y[0].ravel()], 1)])
    close = (nearest < 0.05) & (np.abs(x.ravel() - 0.05) < 0.18)
    assert np.abs(found.ravel() - (nearest - 0.03))[close].max() < 0.012


@pytest.mark.parametrize("name", ALL)
def test_every_factor_changes_the_picture_of_every_species(name):
    values = range(len(faces.NAMES[name])) if name in faces.NAMES else (-1, 0, 1)
    for species in [0, 1, 2] if name != "species" else [0]:
        pictures = [faces.render(plain(**{"species": species, name: value}), 32)[0].astype(float) for value in values]
        for i, one in enumerate(pictures):
            for other in pictures[:i]:
                assert np.abs(one - other).max() > 20, (name, species)


def test_the_background_is_what_its_name_says():
    dominant = {"blue": (2,), "green": (1,), "yellow": (0, 1), "pink": (0, 2), "purple": (2, 0)}
    for value, name in enumerate(faces.NAMES["background"]):
        corner = faces.render(plain(background=value), 64)[0, 2, 2].astype(float)
        if name == "grey":
            assert np.ptp(corner) < 10
        else:
            rest = [k for k in range(3) if k not in dominant[name]]
            assert min(corner[list(dominant[name])]) > max(corner[rest]) + 10, name


def test_turning_and_tilting_mirror_each_other():
    for species in (1, 2):  # a person's parting breaks the symmetry
        right = faces.render(plain(species=species, turn=0.8, tilt=0.5, light=0.6), 64)[0].astype(float)
        left = faces.render(plain(species=species, turn=-0.8, tilt=-0.5, light=-0.6), 64)[0].astype(float)
        assert np.abs(right - left[:, ::-1]).mean() < 3.0  # all but the glints in the eyes
        assert np.abs(right - left).mean() > 6.0


def test_light_brightens_its_side():
    for light, brighter in ((-1, "left"), (1, "right")):
        picture = faces.render(plain(light=light), 32)[0].astype(float)
        left, right = picture[:, :16].mean(), picture[:, 16:].mean()
        assert (left > right) == (brighter == "left")


def test_wrong_factors_are_named():
    factors = faces.sample(3, seed=0)
    with pytest.raises(ValueError, match="size must be at least 8 pixels, but it is 4"):
        faces.render(factors, 4)
    with pytest.raises(ValueError, match=r"factors must be a record array .* it is a dict"):
        faces.render({"mouth": 1}, 32)
    with pytest.raises(ValueError, match="factors must be a record array"):
        faces.render(factors[0], 32)
    with pytest.raises(ValueError, match="factors must be a record array"):
        faces.captions(factors[:0])
    for name, value in (("mouth", 1.5), ("turn", np.nan), ("species", 3), ("hair", -1)):
        wrong = factors.copy()
        wrong[name][1] = value
        with pytest.raises(ValueError, match=rf"factors.{name} must lie from"):
            faces.render(wrong, 32)
    with pytest.raises(ValueError, match="n must be a whole number"):
        faces.sample(0, seed=0)


# ---- captions ----


def test_captions_say_what_is_in_the_picture():
    dog = plain(species=2, coat=2, mouth=0.9, glasses=1, background=0)
    assert faces.captions(dog) == ["a smiling brown dog with glasses on blue"]
    person = plain(species=0, hair=3, mouth=-0.9, background=5)
    assert faces.captions(person) == ["a sad red-haired person on grey"]
    assert faces.captions(plain(species=1, coat=3, background=2)) == ["a calm black cat on yellow"]


def test_captions_of_many_hold_every_word_they_should():
    factors = faces.sample(300, seed=5)
    for row, words in zip(factors, faces.captions(factors), strict=True):
        assert faces.NAMES["species"][row["species"]] in words
        assert words.endswith(faces.NAMES["background"][row["background"]])
        assert ("glasses" in words) == bool(row["glasses"])
        assert ("smiling" in words) == (row["mouth"] > 1 / 3)


# ---- read and features ----


def test_the_distance_ranks_graded_damage_in_its_order():
    with TABLE.with_name("face_scale.csv").open(newline="", encoding="utf-8") as file:
        table = {row["pictures"]: float(row["share"]) for row in csv.DictReader(file)}
    for series in ("noise of", "blur of", "dogs are cats", "glasses left out", "range of mouth", "different faces"):
        shares = [share for name, share in table.items() if series in name]
        assert len(shares) >= 3
        assert shares == sorted(shares), series
    assert abs(table["a third set of drawn faces"]) < 0.01
    assert table["the mean picture"] > 1


@pytest.mark.parametrize("network", ["face_reader", "face_reader_2"])
def test_a_reading_network_is_as_good_as_its_table_says(network, monkeypatch, request):
    monkeypatch.setattr(faces, "READER", f"{network}.npz")
    faces._reader_function.cache_clear()
    request.addfinalizer(faces._reader_function.cache_clear)  # others read with the first network
    with TABLE.with_name(f"{network}.csv").open(newline="", encoding="utf-8") as file:
        table = {row["factor"]: (row["measure"], float(row["value"])) for row in csv.DictReader(file)}
    assert list(table) == ALL
    n = 2000
    factors = faces.sample(n, seed=77)  # faces that neither training nor the table saw
    found = faces.read(faces.render(factors, 32))
    for name, (measure, value) in table.items():
        if measure == "share right":
            share = np.mean(found[name] == factors[name])
            assert abs(share - value) < 4 * np.sqrt(max(value * (1 - value), 1e-3) / n) + 0.002, (name, share, value)
            assert value > 0.95, name
        else:
            error = np.abs(found[name] - factors[name])
            assert abs(error.mean() - value) < 4 * error.std() / np.sqrt(n) + 0.001, (name, error.mean(), value)
            assert value < 0.1, name


def test_reading_a_larger_picture_gives_the_same_answer():
    factors = faces.sample(300, seed=8)
    small, large = (faces.read(faces.render(factors, size)) for size in (32, 128))
    assert np.mean(small.species == large.species) > 0.99
    assert np.mean(small.glasses == large.glasses) > 0.98
    assert np.abs(small.mouth - large.mouth).mean() < 0.1


def test_features_are_scaled_over_drawn_faces():
    features = faces.features(faces.render(faces.sample(3000, seed=9), 32))
    assert features.shape == (3000, 256)
    assert np.abs(features.mean(axis=0)).max() < 0.12
    spread = features.std(axis=0)
    assert np.all((np.abs(spread - 1) < 0.25) | (spread < 0.1)), "a few units never fire"
    assert np.mean(spread > 0.5) > 0.9


@pytest.mark.parametrize("shape", [(32, 32, 3), (2, 33, 33, 3), (2, 32, 64, 3), (2, 32, 32, 1), (2, 16, 16, 3)])
def test_pictures_of_another_shape_are_named(shape):
    with pytest.raises(ValueError, match=r"images must have the shape \(n, s, s, 3\) with s a multiple of 32"):
        faces.read(np.zeros(shape, np.uint8))


def test_scaled_pictures_are_refused():
    with pytest.raises(ValueError, match="images must be uint8"):
        faces.features(np.zeros((2, 32, 32, 3), np.float32))
