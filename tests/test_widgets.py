"""Widgets without a browser: a moved slider shows what the plain functions draw, and bad input is refused in words."""

import io

import ipywidgets
import nbformat
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient
from PIL import Image

from gentutor import plots, widgets


def decode(z):
    """A blob whose place is the latent point: (n, d >= 2) -> uint8 (n, 28, 28)."""
    rows, columns = np.mgrid[:28, :28]
    z1, z2 = np.asarray(z).T[:2, :, None, None]
    return np.rint(255 * np.exp(-((columns - 14 - 3 * z1) ** 2 + (rows - 14 + 3 * z2) ** 2) / 30)).astype(np.uint8)


def parts(widget, kind):
    """Every widget of a kind inside a box, in the order in which they are shown."""
    inside = [part for child in getattr(widget, "children", ()) for part in parts(child, kind)]
    return [widget, *inside] if isinstance(widget, kind) else inside


def shown(image_widget):
    """The picture that an image widget shows, as uint8."""
    return np.asarray(Image.open(io.BytesIO(image_widget.value)))


def words(box):
    return " ".join(part.value for part in parts(box, ipywidgets.HTML))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)


class TestLatentExplorer:
    def test_sliders_choose_the_point_that_is_decoded_and_marked(self):
        box = widgets.latent_explorer(decode)
        (z1, z2), (digit, map_picture) = parts(box, ipywidgets.FloatSlider), parts(box, ipywidgets.Image)
        z1.value, z2.value = 1.5, -0.5
        expected = np.kron(decode(np.array([[1.5, -0.5]]))[0], np.ones((12, 12), np.uint8))
        np.testing.assert_array_equal(shown(digit), expected)
        green = np.all(shown(map_picture) == [0x00, 0x9E, 0x73], axis=-1)
        rows, columns = np.nonzero(green)
        assert columns.mean() == pytest.approx((1.5 + 3) / 6 * 336, abs=1)
        assert rows.mean() == pytest.approx((3 + 0.5) / 6 * 336, abs=1)

    def test_many_dimensions_get_a_slider_each_and_no_map(self):
        box = widgets.latent_explorer(decode, latent_dim=20)
        sliders = parts(box, ipywidgets.FloatSlider)
        assert [slider.description for slider in sliders[:2] + sliders[-1:]] == ["z₁", "z₂", "z₂₀"]
        assert len(parts(box, ipywidgets.Image)) == 1

    def test_the_buttons_draw_from_the_prior_and_go_back(self):
        calls = []
        box = widgets.latent_explorer(lambda z: calls.append(z) or decode(z), latent_dim=20, limits=(-2, 2))
        random_point, back = parts(box, ipywidgets.Button)
        sliders = parts(box, ipywidgets.FloatSlider)
        values = []
        for _ in range(50):
            calls.clear()
            random_point.click()
            assert len(calls) == 1  # one redraw, not one a slider
            values += [slider.value for slider in sliders]
        assert np.abs(values).max() <= 2
        # A standard normal clipped to [-2, 2]: mean 0, standard deviation 0.96; errors of 0.03 and 0.02 here.
        assert abs(np.mean(values)) < 0.12
        assert np.std(values) == pytest.approx(0.96, abs=0.08)
        back.click()
        assert all(slider.value == 0 for slider in sliders)

    def test_starts_where_told(self):
        box = widgets.latent_explorer(decode, start=[0.5, 1.0], show_map=False)
        (digit,) = parts(box, ipywidgets.Image)
        assert digit.value == widgets.png(decode(np.array([[0.5, 1.0]]))[0], 336)

    def test_takes_flat_images_and_those_with_a_channel(self):
        flat = widgets.latent_explorer(lambda z: decode(z).reshape(-1, 784), show_map=False)
        channel = widgets.latent_explorer(lambda z: decode(z)[..., None], show_map=False)
        assert parts(flat, ipywidgets.Image)[0].value == parts(channel, ipywidgets.Image)[0].value

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"limits": (3, -3)}, "limits must be two finite numbers"),
            ({"limits": 3}, "limits must be two finite numbers"),
            ({"latent_dim": 0}, "latent_dim must be a whole number of at least 1"),
            ({"start": [0.0, 5.0]}, "start must be one finite latent point"),
            ({"start": [0.0]}, r"shape \(2,\)"),
            ({"start": [np.nan, 0.0]}, "start must be one finite latent point"),
        ],
    )
    def test_refuses_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            widgets.latent_explorer(decode, **arguments)

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (lambda z: decode(z) / 255.0, "decode's result must be uint8"),
            (lambda z: decode(z)[0], r"decode's result must have the shape \(n, h, w\)"),
            (lambda z: np.concatenate([decode(z)] * 2), "decode must return one image for each point"),
        ],
    )
    def test_refuses_a_decoder_that_returns_something_else(self, bad, message):
        with pytest.raises(ValueError, match=message):
            widgets.latent_explorer(bad)


class TestRequestExplorer:
    @staticmethod
    def draw(label, lean, width, seed):
        """Three flat pictures whose grey level tells what was asked."""
        grey = np.uint8(10 * label + lean + width + seed)
        return np.full((3, 28, 28), grey), f"label {label}, lean {lean:.1f}, seed {seed}"

    @pytest.fixture
    def box(self):
        return widgets.request_explorer(self.draw, range(10), {"lean": (0, 30, 12), "width": (1, 4, 2)})

    def test_draws_the_label_and_the_wishes(self, box):
        (choice,), sliders = parts(box, ipywidgets.ToggleButtons), parts(box, ipywidgets.FloatSlider)
        (picture,) = parts(box, ipywidgets.Image)
        assert [slider.description for slider in sliders] == ["lean", "width"]
        assert shown(picture).max() == 10 * 5 + 12 + 2
        choice.value = "7"
        sliders[0].value = 20
        assert shown(picture).max() == 10 * 7 + 20 + 2
        assert "label 7, lean 20.0, seed 0" in words(box)

    def test_draw_again_changes_the_seed_alone_and_it_stays(self, box):
        (again,), (picture,) = parts(box, ipywidgets.Button), parts(box, ipywidgets.Image)
        again.click()
        assert shown(picture).max() == 10 * 5 + 12 + 2 + 1
        parts(box, ipywidgets.FloatSlider)[1].value = 3
        assert shown(picture).max() == 10 * 5 + 12 + 3 + 1

    def test_refuses_what_does_not_fit(self):
        with pytest.raises(ValueError, match="lean must start between 0 and 30, but it starts at 31"):
            widgets.request_explorer(self.draw, range(10), {"lean": (0, 30, 31), "width": (1, 4, 2)})
        with pytest.raises(ValueError, match="the limits of lean"):
            widgets.request_explorer(self.draw, range(10), {"lean": (30, 0, 12), "width": (1, 4, 2)})
        with pytest.raises(ValueError, match="draw's result must be uint8"):
            widgets.request_explorer(lambda label, seed: (np.zeros((2, 4, 4)), ""), range(3), {})


class TestInterpolationExplorer:
    def test_shows_the_latent_and_the_pixel_way_at_t(self):
        start, end = [-2.0, 0.0], [2.0, 1.0]
        box = widgets.interpolation_explorer(decode, start, end)
        (slider,) = parts(box, ipywidgets.FloatSlider)
        through, blend = parts(box, ipywidgets.Image)
        slider.value = 0.25
        assert through.value == widgets.png(decode(np.array([[-1.0, 0.25]]))[0], 224)
        first, last = decode(np.array([start, end])).astype(float)
        difference = shown(blend)[::8, ::8] - (0.75 * first + 0.25 * last)
        assert np.abs(difference).max() <= 0.5

    def test_refuses_points_that_do_not_fit(self):
        with pytest.raises(ValueError, match=r"end must be one finite latent point of shape \(2,\)"):
            widgets.interpolation_explorer(decode, [0.0, 0.0], [0.0, 0.0, 0.0])


class TestRangeExplorer:
    def test_moves_the_histogram_and_clips_what_is_out_of_reach(self, images):
        box = widgets.range_explorer(images)
        low, _ = parts(box, ipywidgets.FloatSlider)
        chart, original, best = parts(box, ipywidgets.Image)
        activation = parts(box, ipywidgets.ToggleButtons)[0]
        before = chart.value
        assert "they match" in words(box)
        assert best.value == original.value
        activation.value = "sigmoid"
        assert chart.value != before
        # From [-1, 1], a sigmoid reaches the upper half alone: pixels below 127.5 come back as 128.
        np.testing.assert_array_equal(shown(best)[::6, ::6], np.maximum(images[0], 128))
        share = 100 * np.mean(images < 128)
        assert f"{share:.1f} % of the pixels are out of its reach" in words(box)
        low.value = 0.0
        assert "they match" in words(box)

    def test_says_how_much_of_the_range_lies_idle(self, images):
        assert "Only 50 % of its range is used" in widgets.range_message(images, 0.0, 1.0, "tanh")

    def test_warns_and_keeps_the_pictures_when_low_is_not_below_high(self, images):
        box = widgets.range_explorer(images)
        low, high = parts(box, ipywidgets.FloatSlider)
        before = [picture.value for picture in parts(box, ipywidgets.Image)]
        low.value = high.value
        assert "is not below high" in words(box)
        assert [picture.value for picture in parts(box, ipywidgets.Image)] == before

    def test_live_histogram_is_the_one_that_plots_draws(self, images):
        live = widgets._histogram(images)(0.0, 1.5, "sigmoid").astype(float)
        fresh = widgets.figure_picture(
            lambda ax: plots.scaled_histogram(images, 0.0, 1.5, (0.0, 1.0), ax=ax), size=(4.4, 2.6)
        )
        other = widgets.figure_picture(
            lambda ax: plots.scaled_histogram(images, 0.0, 1.4, (0.0, 1.0), ax=ax), size=(4.4, 2.6)
        )
        assert np.abs(live - fresh).mean() < 0.5  # edges drawn over the axes' lines, not under them
        assert np.abs(live - other).mean() > 1

    def test_refuses_scaled_images(self, images):
        with pytest.raises(ValueError, match="images must be uint8 pixels"):
            widgets.range_explorer(images / 255.0)


class TestPlayback:
    def test_the_slider_shows_its_frame_and_label(self, images):
        box = widgets.playback(images, [f"step {i}" for i in range(20)], title="<film>")
        (slider,), (picture,) = parts(box, ipywidgets.IntSlider), parts(box, ipywidgets.Image)
        slider.value = 7
        np.testing.assert_array_equal(shown(picture)[::17, ::17], images[7])
        assert "step 7" in words(box)
        assert "&lt;film&gt;" in words(box)

    def test_takes_a_list_of_colour_frames(self):
        frames = [np.full((5, 6, 3), value, np.uint8) for value in (10, 200)]
        box = widgets.playback(frames)
        parts(box, ipywidgets.IntSlider)[0].value = 1
        assert shown(parts(box, ipywidgets.Image)[0])[0, 0].tolist() == [200, 200, 200]

    def test_refuses_labels_of_another_length_and_no_frames(self, images):
        with pytest.raises(ValueError, match="labels must hold one text for each of the 20 frames, but it holds 3"):
            widgets.playback(images, ["a", "b", "c"])
        with pytest.raises(ValueError, match="frames is empty"):
            widgets.playback(images[:0])
        with pytest.raises(ValueError, match="interval must be a whole number"):
            widgets.playback(images, interval=0)


class TestRealOrFake:
    REAL, FAKE = np.full((3, 28, 28), 200, np.uint8), np.full((4, 28, 28), 50, np.uint8)

    def play(self, box, honest, rounds):
        """Answer as somebody who sees the truth, or always the opposite; returns how often a real one was shown."""
        generated, real, _ = parts(box, ipywidgets.Button)
        seen = 0
        for _ in range(rounds):
            is_real = shown(parts(box, ipywidgets.Image)[0])[0, 0] == 200
            seen += is_real
            (real if is_real == honest else generated).click()
        return seen

    def test_counts_right_answers_and_gives_the_exact_interval(self):
        box = widgets.real_or_fake(self.REAL, self.FAKE)
        assert "Give 20 answers" in words(box)
        self.play(box, True, 3)
        low, high = (scipy.stats.beta.ppf(*q) for q in ((0.025, 3, 1), (0.975, 4, 1e-9)))  # Clopper and Pearson
        assert f"3 of 3 right: 100 %, 95 % interval {100 * low:.0f} % to {100 * high:.0f} %" in words(box)
        assert "17 to go" in words(box)
        self.play(box, True, 17)
        assert "you can tell them apart" in words(box)
        assert "Right: that one was" in words(box)

    def test_whoever_is_always_wrong_is_told_so(self):
        box = widgets.real_or_fake(self.REAL, self.FAKE, answers=10)
        self.play(box, False, 10)
        assert "0 of 10 right" in words(box)
        assert "but name it the wrong way" in words(box)
        assert "Wrong: that one was" in words(box)

    def test_half_right_is_no_evidence(self):
        assert "do not show that you can tell" in widgets.score_message(10, 20)
        assert "do not show that you can tell" in widgets.score_message(14, 20)  # 46 % to 88 %
        assert "you can tell them apart" in widgets.score_message(15, 20)  # 51 % to 91 %

    def test_the_last_picture_stays_and_a_new_game_begins_at_nothing(self):
        box = widgets.real_or_fake(self.REAL, self.FAKE)
        before = shown(parts(box, ipywidgets.Image)[0])[0, 0]
        self.play(box, True, 1)
        assert shown(parts(box, ipywidgets.Image)[1])[0, 0] == before
        parts(box, ipywidgets.Button)[2].click()
        assert "Give 20 answers" in words(box)
        assert "last answer will stand here" in words(box)

    def test_half_of_the_pictures_are_real_and_the_seed_decides_which(self):
        box, same = (widgets.real_or_fake(self.REAL, self.FAKE, seed=3) for _ in range(2))
        counts = [self.play(one, True, 200) for one in (box, same)]
        assert counts[0] == counts[1]
        assert abs(counts[0] - 100) < 4 * 50**0.5

    def test_refuses_pictures_that_do_not_fit(self):
        with pytest.raises(ValueError, match="generated"):
            widgets.real_or_fake(self.REAL, self.FAKE[:, :20])
        with pytest.raises(ValueError, match="real must be uint8"):
            widgets.real_or_fake(self.REAL / 255.0, self.FAKE)
        with pytest.raises(ValueError, match="answers must be a whole number"):
            widgets.real_or_fake(self.REAL, self.FAKE, answers=0)


class TestPlainFunctions:
    @given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
    def test_tile_keeps_every_pixel_in_its_place(self, n, columns, height, width):
        images = np.arange(1, n * height * width + 1, dtype=np.uint8).reshape(n, height, width)
        picture = widgets.tile(images, columns)
        columns = min(columns, n)
        for i, image in enumerate(images):
            top, left = i // columns * height, i % columns * width
            np.testing.assert_array_equal(picture[top : top + height, left : left + width], image)
        assert picture.sum() == images.sum()  # the rest is black

    @given(st.sampled_from([(3, 4, 5), (3, 4, 5, 3)]))
    def test_png_gives_the_pixels_back(self, shape):
        picture = np.random.default_rng(1).integers(0, 256, shape[1:], dtype=np.uint8)
        decoded = np.asarray(Image.open(io.BytesIO(widgets.png(picture))))
        np.testing.assert_array_equal(decoded, picture)

    def test_latent_grid_has_z1_to_the_right_and_z2_up(self):
        grid = widgets.latent_grid((-3, 3), 3)
        np.testing.assert_allclose(grid[[0, 2, 6, 8]], [[-2, 2], [2, 2], [-2, -2], [2, -2]], atol=1e-6)

    def test_pictures_refuses_what_has_no_batch_axis(self):
        with pytest.raises(ValueError, match=r"images must have the shape .* it is \(28,\)"):
            widgets.pictures("images", np.zeros(28, np.uint8))
        with pytest.raises(ValueError, match="needs a batch axis"):
            widgets.pictures("images", np.zeros((28, 27), np.uint8))

    def test_a_figure_picture_does_not_show_up_by_itself(self):
        import matplotlib.pyplot as plt

        before = plt.get_fignums()
        picture = widgets.figure_picture(lambda ax: ax.plot([0, 1]), size=(3, 2))
        assert picture.shape == (200, 300, 3)
        assert picture.std() > 5  # something is drawn
        assert plt.get_fignums() == before


def test_what_a_saved_notebook_keeps_of_a_widget_is_small():
    setup = "import numpy as np\nfrom gentutor import data, widgets\nx = data.load_mnist().x_test[:200]\n"
    setup += "def decode(z):\n    return x[np.abs(np.rint(z[:, 0] * 20 + z[:, 1])).astype(int)]\n"
    shows = [
        "widgets.latent_explorer(decode)",
        "widgets.range_explorer(x)",
        "widgets.playback(x)",
        "widgets.real_or_fake(x, x)",
    ]
    for show in shows:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(setup + show)])
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
        states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
        assert any(state["model_name"] == "ImageModel" for state in states.values())
        assert len(nbformat.writes(notebook)) < 100_000


# ---- 07 ----


GROUPS = {"coarse": range(2), "middle": range(2, 3), "fine": range(3, 5)}


class TestStyleMixer:
    @staticmethod
    def draw(styles):
        """A picture (5, 5) whose rows show the first number of each layer's style."""
        rows = np.repeat(np.asarray(styles)[:, :, :1, None], 5, axis=2)
        return np.repeat(rows, 3, axis=3).astype(np.uint8)

    def test_each_slider_chooses_the_face_for_its_layers(self):
        w = np.array([[10.0, 0], [20, 0], [30, 0]])
        box = widgets.style_mixer(self.draw, w, GROUPS)
        coarse, middle, fine = parts(box, ipywidgets.IntSlider)
        assert [slider.description for slider in (coarse, middle, fine)] == ["coarse:", "middle:", "fine:"]
        coarse.value, middle.value, fine.value = 3, 1, 2
        *_, mixed = parts(box, ipywidgets.Image)
        side = shown(mixed).shape[0] // 5
        assert shown(mixed)[side // 2 :: side, 0, 0].tolist() == [30, 30, 10, 20, 20]
        assert parts(box, ipywidgets.Image)[0].value == widgets.png(self.draw(np.full((1, 5, 2), 30.0))[0], 96)

    @pytest.mark.parametrize(
        ("w", "groups"),
        [
            (np.zeros(4), GROUPS),
            (np.zeros((3, 4)), {"coarse": range(2), "fine": range(3, 5)}),
            (np.zeros((0, 4)), GROUPS),
        ],
    )
    def test_refuses_what_does_not_fit(self, w, groups):
        with pytest.raises(ValueError, match="groups must name each layer once"):
            widgets.style_mixer(self.draw, w, groups)
