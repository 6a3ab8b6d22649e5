"""How much light falls on each point of the page."""

from functools import reduce

import cv2
import numpy as np

from visionkit.reader.sample.plane import Plane, Size, clouds


def light(frame: Size, rng: np.random.Generator) -> Plane:
    """Brighter towards a window, darker towards the corners."""
    y, x = np.linspace(-1, 1, 48, dtype=np.float32)[:, None], np.linspace(-1, 1, 64, dtype=np.float32)
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.22)
    lit = 1 + slope * (x * np.cos(angle) + y * np.sin(angle)) - rng.uniform(0.02, 0.12) * (x * x + y * y)
    lit += 0.03 * clouds(lit.shape, (4, 4), rng)
    return np.asarray(cv2.resize(lit / lit.max(), frame[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def shadow(frame: Size, size: float, rng: np.random.Generator) -> Plane:
    """A half-plane or a wedge that is darker by 30 to 60 %, its edge near the middle of the picture."""
    height, width = frame
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    soft, angle = rng.uniform(1, 4) * max(1.0, size / 48), rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0.3, 0.7, 2) * (width, height)

    def side(turn: float) -> Plane:
        distance = (x - middle[0]) * np.cos(turn) + (y - middle[1]) * np.sin(turn)
        return np.asarray(np.clip(distance / soft + 0.5, 0, 1), np.float32)

    edges = [side(angle)] + ([side(angle + rng.uniform(0.6, 1.6))] if rng.random() < 0.5 else [])
    return np.asarray(1 - rng.uniform(0.3, 0.6) * reduce(np.minimum, edges), np.float32)
