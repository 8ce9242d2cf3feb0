"""Callbacks, and what fit promises: a reason for NaN, nothing lost on an interrupt, the best weights, clear errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gentutor import callbacks, gan, networks, vae


def small_gan(**compile_arguments):
    keras.utils.set_random_seed(0)
    model = gan.GAN(networks.mlp_generator(2, 4, (8,)), networks.mlp_discriminator(4, (8,)), seed=1)
    model.compile(**{"run_eagerly": "jit_compile" not in compile_arguments, **compile_arguments})
    return model


def small_vae(**compile_arguments):
    keras.utils.set_random_seed(0)
    model = vae.VAE(networks.mlp_encoder(2, 6, (8,)), networks.mlp_decoder(2, 6, (8,)), seed=1)
    model.compile(**{"run_eagerly": "jit_compile" not in compile_arguments, **compile_arguments})
    return model


@pytest.fixture(scope="module")
def pairs():
    """Data of a GAN: float32 (96, 4) in [-1, 1]."""
    return np.tanh(np.random.default_rng(0).standard_normal((96, 4))).astype("float32")


@pytest.fixture(scope="module")
def bits():
    """Data of a Bernoulli VAE: float32 (96, 6) of 0 and 1, half of the columns copies of the others."""
    halves = np.random.default_rng(0).integers(0, 2, (96, 3))
    return np.concatenate([halves, halves], axis=1).astype("float32")


class Interrupt(keras.callbacks.Callback):
    """Presses Ctrl-C after a given batch of a given epoch, and keeps the weights of that moment."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.when, self.epoch, self.ended = (epoch, batch), None, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.when:
            self.weights = self.model.get_weights()
            raise KeyboardInterrupt

    def on_train_end(self, logs=None):
        self.ended += 1


class TestStopOnNaN:
    def diverging_vae(self):
        return small_vae(optimizer=keras.optimizers.SGD(1e6))

    def test_says_which_loss_and_leaves_finite_weights(self, bits, capsys):
        model = self.diverging_vae()
        history = model.fit(bits, batch_size=32, epochs=5, verbose=0)
        said = capsys.readouterr().out
        assert "Training stopped: " in said
        assert "loss" in said.split("became NaN or infinite")[0]
        assert "learning rate that is too high" in said
        assert len(history.epoch) < 5
        assert all(np.isfinite(weight).all() for weight in model.get_weights())

    def test_a_film_and_a_measure_survive_the_stop(self, bits, capsys):
        model = self.diverging_vae()
        film = callbacks.Snapshots(lambda m: m.sample(2, seed=0))
        best = callbacks.KeepBest(lambda m: m.evaluate(bits, verbose=0, return_dict=True)["loss"])
        model.fit(bits, batch_size=32, epochs=5, verbose=0, callbacks=[film, best], validation_data=bits)
        assert "Training stopped" in capsys.readouterr().out
        assert len(film.frames) >= 2
        assert all(np.isfinite(weight).all() for weight in model.get_weights())

    def test_after_the_stop_one_can_train_on_with_a_lower_rate(self, bits, capsys):
        model = self.diverging_vae()
        model.fit(bits, batch_size=32, epochs=5, verbose=0)
        model.compile(optimizer=keras.optimizers.Adam(1e-2))
        history = model.fit(bits, batch_size=32, epochs=8, verbose=0).history["loss"]
        assert np.isfinite(history).all()
        assert history[-1] < history[0]

    def test_the_optimizer_forgets_the_nan_too(self, bits, capsys):
        model = small_vae(optimizer=keras.optimizers.Adam(1e6))
        model.fit(bits, batch_size=32, epochs=5, verbose=0)
        assert "Training stopped" in capsys.readouterr().out
        model.optimizer.learning_rate = 1e-2
        history = model.fit(bits, batch_size=32, epochs=8, verbose=0).history["loss"]
        assert np.isfinite(history).all()
        assert history[-1] < history[0]

    def test_keeps_quiet_when_all_is_finite(self, bits, capsys):
        stop = callbacks.StopOnNaN()
        small_vae().fit(bits, batch_size=32, epochs=1, verbose=0, callbacks=[stop])
        assert stop.reason is None
        assert capsys.readouterr().out == ""

    def test_reason_names_the_bad_values_alone(self):
        stop = callbacks.StopOnNaN()
        stop.set_model(small_gan())
        stop.on_train_begin()
        stop.on_train_batch_end(4, {"generator_loss": np.inf, "discriminator_loss": 0.1})
        assert stop.model.stop_training
        assert "generator_loss became NaN or infinite by step 5" in stop.reason
        assert "discriminator_loss" not in stop.reason


class TestSnapshots:
    def test_films_before_the_first_and_after_every_second_epoch(self, pairs):
        seen = []
        film = callbacks.Snapshots(lambda m: seen.append(m.get_weights()) or m.sample(3, seed=0), every=2)
        model = small_gan()
        before = model.get_weights()
        model.fit(pairs, batch_size=32, epochs=5, verbose=0, callbacks=[film])
        assert film.epochs == [0, 2, 4]
        assert [frame.shape for frame in film.frames] == [(3, 4)] * 3
        assert all(np.array_equal(a, b) for a, b in zip(seen[0], before, strict=True))
        assert not np.array_equal(seen[1][0], seen[0][0])

    def test_a_resumed_training_continues_the_count(self, pairs):
        model, film = small_gan(), callbacks.Snapshots(lambda m: m.sample(1, seed=0))
        model.fit(pairs, batch_size=32, epochs=2, verbose=0, callbacks=[film])
        model.fit(pairs, batch_size=32, epochs=4, initial_epoch=2, verbose=0, callbacks=[film])
        assert film.epochs == [0, 1, 2, 3, 4]
        fresh = callbacks.Snapshots(lambda m: m.sample(1, seed=0))
        model.fit(pairs, batch_size=32, epochs=5, initial_epoch=4, verbose=0, callbacks=[fresh])
        assert fresh.epochs == [4, 5]

    def test_refuses_an_every_of_zero(self):
        with pytest.raises(ValueError, match="every must be a whole number of at least 1, but it is 0"):
            callbacks.Snapshots(lambda m: 0, every=0)


class TestKeepBest:
    def test_ends_with_the_weights_of_the_lowest_value(self, pairs):
        values, seen = iter([3.0, 1.0, np.nan, 2.0]), []
        best = callbacks.KeepBest(lambda m: seen.append(m.get_weights()) or next(values), name="val_distance")
        model = small_gan()
        history = model.fit(pairs, batch_size=32, epochs=4, verbose=0, callbacks=best).history
        assert (best.best, best.best_epoch) == (1.0, 2)
        assert not np.array_equal(seen[1][0], seen[3][0])
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), seen[1], strict=True))
        np.testing.assert_array_equal(history["val_distance"], [3.0, 1.0, np.nan, 2.0])

    def test_measures_only_every_so_many_epochs(self, pairs):
        calls = []
        best = callbacks.KeepBest(lambda m: calls.append(1) or -len(calls), every=2)
        small_gan().fit(pairs, batch_size=32, epochs=5, verbose=0, callbacks=[best])
        assert len(calls) == 2
        assert best.best_epoch == 4

    def test_an_interrupt_also_ends_with_the_best(self, pairs):
        seen, interrupt = [], Interrupt(epoch=2, batch=1)
        best = callbacks.KeepBest(lambda m: seen.append(m.get_weights()) or len(seen))
        model = small_gan()
        model.fit(pairs, batch_size=32, epochs=4, verbose=0, callbacks=[best, interrupt])
        assert best.best_epoch == 1
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), seen[0], strict=True))


class TestInterrupt:
    def test_keeps_what_was_learnt_returns_the_history_and_ends_the_callbacks(self, pairs, capsys):
        model, interrupt = small_gan(), Interrupt(epoch=1, batch=1)
        before = model.get_weights()
        history = model.fit(pairs, batch_size=32, epochs=5, verbose=0, callbacks=[interrupt])
        assert "Interrupted after 1 whole epochs" in capsys.readouterr().out
        assert history.epoch == [0]
        assert set(history.history) == {"generator_loss", "discriminator_loss"}
        assert interrupt.ended == 1
        after = model.get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(after, interrupt.weights, strict=True))
        assert not np.array_equal(after[0], before[0])

    def test_one_can_train_on_afterwards(self, pairs):
        model = small_gan()
        model.fit(pairs, batch_size=32, epochs=5, verbose=0, callbacks=[Interrupt(epoch=0, batch=1)])
        steps = int(model.generator_optimizer.iterations)
        history = model.fit(pairs, batch_size=32, epochs=2, verbose=0)
        assert history.epoch == [0, 1]
        assert int(model.generator_optimizer.iterations) == steps + 6

    def test_another_error_is_not_swallowed(self, pairs):
        def fail(model):
            raise RuntimeError("drawing failed")

        with pytest.raises(RuntimeError, match="drawing failed"):
            small_gan().fit(pairs, batch_size=32, epochs=1, verbose=0, callbacks=[callbacks.Snapshots(fail)])


class TestFit:
    @pytest.mark.parametrize("make", [small_gan, small_vae])
    def test_refuses_labels(self, make, pairs):
        with pytest.raises(ValueError, match="y was given, but this model learns from x alone"):
            make().fit(pairs, np.zeros(96))

    @pytest.mark.parametrize("jit_compile", [False, True])
    def test_steps_per_execution_must_divide_the_epoch(self, pairs, jit_compile):
        model = small_gan(steps_per_execution=2, jit_compile=jit_compile)
        with pytest.raises(ValueError, match=r"steps_per_execution=2 does not divide the 3 steps .* one of \[1, 3\]"):
            model.fit(pairs, batch_size=32, verbose=0)
        model.compile(steps_per_execution=3, jit_compile=jit_compile)
        model.fit(pairs, batch_size=32, epochs=2, verbose=0)
        assert int(model.generator_optimizer.iterations) == 6

    def test_steps_per_execution_must_divide_a_dataset_too(self, pairs):
        model = small_gan(steps_per_execution=2, jit_compile=False)
        dataset = tf.data.Dataset.from_tensor_slices(pairs).batch(32, drop_remainder=True)
        with pytest.raises(ValueError, match="steps_per_execution=2 does not divide the 3 steps of an epoch"):
            model.fit(dataset, verbose=0)

    def test_fused_executions_learn_the_same_as_single_steps(self, pairs):
        sgd = {"generator_optimizer": "sgd", "discriminator_optimizer": "sgd", "jit_compile": True}
        single, fused = small_gan(**sgd), small_gan(**sgd, steps_per_execution=3)
        one = single.fit(pairs, batch_size=32, epochs=2, verbose=0).history
        other = fused.fit(pairs, batch_size=32, epochs=2, verbose=0).history
        for a, b in zip(single.get_weights(), fused.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        np.testing.assert_allclose(one["generator_loss"], other["generator_loss"], atol=1e-5)

    def test_refuses_an_empty_dataset(self, pairs):
        empty = tf.data.Dataset.from_tensor_slices(pairs).batch(32).take(0)
        with pytest.raises(ValueError, match="x is an empty dataset"):
            small_gan().fit(empty, verbose=0)

    def test_refuses_empty_data_and_no_epochs(self, pairs):
        with pytest.raises(ValueError, match=r"x must have the shape \(n, ...\) with n of at least 1"):
            small_gan().fit(pairs[:0], verbose=0)
        with pytest.raises(ValueError, match="epochs must be a whole number of at least 1, but it is 0"):
            small_gan().fit(pairs, epochs=0, verbose=0)
        with pytest.raises(ValueError, match="validation_data must be floating point"):
            small_gan().fit(pairs, validation_data=np.zeros((5, 4), np.uint8), verbose=0)

    def test_a_batch_larger_than_the_data_takes_all_of_it(self, pairs):
        model = small_gan()
        model.fit(pairs, batch_size=1000, epochs=2, verbose=0)
        assert int(model.generator_optimizer.iterations) == 2

    def test_prints_the_losses_and_the_epochs(self, bits, capsys):
        history = small_vae().fit(bits, batch_size=32, epochs=2, verbose=2, validation_data=bits)
        said = capsys.readouterr().out
        assert "Epoch 2/2" in said
        assert f"val_loss: {history.history['val_loss'][-1]:.4f}" in said
        assert set(history.history) == {
            name + part for name in ("", "val_") for part in ("loss", "reconstruction", "kl")
        }
