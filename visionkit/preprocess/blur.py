"""Is the photo sharp enough to go on with? Three measures; for each of them higher is sharper."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._errors import ArgumentError, describe, one_of
from visionkit.preprocess._fft import fft_score
from visionkit.preprocess.image import Image, _is_number, _is_whole, check, resize, to_gray

Method = Literal["edge", "fft", "laplacian"]

# method -> the score at which, and under which, a picture is blurry. That of "edge" lies between what
# benchmarks/blur.py measures on legible pages and sharp photographs and what it measures on blurred ones.
THRESHOLDS = {"edge": 0.36, "fft": 15.0, "laplacian": 100.0}

_LONGEST = 800  # pixels; a picture that is legible at this size is legible, whatever its camera's resolution
_DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1))
_ASLANT = 1.15  # athwart over along, at most: an edge cut at a slant looks smeared
_STRONGEST = 0.003  # of all pixels: few enough for a page with one word, and to leave the grain of paper out
_STEEP = 0.6  # of the steepest, that of them which
_FEWEST = 16  # pixels reach: a speck of dust does not count as the steepest


def blur_score(image: ArrayLike, *, method: Method = "edge", size: int = 60) -> float:
    """Say how sharp a picture is.

    - "edge": how much of the strongest brightness steps a further small blur takes away: much where they are steep,
      little where they are smeared already. Taken along four directions, of which the worst counts, because a shaken
      photo is smeared along one only. 0 to 1, whatever the picture shows and however large it is (it is judged as if
      its longer side had at most 800 pixels). A picture of one single grey level has nothing to smear: 1.
    - "fft": the mean of ``20 ln |high-pass of the picture|``, the high-pass being all but the lowest ``size``
      frequencies of each direction. It grows with contrast, detail and size as much as with sharpness: legible pages
      of handwriting score from -11 to 17. About -550 for a picture of one grey level.
    - "laplacian": the variance of the Laplacian, from 0. It too depends on content and size.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3).
        method: "edge", "fft" or "laplacian".
        size: for "fft": half the side, in frequencies, of the square that is cut out of the middle of the spectrum.

    Returns:
        The score; compare only scores of one method.

    Raises:
        ImageError: not such an image.
        ArgumentError: an unknown method, or a ``size`` that leaves nothing of the spectrum of this picture.

    Source: "edge" after Crete et al., The Blur Effect, 2007; "laplacian" after Pech-Pacheco et al., Diatom Autofocusing
    in Brightfield Microscopy, 2000.

    >>> page = np.full((200, 300), 230, np.uint8); page[50:150, 140:160] = 40
    >>> blur_score(page) > 0.4 > blur_score(cv2.GaussianBlur(page, (0, 0), 5))
    True
    """
    return _score("blur_score", image, method, size)


def is_blurry(image: ArrayLike, *, method: Method = "edge", threshold: float | None = None, size: int = 60) -> bool:
    """Say whether a picture is too blurry.

    Args:
        image: uint8, (H, W) or RGB (H, W, 3).
        method: "edge", "fft" or "laplacian"; see blur_score.
        threshold: a picture that scores this or less is blurry; by default 0.36 for "edge", 15 for "fft" and 100 for
            "laplacian".
        size: for "fft"; see blur_score.

    Returns:
        True or False.

    Raises:
        ImageError: not such an image.
        ArgumentError: an unknown method, a threshold that is not a number, or a ``size`` as in blur_score.

    >>> page = np.full((200, 300), 230, np.uint8); page[50:150, 140:160] = 40
    >>> is_blurry(page), is_blurry(cv2.GaussianBlur(page, (0, 0), 5))
    (False, True)
    """
    if threshold is not None and (not _is_number(threshold) or np.isnan(threshold)):
        raise ArgumentError(f"is_blurry: expected threshold to be a number or None, got {describe(threshold)}")
    return _score("is_blurry", image, method, size) <= (THRESHOLDS[method] if threshold is None else threshold)


def _score(where: str, image: ArrayLike, method: Method, size: int) -> float:
    if method not in tuple(THRESHOLDS):
        raise one_of(where, "method", method, THRESHOLDS)
    if not _is_whole(size) or size < 1:
        raise ArgumentError(f"{where}: expected size to be a whole number from 1 on, got {describe(size)}")
    pixels = check(image, where)
    gray = pixels if pixels.ndim == 2 else to_gray(pixels)
    if method == "edge":
        return _edge(gray)
    if method == "laplacian":
        return float(cv2.Laplacian(gray, cv2.CV_64F).var())
    rows, columns = gray.shape
    if size >= (least := (max(rows, columns) + 1) // 2):
        raise ArgumentError(
            f"{where}: expected size to leave a part of the spectrum of a picture of {columns} x {rows} pixels, got "
            f"{size}, which cuts out all of it; take a size below {least}, or method='edge'"
        )
    return fft_score(gray, int(size))


def _edge(gray: Image) -> float:
    if max(gray.shape) > _LONGEST:
        gray = resize(gray, longest=_LONGEST)
    # Grain is sharp in a blurred photo too; a little smoothing takes most of it and little of an edge.
    smooth = np.asarray(cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 1.2), np.float32)
    steps = [_steps(smooth, dx, dy) for dx, dy in _DIRECTIONS]
    losses = [
        _loss(along, np.abs(along) * (np.abs(along) * _ASLANT >= np.abs(athwart)), dx, dy)
        for (dx, dy), along, athwart in zip(_DIRECTIONS, steps, (steps[1], steps[0], steps[3], steps[2]), strict=True)
    ]
    strongest = max(strength for strength, _ in losses)
    # A direction in which hardly anything changes, as along the lines of ruled paper, says nothing.
    return min((loss for strength, loss in losses if strength > 0.03 * strongest), default=1.0)


def _steps(smooth: NDArray[np.float32], dx: int, dy: int) -> NDArray[np.float32]:
    """Central differences along a direction."""
    kernel = np.zeros((3, 3), np.float32)
    kernel[1 + dy, 1 + dx], kernel[1 - dy, 1 - dx] = 1, -1
    steps = cv2.filter2D(smooth, -1, kernel / np.hypot(dx, dy), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(steps, np.float32)


def _loss(steps: NDArray[np.float32], sizes: NDArray[np.float32], dx: int, dy: int) -> tuple[float, float]:
    """How large the strongest steps along a direction are, and the share of them that a blur along it takes away."""
    # The difference of the blurred picture is the blurred difference. Nine pixels, or seven on the diagonal.
    line = np.eye(7, dtype=np.float32)[:: dx * dy] / 7 if dx and dy else np.full((9, 1) if dy else (1, 9), 1 / 9)
    left = np.abs(cv2.filter2D(steps, -1, line, borderType=cv2.BORDER_REPLICATE))
    # Where a picture has few steps along this direction, the flat rest does not count either.
    least = max(_STEEP * _highest(sizes, _FEWEST), 1e-3)
    strong = sizes >= max(_highest(sizes, round(_STRONGEST * sizes.size)), least)
    if not strong.any():
        return 0.0, 1.0
    whole = float(sizes[strong].mean())
    return whole, 1 - float(left[strong].mean()) / whole


def _highest(values: NDArray[np.float32], count: int) -> float:
    """The lowest of so many highest values."""
    flat, count = values.ravel(), max(count, 1)
    stretch = flat.size // (2 * count)
    if stretch > 1:  # the few that matter are found first: a partition of all takes long where many are the same
        peaks = flat[: flat.size // stretch * stretch].reshape(-1, stretch).max(axis=1)
        flat = flat[flat >= np.sort(peaks)[-count]]
    return float(np.sort(flat)[max(0, flat.size - count)])
