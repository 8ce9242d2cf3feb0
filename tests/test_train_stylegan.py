"""The recipe of the checkpoint goes on where it stopped, as if it had not, and grows when a stage is over."""

import itertools
import os
import pathlib
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

from gentutor import faces

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
SMALL = (8, 8, 8)  # channels


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.delattr("os.sched_setaffinity", raising=False)
    import train_stylegan

    monkeypatch.setattr(train_stylegan, "CHANNELS", SMALL)
    monkeypatch.setattr(train_stylegan, "BATCH", 8)
    clock = types.SimpleNamespace(perf_counter=itertools.count().__next__)  # every step takes a second, on any machine
    monkeypatch.setattr(train_stylegan, "time", clock)
    return train_stylegan


def play(recipe, model, images, steps):
    run = recipe.compiled_step(model)
    for _ in range(steps):
        run(recipe.batch(images, model.size, int(model.generator_optimizer.iterations)))
    return model


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    """In a process of its own: with several cores for one operation the order of a sum, and its last bits, may vary."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM_")}
    done = subprocess.run([sys.executable, __file__, tmp_path], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "cores for one operation: 1, numbers compared: " in done.stdout


def stop_and_go_on(recipe, folder):
    """Six steps, and three and three with a file between them, must end in the same numbers."""
    images, path = faces.render(faces.sample(40, seed=0), 64), folder / "state.npz"
    whole = play(recipe, recipe.restore(path), images, 6)
    recipe.save(play(recipe, recipe.restore(path), images, 3), path)
    resumed = play(recipe, recipe.restore(path), images, 3)
    for a, b in zip(recipe.variables(whole), recipe.variables(resumed), strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))
    count = sum(int(np.prod(variable.shape)) for variable in recipe.variables(whole))
    print(f"cores for one operation: {os.environ['TF_NUM_INTRAOP_THREADS']}, numbers compared: {count}")


def test_it_grows_when_a_stage_is_over_and_stores_its_size(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "STAGES", {16: 2, 32: 10**9})
    images, path = faces.render(faces.sample(40, seed=0), 64), tmp_path / "state.npz"
    model = recipe.train(recipe.restore(path), images, path, minutes=5 / 60)
    assert model.size == 32
    again = recipe.restore(path)
    assert again.size == 32
    assert int(again.generator_optimizer.iterations) == int(model.generator_optimizer.iterations) == 2
    np.testing.assert_array_equal(again.sample(2, seed=0), model.sample(2, seed=0))


def test_others_go_on_from_the_stored_weights_and_the_rates_fall(recipe, tmp_path):
    images, state = faces.render(faces.sample(40, seed=0), 64), tmp_path / "stylegan_state.npz"
    model = play(recipe, recipe.restore(tmp_path / "mine.npz"), images, 3)
    recipe.store_state(model, state)
    theirs = recipe.restore(tmp_path / "theirs.npz", state)
    assert int(theirs.generator_optimizer.iterations) == int(theirs.discriminator_optimizer.iterations) == 3
    for a, b in zip(recipe.weights(model), recipe.weights(theirs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6, rtol=1e-3)  # half precision
    theirs = recipe.train(theirs, images, tmp_path / "theirs.npz", minutes=5 / 60, falling=0.5)
    assert int(theirs.generator_optimizer.iterations) == 3 + 4
    assert float(theirs.generator_optimizer.learning_rate) == pytest.approx(0.5 * recipe.RATE * 1 / 5)


if __name__ == "__main__":
    import train_stylegan

    train_stylegan.CHANNELS, train_stylegan.BATCH = SMALL, 8
    stop_and_go_on(train_stylegan, pathlib.Path(sys.argv[1]))
