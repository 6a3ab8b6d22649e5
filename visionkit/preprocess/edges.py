"""Smoothing, and the edges that are left."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike

from visionkit._errors import ArgumentError, describe, one_of
from visionkit.preprocess.image import Image, _is_number, _is_whole, _typed, check, to_gray

# name -> lower and upper threshold; "auto" has none, it takes them from the picture
PRESETS = {"wide": (10.0, 200.0), "mid": (30.0, 150.0), "tight": (240.0, 250.0)}


def gaussian_blur(image: ArrayLike, kernel_size: int = 5, sigma: float = 0.0) -> Image:
    """Smooth a picture with a Gaussian.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3).
        kernel_size: the side of the kernel in pixels, odd.
        sigma: the standard deviation in pixels; 0 takes the one that fits the kernel, 0.3 (kernel_size - 1) / 2 + 0.35.

    Returns:
        A new uint8 array of the same shape.

    Raises:
        ImageError: not such an image.
        ArgumentError: an even or negative ``kernel_size``, or a negative ``sigma``.

    >>> dot = np.zeros((5, 5), np.uint8); dot[2, 2] = 255
    >>> gaussian_blur(dot, 3)[2]
    array([ 0, 32, 64, 32,  0], dtype=uint8)
    """
    pixels = check(image, "gaussian_blur")
    if not _is_whole(kernel_size) or kernel_size < 1 or kernel_size % 2 == 0:
        raise ArgumentError(
            f"gaussian_blur: expected kernel_size to be an odd whole number such as 3 or 5, got {describe(kernel_size)}"
        )
    if not _is_number(sigma) or not 0 <= sigma < np.inf:
        raise ArgumentError(f"gaussian_blur: expected sigma to be a number from 0 on, got {describe(sigma)}")
    return _typed(cv2.GaussianBlur(pixels, (int(kernel_size), int(kernel_size)), float(sigma)))


def canny(
    image: ArrayLike,
    preset: Literal["mid", "wide", "tight", "auto"] = "mid",
    *,
    low: float | None = None,
    high: float | None = None,
) -> Image:
    """Find edges one pixel wide.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3); colour is turned into grey first.
        preset: the two thresholds on the gradient by name: "wide" (10, 200), "mid" (30, 150), "tight" (240, 250), or
            "auto": a third below and a third above the median grey level.
        low: where a traced edge ends, instead of the preset's.
        high: where an edge begins, instead of the preset's.

    Returns:
        uint8 (H, W): 255 on edges, 0 elsewhere.

    Raises:
        ImageError: not such an image.
        ArgumentError: an unknown preset, a negative threshold, or a low one above the high one.

    Source: Canny, A Computational Approach to Edge Detection, 1986.

    >>> page = np.full((20, 20), 230, np.uint8); page[5:15, 8:11] = 40
    >>> np.unique(canny(page))
    array([  0, 255], dtype=uint8)
    """
    pixels = check(image, "canny")
    gray = pixels if pixels.ndim == 2 else to_gray(pixels)
    if preset not in (*PRESETS, "auto"):
        raise one_of("canny", "preset", preset, (*PRESETS, "auto"))
    if preset == "auto":
        median = float(np.median(gray))
        thresholds = (median * 0.67, max(1.0, min(255.0, median * 1.33)))
    else:
        thresholds = PRESETS[preset]
    for argument, value in (("low", low), ("high", high)):
        if value is not None and (not _is_number(value) or not 0 <= value < np.inf):
            raise ArgumentError(f"canny: expected {argument} to be a number from 0 on, got {describe(value)}")
    lower, upper = thresholds[0] if low is None else float(low), thresholds[1] if high is None else float(high)
    if lower > upper:
        raise ArgumentError(
            f"canny: expected low to be at most high, got low={lower:g} and high={upper:g}; "
            "a threshold that is not given comes from the preset"
        )
    return _typed(cv2.Canny(gray, lower, upper))
