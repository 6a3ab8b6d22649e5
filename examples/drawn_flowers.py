"""Simple drawn flowers, for a quick run without photographs: a folder of pictures for each kind."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import visionkit as vk

# kind -> petals, length and width of one, its colour and that of the middle
KINDS = {
    "daisy": (16, 52, 9, (240, 240, 235), (240, 190, 30)),
    "dandelion": (40, 44, 3, (245, 205, 40), (225, 170, 20)),
    "rose": (6, 34, 24, (200, 30, 60), (150, 15, 40)),
    "sunflower": (20, 60, 11, (250, 190, 20), (80, 50, 25)),
    "tulip": (3, 50, 26, (230, 90, 150), (220, 70, 130)),
}


def flowers(folder: Path, *, photos: int, seed: int) -> Path:
    """Write so many pictures of each kind."""
    for kind, name in enumerate(KINDS):
        for number in range(photos):
            (folder / name).mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([kind, seed, number])
            vk.preprocess.write(folder / name / f"{seed}{name}{number}.jpg", photo(name, rng))
    return folder


def photo(kind: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One picture (240, 320, 3): a flower somewhere before something green, in some light."""
    petals, length, width, colour, middle = KINDS[kind]
    canvas = cv2.resize(rng.integers((10, 50, 10), (70, 150, 60), (12, 16, 3), np.uint8), (320, 240))
    centre, scale, turn = (rng.integers(90, (230, 150))).tolist(), rng.uniform(0.8, 1.5), rng.uniform(0, 360)
    foot = (centre[0] + int(rng.integers(-60, 61)), 240)
    cv2.line(canvas, centre, foot, (60, 120, 40), 6, cv2.LINE_AA)
    half = (int(scale * length / 2), int(scale * width / 2))
    for angle in turn + np.arange(petals) * 360 / petals:
        across, down = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        tip = (round(centre[0] + half[0] * across), round(centre[1] + half[0] * down))
        shade = tuple(int(one * rng.uniform(0.85, 1)) for one in colour)
        cv2.ellipse(canvas, tip, half, angle, 0, 360, shade, -1, cv2.LINE_AA)
    cv2.circle(canvas, centre, int(scale * 12), middle, -1, cv2.LINE_AA)
    return np.clip(canvas * rng.uniform(0.6, 1.1) + rng.normal(0, 6, canvas.shape), 0, 255).astype(np.uint8)
