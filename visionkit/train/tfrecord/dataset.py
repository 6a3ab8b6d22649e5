"""Batches from TFRecord files of this machine, where any record can be read by itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError
from visionkit.train.augment.layer import Augment
from visionkit.train.data.dataset import Dataset
from visionkit.train.data.directory import DirectoryDataset
from visionkit.train.data.picture import Framing
from visionkit.train.tfrecord import stream
from visionkit.train.tfrecord.record import Keys, Record


@dataclass(frozen=True)
class Reading:
    """Which files are read, and what is made of their records."""

    paths: list[str]
    keys: Keys
    ordered: bool
    framing: Framing
    augment: Augment | None
    scale: bool

    def tf_dataset(self, data: Dataset, epoch: int, *, drop_remainder: bool) -> Any:
        """The batches of an epoch as ``tf.data`` makes them."""
        return stream.pictures(
            stream.read(self.paths, ordered=self.ordered, seed=data.seed, epoch=epoch),
            keys=self.keys,
            size=self.framing.size,
            channels=1 if self.framing.gray else 3,
            scale=self.scale,
            augment=self.augment,
            batch_size=data.batch_size,
            drop_remainder=drop_remainder,
            ordered=self.ordered,
        )

    def ids(self, found: list[bytes] | None) -> NDArray[np.str_]:
        """Texts of these ids, if the batches come in their order.

        Raises:
            ArgumentError: they do not, or the records have no ids.
        """
        if found is None:
            raise ArgumentError("ids: expected records that are read with labelled=False and have an id, got others")
        if not self.ordered:
            raise ArgumentError("ids: expected ordered=True, as ids are in the files' order, got False")
        return np.array([name.decode(errors="replace") for name in found])


class RecordDataset(DirectoryDataset):
    """What ``from_tfrecords`` gives for files of this machine.

    Attributes:
        files: the records, in the order of the source.
        skipped: the records that were left out, and why.
        cache: the decoded pictures.
    """

    def __init__(self, records: list[Record], *, reading: Reading, ids: list[bytes] | None, **options: Any) -> None:
        super().__init__(
            list(records), framing=reading.framing, augment=reading.augment, scale=reading.scale, **options
        )
        self._reading, self._ids = reading, ids

    @property
    def ids(self) -> NDArray[np.str_]:
        """What the samples are called, in the order of a prediction.

        Raises:
            ArgumentError: the records are labelled, have no ids, or are not read in order.
        """
        return self._reading.ids(self._ids)

    def tf_dataset(self, epoch: int = 0) -> Any:
        """The batches of an epoch as a ``tf.data.Dataset``, for TPUs and for input of TensorFlow's own.

        TensorFlow decodes and resizes there, without a look at the EXIF orientation, and the layer draws the
        augmentation. Unordered records are read from several files at a time, shuffled within 2,048, and come in
        another order each time, unless TensorFlow's op determinism is on.

        Raises:
            ArgumentError: records were skipped, or the augmentation cannot be done there.
        """
        if self._layers:
            raise ArgumentError("tf_dataset: expected an Augment alone, got layers of Keras; map them over the batches")
        if self.skipped:
            raise ArgumentError("tf_dataset: expected files that are whole, got some with records that were skipped")
        return self._reading.tf_dataset(self, epoch, drop_remainder=self._full_batches_only)
