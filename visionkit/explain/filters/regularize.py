"""What keeps a pattern from being noise: jitter, blur and total variation."""

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

_SHIFTS = 1024  # a longer ascent begins anew: the number of steps is not to change what is compiled


def shifts(most: int, seed: int) -> NDArray[np.int32]:
    """Random shifts of up to ``most`` pixels down and to the right, for each step."""
    return np.random.default_rng(seed).integers(-most, most + 1, (_SHIFTS, 2), dtype=np.int32)


def shifted(pictures: Any, shift: Any) -> Any:
    """Pictures (N, H, W, C) moved by ``shift``, (2,); what leaves on one side comes back on the other."""
    for axis in (1, 2):
        length = pictures.shape[axis]
        pictures = ops.take(pictures, (ops.arange(length, dtype="int32") - shift[axis - 1]) % length, axis=axis)
    return pictures


def gaussian(length: int, sigma: float) -> NDArray[np.float32]:
    """The matrix (length, length) that blurs a column of pixels: each row is a Gaussian whose sum is 1.

    As a matrix the blur compiles once for all values of ``sigma``, and is exact at the borders.

    >>> gaussian(3, 0.5).round(2)
    array([[0.88, 0.12, 0.  ],
           [0.11, 0.79, 0.11],
           [0.  , 0.12, 0.88]], dtype=float32)
    """
    place = np.arange(length)
    weights = np.exp(-0.5 * ((place[:, None] - place) / max(sigma, 1e-3)) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, np.float32)


def blurred(pictures: Any, rows: Any, columns: Any) -> Any:
    """Pictures (N, H, W, C), down by one matrix and along by the other."""
    return ops.einsum("wx,nhxc->nhwc", columns, ops.einsum("hy,nywc->nhwc", rows, pictures))


def roughness(pictures: Any, least: Any) -> Any:
    """The gradient of the total variation, the sum of absolute differences of neighbours.

    It is divided by 3, which makes it about 1 for noise, root mean square.

    Args:
        pictures: (N, H, W, C).
        least: the difference from which on it is that; smaller ones count less, so that what is smooth stays still.

    Source: Rudin, Osher and Fatemi, Nonlinear Total Variation Based Noise Removal Algorithms, 1992; here with
    vertical and horizontal differences apart.
    """
    down = ops.tanh((pictures[:, 1:] - pictures[:, :-1]) / least)
    along = ops.tanh((pictures[:, :, 1:] - pictures[:, :, :-1]) / least)
    none, before, after = [0, 0], [1, 0], [0, 1]
    vertical = ops.pad(down, [none, before, none, none]) - ops.pad(down, [none, after, none, none])
    horizontal = ops.pad(along, [none, none, before, none]) - ops.pad(along, [none, none, after, none])
    return (vertical + horizontal) / 3
