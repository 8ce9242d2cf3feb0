"""MirroredStrategy over two logical CPUs, in a process of its own: they must be set before TensorFlow starts.

Run as a script, this file is that process: it prints one line of JSON with what it measured.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def measured():
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_there_are_two_replicas(measured):
    assert measured["replicas"] == 2


@pytest.mark.parametrize("model", ["gan", "vae"])
class TestFit:
    def test_it_trains_and_logs(self, measured, model):
        history = measured[model]["history"]
        assert all(len(values) == 2 and np.isfinite(values).all() for values in history.values())
        assert any(name.startswith("val_") for name in history)
        assert measured[model]["iterations"] == 6
        assert measured[model]["moved"]

    def test_replicas_stay_identical(self, measured, model):
        assert measured[model]["apart"] == 0.0

    def test_an_sgd_step_over_two_replicas_is_the_step_on_the_whole_batch(self, measured, model):
        assert measured[model]["one_device_moved"] > 1e-2
        assert measured[model]["one_device_gap"] < 1e-6

    def test_each_replica_draws_its_own_noise(self, measured, model):
        assert measured[model]["noise_correlation"] < 0.5

    def test_a_model_trained_by_two_replicas_saves_and_loads_on_one_device(self, measured, model):
        assert measured[model]["loaded_gap"] == 0.0

    @pytest.mark.parametrize("settings", ["jit_compile=True", "steps_per_execution=2", "outside of the scope"])
    def test_settings_that_keras_cannot_combine_get_a_clear_error(self, measured, model, settings):
        said = measured[model]["errors"][settings]
        assert said.startswith("ValueError: jit_compile=")
        assert "do not work with 2 replicas" in said
        assert said.endswith("only with jit_compile=False and steps_per_execution=1.")


def test_averaged_weights_follow_by_the_rule_on_both_replicas(measured):
    assert measured["ema"]["gap"] < 1e-6
    assert measured["ema"]["lag"] > 1e-3
    assert measured["ema"]["apart"] == 0.0


# ---- the process with two devices ----


def _data(rows=96):
    return np.tanh(np.random.default_rng(0).standard_normal((rows, 4))).astype("float32")


def _small_gan(noise=True, **arguments):
    import keras

    from gentutor import gan, networks

    keras.utils.set_random_seed(0)
    model = gan.GAN(networks.mlp_generator(2, 4, (8,)), networks.mlp_discriminator(4, (8,)), seed=1, **arguments)
    if not noise:  # weights of 0 on the noise: the same images, and a gradient that comes from the biases
        weights = model.generator.get_weights()
        weights[0][:], weights[1][:] = 0.0, 0.5
        model.generator.set_weights(weights)
        model.generator.layers[1].trainable = False
    return model


def _small_vae(noise=True):
    import keras

    from gentutor import losses, networks, vae

    keras.utils.set_random_seed(0)
    model = vae.VAE(networks.mlp_encoder(2, 4, (8,)), networks.mlp_decoder(2, 4, (8,)), losses.gaussian_nll, seed=1)
    if not noise:  # a standard deviation of exp(-20)
        head = model.encoder.get_layer("log_var")
        head.set_weights([np.zeros_like(head.get_weights()[0]), np.full(2, -40.0, np.float32)])
    return model


def _compile(model, name, optimizer, **arguments):
    import keras

    make = {"sgd": lambda: keras.optimizers.SGD(0.125), "adam": lambda: keras.optimizers.Adam(1e-2)}[optimizer]
    if name == "gan":
        arguments = {"generator_optimizer": make(), "discriminator_optimizer": make(), **arguments}
    else:
        arguments = {"optimizer": make(), **arguments}
    model.compile(**{"jit_compile": False, **arguments})
    return model


def _apart(strategy, model):
    """Largest difference of any weight between the replicas."""
    copies = [strategy.experimental_local_results(weight.value) for weight in model.weights]
    assert all(len(pair) == 2 for pair in copies)
    return max(float(np.abs(a.numpy() - b.numpy()).max()) for a, b in copies)


def _gap(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def _error(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def _errors(strategy, make, name):
    with strategy.scope():
        inside, outside = make(), make()
        said = {
            "jit_compile=True": _error(lambda: _compile(inside, name, "adam", jit_compile=True)),
            "steps_per_execution=2": _error(lambda: _compile(inside, name, "adam", steps_per_execution=2)),
        }
    return {**said, "outside of the scope": _error(lambda: _compile(outside, name, "adam", steps_per_execution=2))}


def _noise_correlation(strategy):
    from gentutor import training

    draws = strategy.run(lambda: training.noise((50, 2), 1, 3))
    one, other = (draw.numpy().ravel() for draw in strategy.experimental_local_results(draws))
    return abs(float(np.corrcoef(one, other)[0, 1]))


def _measure(strategy, make, name):
    import tempfile

    import keras

    with strategy.scope():
        model = _compile(make(), name, "adam")
        stepped = _compile(make(noise=False), name, "sgd")
    before = model.get_weights()
    x = _data()
    history = model.fit(x, batch_size=32, epochs=2, verbose=0, validation_data=x[:32]).history
    optimizer = model.generator_optimizer if name == "gan" else model.optimizer

    alone = _compile(make(noise=False), name, "sgd")
    start = alone.get_weights()
    for one in (alone, stepped):
        one.fit(x[:32], batch_size=32, epochs=3, verbose=0)

    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        loaded = keras.models.load_model(f"{folder}/model.keras")
    return {
        "history": history,
        "iterations": int(optimizer.iterations.numpy()),
        "moved": not np.array_equal(before[0], model.get_weights()[0]),
        "apart": _apart(strategy, model),
        "one_device_gap": _gap(alone, stepped),
        "one_device_moved": max(float(np.abs(a - b).max()) for a, b in zip(start, alone.get_weights(), strict=True)),
        "noise_correlation": _noise_correlation(strategy),
        "loaded_gap": _gap(model, loaded),
        "errors": _errors(strategy, make, name),
    }


def _measure_ema(strategy):
    """The averaged weights of 3 steps against an average kept by hand."""
    import keras

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(self.model.generator.get_weights())

    with strategy.scope():
        model = _compile(_small_gan(ema_decay=0.9), "gan", "adam")
    steps = []
    average = model.generator.get_weights()
    model.fit(_data(), batch_size=32, verbose=0, callbacks=[Keep()])
    for step, now in enumerate(steps, 1):
        keep = min(0.9, (1 + step) / (10 + step))
        average = [keep * a + (1 - keep) * w for a, w in zip(average, now, strict=True)]
    averaged = model.ema_generator.get_weights()
    return {
        "gap": max(float(np.abs(a - b).max()) for a, b in zip(average, averaged, strict=True)),
        "lag": max(float(np.abs(a - b).max()) for a, b in zip(steps[-1], averaged, strict=True)),
        "apart": _apart(strategy, model),
    }


def main():
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {"replicas": strategy.num_replicas_in_sync, "ema": _measure_ema(strategy)}
    found |= {name: _measure(strategy, make, name) for name, make in (("gan", _small_gan), ("vae", _small_vae))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
