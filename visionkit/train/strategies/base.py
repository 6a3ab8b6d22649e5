"""Where a model is trained: one device, and what a strategy over several has to offer."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ModelError
from visionkit.train.strategies.shares import Sequence, unchanged


class Strategy:
    """Training on one device, as Keras does it; the strategies over several derive from it.

    Args:
        kind: see the attribute.
        why: it was chosen.
        device: the one to train on, as Keras names it; None for the one that the backend takes by itself.

    Attributes:
        kind: "cpu", "gpu", "multi-gpu", "tpu" or "multi-worker".
        num_replicas_in_sync: how many copies of the model work on one batch; each takes its part of the samples.
        workers: how many processes work on one batch.
        worker: which of them this one is, from 0 on.

    >>> here = vk.train.strategy("cpu")
    >>> with here.scope():
    ...     model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> here.kind, here.num_replicas_in_sync, here.is_chief
    ('cpu', 1, True)
    """

    num_replicas_in_sync = 1
    workers = 1
    worker = 0

    def __init__(self, kind: str, why: str, device: str | None = None) -> None:
        self.kind = kind
        self._why = why
        self._device = device

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes files."""
        return self.worker == 0

    def describe(self) -> str:
        """What was chosen, and why."""
        if self.workers > 1:
            where = f"worker {self.worker} of {self.workers}, {self.num_replicas_in_sync} replicas in all"
        elif self.num_replicas_in_sync > 1:
            where = f"{self.num_replicas_in_sync} replicas, one on each device"
        else:
            where = f"one device, {self._device}" if self._device else "one device"
        return f"{self.kind}: {where}; {self._why}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.describe()}>"

    def scope(self) -> AbstractContextManager[Any]:
        """Within it, models, optimizers and metrics are made for this strategy."""
        return keras.device(self._device) if self._device else nullcontext()

    def prepare(self, model: keras.Model) -> AbstractContextManager[Any]:
        """Within it, ``model.fit`` takes what ``feed`` and ``validation`` give; the model must be compiled.

        Raises:
            ModelError: the model is compiled in a way that cannot work on several replicas; from ``model.fit``: it, or
                a metric, was made outside of the scope.
        """
        return self.scope()

    def feed(self, data: Any, *, epoch: int = 0, start: int = 0, weighted: Callable[[Any], Any] = unchanged) -> Any:
        """What ``model.fit`` is to be given as ``x``: batches without end, from one of an epoch on.

        Args:
            data: a Dataset, or what has its ``batches(epoch, start)``.
            epoch, start: the first batch, both from 0 on.
            weighted: what to do with every batch, or part of one, before it is used.
        """
        return self._endless(data, epoch, start, weighted)

    def validation(self, data: Any) -> tuple[Any, int]:
        """What ``model.fit`` is to be given as ``validation_data`` and ``validation_steps``: epoch 0, each time."""
        return Sequence(lambda index: self._shared(data, 0, index, unchanged), len(data)), len(data)

    def agree(self, flag: bool) -> bool:
        """What the chief says, on every worker; all workers must ask."""
        return flag

    def get(self, variable: Any) -> NDArray[Any]:
        """The value of a variable over all replicas; all workers must ask for the same ones in one order."""
        value: NDArray[Any] = keras.ops.convert_to_numpy(variable)
        return value

    def set(self, variable: Any, value: NDArray[Any]) -> None:
        """Give a variable a value on all replicas, so that ``get`` gives it back; all workers must do so."""
        variable.assign(keras.ops.convert_to_tensor(np.asarray(value), dtype=variable.dtype))

    def _endless(self, data: Any, epoch: int, start: int, weighted: Callable[[Any], Any]) -> Iterator[Any]:
        while True:
            yield from self._shared(data, epoch, start, weighted)
            epoch, start = epoch + 1, 0

    def _shared(self, data: Any, epoch: int, start: int, weighted: Callable[[Any], Any]) -> Iterator[Any]:
        """An epoch as this strategy hands it to Keras."""
        return map(weighted, data.batches(epoch, start))


def made_here(variables: Iterable[Any], is_here: Callable[[Any], bool]) -> None:
    """Refuse variables from outside of a strategy's scope.

    Raises:
        ModelError: there is one; nothing was trained.
    """
    for variable in variables:
        if not is_here(variable):
            raise ModelError(
                f"fit: expected model, optimizer and metrics to be made for one strategy, got {variable.path} from "
                "outside of it; make all of them within `with strategy.scope():`"
            )
