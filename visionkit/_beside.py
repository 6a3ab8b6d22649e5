"""Names beside the place of a file, for what is being written: in use by one process, or left over and removed.

What is being written is locked as long as its process lives. So whoever comes next can tell what a process that was
killed has left, and removes it.
"""

import glob
import itertools
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def free(target: Path) -> Iterator[Path]:
    """Names beside a target; whatever has such a name after all is in use, and the next one is to be tried."""
    for number in itertools.count(1):
        beside = target.with_name(f"{_stem(target)}.{number}.part")
        remove(beside)
        yield beside


def sweep(target: Path) -> None:
    """Remove what processes that were killed have left beside a target."""
    for left in target.parent.glob(f"{glob.escape(_stem(target))}.*.part"):
        remove(left)


def hold(handle: int, path: Path) -> bool:
    """Lock what was just made, until ``handle`` is closed; False if somebody took it for left over, and removed it."""
    if sys.platform != "win32":
        with suppress(OSError):  # where there are no locks, nobody removes anything
            fcntl.flock(handle, fcntl.LOCK_EX)
    return _same(handle, path)


def remove(path: Path) -> None:
    """Remove what a killed process has left, if anything; not what another one is writing."""
    with suppress(OSError):
        if sys.platform == "win32":
            os.unlink(path)  # refused for a file that is open
            return
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same(handle, path):
                if stat.S_ISDIR(os.fstat(handle).st_mode):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
        finally:
            os.close(handle)


def _stem(target: Path) -> str:
    """What the names begin with, short enough that there is room for more: a name has 255 bytes at most."""
    return "." + os.fsencode(target.name)[:200].decode(errors="ignore")


def _same(handle: int, path: Path) -> bool:
    """Whether what is open still has this name."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    return False
