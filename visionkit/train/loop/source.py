"""What `fit` is given to train on, as batches that can be begun anywhere."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from visionkit._errors import ArgumentError, describe
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.dataset import Batch, Dataset

Weights = dict[int, float]


class Foreign:
    """Batches that come from elsewhere: a PyDataset, a tf.data.Dataset, a DataLoader.

    What it cannot know is their order: an epoch that is begun in its middle is right if the batches come in the same
    order each time. A PyDataset is told where epochs begin and end, as Keras tells it; also of those before a resume,
    so that one as it was made, whose epochs follow from their number, is where the run was.
    """

    classes = None
    failure: Exception | None = None

    def __init__(self, batches: Any) -> None:
        self._of = batches
        self._length = _length(batches)
        self._epoch = -1  # the one that a PyDataset is in

    def __len__(self) -> int:
        return self._length

    def batch(self, epoch: int, index: int) -> Batch:
        """One batch."""
        if isinstance(self._of, keras.utils.PyDataset):
            self._go_to(epoch)
            return _numpy(self._of[index])
        return next(self.batches(epoch, index))

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches from number ``start`` on."""
        try:
            if isinstance(self._of, keras.utils.PyDataset):
                self._go_to(epoch)
                yield from (_numpy(self._of[index]) for index in range(start, len(self)))
            else:
                yield from map(_numpy, itertools.islice(iter(self._of), start, len(self)))
        except Exception as error:
            self.failure = error
            raise

    def names(self, epoch: int, index: int) -> list[str]:
        """What is known of the samples of a batch."""
        return [f"batch {index}"]

    def _go_to(self, epoch: int) -> None:
        while self._epoch < epoch:
            if self._epoch >= 0:
                self._of.on_epoch_end()
            self._epoch += 1
            self._of.on_epoch_begin()

    @property
    def class_weights(self) -> Weights:
        """Not known here."""
        raise ArgumentError(
            'fit: expected class_weight="balanced" with data of from_arrays, from_directory or from_tfrecords, which '
            f"know their labels, got {describe(self._of)}; give the weights as a dict"
        )

    def fingerprint(self) -> dict[str, Any]:
        """What tells it from other data."""
        return {"kind": type(self._of).__name__, "batches": len(self)}


Source = Dataset | Foreign


def source(argument: str, data: Any, *, batch_size: int, shuffle: bool) -> Source:
    """Any of the forms of data that Keras takes.

    Raises:
        ArgumentError: it is none of them, or has no end.
    """
    if isinstance(data, Dataset | Foreign):
        return data
    if isinstance(data, tuple) and 2 <= len(data) <= 3 and all(hasattr(part, "shape") for part in data):
        x, y, *weight = map(np.asarray, data)
        return from_arrays(x, y, sample_weight=weight[0] if weight else None, batch_size=batch_size, shuffle=shuffle)
    batches = hasattr(data, "__iter__") and hasattr(data, "__len__")
    if isinstance(data, keras.utils.PyDataset) or (batches and not isinstance(data, list | dict | str | np.ndarray)):
        return Foreign(data)
    raise ArgumentError(
        f"fit: expected {argument} to be data of from_arrays, from_directory or from_tfrecords, a pair of arrays "
        f"(x, y), a keras.utils.PyDataset, a tf.data.Dataset or a DataLoader, got {describe(data)}"
    )


@contextmanager
def as_raised(*data: Source | None) -> Iterator[None]:
    """Let an error of data come out as it was raised there; TensorFlow makes one of its own of it."""
    given = [one for one in data if one is not None]
    for one in given:
        one.failure = None
    try:
        yield
    except Exception as error:
        for one in given:
            if one.failure is not None and one.failure is not error:
                raise one.failure from error
        raise


def weighting(weights: Weights | None) -> Callable[[Batch], Batch]:
    """A function that weighs the samples of a batch by their classes; one that is not named counts 1, as in Keras."""
    if weights is None:
        return lambda batch: batch

    def weighted(batch: Batch) -> Batch:
        x, y, *weight = batch
        labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1).astype(int)
        found, places = np.unique(labels, return_inverse=True)
        by_class = np.array([weights.get(int(label), 1.0) for label in found], np.float32)[places]
        return x, y, by_class * weight[0] if weight else by_class

    return weighted


def _numpy(batch: Any) -> Batch:
    parts = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
    made: Batch = keras.tree.map_structure(keras.ops.convert_to_numpy, parts)
    return made


def _length(data: Any) -> int:
    try:
        length = len(data)
    except (TypeError, ValueError, NotImplementedError):
        length = 0
    if length < 1:
        raise ArgumentError(
            f"fit: expected data with a known number of batches, got {describe(data)} without; a tf.data.Dataset knows "
            "it after .apply(tf.data.experimental.assert_cardinality(n)), and must not repeat"
        )
    return length
