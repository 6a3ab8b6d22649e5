"""Planes: one number for every point of the picture, and the noise that fills them."""

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]  # (H, W), 0 to 1 unless said otherwise
Size = tuple[int, int]  # height, width


def clouds(shape: tuple[int, ...], cells: Size, rng: np.random.Generator) -> Plane:
    """Smooth noise, about -1 to 1, with so many cells down and across the picture."""
    small = rng.uniform(-1, 1, cells).astype(np.float32)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))


def grain(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Plane:
    """Noise of standard deviation 1 whose grains are about sigma pixels wide; a tile of it covers a large picture."""
    tile = (min(shape[0], 1024), min(shape[1], 1024))
    fine = rng.standard_normal(tile, np.float32)
    noise = np.asarray(cv2.GaussianBlur(fine, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
    noise /= noise.std()
    times = (-(-shape[0] // tile[0]), -(-shape[1] // tile[1]))
    return np.asarray(noise if times == (1, 1) else np.tile(noise, times)[: shape[0], : shape[1]])
