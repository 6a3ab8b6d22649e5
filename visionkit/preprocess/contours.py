"""From a mask to boxes, boxes in order, and boxes on the picture."""

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._errors import ArgumentError, ImageError, describe, one_of
from visionkit.preprocess._lines import reading_order
from visionkit.preprocess.image import Image, _is_whole, _typed, check

Boxes = NDArray[np.int64]  # (N, 4): x, y, width, height

ORDERS = ("left-to-right", "right-to-left", "top-to-bottom", "bottom-to-top", "reading")


def find_boxes(
    mask: NDArray[Any],
    *,
    min_width: int = 1,
    min_height: int = 1,
    max_width: int | None = None,
    max_height: int | None = None,
) -> Boxes:
    """The boxes around the outer contours of a mask; what lies within a hole of another shape has none.

    Args:
        mask: uint8 or bool, (H, W); every value but 0 belongs to a shape. Pixels that touch at a corner are joined.
        min_width, min_height, max_width, max_height: boxes of other sizes, in pixels, are left out.

    Returns:
        int64 (N, 4): x, y, width, height, from top to bottom and, within a row, from left to right.

    Raises:
        ImageError: not such a mask.
        ArgumentError: a limit that is not a whole number from 0 on.

    >>> mask = np.zeros((9, 20), np.uint8); mask[2:7, 12:15] = 255; mask[3:5, 4:8] = 255
    >>> find_boxes(mask).tolist()
    [[12, 2, 3, 5], [4, 3, 4, 2]]
    """
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype not in (np.uint8, np.bool_) or not mask.size:
        raise ImageError(
            f"find_boxes: expected a uint8 or bool mask of shape (H, W), got {describe(mask)}; "
            "canny(image), otsu(image).binary and image > level are such masks"
        )
    limits = {"min_width": min_width, "min_height": min_height, "max_width": max_width, "max_height": max_height}
    for argument, value in limits.items():
        if value is not None and (not _is_whole(value) or value < 0):
            raise ArgumentError(
                f"find_boxes: expected {argument} to be a whole number of pixels from 0 on, got {describe(value)}"
            )
    shapes, _ = cv2.findContours(np.ascontiguousarray(mask).view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = np.array([cv2.boundingRect(shape) for shape in shapes], np.int64).reshape(-1, 4)
    width, height = boxes[:, 2], boxes[:, 3]
    keep = (width >= min_width) & (height >= min_height)
    if max_width is not None:
        keep &= width <= max_width
    if max_height is not None:
        keep &= height <= max_height
    boxes = boxes[keep]
    return boxes[np.lexsort((boxes[:, 0], boxes[:, 1]))]


def sort_boxes(
    boxes: ArrayLike,
    order: Literal["left-to-right", "right-to-left", "top-to-bottom", "bottom-to-top", "reading"] = "left-to-right",
) -> Boxes:
    """Put boxes in order.

    Args:
        boxes: (N, 4) whole numbers: x, y, width, height.
        order: "left-to-right" by left edges, "right-to-left" by right edges, "top-to-bottom" by upper edges,
            "bottom-to-top" by lower edges, or "reading": line by line from the top, each from left to right. Lines may
            slope up to about 20 degrees, bend, and stand unevenly. Columns are read one after the other where the gap
            between them is clear: empty over three lines or more, at least 1.5 times as wide as the writing is high and
            as the gaps within the lines, with lines on both sides that are mostly more than five times as wide as high.

    Returns:
        int64 (N, 4), a new array with the same rows.

    Raises:
        ArgumentError: not such boxes, or an unknown order.

    >>> sort_boxes([[30, 2, 9, 9], [0, 20, 9, 9], [0, 0, 9, 9]], "reading").tolist()
    [[0, 0, 9, 9], [30, 2, 9, 9], [0, 20, 9, 9]]
    """
    if order not in ORDERS:
        raise one_of("sort_boxes", "order", order, ORDERS)
    rows = _as_boxes(boxes, "sort_boxes")
    x, y, width, height = rows.T
    if order == "reading":
        return rows[reading_order(rows)]
    first, second = {
        "left-to-right": (x, y),
        "right-to-left": (-(x + width), y),
        "top-to-bottom": (y, x),
        "bottom-to-top": (-(y + height), x),
    }[order]
    return rows[np.lexsort((second, first))]


def draw_boxes(
    image: ArrayLike,
    boxes: ArrayLike,
    labels: Sequence[str] | None = None,
    *,
    color: tuple[int, int, int] = (0, 200, 0),
) -> Image:
    """Draw boxes, and a label above each, on a copy of a picture.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3).
        boxes: (N, 4) whole numbers: x, y, width, height.
        labels: a text for each box. Lines and letters grow with the picture.
        color: RGB, 0 to 255.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        ImageError: not such an image.
        ArgumentError: not such boxes, not as many labels, or not a colour.

    >>> draw_boxes(np.zeros((40, 40), np.uint8), [[5, 20, 8, 8]])[20, 5].tolist()
    [0, 200, 0]
    """
    pixels = check(image, "draw_boxes")
    rows = _as_boxes(boxes, "draw_boxes")
    if labels is not None and (isinstance(labels, str) or len(labels) != len(rows)):
        raise ArgumentError(f"draw_boxes: expected a list of {len(rows)} labels, one for a box, got {describe(labels)}")
    paint = np.asarray(color)
    if paint.shape != (3,) or paint.dtype.kind not in "iu" or paint.min() < 0 or paint.max() > 255:
        raise ArgumentError(f"draw_boxes: expected color to be three whole numbers 0 to 255, got {color!r}")
    rgb = (int(paint[0]), int(paint[1]), int(paint[2]))
    canvas = _typed(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)) if pixels.ndim == 2 else pixels.copy()
    thickness = max(1, round(max(canvas.shape[:2]) / 500))
    for x, y, width, height in rows.tolist():
        cv2.rectangle(canvas, (x, y), (x + max(width, 1) - 1, y + max(height, 1) - 1), rgb, thickness)
    # After all the boxes, so that none runs through a text.
    for row, label in zip(rows.tolist(), labels or (), strict=False):
        _write(canvas, str(label), row, rgb)
    return canvas


def _write(canvas: Image, text: str, box: list[int], color: tuple[int, int, int]) -> None:
    """Write on a plate of the box's colour, which is legible on any ground."""
    x, y, _, height = box
    scale = max(0.4, max(canvas.shape[:2]) / 1400)
    font, stroke = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(scale * 1.8))
    (text_width, text_height), below = cv2.getTextSize(text, font, scale, stroke)
    margin = stroke + 1
    left = max(0, min(x, canvas.shape[1] - text_width - 2 * margin))
    tall = text_height + below + margin
    # Above the box; where there is no room, under it, or where the picture ends.
    top = y - tall if y >= tall else max(0, min(y + height, canvas.shape[0] - tall))
    cv2.rectangle(canvas, (left, top), (left + text_width + 2 * margin - 1, top + tall - 1), color, cv2.FILLED)
    bright = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2] > 110
    ink = (0, 0, 0) if bright else (255, 255, 255)
    cv2.putText(canvas, text, (left + margin, top + text_height + margin // 2), font, scale, ink, stroke, cv2.LINE_AA)


def _as_boxes(boxes: ArrayLike, where: str) -> Boxes:
    try:
        rows = np.asarray(boxes)
    except ValueError:  # rows of different lengths
        raise _not_boxes(boxes, where) from None
    if rows.shape in ((0,), (0, 4)):
        return np.zeros((0, 4), np.int64)
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "iu" or rows[:, 2:].min() < 0:
        raise _not_boxes(boxes, where)
    return rows.astype(np.int64)


def _not_boxes(boxes: object, where: str) -> ArgumentError:
    return ArgumentError(
        f"{where}: expected boxes as whole numbers of shape (N, 4), each x, y, width, height with no negative size, "
        f"got {describe(boxes)}"
    )
