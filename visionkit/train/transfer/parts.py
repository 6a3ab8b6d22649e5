"""The layers inside a layer, however deep, in the order in which they are applied, and which of them train."""

from collections.abc import Callable
from typing import NamedTuple

import keras

from visionkit._errors import ArgumentError, describe, one_of


class Part(NamedTuple):
    """A layer inside a model.

    Attributes:
        path: the names on the way to it, such as "vgg16/block5_conv1".
        layer: itself.
        trains: whether its own weights train. Keras asks the weights, and the outermost layer, not those between.
        leaf: whether it holds no others.
    """

    path: str
    layer: keras.Layer
    trains: bool
    leaf: bool


def children(layer: keras.Layer) -> list[keras.Layer]:
    """The layers that a layer holds directly: of a model in the order of the graph, of others as they were made."""
    found: list[keras.Layer] = layer._flatten_layers(include_self=False, recursive=False)
    return found


def own_weights(layer: keras.Layer) -> list[keras.Variable]:
    """The weights of a layer itself that train when it does."""
    return list(layer._trainable_variables)


def parts(layer: keras.Layer) -> list[Part]:
    """Every layer inside, each once: where it first comes; a block before what it holds."""
    found: dict[int, Part] = {}

    def visit(inside: keras.Layer, path: str) -> None:
        for child in children(inside):
            if id(child) not in found:
                here = path + child.name
                trains = layer.trainable and child.trainable and all(own.trainable for own in own_weights(child))
                found[id(child)] = Part(here, child, trains, not children(child))
                visit(child, f"{here}/")

    visit(layer, "")
    return list(found.values())


def place_of(where: str, argument: str, wanted: str | keras.Layer, among: list[Part]) -> int:
    """Which of the parts is meant by a layer, its name, its path, or the last names of its path.

    Raises:
        ArgumentError: none of them, or several; the message offers names or paths.
    """
    if isinstance(wanted, keras.Layer):
        places = [place for place, part in enumerate(among) if part.layer is wanted]
        if not places:
            raise ArgumentError(f"{where}: expected {argument} to be a layer inside the model, got {wanted.name!r}")
        return places[0]
    if not isinstance(wanted, str):
        raise ArgumentError(f"{where}: expected {argument} to be a layer or its name, got {describe(wanted)}")
    places = [place for place, part in enumerate(among) if part.path == wanted]
    places = places or [place for place, part in enumerate(among) if part.path.endswith(f"/{wanted}")]
    if not places:
        whole = "/" in wanted
        names = dict.fromkeys(part.path if whole else part.layer.name for part in among)
        raise one_of(where, argument, wanted, names)
    if len(places) > 1:
        paths = ", ".join(repr(among[place].path) for place in places)
        raise ArgumentError(
            f"{where}: expected {argument} to be one layer, got {wanted!r}, which is {paths}; give a path"
        )
    return places[0]


def train_only(model: keras.Layer, among: list[Part], wanted: Callable[[int, Part], bool], *, rest: bool) -> None:
    """Let the weights of some parts train, and freeze those of the others.

    Args:
        model: the layer that the parts are of.
        among: all its parts.
        wanted: place, part -> whether it trains.
        rest: whether the weights of ``model`` itself do.
    """
    on = {id(part.layer): wanted(place, part) for place, part in enumerate(among)}
    # Keras sets all that is inside with a layer, but on TensorFlow only where the layer itself changes. So all are
    # set, those that hold others first: they must train for anything inside to do so.
    holding = [part.layer for part in among if not part.leaf]
    model.trainable = rest or any(on.values())
    for layer in holding:
        layer.trainable = on[id(layer)] or any(on[id(part.layer)] for part in parts(layer))
    for part in among:
        if part.leaf:
            part.layer.trainable = on[id(part.layer)]
    for layer, trains in [(model, rest), *((part.layer, on[id(part.layer)]) for part in among)]:
        for weight in own_weights(layer):
            weight.trainable = trains
