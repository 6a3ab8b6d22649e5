"""Files that are whole: written beside their place and moved into it, so that a crash leaves the old one or the new."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from visionkit._beside import free, hold
from visionkit._errors import ArgumentError, FileError, VisionkitError, describe

_ADVICE = {
    errno.ENOSPC: "make room, or give a place on another disk",
    errno.EDQUOT: "make room, or give a place on another disk",
    errno.EFBIG: "allow larger files (see ulimit -f), or give a place on another disk",
    errno.EROFS: "give a folder that you may write to",
    errno.EACCES: "give a folder that you may write to",
    errno.EPERM: "give a folder that you may write to",
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "what stands for a folder there is a file; give another place",
    errno.EEXIST: "what stands for a folder there is a file; give another place",
    errno.EISDIR: "give the path of a file in it",
    errno.ENAMETOOLONG: "give a shorter name",
}


@contextmanager
def writing(where: str, path: object, *, what: str = "write", then: str = "") -> Iterator[None]:
    """Make one clear error of what goes wrong when a file is written: which file, why, and what to do.

    Args:
        where: who writes.
        path: the file, or the folder of several.
        what: what cannot be done to it.
        then: what else the message is to say.

    Raises:
        ArgumentError: ``path`` is none.
        FileError: it cannot be written.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise ArgumentError(f"{where}: expected a path, got {describe(path)}")
    try:
        yield
    except VisionkitError:
        raise
    except OSError as error:
        told = [_ADVICE.get(error.errno or 0, "give another place"), *filter(None, [then])]
        raise FileError(
            f"{where}: cannot {what} {os.fspath(path)!r}: {error.strerror or error}; {'; '.join(told)}"
        ) from error


def real(path: str | os.PathLike[str]) -> Path:
    """The file that a path leads to, through links.

    Raises:
        OSError: no file can be called so.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise OSError(errno.EINVAL, f"no file can be called so ({error})") from error


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder, and those that it is in, where they are missing.

    Raises:
        OSError: it cannot be made.
    """
    real(path)
    Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


@contextmanager
def replacing(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a file beside ``path`` for writing and reading, and move it there if all went well.

    What a process that was killed has left beside ``path`` is removed on the way.

    Args:
        path: where to; through a link, the file that it points to is replaced, and keeps its permissions.
        sync: wait until the file and its name are on the disk. Without, a power cut can leave a file of the right name
            and size with something else in it: for files whose content is checked when they are read.

    Raises:
        OSError: it cannot be written; what was there before is untouched.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/a.txt") as file:
    ...         _ = file.write(b"whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    target = real(path)
    handle, lock, beside = _begin(target)
    file = os.fdopen(handle, "w+b")
    try:
        yield file
        file.flush()
        if sync:
            os.fsync(file.fileno())
        file.close()
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            file.close()  # what it still holds may not fit, either
        with suppress(OSError):
            os.unlink(beside)
        raise
    finally:
        os.close(lock)
    if sync:
        _sync_folder(target.parent)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Put a text in its place in one step, in UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike[str], data: bytes | memoryview) -> None:
    """Put bytes in their place in one step."""
    with replacing(path) as file:
        file.write(data)


def _begin(target: Path) -> tuple[int, int, Path]:
    """A new file beside a target, open; what holds its name; and its path."""
    mode = None
    with suppress(FileNotFoundError):
        there = target.stat()
        if stat.S_ISDIR(there.st_mode):
            raise OSError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(there.st_mode):  # a device is not replaced
            raise OSError(errno.EINVAL, "it is no regular file")
        mode = stat.S_IMODE(there.st_mode) & 0o777
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    for beside in free(target):
        try:  # the system itself takes the umask off
            handle = os.open(beside, flags, 0o666 if mode is None else 0o600)
        except FileExistsError:
            continue
        lock = os.dup(handle)
        if hold(lock, beside):
            if mode is not None:
                with suppress(OSError):
                    os.chmod(beside, mode)
            return handle, lock, beside
        os.close(handle)
        os.close(lock)
    raise AssertionError  # there is always another name


def _sync_folder(folder: Path) -> None:
    """Let a new name outlast a power cut, where folders can be told to."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
