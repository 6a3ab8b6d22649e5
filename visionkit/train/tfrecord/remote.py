"""Batches from TFRecord files of a bucket, which are read as they come."""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, FileError, ImageError
from visionkit.train.data.broken import refusal
from visionkit.train.data.dataset import Batch, Dataset
from visionkit.train.data.images import images
from visionkit.train.data.labels import check_labels
from visionkit.train.data.layers import config_of
from visionkit.train.data.threads import each
from visionkit.train.tfrecord import stream
from visionkit.train.tfrecord.dataset import Reading
from visionkit.train.tfrecord.record import Record, content, look, record_name
from visionkit.train.tfrecord.scan import scan
from visionkit.train.tfrecord.source import UNNAMED

WHERE = "from_tfrecords"


class RecordStream(Dataset):
    """What ``from_tfrecords`` gives for files of a bucket.

    Read unordered, an epoch comes in another order each time, unless TensorFlow's op determinism is on, and indexing
    gives the next batch, whichever is asked for.
    """

    def __init__(self, *, reading: Reading, counts: list[int], **options: Any) -> None:
        super().__init__(WHERE, samples=sum(counts), shuffle=not reading.ordered, **options)
        self._reading, self._counts = reading, counts
        self._firsts = np.cumsum([0, *counts[:-1]])
        self._turn = threading.Lock()
        self._open: Iterator[Batch] = iter(())
        self._next: tuple[int, int, tuple[int, int]] | None = None
        self._place = 0

    def batch(self, epoch: int, index: int, *, part: tuple[int, int] = (0, 1)) -> Batch:
        """A batch of an epoch: at once where it is the one after the last; else what is before it is read again."""
        with self._turn:
            if self._next != (epoch, index, part):
                self._open = self.batches(epoch, index, part=part)
            self._next = (epoch, index + 1, part)
            return next(self._open)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The samples in the order of an epoch.

        Raises:
            ArgumentError: they are read unordered, so that nobody knows.
        """
        if not self._reading.ordered:
            raise ArgumentError("order: expected ordered=True, as records of a bucket come in any order without it")
        return super().order(epoch)

    def names(self, epoch: int, index: int) -> list[str]:
        """What is known of the samples of a batch before it is read."""
        return super().names(epoch, index) if self._reading.ordered else [f"batch {index} of epoch {epoch}"]

    @property
    def ids(self) -> NDArray[np.str_]:
        """What the samples are called, in the order of a prediction; all files are read for it.

        Raises:
            ArgumentError: the records are labelled, have no ids, or are not read in order.
        """
        keys, found = self._reading.keys, None
        if keys.id is not None:
            found = [content(one, keys).id or b"" for _, _, data in self._frames(0, 0) for one in data]
        return self._reading.ids(found)

    def tf_dataset(self, epoch: int = 0) -> Any:
        """The batches of an epoch as a ``tf.data.Dataset``, as ``RecordDataset.tf_dataset`` gives them."""
        return self._reading.tf_dataset(self, epoch, drop_remainder=self._full_batches_only)

    def __getitem__(self, index: int) -> Batch:
        if self._reading.ordered:
            return super().__getitem__(index)
        made = super().__getitem__(self._place)
        self._place = (self._place + 1) % len(self)
        return made

    def on_epoch_begin(self) -> None:
        """Keras says that it begins an epoch."""
        super().on_epoch_begin()
        self._place = 0

    def _make(self, numbers: NDArray[np.int64], epoch: int) -> Batch:
        raise NotImplementedError("records that are read as they come are not read by number")

    def name(self, number: int) -> str:
        """A record's file and its number there."""
        place = int(np.searchsorted(self._firsts, number, side="right")) - 1
        return record_name(self._reading.paths[place], number - int(self._firsts[place]))

    def _content(self) -> dict[str, Any]:
        reading = self._reading
        return {
            "image_size": list(reading.framing.size),
            "color": "gray" if reading.framing.gray else "rgb",
            "scale": reading.scale,
            "augment": None if reading.augment is None else config_of(reading.augment),
            "content": [[path, count] for path, count in zip(reading.paths, self._counts, strict=True)],
        }

    def _batches(self, epoch: int, start: int, part: tuple[int, int]) -> Iterator[Batch]:
        source = self._read(epoch, start, part)
        pool = ThreadPoolExecutor(1, thread_name_prefix="read_ahead")
        try:
            ready = deque(pool.submit(next, source, None) for _ in range(1 + self.read_ahead))
            while (made := ready.popleft().result()) is not None:
                ready.append(pool.submit(next, source, None))
                yield made
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, epoch: int, start: int, part: tuple[int, int]) -> Iterator[Batch]:
        place, parts = part
        seen = start * self.batch_size
        for files, numbers, data in self._frames(epoch, start):
            seen += len(data)
            samples = self._firsts[files] + numbers
            if seen > self.samples or (numbers >= np.asarray(self._counts)[files]).any():
                raise self._broken()
            if len(data) == self.batch_size or not self._full_batches_only:
                mine = slice(len(data) * place // parts, len(data) * (place + 1) // parts)
                yield self._made(samples[mine], data[mine], epoch)
        if seen < self.samples:
            raise self._broken()

    def _frames(self, epoch: int, start: int) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
        """Places of files, numbers of records in them, and their data, a batch at a time."""
        import tensorflow as tf

        reading = self._reading
        frames = stream.read(reading.paths, ordered=reading.ordered, seed=self.seed, epoch=epoch)
        try:
            yield from frames.batch(self.batch_size).skip(start).prefetch(2).as_numpy_iterator()
        except tf.errors.OpError as error:
            raise self._broken(error.message) from None

    def _made(self, samples: NDArray[np.int64], data: NDArray[Any], epoch: int) -> Batch:
        """A batch of records."""
        reading = self._reading
        names = [self.name(int(number)) for number in samples]
        records: dict[int, Record] = {}
        labels = np.zeros(len(names), np.int64)

        def take(place: int) -> None:
            try:
                found = content(data[place], reading.keys)
                records[place] = look(found.image, names[place], max_pixels=reading.framing.max_pixels)
            except ImageError as error:
                raise ImageError(f"{WHERE}: {names[place]!r} {error}") from None
            labels[place] = found.label or 0

        each(take, len(names))
        check_labels(WHERE, labels, self.classes or UNNAMED, lambda place: repr(names[place]))
        made = images(
            lambda place: reading.framing.picture(records[place]),
            samples,
            np.array([reading.framing.canvas(records[place]) for place in range(len(names))]),
            framing=reading.framing,
            augment=reading.augment,
            scale=reading.scale,
            epoch=epoch,
            seed=self.seed,
        )
        return (made,) if reading.keys.label is None else (made, labels.astype(np.int32))

    def _broken(self, message: str = "the files have changed") -> FileError | ImageError:
        """What is wrong, found by reading all files again, one record after the other."""
        reading = self._reading
        found = [scan(path, reading.keys, max_pixels=reading.framing.max_pixels) for path in reading.paths]
        broken = [one for shard in found for one in shard.broken]
        return refusal(WHERE, broken) if broken else FileError(f"{WHERE}: cannot read the records: {message}")
