"""Integrated gradients: the gradients on the way from a baseline to the picture."""

import warnings
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, overload

import keras
import numpy as np
from numpy.typing import ArrayLike

from visionkit import _checks
from visionkit.explain.attribution.background import background
from visionkit.explain.attribution.channels import Reduce, check_options, reduced
from visionkit.explain.attribution.variants import check_verbose, rounds, weighted_gradient
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View

_LARGE = 0.05


class Integrated(NamedTuple):
    """Maps, and how far they are from complete.

    Attributes:
        maps: float32 (N, H, W), see ``integrated_gradients``.
        gap: float32 (N,), how far the sum of the attributions is from the difference of the scores of picture and
            baseline, as part of that difference; 0 were the integral exact. Where what speaks for the class and what
            speaks against it cancel, a hundredth of both together takes the place of the difference.

    >>> flat = keras.layers.Flatten()
    >>> model = keras.Sequential([keras.Input((1, 3, 1)), flat, keras.layers.Dense(1)])
    >>> maps, gap = integrated_gradients(model, np.ones((2, 1, 3, 1)), steps=4, return_gap=True)
    >>> maps.shape, bool((gap < 1e-4).all())
    ((2, 1, 3), True)
    """

    maps: Floats
    gap: Floats


class _Options(TypedDict, total=False):
    """All others, for type checkers."""

    target: Any
    output: int | str | None
    baseline: float | str | ArrayLike
    steps: int
    reduce: Reduce
    normalize: bool
    verbose: int
    batch_size: int


@overload
def integrated_gradients(
    model: keras.Model, images: Any, *, return_gap: Literal[False] = False, **options: Unpack[_Options]
) -> Floats: ...
@overload
def integrated_gradients(
    model: keras.Model, images: Any, *, return_gap: Literal[True], **options: Unpack[_Options]
) -> Integrated: ...
def integrated_gradients(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    output: int | str | None = None,
    baseline: float | str | ArrayLike = 0.0,
    steps: int = 50,
    reduce: Reduce = "max",
    normalize: bool = True,
    return_gap: bool = False,
    verbose: int = 1,
    batch_size: int = 32,
) -> Floats | Integrated:
    """What each pixel adds to the score on the straight way from a baseline to the picture.

    What all pixels add is, but for the gap, the difference between the scores of the picture and of the baseline. The
    gradients are weighed by the midpoint rule.

    Args:
        model, images, target, output, reduce, normalize, batch_size: see ``saliency``. The predicted class is that of
            the picture.
        baseline: what tells nothing: a number, as the model takes its pixels; "mean" for the mean colour of the
            picture, "blur" for the picture without details, or an array: a colour (C,), a picture (H, W, C), or one
            for each.
        steps: at how many points on the way gradients are taken.
        return_gap: whether the gap is returned, too.
        verbose: 1 for a bar of progress once the work takes longer than a few seconds, 0 for none.

    Returns:
        float32 (N, H, W), as of ``saliency``; with ``return_gap`` an ``Integrated``: these and the gap. A gap above
        5 % is warned of in any case.

    Raises:
        ArgumentError, ModelError: what does not fit.

    Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, 2017 (arXiv 1703.01365).

    >>> flat = keras.layers.Flatten()
    >>> model = keras.Sequential([keras.Input((1, 3, 1)), flat, keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[1.0], [-4.0], [0.0]])])
    >>> integrated_gradients(model, np.full((1, 1, 3, 1), 5.0), baseline=3.0, steps=4, reduce="sum", normalize=False)
    array([[[ 2., -8.,  0.]]], dtype=float32)
    """
    where = "integrated_gradients"
    check_options(where, reduce, normalize)
    check_verbose(where, verbose)
    _checks.flag(where, "return_gap", return_gap)
    steps = _checks.positive(where, "steps", steps)
    probe = Probe(where, model, images, target=target, output=output, batch_size=batch_size)
    pictures = probe.inputs.picture
    start = background(where, "baseline", baseline, pictures)
    probe.settle()
    mean = np.zeros_like(pictures)
    points, weights = (np.arange(steps, dtype=np.float32) + 0.5) / steps, np.full(steps, 1 / steps, np.float32)
    for numbers, counts in rounds(probe, steps, batch_size=batch_size, verbose=verbose):
        mean += probe.run(_on_the_way, start, fixed=[points[numbers], weights[numbers] * counts])
    probe.check_finite(mean)
    values = mean * (pictures - start)
    gap = _gap(probe, values, start)
    large = np.flatnonzero(gap > _LARGE)
    if large.size:
        warnings.warn(
            f"{where}: image {int(large[0])}: the attributions miss the difference of the scores by "
            f"{gap[large[0]]:.0%}{'' if large.size == 1 else f', and {large.size - 1} more'}; "
            f"give more steps than {steps}",
            stacklevel=2,
        )
    maps = reduced(where, values, reduce, normalize)
    return Integrated(maps, gap) if return_gap else maps


def _gap(probe: Probe, values: Floats, start: Floats) -> Floats:
    """See ``Integrated``."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    difference = probe.scores()[0] - probe.scores(images=np.broadcast_to(start, values.shape))[0]
    whole = np.maximum(np.abs(difference), np.abs(flat).sum(axis=1) / 100)
    missed = np.abs(flat.sum(axis=1) - difference)
    return np.asarray(missed / np.where(whole == 0, 1, whole), np.float32)


def _on_the_way(view: View, inputs: list[Any], index: Any, *given: Any) -> Any:
    start, points, weights = given
    picture, start = inputs[view.image][:, None], start[:, None]
    return weighted_gradient(view, inputs, index, start + (picture - start) * points[:, None, None, None], weights)
