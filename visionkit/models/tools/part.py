"""What a flat model is made of, in place of each operation of the original: what `inline` and `fuse` share."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import keras
from keras import layers

from visionkit.models.tools.trace import is_stock

# The layers that apply their activation last, so that it may as well be an operation behind them.
_END_IN_ACTIVATION = {
    *(layers.Activation, layers.Dense, layers.EinsumDense, layers.Conv1D, layers.Conv2D, layers.Conv3D),
    *(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose),
    *(layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D),
}


@dataclass(frozen=True)
class Part:
    """What a flat model holds: an operation made from a config, and, if it is a layer, the values of its weights."""

    make: Callable[[dict[str, Any]], Any]
    config: dict[str, Any]
    values: Sequence[Any]

    @classmethod
    def of(cls, operation: keras.Operation, *, values: Sequence[Any] | None = None, **changes: Any) -> Self:
        """A part like an operation that exists, but for changes to its config, and with other values if given."""
        make, kind = type(operation).from_config, type(operation)
        with warnings.catch_warnings():  # Keras warns of a lambda even where nothing comes of it
            warnings.simplefilter("ignore", UserWarning)
            config = operation.get_config()
        for key in [key for key in config if is_stock(operation) and _is_foreign(operation, key, config[key])]:
            if key.endswith("initializer"):  # the weights are given: no matter how they were made at first
                del config[key]
                continue
            own = getattr(operation, key, getattr(operation, f"_{key}", None))
            if not isinstance(own, keras.Layer | None):
                config[key] = own  # the function or object itself: Keras may make none of a config
                make = lambda config: kind(**config)  # noqa: E731
        return cls(make, config | changes, getattr(operation, "weights", ()) if values is None else values)


# What takes the place of an operation: parts, and functions of Keras tensors, each called on what the one before gave.
Chain = Sequence[Part | Callable[..., Any]]


def foreign(config: Any) -> Iterator[str]:
    """The names of what is not Keras' own in a config."""
    if isinstance(config, dict):
        module, kind = config.get("module"), config.get("class_name")
        if kind in ("function", "__lambda__"):
            yield f"function {config['config']}" if kind == "function" else "a lambda"
        elif isinstance(module, str) and kind is not None and module.split(".")[0] not in ("keras", "builtins"):
            yield str(config.get("registered_name") or kind)
        config = config.values()
    elif not isinstance(config, list | tuple):
        return
    for one in config:
        yield from foreign(one)


def _is_foreign(operation: Any, key: str, config: Any) -> bool:
    return any(foreign(config)) or (key.endswith("activation") and not is_keras_own(getattr(operation, key, None)))


def is_keras_own(activation: Any) -> bool:
    """Whether a name alone stands for an activation in a file."""
    own = getattr(keras.activations, getattr(activation, "__name__", ""), None)
    # What TensorFlow and Keras both have under one name does the same, which is not so for JAX and PyTorch.
    is_tensorflows = own is not None and activation.__module__.startswith("tensorflow.")
    return activation is None or activation is own or is_tensorflows


def ends_in_activation(operation: Any) -> bool:
    """Whether a layer applies its activation last, so that it may as well be a step behind it."""
    return type(operation) in _END_IN_ACTIVATION


def before_activation(operation: Any) -> list[Part]:
    """What such a layer does before."""
    own = [*operation._trainable_variables, *operation._non_trainable_variables]  # without those of the activation
    return [] if isinstance(operation, layers.Activation) else [Part.of(operation, values=own, activation=None)]
