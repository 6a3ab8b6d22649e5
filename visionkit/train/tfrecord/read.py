"""from_tfrecords: batches from TFRecord files."""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from visionkit._checks import flag, positive, size
from visionkit._errors import ArgumentError, describe, one_of
from visionkit.train.augment.layer import Augment
from visionkit.train.data.broken import attempt, refusal
from visionkit.train.data.cache import DiskCache, MemoryCache, NoCache
from visionkit.train.data.directory import _check_crop as check_crop
from visionkit.train.data.directory import _one_size as one_size
from visionkit.train.data.directory import decoded
from visionkit.train.data.labels import check_classes, check_labels
from visionkit.train.data.layers import Augmentation, parted
from visionkit.train.data.picture import Framing
from visionkit.train.tfrecord import stream
from visionkit.train.tfrecord.dataset import Reading, RecordDataset
from visionkit.train.tfrecord.manifest import classes_of
from visionkit.train.tfrecord.names import count_in, find, is_remote
from visionkit.train.tfrecord.record import Keys
from visionkit.train.tfrecord.remote import RecordStream
from visionkit.train.tfrecord.scan import scan
from visionkit.train.tfrecord.source import UNNAMED

Pattern = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
WHERE = "from_tfrecords"


def from_tfrecords(
    pattern: Pattern,
    *,
    image_size: int | tuple[int, int] | None,
    batch_size: int = 32,
    labelled: bool = True,
    ordered: bool = False,
    seed: int = 0,
    augment: Augmentation | None = None,
    scale: bool = False,
    cache: str | os.PathLike[str] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    classes: Sequence[str] | int | None = None,
    color: Literal["rgb", "gray"] = "rgb",
    drop_remainder: bool = False,
    max_pixels: int = 100_000_000,
    image_key: str = "image",
    label_key: str = "class",
    id_key: str | None = "id",
    count_in_name: bool = True,
) -> RecordDataset | RecordStream:
    """Batches from TFRecord files of pictures, of this machine or of a bucket.

    Files of this machine are read once, without decoding, before anything else: checksums, keys, labels, and where each
    picture is. From then on any record is read by itself, in threads, and the pixels are those that ``from_directory``
    makes of the same pictures. Files of a bucket are read by ``tf.data`` as they come.

    Args:
        pattern: a path with wildcards, such as "flowers-*.tfrec" or "gs://bucket/train/*.tfrec", the pattern that
            they were written with, a folder, or a list of those.
        image_size: height and width of the images, or one number for both; None, for files of this machine, where all
            pictures have one size.
        batch_size: samples in a batch, over all replicas and workers.
        labelled: whether the records have a label, or only a picture and perhaps an id.
        ordered: one record after the other, one file after the other. Else every epoch has an order of its own: a
            permutation of (seed, epoch) for files of this machine; from a bucket many files are read at a time and
            shuffled within 2,048 records, and the order is repeatable only where TensorFlow's op determinism is on.
        seed: what the orders and the augmentation are drawn from.
        augment: an ``Augment`` or the name of a preset of it, drawn anew for every picture in every epoch; layers of
            Keras for whole batches; or the one and then the others, in a list. For a bucket an ``Augment`` alone.
        scale: divide the images, which are 0 to 255, by 255.
        cache: "memory" or a folder, to decode each picture once, as in ``from_directory``; not for a bucket.
        on_error: "raise", or "skip" to leave out broken records and list them in ``skipped``; not for a bucket.
        classes: the names of the classes in their order, or how many there are; None for the names that
            ``write_tfrecords`` left beside the files, if any.
        color: "rgb" or "gray".
        drop_remainder: leave out the last batch of an epoch where it is smaller.
        max_pixels: a larger picture is an error.
        image_key: the feature with the bytes of a picture.
        label_key: the feature with its class, an integer.
        id_key: the feature with its id, bytes, in records without label; None where they have none.
        count_in_name: the number behind the last "-" of a file's name is that of its records, unless it follows "-of".
            Where it is not, give False; the records of a bucket are then counted by reading them.

    Returns:
        Data that ``model.fit`` takes: images (N, H, W, 3) in RGB, or (N, H, W, 1), float32, and int32 labels. ``ids``
        are those of unlabelled records in order, and ``tf_dataset()`` is a ``tf.data.Dataset`` of it.

    Raises:
        FileError: there is no such file, or it cannot be read.
        ImageError: records are damaged, cut off, without a key, or hold no whole picture, or a name tells a wrong
            count; they are named, and counted from 0. Of files in a bucket this is known when they are read.
        ArgumentError: a label that is not among the classes; no records; pictures of several sizes without
            ``image_size``; or an argument that is none of the above.

    >>> import tempfile
    >>> from visionkit.train.tfrecord.write import write_tfrecords
    >>> pictures = np.zeros((10, 32, 32, 3), np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_tfrecords((pictures, np.arange(10) % 2), f"{folder}/dots-*.tfrec", shards=2)
    ...     data = from_tfrecords(f"{folder}/dots-*.tfrec", image_size=16, batch_size=4, classes=["cat", "dog"])
    ...     [x.shape for x, y in data]
    [(4, 16, 16, 3), (4, 16, 16, 3), (2, 16, 16, 3)]
    """
    for argument, value, options in (("on_error", on_error, ("raise", "skip")), ("color", color, ("rgb", "gray"))):
        if value not in options:
            raise one_of(WHERE, argument, value, options)
    for argument, switch in (("labelled", labelled), ("ordered", ordered), ("scale", scale)):
        flag(WHERE, argument, switch)
    flag(WHERE, "count_in_name", count_in_name)
    max_pixels = positive(WHERE, "max_pixels", max_pixels)
    keys = _keys(image_key, label_key if labelled else None, None if labelled else id_key)
    drawn, layers = parted(WHERE, augment)
    paths = find(WHERE, pattern)
    names = _classes(classes, paths, labelled)
    common: Any = {
        "batch_size": positive(WHERE, "batch_size", batch_size),
        "seed": positive(WHERE, "seed", seed, least=0),
        "drop_remainder": flag(WHERE, "drop_remainder", drop_remainder),
        "classes": names,
    }
    if any(map(is_remote, paths)):
        if layers:
            raise ArgumentError(
                f"{WHERE}: expected an Augment for files of a bucket, got layers; put them into the model"
            )
        if on_error != "raise" or cache is not None or image_size is None:
            raise ArgumentError(
                f"{WHERE}: expected an image_size, on_error='raise' and no cache for files of a bucket, which are read "
                f"while the model trains, got {image_size}, {on_error!r} and {cache!r}; copy the files here"
            )
        framing = _framing(size(WHERE, "image_size", image_size), color, drawn, max_pixels)
        counts = [count_in(path) if count_in_name else None for path in paths]
        known = [stream.count(path) if count is None else count for path, count in zip(paths, counts, strict=True)]
        if not sum(known):
            raise ArgumentError(f"{WHERE}: expected records, got none in {describe(paths)}")
        reading = Reading(paths, keys, ordered, framing, drawn, scale)
        return RecordStream(reading=reading, counts=known, **common)

    check = partial(scan, keys=keys, max_pixels=max_pixels, count_in_name=count_in_name)
    shards, broken = attempt(paths, check)
    broken = sorted([*broken, *(one for shard in shards.values() for one in shard.broken)])
    records = {record.path: record for shard in shards.values() for record in shard.records}
    if broken and (on_error == "raise" or not records):
        raise refusal(WHERE, broken)
    if not records:
        raise ArgumentError(f"{WHERE}: expected records, got none in {len(paths)} files, such as {paths[0]!r}")
    every = list(records.values())
    labels = np.array([label for shard in shards.values() for label in shard.labels], np.int64)
    if labelled:
        check_labels(WHERE, labels, names or UNNAMED, lambda place: repr(every[place].path))
    framing = _framing(
        one_size(WHERE, list(every)) if image_size is None else size(WHERE, "image_size", image_size),
        color,
        drawn,
        max_pixels,
    )
    check_crop(WHERE, framing, list(every))
    kept = NoCache() if cache is None else MemoryCache() if cache == "memory" else DiskCache(cache)
    whole = set(records)
    if on_error == "skip":
        fine, bad = attempt(list(records), lambda name: decoded(records[name], framing, kept).size)
        whole, broken = set(fine), sorted([*broken, *bad])
        if not whole:
            raise refusal(WHERE, broken)
    places = [place for place, name in enumerate(records) if name in whole]
    ids = [name for shard in shards.values() for name in shard.ids]
    return RecordDataset(
        [every[place] for place in places],
        reading=Reading(list(shards), keys, ordered, framing, drawn, scale),
        ids=[ids[place] for place in places] if ids else None,
        labels=labels[places].astype(np.int32) if labelled else None,
        skipped=broken,
        cache=kept,
        layers=layers,
        shuffle=not ordered,
        **common,
    )


def _keys(image: str, label: str | None, name: str | None) -> Keys:
    for argument, key in (("image_key", image), ("label_key", label), ("id_key", name)):
        if key is not None and (not isinstance(key, str) or not key):
            raise ArgumentError(f"{WHERE}: expected {argument} to be the name of a feature, got {describe(key)}")
    return Keys(image, label, name)


def _classes(classes: Sequence[str] | int | None, paths: list[str], labelled: bool) -> tuple[str, ...] | None:
    if not labelled:
        if classes is not None:
            raise ArgumentError(f"{WHERE}: expected no classes where labelled is False, got {describe(classes)}")
        return None
    if classes is None:
        return classes_of(paths)
    if hasattr(classes, "__index__"):
        return tuple(map(str, range(positive(WHERE, "classes", classes))))
    return check_classes(WHERE, classes)


def _framing(image_size: tuple[int, int], color: str, augment: Augment | None, max_pixels: int) -> Framing:
    return Framing(
        size=image_size,
        aspect="stretch",
        gray=color == "gray",
        crop=None if augment is None else augment.ranges.crop,
        warped=augment is not None,
        max_pixels=max_pixels,
    )
