"""Pixels of any depth as 8 bits on white, some rows at a time: what lies between takes no memory to speak of."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_BAND = 1 << 20  # bytes


def bands(pixels: NDArray[Any]) -> Iterator[slice]:
    """The rows of a picture, some at a time."""
    rows = max(1, _BAND // max(1, pixels[:1].nbytes))
    return (slice(top, top + rows) for top in range(0, len(pixels), rows))


def eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """A new array, (H, W) or (H, W, 3), of bool, uint8, uint16 or floating-point (0 to 1) pixels, also with alpha."""
    shape = pixels.shape if pixels.ndim == 2 else (*pixels.shape[:2], 3)
    made = np.empty(shape, np.uint8)
    for rows in bands(pixels):
        part = _scaled(pixels[rows])
        made[rows] = _on_white(part) if part.ndim == 3 and part.shape[2] == 4 else part
    return made


def _scaled(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        native = np.ascontiguousarray(pixels, dtype=np.uint16)  # in the byte order of this machine
        return np.asarray(cv2.convertScaleAbs(native, alpha=1 / 257), np.uint8).reshape(pixels.shape)
    if pixels.dtype.kind == "f":
        return np.rint(np.clip(pixels.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    return pixels


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    colors, alpha = pixels[:, :, :3], pixels[:, :, 3:]
    if alpha.min() == 255:
        return colors
    # in whole numbers: white shows through by what is missing from alpha
    opaque = alpha.astype(np.uint16)
    mixed = colors * opaque + (np.uint16(255) - opaque) * np.uint16(255) + np.uint16(128)
    return np.asarray((mixed + (mixed >> np.uint16(8))) >> np.uint16(8), np.uint8)  # by 255, rounded
