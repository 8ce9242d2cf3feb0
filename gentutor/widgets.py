"""Explorers for notebooks: sliders over plain functions; each redraw is one small PNG, so that it follows the hand.

Every explorer returns an ipywidgets box: make it the last expression of a cell. They need a running kernel.
"""

import html
import io
import math

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw  # Matplotlib depends on Pillow, so it is always there

from gentutor import data, plots, validate

_NARROW = {"description_width": "4em"}
_FEEDBACK = {
    (True, 0): ("Right: that one was generated.", plots.LATENT),
    (True, 1): ("Right: that one was real.", plots.LATENT),
    (False, 0): ("Wrong: that one was generated.", plots.WRONG),
    (False, 1): ("Wrong: that one was real.", plots.WRONG),
}
OUTPUT_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "linear": (-np.inf, np.inf)}


# ---- Explorers ----


def latent_explorer(decode, latent_dim=2, limits=(-3, 3), show_map=True, start=None):
    """One slider for each latent dimension, and the picture that ``decode`` makes of that point.

    Args: ``decode``, a function from float32 points (n, latent_dim) to uint8 images, such as ``vae.decode``;
    ``limits``, the smallest and the largest coordinate; ``show_map``, whether a map of decoded points with the present
    one marked stands beside it (two dimensions only); ``start``, the first point, (latent_dim,), by default the centre.
    Raises ValueError if they do not fit each other. Notebooks 00 and 03.
    """
    latent_dim, limits = validate.positive_int("latent_dim", latent_dim), _limits("limits", limits)
    point = _point("start", np.zeros(latent_dim).clip(*limits) if start is None else start, latent_dim, limits)
    draw_map = _map_of(decode, limits) if show_map and latent_dim == 2 else None
    picture = _picture(_decode(decode, point), 336)
    shown = [_captioned(picture, "decoded from z", plots.GENERATED)]
    if draw_map is not None:
        map_picture = _picture(draw_map(point), 336)
        shown.append(_captioned(map_picture, _map_caption(limits), plots.LATENT))

    def redraw(point):
        picture.value = png(_decode(decode, point), 336)
        if draw_map is not None:
            map_picture.value = png(draw_map(point), 336)

    controls = _point_controls(point, limits, redraw)
    if draw_map is None:
        return ipywidgets.HBox([controls, *shown], layout=_wrapping())
    return ipywidgets.VBox([controls, ipywidgets.HBox(shown, layout=_wrapping())])


def interpolation_explorer(decode, start, end):
    """A slider from one latent point to another: what lies between in latent space, beside a blend of the pixels.

    Args: ``decode``, a function from float32 points (n, latent_dim) to uint8 images; ``start`` and ``end``, points
    (latent_dim,). Raises ValueError if they do not fit each other. Notebook 03.
    """
    start = _point("start", start)
    end = _point("end", end, len(start))
    first, last = _decode(decode, start).astype(float), _decode(decode, end).astype(float)

    def between(t):
        return _decode(decode, (1 - t) * start + t * end), np.rint((1 - t) * first + t * last).astype(np.uint8)

    slider = _slider("t", 0.0, 0.0, 1.0, 0.05, ".2f")
    through, blend = (_picture(image, 224) for image in between(0.0))

    def redraw(change):
        through.value, blend.value = (png(image, 224) for image in between(change["new"]))

    slider.observe(redraw, "value")
    shown = [
        _captioned(through, "decode((1 − t) · start + t · end)", plots.GENERATED),
        _captioned(blend, "(1 − t) · first + t · last, in pixels", "gray"),
    ]
    return ipywidgets.VBox([slider, ipywidgets.HBox(shown, layout=_wrapping())])


def range_explorer(images):
    """Sliders for the range that pixels are scaled to, and what a network with a given last activation can give back.

    Args: ``images``, uint8 (n, h, w) or another shape of images; the first is the one shown. Raises ValueError if they
    are not uint8 or empty. A range whose low end is not below its high end gets a warning in words. Notebook 01.
    """
    images = pictures("images", images)
    low, high = _slider("low", -1.0, -2.0, 2.0, 0.1, ".1f"), _slider("high", 1.0, -2.0, 2.0, 0.1, ".1f")
    activation = ipywidgets.ToggleButtons(options=list(OUTPUT_RANGES), value="tanh", description="activation")
    activation.style.button_width = "6em"
    histogram = _histogram(images)
    chart = _picture(histogram(-1.0, 1.0, "tanh"))
    best = _picture(images[0], 168)
    message = ipywidgets.HTML()

    def redraw(_=None):
        message.value = range_message(images, low.value, high.value, activation.value)
        if low.value < high.value:
            chart.value = png(histogram(low.value, high.value, activation.value))
            best.value = png(best_output(images[0], low.value, high.value, OUTPUT_RANGES[activation.value]), 168)

    redraw()
    for control in (low, high, activation):
        control.observe(redraw, "value")
    shown = [
        _captioned(_picture(images[0], 168), "the image", plots.REAL),
        _captioned(best, "the best output", plots.GENERATED),
    ]
    return ipywidgets.VBox([activation, low, high, message, ipywidgets.HBox([chart, *shown], layout=_wrapping())])


def playback(frames, labels=None, title="", interval=250):
    """Play recorded pictures as a film, or step through them with the slider.

    Args: ``frames``, uint8 (steps, h, w) or (steps, h, w, 3), such as ``callbacks.Snapshots`` collects; ``labels``, one
    text for each; ``interval``, milliseconds a frame. Raises ValueError if they do not fit each other. Notebook 02.
    """
    frames = pictures("frames", frames)
    labels = _labels(labels, len(frames))
    interval = validate.positive_int("interval", interval)
    picture, label = _picture(frames[0], 480), ipywidgets.HTML(_bold(labels[0]))
    last = len(frames) - 1
    play = ipywidgets.Play(min=0, max=last, interval=interval, layout=ipywidgets.Layout(width="auto"))
    slider = ipywidgets.IntSlider(max=last, description="frame", style=_NARROW, layout=ipywidgets.Layout(width="320px"))
    ipywidgets.jslink((play, "value"), (slider, "value"))

    def redraw(change):
        picture.value, label.value = png(frames[change["new"]], 480), _bold(labels[change["new"]])

    slider.observe(redraw, "value")
    heading = [ipywidgets.HTML(_bold(title))] if title else []
    return ipywidgets.VBox([*heading, ipywidgets.HBox([play, slider, label], layout=_wrapping()), picture])


def real_or_fake(real, generated, seed=0, answers=20):
    """A game: one picture at a time, real or generated? Scores the answers with a 95 % confidence interval.

    Args: ``real`` and ``generated``, uint8 (n, h, w) or another shape of images, of one size; each picture is real
    with probability 1/2, drawn by ``seed``; ``answers``, after how many the verdict falls. Raises ValueError if the
    images do not fit each other. Notebook 04.
    """
    sides = [pictures("generated", generated), pictures("real", real)]
    validate.same_shape("generated", sides[0].shape[1:], sides[1].shape[1:], "real has pictures of the shape")
    answers, rng = validate.positive_int("answers", answers), np.random.default_rng(seed)
    given, shown = [], []
    picture, last = _picture(sides[1][0], 168), _picture(sides[1][0], 84)
    score, feedback = ipywidgets.HTML(), ipywidgets.HTML()
    buttons = [_button("It is generated", "a network drew it"), _button("It is real", "a person wrote it")]
    again = _button("Start again", "a new game with other pictures")

    def deal():
        side = int(rng.integers(2))
        shown[:] = [side, sides[side][rng.integers(len(sides[side]))]]
        picture.value = png(shown[1], 168)

    def answer(said):
        given.append(said == shown[0])
        last.value = png(shown[1], 84)
        feedback.value = _bold(*_FEEDBACK[given[-1], shown[0]])
        score.value = score_message(sum(given), len(given), answers)
        deal()

    def start(_=None):
        given.clear()
        last.value = png(np.full_like(sides[1][0], 255), 84)
        feedback.value, score.value = _bold("Your last answer will stand here."), score_message(0, 0, answers)
        deal()

    start()
    for side, button in enumerate(buttons):
        button.on_click(lambda _, side=side: answer(side))
    again.on_click(start)
    game = ipywidgets.VBox([picture, ipywidgets.HBox(buttons)])
    return ipywidgets.VBox([ipywidgets.HBox([game, ipywidgets.VBox([last, feedback])]), score, again])


# ---- 06 better GANs ----


def dirac_explorer(start=(1.0, 1.0), steps=400):
    """Sliders for the learning rate and the R1 weight of the Dirac-GAN, and the path that its two weights take.

    Args: ``start``, the first (theta, psi); ``steps``, how many steps of each player are drawn. Notebook 06.
    """
    start, steps = tuple(map(float, _point("start", start, 2))), validate.positive_int("steps", steps)
    rate, penalty = _slider("rate", 0.2, 0.02, 1.0, 0.02, ".2f"), _slider("penalty", 0.0, 0.0, 2.0, 0.05, ".2f")
    turns = ipywidgets.ToggleButtons(options=["taking turns", "at once"], value="taking turns", description="players")
    message = ipywidgets.HTML()
    picture = _picture(dirac_picture(rate.value, penalty.value, True, start, steps))

    def redraw(_=None):
        values = rate.value, penalty.value, turns.value == "taking turns"
        message.value = dirac_message(*values)
        picture.value = png(dirac_picture(*values, start, steps))

    redraw()
    for control in (rate, penalty, turns):
        control.observe(redraw, "value")
    caption = "green ring: start; black cross: where both should end"
    return ipywidgets.VBox([turns, rate, penalty, message, _captioned(picture, caption, plots.GENERATED)])


def dirac_path(rate, penalty=0.0, alternate=True, start=(1.0, 1.0), steps=400):
    """Weights (theta, psi) of the Dirac-GAN at each step of gradient descent: (steps + 1, 2).

    Real data is 0, generated data theta, the logit psi * x, the losses minimax, ``penalty`` the weight of R1.
    ``alternate`` says whether the generator answers the discriminator's new weight. Mescheder et al. 2018; notebook 06.
    """
    path = np.empty((steps + 1, 2))
    path[0] = theta, psi = start
    for i in range(steps):
        new_psi = psi - rate * (theta * _sigmoid(psi * theta) + penalty * psi)
        teacher = new_psi if alternate else psi
        theta, psi = theta + rate * teacher * _sigmoid(teacher * theta), new_psi
        path[i + 1] = theta, psi
        if max(abs(theta), abs(psi)) > 1e3:  # it has left for good
            path[i + 1 :] = path[i + 1]
            break
    return path


def dirac_picture(rate, penalty, alternate, start=(1.0, 1.0), steps=400):
    """The path as a picture: uint8 (h, w, 3)."""
    path = dirac_path(rate, penalty, alternate, start, steps)
    return figure_picture(lambda ax: plots.phase_portrait([path], 2.5, axes=[ax]), size=(4, 4))


def dirac_message(rate, penalty, alternate):
    """Say in one line of HTML what the step's eigenvalues at the goal foretell."""
    half = 0.5 * rate
    step = np.array([[1.0, half], [-half, 1.0 - rate * penalty]])  # of (theta, psi), players at once
    if alternate:
        step[0] += half * (step[1] - [0.0, 1.0])  # the generator answers the new psi
    size = np.abs(np.linalg.eigvals(step)).max()
    text = f"Largest eigenvalue of a step near the goal: {size:.4f}, "
    if abs(size - 1.0) < 1e-9:
        return _bold(text + "so it circles for ever.", plots.WRONG)
    if size > 1.0:
        return _bold(text + "so it spirals away.", plots.WRONG)
    return _bold(
        f"{text}so it is pulled in, half the way every {math.log(0.5) / math.log(size):.0f} steps.", plots.LATENT
    )


def _sigmoid(a):
    return 0.5 * (1.0 + math.tanh(0.5 * a))


# ---- 07 ----


def style_mixer(draw, w, groups):
    """Three choices of a face, one for each group of layers, and the picture whose styles come from those faces.

    Args: ``draw``, a function from styles (n, layers, dim) to uint8 images (n, s, s, 3); ``w``, one row for each
    face to choose from, (faces, dim); ``groups``, {name: layers}, such as {"coarse": range(0, 3), …}, each layer once.
    Raises ValueError if they do not fit each other. Notebook 07.
    """
    w = np.asarray(w, np.float32)
    layers = sorted(layer for group in groups.values() for layer in group)
    if w.ndim != 2 or not len(w) or layers != list(range(len(layers))):
        raise ValueError(
            f"w must be (faces, dim) and groups must name each layer once, but w has the shape {w.shape} and the "
            f"layers are {layers}."
        )
    sources = pictures("draw's result", draw(np.repeat(w[:, None], len(layers), axis=1)))
    chosen = {name: _face_slider(name, len(w), start) for start, name in enumerate(groups)}

    def mixture():
        styles = np.empty((1, len(layers), w.shape[1]), np.float32)
        for name, group in groups.items():
            styles[0, list(group)] = w[chosen[name].value - 1]
        return draw(styles)[0]

    mixed = _picture(mixture(), 256)
    captions = {name: _picture(sources[slider.value - 1], 96) for name, slider in chosen.items()}

    def redraw(_):
        mixed.value = png(mixture(), 256)
        for name, picture in captions.items():
            picture.value = png(sources[chosen[name].value - 1], 96)

    for slider in chosen.values():
        slider.observe(redraw, "value")
    rows = [ipywidgets.HBox([slider, captions[name]], layout=_wrapping()) for name, slider in chosen.items()]
    return ipywidgets.HBox(
        [ipywidgets.VBox(rows), _captioned(mixed, "the mixture", plots.GENERATED)], layout=_wrapping()
    )


def _face_slider(name, faces, start):
    layout = ipywidgets.Layout(width="300px")
    style = {"description_width": "5em"}
    return ipywidgets.IntSlider(
        value=1 + start % faces, min=1, max=faces, description=f"{name}:", layout=layout, style=style
    )


def request_explorer(draw, labels, wishes):
    """Ask a conditional generator for something: a button for each label, a slider for each wish, and what it draws.

    Args: ``draw``, a function (label, *wishes, seed) -> uint8 images (n, h, w) and a line of text about them;
    ``labels``, the choices; ``wishes``, {name: (lowest, highest, first)}. Raises ValueError if the images or the wishes
    do not fit. Notebook 05.
    """
    labels = [str(label) for label in labels]
    choice = ipywidgets.ToggleButtons(options=labels, value=labels[len(labels) // 2])
    choice.style.button_width = "4em"
    sliders = [_wish(name, *limits) for name, limits in wishes.items()]
    seed, text = [0], ipywidgets.HTML()

    def drawn():
        images, line = draw(labels.index(choice.value), *(slider.value for slider in sliders), seed[0])
        images = pictures("draw's result", images)
        text.value = _bold(line)
        return tile(images, len(images))

    row = drawn()
    picture = _picture(row, max(row.shape[:2]) * 3)

    def redraw(_=None):
        picture.value = png(drawn(), max(row.shape[:2]) * 3)

    def again(_):
        seed[0] += 1
        redraw()

    for control in (choice, *sliders):
        control.observe(redraw, "value")
    button = _button("Draw again", "other random points")
    button.on_click(again)
    return ipywidgets.VBox([choice, *sliders, button, _captioned(picture, "drawn as asked", plots.GENERATED), text])


# ---- Plain functions ----


def score_message(right, n, answers=20):
    """Say in one line of HTML what ``right`` of ``n`` answers are worth: share, exact 95 % interval, verdict.

    The interval is Clopper and Pearson's. If it holds 50 %, the answers do not show that you can tell the two apart.
    """
    if n == 0:
        return _bold(f"Give {answers} answers: the verdict falls then, not before.")
    low, high = _proportion_interval(right, n)
    text = f"{right} of {n} right: {100 * right / n:.0f} %, 95 % interval {100 * low:.0f} % to {100 * high:.0f} %."
    if n < answers:
        return _bold(f"{text} {answers - n} to go.")
    if low > 0.5:
        return _bold(f"{text} All of it lies above 50 %: you can tell them apart.", plots.LATENT)
    if high < 0.5:
        return _bold(f"{text} All of it lies below 50 %: you see a difference, but name it the wrong way.", plots.WRONG)
    return _bold(f"{text} It holds 50 %: these answers do not show that you can tell them apart.", plots.GENERATED)


def _proportion_interval(right, n):
    from scipy.stats import binomtest  # imported late: only the game needs it

    return tuple(map(float, binomtest(right, n).proportion_ci(method="exact")))


def pictures(name, images):
    """Return uint8 images as (n, h, w) or (n, h, w, 3), from those, (n, h, w, 1) or (n, side · side); or raise."""
    images = validate.uint8_images(name, images)
    if images.ndim == 2 and math.isqrt(images.shape[1]) ** 2 == images.shape[1]:
        return images.reshape(len(images), math.isqrt(images.shape[1]), -1)
    if images.ndim == 4 and images.shape[3] == 1:
        return images[..., 0]
    if images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3):
        return images
    raise ValueError(
        f"{name} must have the shape (n, h, w), (n, h, w, 1), (n, h, w, 3) or (n, side·side), but it is "
        f"{images.shape}. A single picture needs a batch axis: images[None]."
    )


def tile(images, columns=10):
    """Put images (n, h, w) or (n, h, w, 3) side by side in rows: one uint8 picture, black where the last row ends."""
    images = pictures("images", images)
    columns = min(validate.positive_int("columns", columns), len(images))
    rows = -(-len(images) // columns)
    height, width, *colours = images.shape[1:]
    canvas = np.zeros((rows * columns, height, width, *colours), np.uint8)
    canvas[: len(images)] = images
    canvas = canvas.reshape(rows, columns, height, width, *colours).swapaxes(1, 2)
    return canvas.reshape(rows * height, columns * width, *colours)


def figure_picture(draw, size=(4, 4)):
    """Draw a figure of ``size`` inches by ``draw(ax)`` in the course's style and return it as uint8 (h, w, 3)."""
    ax, canvas = _axes(size)
    with _style():
        draw(ax)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def png(picture, size=None):
    """Encode a uint8 picture (h, w) or (h, w, 3) as PNG bytes, each pixel as a square, about ``size`` dots wide."""
    factor = _enlargement(picture, size)
    file = io.BytesIO()
    Image.fromarray(np.repeat(np.repeat(picture, factor, 0), factor, 1)).save(file, "png")
    return file.getvalue()


def latent_grid(limits, count):
    """Latent points (count · count, 2) at the centres of a map's cells, row by row from the top left: z₂ points up."""
    low, high = limits
    centres = low + (np.arange(count) + 0.5) / count * (high - low)
    z1, z2 = np.meshgrid(centres, centres[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=1).astype(np.float32)


def mark(picture, point, limits):
    """Mark the latent point (2,) on a map of [low, high]² by a ringed green dot: picture (h, w[, 3]) -> (h, w, 3)."""
    low, high = limits
    image = Image.fromarray(picture).convert("RGB")
    x = (point[0] - low) / (high - low) * image.width
    y = (high - point[1]) / (high - low) * image.height
    ImageDraw.Draw(image).ellipse([x - 8, y - 8, x + 8, y + 8], fill=plots.LATENT, outline="white", width=3)
    return np.asarray(image)


def best_output(image, low, high, output_range):
    """Closest that a network with outputs in ``output_range`` comes to pixels scaled to [low, high]: uint8 to uint8."""
    return data.denormalize(np.clip(data.normalize(image, low, high), *output_range), low, high)


def range_message(images, low, high, activation):
    """Say in one line of HTML how well data scaled to [low, high] fits the activation of the network's last layer."""
    if low >= high:
        return _bold(
            f"low = {_signed(low)} is not below high = {_signed(high)}: choose a low end below the high end.",
            plots.WRONG,
        )
    bottom, top = OUTPUT_RANGES[activation]
    scaled = data.normalize(images, low, high)
    lost = 100 * np.mean((scaled < bottom - 1e-6) | (scaled > top + 1e-6))
    span = "any number" if activation == "linear" else f"{_signed(bottom)} to {_signed(top)}"
    text = f"Pixels go to {_signed(low)} … {_signed(high)}; {activation} puts out {span}: "
    if lost > 0:
        return _bold(f"{text}{lost:.1f} % of the pixels are out of its reach.", plots.WRONG)
    if (low, high) == (bottom, top):
        return _bold(text + "they match.", plots.LATENT)
    unused = (
        "" if activation == "linear" else f" Only {100 * (high - low) / (top - bottom):.0f} % of its range is used."
    )
    return _bold(f"{text}every pixel is in its reach.{unused}")


# ---- Parts ----


def _limits(name, limits):
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"{name} must be two finite numbers (low, high) with low < high, but it is {limits!r}.")
    return low, high


def _point(name, point, latent_dim=None, limits=(-np.inf, np.inf)):
    values = np.asarray(point, dtype=np.float32)
    fits = values.ndim == 1 and values.size > 0 and latent_dim in (None, len(values))
    if not fits or not np.isfinite(values).all() or (values < limits[0]).any() or (values > limits[1]).any():
        expected = "(latent_dim,)" if latent_dim is None else f"({latent_dim},)"
        inside = f" within {limits}" if np.isfinite(limits).all() else ""
        raise ValueError(
            f"{name} must be one finite latent point of shape {expected}{inside}, but its shape is {values.shape}"
            f" and its value {point!r}. Take one row of an array of points: z[0]."
        )
    return values


def _labels(labels, count):
    labels = [f"frame {i}" for i in range(count)] if labels is None else [str(label) for label in labels]
    if len(labels) != count:
        raise ValueError(f"labels must hold one text for each of the {count} frames, but it holds {len(labels)}.")
    return labels


def _decode(decode, point):
    """The picture of one latent point (latent_dim,)."""
    images = pictures("decode's result", decode(np.asarray(point, np.float32)[None]))
    if len(images) != 1:
        raise ValueError(f"decode must return one image for each point, but for one point it returned {len(images)}.")
    return images[0]


def _map_of(decode, limits):
    """A function that marks a point on the map of decoded points, which is drawn once."""
    side = max(_decode(decode, np.zeros(2, np.float32)).shape[:2])
    count = int(np.clip(336 // side, 4, 12))
    background = tile(decode(latent_grid(limits, count)), count)
    return lambda point: mark(background, point, limits)


def _point_controls(point, limits, redraw):
    """Sliders for a latent point and two buttons; ``redraw(point)`` is called once for each move."""
    width = 320 if len(point) <= 10 else 230
    sliders = [_slider(_name(i), float(value), *limits, 0.1, ".1f", width) for i, value in enumerate(point)]
    rng = np.random.default_rng(0)

    def moved(_=None):
        redraw(np.array([slider.value for slider in sliders], np.float32))

    def jump(target):
        for slider, value in zip(sliders, target, strict=True):
            slider.unobserve(moved, "value")
            slider.value = round(float(np.clip(value, *limits)), 1)
            slider.observe(moved, "value")
        moved()

    for slider in sliders:
        slider.observe(moved, "value")
    buttons = [
        _button("Random point", "a draw from the prior N(0, I)"),
        _button("Back to the start", "the first point"),
    ]
    buttons[0].on_click(lambda _: jump(rng.standard_normal(len(sliders))))
    buttons[1].on_click(lambda _: jump(point))
    columns = [ipywidgets.VBox(sliders[i : i + 10]) for i in range(0, len(sliders), 10)]
    return ipywidgets.VBox([ipywidgets.HBox(columns), ipywidgets.HBox(buttons)])


def _histogram(images):
    """A function (low, high, activation) -> picture of the histogram; axes and words are drawn once, so it is quick."""
    ax, canvas = _axes(size=(4.4, 2.6))
    with _style():
        plots.scaled_histogram(images, -1.0, 1.0, (-1.0, 1.0), ax=ax)
        stairs, span = ax.patches
        for artist in (stairs, span):
            artist.set_animated(True)
        canvas.draw()
    background = canvas.copy_from_bbox(ax.figure.bbox)

    def draw(low, high, activation):
        bottom, top = np.clip(OUTPUT_RANGES[activation], *ax.get_xlim())
        stairs.set_data(edges=np.linspace(low, high, 33))
        span.set(x=bottom, width=top - bottom)
        canvas.restore_region(background)
        for artist in (span, stairs, *ax.spines.values()):
            ax.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())[..., :3]

    return draw


def _style():
    return plt.style.context(data.asset("gentutor.mplstyle"))


def _axes(size):
    """Axes on a figure that Matplotlib's pyplot does not know of and so never shows by itself, and their canvas."""
    with _style():
        figure = Figure(figsize=size, dpi=100)
        return figure.add_subplot(), FigureCanvasAgg(figure)


def _slider(description, value, low, high, step, readout_format, width=320):
    return ipywidgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        readout_format=readout_format,
        continuous_update=True,
        style=_NARROW,
        layout=ipywidgets.Layout(width=f"{width}px"),
    )


def _wish(name, low, high, start):
    low, high = _limits(f"the limits of {name}", (low, high))
    if not low <= start <= high:
        raise ValueError(f"{name} must start between {low:g} and {high:g}, but it starts at {start:g}.")
    return _slider(name, start, low, high, (high - low) / 30, ".1f")


def _button(description, tooltip):
    return ipywidgets.Button(description=description, tooltip=tooltip, layout=ipywidgets.Layout(width="10em"))


def _picture(picture, size=None):
    factor = _enlargement(picture, size)
    layout = _fixed(picture.shape[1] * factor, picture.shape[0] * factor)
    return ipywidgets.Image(value=png(picture, size), format="png", layout=layout)


def _enlargement(picture, size):
    return 1 if size is None else max(1, round(size / max(picture.shape[:2])))


def _fixed(width, height):
    return ipywidgets.Layout(width=f"{width}px", height=f"{height}px", flex="0 0 auto")


def _wrapping():
    return ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start")


def _captioned(picture, text, colour):
    """A picture over its caption, whose little square has the colour of what is shown."""
    caption = f'<span style="color: {colour}">■</span> {html.escape(text)}'
    return ipywidgets.VBox([picture, ipywidgets.HTML(caption)], layout=ipywidgets.Layout(margin="0 12px 0 0"))


def _bold(text, colour="inherit"):
    return f'<b style="color: {colour}; line-height: 1.4">{html.escape(text)}</b>'


def _map_caption(limits):
    return f"map: z₁ to the right, z₂ up, {_signed(limits[0])} to {_signed(limits[1])}"


def _signed(value):
    """A number as text, with a true minus sign."""
    return f"{value:g}".replace("-", "−")


def _name(index):
    return "z" + "".join(chr(ord("₀") + int(digit)) for digit in str(index + 1))
