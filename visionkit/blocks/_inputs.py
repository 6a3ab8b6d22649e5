"""What blocks may be given: shapes of images, layers, and the names of what Keras knows."""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from visionkit._errors import ArgumentError, describe

Shape = tuple[int | None, ...]


def resolved(where: str, argument: str, get: Callable[[Any], Any], value: object) -> Any:
    """What a Keras lookup (``keras.initializers.get`` and the like) makes of a name or an object."""
    try:
        return get(value)
    except (ValueError, TypeError) as error:
        name = getattr(get, "__module__", "keras").rpartition(".")[2]
        raise ArgumentError(
            f"{where}: expected {argument} to be something that keras.{name}.get knows, got {describe(value)}"
        ) from error


def image_shape(where: str, shape: Shape) -> Shape:
    """The shape of a batch of images or feature maps, channels known."""
    if len(shape) != 4:
        raise ArgumentError(
            f"{where}: expected an input of shape (N, H, W, C), got {tuple(shape)}; "
            "add a channel axis with keras.ops.expand_dims(x, -1) if it is the one that is missing"
        )
    if shape[-1] is None:
        raise ArgumentError(
            f"{where}: expected an input of shape (N, H, W, C) with a known number of channels, got {tuple(shape)}"
        )
    return tuple(shape)


def layer(where: str, argument: str, value: object) -> keras.Layer:
    """A Keras layer, not a class or a plain function."""
    if isinstance(value, keras.Layer):
        return value
    came = value.__name__ if inspect.isclass(value) else describe(value)
    hint = f"; make one with {came}(...)" if inspect.isclass(value) else "; wrap a function in keras.layers.Lambda"
    raise ArgumentError(f"{where}: expected {argument} to be a Keras layer, got {came}{hint}")
