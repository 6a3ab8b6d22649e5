"""Batches from arrays."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._checks import flag
from visionkit._errors import ArgumentError, describe
from visionkit.train._finite import named, wrong_samples
from visionkit.train.augment.layer import Augment
from visionkit.train.data.dataset import Batch, Dataset
from visionkit.train.data.labels import check_classes, check_labels
from visionkit.train.data.layers import Augmentation, config_of, parted
from visionkit.train.data.warp import warp

CHEAP = 1 << 20  # bytes of a batch that is made faster than handed from one thread to another


class ArrayDataset(Dataset):
    """What ``from_arrays`` gives."""

    def __init__(
        self,
        x: NDArray[Any],
        y: NDArray[Any] | None,
        sample_weight: NDArray[np.float32] | None,
        *,
        augment: Augment | None,
        scale: bool,
        **options: Any,
    ) -> None:
        super().__init__("from_arrays", samples=len(x), **options)
        self._x, self._y, self._weight = x, y, sample_weight
        self.targets = y
        self._augment = augment
        self._scale = scale
        if augment is None and 4 * self.batch_size * x[:1].size < CHEAP:
            self.read_ahead = 0

    def _make(self, numbers: NDArray[np.int64], epoch: int) -> Batch:
        images = self._x[numbers]
        if isinstance(self._x, np.memmap):  # which was not read as a whole before
            wrong = wrong_samples(images, np.float32)
            if len(wrong):
                raise _not_finite("from_arrays", "x", images, wrong, numbers)
        if self._augment is not None:
            size = images.shape[1:3]
            sizes = np.tile(size, (len(numbers), 1))
            matrices = self._augment.matrices(numbers, epoch=epoch, sizes=sizes, size=size, seed=self.seed)
            pictures = images if images.dtype == np.uint8 else images.astype(np.float32)
            made = np.empty(images.shape, np.float32)
            for place, matrix in enumerate(matrices):
                warp(pictures[place], matrix, self._augment, made[place])
        else:
            made = images.astype(np.float32)
        if self._scale:
            made *= np.float32(1 / 255)
        if self._y is None:
            return (made,)
        if self._weight is None:
            return made, self._y[numbers]
        return made, self._y[numbers], self._weight[numbers]

    def _content(self) -> dict[str, Any]:
        arrays = [array for array in (self._x, self._y, self._weight) if array is not None]
        return {
            "image_size": list(self._x.shape[1:]),
            "scale": self._scale,
            "augment": None if self._augment is None else config_of(self._augment),
            "content": _hash(*arrays),
        }


def from_arrays(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 0,
    augment: Augmentation | None = None,
    scale: bool = False,
    drop_remainder: bool = False,
) -> Dataset:
    """Batches from arrays, in memory or on disk as ``np.memmap``.

    Args:
        x: numbers (N, ...): images (N, H, W) or (N, H, W, C), or whatever the model takes. They become float32.
        y: what to learn: integer labels (N,), which become int32; or targets of any shape (N, ...), such as one-hot
            labels, which become float32. None for data without labels.
        sample_weight: numbers of at least 0, (N,).
        classes: the names of the classes, for integer labels.
        batch_size: samples in a batch, over all replicas and workers.
        shuffle: give every epoch an order of its own.
        seed: what the orders and the augmentation are drawn from.
        augment: an ``Augment``, or the name of a preset of it, drawn anew for every sample in every epoch; x is then
            images of up to 4 channels. Or a layer of Keras that works on whole batches, such as ``RandAugment``,
            ``RandomErasing``, ``MixUp`` or ``CutMix``; or several of these in a list, an ``Augment`` first. Where
            images are mixed, integer labels become shares of the classes (N, K).
        scale: divide x by 255.
        drop_remainder: leave out the last batch of an epoch where it is smaller.

    Returns:
        A Dataset, which ``model.fit`` takes.

    Raises:
        ArgumentError: no samples; lengths that differ; a label that is not among the classes; a target or a weight
            that is not finite; or an argument that is none of the above.

    >>> data = from_arrays(np.zeros((10, 28, 28, 1), np.uint8), np.arange(10) % 2, batch_size=4)
    >>> [len(x) for x, y in data]
    [4, 4, 2]
    >>> data.class_weights
    {0: 1.0, 1: 1.0}
    """
    where = "from_arrays"
    images = _numbers(where, "x", x)
    if not isinstance(images, np.memmap):
        _finite(where, "x", images)
    flag(where, "scale", scale)
    drawn, layers = parted(where, augment)
    if drawn is not None and (images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] > 4)):
        raise ArgumentError(
            f"{where}: expected x to be (N, H, W) or (N, H, W, C) with up to 4 channels for augment, got {describe(x)}"
        )
    targets, labels, names = None, None, None
    if y is not None:
        targets = _numbers(where, "y", y, samples=len(images))
        is_labels = targets.ndim == 1 and targets.dtype.kind in "iub"
        targets = _finite(where, "y", targets).astype(np.int32 if is_labels else np.float32)
        labels = targets if is_labels else None
    if classes is not None:
        names = check_classes(where, classes)
        if labels is None:
            raise ArgumentError(f"{where}: expected integer labels (N,) as y for named classes, got {describe(y)}")
        check_labels(where, labels, names, "sample {}".format)
    weights = None
    if sample_weight is not None:
        if targets is None:
            raise ArgumentError(f"{where}: expected y where there is a sample_weight, got None")
        weights = _finite(where, "sample_weight", _numbers(where, "sample_weight", sample_weight, samples=len(images)))
        if weights.ndim != 1 or weights.min() < 0:
            raise ArgumentError(f"{where}: expected sample_weight to be (N,) of at least 0, got {describe(weights)}")
        weights = weights.astype(np.float32)
    return ArrayDataset(
        images,
        targets,
        weights,
        augment=drawn,
        layers=layers,
        scale=scale,
        classes=names,
        labels=labels,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
    )


def _numbers(where: str, argument: str, value: ArrayLike, *, samples: int | None = None) -> NDArray[Any]:
    """An array of numbers with samples along its first axis."""
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except ValueError:  # of NumPy, for a list of arrays of several shapes
        raise ArgumentError(
            f"{where}: expected samples of one shape in {argument}, got {describe(value)} of several; resize them first"
        ) from None
    if array.dtype.kind not in "biuf" or array.ndim == 0 or not array.size:
        hint = "; np.unique(names, return_inverse=True) makes labels of names" if array.dtype.kind in "US" else ""
        raise ArgumentError(
            f"{where}: expected {argument} to hold numbers for each sample, got {describe(array)}{hint}"
        )
    if samples is not None and len(array) != samples:
        raise ArgumentError(f"{where}: expected {argument} for each of the {samples} samples, got {describe(array)}")
    return array


def _finite(where: str, argument: str, array: NDArray[Any]) -> NDArray[Any]:
    """An array whose numbers are finite also in float32."""
    wrong = wrong_samples(array, np.float32)
    if len(wrong):
        raise _not_finite(where, argument, array, wrong, np.arange(len(array)))
    return array


def _not_finite(
    where: str, argument: str, array: NDArray[Any], wrong: NDArray[np.int64], numbers: NDArray[np.int64]
) -> ArgumentError:
    values = array[wrong[0]].reshape(-1)
    with np.errstate(over="ignore"):
        first = values[~np.isfinite(values.astype(np.float32))][0]
    samples = named(numbers[wrong], "sample {}".format)
    return ArgumentError(f"{where}: expected {argument} to be finite in float32, got {first} in {samples}")


def _hash(*arrays: NDArray[Any]) -> str:
    """A short hash of arrays: of all their bytes, or of a thousand places all over them where that takes long."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        rows = array if array.nbytes <= 1 << 26 else array[np.linspace(0, len(array) - 1, 1000, dtype=np.int64)]
        digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()
