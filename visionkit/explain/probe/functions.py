"""Where a model may apply a function such as softmax: as an activation, as a layer of its own, or by calling it."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import keras

from visionkit.explain.probe.layers import Place

_MODULES = (keras.ops, keras.ops.nn, keras.activations)


class Use(NamedTuple):
    """One such place.

    Attributes:
        owner, attribute: what is called there, as a ``Swap`` takes it.
        name: of the function.
    """

    owner: Any
    attribute: str
    name: str


def uses(names: Iterable[str], among: Iterable[Place]) -> Iterator[Use]:
    """Where functions of these names, of ``keras.activations``, are: in the layers, and in Keras' own modules."""
    functions = {name: getattr(keras.activations, name) for name in names}
    kinds = {name.replace("_", ""): name for name in functions}  # of layers and operations, in lower case
    yield from (Use(module, name, name) for module in _MODULES for name in functions)
    for _, layer in among:
        activation, kind = vars(layer).get("activation"), type(layer).__name__.lower()
        name = next((name for name, function in functions.items() if activation is function), None)
        if name is not None:
            yield Use(layer, "activation", name)
        elif kind in kinds:
            yield Use(layer, "call", kinds[kind])
