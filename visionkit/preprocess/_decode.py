"""From the bytes of a picture file to its pixels; the only place that calls OpenCV's decoder."""

from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ImageError
from visionkit.preprocess._eight import bands, eight_bits
from visionkit.preprocess._header import DEPTH, BrokenFile, Header, inspect
from visionkit.preprocess._libjpeg import damage
from visionkit.preprocess._quiet import quiet

# how the luminance of a JPEG file is asked for: as it is stored, with none of the work for the colours
_LUMINANCE = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION

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


def decode(name: str, data: bytes, max_pixels: int, *, luminance: bool = False) -> NDArray[Any]:
    """The pixels of a file as they are stored, in RGB or RGBA order and the right way up.

    Where only the ``luminance`` is asked for, a JPEG file gives nothing else; other files give all that they have.
    """
    header = header_of(name, data)
    check_size(name, header.width, header.height, max_pixels, depth=header.depth)
    try:
        pixels = stored(
            np.frombuffer(header.data, np.uint8),
            _LUMINANCE if luminance and header.format == "JPEG" else cv2.IMREAD_UNCHANGED,
        )
    except BrokenFile as error:
        raise ImageError(f"read: {name} {error}") from None
    if pixels is None:
        raise ImageError(
            f"read: {name} is a {header.format} file that OpenCV {cv2.__version__} cannot decode; it is damaged, or of "
            "a kind that OpenCV does not know: save it again as PNG or JPEG"
        )
    if header.transparent_gray is not None and pixels.ndim == 2:
        pixels[pixels == header.transparent_gray] = np.iinfo(pixels.dtype).max
    if pixels.ndim == 3 and pixels.shape[2] > 2:
        for rows in bands(pixels):
            _to_rgb(pixels[rows], premultiplied=header.premultiplied)
        if header.premultiplied:
            pixels = pixels[:, :, :3]
    if pixels.dtype == np.uint16 and pixels.ndim in (2, 3) and pixels.shape[-1] != 2:
        pixels = eight_bits(pixels)  # half of it is less to turn
    return turn_upright(pixels, header.orientation)


def _to_rgb(pixels: NDArray[Any], *, premultiplied: bool) -> None:
    """Swap red and blue in place, and put colours that are multiplied by alpha already on white."""
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):  # which OpenCV does not work with
        pixels[:, :, :3] = pixels[:, :, 2::-1].copy()
        return
    alpha = pixels.shape[2] == 4
    pixels[:] = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if alpha else cv2.COLOR_BGR2RGB)
    if alpha and premultiplied:
        white = 1 if pixels.dtype == np.float32 else np.iinfo(pixels.dtype).max
        # white shows through by what is missing from alpha; the colours hold their own part already
        pixels[:] = cv2.add(pixels, cv2.merge([white - pixels[:, :, 3]] * 4))


def reduced(
    data: NDArray[np.uint8], reduction: int, orientation: int, *, luminance: bool = False
) -> NDArray[np.uint8] | None:
    """A JPEG file at a fraction of its size, in RGB or grey, and the right way up; None where it cannot be decoded.

    Args:
        data: the bytes of the file.
        reduction: 1, 2, 4 or 8, by which height and width are divided and rounded up.
        orientation: of EXIF, 1 to 8.
        luminance: grey, as it is stored.
    """
    pixels, flags = None, REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    with suppress(BrokenFile):
        pixels = stored(data, flags & ~cv2.IMREAD_COLOR if luminance else flags)
    if pixels is None:
        return None
    return turn_upright(pixels if luminance else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), orientation)


def stored(data: NDArray[np.uint8], flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any] | None:
    """What OpenCV makes of the bytes of a file; None for what it cannot decode.

    Raises:
        BrokenFile: libjpeg made something of data that are damaged.
    """
    pixels, told = _told(data, flags, alone=False)
    if told is not None:
        raise BrokenFile(f"is a damaged JPEG file ({told}); copy or download it again")
    return pixels


def _told(data: NDArray[np.uint8], flags: int, *, alone: bool) -> tuple[NDArray[Any] | None, str | None]:
    """The pixels, and what tells that they are wrong."""
    pixels = None
    with quiet(alone=alone) as heard, suppress(cv2.error):  # it raises, or returns None
        pixels = cv2.imdecode(data, flags)
    told = damage(heard.text, data.tobytes()) if heard.text else None
    if told is not None and heard.shared:  # it may be of another file
        return _told(data, flags, alone=True)
    return pixels, told


def check_size(name: str, width: int, height: int, max_pixels: int, *, depth: int = 1) -> None:
    """Refuse a picture of too many pixels."""
    if width * height * max(1, depth / DEPTH) > max_pixels:
        many = f" of {depth} bytes, each of which counts as {depth / DEPTH:.3g}" if depth > DEPTH else ""
        raise ImageError(
            f"read: expected at most {max_pixels} pixels, got {width} x {height}{many} in {name}; "
            "shrink the picture, or raise max_pixels if it comes from someone you trust"
        )


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo one of the eight EXIF orientations (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        pixels = cv2.transpose(pixels)
    code = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if code is None else cv2.flip(pixels, code)
