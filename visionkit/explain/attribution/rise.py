"""RISE: how probable a class is where random parts of the picture are seen."""

from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, describe
from visionkit.explain.attribution.background import background
from visionkit.explain.attribution.channels import by_peak
from visionkit.explain.attribution.variants import ROUNDING, check_verbose, gathered, rounds, spread
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View


def rise(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    output: int | str | None = None,
    masks: int = 2000,
    grid: int | tuple[int, int] = 7,
    probability: float = 0.5,
    fill: float | str | ArrayLike = "mean",
    seed: int = 0,
    normalize: bool = True,
    verbose: int = 1,
    batch_size: int = 32,
) -> Floats:
    """The mean probability of a class over random masks, for each pixel over those that let it be seen.

    Args:
        model, images, target, output, batch_size: see ``saliency``. The predicted class is that of the whole picture.
            Of a function of the outputs, its scores take the place of the probability.
        masks: how many; the fewer, the more the map is noise.
        grid: how many cells a mask has from top to bottom and from left to right. It is enlarged bilinearly, and moved
            by a random part of a cell.
        probability: that a cell is seen, in (0, 1).
        fill: what is seen instead of the picture: "mean" for its mean colour (the paper's choice, where the model takes
            pictures less the mean colour of all), "blur" for the picture without details, a number, or an array: a
            colour (C,), a picture (H, W, C), or one for each.
        seed: of the masks, which are the same for every picture.
        normalize: whether the least value of each map becomes 0, and the largest 1; else it is the mean probability.
        verbose: 1 for a bar of progress once the work takes longer than a few seconds, 0 for none.

    Returns:
        float32 (N, H, W). A map on which all values are the same becomes zero, and a warning names it.

    Raises:
        ArgumentError, ModelError: what does not fit.

    Source: Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018 (arXiv
    1806.07421).

    >>> flat = keras.layers.Flatten()
    >>> model = keras.Sequential([keras.Input((1, 4, 1)), flat, keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[0.0], [0.0], [5.0], [0.0]])])
    >>> int(rise(model, np.ones((1, 1, 4, 1)), grid=(1, 4), fill=0.0).argmax())
    2
    """
    where = "rise"
    check_verbose(where, verbose)
    _checks.flag(where, "normalize", normalize)
    masks = _checks.positive(where, "masks", masks)
    cells = _checks.size(where, "grid", grid)
    if _checks.rate(where, "probability", probability) == 0:
        raise ArgumentError(f"{where}: expected probability to be above 0, got {describe(probability)}")
    rng = np.random.default_rng(_checks.positive(where, "seed", seed, least=0))
    probe = Probe(where, model, images, target=target, output=output, batch_size=batch_size)
    size = probe.inputs.size
    rest = background(where, "fill", fill, probe.inputs.picture)
    probe.settle()
    seen = (rng.random((masks, *cells)) < probability).astype(np.float32)
    shifts = rng.random((masks, 2))
    total, weight = np.zeros((probe.inputs.count, *size)), np.zeros(size)
    for numbers, counts in rounds(probe, masks, batch_size=batch_size, verbose=verbose):
        some = np.stack([_mask(seen[number], shifts[number], size) for number in numbers])
        found = probe.run(_masked, rest, fixed=[some])
        total += np.tensordot(found * counts, some, axes=1)
        weight += np.tensordot(counts, some, axes=1)
    maps = total / np.maximum(weight, np.finfo(np.float32).tiny)
    probe.check_finite(maps)
    if not normalize:
        return maps.astype(np.float32)
    above = maps - maps.min(axis=(1, 2), keepdims=True)
    flat = above.max(axis=(1, 2)) <= ROUNDING * np.abs(maps).max(axis=(1, 2))
    above[flat] = 0
    return by_peak(where, above)


def _mask(cells: Floats, shift: NDArray[np.float64], size: tuple[int, int]) -> Floats:
    """One mask, (H, W): the cells a cell larger than the picture on each axis, and of that a part."""
    height, width = (-(-side // number) for side, number in zip(size, cells.shape, strict=True))
    large = cv2.resize(cells, ((cells.shape[1] + 1) * width, (cells.shape[0] + 1) * height))
    top, left = int(shift[0] * height), int(shift[1] * width)
    return np.asarray(large[top : top + size[0], left : left + size[1]])


def _masked(view: View, inputs: list[Any], index: Any, rest: Any, masks: Any) -> Any:
    """The probabilities with each mask, (n, K)."""
    pictures = rest[:, None] + (inputs[view.image] - rest)[:, None] * masks[..., None]
    many, classes = spread(view, inputs, index, pictures)
    return gathered(view.look(many, classes).probabilities, masks.shape[0])
