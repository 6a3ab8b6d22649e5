"""Where augmentation is drawn: uniform numbers keyed by (seed, epoch, number), and the matrices made of them."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

# One column for each thing that is drawn, whether it is asked for or not: another option changes no other draw.
COLUMNS = 12
MIRROR = 6  # the column of the horizontal flip: in half of the draws, those below 1/2

_ROUNDS = 10
_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


def uniforms(numbers: ArrayLike, *, epoch: int, seed: int) -> NDArray[np.float64]:
    """The draws of some samples in an epoch: the same for a sample wherever, and beside whatever, it is drawn.

    Args:
        numbers: (n,) whole numbers of at least 0, which samples.
        epoch: 0 or more.
        seed: any integer; its lowest 64 bits count.

    Returns:
        float64 (n, 12) in [0, 1), multiples of 2 ** -32.

    Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011 (Philox4x32-10).

    >>> batch, alone = uniforms([3, 8, 5], epoch=2, seed=0), uniforms([5], epoch=2, seed=0)
    >>> bool((batch[2] == alone[0]).all())
    True
    """
    index = np.asarray(numbers).astype(np.uint64)
    blocks = COLUMNS // 4
    counters = np.empty((index.size, blocks, 4), np.uint64)
    counters[..., 0] = (index & _LOW)[:, None]
    counters[..., 1] = (index >> _SHIFT)[:, None]
    counters[..., 2] = np.uint64(epoch & 0xFFFFFFFF)
    counters[..., 3] = np.arange(blocks, dtype=np.uint64)
    key = np.array([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF], np.uint64)
    return philox(counters, key).reshape(index.size, COLUMNS) / 2.0**32


def philox(counters: NDArray[np.uint64], key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Philox4x32-10 of counters (..., 4) under a key (2,), each number below 2 ** 32; the same shape."""
    words = counters
    for _ in range(_ROUNDS):
        products = words[..., ::2] * _MULTIPLIERS
        high, low = products >> _SHIFT, products & _LOW
        mixed = high[..., ::-1] ^ words[..., 1::2] ^ key
        words = np.stack([mixed[..., 0], low[..., 1], mixed[..., 1], low[..., 0]], axis=-1)
        key = (key + _WEYL) & _LOW
    return words


@dataclass(frozen=True)
class Ranges:
    """What is drawn from which range, checked already; see ``Augment``."""

    rotation: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)
    shear: float = 0.0
    horizontal_flip: bool | Literal["alternate"] = False
    vertical_flip: bool = False
    transpose: bool = False
    rot90: bool = False
    crop: float | tuple[int, int] | None = None

    def matrices(self, draws: Any, height: Any, width: Any, size: tuple[Any, Any], xp: Any = np) -> Any:
        """Matrices (n, 2, 3) from the pixels (x, y) of results to those of their sources, pixel centres at integers.

        Args:
            draws: (n, 12) in [0, 1).
            height: of the sources, (n,) or one number.
            width: of the sources, the same.
            size: (height, width) of the results.
            xp: numpy or keras.ops, whose arrays these are.

        The picture is resized to the result; what is drawn happens there, around its middle, in the order of
        ``ImageDataGenerator``: a pixel is looked up through turns and flips, zoom, shear, shift and rotation, then in
        the window that is cropped.
        """
        rows, columns = size
        (turn, zoom_y, zoom_x, shift_y, shift_x, shear, mirror, upend, swap, quarter, top, left) = (
            draws[:, column] for column in range(COLUMNS)
        )
        one = xp.ones_like(turn)
        angle = _between(turn, -math.radians(self.rotation), math.radians(self.rotation))
        skew = _between(shear, -math.radians(self.shear), math.radians(self.shear))
        zoom_x, zoom_y = _between(zoom_x, *self.zoom), _between(zoom_y, *self.zoom)
        shift_x, shift_y = _moved(shift_x, self.shift[1], columns, xp), _moved(shift_y, self.shift[0], rows, xp)

        # [[a, b], [c, d]]: flips and quarter turns, of a picture as wide as high
        a, b, c, d = one, 0 * one, 0 * one, one
        if self.horizontal_flip:
            a = xp.where(mirror < 0.5, -a, a)
        if self.vertical_flip:
            d = xp.where(upend < 0.5, -d, d)
        if self.transpose:
            a, b, c, d = (xp.where(swap < 0.5, new, old) for new, old in ((c, a), (d, b), (a, c), (b, d)))
        if self.rot90:
            quarters = xp.floor(quarter * 4) * (math.pi / 2)
            cos, sin = xp.round(xp.cos(quarters)), xp.round(xp.sin(quarters))
            a, b, c, d = cos * a - sin * c, cos * b - sin * d, sin * a + cos * c, sin * b + cos * d
        b, c = b * (columns / rows), c * (rows / columns)

        a, b, c, d = zoom_x * a, zoom_x * b, zoom_y * c, zoom_y * d
        a, b, c, d = a - xp.sin(skew) * c, b - xp.sin(skew) * d, xp.cos(skew) * c, xp.cos(skew) * d
        cos, sin = xp.cos(angle), xp.sin(angle)
        x, y = cos * shift_x - sin * shift_y, sin * shift_x + cos * shift_y
        a, b, c, d = cos * a - sin * c, cos * b - sin * d, sin * a + cos * c, sin * b + cos * d

        if isinstance(self.crop, tuple):
            high, wide = self.crop
            down, right = xp.floor(top * (height - high + 1)), xp.floor(left * (width - wide + 1))
        else:
            share = 1.0 if self.crop is None else self.crop
            high, wide = height * share, width * share
            down, right = top * (height - high), left * (width - wide)
        scale_x, scale_y = wide / columns, high / rows
        a, b, x = a * scale_x, b * scale_x, x * scale_x + right + (wide - 1) / 2
        c, d, y = c * scale_y, d * scale_y, y * scale_y + down + (high - 1) / 2
        middle_x, middle_y = (columns - 1) / 2, (rows - 1) / 2
        x, y = x - a * middle_x - b * middle_y, y - c * middle_x - d * middle_y
        return xp.stack([xp.stack([a, b, x], axis=-1), xp.stack([c, d, y], axis=-1)], axis=1)


def _moved(draw: Any, most: float, side: Any, xp: Any) -> Any:
    """Pixels either way: whole ones up to an integer, or any number of them up to a share of the side."""
    if isinstance(most, int):
        return xp.floor(draw * (2 * most + 1)) - most
    return _between(draw, -most, most) * side


def _between(draw: Any, low: float, high: float) -> Any:
    return low + draw * (high - low)
