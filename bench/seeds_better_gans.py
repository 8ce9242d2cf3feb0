"""Five seeds of notebook 06's live runs, with the notebook's constants: python bench/seeds_better_gans.py

``critic``: WGAN-GP critics of a density moved by a known length. ``grid``: the plain GAN and the best recipe on the
grid of 25 bumps. ``too_much``: the same with a penalty a thousand times as strong. ``digits``: the best recipe on
digits, judged by 10,000 samples against the test part.
The networks, the loop and the constants are the notebook's own.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import keras
import sweep_gans
from keras import layers
from sweep_gans import Recipe, notebook


def critic(seed):
    numbers = {}
    leaky = layers.LeakyReLU(0.2)
    for name, hidden, activation in (("linear", (), "relu"), ("network", (64, 64), leaky), ("tanh", (64, 64), "tanh")):
        for weight, made in zip(notebook.WEIGHTS, notebook.train_critics(hidden, activation, seed), strict=True):
            estimate, largest, mean = notebook.judge_critic(made)
            start = f"06 {name} critic, weight {weight:g}: "
            numbers |= {start + "estimate": estimate, start + "mean slope": mean}
            numbers[start + "estimate over largest slope"] = estimate / largest
    return numbers


def trained_on_grid(recipe, seed, **changed):
    """The judge's numbers of the generator's last weights."""
    keras.utils.set_random_seed(seed)
    players = sweep_gans.grid_players(recipe)
    notebook.train(*players, notebook.draw_grid, recipe, seed=seed, **{**notebook.GRID, **changed})
    return sweep_gans.judge_grid(sweep_gans.grid_points(players[0], seed=100 + seed))


def grid(seed):
    """Modes missed and the rest of the judge's numbers."""
    numbers = {}
    for name, recipe in notebook.GRID_RECIPES.items():
        judged = trained_on_grid(recipe, seed)
        numbers[f"06 grid, {name}: modes missed"] = 25 - judged["modes"]
        numbers[f"06 grid, {name}: share of good points"] = judged["good"]
        numbers[f"06 grid, {name}: KL of the counts"] = judged["kl"]
        numbers[f"06 grid, {name}: variance within modes"] = judged["variance"]
    return numbers


def too_much(seed):
    """R1 a thousand times as strong, and not fading."""
    judged = trained_on_grid(Recipe(r1=1000.0, falling=True), seed, batch=128)
    return {
        "06 grid, R1 × 1000: share of good points": judged["good"],
        "06 grid, R1 × 1000: variance within modes": judged["variance"],
    }


def digits(seed):
    """The averaged generator by all that it draws, and by the third that the averaged discriminator finds most real."""
    keras.utils.set_random_seed(seed)
    recipe = Recipe("hinge", r1=0.2, few=4, deviation=True)
    generator, discriminator = notebook.convolutional_players(recipe, 48)
    options = {"seed": seed, "jit_compile": False, **notebook.DIGITS}
    averages, _ = notebook.train(generator, discriminator, notebook.draw_digits, recipe, **options)
    numbers = {}
    sets = {
        "last weights": sweep_gans.digit_images(generator, 10_000),
        "averaged": sweep_gans.digit_images(averages[0], 10_000),
        "chosen": notebook.chosen_digits(*averages, 10_000),
    }
    for name, images in sets.items():
        judged = sweep_gans.judge_digits(images, "test")
        numbers |= {f"06 digits, {name}: {key}": value for key, value in judged.items()}
    return numbers


if __name__ == "__main__":
    bands.main("06_better_gans", [critic, grid, too_much, digits])
