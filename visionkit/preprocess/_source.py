"""All the bytes of a picture file, from wherever it is."""

import os
from typing import Any, NamedTuple

from visionkit._errors import FileError, ImageError, describe
from visionkit.preprocess._decode import header_of
from visionkit.preprocess._header import HEAD, sniff


class Loaded(NamedTuple):
    """A picture file that is in memory.

    Attributes:
        name: what messages call it.
        data: all its bytes.
    """

    name: str
    data: bytes


def load(source: object) -> Loaded:
    """The name of a source for messages, and all its bytes."""
    if isinstance(source, Loaded):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return Loaded(f"the bytes object ({len(data)} bytes)", data)
    if isinstance(source, str | os.PathLike):
        name = repr(os.fspath(source))
        try:
            with open(source, "rb", opener=_without_waiting) as file:
                return Loaded(name, _rest(name, file))
        except FileNotFoundError:
            raise FileError(f"read: there is no file {name}; the current folder is {os.getcwd()!r}") from None
        except IsADirectoryError:
            raise FileError(f"read: {name} is a folder; give the path of one picture in it") from None
        except (OSError, ValueError) as error:  # ValueError: a path with a null character in it
            if isinstance(error, ImageError):
                raise
            raise FileError(f"read: cannot open {name}: {getattr(error, 'strerror', None) or error}") from error
    if callable(getattr(source, "read", None)):
        name = f"the file object {describe(getattr(source, 'name', type(source).__name__))}"
        try:
            return Loaded(name, _rest(name, source))
        except (OSError, ValueError) as error:
            if isinstance(error, ImageError):
                raise
            raise FileError(f"read: cannot read from {name}: {error}") from error
    raise ImageError(
        f"read: expected a path, bytes, a binary file object or a numpy array, got {describe(source)}; "
        "numpy.asarray(...) makes an array of most images"
    )


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to is an empty one, and not waited for."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(handle, True)  # who writes to it already may take the time that he needs
    return handle


def _rest(name: str, file: Any) -> bytes:
    head = file.read(HEAD)
    if not isinstance(head, bytes):
        raise ImageError(f"read: expected {name} to give bytes, got {type(head).__name__}; open it with mode 'rb'")
    if head and sniff(head) is None:  # say so before a large file that is no picture has filled the memory
        header_of(name, head)
    return b"".join([head, file.read()])
