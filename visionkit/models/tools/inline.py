"""Any model as a flat functional model of stock Keras layers, which loads where visionkit is not installed."""

from typing import Any

import keras
from keras import layers

from visionkit._errors import ModelError
from visionkit.models.tools.flat import flattened
from visionkit.models.tools.part import Chain, Part, before_activation, ends_in_activation, foreign, is_keras_own
from visionkit.models.tools.trace import is_stock, traced


def inline(model: keras.Model) -> keras.Model:
    """The same function, with the same weights, as a flat functional model of stock Keras layers and operations.

    Its file loads in a process without visionkit. Blocks and nested models are taken apart; a shared layer stays
    shared; types, frozen layers and the structure and names of the inputs stay; the second of two inner layers of one
    name gets a number (``conv1_1``).

    A layer of other make that has weights of its own says itself what it is made of, in a method ``stock()`` that
    returns a list of built stock layers, one to be called after the other, with the weights in them. One without
    weights becomes the operations that its ``call`` does.

    The layers are those of inference: what a ``call`` does only ``if training`` is gone, and so are losses that a
    block itself adds. Initialisers that are not Keras' own are dropped, because the weights are given.

    Args:
        model: any built model: functional, Sequential, subclassed, with blocks or models inside.

    Returns:
        A new model, not compiled. Its weights are copies.

    Raises:
        ModelError: the model is not built; or a layer, regulariser or constraint in it is not Keras' own and cannot
            be taken apart; the message names it.

    >>> from visionkit.blocks import ConvBNAct
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), ConvBNAct(4, name="stem"), keras.layers.Flatten(name="flat")])
    >>> [layer.name for layer in inline(model).layers][1:]
    ['stem_conv', 'stem_bn', 'stem_relu', 'flat']
    """
    with traced(model) as graph:
        flat = flattened(graph, model, _stock, where="inline")
    for config in flat.get_config()["layers"]:
        found = next(foreign(config), None)
        if found is not None:
            raise ModelError(
                f"inline: expected nothing but what Keras itself has, got {config['name']} ({config['class_name']}), "
                f"which holds {found}; build the model without it"
            )
    return flat


def _stock(operation: Any) -> Chain:
    """The stock layers and the functions that an operation is made of."""
    if hasattr(operation, "stock"):
        return [Part.of(layer) for layer in operation.stock()]
    if not is_stock(operation) and getattr(operation, "variables", None):
        kind = type(operation).__name__
        raise ModelError(
            f"inline: expected stock layers wherever there are weights, got {operation.name} ({kind}); "
            f"give {kind} a method stock() that returns a list of built stock layers with the weights in them"
        )
    if not is_stock(operation) or isinstance(operation, layers.Lambda):
        return [operation.call]
    activation: Any = getattr(operation, "activation", None)
    if is_keras_own(activation) and is_keras_own(getattr(operation, "recurrent_activation", None)):
        return [Part.of(operation)]
    if not ends_in_activation(operation):
        raise ModelError(
            f"inline: expected an activation of Keras' own in {operation.name} ({type(operation).__name__}), "
            "got another function; use one of keras.activations"
        )
    behind = _stock(activation) if isinstance(activation, keras.Operation) else [activation]
    return [*before_activation(operation), *behind]
