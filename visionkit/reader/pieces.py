"""The parts that a page's ink comes in: pieces that hang together, and candidates for characters made of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.ink import Ink

Box = tuple[int, int, int, int]
Window = tuple[int, int, int, int]  # top, bottom, left, right
Labels = NDArray[np.int32]  # (H, W), the number of the piece that each pixel belongs to, 0 on paper


@dataclass(frozen=True)
class Piece:
    """Ink that hangs together, or the part of it inside a window.

    `span` is left, top, right and bottom in the frame in which the lines run level.
    """

    label: int
    window: Window
    span: tuple[float, float, float, float]

    @property
    def width(self) -> float:
        """Along the line, in pixels."""
        return self.span[2] - self.span[0]

    @property
    def height(self) -> float:
        """Across the line, in pixels."""
        return self.span[3] - self.span[1]

    @property
    def middle(self) -> float:
        """Half way down, across the line."""
        return (self.span[1] + self.span[3]) / 2


def extent(pieces: Iterable[Piece]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of some pieces together, in the level frame."""
    left, top, right, bottom = zip(*(piece.span for piece in pieces), strict=True)
    return min(left), min(top), max(right), max(bottom)


@dataclass(frozen=True)
class Segment:
    """A candidate for a character: the atoms `start` to `end` of its line, made of these pieces."""

    start: int
    end: int
    pieces: tuple[Piece, ...]

    @property
    def box(self) -> Box:
        """x, y, width and height at working size."""
        top, _, left, _ = np.min([piece.window for piece in self.pieces], axis=0)
        _, bottom, _, right = np.max([piece.window for piece in self.pieces], axis=0)
        return int(left), int(top), int(right - left), int(bottom - top)

    @property
    def left(self) -> float:
        """Where it begins along the line."""
        return extent(self.pieces)[0]

    @property
    def right(self) -> float:
        """Where it ends along the line."""
        return extent(self.pieces)[2]


def shrink(piece: Piece, window: Window, labels: Labels) -> Piece:
    """The part of a piece inside a window, its box drawn in to its ink."""
    top, bottom, left, right = window
    x, y, width, height = cv2.boundingRect((labels[top:bottom, left:right] == piece.label).astype(np.uint8))
    window = (top + y, top + y + height, left + x, left + x + width)
    dx, dy = piece.span[0] - piece.window[2], piece.span[1] - piece.window[0]
    return Piece(piece.label, window, (window[2] + dx, window[0] + dy, window[3] + dx, window[1] + dy))


def cut(ink: Ink, labels: Labels, candidate: Segment, slant: float = 0.0) -> NDArray[np.uint8]:
    """The ink of one candidate alone, uint8 (h, w), its neighbours left out, turned upright by `slant` radians."""
    x, y, width, height = candidate.box
    pad = 3 + (int(0.25 * max(width, height)) if slant else 0)
    x, y = max(x - pad, 0), max(y - pad, 0)
    labels = labels[y : y + height + 2 * pad, x : x + width + 2 * pad]
    own: NDArray[np.uint8] = np.zeros(labels.shape, np.uint8)
    for piece in candidate.pieces:
        top, bottom, left, right = piece.window
        rows, columns = slice(top - y, bottom - y), slice(left - x, right - x)
        own[rows, columns] |= labels[rows, columns] == piece.label
    soft = np.asarray(cv2.dilate(own, np.ones((3, 3), np.uint8)))
    contrast = ink.contrast[y : y + own.shape[0], x : x + own.shape[1]]
    picture: NDArray[np.uint8] = np.clip(contrast * soft * 255, 0, 255).astype(np.uint8)
    if slant:
        turn = cv2.getRotationMatrix2D((own.shape[1] / 2, own.shape[0] / 2), float(np.degrees(slant)), 1.0)
        size = (own.shape[1], own.shape[0])
        picture = np.asarray(cv2.warpAffine(picture, turn, size, flags=cv2.INTER_LINEAR), np.uint8)
    return picture
