"""From a file to a picture of the least size that serves: decoded at a fraction of its size where that is enough."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import FileError, ImageError
from visionkit.preprocess._decode import REDUCED, reduced
from visionkit.preprocess._header import BrokenFile, inspect
from visionkit.preprocess.image import Image, read, resize


class File(NamedTuple):
    """What is known of a picture file before it is decoded.

    Attributes:
        path: where it is.
        is_jpeg: libjpeg can decode it at a smaller scale.
        orientation: of EXIF, 1 to 8; what is still to be undone.
        height, width: of the picture, the right way up.
        size: in bytes.
        changed: when, in nanoseconds.
    """

    path: str
    is_jpeg: bool
    orientation: int
    height: int
    width: int
    size: int
    changed: int

    def data(self) -> NDArray[np.uint8]:
        """The bytes of the file."""
        try:
            return np.fromfile(self.path, np.uint8)
        except OSError as error:
            raise FileError(f"cannot read {self.path!r}: {error.strerror or error}") from error


def look(path: str, *, max_pixels: int) -> File:
    """Walk a file without decoding it.

    Raises:
        ImageError: it is not a picture, damaged, cut off, or too large.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as opened:
        data = opened.read()
        about = os.fstat(opened.fileno())
    try:
        seen = walk(data, max_pixels=max_pixels)
    except BrokenFile as error:
        raise ImageError(str(error) if data else "is empty") from None
    return File(path, *seen, len(data), about.st_mtime_ns)


def walk(data: bytes, *, max_pixels: int) -> tuple[bool, int, int, int]:
    """What the bytes of a picture tell before they are decoded: whether JPEG, orientation, height and width upright.

    Raises:
        BrokenFile: they are no picture, damaged, or cut off.
        ImageError: it is too large; the message ends a sentence.
    """
    header = inspect(data)
    if header.pixels > max_pixels:
        raise ImageError(f"has {header.width} x {header.height} pixels, more than {max_pixels}")
    height, width = header.height, header.width
    if header.format == "TIFF":  # libtiff turns it itself
        height, width = read(data, mode="gray", max_pixels=max_pixels).shape
    elif header.orientation >= 5:
        height, width = width, height
    return header.format == "JPEG", header.orientation, height, width


@dataclass(frozen=True)
class Framing:
    """How a file becomes a picture.

    Attributes:
        size: (height, width) in the end.
        aspect: "stretch", "crop" (the middle), or "pad" (with black), where the proportions differ.
        gray: one channel instead of three.
        crop: the share of the height and width, or the (height, width) in pixels, that augmentation cuts out.
        warped: it is warped later, and need not have its last size yet.
        max_pixels: of a file.
    """

    size: tuple[int, int]
    aspect: str
    gray: bool
    crop: float | tuple[int, int] | None
    warped: bool
    max_pixels: int

    @cached_property
    def key(self) -> str:
        """What tells its pictures from those of another."""
        return repr(self)

    def canvas(self, file: File) -> tuple[int, int]:
        """(height, width) of what is framed, in pixels of the file: a part of it, or it and a border."""
        if self.aspect == "stretch":
            return file.height, file.width
        scales = file.height / self.size[0], file.width / self.size[1]
        scale = min(scales) if self.aspect == "crop" else max(scales)
        return max(1, round(self.size[0] * scale)), max(1, round(self.size[1] * scale))

    def picture(self, file: File) -> Image:
        """Decode a file.

        Returns:
            uint8 (H, W, 3) in RGB, or (H, W): of the last size; or, to be warped, of at most twice what is wanted.

        Raises:
            ImageError: it cannot be decoded.
            FileError: it is gone.
        """
        canvas = self.canvas(file)
        # pixels of the file for each pixel of the result, down and across
        density = [needed / wanted for needed, wanted in zip(_window(canvas, self.crop), self.size, strict=True)]
        reduction = max((factor for factor in REDUCED if factor <= min(density)), default=1) if file.is_jpeg else 1
        pixels = _middle(self._decode(file, reduction), (file.height, file.width), canvas)
        parts = min(1.0, file.height / canvas[0]), min(1.0, file.width / canvas[1])  # of the canvas, which it fills
        if self.warped:
            spare = [each / (whole * part) for each, whole, part in zip(density, canvas, parts, strict=True)]
            inner = _least(pixels.shape[0], spare[0]), _least(pixels.shape[1], spare[1])
            outer = max(inner[0], round(inner[0] / parts[0])), max(inner[1], round(inner[1] / parts[1]))
        else:
            outer = self.size
            inner = max(1, round(outer[0] * parts[0])), max(1, round(outer[1] * parts[1]))
        if pixels.shape[:2] != inner:
            pixels = resize(pixels, height=inner[0], width=inner[1])
        return pixels if inner == outer else _on_black(pixels, outer)

    def _decode(self, file: File, reduction: int) -> Image:
        data = file.data()
        pixels = reduced(data, reduction, file.orientation, luminance=self.gray) if file.is_jpeg else None
        if pixels is None:
            try:
                return read(data.tobytes(), mode="gray" if self.gray else "rgb", max_pixels=self.max_pixels)
            except ImageError as error:
                raise ImageError(str(error).replace(f"the bytes object ({len(data)} bytes)", repr(file.path))) from None
        return pixels


def _middle(pixels: Image, whole: tuple[int, int], canvas: tuple[int, int]) -> Image:
    """What a canvas that is smaller than the whole picture shows of it."""
    rows, columns = pixels.shape[:2]
    height = min(rows, max(1, round(rows * canvas[0] / whole[0])))
    width = min(columns, max(1, round(columns * canvas[1] / whole[1])))
    top, left = (rows - height) // 2, (columns - width) // 2
    return pixels[top : top + height, left : left + width]


def _on_black(pixels: Image, size: tuple[int, int]) -> Image:
    down, across = size[0] - pixels.shape[0], size[1] - pixels.shape[1]
    above, before = down // 2, across // 2
    padded: Any = cv2.copyMakeBorder(
        pixels, above, down - above, before, across - before, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    return np.asarray(padded, np.uint8)


def _least(side: int, spare: float) -> int:
    """How long a side has to be: a warp looks at four pixels, and misses some where it shrinks to less than half."""
    return side if side * spare < 2 else max(1, round(1 / spare))


def _window(canvas: tuple[int, int], crop: float | tuple[int, int] | None) -> tuple[float, float]:
    if crop is None:
        return canvas
    if isinstance(crop, int | float):
        return canvas[0] * crop, canvas[1] * crop
    return min(crop[0], canvas[0]), min(crop[1], canvas[1])
