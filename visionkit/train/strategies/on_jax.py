"""Several devices, or workers, with the JAX backend: ``keras.distribution.DataParallel``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import keras
import numpy as np

from visionkit.train.strategies.base import Strategy, made_here
from visionkit.train.strategies.shares import shares


class JaxStrategy(Strategy):
    """Training under ``keras.distribution.DataParallel``: every step is that of the whole batch, spread over devices.

    Keras lays out every batch as it did the first, which fails for one that cannot be split evenly. So the batches are
    laid out here, that one as a whole on every device, and Keras' ``fit`` takes them as they are.
    """

    def __init__(self, devices: list[str], kind: str, why: str) -> None:
        import jax

        super().__init__(kind, why)
        self._distribution = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        self.num_replicas_in_sync = len(devices)
        self.workers = jax.process_count()
        self.worker = jax.process_index()

    def scope(self) -> AbstractContextManager[Any]:
        """Within it, models, optimizers and metrics are made for this strategy."""
        scope: AbstractContextManager[Any] = self._distribution.scope()
        return scope

    @contextmanager
    def prepare(self, model: keras.Model) -> Iterator[None]:
        """Build what is not built under the distribution; let Keras take the batches as if there were none."""
        original = model._symbolic_build

        def build(iterator: Any = None, data_batch: Any = None) -> None:
            if iterator is not None:
                for *_, batches in iterator:
                    data_batch = next(batches)
                    break
            with self.scope():
                original(data_batch=data_batch)
                variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
                made_here(variables, lambda it: len(it.value.sharding.device_set) == self.num_replicas_in_sync)
                model.make_train_function()
                model.make_test_function()

        outside = keras.distribution.distribution()
        keras.distribution.set_distribution(None)
        model._symbolic_build = build
        model.train_function = model.test_function = None
        try:
            yield
        finally:
            del model._symbolic_build
            model.train_function = model.test_function = None
            keras.distribution.set_distribution(outside)

    def _shared(self, data: Any, epoch: int, start: int, weighted: Callable[[Any], Any]) -> Iterator[Any]:
        """Arrays over all devices."""
        for batch, size in shares(data, epoch, start, worker=self.worker, workers=self.workers, splits=self._splits):
            yield self._laid_out(weighted(batch), split=self._splits(size))

    def _splits(self, size: int) -> bool:
        return size % self.num_replicas_in_sync == 0

    def _laid_out(self, batch: Any, *, split: bool) -> Any:
        import jax

        mesh = self._distribution.device_mesh
        layout = keras.distribution.TensorLayout((mesh.axis_names[0] if split else None,), mesh).backend_layout

        def laid_out(array: Any) -> Any:
            array = np.asarray(array)
            array = array.astype(jax.dtypes.canonicalize_dtype(array.dtype), copy=False)
            return jax.make_array_from_process_local_data(layout, array)

        return keras.tree.map_structure(laid_out, batch)

    def agree(self, flag: bool) -> bool:
        """The chief's flag, sent to all workers."""
        if self.workers == 1:
            return flag
        from jax.experimental import multihost_utils

        return bool(multihost_utils.broadcast_one_to_all(np.bool_(flag)))
