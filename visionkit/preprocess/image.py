"""Pictures in and out: reading, writing, checking, colour and size. The only place where BGR exists."""

import os
from typing import Any, BinaryIO, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._errors import ArgumentError, FileError, ImageError, describe, one_of
from visionkit._files import real, write_bytes, writing
from visionkit.preprocess._decode import check_size, decode
from visionkit.preprocess._eight import eight_bits
from visionkit.preprocess._quiet import quiet
from visionkit.preprocess._source import Loaded, load

Image = NDArray[np.uint8]
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[Any] | Loaded

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def read(source: Source, *, mode: Literal["rgb", "gray"] = "rgb", max_pixels: int = 100_000_000) -> Image:
    """Read a picture from a file, from memory, or from an array in any of the usual forms.

    Args:
        source: a path, the bytes of a file, a binary file object (read from where it stands), or an array: uint8,
            uint16 (0 to 65535), bool, or floating point (0 to 1), of shape (H, W), (H, W, 1), (H, W, 3) as RGB or
            (H, W, 4) as RGBA. Files: JPEG, PNG, WebP, TIFF, GIF, BMP, PNM (PBM, PGM, PPM) and JPEG 2000, as far as
            the installed OpenCV decodes them; of an animation, the first frame.
        mode: "rgb" or "gray". The grey of a JPEG file is its luminance as it is stored: in half the time, and what
            `to_gray` makes of its colours but for those that leave the range of RGB.
        max_pixels: a larger picture is refused by its header, before anything is decoded; pixels that take more than 6
            bytes while they are decoded, as those of 16 bits with alpha do, count as more.

    Returns:
        A new uint8 array, RGB of shape (H, W, 3) or grey of shape (H, W). The EXIF orientation is applied,
        transparent pixels lie on white, and 16 bits are scaled to 8.

    Raises:
        FileError: the file is missing, is a folder, or cannot be opened.
        ImageError: the source is not a picture, is damaged, ends too early, or is too large.
        ArgumentError: ``mode`` or ``max_pixels`` is not one of the above.

    >>> read(np.ones((2, 3), dtype=bool)).shape
    (2, 3, 3)
    >>> read(np.array([[0.0, 0.2, 1.0]]), mode="gray")
    array([[  0,  51, 255]], dtype=uint8)
    """
    if mode not in ("rgb", "gray"):
        raise one_of("read", "mode", mode, ("rgb", "gray"))
    if not _is_whole(max_pixels) or max_pixels < 1:
        raise ArgumentError(f"read: expected max_pixels to be a whole number of at least 1, got {describe(max_pixels)}")
    if isinstance(source, np.ndarray):
        name, pixels = "the array", source
        if pixels.ndim in (2, 3):
            check_size(name, pixels.shape[1], pixels.shape[0], max_pixels)
    else:
        name, data = load(source)
        pixels = decode(name, data, max_pixels, luminance=mode == "gray")
    picture = _to_eight_bits(name, pixels)
    if mode == "gray":
        return to_gray(picture) if picture.ndim == 3 else picture
    return picture if picture.ndim == 3 else _typed(cv2.merge([picture] * 3))


def write(path: str | os.PathLike[str], image: ArrayLike) -> None:
    """Write a picture so that a crash leaves either the old file or the new one, never half of one.

    Args:
        path: where to; its suffix names the format: .png, .jpg, .jpeg, .webp, .bmp, .tif or .tiff.
        image: uint8, (H, W) or RGB (H, W, 3).

    Raises:
        ImageError: not such an image, or one that the format cannot hold.
        ArgumentError: the suffix names no known format.
        FileError: the folder is missing or cannot be written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/red.png", np.full((4, 4, 3), (255, 0, 0), np.uint8))
    ...     read(f"{folder}/red.png")[0, 0]
    array([255,   0,   0], dtype=uint8)
    """
    pixels = check(image, "write")
    with writing("write", path):
        target = real(path)  # through a link, to the file itself
    if target.suffix.lower() not in SUFFIXES:
        raise ArgumentError(
            f"write: expected the path to end in one of {', '.join(SUFFIXES)}, got {str(path)!r}; "
            "the suffix names the format of the file"
        )
    if not target.parent.is_dir():
        raise FileError(f"write: the folder {str(target.parent)!r} does not exist; make it first")
    with quiet():
        try:
            done, encoded = cv2.imencode(
                target.suffix.lower(), pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            )
        except cv2.error:
            done = False
    if not done:
        raise ImageError(
            f"write: OpenCV {cv2.__version__} cannot make a {target.suffix} file of {describe(pixels)}; "
            "try .png, or a smaller picture"
        )
    with writing("write", path):
        write_bytes(target, encoded.data)


def to_gray(image: ArrayLike) -> Image:
    """The luminance of a picture (0.299 R + 0.587 G + 0.114 B), as a new array.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3).

    Returns:
        uint8 (H, W).

    Raises:
        ImageError: not such an image.

    >>> to_gray(np.full((1, 1, 3), (255, 0, 0), np.uint8))
    array([[76]], dtype=uint8)
    """
    pixels = check(image, "to_gray")
    return pixels.copy() if pixels.ndim == 2 else _typed(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def resize(
    image: ArrayLike, *, width: int | None = None, height: int | None = None, longest: int | None = None
) -> Image:
    """Resize a picture: by averaging where it shrinks, bilinearly where it grows.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3).
        width, height: the new size in pixels; with only one of them the picture keeps its proportions.
        longest: the new length of the longer side, instead of width and height.

    Returns:
        A new uint8 array with as many channels.

    Raises:
        ImageError: not such an image.
        ArgumentError: no size, a size that is not a whole number from 1 on, or ``longest`` together with another.

    >>> resize(np.zeros((100, 200), np.uint8), width=50).shape
    (25, 50)
    """
    pixels = check(image, "resize")
    sizes = {"width": width, "height": height, "longest": longest}
    for argument, value in sizes.items():
        if value is not None and (not _is_whole(value) or not 1 <= value <= 1_000_000):
            raise ArgumentError(
                f"resize: expected {argument} to be a whole number of pixels from 1 on, got {describe(value)}"
            )
    if (longest is None) == (width is None and height is None):
        given = [argument for argument, value in sizes.items() if value is not None]
        raise ArgumentError(
            "resize: expected width, height, both, or longest alone, got " + (" and ".join(given) or "none of them")
        )
    rows, columns = pixels.shape[:2]
    if longest is not None:
        width, height = (longest, None) if columns >= rows else (None, longest)
    if width is None and height is not None:
        width = max(1, round(columns * height / rows))
    if height is None and width is not None:
        height = max(1, round(rows * width / columns))
    target = (int(width or 1), int(height or 1))
    shrunk = (min(target[0], columns), min(target[1], rows))
    if shrunk != (columns, rows):
        pixels = _typed(cv2.resize(pixels, shrunk, interpolation=cv2.INTER_AREA))
    if shrunk != target:
        pixels = _typed(cv2.resize(pixels, target, interpolation=cv2.INTER_LINEAR))
    return pixels.copy() if target == (columns, rows) else pixels


def check(image: ArrayLike, where: str) -> Image:
    """Make sure of a uint8 image of shape (H, W) or (H, W, 3), and return it as OpenCV takes it.

    Raises:
        ImageError: it is something else; the message begins with ``where``.
    """
    if (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.size
        and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    ):
        return np.ascontiguousarray(image)
    expected = f"{where}: expected a uint8 image of shape (H, W) or (H, W, 3), got {describe(image)}"
    if not isinstance(image, np.ndarray):
        raise ImageError(f"{expected}; visionkit.preprocess.read() makes one from a file")
    if not image.size:
        raise ImageError(f"{expected}, which holds no pixels")
    raise ImageError(f"{expected}; visionkit.preprocess.read(image) converts arrays of other kinds")


def _to_eight_bits(name: str, pixels: NDArray[Any]) -> Image:
    """Any of the accepted arrays as a new uint8 array of shape (H, W) or (H, W, 3)."""
    expected = "an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
    if not pixels.size:
        raise ImageError(f"read: expected {expected} with pixels in it, got {describe(pixels)}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise ImageError(f"read: expected {expected}, got {describe(pixels)} from {name}; pass one picture at a time")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= -1e-4 and high <= 1 + 1e-4):  # also where one of them is not a number
            found = "values that are not finite" if not np.isfinite([low, high]).all() else f"{low:.4g} to {high:.4g}"
            raise ImageError(
                f"read: expected {pixels.dtype} values between 0 and 1, got {found} in {name}; "
                "for values from 0 to 255 use image.round().astype('uint8')"
            )
    elif pixels.dtype.kind not in "bu" or pixels.dtype.itemsize > 2:
        raise ImageError(
            f"read: expected uint8, uint16, bool or floating-point values, got {describe(pixels)} from {name}; "
            "for values from 0 to 255 use image.astype('uint8')"
        )
    return eight_bits(pixels)


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _typed(pixels: Any) -> Image:
    # OpenCV's type hints say "some array"; what comes out of a uint8 image is one
    result: Image = pixels
    return result
