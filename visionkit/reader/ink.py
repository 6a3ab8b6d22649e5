"""From a photograph to its ink: how much darker (or, on a board, brighter) each pixel is than the paper around it."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# a page is looked at as large as a square of this side: strokes stay 2 pixels wide, and 12 megapixels cost as much as 1
SIDE = 1050.0
SMALLEST = 16  # nothing can be read on a page narrower than this at working size
RULE = 0.35  # what is straight over this share of the page's side is no stroke
DARKEST = 0.3  # of the page's light: shadows are no darker, but tables are, and their grain must not be magnified
GRAIN = 3.0  # ink stands out from the paper by this many times its lower fifth
STROKE = 0.052  # the widest stroke that is still ink, as a share of the page's side


class Ink(NamedTuple):
    """Where the ink is on a page.

    Attributes:
        contrast: float32 (H, W), the share of the paper's light that is missing, 0 to 1, at working size.
        mask: uint8 (H, W), 255 where that is ink.
        scale: working size over the size of the photograph.
    """

    contrast: NDArray[np.float32]
    mask: NDArray[np.uint8]
    scale: float


def find_ink(gray: NDArray[np.uint8]) -> Ink:
    """Separate ink from paper, whatever the light: (H, W) uint8 to `Ink`.

    The paper behind a stroke is what a morphological closing leaves, since it fills all that is narrower than its
    window and keeps a straight edge of a shadow, a sheet or a table exactly where it is. Chalk is ink on the negative.
    """
    scale = min(SIDE / side_of(gray), 2.0)
    if min(gray.shape) * scale < SMALLEST:
        return Ink(np.zeros(gray.shape, np.float32), np.zeros(gray.shape, np.uint8), 1.0)
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    gray = np.asarray(cv2.resize(gray, size, interpolation=how), np.uint8)
    if is_board(gray):
        gray = 255 - gray
    contrast = missing_light(gray)
    grain = grain_of(contrast)
    contrast = without_rules(contrast, grain)
    return Ink(contrast, threshold(contrast, grain), scale)


def side_of(picture: NDArray[Any]) -> float:
    """The side of a square of the same area, in pixels: the size of a page, be it a sheet or a strip."""
    return float(np.sqrt(picture.size))


def is_board(gray: NDArray[np.uint8]) -> bool:
    """Whether the writing is brighter than what it stands on: the stronger outliers from the local median decide."""
    small = cv2.resize(gray, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    window = int(1.5 * STROKE * side_of(small)) | 1
    outlier = small.astype(np.float32) - cv2.medianBlur(small, min(window, 255))
    noise = 3 * float(np.percentile(np.abs(outlier), 60)) + 8
    bright, dark = outlier[outlier > noise], -outlier[outlier < -noise]
    return float((bright**2).sum()) > float((dark**2).sum())


def missing_light(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The share of the paper's light that each pixel lacks, float32 (H, W), around 0 on paper, at most 1 on ink."""
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.0)
    window = int(STROKE * side_of(gray)) | 1
    # what the picture shows at its border goes on beyond it: a strip of table is no stroke
    beyond = cv2.copyMakeBorder(smooth, window, window, window, window, cv2.BORDER_REPLICATE)
    paper = cv2.morphologyEx(beyond, cv2.MORPH_CLOSE, np.ones((window, window), np.uint8))
    paper = paper[window:-window, window:-window]
    least = max(24.0, DARKEST * float(np.percentile(paper[::4, ::4], 90)))
    contrast = cv2.subtract(paper, smooth).astype(np.float32) / np.maximum(paper, least)
    return (contrast - np.median(contrast[::3, ::3])).astype(np.float32)


def threshold(contrast: NDArray[np.float32], grain: float) -> NDArray[np.uint8]:
    """Ink stands out of the grain of the paper, and hangs together with two fifths of the strongest strokes' strength.

    Two levels, as Canny's: a stroke may fade to the lower one where it continues something that reaches the upper.
    """
    stands_out = contrast[contrast > grain]
    if stands_out.size < 20:
        return np.zeros(contrast.shape, np.uint8)
    full = float(np.percentile(stands_out, 90))
    weak = (contrast > max(grain, 0.2 * full)).astype(np.uint8)
    strong = contrast > max(grain, 0.4 * full)
    count, labels = cv2.connectedComponents(weak, connectivity=8, ltype=cv2.CV_32S)
    sure = np.bincount(labels[strong], minlength=count) >= 8
    sure[0] = False
    return np.where(sure[labels], np.uint8(255), np.uint8(0))


def without_rules(contrast: NDArray[np.float32], grain: float) -> NDArray[np.float32]:
    """Take out the lines of ruled and squared paper, the edges of sheets, and folds: what is long, thin and straight.

    Along each such line, what is no darker than the line itself goes; a stroke that crosses it is darker, or is mended
    from what it has on both sides.
    """
    small = cv2.resize(contrast, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    visible = (np.asarray(small) > grain).astype(np.uint8)
    reach = RULE * side_of(small)
    # a look at what hangs together is far cheaper than a Hough transform, and on most pages it is enough
    joined = cv2.connectedComponentsWithStats(cv2.dilate(visible, np.ones((5, 5), np.uint8)))[2]
    if joined[1:, 2:4].max(initial=0) < reach:
        return contrast
    lines = cv2.HoughLinesP(visible, 1, np.pi / 360, int(0.5 * reach), minLineLength=reach, maxLineGap=6)
    if lines is None:
        return contrast
    ends = lines.reshape(-1, 4) * 2
    level = np.abs(ends[:, 2] - ends[:, 0]) >= np.abs(ends[:, 3] - ends[:, 1])
    for family, across in ((ends[level], (1, 11)), (ends[~level], (11, 1))):
        if len(family):
            contrast = without_family(contrast, family, np.ones(across[::-1], np.uint8))
    return contrast


def without_family(
    contrast: NDArray[np.float32], ends: NDArray[np.int32], across: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Take out one family of lines, level or upright, given their ends (N, 4) and a kernel that lies across them."""
    corridor, ridge = np.zeros((2, *contrast.shape), np.uint8)
    for x1, y1, x2, y2 in ends.tolist():
        cv2.line(corridor, (x1, y1), (x2, y2), 255, 9)
        cv2.line(ridge, (x1, y1), (x2, y2), 255, 1)
    strength = float(np.median(cv2.dilate(contrast, across)[ridge > 0]))
    erased = (corridor > 0) & (contrast < 1.3 * strength)
    kept = np.where(erased, np.minimum(contrast, 0), contrast)
    mended = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, across)
    return np.where(erased, np.minimum(mended, contrast), kept)


def grain_of(contrast: NDArray[np.float32]) -> float:
    """What the grain of the paper alone hardly exceeds; from the pixels brighter than paper, where there is no ink."""
    return GRAIN * -float(np.percentile(contrast[::3, ::3], 20)) + 0.01
