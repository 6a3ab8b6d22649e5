"""Files that belong together, made in a folder beside their place by libraries that open paths themselves."""

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from visionkit._beside import free, hold

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Make a folder beside a target, and remove it with what is left in it; so is one that a killed process left.

    Raises:
        OSError: it cannot be made.
    """
    for beside in free(target):
        try:
            beside.mkdir(0o700)
            lock = os.open(beside, os.O_RDONLY) if os.name == "posix" else None
        except (FileExistsError, FileNotFoundError):  # in use, or taken for left over before it was locked
            continue
        if lock is None or hold(lock, beside):
            break
        os.close(lock)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def move_in(new: Path, target: Path, old: Path) -> None:
    """Put what is in a folder in its place: ``target``, and what else it needs, beside it.

    A single file or folder takes the place of the one before in one step, a folder where the system can do that. Of
    several, ``target`` goes first and comes last: it is never there with parts of another one.

    Args:
        new: the folder with all of it.
        target: the file or folder that was asked for.
        old: an empty folder, on the same disk, for what was there.

    Raises:
        OSError: it cannot be done; what was there before is there again.
    """
    for path in new.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    ones = sorted(new.iterdir(), key=lambda path: path.name == target.name)
    if len(ones) == 1 and not target.is_dir():
        os.replace(ones[0], target)
        return
    if len(ones) == 1 and _exchange(ones[0], target):
        return
    moved: list[tuple[Path, Path]] = []
    try:
        for one in reversed(ones):
            if (place := target.with_name(one.name)).exists():
                os.replace(place, old / one.name)
                moved.append((old / one.name, place))
        for one in ones:
            os.replace(one, target.with_name(one.name))
    except OSError:
        for kept, place in reversed(moved):
            with suppress(OSError):
                os.replace(kept, place)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    if sys.platform != "linux":
        return False
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    return exchange is not None and exchange(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
