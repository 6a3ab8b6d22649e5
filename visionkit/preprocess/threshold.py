"""Ink and paper."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._errors import one_of
from visionkit.preprocess.image import Image, check, to_gray


class Otsu(NamedTuple):
    """A threshold, and the ink that it finds.

    Attributes:
        threshold: grey level; the levels up to it, itself included, are the dark class.
        binary: uint8 (H, W), 255 where there is ink, 0 elsewhere.

    >>> page = np.full((20, 20), 230, np.uint8); page[5:15, 8:11] = 40
    >>> threshold, binary = otsu(page)
    >>> threshold, binary[10, 6:13].tolist()
    (40, [0, 0, 255, 255, 255, 0, 0])
    """

    threshold: int
    binary: Image


def otsu(image: ArrayLike, *, ink: Literal["auto", "dark", "light"] = "auto") -> Otsu:
    """Split ink from paper at the threshold of greatest between-class variance.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3).
        ink: "dark", "light", or "auto": whichever class is rarer on the border of the picture, dark when both are
            as frequent there.

    Returns:
        Otsu(threshold, binary): the grey level 0-255, the lowest of several that are as good, and a uint8 mask
        (H, W), 255 where there is ink. In a picture of one single grey level the threshold is that level, and
        nothing is ink.

    Raises:
        ImageError: not such an image.
        ArgumentError: ``ink`` is none of the three.

    Source: Otsu, A Threshold Selection Method from Gray-Level Histograms, 1979.

    >>> page = np.full((20, 20), 230, np.uint8); page[5:15, 8:11] = 40
    >>> int(otsu(page).binary.sum()) // 255
    30
    """
    if ink not in ("auto", "dark", "light"):
        raise one_of("otsu", "ink", ink, ("auto", "dark", "light"))
    pixels = check(image, "otsu")
    gray = pixels if pixels.ndim == 2 else to_gray(pixels)
    counts = np.bincount(gray.ravel(), minlength=256)
    if np.count_nonzero(counts) == 1:
        return Otsu(int(gray[0, 0]), np.zeros_like(gray))
    threshold = _best_split(counts)
    dark = gray <= threshold
    if ink == "auto":
        border = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
        ink = "dark" if 2 * np.count_nonzero(border) <= border.size else "light"
    return Otsu(threshold, np.where(dark == (ink == "dark"), np.uint8(255), np.uint8(0)))


def _best_split(counts: NDArray[np.int64]) -> int:
    """The last grey level of the dark class. Whole numbers all the way, so that ties are ties and the first wins."""
    seen = mass = 0
    total, total_mass = int(counts.sum()), int(counts @ np.arange(256))
    best, best_top, best_bottom = 0, 0, 1
    for level, count in enumerate(counts.tolist()):
        seen += count
        mass += count * level
        if not 0 < seen < total:
            continue
        # w0 w1 (m0 - m1)^2 = (mass * total - seen * total_mass)^2 / (seen * (total - seen)), up to a constant
        top, bottom = (mass * total - seen * total_mass) ** 2, seen * (total - seen)
        if top * best_bottom > best_top * bottom:
            best, best_top, best_bottom = level, top, bottom
    return best
