"""Batches that can be made again: which samples they hold, and what is drawn for them, follows from three numbers."""

import math
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._checks import flag, positive
from visionkit._errors import ArgumentError, describe
from visionkit.train.data.layers import Layers

Batch = tuple[NDArray[Any], ...]


class Dataset(keras.utils.PyDataset, ABC):  # type: ignore[misc]
    """Batches of images and labels; batch b of epoch e depends on (seed, e, b) alone.

    ``model.fit``, ``model.evaluate`` and ``model.predict`` of Keras take it as it is, on every backend. ``fit`` of
    Keras goes from epoch to epoch, and takes the batches of an epoch in an order of its own unless it is told
    ``shuffle=False``. A prediction is in the order of ``numbers``: that of the source only with ``shuffle=False``.

    A batch is (x,), (x, y) or (x, y, sample_weight): x float32, y int32 where the labels are integers.

    Attributes:
        samples: how many there are.
        classes: the names of the classes; a label is a place among them. None where they have no names.
        labels: integers (samples,) in the order of the source; None where there are none.
        batch_size: of a whole batch, over all replicas and workers.
        shuffle: every epoch has an order of its own.
        seed: what the orders, and the augmentation, are drawn from.
        epoch: the one that indexing and iteration serve.
        targets: what is learned of each sample, in the order of the source, where all of it is in memory.
        failure: the last error in reading ahead, for whoever gets another one from a framework in between.

    >>> data = vk.train.from_arrays(np.zeros((10, 8, 8, 3)), np.arange(10) % 2, batch_size=4, seed=1)
    >>> len(data), data.samples, [array.shape for array in data.batch(epoch=0, index=2)]
    (3, 10, [(2, 8, 8, 3), (2,)])
    >>> bool((data.numbers(epoch=3, index=0) == data.order(3)[:4]).all())
    True
    """

    targets: NDArray[Any] | None = None
    failure: Exception | None = None
    read_ahead = 2  # batches that are made while the one before is used; 0 where it costs more than it saves

    def __init__(
        self,
        where: str,
        *,
        samples: int,
        batch_size: int,
        shuffle: bool,
        seed: int,
        classes: tuple[str, ...] | None = None,
        labels: NDArray[np.int32] | None = None,
        drop_remainder: bool = False,
        layers: Sequence[keras.Layer] = (),
    ) -> None:
        super().__init__()
        self.samples = samples
        self.batch_size = positive(where, "batch_size", batch_size)
        self.shuffle = flag(where, "shuffle", shuffle)
        self.seed = positive(where, "seed", seed, least=0)
        self.classes = classes
        self.labels = self.targets = labels
        self.epoch = 0
        self._full_batches_only = flag(where, "drop_remainder", drop_remainder)
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._lock = threading.Lock()
        self._served: set[int] = set()
        self._begun = False
        count = None if labels is None else max(len(classes or ()), 1 + int(labels.max(initial=0)))
        self._layers = Layers(layers, count) if layers else None
        if len(self) == 0:
            raise ArgumentError(
                f"{where}: expected at least one batch of {self.batch_size} samples, got {samples} samples; "
                "take a smaller batch_size, or leave drop_remainder out"
            )

    @abstractmethod
    def _make(self, numbers: NDArray[np.int64], epoch: int) -> Batch:
        """The samples of these numbers, as they are in this epoch."""

    def _content(self) -> dict[str, Any]:
        """What else tells this data from others, as JSON takes it."""
        return {}

    def __len__(self) -> int:
        whole = self.samples // self.batch_size
        return whole if self._full_batches_only else math.ceil(self.samples / self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The samples in the order of an epoch: a permutation drawn from (seed, epoch); as they are without shuffle.

        Returns:
            Integers (samples,), read-only.
        """
        epoch = positive("order", "epoch", epoch, least=0)
        key = epoch if self.shuffle else 0
        with self._lock:
            if key not in self._orders:
                drawn = np.random.default_rng((self.seed, epoch)).permutation(self.samples)
                order = drawn if self.shuffle else np.arange(self.samples)
                order.flags.writeable = False
                while len(self._orders) > 1:  # an epoch and the next, which is read ahead
                    del self._orders[next(iter(self._orders))]
                self._orders[key] = order
            return self._orders[key]

    def numbers(self, epoch: int, index: int) -> NDArray[np.int64]:
        """Which samples are in a batch: integers (its size,), places in the order of the source."""
        index = positive("numbers", "index", index, least=0)
        if index >= len(self):
            raise ArgumentError(f"numbers: expected index to be below {len(self)}, the number of batches, got {index}")
        return self.order(epoch)[index * self.batch_size : (index + 1) * self.batch_size]

    def batch(self, epoch: int, index: int, *, part: tuple[int, int] = (0, 1)) -> Batch:
        """Make one batch, the same one whenever it is asked for.

        Args:
            epoch: from 0 on.
            index: which batch of the epoch, from 0 on.
            part: (k, n) for the k-th of n contiguous and even parts of the batch: for one of n workers. Together
                they are the whole batch.
        """
        place, parts = _checked("batch", part)
        numbers = self.numbers(epoch, index)
        here = slice(len(numbers) * place // parts, len(numbers) * (place + 1) // parts)
        if self._layers is None:
            return self._make(numbers[here], epoch)
        whole = self._layers(self._make(numbers, epoch), seed=self.seed, epoch=epoch, index=index)
        return tuple(array[here] for array in whole)  # a layer may look at all of a batch

    def batches(self, epoch: int = 0, start: int = 0, *, part: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """The batches of an epoch in order, from number ``start`` on, made ahead of their use in another thread.

        Raises:
            ArgumentError: ``start`` is beyond the end of the epoch, or ``part`` is none.
        """
        _checked("batches", part)
        start = positive("batches", "start", start, least=0)
        if start > len(self):
            raise ArgumentError(f"batches: expected start to be at most {len(self)}, got {start}")
        return self._watched(self._batches(positive("batches", "epoch", epoch, least=0), start, part))

    def _watched(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        try:
            yield from batches
        except Exception as error:
            self.failure = error
            raise

    def _batches(self, epoch: int, start: int, part: tuple[int, int]) -> Iterator[Batch]:
        if not self.read_ahead:
            for index in range(start, len(self)):
                yield self.batch(epoch, index, part=part)
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="read_ahead")
        try:
            ready = deque(
                pool.submit(self.batch, epoch, index, part=part)
                for index in range(start, min(start + self.read_ahead, len(self)))
            )
            following = start + len(ready)
            while ready:
                made = ready.popleft().result()
                if following < len(self):
                    ready.append(pool.submit(self.batch, epoch, following, part=part))
                    following += 1
                yield made
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def names(self, epoch: int, index: int) -> list[str]:
        """What the samples of a batch are called, for messages: the paths of files, or their numbers."""
        return [self.name(int(number)) for number in self.numbers(epoch, index)]

    def name(self, number: int) -> str:
        """What a sample is called."""
        return f"sample {number}"

    @property
    def class_weights(self) -> dict[int, float]:
        """Weights under which every class counts the same, samples / (classes * samples of the class).

        Raises:
            ArgumentError: there are no integer labels, or a class has no sample.
        """
        if self.labels is None:
            raise ArgumentError("class_weights: expected integer labels, got data without; weigh the samples instead")
        if self.labels.min() < 0:
            raise ArgumentError(f"class_weights: expected labels from 0 on, got {self.labels.min()}")
        counts = np.bincount(self.labels, minlength=len(self.classes or ()))
        if not counts.all():
            empty = [self.classes[place] if self.classes else str(place) for place in np.flatnonzero(counts == 0)]
            raise ArgumentError(
                f"class_weights: expected samples of every class, got none of {', '.join(empty[:10])}; "
                "leave the class out, or add samples of it"
            )
        return {place: self.samples / (len(counts) * int(count)) for place, count in enumerate(counts)}

    def fingerprint(self) -> dict[str, Any]:
        """What tells this data from other data, as JSON takes it: its kind, sizes, draws, and a hash of its content."""
        return {
            "kind": type(self).__name__,
            "samples": self.samples,
            "classes": None if self.classes is None else list(self.classes),
            "batch_size": self.batch_size,
            "drop_remainder": self._full_batches_only,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "layers": self._layers.config() if self._layers else [],
            **self._content(),
        }

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < len(self):
            raise IndexError(f"expected a batch from 0 to {len(self) - 1}, got {describe(index)}")
        made = self.batch(self.epoch, index)
        self._served.add(index)
        return made

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(self.epoch)

    def on_epoch_begin(self) -> None:
        """Keras says that it begins an epoch."""
        self._begun = True

    def on_epoch_end(self) -> None:
        """Go on to the next epoch, where Keras has taken all batches of this one.

        Keras also calls this after it has looked at a batch or two in order to build the model.
        """
        if self._begun and len(self._served) == len(self):
            self.epoch += 1
            self._served.clear()
        self._begun = False


def _checked(where: str, part: tuple[int, int]) -> tuple[int, int]:
    if isinstance(part, tuple) and len(part) == 2 and all(isinstance(number, int) for number in part):
        place, parts = part
        if 0 <= place < parts:
            return place, parts
    raise ArgumentError(f"{where}: expected part to be (k, n) with 0 <= k < n, got {part!r}")
