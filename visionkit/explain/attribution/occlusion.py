"""Occlusion: what the score loses where a part of the picture is covered."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, describe, one_of
from visionkit.explain.attribution.background import background
from visionkit.explain.attribution.variants import ROUNDING, check_verbose, gathered, rounds, spread
from visionkit.explain.pictures.upsample import Evidence
from visionkit.explain.pictures.upsample import normalize as normalized
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View


def occlusion(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    output: int | str | None = None,
    size: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: float | str | ArrayLike = "mean",
    evidence: Evidence = "for",
    normalize: bool = True,
    verbose: int = 1,
    batch_size: int = 32,
) -> Floats:
    """Cover the picture by a window, place after place, and see by how much the score drops.

    Args:
        model, images, target, output, batch_size: see ``saliency``. The predicted class is that of the whole picture.
        size: height and width of the window in pixels; None for a seventh of those of the picture.
        stride: from one window to the next, at most ``size``; None for half of that. The last windows end at the
            border, so that each pixel is covered.
        fill: what is seen in the window: "mean" for the mean colour of the picture, "blur" for the picture without
            details, a number, or an array: a colour (C,), a picture (H, W, C), or one for each.
        evidence: "for" for what raises the score by being seen, "against" for what lowers it, "both" for both, with a
            sign.
        normalize: whether each map is divided by its largest absolute value; else it is the drop of the score before
            softmax or sigmoid, with a sign, the mean over the windows that cover the pixel.
        verbose: 1 for a bar of progress once the work takes longer than a few seconds, 0 for none.

    Returns:
        float32 (N, H, W) in [0, 1], with "both" in [-1, 1]. A map of zeros stays so, and a warning names it.

    Raises:
        ArgumentError, ModelError: what does not fit.

    Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2013 (arXiv 1311.2901).

    >>> flat = keras.layers.Flatten()
    >>> model = keras.Sequential([keras.Input((1, 3, 1)), flat, keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[1.0], [-4.0], [0.0]])])
    >>> occlusion(model, np.ones((1, 1, 3, 1)), size=1, fill=0.0, normalize=False)
    array([[[ 1., -4.,  0.]]], dtype=float32)
    """
    where = "occlusion"
    check_verbose(where, verbose)
    _checks.flag(where, "normalize", normalize)
    if evidence not in ("for", "against", "both"):
        raise one_of(where, "evidence", evidence, ("for", "against", "both"))
    probe = Probe(where, model, images, target=target, output=output, batch_size=batch_size)
    boxes = _boxes(where, probe.inputs.size, size, stride)
    cover = background(where, "fill", fill, probe.inputs.picture)
    probe.settle()
    scores = np.empty((probe.inputs.count, len(boxes)), np.float32)
    for numbers, _ in rounds(probe, len(boxes), batch_size=batch_size, verbose=verbose):
        scores[:, numbers] = probe.run(_covered, cover, fixed=[boxes[numbers]])
    probe.check_finite(scores)
    maps = _over_pixels(_drops(probe.scores()[0][:, None], scores), boxes, probe.inputs.size)
    return normalized(maps, evidence, where=where) if normalize else maps


def _boxes(where: str, picture: tuple[int, int], size: Any, stride: Any) -> NDArray[np.int32]:
    """Top, left, bottom and right of each window."""
    sizes = _checks.size(where, "size", [max(1, round(side / 7)) for side in picture] if size is None else size)
    if sizes[0] > picture[0] or sizes[1] > picture[1]:
        raise ArgumentError(
            f"{where}: expected size to be at most {picture[0]} x {picture[1]}, that of the images, "
            f"got {describe(size)}"
        )
    strides = _checks.size(where, "stride", [max(1, side // 2) for side in sizes] if stride is None else stride)
    if strides[0] > sizes[0] or strides[1] > sizes[1]:
        raise ArgumentError(
            f"{where}: expected stride to be at most size, {sizes[0]} x {sizes[1]}, got {describe(stride)}; "
            "else there are pixels that no window covers"
        )
    tops, lefts = (
        [*range(0, whole - part, step), whole - part] for whole, part, step in zip(picture, sizes, strides, strict=True)
    )
    return np.array([(y, x, y + sizes[0], x + sizes[1]) for y in tops for x in lefts], np.int32)


def _covered(view: View, inputs: list[Any], index: Any, cover: Any, boxes: Any) -> Any:
    """The scores with each window, (n, K)."""
    picture = inputs[view.image][:, None]
    top, left, bottom, right = (boxes[:, side, None] for side in range(4))
    rows, columns = (ops.arange(side, dtype="int32")[None] for side in picture.shape[2:4])
    tall, wide = ops.logical_and(rows >= top, rows < bottom), ops.logical_and(columns >= left, columns < right)
    inside = ops.logical_and(tall[:, :, None], wide[:, None, :])[..., None]
    many, classes = spread(view, inputs, index, ops.where(inside, cover[:, None], picture))
    return gathered(view.look(many, classes).scores, boxes.shape[0])


def _drops(whole: Floats, scores: Floats) -> Floats:
    """What is lost of the scores of the whole pictures (N, 1); nothing where rounding alone makes a difference."""
    drops = whole - scores
    return np.where(np.abs(drops) > ROUNDING * np.maximum(np.abs(whole), np.abs(scores)), drops, np.float32(0))


def _over_pixels(drops: Floats, boxes: NDArray[np.int32], picture: tuple[int, int]) -> Floats:
    """The mean, over the windows that cover a pixel, of values (N, windows)."""
    total, count = np.zeros((len(drops), *picture)), np.zeros(picture)
    for drop, (top, left, bottom, right) in zip(drops.T, boxes, strict=True):
        total[:, top:bottom, left:right] += drop[:, None, None]
        count[top:bottom, left:right] += 1
    return (total / count).astype(np.float32)
