"""The layers inside a model, however deep, and which of them is meant by a name."""

from typing import Any, NamedTuple

import keras

from visionkit._errors import ArgumentError, ModelError, describe, one_of


class Place(NamedTuple):
    """Where a layer, or an operation of a functional model, is.

    Attributes:
        path: the names on the way to it, such as "backbone/block2/conv".
        layer: itself.
    """

    path: str
    layer: Any


def check_model(where: str, model: object) -> None:
    """Make sure that it is a Keras model.

    Raises:
        ModelError: it is not.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(f"{where}: expected a keras.Model, got {describe(model)}")


def places(model: keras.Model) -> list[Place]:
    """Every layer and operation inside, each once: where it first comes; a block before what it holds."""
    found: dict[int, Place] = {}

    def visit(inside: Any, path: str) -> None:
        for child in _children(inside):
            if id(child) not in found:
                found[id(child)] = Place(path + child.name, child)
                visit(child, f"{path}{child.name}/")

    visit(model, "")
    return list(found.values())


def find(where: str, model: keras.Model, wanted: object) -> Place:
    """The one that is meant by a layer, its name, its path, or the last names of its path.

    Raises:
        ArgumentError: none of them, or several; the message offers names or paths.

    >>> inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")], name="backbone")
    >>> find("gradcam", keras.Sequential([inner, keras.layers.Flatten()]), "conv").path
    'backbone/conv'
    """
    among = places(model)
    if isinstance(wanted, str):
        found = [place for place in among if place.path == wanted]
        found = found or [place for place in among if place.path.endswith(f"/{wanted}")]
        if not found:
            names = dict.fromkeys(place.path if "/" in wanted else place.layer.name for place in among)
            raise one_of(where, "layer", wanted, names)
    elif isinstance(wanted, keras.Operation):
        found = [place for place in among if place.layer is wanted]
        if not found:
            raise ArgumentError(f"{where}: expected layer to be one inside the model, got {wanted.name!r} of another")
    else:
        raise ArgumentError(f"{where}: expected layer to be a layer, its name, or None, got {describe(wanted)}")
    if len(found) > 1:
        paths = ", ".join(repr(place.path) for place in found)
        raise ArgumentError(f"{where}: {len(found)} layers are called {wanted!r}: say one of {paths}")
    return found[0]


def _children(layer: Any) -> list[Any]:
    """What a layer holds directly; of a functional model also the operations that are no layers, in its order."""
    held = list(layer._flatten_layers(include_self=False, recursive=False)) if isinstance(layer, keras.Layer) else []
    graph = layer if hasattr(layer, "operations") else None
    if graph is None:
        return held
    ordered = [one for one in graph.operations if not isinstance(one, keras.layers.InputLayer)]
    known = {id(one) for one in ordered}
    return ordered + [one for one in held if id(one) not in known and not isinstance(one, keras.layers.InputLayer)]
