"""One homography for all that lies on the paper."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.sample.plane import Plane, Size
from visionkit.reader.sample.styles import Style


@dataclass(frozen=True)
class View:
    """Where the camera stands: the homography from the text to the picture, whose size is `frame` (height, width)."""

    homography: NDArray[np.float64]
    frame: Size
    sheet: NDArray[np.float32] | None  # (4, 2) corners of the paper in the picture, where it ends there

    def see(self, ink: NDArray[np.uint8]) -> Plane:
        """The ink as it appears in the picture."""
        seen = cv2.warpPerspective(ink, self.homography, self.frame[::-1])
        return np.asarray(seen, np.float32) / np.float32(255)

    def project(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where points (M, 2) x, y of the page appear in the picture."""
        return _project(points, self.homography)


def look(ink: NDArray[np.uint8], style: Style, size: float, rng: np.random.Generator) -> View:
    """Turn and tilt the page, and put around the text what the picture needs: margins, or a sheet and its table."""
    height, width = ink.shape
    turn = np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-style.turn, style.turn), 1.0)
    corners = _rectangle(0, 0, width, height)
    tilted = corners + np.float32(rng.uniform(-0.025, 0.025, (4, 2)) * (width, height))
    homography = turn @ cv2.getPerspectiveTransform(corners, tilted)

    around = rng.uniform(0.7, 1.8, 4) * size  # left, top, right, bottom
    sheet = None
    if rng.random() < style.table:
        left, top, right, bottom = around
        sheet = _project(_rectangle(-left, -top, width + right, height + bottom), homography)
        around = around + rng.uniform(-0.3, 1.2, 4) * size  # less than nothing: the sheet goes on beyond the picture
    seen = _project(corners, homography)
    need = (seen.max(axis=0) + around[2:]) - (seen.min(axis=0) - around[:2])  # width, height
    room = np.maximum(need, style.frame[::-1])
    shift = around[:2] - seen.min(axis=0) + rng.uniform(0.2, 0.8, 2) * (room - need)
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    return View(
        move @ homography,
        (round(room[1]), round(room[0])),
        None if sheet is None else (sheet + shift).astype(np.float32),
    )


def boxes_around(outlines: list[NDArray[np.float32]]) -> NDArray[np.int64]:
    """The smallest boxes x, y, width, height around outlines (M, 2), in whole pixels."""
    boxes = np.zeros((len(outlines), 4), np.int64)
    for box, outline in zip(boxes, outlines, strict=True):
        low, high = np.floor(outline.min(axis=0)), np.ceil(outline.max(axis=0)) + 1
        box[:] = *low, *(high - low)
    return boxes


def _rectangle(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def _project(points: NDArray[np.float32], homography: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2), homography).reshape(-1, 2), np.float32)
