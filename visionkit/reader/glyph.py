"""One glyph as the networks see it: ink bright on black, 32 x 32, of one size and never thinner than a pen stroke."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 32  # side of the picture
SPAN = 26  # long side of the ink inside it
STROKE = 2.0  # strokes thinner than this after scaling fade away when the picture shrinks; they are thickened first


def glyph(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale a picture of one character's ink to the form that the networks were trained on.

    The ink keeps its proportions, spans 26 of 32 pixels and stands in the middle; its darkest strokes become 255,
    and hairlines are widened to two pixels, so that pencil and marker look alike.

    Args:
        ink: uint8 (H, W), ink bright on black, any size, for example an Otsu mask.

    Returns:
        uint8 (32, 32); all zero where the picture holds no ink.

    >>> stroke = np.zeros((200, 90), np.uint8); stroke[20:180, 40:44] = 180
    >>> picture = glyph(stroke)
    >>> picture.shape, int(picture.max()), [int(v) for v in np.flatnonzero(picture.max(axis=1))[[0, -1]]]
    ((32, 32), 255, [3, 28])
    """
    picture = np.zeros((SIZE, SIZE), np.uint8)
    top = int(ink.max(initial=0))
    if top == 0:
        return picture
    mask = (ink > top * 0.3).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    scale = SPAN / max(width, height)
    widen = round((STROKE / scale - stroke_width(mask[y : y + height, x : x + width])) / 2)
    ink = ink[y : y + height, x : x + width]
    if widen > 0:
        ink = np.pad(ink, widen)
        ink = np.asarray(cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * widen + 1,) * 2)), np.uint8)
        scale = SPAN / max(ink.shape)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    ink = np.asarray(cv2.resize(ink, size, interpolation=how), np.uint8)
    full = float(np.percentile(ink[ink > ink.max() * 0.3], 80))
    left, above = (SIZE - size[0]) // 2, (SIZE - size[1]) // 2
    picture[above : above + size[1], left : left + size[0]] = cv2.convertScaleAbs(ink, alpha=255 / full)
    return picture


def stroke_width(mask: NDArray[np.uint8]) -> float:
    """Estimate the width of the strokes in a mask (H, W), in pixels: twice its area over the length of its outline.

    >>> bar = np.zeros((60, 60), np.uint8); bar[5:55, 20:26] = 255
    >>> 5 < stroke_width(bar) < 7
    True
    """
    area = cv2.countNonZero(mask)
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.countNonZero(cv2.erode(padded, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))))
    outline = area - inside  # pixels on the edge of the ink
    return 2.0 * area / max(outline, 1)
