"""Fit the arrays of a file to a model: what may differ is bridged, everything else is one error."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ModelError
from visionkit.models.weights.hdf5 import Stored

MOST_CHANNELS = 4096  # of images; an array with a longer axis is not read in order to be bridged

Array = NDArray[Any]
Arrays = dict[str, Array]


class Fitted(NamedTuple):
    """What became of a file's arrays.

    arrays: one for each name of the model.
    note: what was left out; empty if nothing was.
    """

    arrays: Arrays
    note: str


def fit(
    model: str,
    own: Mapping[str, Array | Stored],
    found: Mapping[str, Stored],
    *,
    channels: int | None,
    is_head: Callable[[str], bool],
) -> Fitted:
    """Fit arrays found in a file to those that a model has; they are read when all names and shapes fit.

    Args:
        model: name of the model, for messages.
        own: the model's arrays by name; of those that the file does not replace they stay.
        found: the file's arrays, by the same names.
        channels: of the model's images; only kernels that look at as many may be for another number in the file.
        is_head: whether a name is one of the classifier's.

    Raises:
        ModelError: names are missing or superfluous, shapes differ, or a number is infinite or none; the message says
            which.
    """
    own_head, found_head = ({name for name in names if is_head(name)} for names in (own, found))
    changed: dict[str, Array | Stored] = {}
    kept: set[str] = set()
    faults: list[str] = []
    note = ""
    if own_head and not found_head:
        kept, note = own_head, "the file has no classifier; that of the model stays as it was"
    elif found_head and not own_head:
        note = "the file's classifier is left out, because the model has none"
    for name, array in own.items():
        if name in kept:
            changed[name] = array
        elif name not in found:
            faults.append(f"missing {name} of shape {array.shape}")
        elif found[name].shape != array.shape:
            other = found[name]
            if (bridged := _bridged(name, array.shape, other, channels)) is not None:
                changed[name] = bridged
            elif name in own_head and _other_classes(array.shape, other.shape):
                changed[name] = array
                classes = f"{other.shape[-1]} classes, not {array.shape[-1]}"
                note = f"the file is for {classes}; all but the layer that tells them apart is loaded"
            else:
                faults.append(f"{name}: expected shape {array.shape}, got {other.shape}")
    left = found.keys() - own.keys() - (set() if own_head else found_head)
    faults += [f"not in the model: {name} of shape {found[name].shape}" for name in found if name in left]
    kernels = [name for name in changed if name not in own_head and changed[name].ndim == 4]
    if len(kernels) > 1:  # only the first convolution sees the images
        faults += [f"{name}: {found[name].shape[2]} channels instead of {changed[name].shape[2]}" for name in kernels]
    _check(f"the file does not fit {model}", faults)
    arrays = {name: np.asarray(changed.get(name, found.get(name))) for name in own}
    taken = [name for name, one in own.items() if changed.get(name) is not one]
    _check("bad weights", [f"NaN or infinity in {name}" for name in taken if not np.isfinite(arrays[name]).all()])
    return Fitted(arrays, note)


def _check(what: str, faults: list[str]) -> None:
    if faults:
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise ModelError(f"load_weights: {what}; nothing was loaded: {'; '.join(faults[:10])}{more}")


def channels_of(model: keras.Model) -> int | None:
    """The number of channels of a model's images; None where there is not one input, whose shape is known."""
    shape = getattr(model, "input_shape", None)
    return shape[-1] if isinstance(shape, tuple) else None


def _other_classes(own: tuple[int, ...], other: tuple[int, ...]) -> bool:
    if other[:2] == (1, 1) and len(other) == len(own) + 2:  # a classifier that is a 1x1 convolution
        other = other[2:]
    return len(own) == len(other) and own[:-1] == other[:-1]


def _bridged(name: str, shape: tuple[int, ...], other: Stored, channels: int | None) -> Array | None:
    """The array in another shape where that means the same, else None."""
    if other.ndim == 4 and other.shape == (1, 1, *shape):  # a classifier that is a 1x1 convolution
        return np.asarray(other).reshape(shape)
    if max(other.shape, default=0) > MOST_CHANNELS:
        return None
    if (
        len(shape) == other.ndim == 4
        and shape[2] == channels
        and shape[:2] + shape[3:] == other.shape[:2] + other.shape[3:]
    ):
        return _channels(np.asarray(other), shape[2])
    if len(shape) == other.ndim == 1 and "normalization" in name:  # mean and variance of the channels
        array = np.asarray(other)
        return np.full(shape, array.mean()) if shape[0] == 1 else np.resize(array, shape)
    return None


def _channels(kernel: Array, count: int) -> Array:
    """The kernels of a first convolution for another number of input channels.

    A grey picture gives the same as its three equal channels did; more channels repeat red, green and blue.
    """
    given = kernel.shape[2]
    if count == 1:
        summed: Array = kernel.sum(axis=2, keepdims=True)
        return summed
    repeated: Array = kernel[:, :, np.arange(count) % given] * (given / count)
    return repeated
