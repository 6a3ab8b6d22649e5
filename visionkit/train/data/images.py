"""A batch of images: each picture decoded and warped in one thread or another, straight to its place."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visionkit.preprocess.image import Image
from visionkit.train.augment.layer import Augment
from visionkit.train.data.picture import Framing
from visionkit.train.data.threads import each
from visionkit.train.data.warp import warp


def images(
    picture: Callable[[int], Image],
    numbers: NDArray[np.int64],
    canvases: NDArray[np.int64],
    *,
    framing: Framing,
    augment: Augment | None,
    scale: bool,
    epoch: int,
    seed: int,
) -> NDArray[np.float32]:
    """Fill a batch.

    Args:
        picture: gives the picture at a place of the batch, framed; called from several threads.
        numbers: of the samples (n,), from which, with epoch and seed, the augmentation is drawn.
        canvases: (height, width) of what is framed of each, (n, 2).
        framing, augment, scale: of the dataset.

    Returns:
        float32 (n, H, W, C).
    """
    height, width = framing.size
    made = np.empty((len(numbers), height, width, 1 if framing.gray else 3), np.float32)
    matrices = (
        augment.matrices(numbers, epoch=epoch, sizes=canvases, size=(height, width), seed=seed)
        if augment is not None
        else None
    )

    def fill(place: int) -> None:
        framed = picture(place)
        if augment is None or matrices is None:
            made[place] = framed.reshape(made.shape[1:])
        else:
            canvas = (int(canvases[place][0]), int(canvases[place][1]))
            warp(framed, matrices[place], augment, made[place], canvas=canvas)
        if scale:
            made[place] *= np.float32(1 / 255)

    each(fill, len(numbers))
    return made
