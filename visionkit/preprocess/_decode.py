"""From the bytes of a picture file to its pixels; the only place that calls OpenCV's decoder."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ImageError
from visionkit.preprocess._header import BrokenFile, Header, inspect

# what OpenCV divides the height and width of a JPEG file by while it decodes -> how that is asked for
REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def header_of(name: str, data: bytes) -> Header:
    """The header of a file, or an ImageError that says why there is none."""
    if not data:
        raise ImageError(f"read: {name} is empty; expected the content of a picture file")
    try:
        return inspect(data)
    except BrokenFile as error:
        raise ImageError(f"read: {name} {error}") from None


def decode(name: str, data: bytes, max_pixels: int) -> NDArray[Any]:
    """The pixels of a file as they are stored, in RGB or RGBA order and the right way up."""
    header = header_of(name, data)
    check_size(name, header.width, header.height, max_pixels)
    pixels = stored(np.frombuffer(header.data, np.uint8))
    if pixels is None:
        raise ImageError(
            f"read: {name} is a {header.format} file that OpenCV {cv2.__version__} cannot decode; it is damaged, or of "
            "a kind that OpenCV does not know: save it again as PNG or JPEG"
        )
    if pixels.ndim == 3 and pixels.shape[2] > 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    if header.premultiplied and pixels.ndim == 3 and pixels.shape[2] == 4:
        # white shows through by what is missing from alpha; the colours hold their own part already
        pixels = cv2.add(pixels, cv2.bitwise_not(cv2.merge([pixels[:, :, 3]] * 4)))[:, :, :3]
    if header.transparent_gray is not None and pixels.ndim == 2:
        pixels[pixels == header.transparent_gray] = np.iinfo(pixels.dtype).max
    return turn_upright(pixels, header.orientation)


def reduced(data: NDArray[np.uint8], reduction: int, orientation: int) -> NDArray[np.uint8] | None:
    """A JPEG file at a fraction of its size, RGB and the right way up; None where it cannot be decoded.

    Args:
        data: the bytes of the file.
        reduction: 1, 2, 4 or 8, by which height and width are divided and rounded up.
        orientation: of EXIF, 1 to 8.
    """
    pixels = stored(data, REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if pixels is None else turn_upright(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), orientation)


def stored(data: NDArray[np.uint8], flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any] | None:
    """What OpenCV makes of the bytes of a file; None for what it cannot decode."""
    with quiet(), suppress(cv2.error):  # it raises, or returns None
        return cv2.imdecode(data, flags)
    return None


def check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture of too many pixels."""
    if width * height > max_pixels:
        raise ImageError(
            f"read: expected at most {max_pixels} pixels, got {width} x {height} in {name}; "
            "shrink the picture, or raise max_pixels if it comes from someone you trust"
        )


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo one of the eight EXIF orientations (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        pixels = cv2.transpose(pixels)
    code = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if code is None else cv2.flip(pixels, code)


_log: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # OpenCV 4, OpenCV 5
_quiet_lock = threading.Lock()
_quiet_users: list[int] = []  # one entry for each thread inside; the first holds the level to go back to


@contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV's log still: what goes wrong is said once, in the error."""
    with _quiet_lock:
        _quiet_users.append(_quiet_users[0] if _quiet_users else _log.getLogLevel())
        _log.setLogLevel(0)
    try:
        yield
    finally:
        with _quiet_lock:
            level = _quiet_users.pop()
            if not _quiet_users:
                _log.setLogLevel(level)
