"""One step on all replicas of a ``tf.distribute`` strategy, exact however the batch is split."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from visionkit._errors import ModelError

_replica = threading.local()  # each replica is traced in a thread of its own


def check(model: keras.Model, replicas: int) -> None:
    """Refuse what cannot be exact on several replicas.

    Raises:
        ModelError: says what, and what to do.
    """
    if replicas == 1:
        return
    accumulated = _innermost(model.optimizer).gradient_accumulation_steps
    losses = [loss for loss in keras.tree.flatten(model.loss) if isinstance(loss, keras.losses.Loss)]
    others = {loss.reduction for loss in losses} - {"sum_over_batch_size", "mean"}
    for wrong, expected, got, instead in (
        (model.steps_per_execution != 1, "steps_per_execution=1", model.steps_per_execution, "leave it away"),
        (model.jit_compile is True, "jit_compile=False", True, "leave it away"),
        (accumulated, "no gradient_accumulation_steps", accumulated, "take a larger batch_size"),
        (others, "a loss that is the mean over the samples", f"reduction={others}", "take 'sum_over_batch_size'"),
    ):
        if wrong:
            raise ModelError(
                f"fit: expected {expected} with {replicas} replicas, got {got}; {instead}, or train on one device"
            )


def function(model: keras.Model, strategy: Any, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What Keras calls with an iterator for each batch; the iterator gives parts, their factors, and if they count."""
    import tensorflow as tf

    def on_replica(batch: Any, factor: Any, counted: Any) -> Any:
        _replica.factor = factor
        before = [tf.identity(variable.value) for variable in model.metrics_variables]
        logs = step(batch)
        for variable, old in zip(model.metrics_variables, before, strict=True):
            variable.assign(tf.where(counted, variable.value, old))
        return logs

    def on_all(iterator: Any) -> Any:
        with _synchronised(model), _summing(model.optimizer):
            logs = strategy.run(on_replica, args=next(iterator))
        results = model.get_metrics_result()
        if logs.keys() == results.keys():
            return results
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    made: Callable[[Any], Any] = on_all if model.run_eagerly else tf.function(on_all, autograph=False)
    return made


@contextmanager
def _synchronised(model: keras.Model) -> Iterator[None]:
    """Let BatchNormalization see all replicas; not for ever, for other backends cannot load such a layer."""
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.synchronized
    ]
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False


@contextmanager
def _summing(optimizer: Any) -> Iterator[None]:
    """Weigh each replica's loss by its factor, and sum the gradients before they are clipped or looked at.

    The loss, not the gradients: those of a synchronised layer are sums over replicas already.
    """
    import tensorflow as tf

    apply, scale, innermost = optimizer.apply, optimizer.scale_loss, _innermost(optimizer)

    def weighed(loss: Any) -> Any:
        factor, _replica.factor = _replica.factor, None
        return scale(loss * tf.cast(factor, loss.dtype))

    def summed(grads: Any, trainable_variables: Any = None) -> Any:
        if _replica.factor is not None:
            raise ModelError(
                "fit: expected a train_step that gives its loss to self.optimizer.scale_loss before it takes the "
                "gradients, got one that does not; a batch could not be split over several replicas"
            )
        known = [tf.convert_to_tensor(grad) for grad in grads if grad is not None]
        context = tf.distribute.get_replica_context()
        total = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, known) if known else known)
        return apply([None if grad is None else next(total) for grad in grads], trainable_variables)

    optimizer.apply, optimizer.scale_loss = summed, weighed
    innermost._all_reduce_sum_gradients = list
    try:
        yield
    finally:
        del optimizer.apply, optimizer.scale_loss, innermost._all_reduce_sum_gradients


def _innermost(optimizer: Any) -> Any:
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer
