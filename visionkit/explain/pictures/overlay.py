"""A heatmap in colours, and over the photo."""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, describe, one_of
from visionkit.explain.pictures.upsample import array_of, upsample
from visionkit.preprocess.image import Image, check

COLORMAPS = ("diverging", *sorted(name[9:].lower() for name in dir(cv2) if name.startswith("COLORMAP_")))


def overlay(image: ArrayLike, heatmap: ArrayLike, *, alpha: float = 0.4, colormap: str = "jet") -> Image:
    """Lay a heatmap over a photo: (1 - alpha) times the photo plus alpha times the colour of the heat.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3). ``visionkit.preprocess.read`` makes one of other pictures.
        heatmap: numbers of shape (h, w), resized to the photo where they differ; see ``colorize``.
        alpha: how much of the colour, in [0, 1].
        colormap: see ``colorize``.

    Returns:
        A new uint8 array, RGB (H, W, 3).

    Raises:
        ImageError: not such an image.
        ArgumentError: not such a heatmap, or another argument is not of the kind above.

    >>> photo = np.full((4, 4, 3), 100, np.uint8)
    >>> overlay(photo, np.eye(4), alpha=0.5)[0, :2].tolist()  # dark red where it is hot, dark blue where it is not
    [[114, 50, 50], [50, 50, 114]]
    """
    pixels = check(image, "overlay")
    share = opacity("overlay", alpha)
    heat = upsample(checked("overlay", heatmap, colormap), pixels.shape[:2])
    return mix(pixels, colorize(heat, colormap=colormap), share)


def colorize(heatmap: ArrayLike, *, colormap: str = "jet") -> Image:
    """Give a heatmap the colours of a colour map.

    Args:
        heatmap: numbers of shape (H, W) in [0, 1], from cold to hot; or signed ones in [-1, 1], which only the colour
            map "diverging" can tell apart: blue for -1, white for 0, red for 1.
        colormap: "diverging", or one of OpenCV's: "jet", "viridis", "turbo", "inferno"...: all are in ``COLORMAPS``.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        ArgumentError: not such a heatmap, or no colour map has this name.

    >>> colorize([[-1.0, 0.0, 1.0]], colormap="diverging").tolist()
    [[[0, 0, 255], [255, 255, 255], [255, 0, 0]]]
    """
    heat = checked("colorize", heatmap, colormap)
    if colormap == "diverging":
        return _table(colormap)[np.rint(127 + 127 * heat).astype(np.uint8)]
    return _table(colormap)[np.rint(255 * heat).astype(np.uint8)]


def checked(where: str, heatmap: ArrayLike, colormap: str) -> NDArray[np.float32]:
    """A heatmap (H, W) whose values the colour map, a known one, can show; an error that says so otherwise."""
    if colormap not in COLORMAPS:
        raise one_of(where, "colormap", colormap, COLORMAPS)
    heat = array_of(heatmap)
    if heat.ndim != 2 or not heat.size or heat.dtype.kind not in "biuf":
        batch = f"; take one map of it, such as {where}(images[0], heatmaps[0])" if heat.ndim == 3 else ""
        raise ArgumentError(f"{where}: expected a heatmap of numbers of shape (H, W), got {describe(heatmap)}{batch}")
    heat = heat.astype(np.float32)
    if not np.isfinite(heat).all():
        raise ArgumentError(
            f"{where}: expected a heatmap of finite numbers, got some that are infinite or not a number"
        )
    low, high, slack = float(heat.min()), float(heat.max()), 1e-5  # what rounding may have added
    least = -1 if colormap == "diverging" else 0
    if low < -slack and low >= -1 - slack and least == 0:
        raise ArgumentError(
            f"{where}: expected a heatmap in [0, 1] for the colour map {colormap!r}, got values from {low:.3g} on; "
            "signed maps take colormap='diverging'"
        )
    if low < least - slack or high > 1 + slack:
        raise ArgumentError(
            f"{where}: expected a heatmap in [{least}, 1], got values from {low:.3g} to {high:.3g}; divide it by its "
            "largest absolute value"
        )
    return heat.clip(least, 1)


def opacity(where: str, alpha: Any) -> float:
    """How much of the colour, in [0, 1]."""
    share = _checks.not_negative(where, "alpha", alpha)
    if share > 1:
        raise ArgumentError(f"{where}: expected alpha to be in [0, 1], got {describe(alpha)}")
    return share


def mix(photo: Image, colors: Image, share: float) -> Image:
    """A photo, grey or RGB, and the colours over it."""
    if photo.ndim == 2:
        photo = np.repeat(photo[..., None], 3, axis=2)
    return np.asarray(cv2.addWeighted(photo, 1 - share, colors, share, 0), np.uint8)


@cache
def _table(colormap: str) -> Image:
    """The colours of a map from cold to hot: 256, or 255 of the diverging one, so that zero is the middle one."""
    if colormap == "diverging":
        steps = np.arange(255)
        blue_white_red = [np.interp(steps, (0, 127, 254), ends) for ends in ((0, 255, 255), (0, 255, 0), (255, 255, 0))]
        return np.rint(np.stack(blue_white_red, axis=1)).astype(np.uint8)
    number = getattr(cv2, f"COLORMAP_{colormap.upper()}")
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(1, 256), number)
    return np.ascontiguousarray(table[0, :, ::-1])
