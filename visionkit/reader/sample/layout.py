"""The text in lines, on a flat plane whose origin is the corner of the text."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.sample.styles import Style
from visionkit.reader.sample.trace import above


def write(
    text: str, trace: Callable[[str, float], NDArray[np.uint8]], style: Style, size: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[NDArray[np.float32]]]:
    """The ink of the whole text on its plane (H, W), and the outline of every glyph, (M, 2) points x, y."""
    placed: list[tuple[int, int, NDArray[np.uint8]]] = []
    bottom = size
    for line in text.split("\n"):
        start = rng.uniform(0, 0.4) * size
        slope = np.tan(np.radians(rng.uniform(-style.slope, style.slope)))
        across = start
        for word in line.split():
            tall = size * (1 + rng.uniform(-style.word_size, style.word_size))
            for character in word:
                traced = trace(character, tall * rng.uniform(0.94, 1.06))
                foot = bottom + slope * (across - start) + rng.uniform(-style.drift, style.drift) * size
                placed.append((round(across), round(foot) - traced.shape[0], traced))
                across += traced.shape[1] + rng.uniform(*style.gap) * size
            across += (rng.uniform(*style.word_gap) - style.gap[0]) * size
        bottom += size * rng.uniform(1.5, 1.9)
    left, top = (min((spot[axis] for spot in placed), default=0) for axis in (0, 1))
    width = max((x + traced.shape[1] for x, _, traced in placed), default=round(size)) - left
    height = max((y + traced.shape[0] for _, y, traced in placed), default=round(size)) - top
    ink = np.zeros((height, width), np.uint8)
    outlines = []
    for x, y, traced in placed:
        patch = ink[y - top : y - top + traced.shape[0], x - left : x - left + traced.shape[1]]
        np.maximum(patch, traced, out=patch)
        points = cv2.convexHull(cv2.findNonZero(above(traced, 0.4 * float(traced.max())))).reshape(-1, 2)
        outlines.append(np.asarray(points + np.array([x - left, y - top]), np.float32))
    return ink, outlines
