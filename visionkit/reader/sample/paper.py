"""What the camera sees, before any light: paper or board, its ruling and dirt, the ink, the table around.

A scene is three planes, red, green, blue, of how much light each point sends back.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.sample.camera import View
from visionkit.reader.sample.colors import RULING, TABLES, Color, choose, opacity_for
from visionkit.reader.sample.plane import Plane, Size, clouds, grain
from visionkit.reader.sample.styles import Style


def paper(tint: Color, frame: Size, smears: float, size: float, rng: np.random.Generator) -> list[Plane]:
    """Plain paper with its grain, or a board with the traces of the sponge."""
    fibre = 0.012 * grain(frame, max(0.8, size / 50), rng) + 0.012 * clouds(frame, (7, 9), rng)
    scene = [np.asarray(value * (1 + fibre), np.float32) for value in tint]
    if smears:
        wiped = smears * np.maximum(clouds(frame, (4, 6), rng) + 0.6 * clouds(frame, (24, 5), rng), 0)
        wiped += 0.25 * smears * np.maximum(grain(frame, max(0.7, size / 60), rng), 0)
        for plane in scene:
            plane[:] += wiped
    return scene


def rule(scene: list[Plane], view: View, style: Style, size: float, rng: np.random.Generator) -> None:
    """Print lines on the paper, each drawn where the camera sees it, from far off to far off."""
    if not style.rules:
        return
    lines = np.zeros(view.frame, np.uint8)
    pitch, thickness = rng.uniform(*style.rule_pitch) * size, max(1, round(rng.uniform(0.015, 0.04) * size))
    far = 1.5 * max(view.frame)
    for direction in style.rules:
        along = np.array([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
        for offset in np.arange(-far, far, pitch) + rng.uniform(0, pitch):
            middle = offset * along[::-1]
            ends = view.project(np.array([middle - far * along, middle + far * along], np.float32))
            start, end = (tuple(int(v) for v in point) for point in np.round(ends * 16))
            cv2.line(lines, start, end, 255, thickness, cv2.LINE_AA, 4)
    color, ground = choose(RULING, rng, 0.03), [float(plane[::8, ::8].mean()) for plane in scene]
    lay(scene, np.asarray(lines / 255, np.float32), color, opacity_for(color, ground, rng.uniform(0.1, 0.35)))


def speck(scene: list[Plane], size: float, rng: np.random.Generator) -> None:
    """A few specks of dirt or dust, far smaller than a glyph."""
    height, width = scene[0].shape
    dark = float(np.mean(scene[1][::8, ::8])) > 0.5
    for _ in range(int(rng.integers(2, 9))):
        x, y, radius = int(rng.integers(width)), int(rng.integers(height)), rng.uniform(0.008, 0.03) * size
        reach = int(radius * 2) + 2
        rows, columns = (
            np.arange(height)[max(y - reach, 0) : y + reach],
            np.arange(width)[max(x - reach, 0) : x + reach],
        )
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        away = np.hypot(rows[:, None] - y, columns - x)
        spot = rng.uniform(0.2, 0.6) * np.clip(radius + 0.7 - away, 0, 1)
        for plane in scene:
            plane[window] += np.float32(((0.2 if dark else 0.8) - plane[window]) * spot)


def press(coverage: Plane, texture: float, size: float, rng: np.random.Generator) -> Plane:
    """Ink is pressed unevenly across the page, and catches on the grain of the paper."""
    shape = coverage.shape
    skips = 0.5 * texture * np.maximum(grain(shape, max(0.6, size / 70), rng), 0)
    light = 0.1 * np.abs(clouds(shape, (6, 8), rng))
    return np.asarray(coverage * np.maximum(1 - skips - light, 0))


def lay(scene: list[Plane], coverage: Plane, color: Color, opacity: float) -> None:
    """Cover the scene with a colour, in place."""
    for plane, value in zip(scene, color, strict=True):
        plane[:] += (value - plane) * (coverage * np.float32(opacity))


def put_on_table(scene: list[Plane], corners: NDArray[np.float32], size: float, rng: np.random.Generator) -> None:
    """Cut the paper to a sheet; beyond it is a table with its grain, and the shadow of the sheet."""
    frame = scene[0].shape
    sheet = np.zeros(frame, np.uint8)
    cv2.fillConvexPoly(sheet, np.round(corners * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    cover = np.asarray(sheet / 255, np.float32)
    wood = 1 + 0.10 * clouds(frame, (40, 3), rng) + 0.07 * clouds(frame, (150, 6), rng)
    wood += 0.03 * grain(frame, 0.8, rng)
    wood *= 1 - 0.45 * cv2.GaussianBlur(cover, (0, 0), 0.08 * size)
    for plane, value in zip(scene, choose(TABLES, rng, 0.03), strict=True):
        plane[:] += (np.float32(value) * wood - plane) * (1 - cover)
