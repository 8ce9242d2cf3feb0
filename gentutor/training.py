"""What the ``fit`` of GAN and VAE share: checked data, batches in a repeatable order, nothing lost on an interrupt."""

import gc

import keras
import numpy as np
import tensorflow as tf

from gentutor import callbacks as gentutor_callbacks
from gentutor import data, validate


def fit(
    model,
    x=None,
    y=None,
    batch_size=None,
    epochs=1,
    verbose="auto",
    callbacks=None,
    validation_data=None,
    initial_epoch=0,
    steps_per_epoch=None,
    **kwargs,
):
    """Train ``model`` by ``keras.Model.fit`` on an array (n, ...) or a dataset of such batches; returns the history.

    Arrays are checked whole by ``model.check_data`` and batched by ``data.batches``, so that epoch e sees the same
    order whether or not the training was interrupted before it. Datasets are checked by their first batch.
    A keyboard interrupt ends the training early and keeps what was learnt.
    """
    if y is not None:
        raise ValueError("y was given, but this model learns from x alone. Leave y out: fit(x, epochs=...).")
    epochs = validate.positive_int("epochs", epochs)
    validation_data = _validation_dataset(model, validation_data)
    if isinstance(x, tf.data.Dataset):
        model.check_data("the first batch of x", _first_batch("x", x))
        if steps_per_epoch is None and x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError("x is an endless dataset, so an epoch has no end. Give steps_per_epoch, such as n // 128.")
    else:
        model.check_data("x", x)
        batch_size = min(validate.positive_int("batch_size", batch_size or 128), len(x))
        steps_per_epoch = steps_per_epoch or len(x) // batch_size
        x = data.batches(x, batch_size, model.seed, first_epoch=initial_epoch)
    _check_executions(model, steps_per_epoch or int(x.cardinality()))
    stop_on_nan = gentutor_callbacks.StopOnNaN()
    run = keras.callbacks.CallbackList(
        [stop_on_nan, *_as_list(callbacks)],
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=steps_per_epoch,
    )
    try:
        keras.Model.fit(
            model,
            x,
            epochs=epochs,
            verbose=verbose,
            callbacks=run,
            validation_data=validation_data,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            **{"shuffle": False, **kwargs},
        )
    except KeyboardInterrupt:
        run.on_train_end()
        print(f"Interrupted after {len(model.history.epoch)} whole epochs. The model keeps what it has learnt.")
    finally:
        del x, validation_data
        gc.collect()  # TensorFlow's datasets sit in reference cycles; without this each call would keep a copy of x
    return model.history


def fused_train_function(model, keras_function):
    """Train function that runs the ``steps_per_execution`` steps of one execution as a single XLA program.

    Keras compiles each step alone; one program for all of them spares the small networks half of their time. Batches
    whose size is not fixed, and pairs of arrays, go the way of ``keras_function``.
    """

    @tf.function(jit_compile=True)
    def run_steps(stacked):
        for step in tf.range(model.steps_per_execution):
            model.train_step(tf.gather(stacked, step))
        return model.get_metrics_result()

    @tf.function
    def run_execution(iterator):
        return run_steps(tf.stack([next(iterator) for _ in range(model.steps_per_execution)]))

    def train_function(iterator):
        spec = iterator.element_spec
        fixed = isinstance(spec, tf.TensorSpec) and spec.shape.is_fully_defined()
        return run_execution(iterator) if fixed else keras_function(iterator)

    return train_function


def check_strategy(model, jit_compile, steps_per_execution):
    """Raise a ValueError for the settings that Keras cannot combine with several replicas."""
    replicas = model.distribute_strategy.num_replicas_in_sync
    if replicas > 1 and (jit_compile is True or steps_per_execution != 1):
        raise ValueError(
            f"jit_compile={jit_compile} and steps_per_execution={steps_per_execution} do not work with {replicas} "
            "replicas: Keras runs tf.distribute strategies only with jit_compile=False and steps_per_execution=1."
        )


def replica_share(loss):
    """Mean of the per-example losses (batch,) divided by the replicas: optimizers add gradients over replicas."""
    return tf.reduce_mean(loss) / tf.distribute.get_strategy().num_replicas_in_sync


def noise(shape, seed, step):
    """Standard normal float32 noise that depends on (seed, step) and on the replica alone: a resumed run repeats it."""
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    step = tf.cast(step, tf.int32) * 64 + tf.cast(replica, tf.int32)
    key = tf.stack([tf.constant(seed, tf.int32), step])
    return tf.cast(tf.random.stateless_normal(shape, key, alg="philox"), keras.config.floatx())


def unpack_batch(data):
    """The examples of a batch, without labels, in the precision of the networks."""
    return keras.ops.cast(keras.utils.unpack_x_y_sample_weight(data)[0], keras.config.floatx())


def output_range(network):
    """Range of the network's last activation: (-1, 1) for tanh, (0, 1) for sigmoid, None for anything else."""
    ranges = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
    shape_only = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.Cropping2D, keras.layers.InputLayer)
    # a functional model's operations also hold keras.ops.tanh and its like, which are no layers
    for layer in reversed(getattr(network, "operations", network.layers)):
        if isinstance(layer, keras.Model):
            return output_range(layer)
        if not isinstance(layer, shape_only):
            activation = getattr(layer, "activation", None) or type(layer)
            return ranges.get(getattr(activation, "__name__", "").lower())
    return None


def to_pixels(outputs, limits):
    """Network outputs (n, ...) as uint8 pixels, given the range (low, high) that they are in."""
    if limits is None:
        raise ValueError(
            "data_range is not known: the network's last activation is neither tanh nor sigmoid. "
            "Build the model with data_range=(low, high), the range that the data was normalised to."
        )
    return data.denormalize(outputs, *limits)


def in_chunks(network, inputs, chunk=1000):
    """Outputs of a network for an array or tensor of inputs, a chunk at a time, as one NumPy array."""
    parts = [network(inputs[i : i + chunk], training=False) for i in range(0, len(inputs), chunk)]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])


def _as_list(callbacks):
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _first_batch(name, dataset):
    for batch in dataset.take(1):
        return keras.utils.unpack_x_y_sample_weight(batch)[0]
    raise ValueError(f"{name} is an empty dataset. Hand over at least one batch.")


def _check_executions(model, steps_per_epoch):
    """Raise unless the executions fill the epoch; a dataset whose length is not known has negative steps."""
    per_execution = model.steps_per_execution
    if steps_per_epoch > 0 and steps_per_epoch % per_execution:
        divisors = [d for d in range(1, min(steps_per_epoch, 200) + 1) if steps_per_epoch % d == 0]
        raise ValueError(
            f"steps_per_execution={per_execution} does not divide the {steps_per_epoch} steps of an epoch, so the last "
            f"execution would run past its end. Compile with one of {divisors}."
        )


def _validation_dataset(model, validation_data):
    if validation_data is None or isinstance(validation_data, tf.data.Dataset):
        return validation_data
    x = validation_data[0] if isinstance(validation_data, tuple) else validation_data
    model.check_data("validation_data", x)
    size = next(s for s in range(min(1000, len(x)), 0, -1) if len(x) % s == 0) if len(x) > 1000 else len(x)
    return tf.data.Dataset.from_tensor_slices(tf.convert_to_tensor(x)).batch(size, drop_remainder=True)
