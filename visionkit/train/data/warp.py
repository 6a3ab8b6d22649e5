"""The resize and the augmentation of a picture in one warp."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.train.augment.layer import Augment


def warp(
    picture: NDArray[Any],
    matrix: NDArray[np.float64],
    augment: Augment,
    made: NDArray[np.float32],
    *,
    canvas: tuple[int, int] | None = None,
) -> None:
    """Fill ``made`` with a picture as its matrix shows it.

    Args:
        picture: uint8 or float32, (h, w) or (h, w, C), C up to 4.
        matrix: (2, 3), from the pixels (x, y) of ``made`` to those of the canvas, pixel centres at integers.
        augment: what is outside of the picture.
        made: float32 (H, W, C).
        canvas: the (height, width) that the matrix was drawn for, where the picture is a smaller copy of it.
    """
    height, width = made.shape[:2]
    if canvas is not None and canvas != picture.shape[:2]:
        scale = np.array([[picture.shape[1] / canvas[1]], [picture.shape[0] / canvas[0]]])
        matrix = matrix * scale
        matrix[:, 2:] += (scale - 1) / 2
    warped = cv2.warpAffine(
        picture,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=augment.border,
        borderValue=(augment.fill_value,) * 4,
    )
    made[...] = warped.reshape(made.shape)
