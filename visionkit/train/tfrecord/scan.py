"""A TFRecord file, read once from its beginning to its end: what is in it, and what is wrong with it."""

import os
from dataclasses import dataclass, field

from visionkit._errors import ImageError
from visionkit.train.data.broken import Skipped
from visionkit.train.tfrecord.frames import frames
from visionkit.train.tfrecord.names import count_in, is_remote
from visionkit.train.tfrecord.record import Keys, Record, content, look, record_name


@dataclass
class Shard:
    """A file.

    Attributes:
        records: the pictures in it.
        labels: as many, where there are labels.
        ids: as many, where there are ids.
        broken: the records that cannot be used, and why.
    """

    records: list[Record] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    broken: list[Skipped] = field(default_factory=list)


def scan(path: str, keys: Keys, *, max_pixels: int, count_in_name: bool = True) -> Shard:
    """Read a file: its frames and checksums, the features and the picture of each record, without decoding it.

    Raises:
        OSError: it cannot be read.
    """
    shard, count, whole = Shard(), 0, True
    changed = 0 if is_remote(path) else os.stat(path).st_mtime_ns
    for count, frame in enumerate(frames(path), start=1):
        name = record_name(path, count - 1)
        try:
            if frame.problem is not None:
                whole = whole and frame.goes_on
                raise ImageError(frame.problem)
            found = content(frame.data, keys)
            record = look(found.image, name, max_pixels=max_pixels)._replace(changed=changed)
        except ImageError as error:
            shard.broken.append(Skipped(name, str(error)))
            continue
        record.shard, record.start, record.content = path, frame.start + frame.data.index(found.image), None
        shard.records.append(record)
        if found.label is not None:
            shard.labels.append(found.label)
        if found.id is not None:
            shard.ids.append(found.id)
    named = count_in(path) if count_in_name else None
    if whole and named not in (None, count):
        shard.broken.append(Skipped(path, f"holds {count:,} records, and {named:,} by its name"))
    return shard
