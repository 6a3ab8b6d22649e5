"""Pictures before a network sees them: arrays in, arrays out, with NumPy and OpenCV only."""

from visionkit.preprocess.blur import THRESHOLDS as BLUR_THRESHOLDS
from visionkit.preprocess.blur import blur_score, is_blurry
from visionkit.preprocess.contours import draw_boxes, find_boxes, sort_boxes
from visionkit.preprocess.edges import canny, gaussian_blur
from visionkit.preprocess.image import read, resize, to_gray, write
from visionkit.preprocess.threshold import Otsu, otsu

__all__ = [
    "BLUR_THRESHOLDS",
    "Otsu",
    "blur_score",
    "canny",
    "draw_boxes",
    "find_boxes",
    "gaussian_blur",
    "is_blurry",
    "otsu",
    "read",
    "resize",
    "sort_boxes",
    "to_gray",
    "write",
]
