"""What stands in for a picture, or for a part of it."""

import cv2
import numpy as np
from numpy.typing import ArrayLike

from visionkit._errors import ArgumentError, describe
from visionkit.explain.probe.inputs import Array

NAMES = ("mean", "blur")


def background(where: str, argument: str, wanted: float | str | ArrayLike, pictures: Array) -> Array:
    """Pictures that tell nothing, or little.

    Args:
        where: the function that asks, for messages.
        argument: what it calls ``wanted``.
        wanted: "mean" for the mean colour of each picture, "blur" for the picture without its details (Gaussian, sigma
            a tenth of the longer side), a number, or an array: a colour (C,), a picture (H, W, C), or one for each.
        pictures: float32 (N, H, W, C).

    Returns:
        float32 (N, H, W, C), or with 1 in place of sizes along which it is the same.

    Raises:
        ArgumentError: none of them, not finite, or of another shape.

    >>> background("example", "fill", "mean", np.ones((1, 2, 2, 3), "float32")).shape
    (1, 1, 1, 3)
    """
    if isinstance(wanted, str) and wanted == "mean":
        return np.asarray(pictures.mean(axis=(1, 2), keepdims=True))
    if isinstance(wanted, str) and wanted == "blur":
        sigma = max(pictures.shape[1:3]) / 10
        blurred = [cv2.GaussianBlur(one, (0, 0), sigma).reshape(one.shape) for one in pictures]
        return np.stack(blurred)
    try:
        values = np.asarray(wanted)
        fits = values.dtype.kind in "biuf" and np.broadcast_shapes(values.shape, pictures.shape) == pictures.shape
    except ValueError:
        fits = False
    if not fits:
        raise ArgumentError(
            f"{where}: expected {argument} to be a number, 'mean', 'blur', or an array that fits images of shape "
            f"{pictures.shape}, got {describe(wanted)}"
        )
    if not np.isfinite(values).all():
        raise ArgumentError(f"{where}: expected {argument} to be finite, got values that are infinite or no number")
    shape = (len(pictures), *np.broadcast_shapes(values.shape, (1, 1, 1, 1))[1:])
    return np.broadcast_to(values.astype(np.float32), shape)
