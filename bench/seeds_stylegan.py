"""Five seeds of notebook 07's live model, of a control without a mapping network, and of edits: bench/seeds_stylegan.py

Two cores, about five minutes a seed for the live model, two for the control and for the edits. The live model as the
notebook trains it: the game, then the finish without one. The control plays the same game, but its w is the normalised
z itself. That of seed 0 is stored in gentutor/assets, for the notebook. The edits are of other faces for each seed,
given ones and such that the bundled checkpoint generates.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import os

os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # each operation on one core, two side by side: a quarter quicker

# isort: split
import functools
import pathlib

import keras
import numpy as np
import stylegan_measures as measures
import tensorflow as tf
from stylegan_measures import notebook

from gentutor import faces, stylegan

N = 5000
CONTROL = pathlib.Path(stylegan.__file__).parent / "assets" / "stylegan_control.npz"


@functools.cache  # the game, the autoencoder and the encoder's codes all need them
def training_faces():
    """The notebook's."""
    return faces.render(faces.sample(20_000, seed=1), 32)


def after_the_game(seed, depth=stylegan.MAPPING_DEPTH):
    """The notebook's game."""
    keras.utils.set_random_seed(seed)
    return notebook.train(stylegan.StyleGAN(depth=depth, seed=seed), training_faces(), seed)


def finished(model, seed):
    """The notebook's finish without a game."""
    new, encode = notebook.to_finish(model)
    notebook.reconstruct(new, encode, training_faces(), seed)
    new.ema_mapping = notebook.walking_mapping(notebook.codes(encode, training_faces()), seed)
    return new


def spaces(model, seed):
    """Path lengths and separability scores, of Z and of W."""
    z = np.random.default_rng([seed, 6]).standard_normal((4000, model.dim)).astype(np.float32)
    w, numbers = model.map(z), {}
    read = faces.read(model.draw(w))
    for space, latents in (("Z", z), ("W", w)):
        numbers[f"path length in {space}"] = notebook.path_lengths(model, space, seed=seed).mean()
        numbers[f"separability in {space}"] = measures.separability(latents, read)
    return numbers


def live(seed):
    """Share of the excess distance, species, drawable faces and its spaces, after the game and when it is finished."""
    game, numbers = after_the_game(seed), {}
    for name, model in {"game": game, "live": finished(game, seed)}.items():
        samples = model.sample(N, seed=3)
        found = {
            "excess share": measures.excess_share(samples),
            "species off": measures.species_off(samples),
            "drawable": measures.share_drawable(samples[:2000]),
            **spaces(model, seed),
        }
        numbers |= {f"07 {name}: {key}": value for key, value in found.items()}
    return numbers


def control(seed):
    """The same without a mapping network."""
    model = after_the_game(seed, depth=0)
    if seed == 0:
        stylegan.store(model, CONTROL)
    numbers = {"excess share": measures.excess_share(model.sample(N, seed=3)), **spaces(model, seed)}
    return {f"07 control: {name}": value for name, value in numbers.items()}


def edit(seed, n=200):
    """Glasses put on n given faces and n generated ones, walked and repaired: share in which each factor changes."""
    model, numbers = stylegan.load(), {}
    w = model.map(tf.random.stateless_normal((4000, model.dim), (6, 0)))  # the notebook's
    plane, spread = notebook.plane(w, faces.read(model.draw(w)).glasses == 1), notebook.spread_of(w)

    def for_all_layers(w):
        return np.repeat(w[:, None], model.layer_count, axis=1)

    def with_glasses(before, after):
        return notebook.repaired(model, spread, before, after, {"glasses": 1})

    _, given = notebook.given_faces(n, seed=20 + seed)
    guessed = for_all_layers(notebook.codes(notebook.bundled_encoder(model.channels), given))
    found = notebook.in_parts(functools.partial(notebook.searched, model), guessed, given)
    generated = for_all_layers(notebook.without_glasses(model, n, seed))
    for kind, before in {"given": found, "generated": generated}.items():
        read, walked = faces.read(model.draw(before)), notebook.edited(before, *plane)
        for way, styles in {"walk": walked, "repaired": notebook.in_parts(with_glasses, before, walked)}.items():
            after = faces.read(model.draw(styles))
            shares, row = notebook.changes(read, after), f"07 {kind} {way}"
            numbers |= {f"{row}: {name}": share for name, share in shares.items()}
            numbers[f"{row}: other factors"] = sum(shares.values()) - shares["glasses"]
    return numbers


if __name__ == "__main__":
    bands.main("07_stylegan", [live, control, edit])
