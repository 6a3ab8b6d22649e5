"""Several replicas, or workers, with the TensorFlow backend: ``tf.distribute`` around the steps of Keras."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit.train.strategies.base import Strategy, made_here
from visionkit.train.strategies.shares import piece, shares, unchanged
from visionkit.train.strategies.steps import check, function


class TensorFlowStrategy(Strategy):
    """Training under a ``tf.distribute.Strategy``.

    Keras' own ``fit`` bends the result under several replicas: a smaller last batch weighs too much, gradients are
    clipped before they are summed, BatchNormalization sees one replica only; and with several workers it fails. So
    the steps are run here, each replica's part of a batch with its share in the gradient.

    The random layers of a model draw the same for each replica's part.
    """

    def __init__(self, strategy: Any, kind: str, why: str) -> None:
        super().__init__(kind, why)
        self._strategy = strategy
        self._local = len(strategy.extended.worker_devices)
        self.num_replicas_in_sync = strategy.num_replicas_in_sync
        self.workers = self.num_replicas_in_sync // self._local
        self.worker = getattr(strategy.extended, "_id_in_cluster", 0)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Within it, models, optimizers and metrics are made for this strategy."""
        import tensorflow as tf

        def summed_when_read(make: Callable[..., Any], **options: Any) -> Any:
            """What metrics count: not every version of Keras makes it so that each replica has its own count."""
            if options.get("aggregation") == tf.VariableAggregation.SUM:
                options["synchronization"] = tf.VariableSynchronization.ON_READ
            return make(**options)

        with self._strategy.scope(), tf.variable_creator_scope(summed_when_read):
            yield

    @contextmanager
    def prepare(self, model: keras.Model) -> Iterator[None]:
        """Replace the steps of the model, and how it is built, for a while."""
        import tensorflow as tf

        check(model, self.num_replicas_in_sync)

        def build(iterator: Any = None, data_batch: Any = None) -> None:
            if iterator is not None:
                for *_, batches in iterator:
                    found = self._strategy.experimental_local_results(next(batches)[0])
                    break
            with self.scope():
                model._symbolic_build(data_batch=data_batch if iterator is None else found[0])
            variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
            if self.num_replicas_in_sync > 1:
                made_here(variables, lambda it: isinstance(it.value, tf.distribute.DistributedValues))

        model._maybe_symbolic_build = build
        model.train_function = function(model, self._strategy, model.train_step)
        model.test_function = function(model, self._strategy, model.test_step)
        try:
            yield
        finally:
            del model._maybe_symbolic_build
            model.train_function = model.test_function = None

    def feed(self, data: Any, *, epoch: int = 0, start: int = 0, weighted: Callable[[Any], Any] = unchanged) -> Any:
        """The parts of the batches, one dataset for each worker."""
        return self._dataset(lambda: self._endless(data, epoch, start, weighted))

    def validation(self, data: Any) -> tuple[Any, int]:
        """Epoch 0 over and over; Keras begins it anew for each validation."""

        def again() -> Iterator[Any]:
            while True:
                yield from self._shared(data, 0, 0, unchanged)

        return self._dataset(again), len(data)

    def _shared(self, data: Any, epoch: int, start: int, weighted: Callable[[Any], Any]) -> Iterator[Any]:
        """For each replica of this worker in turn: its part, the factor of its gradient, and whether it is counted."""
        replicas = self.num_replicas_in_sync
        for batch, size in shares(
            data, epoch, start, worker=self.worker, workers=self.workers, splits=lambda size: size >= replicas
        ):
            share = weighted(batch)
            for place in range(self._local):
                if size >= replicas:
                    part = piece(share, place, self._local)
                    factor = np.float32(replicas * len(keras.tree.flatten(part)[0]) / size)
                    yield part, factor, np.True_
                else:  # every replica takes the whole of it; one of them counts
                    yield share, np.float32(1), np.bool_(self.is_chief and place == 0)

    def _dataset(self, begin: Callable[[], Iterator[Any]]) -> Any:
        import tensorflow as tf
        from keras.src.trainers.data_adapters.tf_dataset_adapter import TFDatasetAdapter

        first = next(begin())
        signature = keras.tree.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]) if np.ndim(array) else (), array.dtype), first
        )

        def dataset(_: Any) -> Any:
            made = tf.data.Dataset.from_generator(begin, output_signature=signature)
            # without an end, no worker has to ask the others before each step whether they have a batch
            endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
            return made.apply(endless).prefetch(2 * self._local)

        # in an adapter of Keras' own, for not every version of it knows datasets of this kind
        return TFDatasetAdapter(self._strategy.distribute_datasets_from_function(dataset))

    def agree(self, flag: bool) -> bool:
        """The chief's flag, by a sum over all workers."""
        if self.workers == 1:
            return flag
        import tensorflow as tf

        own = self._strategy.run(tf.identity, args=(tf.constant(float(flag and self.is_chief)),))
        return float(self._strategy.reduce("SUM", own, axis=None)) > 0

    def set(self, variable: Any, value: NDArray[Any]) -> None:
        """As elsewhere; what is summed when it is read goes to one replica, for halves of it might be rounded."""
        value = np.asarray(value)
        import tensorflow as tf

        if variable.value.synchronization != tf.VariableSynchronization.ON_READ:
            super().set(variable, value)
            return
        for place, local in enumerate(self._strategy.experimental_local_results(variable.value)):
            local.assign(value if self.is_chief and place == 0 else np.zeros_like(value))
