"""The Fourier score of a picture: how much of it there is outside its lowest frequencies.

In exact numbers, with the square cut off where the spectrum ends, the score is

    spectrum = fftshift(fft2(gray))
    spectrum[rows // 2 - size : rows // 2 + size, columns // 2 - size : columns // 2 + size] = 0
    mean(20 * log(abs(ifft2(ifftshift(spectrum)))))

The frequencies that are taken away are few, so products with thin matrices find them and turn them back into a picture
for less than what transforms of the whole picture cost and, strip by strip, in little memory.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.preprocess.image import Image

Matrix = NDArray[np.floating[Any]]

_STRIP = 2**18  # pixels that are worked on at once


class _Precision(NamedTuple):
    dtype: type[np.floating[Any]]
    least: float  # what is nearer to 0 cannot be told from it, and counts as this
    together: int  # so many squares can be multiplied before a logarithm is taken
    few: float  # the share of pixels that may be so near to 0


_SINGLE = _Precision(np.float32, 1e-4, 4, few=1e-4)  # so few hardly show in the mean
_DOUBLE = _Precision(np.float64, 1e-12, 8, few=1.0)


def fft_score(gray: Image, size: int) -> float:
    """The mean of 20 ln |the picture without its frequencies -size to size - 1 of either direction|.

    Args:
        gray: uint8 (H, W).
        size: from 1 on; the cost grows with it.

    Returns:
        From -553, for a picture of one grey level, to about 100.
    """
    score = _score(gray, size, _SINGLE)
    return _score(gray, size, _DOUBLE) if np.isnan(score) else score


def _score(gray: Image, size: int, precision: _Precision) -> float:
    """The score; NaN where too much of the picture is too near to 0 for single precision."""
    total, near = 0.0, 0
    for squares in _high_pass(gray, size, precision.dtype):
        if squares.min(initial=np.inf) < precision.least**2:
            small = squares < precision.least**2
            squares[small] = precision.least**2
            near += int(np.count_nonzero(small))
            if near > precision.few * gray.size:
                return float("nan")
        total += _sum_of_logs(squares.ravel(), precision.together)
    return 10 * total / gray.size


def _high_pass(gray: Image, size: int, dtype: type[np.floating[Any]]) -> Iterator[Matrix]:
    """The squares of what is left of a picture without its low frequencies: strips, each in the memory of the last."""
    rows, columns = gray.shape
    half = (rows + 1) // 2
    # A row and its mirror image share their waves, but for the sign of the odd ones.
    height = max(1, _STRIP // columns)
    strips = [slice(top, min(top + height, half)) for top in range(0, half, height)]
    level = dtype(round(cv2.mean(gray)[0]))  # without it the numbers are smaller, and so more exact
    (down, split), (across, sine) = _waves(rows, size, dtype), _waves(columns, size, dtype)
    even, odd = down[:split], down[split:]

    scratch, found, part_of_it, real = _room(dtype, (4, min(height, half), columns), *[(len(down), columns)] * 3)
    found[:] = 0
    for strip in strips:
        one, other, added, _ = scratch[:, : strip.stop - strip.start]
        np.subtract(gray[strip], level, out=one)
        np.subtract(gray[::-1][strip], level, out=other)
        other[rows - half - strip.start :] = 0  # a row in the middle has no mirror image
        np.matmul(even[:, strip], np.add(one, other, out=added), out=part_of_it[:split])
        np.matmul(odd[:, strip], np.subtract(one, other, out=added), out=part_of_it[split:])
        found += part_of_it

    # The low-pass of a column is B'(1 - iJ)B, where the rows of B are its waves and J is 0 but for J[s, c] = 1 and
    # J[c, s] = -1, c and s being the two at -size. That of the picture is B'(T + JTJ + i(TJ - JT))B, where T says how
    # much of it is in which waves. So its imaginary part is of rank 4, and JTJ changes but two rows of TB.
    both = found @ across.T
    c, s = across[0], across[sine]
    np.matmul(both, across, out=real)
    left = np.vstack([both[:split, [sine, 0]].T @ even + both[split:, [sine, 0]].T @ odd, even[0], odd[0]]).T
    right = np.vstack([c, -s, real[split], -real[0]])
    real[split] += both[0, sine] * c - both[0, 0] * s
    real[0] -= both[split, sine] * c - both[split, 0] * s

    for strip in strips:
        symmetric, rest, high, imaginary = scratch[:, : strip.stop - strip.start]
        np.matmul(even[:, strip].T, real[:split], out=symmetric)
        symmetric += level
        np.matmul(odd[:, strip].T, real[split:], out=rest)
        for picture, mirrored, factor in ((gray, np.add, left), (gray[::-1], np.subtract, left[::-1])):
            np.subtract(picture[strip], mirrored(symmetric, rest, out=high), out=high)
            np.matmul(factor[strip], right, out=imaginary)
            high *= high
            imaginary *= imaginary
            high += imaginary
            yield high if picture is gray else high[: rows - half - strip.start]


def _room(dtype: type[np.floating[Any]], *shapes: tuple[int, ...]) -> list[Matrix]:
    """Arrays in one piece of memory: new memory costs as much as the sums that are put there, but less in one piece."""
    sizes = [math.prod(shape) for shape in shapes]
    pieces = np.split(np.empty(sum(sizes), dtype), np.cumsum(sizes)[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _waves(length: int, size: int, dtype: type[np.floating[Any]]) -> tuple[Matrix, int]:
    """The waves of the low frequencies over so many pixels, about the middle: (n, length), and how many are cosines.

    The cosines come first, and of them and the sines those at -size, which alone has no partner: the other frequencies
    are -(size - 1) to size - 1. Where the spectrum ends before, its own lowest takes that place; if that one has a
    partner, the first are 0.
    """
    paired, lowest = min(size - 1, (length - 1) // 2), min(size, length // 2)
    circle = np.exp(np.pi / length * 1j * np.arange(2 * length)) * (2 / length) ** 0.5
    places = np.outer(np.arange(1, lowest + 1, dtype=np.int32), np.arange(1 - length, length, 2, dtype=np.int32))
    waves, cosines = np.zeros((2 * paired + 3, length), dtype), paired + 2
    waves[1] = length**-0.5
    for part, rows, first in ((circle.real, waves[:cosines], 2), (circle.imag, waves[cosines:], 1)):
        if lowest > paired:
            rows[0] = part[places[-1] % (2 * length)] * 0.5**0.5
        np.take(part.astype(dtype), places[:paired], out=rows[first:], mode="wrap")
    return waves, cosines


def _sum_of_logs(values: Matrix, together: int) -> float:
    """The sum of the logarithms, of which fewer are taken by multiplying first."""
    whole = len(values) // together * together
    products = np.prod(values[:whole].reshape(together, -1), axis=0)
    return float(np.log(products, out=products).sum(dtype=np.float64) + np.log(values[whole:]).sum(dtype=np.float64))
