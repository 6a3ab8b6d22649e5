"""Many small pictures as one."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, ImageError, describe
from visionkit.explain.pictures.overlay import colorize
from visionkit.explain.pictures.upsample import array_of
from visionkit.preprocess.image import Image

DEAD = (72, 72, 72)


def grid(
    images: ArrayLike,
    *,
    columns: int | None = None,
    margin: int = 2,
    background: tuple[int, int, int] = (255, 255, 255),
) -> Image:
    """Put pictures of one size side by side, row by row.

    Args:
        images: uint8, (N, H, W) or RGB (N, H, W, 3).
        columns: pictures in a row; by default as many as make the whole nearly square.
        margin: pixels between two pictures and around all of them.
        background: RGB of the margins and of places that stay empty.

    Returns:
        uint8 RGB.

    Raises:
        ImageError: no such pictures.
        ArgumentError: another argument is not of the kind above.

    >>> grid(np.zeros((64, 10, 10), np.uint8)).shape  # 8 x 8, with 9 margins
    (98, 98, 3)
    """
    tiles = array_of(images)
    if tiles.dtype != np.uint8 or not tiles.size or not (tiles.ndim == 3 or (tiles.ndim == 4 and tiles.shape[3] == 3)):
        raise ImageError(f"grid: expected uint8 pictures of shape (N, H, W) or (N, H, W, 3), got {describe(images)}")
    if tiles.ndim == 3:
        tiles = np.repeat(tiles[..., None], 3, axis=3)
    count, height, width = tiles.shape[:3]
    margin = _checks.positive("grid", "margin", margin, least=0)
    if columns is None:
        columns = max(1, round(math.sqrt(count * height / width)))
    columns = min(count, _checks.positive("grid", "columns", columns))
    rows = math.ceil(count / columns)
    sheet = np.empty((margin + rows * (height + margin), margin + columns * (width + margin), 3), np.uint8)
    sheet[:] = _color(background)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top, left = margin + row * (height + margin), margin + column * (width + margin)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def channels(maps: ArrayLike, *, colormap: str = "viridis") -> Image:
    """Draw each channel of a layer's output in colours, from its lowest value to its highest.

    A channel that has the same value everywhere says nothing: it is black, with a grey cross.

    Args:
        maps: finite numbers of shape (H, W, C).
        colormap: see ``colorize``.

    Returns:
        uint8 RGB (C, H, W, 3), as ``grid`` takes it.

    Raises:
        ArgumentError: not such an array, or no such colour map.

    >>> maps = np.stack([np.eye(8), np.zeros((8, 8))], axis=-1)
    >>> first, dead = channels(maps)
    >>> first[0, :2].tolist(), dead[0, :2].tolist()
    ([[253, 231, 37], [68, 1, 84]], [[72, 72, 72], [0, 0, 0]])
    """
    values = array_of(maps)
    if values.ndim != 3 or not values.size or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ArgumentError(f"channels: expected finite numbers of shape (H, W, C), got {describe(maps)}")
    drawn = np.empty((values.shape[2], *values.shape[:2], 3), np.uint8)
    for number, picture in enumerate(drawn):
        channel = values[..., number].astype(np.float64)
        low, high = channel.min(), channel.max()
        picture[:] = colorize((channel - low) / (high - low), colormap=colormap) if high > low else _dead(channel.shape)
    return drawn


def _dead(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    height, width = shape
    picture, steps = np.zeros((height, width, 3), np.uint8), np.arange(max(height, width))
    down, across = steps * height // steps.size, steps * width // steps.size
    picture[down, across] = picture[down, width - 1 - across] = DEAD
    return picture


def _color(value: Any) -> tuple[int, int, int]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ArgumentError(f"grid: expected background to be three integers, got {describe(value)}")
    red, green, blue = (_checks.positive("grid", "background", part, least=0) for part in value)
    if max(red, green, blue) > 255:
        raise ArgumentError(f"grid: expected background to be three integers from 0 to 255, got {tuple(value)}")
    return red, green, blue
