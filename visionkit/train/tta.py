"""Predictions averaged over several views of each sample."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._checks import positive
from visionkit._errors import ArgumentError, ModelError, describe, one_of
from visionkit.train.data.dataset import Dataset
from visionkit.train.evaluation.outputs import View, bar, dataset_of, probabilities
from visionkit.train.evaluation.scores import Floats

Images = NDArray[Any]
Weighted = list[tuple[float, View]]


def predict_tta(
    model: Any,
    data: Any,
    *,
    views: Sequence[str | View] | int = ("flip",),
    batch_size: int | None = None,
    from_logits: bool | None = None,
    verbose: int = 1,
) -> Floats:
    """Class probabilities averaged over views of each sample; nothing is drawn but from the seed of the data.

    Args:
        model: a Keras model with one output, an ``Ensemble``, or whatever else has ``predict(x)``. An Ensemble of
            files loads each of them once a view.
        data: a Dataset, of which epoch 0 is taken; an array x; or arrays (x, y), of which y plays no part. It is read
            once a view.
        views: what is done to the images (N, H, W, C), one after the other; each adds to the picture as it is:

            - "flip": its mirror image. The picture counts 1/2, its mirror image 1/2.
            - "shift": the picture moved up and left, and down and right, by a 32nd of its sides, at least a pixel; what
              comes in is mirrored at the edge. The picture counts 1/2, the moved ones 1/4 each. ``("shift", "flip")``
              is what Jordan, 2024, does for CIFAR-10, and six views.
            - "crop": no longer the picture, but its four corners and its middle, 7/8 of its sides each, enlarged, and
              each 1/5. ``("crop", "flip")`` is what Krizhevsky et al., 2012, do, and ten views.
            - a function of a batch of images that gives such a batch, the same for the same: 1/2 each.

            Or a number: so many random views, those of the epochs from 0 on, of a Dataset made with ``augment``.
        batch_size: for arrays; None for 32. A Dataset has its own.
        from_logits: whether the outputs lack a softmax (for one unit a sigmoid); None for looking: outputs outside
            [0, 1], or rows that do not sum to 1, are logits.
        verbose: 1 for a bar of progress, 2 for one line, 0 for none.

    Returns:
        float64 (N, classes) in the order of the source.

    Raises:
        ArgumentError: no such view; samples that are no images; a view that changes how many they are; or a number of
            random views of data that is the same in every epoch.
        ModelError: outputs that are no finite (N, classes).

    Source: Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (arXiv 2404.00498), section 3.5 (of logits
    there); Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, section 4.1.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    >>> x = np.random.default_rng(0).random((2, 4, 4, 1))
    >>> there, mirrored = (predict_tta(model, images, verbose=0) for images in (x, x[:, :, ::-1]))
    >>> np.allclose(there, mirrored)
    True
    """
    where = "predict_tta"
    if not callable(getattr(model, "predict", None)):
        raise ModelError(f"{where}: expected a keras.Model, an Ensemble or its like, got {describe(model)}")
    batches = dataset_of(where, data, batch_size)
    shown: list[tuple[float, View | None, int]]
    if isinstance(views, int):
        count = positive(where, "views", views)
        _check_random(where, batches, count)
        shown = [(1 / count, None, epoch) for epoch in range(count)]
    else:
        shown = [(weight, view, 0) for weight, view in _combined(where, views)]
    tick = bar(where, model, batches, verbose=verbose, views=len(shown))
    total: Any = 0.0
    for weight, view, epoch in shown:
        found = probabilities(where, model, batches, from_logits=from_logits, view=view, epoch=epoch, tick=tick)
        total = total + weight * found
    mean: Floats = total
    return mean


def flipped(images: Images) -> Images:
    """Left and right swapped."""
    return images[:, :, ::-1]


def shifted(images: Images, *, down: int, right: int) -> Images:
    """Moved by some 32nds of the sides, at least pixels; mirrored at the edges, without repeating these."""
    height, width = images.shape[1:3]
    rows, columns = (round(step * max(1, side / 32)) for step, side in ((down, height), (right, width)))
    margins = ((0, 0), (abs(rows), abs(rows)), (abs(columns), abs(columns)), *[(0, 0)] * (images.ndim - 3))
    wide = np.pad(images, margins, mode="reflect")
    top, left = abs(rows) - rows, abs(columns) - columns
    return wide[:, top : top + height, left : left + width]


def cropped(images: Images, *, vertical: float, horizontal: float) -> Images:
    """A part of 7/8 of the sides, enlarged to the whole; 0 is at the top and on the left, 1 at the other end."""
    height, width = images.shape[1:3]
    rows, columns = max(1, round(height * 7 / 8)), max(1, round(width * 7 / 8))
    top, left = round((height - rows) * vertical), round((width - columns) * horizontal)
    parts = images[:, top : top + rows, left : left + columns]
    made = [cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_LINEAR) for part in parts]
    return np.stack(made).reshape(images.shape)


_VIEWS: dict[str, Weighted] = {
    "flip": [(1 / 2, lambda x: x), (1 / 2, flipped)],
    "shift": [
        (1 / 2, lambda x: x),
        (1 / 4, lambda x: shifted(x, down=-1, right=-1)),
        (1 / 4, lambda x: shifted(x, down=1, right=1)),
    ],
    "crop": [
        (1 / 5, lambda x, v=v, h=h: cropped(x, vertical=v, horizontal=h))  # type: ignore[misc]
        for v, h in ((0.5, 0.5), (0, 0), (0, 1), (1, 0), (1, 1))
    ],
}


def _combined(where: str, views: Any) -> Weighted:
    """Every combination of one view of each kind, with the product of their weights."""
    if isinstance(views, str) or callable(views):
        raise ArgumentError(f"{where}: expected views to be several or a number, got {describe(views)}; give a list")
    kinds: list[Weighted] = []
    for view in views:
        if callable(view):
            kinds.append([(1 / 2, lambda x: x), (1 / 2, view)])
        elif view in _VIEWS:
            kinds.append(_VIEWS[view])
        else:
            raise one_of(where, "a view", view, _VIEWS)
    return [
        (float(np.prod([weight for weight, _ in chain])), _chained(where, [view for _, view in chain]))
        for chain in product(*kinds)
    ]


def _chained(where: str, chain: Sequence[Callable[[Images], Images]]) -> View:
    def view(images: Images) -> Images:
        if images.ndim not in (3, 4):
            raise ArgumentError(f"{where}: expected images (N, H, W, C), got {describe(images)} a batch")
        made = images
        for step in chain:
            made = np.asarray(step(made))
        if len(made) != len(images):
            raise ArgumentError(f"{where}: expected {len(images)} images from a view, got {describe(made)}")
        return np.ascontiguousarray(made)

    return view


def _check_random(where: str, data: Dataset, count: int) -> None:
    """Views of data that is not augmented would all be the same, and cost as much."""
    if count == 1:
        return
    first, second = (data.batch(epoch, 0)[0] if not data.shuffle else _sample(data, epoch) for epoch in (0, 1))
    if np.array_equal(first, second):
        raise ArgumentError(
            f"{where}: expected data that is augmented for {count} random views, got the same samples in each epoch; "
            "make the data with augment, or name the views"
        )


def _sample(data: Dataset, epoch: int) -> Images:
    """Sample 0, as it is in an epoch."""
    place = int(np.flatnonzero(data.order(epoch) == 0)[0])
    sample: Images = data.batch(epoch, place // data.batch_size)[0][place % data.batch_size]
    return sample
