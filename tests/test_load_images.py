"""Pictures of one's own in every mode, turn and state of damage; and real faces with and without a network."""

import os
import sys
import urllib.error
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from gentutor import data

COLOURS = np.array([[[200, 30, 30], [30, 160, 60]], [[40, 60, 210], [240, 220, 90]]], np.uint8)  # the four quadrants
GREYS = np.array([[30, 100], [180, 250]], np.uint8)


def quadrants(colours, side=24, flank=0):
    """A picture whose middle square has four quadrants, 2 * side high; ``flank`` columns of magenta on both sides."""
    square = colours.repeat(side, 0).repeat(side, 1)
    if not flank:
        return square
    edge = np.broadcast_to(np.array([255, 0, 255], np.uint8), (2 * side, flank, 3))
    return np.hstack([edge, square, edge])


def centres(picture):
    """The colours in the middle of the four quadrants: (2, 2, 3)."""
    quarter = len(picture) // 4
    return picture[quarter :: 2 * quarter, quarter :: 2 * quarter][:2, :2].astype(int)


def load_one(folder, size=12):
    """Load a folder that holds one picture; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = data.load_images(folder, size)
    assert pictures.shape == (1, size, size, 3)
    assert pictures.dtype == np.uint8
    return pictures[0]


# ---- modes, turns, cropping ----

RGB = Image.fromarray(quadrants(COLOURS))
GREY = Image.fromarray(quadrants(GREYS))
DEEP = Image.fromarray(quadrants(GREYS).astype(np.uint16) * 257)
SAVED = {
    "RGB png": ("a.png", RGB, COLOURS, {}),
    "RGB jpeg": ("a.JPG", RGB, COLOURS, {"quality": 95, "subsampling": 0}),
    "RGB webp": ("a.webp", RGB, COLOURS, {"lossless": True}),
    "RGB bmp": ("a.bmp", RGB, COLOURS, {}),
    "RGBA": ("a.png", RGB.convert("RGBA"), COLOURS, {}),
    "P": ("a.png", RGB.quantize(16), COLOURS, {}),
    "P gif": ("a.gif", RGB.quantize(16), COLOURS, {}),
    "CMYK jpeg": ("a.jpg", RGB.convert("CMYK"), COLOURS, {"quality": 95}),
    "CMYK tiff": ("a.tif", RGB.convert("CMYK"), COLOURS, {}),
    "L": ("a.png", GREY, GREYS, {}),
    "L jpeg": ("a.jpeg", GREY, GREYS, {"quality": 95}),
    "LA": ("a.png", GREY.convert("LA"), GREYS, {}),
    "I;16 png": ("a.png", DEEP, GREYS, {}),
    "I;16 tiff": ("a.tif", DEEP, GREYS, {}),
    "I;16B tiff": ("a.tif", Image.fromarray(quadrants(GREYS).astype(">u2") * 257), GREYS, {}),
    "I pgm": ("a.pgm", Image.fromarray(quadrants(GREYS).astype(np.int32) * 257), GREYS, {}),
    "1": ("a.png", Image.fromarray(quadrants(GREYS) > 127), np.array([[0, 0], [255, 255]]), {}),
}


@pytest.mark.parametrize("name", SAVED)
def test_every_mode_gives_the_colours_that_were_saved(name, tmp_path):
    file, picture, colours, options = SAVED[name]
    if file.endswith("webp") and not features.check("webp"):
        pytest.skip("this Pillow was built without WebP")
    picture.save(tmp_path / file, **options)
    expected = colours if colours.ndim == 3 else colours[..., None].repeat(3, -1)
    np.testing.assert_allclose(centres(load_one(tmp_path)), expected, atol=3)


def test_16_bits_become_8_by_rounding_not_by_clipping(tmp_path):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / "a.png")
    loaded = load_one(tmp_path, size=8)[..., 0]
    np.testing.assert_allclose(loaded, values * (255 / 65535), atol=0.51)


def transparent(kind):
    """Quadrants whose top left one cannot be seen, and the options to save them with."""
    if kind == "tRNS":
        return RGB, {"transparency": tuple(COLOURS[0, 0].tolist())}
    picture = GREY.convert("LA") if kind == "LA" else RGB.convert("RGBA")
    alpha = np.full((48, 48), 255, np.uint8)
    alpha[:24, :24] = 0
    picture.putalpha(Image.fromarray(alpha))
    return (picture.quantize(16), {}) if kind == "P png" else (picture, {})  # a GIF makes its own palette


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P png", "P gif", "tRNS"])
def test_transparency_is_put_on_white(kind, tmp_path):
    picture, options = transparent(kind)
    picture.save(tmp_path / ("a.gif" if kind == "P gif" else "a.png"), **options)
    seen = centres(load_one(tmp_path))
    np.testing.assert_allclose(seen[0, 0], 255, atol=3)
    expected = GREYS[..., None].repeat(3, -1) if kind == "LA" else COLOURS
    np.testing.assert_allclose(seen[1], expected[1], atol=3)


def test_half_transparency_is_half_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 100, 200, 128)).save(tmp_path / "a.png")
    np.testing.assert_allclose(load_one(tmp_path, 8)[0, 0], [127, 177, 227], atol=1)


# The EXIF standard: which side of the upright picture the stored row 0 and column 0 are
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored(upright, orientation):
    """The pixels that a camera writes which held the picture as ``orientation`` says."""
    row, column = SIDES[orientation]
    turned = upright if row in ("top", "bottom") else upright.swapaxes(0, 1)
    turned = turned[::-1] if row in ("bottom", "right") else turned
    return turned[:, ::-1] if column in ("right", "bottom") else turned


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp", "deep png"])
@pytest.mark.parametrize("orientation", SIDES)
def test_pictures_are_turned_upright_and_cropped_to_their_middle(orientation, kind, tmp_path):
    upright = quadrants(COLOURS, flank=20)
    if kind == "deep png":
        upright = quadrants(GREYS).astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if kind == "jpg" else {"lossless": True} if kind == "webp" else {}
    picture = Image.fromarray(np.ascontiguousarray(stored(upright, orientation)))
    picture.save(tmp_path / ("a." + kind[-4:].strip()), exif=exif, **options)
    expected = GREYS[..., None].repeat(3, -1) if kind == "deep png" else COLOURS
    np.testing.assert_allclose(centres(load_one(tmp_path)), expected, atol=4)


@pytest.mark.parametrize("upright", [False, True])
def test_the_middle_is_kept_and_the_margins_are_not(upright, tmp_path):
    pixels = quadrants(COLOURS, flank=30)
    pixels = pixels.swapaxes(0, 1) if upright else pixels
    Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / "a.png")
    square = quadrants(COLOURS)
    expected = square.swapaxes(0, 1) if upright else square
    assert (load_one(tmp_path, 48) == expected).all()  # at its own size not one pixel changes


def test_shrinking_averages_and_does_not_pick_pixels(tmp_path):
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a.png")
    inner = load_one(tmp_path, 16)[2:-2, 2:-2].astype(int)
    assert np.abs(inner - 127.5).max() <= 4


def test_a_large_jpeg_is_as_good_as_the_same_png(tmp_path):
    wave = np.sin(np.arange(800) / 40)[:, None] * np.cos(np.arange(1200) / 55)[None]
    pixels = np.stack([127 + 100 * wave, 127 - 100 * wave, 60 + 50 * wave**2], -1).astype(np.uint8)
    for kind in ("png", "jpg"):
        (tmp_path / kind).mkdir()
        Image.fromarray(pixels).save(tmp_path / kind / f"a.{kind}", **({"quality": 95} if kind == "jpg" else {}))
    png, jpg = (load_one(tmp_path / kind, 32).astype(int) for kind in ("png", "jpg"))
    assert np.abs(png - jpg).max() <= 4


def test_an_animation_gives_its_first_picture(tmp_path):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50)
    assert load_one(tmp_path, 8)[4, 4].tolist() == [255, 0, 0]


@settings(max_examples=40)
@given(width=st.integers(1, 40), height=st.integers(1, 40), size=st.integers(1, 40), colour=st.integers(0, 2**24 - 1))
def test_any_size_is_read_exactly_when_it_is_large_enough(width, height, size, colour, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    colour = colour >> 16, colour >> 8 & 255, colour & 255
    Image.new("RGB", (width, height), colour).save(folder / "a.png")
    if min(width, height) >= size:
        assert (load_one(folder, size) == colour).all()
    else:
        with pytest.raises(ValueError, match=rf"at least {size} × {size} pixels.*only {width} × {height} pixels"):
            data.load_images(folder, size)


# ---- folders and what is in them ----


def level(folder, name, value, side=16):
    """Save a picture of one grey level."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (side, side), value).save(folder / name)


def test_pictures_come_in_the_order_of_their_names_subfolders_included(tmp_path):
    for value, name in enumerate(["a.png", "b/1.png", "b/2/x.png", "c.png"]):
        level(tmp_path, name, 10 * value)
    for name in (".hidden.png", ".thumbnails/d.png", "b/._1.png"):
        level(tmp_path, name, 255)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = data.load_images(str(tmp_path), np.int64(8))
    assert loaded[:, 0, 0, 0].tolist() == [0, 10, 20, 30]


def spoil(folder):
    """Files that cannot be used, each with a word of the reason: {name: word}."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8))
    for name, kept in (("cut.jpg", 0.6), ("cut.png", 0.6), ("head.jpg", 0.02)):
        noise.save(folder / name)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: int(kept * len(whole))])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("not a picture", encoding="utf-8")
    (folder / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.fromarray(np.ones((20, 20), np.float32)).save(folder / "float.tif")
    return {
        "cut.jpg": "truncated",
        "cut.png": "truncated",
        "head.jpg": "(",
        "empty.jpg": "no picture",
        "text.png": "no picture that Pillow can read)",
        "phone.HEIC": "export it as JPEG",
        "dot.png": "only 1 × 1 pixels",
        "float.tif": "save it with 8 bits",
    }


def test_every_bad_file_is_named_with_its_reason(tmp_path):
    for name, word in spoil(tmp_path).items():
        folder = tmp_path / "each" / name
        level(folder, "good.png", 77)
        (tmp_path / name).rename(folder / name)
        with pytest.warns(UserWarning, match="1 of the 2 files") as caught:
            loaded = data.load_images(folder, 8)
        assert len(caught) == 1
        assert f"{name} (" in str(caught[0].message)
        assert word in str(caught[0].message).split(f"{name} (")[1] or word == "("
        assert (loaded == 77).all()
        assert caught[0].filename == __file__


def test_bad_files_cost_none_of_the_good_ones_and_one_warning_counts_them(tmp_path):
    bad = spoil(tmp_path)
    for value in range(40):
        level(tmp_path, f"m{value:02}.png", value)
    with pytest.warns(UserWarning, match=r"read 40 pictures.*8 of the 48 files.* and 3 more\.") as caught:
        loaded = data.load_images(tmp_path, 8)
    assert len(caught) == 1
    assert loaded[:, 0, 0, 0].tolist() == list(range(40))
    assert sum(name in str(caught[0].message) for name in bad) == 5


def test_a_folder_of_bad_files_is_refused(tmp_path):
    spoil(tmp_path)
    with pytest.raises(ValueError, match=r"^folder must hold pictures of at least 8 × 8.*8 of the 8.*cut\.jpg \("):
        data.load_images(tmp_path, 8)


@pytest.mark.parametrize("side", [35, 60])  # Pillow warns above its limit, and raises above twice its limit
def test_enormous_pictures_are_left_out_before_they_are_decoded(side, tmp_path, monkeypatch):
    level(tmp_path, "huge.png", 9, side)
    level(tmp_path, "small.png", 5)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(UserWarning, match=r"huge\.png \(.*exceeds limit of"):
        assert data.load_images(tmp_path, 8).shape == (1, 8, 8, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_links_to_nothing_and_to_folders_are_named_and_links_to_files_are_read(tmp_path):
    level(tmp_path / "there", "x.png", 3)
    (tmp_path / "here").mkdir()
    for name, target in (("file.png", "there/x.png"), ("folder", "there"), ("nothing.png", "gone.png")):
        (tmp_path / "here" / name).symlink_to(tmp_path / target)
    with pytest.warns(UserWarning, match=r"2 of the 3.*folder \(Is a directory\), nothing\.png \(No such file"):
        assert len(data.load_images(tmp_path / "here", 8)) == 1


def test_an_unreadable_folder_says_what_it_is(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"folder must be a folder, but .*missing' is missing \(looked for from"):
        data.load_images(tmp_path / "missing", 8)
    (tmp_path / "faces.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"faces\.zip' is a file: .*unpack an archive"):
        data.load_images(tmp_path / "faces.zip", 8)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match=r"bare' holds none: no files that are not hidden"):
        data.load_images(tmp_path / "bare", 8)
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(tmp_path))
    level(tmp_path, "bare/a.png", 4)
    assert len(data.load_images("~/bare", 8)) == 1


@pytest.mark.parametrize("folder", ["", None, 3, b"x", ["a"]])
def test_what_is_no_path_is_refused(folder):
    with pytest.raises(ValueError, match="folder must be the path of a folder, but it is"):
        data.load_images(folder, 8)


@pytest.mark.parametrize("size", [0, -1, 2.5, None, "8", (8, 8), True])
@pytest.mark.parametrize("load", [lambda size: data.load_images(".", size), data.load_real_faces])
def test_size_is_a_whole_number_of_at_least_one(size, load):
    with pytest.raises(ValueError, match="size must be a whole number of at least 1"):
        load(size)


# ---- real faces ----


def test_the_bundled_faces_are_those_of_scikit_image():
    from skimage.data import lfw_subset

    faces = data.load_real_faces(25)
    assert (faces.shape, faces.dtype) == ((100, 25, 25, 3), np.uint8)
    np.testing.assert_allclose(faces, 255 * lfw_subset()[:100, ..., None].repeat(3, -1), atol=0.501)


@pytest.mark.parametrize("size", [8, 32, 64])
def test_the_bundled_faces_come_in_any_size_and_keep_their_look(size):
    faces, small = data.load_real_faces(size).astype(float), data.load_real_faces(25)
    assert faces.shape == (100, size, size, 3)
    assert (faces[..., 0] == faces[..., 2]).all()
    np.testing.assert_allclose(faces.mean((1, 2, 3)), small.mean((1, 2, 3)), atol=1.5)


def test_the_bundled_faces_look_like_faces():
    """In the mean of faces both eyes are darker than the forehead above and the cheeks below them."""
    mean = data.load_real_faces(25)[..., 0].mean(0)
    for eye in (slice(4, 8), slice(13, 16)):
        assert mean[7:9, eye].mean() < min(mean[2:4, eye].mean(), mean[11:13, eye].mean()) - 25


def test_without_scikit_image_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(ImportError, match="pip install scikit-image"):
        data.load_real_faces(25)


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """A data folder of scikit-learn which holds LFW with three faces instead of 13,233."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    home = tmp_path / "lfw_home"
    home.mkdir()
    for name in ("pairsDevTrain.txt", "pairsDevTest.txt", "pairs.txt"):
        (home / name).write_text("", encoding="utf-8")
    photograph = np.full((250, 250, 3), 128, np.uint8)
    photograph[63:188, 63:188] = quadrants(COLOURS, side=63)[:125, :125]
    for number in range(3):
        folder = home / "lfw_funneled" / f"Person_{number}"
        folder.mkdir(parents=True)
        Image.fromarray(photograph).save(folder / f"Person_{number}_0001.jpg", quality=95, subsampling=0)
    monkeypatch.setattr(data, "LFW_FACES", 3)
    return home


@pytest.mark.parametrize("size", [8, 32, 64, 125])
def test_lfw_is_cropped_to_the_face_and_keeps_its_colours(size, downloaded):
    faces = data.load_real_faces(size, download=True)
    assert (faces.shape, faces.dtype) == ((3, size, size, 3), np.uint8)
    for face in faces:
        np.testing.assert_allclose(centres(face), COLOURS, atol=4)


def test_no_size_loses_a_pixel_by_rounding():
    assert [int((size + 0.5) / 125 * 125) for size in range(1, 126)] == list(range(1, 126))


def test_an_incomplete_download_is_noticed(downloaded, monkeypatch):
    monkeypatch.setattr(data, "LFW_FACES", 4)
    with pytest.raises(OSError, match=r"has 4 faces, but 3 are here.*Delete ~/scikit_learn_data/lfw_home"):
        data.load_real_faces(32, download=True)


def test_more_pixels_than_the_photographs_have_are_refused(downloaded):
    with pytest.raises(ValueError, match=r"size must be at most 125.*but it is 126"):
        data.load_real_faces(126, download=True)


def test_without_a_network_the_error_says_what_works_without(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr("sklearn.datasets._lfw._fetch_remote", refuse)
    with pytest.raises(
        OSError, match=r"could not be downloaded.*no network.*load_real_faces\(size\).*load_images"
    ) as e:
        data.load_real_faces(32, download=True)
    assert "lfw_home from a computer" in str(e.value)
