"""Deform pictures of glyphs as hands, pens and cameras do, and make ink that is no glyph at all."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.glyph import SIZE, glyph, stroke_width

Picture = NDArray[np.uint8]

SIDE, SPAN = 72, 44  # of the canvas that a glyph is deformed on, and of its ink
ROWS, COLUMNS = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) - (SIDE - 1) / 2
DISC = {size: cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)) for size in (3, 5)}


def on_canvas(ink: Picture) -> Picture:
    """Scale ink (h, w) to the middle of a canvas (72, 72)."""
    scale = SPAN / max(ink.shape)
    width, height = (max(1, round(side * scale)) for side in ink.shape[::-1])
    scaled = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    canvas[top : top + height, left : left + width] = scaled
    return canvas


def deform(canvas: Picture, rng: np.random.Generator) -> Picture:
    """One glyph as somebody else might have written and photographed it: canvas (72, 72) to glyph (32, 32)."""
    for step in (bend, change_pen, wear, coarsen, litter):
        canvas = step(canvas, rng)
    return photograph(misplace(glyph(canvas), rng), rng)


def bend(canvas: Picture, rng: np.random.Generator) -> Picture:
    """Rotate, shear, stretch, taper, and displace smoothly."""
    angle = np.radians(np.clip(rng.normal(0, 8), -18, 18))
    shear, stretch = np.clip(rng.normal(0, 0.16, 2), -0.35, 0.35)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine = turn @ np.array([[np.exp(-stretch), shear], [0, 1]])
    taper = rng.normal(0, 0.0015, 2)
    depth = 1 + taper[0] * COLUMNS + taper[1] * ROWS
    drift = rng.standard_normal((2, 4, 4), np.float32) * rng.uniform(1.6, 2.8)
    x, y = (
        ((row[0] * COLUMNS + row[1] * ROWS) / depth + (SIDE - 1) / 2).astype(np.float32)
        + cv2.resize(waves, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for row, waves in zip(affine, drift, strict=True)
    )
    return cv2.remap(canvas, x, y, cv2.INTER_LINEAR)


def change_pen(canvas: Picture, rng: np.random.Generator) -> Picture:
    """Widen the strokes, or thin those that bear it."""
    choice = rng.random()
    if choice < 0.25:
        return cv2.dilate(canvas, DISC[3 if choice < 0.15 else 5])
    if choice < 0.5 and stroke_width(cv2.compare(canvas, 90, cv2.CMP_GT)) > 4.5:
        return cv2.erode(canvas, DISC[3])
    return canvas


def wear(canvas: Picture, rng: np.random.Generator) -> Picture:
    """Now and then, let the paper's grain show through as with pencil and chalk."""
    if rng.random() > 0.25:
        return canvas
    grain = cv2.resize(rng.random((SIDE // 2, SIDE // 2), np.float32), (SIDE, SIDE))
    return (canvas * np.clip(1.25 - rng.uniform(0.3, 1.2) * grain, 0, 1)).astype(np.uint8)


def coarsen(canvas: Picture, rng: np.random.Generator) -> Picture:
    """Now and then, photograph from afar: as few as 12 pixels for the glyph."""
    if rng.random() < 0.55:
        return canvas
    side = int(SIDE * rng.uniform(0.3, 1.0))
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def litter(canvas: Picture, rng: np.random.Generator) -> Picture:
    """Now and then, leave the stub of a ruled line or a speck at the glyph."""
    if rng.random() > 0.12:
        return canvas
    x, y, width, height = cv2.boundingRect(cv2.compare(canvas, 100, cv2.CMP_GT))
    at = (int(x + rng.uniform(-4, width)), int(y + rng.uniform(0, height)))
    if rng.random() < 0.7:
        end = (at[0] + int(rng.integers(4, 14)), at[1] + int(rng.integers(-1, 2)))
        return cv2.line(canvas, at, end, int(rng.integers(120, 255)), int(rng.integers(1, 3)))
    return cv2.circle(canvas, at, 1, 200, -1)


def misplace(picture: Picture, rng: np.random.Generator) -> Picture:
    """Box the glyph a little wrong."""
    if rng.random() > 0.6:
        return picture
    scale = 1 + np.clip(rng.normal(0, 0.04, 2), -0.1, 0.1)
    shift = np.clip(rng.normal(0, 0.8, 2), -2, 2)
    middle = (SIZE - 1) / 2
    move = np.array(
        [[scale[0], 0, middle * (1 - scale[0]) + shift[0]], [0, scale[1], middle * (1 - scale[1]) + shift[1]]]
    )
    return cv2.warpAffine(picture, move, (SIZE, SIZE))


def photograph(picture: Picture, rng: np.random.Generator) -> Picture:
    """Out of focus, faint, noisy: each now and then."""
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.1))
    if rng.random() < 0.4:
        noise = rng.standard_normal((SIZE, SIZE), np.float32) * rng.uniform(0, 10)
        picture = np.clip(picture * rng.uniform(0.7, 1.0) + noise, 0, 255).astype(np.uint8)
    return picture


def no_glyph(canvases: Sequence[Picture], rng: np.random.Generator) -> Picture:
    """Ink (32, 32) that is no glyph: two that touch, side by side or one above the other, a blot, or a scribble.

    A network that learns to believe in no character here tells a good cut from a bad one, and writing from the grain
    of a table. After Hendrycks et al., Deep Anomaly Detection with Outlier Exposure, 2019.
    """
    kind = rng.choice(["beside", "above", "blot", "scribble"], p=[0.4, 0.22, 0.23, 0.15])
    if kind == "blot":
        return deform(blot(rng), rng)
    if kind == "scribble":
        corners = rng.integers(8, SIDE - 8, (int(rng.integers(6, 10)), 1, 2)).astype(np.int32)
        canvas = np.zeros((SIDE, SIDE), np.uint8)
        return deform(cv2.polylines(canvas, [corners], False, 255, int(rng.integers(2, 6)), cv2.LINE_AA), rng)
    first, second = (canvases[int(rng.integers(len(canvases)))] for _ in range(2))
    if kind == "above":
        return glyph(touching(first.T, second.T, rng).T)
    return glyph(touching(first, second, rng))


def touching(first: Picture, second: Picture, rng: np.random.Generator) -> Picture:
    """Two glyphs side by side, their boxes between four pixels apart and four into one another."""
    first, second = (canvas[:, canvas.max(axis=0) > 60] for canvas in (first, second))
    second = np.roll(second, int(rng.integers(-8, 9)), axis=0)
    start = max(0, first.shape[1] + int(rng.integers(-4, 5)))
    both = np.zeros((SIDE, max(start + second.shape[1], first.shape[1])), np.uint8)
    both[:, : first.shape[1]] = first
    both[:, start : start + second.shape[1]] = np.maximum(both[:, start : start + second.shape[1]], second)
    return np.ascontiguousarray(both)


def blot(rng: np.random.Generator) -> Picture:
    """The largest island of smooth noise."""
    noise = rng.standard_normal((SIDE, SIDE), np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(1.5, 7), sigmaY=rng.uniform(1.5, 7))
    mask = (noise > np.percentile(noise, rng.uniform(70, 93))).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    island = (labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8) * 255
    return cv2.GaussianBlur(island, (0, 0), 1)
