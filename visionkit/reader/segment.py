"""From ink to candidates for characters in lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.candidates import candidates
from visionkit.reader.ink import Ink
from visionkit.reader.lines import chain
from visionkit.reader.pieces import Labels, Piece, Segment

PEN = 0.55  # one pen's strokes differ in strength, but hardly more than this


@dataclass(frozen=True)
class Layout:
    """The candidates of each line, lines from top to bottom; what their pieces refer to; and how the lines run."""

    lines: list[list[Segment]]
    labels: Labels  # (H, W)
    slant: float  # radians, positive where lines fall to the right


def segment(ink: Ink) -> Layout:
    """Find the lines of a page and in each line what may be a character.

    Touching glyphs are offered whole and cut, broken ones in parts and joined: the network decides later.
    """
    labels, boxes = components(ink)
    if not len(boxes):
        return Layout([], labels, 0.0)
    boxes = boxes[of_one_pen(ink, labels, boxes)]
    height = typical_height(boxes)
    boxes = without_clutter(boxes, height)
    slant = find_slant(boxes, height)
    pieces = [as_piece(label, box, slant) for label, *box in boxes.tolist()]
    lines = [candidates(line, height, labels) for line in chain(pieces, height, labels)]
    return Layout([line for line in lines if line], labels, slant)


def components(ink: Ink) -> tuple[Labels, NDArray[np.int64]]:
    """The label image, and a row (label, x, y, width, height) for each component that could be part of a character."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.mask, connectivity=8, ltype=cv2.CV_32S)
    rows, columns = ink.mask.shape
    x, y, width, height, area = stats.T
    side = np.maximum(width, height)
    on_edge = (x <= 1) | (y <= 1) | (x + width >= columns - 1) | (y + height >= rows - 1)
    keep = (area >= 8) & (side >= 5) & (side < 0.6 * max(rows, columns)) & ~on_edge
    keep[0] = False
    return np.asarray(labels, np.int32), np.column_stack([np.flatnonzero(keep), stats[keep, :4]]).astype(np.int64)


def of_one_pen(ink: Ink, labels: Labels, boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which components are about as strong as most of the ink: the grain of a table is weaker than any stroke."""
    inside = ink.mask > 0
    count = np.bincount(labels[inside])
    total = np.bincount(labels[inside], weights=ink.contrast[inside])
    strength = total[boxes[:, 0]] / count[boxes[:, 0]]
    return np.asarray(strength > PEN * weighted_median(strength, boxes[:, 3:].max(axis=1)))


def weighted_median(values: NDArray[Any], weights: NDArray[Any]) -> float:
    """The value that half of the weight lies below."""
    order = np.argsort(values)
    votes = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(votes, votes[-1] / 2)])


def typical_height(boxes: NDArray[np.int64]) -> float:
    """The height of the writing: the median over components, each counted by its size, so that specks hardly vote."""
    side = boxes[:, 3:].max(axis=1)
    return weighted_median(side, side)


def without_clutter(boxes: NDArray[np.int64], height: float) -> NDArray[np.int64]:
    """Drop specks, and long thin things that are no strokes: edges of sheets, folds, what is left of ruled lines."""
    width, tall = boxes[:, 3], boxes[:, 4]
    side = np.maximum(width, tall)
    speck = side < 0.16 * height
    bar = (width > 2.2 * height) & (tall < 0.3 * width) | (tall > 2.5 * height) & (width < 0.15 * tall)
    return boxes[~speck & ~bar & (side < 4 * height)]


def find_slant(boxes: NDArray[np.int64], height: float) -> float:
    """The direction of the lines in radians: the median direction from each glyph to the next one on its right."""
    boxes = boxes[boxes[:, 3:].max(axis=1) > 0.55 * height]
    middle = boxes[:, 1:3] + boxes[:, 3:] / 2
    if len(middle) < 3:
        return 0.0
    step = middle[None] - middle[:, None]
    on_right = (step[..., 0] > 0.3 * height) & (np.abs(step[..., 1]) < 0.55 * step[..., 0])
    distance = np.where(on_right, np.hypot(step[..., 0], step[..., 1]), np.inf)
    hop = step[np.arange(len(step)), distance.argmin(axis=1)][distance.min(axis=1) < 6 * height]
    if len(hop) < 2:
        return 0.0
    return float(np.clip(np.median(np.arctan2(hop[:, 1], hop[:, 0])), -0.35, 0.35))


def as_piece(label: int, box: Sequence[int], slant: float) -> Piece:
    """A piece from its box: the middle is turned into the level frame, the extent kept."""
    x, y, width, height = box
    c, s = float(np.cos(slant)), float(np.sin(slant))
    cx, cy = x + width / 2, y + height / 2
    cx, cy = c * cx + s * cy, c * cy - s * cx
    return Piece(
        label, (y, y + height, x, x + width), (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    )
