"""What a record holds: a picture, and its class or what it is called."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import FileError, ImageError
from visionkit.preprocess._header import BrokenFile
from visionkit.train.data.picture import File, walk
from visionkit.train.tfrecord import codec


class Keys(NamedTuple):
    """The names of the features of a record.

    Attributes:
        image: the bytes of a picture file.
        label: an integer; None where the records have none.
        id: bytes; None where the records have none, or nobody wants to know.
    """

    image: str
    label: str | None
    id: str | None


class Content(NamedTuple):
    """What is in a record."""

    image: bytes
    label: int | None
    id: bytes | None


def content(data: bytes, keys: Keys) -> Content:
    """Take a record apart.

    Raises:
        ImageError: it is no ``tf.train.Example``, or one without these features; the message ends a sentence.
    """
    try:
        features = codec.decode(data)
    except ValueError as error:
        raise ImageError(f"is no tf.train.Example: {error}") from None

    def one(key: str | None, kind: type) -> Any:
        if key is None:
            return None
        if key not in features:
            there = ", ".join(map(repr, sorted(features))) or "nothing"
            raise ImageError(f"has no {key!r}; it has {there}")
        values = features[key]
        if len(values) != 1 or not isinstance(values[0], kind):
            wanted = "one integer" if kind is int else "one value of bytes"
            kinds = ", ".join(sorted({type(value).__name__ for value in values}))
            raise ImageError(f"has {len(values)} values{f' of {kinds}' if kinds else ''} as {key!r}; expected {wanted}")
        return values[0]

    return Content(one(keys.image, bytes), one(keys.label, int), one(keys.id, bytes))


class Record(File):
    """A picture in a record, where ``path`` names the record and ``size`` is that of the picture's bytes.

    Attributes:
        shard: the file.
        start: where in it the picture begins.
        content: the picture's bytes, where they are not in a file.
    """

    shard: str
    start: int
    content: bytes | None

    def data(self) -> NDArray[np.uint8]:
        """The bytes of the picture."""
        if self.content is not None:
            return np.frombuffer(self.content, np.uint8)
        try:
            data = np.fromfile(self.shard, np.uint8, count=self.size, offset=self.start)
        except OSError as error:
            raise FileError(f"cannot read {self.path!r}: {error.strerror or error}") from error
        if len(data) < self.size:
            raise FileError(f"{self.path!r} has been cut off since the file was opened")
        return data


def record_name(path: str, number: int) -> str:
    """What a record is called, in messages and wherever files have names; it is counted from 0."""
    return f"{path}, record {number}"


def look(image: bytes, name: str, *, max_pixels: int) -> Record:
    """Walk the bytes of a picture without decoding it.

    Raises:
        ImageError: it is not a picture, damaged, cut off, or too large; the message ends a sentence.
    """
    try:
        seen = walk(image, max_pixels=max_pixels)
    except BrokenFile as error:
        raise ImageError(f"holds a picture that {error}" if image else "holds an empty picture") from None
    record = Record(name, *seen, len(image), 0)
    record.content = image
    return record
