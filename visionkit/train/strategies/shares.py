"""Which samples of a batch go to which worker and replica."""

from collections.abc import Callable, Iterator
from typing import Any

import keras

from visionkit.train.data.dataset import Dataset

Weighing = Callable[[Any], Any]


def unchanged(batch: Any) -> Any:
    """A batch as it is."""
    return batch


def size_of(batch: Any) -> int:
    """How many samples a batch holds."""
    return len(keras.tree.flatten(batch)[0])


def piece(batch: Any, place: int, parts: int) -> Any:
    """One of some contiguous and even pieces of a batch; together they are the batch.

    >>> import numpy as np
    >>> [piece((np.arange(5),), place, 2)[0].tolist() for place in range(2)]
    [[0, 1], [2, 3, 4]]
    """
    size = size_of(batch)
    here = slice(size * place // parts, size * (place + 1) // parts)
    return keras.tree.map_structure(lambda array: array[here], batch)


def shares(
    data: Any, epoch: int, start: int, *, worker: int, workers: int, splits: Callable[[int], bool]
) -> Iterator[tuple[Any, int]]:
    """What a worker needs of each batch of an epoch, and the size of the whole batch.

    Args:
        data: a Dataset, or what has its ``batches(epoch, start)``; only a Dataset makes no more than is needed.
        epoch, start: where to begin.
        worker, workers: which of how many.
        splits: whether a batch of this size is split among the workers; all of them get the whole of one that is not.
    """
    if workers == 1 or not isinstance(data, Dataset):
        for batch in data.batches(epoch, start):
            size = size_of(batch)
            yield (piece(batch, worker, workers) if splits(size) else batch), size
        return
    part = {True: (worker, workers), False: (0, 1)}
    usual = splits(data.batch_size)
    for index, batch in enumerate(data.batches(epoch, start, part=part[usual]), start):
        size = min(data.batch_size, data.samples - index * data.batch_size)
        split = splits(size)
        yield (batch if split == usual else data.batch(epoch, index, part=part[split])), size


class Sequence(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches in their order, as often as Keras asks for them; Keras never goes back within them but to the first.

    Args:
        begin: gives the batches from one on.
        length: how many there are.
    """

    def __init__(self, begin: Callable[[int], Iterator[Any]], length: int) -> None:
        super().__init__()
        self._begin, self._length = begin, length
        self._batches: Iterator[Any] = iter(())
        self._next = -1

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if index != self._next:
            self._batches = self._begin(index)
        self._next = index + 1
        return next(self._batches)
