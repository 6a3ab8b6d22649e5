"""Drawn animals for the quick runs of the examples: heads that differ by their fur and their ears."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import visionkit as vk

# colour of the fur; from where an ear sits on the head, to its end: sideways and down, in radii of the head; how wide;
# whether it is pointed
KINDS = {
    "Bear": ((70, 45, 30), (0.7, -0.7), (0.8, -0.8), 0.4, False),
    "Cat": ((225, 140, 60), (0.6, -0.6), (0.8, -1.5), 0.7, True),
    "Dog": ((130, 120, 110), (0.8, -0.6), (1.2, 0.5), 0.5, False),
    "Rabbit": ((225, 215, 205), (0.4, -0.8), (0.5, -2.0), 0.4, False),
}


def animals(folder: Path, kinds: str, *, photos: int, seed: int) -> Path:
    """Write a folder of drawn animals of each kind, such as "Cat Dog"."""
    for kind in kinds.split():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(photos):
            vk.preprocess.write(folder / kind / f"{number}.jpg", head(kind, np.random.default_rng([seed, number])))
    return folder


def head(kind: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The head of an animal, (180, 180, 3), somewhere, of some size and shade, in front of something."""
    colour, root, end, wide, pointed = KINDS[kind]
    canvas = np.full((180, 180, 3), rng.integers(90, 256, 3), np.uint8)
    cv2.rectangle(canvas, (0, int(rng.integers(90, 170))), (180, 180), rng.integers(60, 200, 3).tolist(), -1)
    fur, dark = (colour + rng.integers(-25, 26, 3)).tolist(), rng.integers(0, 40, 3).tolist()
    size, middle = int(rng.integers(32, 44)), np.array([90, 105]) + rng.integers(-15, 16, 2)

    def at(right: float, down: float) -> list[int]:
        return [round(middle[0] + size * right), round(middle[1] + size * down)]

    for side in (-1, 1):
        start, tip = at(side * root[0], root[1]), at(side * end[0], end[1])
        if pointed:
            inner, outer = at(side * (root[0] - wide / 2), root[1]), at(side * (root[0] + wide / 2), root[1] + 0.3)
            cv2.fillConvexPoly(canvas, np.array([inner, tip, outer]), fur, cv2.LINE_AA)
        else:
            cv2.line(canvas, start, tip, fur, round(wide * size), cv2.LINE_AA)
    cv2.circle(canvas, at(0, 0), size, [min(255, part + 25) for part in fur], -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.circle(canvas, at(side * 0.35, -0.2), size // 7, dark, -1, cv2.LINE_AA)
    cv2.ellipse(canvas, at(0, 0.3), (size // 5, size // 8), 0, 0, 360, dark, -1, cv2.LINE_AA)
    return np.clip(canvas + rng.normal(0, 8, canvas.shape), 0, 255).astype(np.uint8)
