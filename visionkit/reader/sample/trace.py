"""One glyph, as any function draws it, redrawn as the ink of a pen."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe

Glyphs = Callable[[str, np.random.Generator], NDArray[np.uint8]]


def glyph_of(glyphs: Glyphs, character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture that a `glyphs` function draws of a character, if it is one."""
    picture = glyphs(character, rng)
    if picture.ndim != 2 or picture.dtype != np.uint8 or not picture.any():
        raise ArgumentError(
            f"draw_page: expected glyphs({character!r}, rng) to be a uint8 picture (h, w) with ink brighter than 0, "
            f"got {describe(picture)}"
        )
    return picture


def trace(picture: NDArray[np.uint8], height: float, weight: float) -> NDArray[np.uint8]:
    """Redraw a glyph at a height and with the stroke width of the pen, as far as the glyph survives it.

    The strokes grow or shrink by the distance to their edge, at 64 pixels or more so that hairlines survive.
    """
    work = max(height, 64.0)
    scale = min(work / picture.shape[0], 1.5 * work / picture.shape[1])
    pad = int(0.2 * work / scale) + 2
    grey = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    if scale > 1:  # the stairs of an enlarged picture are not part of the stroke
        grey = cv2.GaussianBlur(grey, (0, 0), 0.35 * scale)
    mask = above(grey, 0.25 * float(grey.max()))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 5)
    width = 4 * float(inside[mask > 0].mean())  # across a stroke the mean distance to its edge is a quarter of it
    ridge = inside[(inside >= cv2.dilate(inside, np.ones((3, 3)))) & (mask > 0)]
    thinnest = 2 * float(np.percentile(ridge, 10))  # the fine strokes of an uneven pen must not vanish
    grow = np.clip((weight * work - width) / 2, -0.16 * min(width, thinnest), 0.3 * width)
    soft = max(work / 64, 1.0)
    ink = (255 * np.clip((inside - outside + grow) / soft + 0.5, 0, 1)).astype(np.uint8)
    if height < work:
        shrink = height / work
        ink = np.asarray(cv2.resize(ink, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    return crop(ink)


def above(picture: NDArray[Any], level: float) -> NDArray[np.uint8]:
    """255 where the picture is brighter than the level, 0 elsewhere."""
    return np.asarray(cv2.threshold(picture, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def crop(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of the picture that has ink."""
    x, y, width, height = cv2.boundingRect(above(ink, 30))
    return ink[y : y + height, x : x + width]
