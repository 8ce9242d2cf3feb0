"""Drawn faces of persons, cats and dogs, whose every factor is known: draw factors, render them, read them back.

The data of notebooks 05, 07 and 16: as many faces as wanted, at any size, from the same few numbers.
"""

import concurrent.futures
import functools
import math

import numpy as np
import tensorflow as tf

from gentutor import data, validate

NAMES = {
    "species": ("person", "cat", "dog"),
    "coat": ("pale", "tan", "brown", "dark"),  # of a person's skin; fur is called as in FUR
    "hair": ("black", "brown", "blond", "red"),
    "hair_style": ("short", "long", "curly", "spiky"),
    "eyes": ("brown", "blue", "green", "amber"),
    "background": ("blue", "green", "yellow", "pink", "purple", "grey"),
    "glasses": ("no", "yes"),
}
FUR = ("white", "ginger", "brown", "black")
CONTINUOUS = ("eye_size", "mouth", "turn", "tilt", "light")  # each from -1 to 1
FACTORS = np.dtype([(name, np.int8) for name in NAMES] + [(name, np.float32) for name in CONTINUOUS])

_SKIN = np.float32([(250, 222, 200), (232, 184, 144), (176, 122, 84), (112, 74, 52)])
_FUR = np.float32([(240, 234, 224), (232, 150, 74), (150, 104, 70), (84, 80, 90)])
_HAIR = np.float32([(44, 38, 42), (112, 70, 42), (240, 204, 110), (190, 70, 36)])
_EYES = np.float32([(104, 62, 32), (50, 120, 205), (50, 150, 80), (228, 168, 40)])
_BACKGROUND = np.float32(
    [(120, 174, 230), (140, 204, 150), (248, 220, 120), (246, 176, 196), (180, 150, 214), (190, 192, 196)]
)
_WHITE, _BLACK, _PINK = np.float32([(252, 252, 250), (34, 30, 34), (232, 120, 130)])
GLASSES_SHARE = 0.3
READER = "face_reader.npz"
_SHAPES = ("species", "hair_style", "glasses")  # the factors that decide which shapes are drawn


def sample(n, seed):
    """Draw the factors of ``n`` faces, independent of each other: a record array (n,) with the fields of FACTORS.

    Each named factor is uniform over its names but for ``glasses``, which 3 of 10 wear. The continuous ones are uniform
    in [-1, 1]: ``eye_size`` from small to large, ``mouth`` from sad to smiling, ``turn`` of the head to the picture's
    left or right (26 degrees), ``tilt`` against or with the clock (14 degrees), ``light`` from the left or the right.
    ``factors.mouth`` is a column, ``factors[:5]`` are rows, ``factors.copy()`` can be changed and rendered.
    """
    n, rng = validate.positive_int("n", n), np.random.default_rng(validate.seed(seed))
    factors = np.recarray(n, dtype=FACTORS)
    for name, words in NAMES.items():
        factors[name] = rng.integers(len(words), size=n)
    factors.glasses = rng.random(n) < GLASSES_SHARE
    for name in CONTINUOUS:
        factors[name] = rng.uniform(-1, 1, size=n)
    return factors


def captions(factors):
    """Say in words what is in each picture, such as "a smiling brown dog with glasses on blue": a list of n strings.

    Args: ``factors``, a record array (n,). A mouth above 1/3 smiles, below -1/3 it is sad; a person is told by the
    hair, an animal by its fur.
    """
    words = []
    for row in _check(factors):
        mood = "smiling" if row["mouth"] > 1 / 3 else "sad" if row["mouth"] < -1 / 3 else "calm"
        species = NAMES["species"][row["species"]]
        who = (
            f"{NAMES['hair'][row['hair']]}-haired {species}" if species == "person" else f"{FUR[row['coat']]} {species}"
        )
        glasses = " with glasses" if row["glasses"] else ""
        words.append(f"a {mood} {who}{glasses} on {NAMES['background'][row['background']]}")
    return words


def render(factors, size):
    """Draw faces without jagged edges: record array (n,) -> uint8 (n, size, size, 3).

    Args: ``factors`` as ``sample`` gives them; ``size`` in pixels, at least 8. Raises ValueError if a factor is outside
    its range. The shapes are signed distances, so a face is the same at every size.
    """
    factors, size = _check(factors), validate.positive_int("size", size)
    if size < 8:
        raise ValueError(f"size must be at least 8 pixels, but it is {size}. Below that no face can be seen.")
    pictures = np.empty((len(factors), size, size, 3), np.uint8)
    chunk = max(1, 2**16 // size**2)  # so many faces fit in a processor's cache
    kinds = np.stack([factors[name] for name in _SHAPES], axis=1)
    parts = []
    for kind in np.unique(kinds, axis=0):  # faces of one kind are drawn together
        rows = np.flatnonzero((kinds == kind).all(axis=1))
        parts += [rows[start : start + chunk] for start in range(0, len(rows), chunk)]

    def paint(part):
        pictures[part] = _Painter(factors[part], size).picture()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # a core each
        list(pool.map(paint, parts))
    return pictures


def read(images):
    """Read the factors of drawn faces back from their pixels: uint8 (n, s, s, 3), s a multiple of 32, -> (n,) factors.

    The bundled network saw 32 × 32 pictures; larger ones are averaged down to that. bench/face_reader.csv says how
    often each factor is right on new drawings. On other pictures it answers too: look at what it was asked.
    """
    _, logits, estimates = _run_reader(images)
    factors, start = np.recarray(len(logits), dtype=FACTORS), 0
    for name, words in NAMES.items():
        factors[name] = logits[:, start : start + len(words)].argmax(axis=1)
        start += len(words)
    for k, name in enumerate(CONTINUOUS):
        factors[name] = np.clip(estimates[:, k], -1, 1)
    return factors


def features(images):
    """Features of faces in an intermediate layer of the reading network: uint8 images, as in ``read``, -> (n, 256).

    Each has mean 0 and standard deviation 1 over drawn faces: what metrics.frechet_distance and its companions take.
    """
    return _run_reader(images)[0]


def reader(weights, x):
    """The reading network: x (n, 32, 32, 3) in [0, 1] -> features (n, 256), logits (n, 28), estimates (n, 5).

    Three convolutions of stride 2 and two dense layers. The features are the last convolution's 64 channels averaged
    over four quarters of the picture; ``logits`` holds those of each named factor in turn. ``weights`` is a dictionary
    of arrays; trained by bench/train_face_reader.py.
    """
    hidden = x
    for name in ("conv1", "conv2", "conv3"):
        hidden = tf.nn.relu(tf.nn.conv2d(hidden, weights[name], 2, "SAME") + weights[name + "_bias"])
    summary = tf.reshape(tf.nn.avg_pool2d(hidden, 2, 2, "VALID"), (-1, 256))
    hidden = tf.nn.relu(tf.matmul(tf.reshape(hidden, (-1, 1024)), weights["dense"]) + weights["dense_bias"])
    outputs = tf.matmul(hidden, weights["heads"]) + weights["heads_bias"]
    return summary, outputs[:, : -len(CONTINUOUS)], outputs[:, -len(CONTINUOUS) :]


@functools.cache
def _reader_function():
    with np.load(data.asset(READER)) as file:
        weights = {name: tf.constant(file[name].astype(np.float32)) for name in file.files}

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])
    def run(images):
        x = tf.cast(images, tf.float32) / 255.0
        side = tf.shape(images)[1] // 32
        x = tf.reduce_mean(tf.reshape(x, (-1, 32, side, 32, side, 3)), axis=(2, 4))
        summary, logits, estimates = reader(weights, x)
        return (summary - weights["feature_mean"]) / weights["feature_sd"], logits, estimates

    return run


def _run_reader(images):
    images = validate.uint8_images("images", images)
    if images.ndim != 4 or images.shape[3] != 3 or images.shape[1] != images.shape[2] or images.shape[1] % 32:
        raise ValueError(
            f"images must have the shape (n, s, s, 3) with s a multiple of 32, but it is {images.shape}. "
            "Draw them with faces.render(factors, 32); a single picture needs a batch axis: images[None]."
        )
    chunk = max(1, 500 * 32**2 // images.shape[1] ** 2)  # of all sizes as much memory
    with tf.device("CPU"):
        parts = [_reader_function()(images[i : i + chunk]) for i in range(0, len(images), chunk)]
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _check(factors):
    """Factors as a plain array (n,), or a ValueError that says which factor is wrong."""
    if getattr(factors, "dtype", None) != FACTORS or factors.ndim != 1 or not len(factors):
        raise ValueError(
            f"factors must be a record array (n,) as faces.sample(n, seed) gives it, but it is {_describe(factors)}. "
            "Take rows by factors[:5]; change a column of factors.copy()."
        )
    for name, low, high in [(name, 0, len(words) - 1) for name, words in NAMES.items()] + [
        (name, -1, 1) for name in CONTINUOUS
    ]:
        column = factors[name]
        if not (np.isfinite(column).all() and column.min() >= low and column.max() <= high):
            raise ValueError(
                f"factors.{name} must lie from {low} to {high}, but it spans [{column.min()}, {column.max()}]."
            )
    return np.asarray(factors)


def _describe(value):
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return f"a {type(value).__name__}" + (f" of the shape {shape} and dtype {dtype}" if shape is not None else "")


# ---- shapes: signed distances, negative inside, of points x, y (n, h, w) ----


def _ellipse(x, y, centre_x, centre_y, radius_x, radius_y):
    """Distance to an ellipse, to first order: exact at its edge, which is all that smooth edges need."""
    px, py = (x - centre_x) / radius_x, (y - centre_y) / radius_y
    inside = px * px + py * py
    px, py = px / radius_x, py / radius_y
    return 0.5 * (inside - 1.0) / np.sqrt(px * px + py * py + 1e-6)


def _segment(x, y, x0, y0, x1, y1, radius):
    """Distance to a line from (x0, y0) to (x1, y1) with round ends."""
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0.0, 1.0)
    return np.hypot(x - x0 - along * dx, y - y0 - along * dy) - radius


def _triangle(x, y, a, b, c):
    """Distance to a triangle with the corners a, b, c: exact but outside its corners, which stay sharp."""
    edges = []
    clockwise = (b[0] - a[0]) * (c[1] - a[1]) < (b[1] - a[1]) * (c[0] - a[0])
    for start, end in ((a, b), (b, c), (c, a)):
        dx, dy = end[0] - start[0], end[1] - start[1]
        side = (x - start[0]) * dy - (y - start[1]) * dx
        edges.append(side / (-math.hypot(dx, dy) if clockwise else math.hypot(dx, dy)))
    return np.maximum.reduce(edges)


def _arc(x, y, centre_x, centre_y, half_width, bend, radius):
    """Distance to a parabola's arc that rises by ``bend`` from its middle to its ends."""
    slope = 2.0 * bend / half_width**2 * np.clip(x - centre_x, -half_width, half_width)
    across = (y - centre_y - 0.5 * slope * (x - centre_x)) / np.sqrt(1.0 + slope * slope)
    beyond = np.maximum(np.abs(x - centre_x) - half_width, 0.0)
    return np.hypot(across, beyond) - radius


class _Painter:
    """Some faces of one kind being painted: coordinates from -1 to 1, y upwards, and the picture's three channels."""

    def __init__(self, factors, size):
        self.factors = factors
        self.species, self.hair_style, self.glasses = (NAMES[name][factors[name][0]] for name in _SHAPES)
        self.turn, self.mouth, self.light = (self.column(name) for name in ("turn", "mouth", "light"))
        self.pixel = np.float32(2.0 / size)
        grid = (np.arange(size, dtype=np.float32) + 0.5) * self.pixel - 1.0
        self.still_x, self.still_y = np.meshgrid(grid, -grid)  # what does not tilt with the head
        angle = 0.25 * self.column("tilt")
        cos, sin, y = np.cos(angle), np.sin(angle), self.still_y + 0.5  # the head tilts about the neck
        self.x, self.y = cos * self.still_x - sin * y, sin * self.still_x + cos * y - 0.5
        glow = 1.06 - 0.12 * (self.still_x**2 + self.still_y**2)
        self.background = self.colour(_BACKGROUND, "background")
        self.channels = [self.background[:, k, None, None] * glow for k in range(3)]

    def column(self, name):
        return self.factors[name].astype(np.float32)[:, None, None]

    def colour(self, palette, factor, scale=1.0):
        return np.minimum(palette[self.factors[factor]] * np.float32(scale), 255)

    def paint(self, distance, colour, opacity=1.0):
        """Lay a colour, (3,) or (n, 3), over all that is inside, mixed by how much of each pixel is covered."""
        cover = np.clip(0.5 - distance / self.pixel, 0, 1)
        cover *= np.float32(opacity)
        colour = np.broadcast_to(np.float32(colour), (len(self.factors), 3))
        for k, channel in enumerate(self.channels):
            channel += cover * (colour[:, k, None, None] - channel)

    def on_head(self, x, radius, depth=1.0):
        """Where a point of the face goes when the head turns, and how much narrower things get there."""
        angle = math.asin(x / radius) + 0.36 * depth * self.turn
        return radius * np.sin(angle), np.cos(angle) / math.cos(math.asin(x / radius))

    def picture(self):
        {"person": _person, "cat": _cat, "dog": _dog}[self.species](self)
        picture = np.stack(self.channels, axis=-1) * (1 + 0.12 * self.light * self.still_x)[..., None]
        return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


# ---- parts that the three species share ----


def _head(p, y, radius_x, radius_y, colour, shade):
    """The head, with a shadow on the side away from the light."""
    head = _ellipse(p.x, p.y, 0.0, y, radius_x, radius_y)
    p.paint(head, colour)
    lit = _ellipse(p.x, p.y, 0.22 * p.light, y + 0.06, radius_x, radius_y)
    p.paint(np.maximum(head, -lit), shade, 0.75)


def _eyes(p, apart, y, head, pupil):
    size = 1 + 0.22 * p.column("eye_size")
    for side in (-1, 1):
        x, narrow = p.on_head(side * apart, head)
        p.paint(_ellipse(p.x, p.y, x, y, 0.165 * size * narrow, 0.175 * size), _WHITE)
        x = x + 0.03 * p.turn
        p.paint(_ellipse(p.x, p.y, x, y - 0.01, 0.12 * size * narrow, 0.13 * size), p.colour(_EYES, "eyes"))
        p.paint(_ellipse(p.x, p.y, x, y - 0.01, pupil * size * narrow, 0.068 * size), _BLACK)
        p.paint(_ellipse(p.x, p.y, x - 0.035, y + 0.045, 0.03 * size, 0.032 * size), _WHITE)


def _glasses(p, apart, y, head):
    if p.glasses == "no":
        return
    frame, rims = (40, 40, 60), []
    for side in (-1, 1):
        x, narrow = p.on_head(side * apart, head)
        rims.append(x)
        lens = _ellipse(p.x, p.y, x, y, 0.225 * narrow, 0.225)
        p.paint(lens, (225, 240, 255), 0.16)
        p.paint(np.abs(lens) - 0.026, frame)
        p.paint(_segment(p.x, p.y, x + side * 0.22 * narrow, y + 0.03, side * head, y + 0.07, 0.022), frame)
    p.paint(_arc(p.x, p.y, (rims[0] + rims[1]) / 2, y + 0.06, 0.06, -0.03, 0.024), frame)


def _mouth(p, y, width, head, colour):
    bend = 0.13 * p.mouth
    p.paint(_arc(p.x, p.y, p.on_head(0.0, head, 1.1)[0], y - 0.5 * bend, width, bend, 0.034), colour)


# ---- the three species ----


def _person(p):
    skin, shade = p.colour(_SKIN, "coat"), p.colour(_SKIN, "coat", 0.84)
    hair, dark = p.colour(_HAIR, "hair"), p.colour(_HAIR, "hair", 0.85)
    _hair_behind(p, dark)
    p.paint(_ellipse(p.still_x, p.still_y, 0.0, -1.2, 0.78, 0.5), p.background * 0.62)
    p.paint(_segment(p.x, p.y, 0.0, -0.5, 0.0, -0.8, 0.17), shade)
    for side in (-1, 1):
        p.paint(_ellipse(p.x, p.y, side * 0.56 - 0.07 * p.turn, -0.06, 0.11, 0.14), shade)
    _head(p, -0.06, 0.57, 0.66, skin, shade)
    _hair_in_front(p, hair)
    _eyes(p, 0.235, -0.02, 0.57, 0.062)
    sadness = 0.5 - 0.5 * p.mouth
    for side in (-1, 1):
        x, narrow = p.on_head(side * 0.25, 0.57)
        inner, outer = x - side * 0.11 * narrow, x + side * 0.11 * narrow
        p.paint(_segment(p.x, p.y, inner, 0.225 + 0.04 * sadness, outer, 0.225 - 0.05 * sadness, 0.028), dark)
        cheek, narrow = p.on_head(side * 0.33, 0.57)
        p.paint(_ellipse(p.x, p.y, cheek, -0.3, 0.11 * narrow, 0.075), _PINK, 0.35)
    p.paint(_ellipse(p.x, p.y, p.on_head(0.0, 0.57, 1.25)[0], -0.22, 0.06, 0.05), shade)
    _mouth(p, -0.45, 0.19, 0.57, (170, 50, 60))
    _glasses(p, 0.235, -0.02, 0.57)


def _hair_behind(p, dark):
    shift = -0.05 * p.turn
    if p.hair_style == "long":
        p.paint(np.maximum(_ellipse(p.x, p.y, shift, -0.15, 0.72, 0.85), -0.85 - p.y), dark)
    if p.hair_style == "curly":
        for i in range(9):
            angle = -0.35 + 0.48 * i
            x, y = 0.56 * math.cos(angle) + shift, 0.14 + 0.52 * math.sin(angle)
            p.paint(_ellipse(p.x, p.y, x, y, 0.24, 0.24), dark)


def _hair_in_front(p, hair):
    shift = 0.06 * p.turn
    cap, opening = _ellipse(p.x, p.y, 0.0, 0.02, 0.61, 0.68), _ellipse(p.x, p.y, shift + 0.06, -0.36, 0.56, 0.72)
    p.paint(np.maximum(cap, -opening), hair)
    if p.hair_style == "spiky":
        for x in (-0.42, -0.22, 0.0, 0.22, 0.42):
            tip, foot = 0.95 - 0.6 * x * x, 0.55 - 0.9 * x * x
            p.paint(_triangle(p.x - shift, p.y, (x - 0.15, foot), (x + 0.15, foot), (1.35 * x, tip)), hair)
    if p.hair_style == "curly":
        for x, y in ((-0.34, 0.42), (-0.12, 0.52), (0.12, 0.52), (0.34, 0.42)):
            p.paint(_ellipse(p.x, p.y, x + shift, y, 0.17, 0.15), hair)
    if p.hair_style == "long":
        for x in (-0.03 * p.turn - 0.55, -0.03 * p.turn + 0.55):
            p.paint(_segment(p.x, p.y, x, 0.12, 1.08 * x, -0.62, 0.1), hair)


def _mane(p, width):
    """Long hair beside an animal's cheeks, behind the head."""
    if p.hair_style == "long":
        for side in (-1, 1):
            for y, reach in ((-0.12, 0.0), (-0.3, 0.05), (-0.48, -0.02)):
                tip = (side * (width + 0.16 + reach), y - 0.12)
                corners = (side * (width - 0.25), y + 0.16), (side * (width - 0.3), y - 0.16)
                p.paint(_triangle(p.x, p.y, *corners, tip) - 0.03, p.colour(_HAIR, "hair"))


def _tuft(p, top):
    """Hair on top of an animal's head."""
    hair, x, y = p.colour(_HAIR, "hair"), p.x - 0.09 * p.turn, p.y - top
    if p.hair_style == "short":
        p.paint(_ellipse(x, y, 0.0, -0.03, 0.26, 0.13), hair)
    if p.hair_style == "long":
        for side in (-1, 1):
            p.paint(_segment(x, y, side * 0.05, 0.02, side * 0.36, -0.14, 0.09), hair)
    if p.hair_style == "curly":
        for dx, dy in ((-0.2, 0.0), (0.2, 0.0), (0.0, -0.04), (-0.1, 0.13), (0.1, 0.13)):
            p.paint(_ellipse(x, y, dx, dy, 0.14, 0.13), hair)
    if p.hair_style == "spiky":
        for dx in (-0.18, 0.18, 0.0):
            p.paint(_triangle(x, y, (dx - 0.12, -0.12), (dx + 0.12, -0.12), (1.4 * dx, 0.3 - abs(dx))), hair)


def _cat(p):
    fur, shade, light = (p.colour(_FUR, "coat", scale) for scale in (1.0, 0.84, 1.15))
    _mane(p, 0.66)
    p.paint(_ellipse(p.still_x, p.still_y, 0.0, -1.2, 0.78, 0.5), shade)
    for side in (-1, 1):
        x = p.x + 0.05 * p.turn
        p.paint(
            _triangle(x, p.y, (side * 0.62, 0.12), (side * 0.12, 0.44), (side * 0.56, 0.84)) - 0.04,
            p.colour(_HAIR, "hair"),
        )
        p.paint(_triangle(x, p.y, (side * 0.55, 0.3), (side * 0.28, 0.46), (side * 0.53, 0.73)), (244, 170, 170))
    _head(p, -0.1, 0.68, 0.6, fur, shade)
    _tuft(p, 0.44)
    _eyes(p, 0.28, 0.0, 0.68, 0.035)
    muzzle = p.on_head(0.0, 0.68, 1.2)[0]
    for side in (-1, 1):
        p.paint(_ellipse(p.x, p.y, muzzle + side * 0.11, -0.37, 0.16, 0.13), light)
        for dy in (-0.06, 0.02, 0.1):
            start, end = (muzzle + side * 0.2, -0.36 + 0.4 * dy), (muzzle + side * 0.6, -0.36 + 1.4 * dy)
            p.paint(_segment(p.x, p.y, *start, *end, 0.011), (60, 56, 60), 0.8)
    p.paint(_triangle(p.x - muzzle, p.y, (-0.075, -0.23), (0.075, -0.23), (0.0, -0.32)) - 0.015, _PINK)
    _mouth(p, -0.43, 0.17, 0.68, (90, 40, 44))
    _glasses(p, 0.28, 0.0, 0.68)


def _dog(p):
    fur, shade, light = (p.colour(_FUR, "coat", scale) for scale in (1.0, 0.84, 1.25))
    _mane(p, 0.56)
    p.paint(_ellipse(p.still_x, p.still_y, 0.0, -1.2, 0.78, 0.5), shade)
    _head(p, -0.06, 0.6, 0.64, fur, shade)
    _tuft(p, 0.5)
    for side in (-1, 1):
        x, y = side * (p.x + 0.05 * p.turn) - 0.6, p.y - 0.08  # an ear hangs outwards
        p.paint(_ellipse(0.94 * x + 0.34 * y, 0.94 * y - 0.34 * x, 0.0, 0.0, 0.17, 0.4), p.colour(_HAIR, "hair"))
    _eyes(p, 0.24, 0.06, 0.6, 0.062)
    muzzle, narrow = p.on_head(0.0, 0.6, 1.2)
    p.paint(_ellipse(p.x, p.y, muzzle, -0.38, 0.33 * narrow, 0.27), light)
    tongue = 0.5 * np.clip(p.mouth - 0.3, 0, 1)
    p.paint(_ellipse(p.x, p.y, muzzle, -0.5 - 0.3 * tongue, 0.085, 0.01 + 0.4 * tongue), _PINK)
    p.paint(_ellipse(p.x, p.y, muzzle, -0.25, 0.12, 0.085), _BLACK)
    p.paint(_ellipse(p.x, p.y, muzzle - 0.035, -0.225, 0.035, 0.02), (150, 146, 150))
    _mouth(p, -0.47, 0.18, 0.6, (84, 40, 44))
    _glasses(p, 0.24, 0.06, 0.6)
