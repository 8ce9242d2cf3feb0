"""Keras callbacks: stop on NaN and say why, film the training, keep the best weights by a measure."""

import keras
import numpy as np

from gentutor import validate


class StopOnNaN(keras.callbacks.Callback):
    """Stop when a logged loss is NaN or infinite, say which and when, and put back the last finite weights.

    The models' ``fit`` adds it by itself. After a stop ``reason`` holds the sentence that was printed, otherwise None.
    """

    def on_train_begin(self, logs=None):
        self.reason, self._finite = None, _values(self.model)

    def on_train_batch_end(self, batch, logs=None):
        bad = [name for name, value in (logs or {}).items() if not np.isfinite(value)]
        if bad and self.reason is None:
            self.model.stop_training = True
            self.reason = (
                f"Training stopped: {', '.join(bad)} became NaN or infinite by step {batch + 1} of this epoch. "
                "Usual causes: a learning rate that is too high, data on the wrong scale, a logarithm of 0. "
                "The weights from before this epoch are back in the model."
            )
            for variable, value in zip(_variables(self.model), self._finite, strict=True):
                variable.assign(value)  # at once: validation and other callbacks still look at this epoch

    def on_epoch_end(self, epoch, logs=None):
        if self.reason is None:
            values = _values(self.model)
            if all(np.isfinite(value).all() for value in values):
                self._finite = values

    def on_train_end(self, logs=None):
        if self.reason is not None:
            print(self.reason)


class Snapshots(keras.callbacks.Callback):
    """Call ``draw(model)`` after every ``every`` epochs and keep the arrays: a film of the training.

    ``frames`` is the list of arrays, ``epochs`` their epoch numbers; the first is from before training. Notebook 02.
    """

    def __init__(self, draw, every=1):
        super().__init__()
        self.draw, self.every = draw, validate.positive_int("every", every)
        self.frames, self.epochs = [], []

    def on_epoch_begin(self, epoch, logs=None):
        if not self.frames:
            self._keep(epoch)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            self._keep(epoch + 1)

    def _keep(self, epoch):
        self.frames.append(np.asarray(self.draw(self.model)))
        self.epochs.append(epoch)


class KeepBest(keras.callbacks.Callback):
    """Measure ``measure(model)`` after every ``every`` epochs and end with the weights that had the lowest value.

    Measure on validation data, never on the test part. The value joins the history under ``name``;
    ``best`` and ``best_epoch`` say which one was kept. Used in notebook 02.
    """

    def __init__(self, measure, name="val_measure", every=1):
        super().__init__()
        self.measure, self.name, self.every = measure, name, validate.positive_int("every", every)
        self.best, self.best_epoch, self._best_weights = np.inf, None, None

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        value = float(self.measure(self.model))
        if logs is not None:
            logs[self.name] = value
        if value < self.best:
            self.best, self.best_epoch, self._best_weights = value, epoch + 1, self.model.get_weights()

    def on_train_end(self, logs=None):
        if self._best_weights is not None:
            self.model.set_weights(self._best_weights)


def _variables(model):
    """All that a training step changes: the weights of the networks and the memory of the optimizers."""
    optimizers = {id(part): part for part in vars(model).values() if isinstance(part, keras.optimizers.Optimizer)}
    return [*model.weights, *(variable for optimizer in optimizers.values() for variable in optimizer.variables)]


def _values(model):
    return [variable.numpy() for variable in _variables(model)]
