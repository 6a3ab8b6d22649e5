"""Gradient ascent on pictures: all of them in one compiled loop."""

from functools import cache
from typing import Any

from keras import ops

from visionkit.explain.filters.regularize import blurred, roughness, shifted
from visionkit.explain.probe.probe import Program
from visionkit.explain.probe.view import Seen, View

_BLUR_EVERY = 4


@cache
def ascent(*, jitter: bool, blur: bool, variation: bool) -> Program:
    """The program that climbs, with the regularisers that are on; what is off costs nothing."""

    def climb(view: View, inputs: list[Any], index: Any, filters: Any, *settings: Any) -> tuple[Any, Any]:
        """Pictures that excite the filters more, and how strong a gradient each met.

        Args:
            view: with one tap.
            inputs: of the model; the picture is what changes.
            index: not used, the pass ends at the tap.
            filters: int32 (n,), a channel for each picture.
            settings: how many steps; how far each picture moves in one, root mean square; int32 (S, 2), where to it is
                shifted meanwhile; matrices (H, H) and (W, W) that blur it, down and along; how strong the gradient of
                the total variation is against that of the activation.
        """
        steps, rate, shifts, rows, columns, penalty = settings

        def score(seen: Seen) -> Any:
            means = _means(seen.maps[0])
            return ops.sum(means * ops.one_hot(filters, means.shape[-1], dtype="float32"), axis=-1)

        def step(number: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
            pictures, felt = state
            shift = shifts[number % shifts.shape[0]]
            given = list(inputs)
            given[view.image] = shifted(pictures, shift) if jitter else pictures
            _, (gradient,) = view.gradients(given, None, at="image", score=score)
            gradient = shifted(gradient, -shift) if jitter else gradient
            strength = ops.sqrt(ops.mean(ops.square(gradient), axis=(1, 2, 3), keepdims=True))
            move = gradient / ops.where(strength > 0, strength, 1.0)
            if variation:
                move = move - penalty * roughness(pictures, rate)
            pictures = pictures + rate * move
            if blur:
                due = number % _BLUR_EVERY == _BLUR_EVERY - 1
                pictures = ops.cond(due, lambda: blurred(pictures, rows, columns), lambda: pictures)
            return pictures, ops.maximum(felt, strength[:, 0, 0, 0])

        start = inputs[view.image]
        grown, felt = ops.fori_loop(0, steps, step, (start, ops.zeros_like(start[:, 0, 0, 0])))
        return grown, felt

    return climb


def _means(maps: Any) -> Any:
    """The mean of each channel, (n, C); the units of a dense layer as they are."""
    maps = ops.cast(maps, "float32")
    return ops.mean(maps, axis=tuple(range(1, len(maps.shape) - 1))) if len(maps.shape) > 2 else maps
