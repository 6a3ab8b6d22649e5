"""What a frozen network sees in pictures, computed once."""

import itertools
import os
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, ModelError, describe, one_of
from visionkit.train._input import check_input
from visionkit.train.data.dataset import Dataset
from visionkit.train.evaluation.outputs import dataset_of
from visionkit.train.transfer.cache import Cache, key_of

BLOCK = 1 << 28  # bytes of pictures that go through the network at once, between two writes
BATCHES = 64  # the most batches of a block


def extract_features(
    base: keras.Model,
    data: Any,
    *,
    cache: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    verbose: int = 1,
) -> tuple[NDArray[np.float32], NDArray[Any] | None]:
    """Compute what a model gives for pictures, once, so that a small classifier can be trained on it in no time.

    Args:
        base: a built model with one output, such as a pretrained network without its head.
        data: a Dataset without augmentation, arrays (x, y), or an array x. Row i of what is returned is sample i of
            the source, in whatever order the data gives its batches.
        cache: a folder where the features are kept, then read from the disk as they are needed; they may be larger
            than the memory. They are known by the structure and the weights of ``base`` and the content of the data:
            with others, or if the file is damaged, they are computed anew. An interrupted call goes on at the next.
        batch_size: for arrays, 32 unless given; a Dataset has its own.
        verbose: 1 for a progress bar, 2 for a line at the end, 0 for nothing.

    Returns:
        (features, labels): float32 (N, ...), of which a cache gives a read-only ``np.memmap``; and the labels (N, ...)
        as the data has them, or None.

    Raises:
        ArgumentError: not such data, or augmented.
        ModelError: not such a model; it does not fit the data; or a feature is not finite.
        FileError: the cache cannot be written; what was written is kept.

    Source: Chollet, Deep Learning with Python, 2018, chapter 5.

    >>> base = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> features, labels = extract_features(base, (np.ones((10, 8, 8, 3)), np.arange(10) % 2), verbose=0)
    >>> features.shape, labels.tolist()
    ((10, 3), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    """
    where = "extract_features"
    if not isinstance(base, keras.Model):
        raise ArgumentError(f"{where}: expected a Keras model, got {describe(base)}")
    if not base.built:
        raise ModelError(f"{where}: expected a built model, got {base.name}; call it on an input first")
    if verbose not in (0, 1, 2):
        raise one_of(where, "verbose", verbose, ["0", "1", "2"])
    source = dataset_of(where, data, None if batch_size is None else _checks.positive(where, "batch_size", batch_size))
    fingerprint = source.fingerprint()
    if fingerprint.get("augment") is not None:
        raise ArgumentError(
            f"{where}: expected data without augmentation, got some with: features of changed pictures are of no use "
            "twice; leave augment out, or freeze the base and train the whole model on the augmented data"
        )
    if cache is None:
        features = _computed(base, source, None, verbose)
    else:
        # a fingerprint knows files by name and size; here, one that was written since is another one
        paths = filter(os.path.exists, getattr(source, "files", ()))
        written = [os.stat(path).st_mtime_ns for path in paths]
        kept = Cache(cache, key_of(base, fingerprint | {"written": written}), source.samples)
        found = kept.load()
        features = _computed(base, source, kept, verbose) if found is None else found
    return features, _labels(source)


def _computed(base: keras.Model, data: Dataset, kept: Cache | None, verbose: int) -> NDArray[np.float32]:
    """The features in the order of the source; those that a cache has already are not computed again."""
    numbers = [data.numbers(0, index) for index in range(len(data))]
    first = 0
    if kept:
        kept.resume()
        first = next((index for index, batch in enumerate(numbers) if not kept.done[batch].all()), len(numbers))
    shown = keras.utils.Progbar(len(data), verbose=verbose, unit_name="batch")
    shown.update(first)
    features: NDArray[np.float32] | None = None
    batches = data.batches(0, first)
    while first < len(data):
        block = [next(batches)[0]]
        room = min(BATCHES, max(1, BLOCK // block[0].nbytes))
        block += [batch[0] for batch in itertools.islice(batches, room - 1)]
        here = np.concatenate(numbers[first : first + len(block)])
        rows = _rows(base, np.concatenate(block), here, data)
        if kept:
            kept.write(here, rows)
        else:
            if features is None:
                features = np.empty((data.samples, *rows.shape[1:]), np.float32)
            features[here] = rows
        first += len(block)
        shown.update(first)
    if kept:
        kept.finish()
        features = kept.load()
    if features is None:
        raise ModelError("extract_features: expected at least one sample, got none")
    return features


def _rows(base: keras.Model, x: NDArray[Any], numbers: NDArray[np.int64], data: Dataset) -> NDArray[np.float32]:
    """The features of some samples, checked."""
    where = "extract_features"
    check_input(where, base, x)
    found = base.predict(x, batch_size=data.batch_size, verbose=0)
    if isinstance(found, list | tuple | dict):
        raise ModelError(f"{where}: expected a model with one output, got {len(found)} outputs")
    rows = np.ascontiguousarray(found, np.float32)
    wrong = ~np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
    if wrong.any():
        raise ModelError(f"{where}: expected finite features, got others for sample {numbers[wrong.argmax()]}")
    return rows


def _labels(data: Dataset) -> NDArray[Any] | None:
    """What is to be learned, in the order of the source."""
    if data.labels is not None:
        return data.labels
    if len(data.batch(0, 0)) < 2:
        return None
    rows = np.concatenate([batch[1] for batch in data.batches()])
    labels = np.empty_like(rows)
    labels[data.order(0)[: len(rows)]] = rows
    return labels
