"""Decoders written in C, kept still and listened to.

OpenCV has a log, which can be turned off. libjpeg and libpng print on C's ``stderr`` past it, and where the data of a
JPEG file are damaged, such a line is all that tells so: libjpeg goes on and makes a picture that is partly grey. On
glibc ``stderr`` is a variable, which is led into a pipe as long as any thread is inside ``quiet``. Descriptor 2 and
``sys.stderr`` are left alone, and what others print through C meanwhile is passed on. Elsewhere nothing is heard.
"""

import ctypes
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cv2

# what libjpeg (jerror.h) and libpng print where they go on
_TOLD = re.compile(
    rb"(?:Corrupt JPEG data|Premature end of JPEG|Inconsistent progression|Invalid SOS parameters|Unknown Adobe color|"
    rb"Warning: unknown JFIF|Application transferred too|libpng (?:warning|error):)[^\n]*\n?"
)
_UNBUFFERED = 2  # _IONBF of stdio.h

_log: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # OpenCV 4, OpenCV 5


class Heard:
    """What was printed while a thread was inside.

    Attributes:
        text: the lines of decoders.
        alone: no other thread was to be inside.
        shared: others were inside, too, and may have caused the lines.
    """

    def __init__(self, *, alone: bool) -> None:
        self.text = b""
        self.alone = alone
        self.shared = False


class _Stderr:
    """C's ``stderr``, and the pipe that takes its place."""

    def __init__(self, libc: Any) -> None:
        self._variable = ctypes.c_void_p.in_dll(libc, "stderr")
        self._usual = self._variable.value
        self._end, beginning = os.pipe()
        for descriptor in (self._end, beginning):
            os.set_blocking(descriptor, False)  # rather lose words than wait for a thread that may wait for this one
        libc.fdopen.restype = ctypes.c_void_p
        self._stream = libc.fdopen(beginning, b"w")  # never closed: a thread may still hold it
        libc.setvbuf(ctypes.c_void_p(self._stream), None, _UNBUFFERED, ctypes.c_size_t(0))

    def lead(self, *, away: bool) -> None:
        """Lead it into the pipe, or back."""
        self._variable.value = self._stream if away else self._usual

    def take(self) -> bytes:
        """What decoders said; what is not theirs goes where it belongs."""
        try:
            said = os.read(self._end, 1 << 16)
        except BlockingIOError:
            return b""
        if others := _TOLD.sub(b"", said):
            with suppress(OSError):
                os.write(2, others)
        return b"".join(_TOLD.findall(said))


class _Room:
    """The threads that decode."""

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Begin without anybody inside."""
        self._turn = threading.Condition()
        self._inside: list[Heard] = []
        self._closed = False
        self._level = 0
        libc: Any = ctypes.CDLL(None) if os.name == "posix" else None
        self._stderr = _Stderr(libc) if hasattr(libc, "gnu_get_libc_version") else None

    def enter(self, heard: Heard) -> None:
        """Come in; to be alone, when the others have left."""
        with self._turn:
            while self._closed:
                self._turn.wait()
            if heard.alone:
                self._empty()
            if not self._inside:
                self._level = _log.getLogLevel()
                self._still(True)
            self._inside.append(heard)
            if len(self._inside) > 1:
                for one in self._inside:
                    one.shared = True

    def _empty(self) -> None:
        self._closed = True
        try:
            while self._inside:
                self._turn.wait()
        except BaseException:  # such as of a user who will not wait
            self._closed = False
            self._turn.notify_all()
            raise

    def leave(self, heard: Heard) -> None:
        """Go; everybody inside has heard what was said."""
        with self._turn:
            said = self._stderr.take() if self._stderr else b""
            for one in self._inside if said else ():
                one.text += said
            if heard not in self._inside:  # it came in before the process was forked
                return
            self._inside.remove(heard)
            if not self._inside:
                self._still(False)
            if self._closed:  # somebody waits for an empty room, or was in it
                self._closed = not heard.alone
                self._turn.notify_all()

    def anew(self) -> None:
        """After a fork: no other thread is here, and the pipe is that of another process."""
        if self._inside:
            self._still(False)
        self.open()

    def _still(self, still: bool) -> None:
        _log.setLogLevel(0 if still else self._level)
        if self._stderr:
            self._stderr.lead(away=still)


_room = _Room()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_room.anew)


@contextmanager
def quiet(*, alone: bool = False) -> Iterator[Heard]:
    """Keep decoders still: what goes wrong is said once, in the error.

    Args:
        alone: wait until no other thread is inside, and let none in, so that what is heard is one's own.
    """
    heard = Heard(alone=alone)
    _room.enter(heard)
    try:
        yield heard
    finally:
        _room.leave(heard)
