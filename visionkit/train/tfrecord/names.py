"""The names of TFRecord files: made of a pattern, found by it, and the count of records that they tell."""

import glob
import os
import re
from collections.abc import Iterable

from visionkit._errors import ArgumentError, FileError, describe

# the number behind the last hyphen, as in 00-331x331-798.tfrec; in train-00000-of-00016 it is that of the files
_COUNT = re.compile(r"(?<!-of)-(\d+)(\.[^.]*)?$")


def is_remote(path: str) -> bool:
    """Whether it is in a bucket, such as ``gs://``, rather than a file of this machine."""
    return "://" in path


def count_in(path: str) -> int | None:
    """How many records a file holds by its name.

    >>> count_in("flowers/00-331x331-798.tfrec"), count_in("train-00003-of-00016")
    (798, None)
    """
    found = _COUNT.search(re.split(r"[/\\]", path)[-1])
    return int(found[1]) if found else None


def shard_names(pattern: str, counts: Iterable[int], size: tuple[int, int] | None) -> list[str]:
    """The names of new files; see ``write_tfrecords``.

    >>> shard_names("flowers-*.tfrec", [230, 229], (331, 331))
    ['flowers-00-331x331-230.tfrec', 'flowers-01-331x331-229.tfrec']
    """
    where, counts = "write_tfrecords", list(counts)
    folder, name = os.path.split(_starred(pattern))
    pixels = f"{size[0]}x{size[1]}-" if size else ""
    digits = max(2, len(str(len(counts) - 1)))  # as many in every name, so that the names sort as the shards do
    name = name.replace("*", f"{{shard:0{digits}d}}-{pixels}{{count}}", 1)
    try:
        made = [name.format(shard=shard, shards=len(counts), count=count) for shard, count in enumerate(counts)]
        distinct = {name.format(shard=shard, shards=len(counts), count=0) for shard in range(len(counts))}
    except (KeyError, IndexError, ValueError) as error:
        raise ArgumentError(
            f"{where}: expected a pattern with {{shard:02d}}, {{shards:02d}} and {{count}} in its name, or with one *, "
            f"got {pattern!r}"
        ) from error
    if len(distinct) < len(made):
        raise ArgumentError(
            f"{where}: expected a pattern that gives each shard a name of its own, got {pattern!r}; "
            "put {shard:02d} or * into its name"
        )
    return [os.path.join(folder, name) for name in made]


def find(where: str, pattern: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[str]:
    """The files that a pattern, or any of several, stands for, in the order of their names.

    Raises:
        ArgumentError: it is no pattern.
        FileError: no file is found.
    """
    several = [pattern] if isinstance(pattern, str | os.PathLike) else pattern
    if not isinstance(several, Iterable) or isinstance(several, bytes | dict):
        raise ArgumentError(f"{where}: expected pattern to be a text or a list of texts, got {describe(pattern)}")
    found: dict[str, None] = {}
    for one in several:
        if not isinstance(one, str | os.PathLike) or not os.fspath(one):
            raise ArgumentError(f"{where}: expected pattern to be a text or a list of texts, got {describe(one)}")
        names = _glob(os.fspath(one))
        if not names:
            raise FileError(
                f"{where}: expected files of the pattern {os.fspath(one)!r}, got none; "
                f"{'look at it with gsutil ls' if is_remote(os.fspath(one)) else f'the folder is {os.getcwd()!r}'}"
            )
        found |= dict.fromkeys(sorted(names))
    return list(found)


def _glob(pattern: str) -> list[str]:
    if is_remote(pattern):
        import tensorflow as tf

        try:
            names: list[str] = tf.io.gfile.glob(pattern)
        except tf.errors.OpError as error:
            raise FileError(f"from_tfrecords: cannot list {pattern!r}: {error.message}") from None
        return names
    return matching(os.path.abspath(pattern))


def matching(pattern: str) -> list[str]:
    """The files of this machine that a pattern stands for, one of reading or one of writing, sorted."""
    if os.path.isfile(pattern):
        return [pattern]
    if os.path.isdir(pattern):
        return sorted(glob.glob(os.path.join(glob.escape(pattern), "*.tfrec*")))
    found = glob.glob(re.sub(r"\{[^}]*\}", "*", _starred(pattern)))
    return sorted(name for name in found if os.path.isfile(name))


def manifest_name(pattern: str) -> str:
    """The name of the file that tells what was written with a pattern.

    >>> manifest_name("out/flowers-{shard:02d}-of-{shards:02d}-{count}.tfrec")
    'out/flowers.json'
    """
    folder, name = os.path.split(_starred(pattern))
    stem = re.sub(r"(-of)?-?(\{[^}]*\}|\*)", "", os.path.splitext(name)[0]).strip("-_.")
    return os.path.join(folder, f"{stem or 'shards'}.json")


def _starred(pattern: str) -> str:
    """A pattern that has a place for the number of the shard."""
    folder, name = os.path.split(os.path.join(pattern, "") if os.path.isdir(pattern) else pattern)
    if re.search(r"[{*?\[]", name):
        return pattern
    stem, suffix = os.path.splitext(name)
    return os.path.join(folder, f"{stem}{'-' if stem else ''}*{suffix or '.tfrec'}")
