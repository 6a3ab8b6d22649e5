"""The colours of papers, boards, tables and rulings, and how opaque one must be to show on another."""

from collections.abc import Sequence

import numpy as np

Color = tuple[float, float, float]  # RGB, 0 to 1

PAPERS: tuple[Color, ...] = ((0.96, 0.96, 0.96), (0.96, 0.93, 0.85), (0.88, 0.88, 0.87), (0.92, 0.94, 0.97))
BOARDS: tuple[Color, ...] = ((0.13, 0.27, 0.20), (0.15, 0.16, 0.17), (0.10, 0.21, 0.19))
TABLES: tuple[Color, ...] = ((0.66, 0.50, 0.34), (0.40, 0.26, 0.17), (0.22, 0.21, 0.21), (0.52, 0.40, 0.28))
RULING: tuple[Color, ...] = ((0.35, 0.45, 0.65), (0.45, 0.48, 0.52), (0.30, 0.50, 0.62))


def choose(colors: tuple[Color, ...], rng: np.random.Generator, spread: float) -> Color:
    """One of these colours, each of its channels off by up to the spread."""
    red, green, blue = np.clip(colors[rng.integers(len(colors))] + rng.uniform(-spread, spread, 3), 0.03, 0.98)
    return float(red), float(green), float(blue)


def opacity_for(color: Sequence[float], paper: Sequence[float], contrast: float) -> float:
    """How opaque a colour must be to differ from the paper by this part of the paper's brightness."""
    bright, dark = float(np.mean(paper)), float(np.mean(color))
    return min(1.0, contrast * bright / max(abs(bright - dark), 1e-3))
