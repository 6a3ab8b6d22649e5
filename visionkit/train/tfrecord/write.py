"""write_tfrecords: pictures into TFRecord files."""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._checks import flag, positive
from visionkit._checks import size as checked_size
from visionkit._errors import ArgumentError, FileError, describe, one_of
from visionkit._files import make_folder, real, replacing, writing
from visionkit.train.data.broken import Skipped, attempt, refusal
from visionkit.train.data.folder import Labels
from visionkit.train.data.threads import each
from visionkit.train.tfrecord import codec
from visionkit.train.tfrecord.frames import frames
from visionkit.train.tfrecord.manifest import Manifest
from visionkit.train.tfrecord.names import is_remote, manifest_name, matching, shard_names
from visionkit.train.tfrecord.source import Source, encoded, inspected, source_of

WHERE = "write_tfrecords"
AT_ONCE = 64  # records that are made in threads, and then written


class Written(NamedTuple):
    """What ``write_tfrecords`` has written.

    Attributes:
        paths: the files, in order.
        counts: how many records each holds.
        classes: the names of the classes, in the order of the labels; None where they have none.
        skipped: the pictures that were left out, and why.
        kept: how many of the files were there already, from a run that was cut off.
    """

    paths: tuple[str, ...]
    counts: tuple[int, ...]
    classes: tuple[str, ...] | None
    skipped: tuple[Skipped, ...]
    kept: int


def write_tfrecords(
    source: Any,
    pattern: str | os.PathLike[str],
    *,
    shards: int,
    labels: Labels = "folder",
    classes: Sequence[str] | None = None,
    ids: Iterable[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    quality: int | None = 95,
    shuffle: bool = True,
    seed: int = 0,
    on_error: Literal["raise", "skip"] = "raise",
    verbose: bool = False,
    image_key: str = "image",
    label_key: str = "class",
    id_key: str = "id",
) -> Written:
    """Write pictures into TFRecord files, each of them whole or not there at all.

    A record is a ``tf.train.Example`` with the bytes of a picture file and an integer label, or, where there are no
    labels, an id. The bytes of JPEG and PNG files are kept as they are; other formats, arrays, and pictures of another
    size than ``image_size`` are encoded anew. A JSON file beside the shards tells what was to be written: if a run is
    cut off, the same call again keeps the shards that are there and whole, and writes the others.

    Args:
        source: a folder; pictures; (pictures, labels); or pairs of a picture and its label. Pictures are an array uint8
            (N, H, W), (N, H, W, 1) or (N, H, W, 3) in RGB, or a list of arrays, of the bytes of files, or of paths.
        pattern: the path of the files, of this machine. ``{shard:02d}``, ``{shards:02d}`` and ``{count}`` in its name
            stand for the number of the shard, from 0 on, of how many, and the count of its records; "*" stands for the
            shard, the size if ``image_size`` is given, and the count, as in "00-331x331-798.tfrec". A name with neither
            gets "-*.tfrec" behind it; a folder, "*.tfrec". ``from_tfrecords`` finds the files by the same pattern.
        shards: how many files, of as many records each, or one less.
        labels: of a folder, as in ``from_directory``: "folder", the path of a CSV, a function, or None for none.
        classes: the names of the classes in their order; of a folder, sorted as text if None.
        ids: what the pictures are called, each something else. Without labels, and None: the names of the files without
            suffix, or their numbers.
        image_size: height and width of all pictures, or one number for both; None to leave them as they are.
        quality: 1 to 100, of the JPEG files that are encoded here; None for PNG, which loses nothing.
        shuffle: mix the pictures, so that every shard holds some of each class.
        seed: what the order is drawn from.
        on_error: "raise", or "skip" to leave out broken pictures.
        verbose: show a bar of the progress.
        image_key: the feature with the bytes of a picture.
        label_key: the feature with its label.
        id_key: the feature with its id.

    Returns:
        Written: the paths, the counts, and the names of the classes.

    Raises:
        ImageError: pictures are broken; they are named, and nothing is written.
        FileError: the folder is not there; files of something else are there already; or the disk is full: the shards
            that are there are whole.
        ArgumentError: no pictures, fewer of them than shards, labels that do not fit, or an argument that is none of
            the above.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_tfrecords((np.zeros((10, 8, 8, 3), np.uint8), np.arange(10)), f"{folder}/dots", shards=3)
    ...     [os.path.basename(path) for path in written.paths]
    ['dots-00-4.tfrec', 'dots-01-3.tfrec', 'dots-02-3.tfrec']
    """
    shards = positive(WHERE, "shards", shards)
    seed = positive(WHERE, "seed", seed, least=0)
    flag(WHERE, "shuffle", shuffle)
    flag(WHERE, "verbose", verbose)
    if on_error not in ("raise", "skip"):
        raise one_of(WHERE, "on_error", on_error, ("raise", "skip"))
    if quality is not None and positive(WHERE, "quality", quality) > 100:
        raise ArgumentError(f"{WHERE}: expected quality to be 1 to 100, or None for PNG, got {quality}")
    size = None if image_size is None else checked_size(WHERE, "image_size", image_size)
    target = _target(pattern)
    with writing(WHERE, pattern):
        real(target)
    keys = (image_key, label_key, id_key)
    if not all(isinstance(key, str) and key for key in keys) or len(set(keys)) < 3:
        raise ArgumentError(f"{WHERE}: expected three names for image_key, label_key and id_key, got {keys}")

    pictures = source_of(source, labels=labels, classes=classes, ids=ids)
    arguments = (pictures.content, shards, size, quality, shuffle, seed, on_error, keys)
    content = hashlib.blake2b(repr(arguments).encode(), digest_size=16).hexdigest()
    plan = Manifest.read(manifest_name(target))
    then = "shards that are there are whole, and the same call again writes the others"
    with writing(WHERE, pattern, then=then):
        if plan is None or plan.content != content:
            plan = _planned(pictures, target, shards=shards, size=size, content=content, on_error=on_error)
            make_folder(os.path.dirname(target))
            plan.write(manifest_name(target))
        left_out = {name for name, _ in plan.skipped}
        places = np.array([place for place, name in enumerate(pictures.names) if name not in left_out])
        order = np.random.default_rng(seed).permutation(places) if shuffle else places

        def record(place: int) -> bytes:
            features: dict[str, bytes | int] = {image_key: encoded(pictures, place, size=size, quality=quality)}
            if pictures.labels is not None:
                features[label_key] = int(pictures.labels[place])
            if pictures.ids is not None:
                features[id_key] = pictures.ids[place]
            return codec.frame(codec.encode(features))

        paths = [os.path.join(os.path.dirname(target), name) for name in plan.shards]
        there = _write(paths, np.array_split(order, shards), record, verbose=verbose)
    return Written(
        tuple(paths), tuple(plan.shards.values()), plan.classes, tuple(Skipped(*one) for one in plan.skipped), there
    )


def _target(pattern: object) -> str:
    if not isinstance(pattern, str | os.PathLike) or not os.fspath(pattern) or is_remote(os.fspath(pattern)):
        raise ArgumentError(
            f"{WHERE}: expected pattern to be a path of this machine, such as 'records/flowers-*.tfrec', got "
            f"{describe(pattern)}; copy the files to a bucket when they are written"
        )
    target = os.path.abspath(pattern)
    return os.path.join(target, "") if os.path.isdir(target) or os.fspath(pattern).endswith(("/", os.sep)) else target


def _planned(
    pictures: Source, target: str, *, shards: int, size: tuple[int, int] | None, content: str, on_error: str
) -> Manifest:
    """Which files are to be written: every picture is looked at before, as the names tell how many are whole."""
    places = dict(zip(pictures.names, range(len(pictures.names)), strict=True))
    _, broken = attempt(list(places), lambda name: inspected(pictures, places[name], size))
    left = len(places) - len(broken)
    if broken and (on_error == "raise" or not left):
        raise refusal(WHERE, broken)
    if left < shards:
        raise ArgumentError(f"{WHERE}: expected a picture for each of {shards} shards at least, got {left}")
    others = matching(target)
    if others:
        raise FileError(
            f"{WHERE}: expected no files of {target!r}, or some of the same source and arguments, got {others[0]!r}"
            f"{f' and {len(others) - 1:,} more' if others[1:] else ''}; remove them, or give another pattern"
        )
    counts = [len(part) for part in np.array_split(np.arange(left), shards)]
    names = [os.path.basename(path) for path in shard_names(target, counts, size)]
    return Manifest(content, pictures.classes, dict(zip(names, counts, strict=True)), tuple(broken))


def _write(paths: list[str], parts: list[NDArray[np.int64]], record: Callable[[int], bytes], *, verbose: bool) -> int:
    """Write the shards that are not there; how many are."""
    bar = keras.utils.Progbar(sum(map(len, parts)), unit_name="picture", verbose=int(verbose))
    there = 0
    for path, part in zip(paths, parts, strict=True):
        if _is_whole(path, len(part)):
            there += 1
            bar.add(len(part))
            continue
        with replacing(path) as file:
            for start in range(0, len(part), AT_ONCE):
                some = part[start : start + AT_ONCE].tolist()
                made = [b""] * len(some)

                def fill(place: int, some: list[int] = some, made: list[bytes] = made) -> None:
                    made[place] = record(some[place])

                each(fill, len(some))
                file.writelines(made)
                bar.add(len(some))
    return there


def _is_whole(path: str, count: int) -> bool:
    with suppress(FileNotFoundError):
        found = [frame.problem for frame in frames(path)]
        return len(found) == count and not any(found)
    return False
