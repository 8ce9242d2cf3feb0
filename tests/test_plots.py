"""What the figures show: the drawn arrays are read back and compared with what was handed over."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from gentutor import plots

DIGITS = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)


def texts(artist):
    """All words in a figure or in axes."""
    return [text.get_text() for text in artist.findobj(Text) if text.get_text()]


def rgb(colour):
    return mpl.colors.to_hex(colour).upper()


@pytest.fixture
def ax():
    return plt.subplots()[1]


# ---- every figure ----

FIGURES = {
    "image_grid": lambda ax: plots.image_grid(DIGITS, ax=ax),
    "curves": lambda ax: plots.curves({"a": [1, 2]}, "step", "nats", ax=ax),
    "scaled_histogram": lambda ax: plots.scaled_histogram(DIGITS, -1, 1, (0, 1), "sigmoid", ax=ax),
    "latent_map": lambda ax: plots.latent_map(DIGITS[:9], ax=ax),
    "cloud": lambda ax: plots.cloud(np.zeros((3, 2)), np.ones((3, 2)), 2, ax=ax),
    "label_histogram": lambda ax: plots.label_histogram({"real": np.full(10, 0.1)}, ax=ax),
    "seed_results": lambda ax: plots.seed_results({"a": [1, 2]}, "nats", ax=ax),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_draw_on_the_axes_they_are_given(name, ax):
    assert FIGURES[name](ax) is ax
    assert plt.get_fignums() == [ax.figure.number]


@pytest.mark.parametrize("name", FIGURES)
def test_figures_make_their_own_axes_and_show_nothing(name, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("plots must not show"))
    own = FIGURES[name](None)
    assert isinstance(own, plt.Axes)
    own.figure.canvas.draw()


def test_style_is_the_course_sheet():
    before = mpl.rcParams.copy()
    try:
        plots.use_style()
        first = [entry["color"].upper() for entry in mpl.rcParams["axes.prop_cycle"]][:4]
        assert ["#" + colour.lstrip("#") for colour in first] == [
            plots.REAL, plots.GENERATED, plots.LATENT, plots.WRONG,
        ]  # fmt: skip
        assert mpl.rcParams["axes.grid"]
    finally:
        mpl.rcParams.update(before)


# ---- images ----


@settings(max_examples=30)
@given(n=st.integers(1, 13), columns=st.integers(1, 6), flat=st.booleans(), channel=st.booleans())
def test_image_grid_puts_image_i_in_row_and_column(n, columns, flat, channel):
    images = np.random.default_rng(n).integers(0, 256, (n, 5, 5), dtype=np.uint8)
    given_as = images.reshape(n, 25) if flat else images[..., None] if channel else images
    drawn = plots.image_grid(given_as, columns=columns).images[0].get_array()
    plt.close("all")
    rows = -(-n // columns)
    assert drawn.shape == (5 * rows, 5 * columns)
    for i in range(n):
        row, column = divmod(i, columns)
        assert (drawn[5 * row : 5 * row + 5, 5 * column : 5 * column + 5] == images[i]).all()
    assert drawn.sum() == images.sum()  # the rest is black


def test_image_grid_takes_float_pixels_and_keeps_the_grey_scale():
    ax = plots.image_grid(np.full((1, 4, 4), 100.0), title="one")
    assert ax.images[0].get_clim() == (0, 255)
    assert ax.get_title() == "one"
    assert list(ax.get_xticks()) == []


@settings(max_examples=20)
@given(n=st.integers(1, 13), columns=st.integers(1, 6), floats=st.booleans(), width=st.integers(1, 5))
def test_image_grid_puts_coloured_image_i_in_row_and_column(n, columns, floats, width):
    images = np.random.default_rng(n).integers(0, 256, (n, 5, width, 3), dtype=np.uint8)
    drawn = plots.image_grid(images + 0.4 if floats else images, columns=columns).images[0].get_array()
    plt.close("all")
    rows = -(-n // columns)
    assert drawn.shape == (5 * rows, width * columns, 3)
    assert drawn.dtype == np.uint8
    for i in range(n):
        row, column = divmod(i, columns)
        assert (drawn[5 * row : 5 * row + 5, width * column : width * column + width] == images[i]).all()
    assert drawn.sum(dtype=int) == images.sum(dtype=int)  # the rest is black


def test_a_coloured_face_has_its_colours_on_the_screen():
    face = np.zeros((1, 8, 8, 3), np.uint8)
    face[...] = 200, 100, 50
    ax = plots.image_grid(face, columns=1, scale=2)
    ax.figure.canvas.draw()
    pixels = np.asarray(ax.figure.canvas.buffer_rgba())
    x, y = ax.transAxes.transform((0.5, 0.5))
    assert pixels[pixels.shape[0] - round(y), round(x), :3].tolist() == [200, 100, 50]


def test_coloured_float_pixels_beyond_the_ends_are_clipped_as_grey_ones_are():
    drawn = plots.image_grid(np.array([-20.0, 99.6, 300.0]).reshape(1, 1, 1, 3), columns=1).images[0].get_array()
    assert drawn.tolist() == [[[0, 100, 255]]]


def test_coloured_images_have_rows_and_maps_too():
    faces = np.random.default_rng(0).integers(0, 256, (9, 6, 6, 3), dtype=np.uint8)
    axes = plots.image_rows({"real": faces[:3], "generated": faces[3:6]})
    assert (axes[1].images[0].get_array() == np.hstack(faces[3:6])).all()
    assert plots.latent_map(faces).images[0].get_array().shape == (18, 18, 3)


@pytest.mark.parametrize("shape", [(4,), (2, 5, 5, 2), (2, 5, 5, 4), (1, 2, 5, 5, 3)])
def test_image_grid_says_which_shapes_it_draws(shape):
    with pytest.raises(ValueError, match=r"images must have the shape \(n, h, w\).* but it is \(" + str(shape[0])):
        plots.image_grid(np.zeros(shape))


def test_image_rows_draws_a_row_each_and_marks_wrong_ones():
    axes = plots.image_rows({"real": DIGITS[:4], "bad": DIGITS[4:8]}, wrong=["bad"])
    assert [ax.get_ylabel() for ax in axes] == ["real", "✗ bad"]
    assert rgb(axes[1].yaxis.label.get_color()) == plots.WRONG
    assert rgb(axes[0].yaxis.label.get_color()) != plots.WRONG
    assert (axes[1].images[0].get_array() == np.hstack(DIGITS[4:8])).all()


def test_pixel_values_writes_the_numbers_where_they_are():
    image = DIGITS[0]
    ax = plots.pixel_values(image, slice(3, 6), slice(10, 14))
    written = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts}
    part = image[3:6, 10:14]
    assert written == {place: str(value) for place, value in np.ndenumerate(part)}
    frame = ax.figure.axes[0].patches[0]
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (9.5, 2.5, 4, 3)


def test_latent_map_has_z2_upwards():
    images = np.zeros((9, 4, 4), np.uint8)
    images[0] = 200  # the first image is the top left: smallest z1, largest z2
    ax = plots.latent_map(images, limits=(-2, 2))
    ax.figure.canvas.draw()
    assert ax.images[0].get_array()[:4, :4].min() == 200
    labels = {label.get_text(): label.get_position()[1] for label in ax.get_yticklabels()}
    assert labels["2"] < labels["0"] < labels["−2"]  # an image's rows count downwards
    assert ax.yaxis_inverted()
    places = {label.get_text(): label.get_position()[0] for label in ax.get_xticklabels()}
    assert places["−2"] < places["2"]
    assert (places["−2"], places["2"]) == (-0.5, 11.5)
    assert rgb(ax.xaxis.label.get_color()) == plots.LATENT


# ---- curves and histograms ----


def test_curves_count_from_one_or_take_x_and_draw_baselines():
    ax = plots.curves({"a": [3, 1], "b": ([10, 20], [5, 6])}, "step", "nats", [(2.0, "chance")], title="t")
    assert [line.get_xdata().tolist() for line in ax.lines[:2]] == [[1, 2], [10, 20]]
    assert [line.get_ydata().tolist() for line in ax.lines[:2]] == [[3, 1], [5, 6]]
    assert set(ax.lines[2].get_ydata()) == {2.0}
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("step", "nats", "t")
    assert {"a", "b", "chance"} <= set(texts(ax))


def test_curves_count_whole_numbers_take_colours_and_tell_baselines_apart():
    ax = plots.curves({"a": [3, 1, 2]}, "epoch", "nats", [(2.0, "one"), (1.0, "other")], colours=[plots.GENERATED])
    assert rgb(ax.lines[0].get_color()) == plots.GENERATED
    assert ax.lines[1].get_linestyle() != ax.lines[2].get_linestyle()
    ax.figure.canvas.draw()
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


@settings(max_examples=30)
@given(low=st.floats(-2, 1.9), width=st.floats(0.1, 4))
def test_scaled_histogram_is_numpys_histogram_of_the_scaled_pixels(low, width):
    high = low + width
    ax = plots.scaled_histogram(DIGITS, low, high)
    heights, edges, _ = ax.patches[0].get_data()
    plt.close("all")
    counts = np.histogram(DIGITS, bins=np.arange(0, 257, 8))[0]
    np.testing.assert_allclose(heights, 100 * counts / DIGITS.size)
    np.testing.assert_allclose(edges[[0, -1]], [low, high])


def test_scaled_histogram_shades_the_range_of_the_activation():
    ax = plots.scaled_histogram(DIGITS, -1, 1, (0, 1), "sigmoid")
    shade = ax.patches[1]
    assert (shade.get_x(), shade.get_width()) == (0, 1)
    assert any("sigmoid" in text for text in texts(ax))
    unlimited = plots.scaled_histogram(DIGITS, -1, 1, (-np.inf, np.inf), "linear")
    assert unlimited.patches[1].get_width() == np.ptp(unlimited.get_xlim())


def test_activations_draw_each_function():
    x = np.linspace(-3, 3, 7)
    axes = plots.activations({"tanh": np.tanh, "linear": lambda a: a}, x)
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), np.tanh(x))
    assert [ax.get_title() for ax in axes] == ["tanh", "linear"]


def test_seed_results_put_the_first_recipe_on_top_and_mark_wrong_ones():
    results = {"good": [1.0, 2.0], "bad": [9.0, 8.0]}
    ax = plots.seed_results(results, "grey levels", [(5.0, "mean image")], wrong=["bad"])
    rows = {label.get_text(): i for i, label in enumerate(ax.get_yticklabels())}
    assert rows["good"] > rows["bad"]
    for line in ax.lines[:2]:
        name = next(name for name, row in rows.items() if row == line.get_ydata()[0])
        assert line.get_xdata().tolist() == results[name]
        assert (rgb(line.get_color()) == plots.WRONG) == (name == "bad")
        assert (line.get_marker() == "X") == (name == "bad")  # never by colour alone
    assert "mean image" in texts(ax)


def test_baselines_look_the_same_in_every_figure_and_none_is_left_out():
    baselines = [(float(i), f"baseline {i}") for i in range(1, 6)]
    curves = plots.curves({"a": [1, 2]}, "step", "nats", baselines)
    dots = plots.seed_results({"a": [1, 2]}, "nats", baselines)
    looks = []
    for ax, value in ((curves, lambda line: line.get_ydata()[0]), (dots, lambda line: line.get_xdata()[0])):
        lines = [line for line in ax.lines if line.get_label().startswith("baseline")]
        assert [(value(line), line.get_label()) for line in lines] == baselines
        looks.append([(line.get_linestyle(), line.get_color(), line.get_linewidth()) for line in lines])
    assert looks[0] == looks[1]
    assert len({style for style, _, _ in looks[0][:3]}) == 3


# ---- notebook 00 ----


def test_course_map_fills_what_is_here_and_dashes_what_is_to_come():
    ax = plots.course_map({"I": ["00 start"]}, {"I": ["04 judging"], "II": ["05 more"]})
    boxes = ax.findobj(FancyBboxPatch)
    assert [rgb(box.get_facecolor()) for box in boxes] == [plots.REAL, "#FFFFFF", "#FFFFFF"]
    assert [box.get_linestyle() for box in boxes] == ["-", "--", "--"]
    assert {"I", "II", "00 start", "04 judging", "05 more"} <= set(texts(ax))


def test_families_stand_at_their_likelihood_and_cost():
    ax = plots.families([("GAN", "none", 1, 1, 0), ("flow", "exact", 1, 1, 0), ("diffusion", "a bound", 10, 1000, 0.1)])
    drawn = [(line.get_xdata().tolist(), float(line.get_ydata()[0])) for line in ax.lines]
    assert drawn == [([1], 0.0), ([1], 2.0), ([10, 1000], 1.1)]
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["none", "a bound", "exact"]


# ---- notebook 02 ----


def test_gan_diagram_writes_the_shapes_in_the_colours_of_their_kind():
    ax = plots.gan_diagram(latent_dim=7, hidden=(30, 40), pixels=99)
    written = texts(ax)
    assert written.count("99") == 3  # generated images out, and both kinds into the discriminator
    assert {"7", "generator G\n30 → 40", "discriminator D\n30 → 40", "1 logit"} <= set(written)
    colours = {text.get_text(): rgb(text.get_color()) for text in ax.texts}
    assert (colours["real"], colours["generated"]) == (plots.REAL, plots.GENERATED)
    assert len(ax.findobj(FancyBboxPatch)) >= 5


def test_logit_maps_share_a_scale_with_white_at_zero_and_x2_upwards():
    axis = np.linspace(-3, 3, 13)
    upwards = np.broadcast_to(axis[:, None], (13, 13))  # the logit is x₂
    axes = plots.logit_maps({"learnt": upwards, "exact": 2 * upwards}, limit=3, top=2)
    assert [ax.get_title() for ax in axes] == ["learnt", "exact"]
    for ax in axes:
        filled, line = ax.collections
        assert filled.get_clim() == (-2, 2)
        low, zero, high = (rgb(filled.cmap(value)) for value in (0.0, 0.5, 1.0))
        assert (low, high) == (plots.GENERATED, plots.REAL)
        assert min(int(zero[i : i + 2], 16) for i in (1, 3, 5)) >= 250
        np.testing.assert_allclose(line.get_paths()[0].vertices[:, 1], 0.0, atol=1e-9)
        assert ax.get_xlim() == ax.get_ylim() == (-3, 3)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_point_clouds_draw_each_pair_in_its_panel(count):
    rng = np.random.default_rng(0)
    clouds = [(rng.normal(size=(5, 2)), rng.normal(size=(7, 2))) for _ in range(count)]
    axes = plots.point_clouds(clouds, 4, [f"epoch {i}" for i in range(count)])
    for i, (ax, pair) in enumerate(zip(axes.flat, clouds, strict=False)):
        assert ax.get_title() == f"epoch {i}"
        for collection, points, colour in zip(ax.collections, pair, (plots.REAL, plots.GENERATED), strict=True):
            np.testing.assert_array_equal(collection.get_offsets(), points)
            assert rgb(collection.get_facecolor()[0]) == colour
    assert {"real", "generated"} <= set(texts(axes.flat[0].figure))
    assert [ax.get_visible() for ax in axes.flat] == [True] * count + [False] * (axes.size - count)


def test_label_histogram_draws_per_cent_side_by_side_and_tells_models_apart_without_colour():
    shares = {"real": np.full(10, 0.1), "classic": np.arange(10) / 45, "better": np.eye(10)[3]}
    ax = plots.label_histogram(shares)
    assert [[bar.get_height() for bar in group] for group in ax.containers] == [
        pytest.approx(100 * np.asarray(values)) for values in shares.values()
    ]
    centres = [bar.get_x() + bar.get_width() / 2 for group in ax.containers for bar in group]
    assert len({round(centre, 6) for centre in centres}) == 30  # none hides another
    looks = [(rgb(group[0].get_facecolor()), group[0].get_hatch()) for group in ax.containers]
    assert len(set(looks)) == 3
    assert looks[0][0] == plots.REAL
    assert set(shares) <= set(texts(ax))


# ---- notebook 03 ----


def test_vae_diagram_writes_the_shapes_in_the_colours_of_their_kind():
    ax = plots.vae_diagram(pixels=99, hidden=(30, 40), latent_dim=7)
    assert {"99", "encoder\nReLU 30 → 40", "mean 7\nlog_var 7", "z: 7", "logits 99"} <= set(texts(ax))
    colours = {text.get_text(): rgb(text.get_color()) for text in ax.texts}
    assert (colours["x"], colours["p(x|z)"]) == (plots.REAL, plots.GENERATED)
    assert colours["q(z|x)\nmean + sd · ε"] == plots.LATENT


def test_latent_scatter_draws_the_points_and_circles_that_hold_their_share_of_the_prior():
    means, labels = np.random.default_rng(0).standard_normal((4000, 2)), np.arange(4000) % 10
    ax = plots.latent_scatter(means, labels)
    np.testing.assert_allclose(ax.collections[0].get_offsets(), means)
    circles = [patch for patch in ax.patches if isinstance(patch, plt.Circle)]
    for circle, share in zip(circles, (0.5, 0.95), strict=True):
        assert np.mean(np.linalg.norm(means, axis=1) < circle.radius) == pytest.approx(share, abs=0.03)
        assert rgb(circle.get_edgecolor()) == plots.LATENT


def test_labels_of_a_latent_scatter_keep_apart_and_stay_where_they_have_room():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(10), 20)
    centres = np.concatenate([np.zeros((9, 2)), [[3.0, 3.0]]])  # nine digits in one place, one far away
    ax = plots.latent_scatter(centres[labels] + 0.01 * rng.standard_normal((200, 2)), labels)
    places = np.array([text.get_position() for text in ax.texts])
    assert [text.get_text() for text in ax.texts] == [str(digit) for digit in range(10)]
    distances = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(10)
    assert distances.min() > 0.95 * 4 / 7
    np.testing.assert_allclose(places[9], [3, 3], atol=0.05)


def test_active_units_are_drawn_sorted_with_their_threshold():
    ax = plots.active_units({"a": np.array([0.001, 2.0, 0.5]), "b": np.array([1e-7, 1e-6, 1e-5])}, threshold=0.02)
    assert ax.lines[0].get_ydata().tolist() == [2.0, 0.5, 0.001]
    assert len({line.get_marker() for line in ax.lines[:2]}) == 2  # never by colour alone
    assert set(ax.lines[2].get_ydata()) == {0.02}
    assert ax.get_yscale() == "log"
