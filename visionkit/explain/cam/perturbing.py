"""The maps that are made by showing or removing one channel of a layer at a time; no gradient is taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View


def scorecam(probe: Probe, channels: int, together: int) -> Floats:
    """Weights (N, C): how much a channel, shown alone, raises the score over that of a picture of zeros."""
    nothing = probe.scores(np.zeros_like(probe.inputs.picture))[0]
    return _trials(probe, _shown, channels, together) - nothing[:, None]


def ablationcam(probe: Probe, channels: int, together: int) -> Floats:
    """Weights (N, C): the part of the score that is lost with a channel."""
    whole = probe.scores()[0][:, None]
    lost: Floats = whole - _trials(probe, _without, channels, together)
    lost /= np.where(whole == 0, np.float32(1), np.abs(whole))
    return lost


PERTURBING: dict[str, Callable[[Probe, int, int], Floats]] = {"scorecam": scorecam, "ablationcam": ablationcam}


def weighted(view: View, inputs: list[Any], index: Any, weights: Any) -> Any:
    """A program: the sum of a tap's channels (n, h, w), by weights (n, C)."""
    return ops.sum(ops.cast(view.maps(inputs)[0], "float32") * weights[:, None, None], axis=-1)


def _trials(probe: Probe, program: Callable[..., Any], channels: int, together: int) -> Floats:
    """A score for each image and channel, (N, C), of which so many are shown together."""
    groups = -(-channels // together)
    numbers = np.minimum(np.arange(groups * -(-channels // groups)), channels - 1).astype(np.int32)
    found = [probe.run(program, fixed=[group]) for group in np.split(numbers, groups)]
    made: Floats = np.concatenate(found, axis=1)[:, :channels]
    return made


def _shown(view: View, inputs: list[Any], index: Any, channels: Any) -> Any:
    """A program: the scores (n, r) of the images where only that is left which each of r channels answers to."""
    masks = ops.transpose(ops.take(view.maps(inputs)[0], channels, axis=-1), (0, 3, 1, 2))
    masks = ops.reshape(ops.cast(masks, "float32"), (-1, *masks.shape[2:], 1))
    many, classes = _repeated(inputs, index, channels)
    picture = many[view.image]
    masks = ops.image.resize(masks, picture.shape[1:3], interpolation="bilinear", data_format="channels_last")
    masks = masks - ops.min(masks, (1, 2), keepdims=True)
    most = ops.max(masks, (1, 2), keepdims=True)
    many[view.image] = picture * masks / ops.where(most > 0, most, 1.0)
    return ops.reshape(view.look(many, classes).scores, (-1, channels.shape[0]))


def _without(view: View, inputs: list[Any], index: Any, channels: Any) -> Any:
    """A program: the scores (n, r) of the images where each of r channels is zero."""
    many, classes = _repeated(inputs, index, channels)

    def edit(maps: Any) -> Any:
        left = ops.tile(1 - ops.one_hot(channels, maps.shape[-1]), (ops.shape(inputs[0])[0], 1))
        return maps * ops.cast(left, maps.dtype)[:, None, None]

    return ops.reshape(view.look(many, classes, edit=edit).scores, (-1, channels.shape[0]))


def _repeated(inputs: list[Any], index: Any, channels: Any) -> tuple[list[Any], Any]:
    """Each image as often as there are channels."""
    times = channels.shape[0]
    return [ops.repeat(one, times, axis=0) for one in inputs], ops.repeat(index, times, axis=0)
