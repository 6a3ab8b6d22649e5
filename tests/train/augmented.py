"""What the tests of Augment share: pictures, all options at once, and what OpenCV makes of a matrix."""

import cv2
import keras
import numpy as np
import skimage.data
from keras import ops

from visionkit.train.augment import draw

EVERYTHING = {
    "rotation": 40,
    "zoom": 0.3,
    "shift": (0.1, 0.2),
    "shear": 20,
    "horizontal_flip": True,
    "vertical_flip": True,
    "transpose": True,
    "rot90": True,
}


def photo():
    return skimage.data.chelsea()  # 300 x 451


def photos():
    corners = [(0, 0), (60, 90), (90, 200)] * 2
    return np.stack([photo()[row : row + 90, column : column + 120] for row, column in corners])


def opencv(images, matrices, size, augment):
    return np.stack(
        [
            cv2.warpAffine(
                image,
                matrix,
                (size[1], size[0]),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=augment.border,
                borderValue=(augment.fill_value,) * 4,
            ).reshape(*size, image.shape[-1])
            for image, matrix in zip(images, matrices, strict=True)
        ]
    )


def drawn_matrices(augment, shape, size=None):
    """The matrices of the next call of a layer, from numbers that Keras draws of the same seed."""
    draws = keras.random.uniform((shape[0], draw.COLUMNS), seed=keras.random.SeedGenerator(augment.seed))
    draws = ops.convert_to_numpy(draws).astype(np.float64)
    return augment.ranges.matrices(draws, shape[1], shape[2], size or shape[1:3])


def levels(one, other, margin=0):
    inside = (slice(None), slice(margin, -margin or None), slice(margin, -margin or None))
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))[inside].mean()
