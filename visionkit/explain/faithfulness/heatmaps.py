"""Heatmaps as others hand them in."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._errors import ArgumentError, describe
from visionkit.explain.pictures.upsample import array_of


def checked(where: str, heatmaps: ArrayLike, *, count: int | None = None) -> NDArray[Any]:
    """Maps (N, H, W) of finite numbers, as many as there are images.

    Raises:
        ArgumentError: they are not.

    >>> checked("insertion", [[[0, 1]]]).shape
    (1, 1, 2)
    """
    maps = array_of(heatmaps)
    if maps.ndim != 3 or not maps.size or maps.dtype.kind not in "biuf":
        raise ArgumentError(f"{where}: expected heatmaps (N, H, W) of numbers, got {describe(heatmaps)}")
    if count is not None and len(maps) != count:
        raise ArgumentError(f"{where}: expected a heatmap for each of {count} images, got {len(maps)}")
    finite = np.isfinite(maps).all(axis=(1, 2))
    if not finite.all():
        raise ArgumentError(f"{where}: heatmap {int(np.argmin(finite))} holds values that are infinite or no number")
    return maps if maps.dtype.kind == "f" else maps.astype(np.float32)
