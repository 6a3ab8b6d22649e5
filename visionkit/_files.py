"""Files that are whole: written beside their place and moved into it, so that a crash leaves the old one or the new."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file beside ``path`` for writing, and move it there if all went well.

    Args:
        path: where to; through a link, the file that it points to is replaced, and keeps its permissions.

    Raises:
        OSError: it cannot be written; what was there before is untouched.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/a.txt") as file:
    ...         _ = file.write(b"whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Put a text in its place in one step, in UTF-8."""
    with replacing(path) as file:
        file.write(text.encode())


def check_room(folder: str | os.PathLike[str], size: int) -> None:
    """Make sure that a file of a size in bytes can be written, for libraries that crash where it cannot.

    HDF5 does, when it closes a file on a full disk. Where the system cannot reserve room, nothing is checked.

    Raises:
        OSError: there is no room.
    """
    if hasattr(os, "posix_fallocate"):
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
