"""The records of a TFRecord file, one after the other, and what is wrong with them."""

import os
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from visionkit.train.tfrecord import codec
from visionkit.train.tfrecord.names import is_remote


class Frame(NamedTuple):
    """A record.

    Attributes:
        start: where its data begin in the file.
        data: a ``tf.train.Example``, or whatever it is.
        problem: what is wrong with it, as the end of a sentence, or None.
        goes_on: whether it is known where the next record is.
    """

    start: int
    data: bytes
    problem: str | None = None
    goes_on: bool = True


def frames(path: str) -> Iterator[Frame]:
    """Read a file from its beginning to its end, with all its checksums.

    Raises:
        OSError: it cannot be read.
    """
    with opened(path) as file:
        size, at = _size(path, file), 0
        while at < size:
            header = file.read(codec.HEADER)
            start = at + codec.HEADER
            if len(header) < codec.HEADER:
                yield Frame(at, b"", f"is cut off: it has {len(header)} bytes of its header of 12", goes_on=False)
                return
            length, checksum = struct.unpack("<QI", header)
            if codec.masked(header[:8]) != checksum:
                zipped = header[:2] in (b"\x1f\x8b", b"\x78\x9c")
                hint = "unpack the file, which is compressed" if zipped else "what follows it is not found"
                yield Frame(start, b"", f"has a damaged header; {hint}", goes_on=False)
                return
            at = start + length + codec.FOOTER
            if at > size:
                yield Frame(start, b"", f"is cut off: it has {size - start} bytes of {at - start}", goes_on=False)
                return
            data, footer = file.read(length), file.read(codec.FOOTER)
            good = codec.masked(data) == int.from_bytes(footer, "little")
            yield Frame(start, data, None if good else "is damaged: its data do not match their checksum")


def opened(path: str) -> Any:
    """A file of this machine, or of a bucket, to read."""
    if not is_remote(path):
        return open(path, "rb")
    import tensorflow as tf

    return tf.io.gfile.GFile(path, "rb")


def _size(path: str, file: Any) -> int:
    return int(file.size()) if is_remote(path) else os.fstat(file.fileno()).st_size
