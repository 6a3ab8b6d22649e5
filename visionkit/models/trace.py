"""Trace a model down to its leaf layers, through blocks, nested models and layers of others that hold layers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from visionkit._errors import ModelError

# Keras notes every symbolic call on the layer that was called; two traces of one model must not mix.
_LOCK = threading.RLock()


def is_composite(layer: Any) -> bool:
    """Whether a layer is made of other layers, so that a trace goes into it: blocks, models, layers of others.

    A layer with weights of its own beside those of its inner layers is a leaf, and so are Keras' own wrappers.
    """
    if not isinstance(layer, keras.Layer):
        return False
    if isinstance(layer, keras.Model):
        return True
    inner = list(layer._flatten_layers(include_self=False, recursive=False))
    return bool(inner) and not is_stock(layer) and not layer._trainable_variables and not layer._non_trainable_variables


def is_stock(layer: Any) -> bool:
    """Whether a layer or an operation is one of Keras' own."""
    return type(layer).__module__.split(".")[0] == "keras"


@contextmanager
def traced(model: keras.Model) -> Iterator[keras.Function]:
    """The graph of a model's leaf layers, as long as the context lasts; the model is as it was afterwards.

    Each node of the graph is a call of a leaf layer (the model's own object, so that its weights are at hand) or of an
    operation, with symbolic tensors that know their shapes. Nothing is computed.

    Raises:
        ModelError: the model is not built, so that nothing tells its input.

    >>> import keras
    >>> inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="a")])
    >>> model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(3, name="b")])
    >>> with traced(model) as graph:
    ...     [layer.name for layer in graph.operations[1:]]
    ['a', 'b']
    """
    with _LOCK:
        layers = [model, *model._flatten_layers(include_self=False)]
        operations = {id(one): one for layer in layers for one in (layer, *getattr(layer, "operations", ()))}
        calls = [(one, len(one._inbound_nodes), len(one._outbound_nodes)) for one in operations.values()]
        try:
            inputs = _inputs(model)
            yield keras.Function(inputs, _expand(model, inputs))
        finally:
            for one, inbound, outbound in calls:
                del one._inbound_nodes[inbound:]
                del one._outbound_nodes[outbound:]


def replay(graph: keras.Function, inputs: Any, call: Callable[..., Any]) -> Any:
    """Run through a graph with other tensors: ``call(operation, *args, **kwargs)`` at each node gives its outputs."""
    return graph._run_through_graph(inputs, operation_fn=lambda one: one, call_fn=call)


def _expand(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a leaf; instead of a composite, the leaves that it is made of."""
    if not is_composite(operation):
        return operation(*args, **kwargs)
    graph = getattr(operation, "_functional", None) or operation
    if isinstance(graph, keras.Function) and not any(value is not None for value in kwargs.values()):
        return replay(graph, args, _expand)
    given: list[Any] = []
    placeholders: list[Any] = []

    def stand_in(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        given.append(value)
        placeholders.append(keras.Input(batch_shape=value.shape, dtype=value.dtype))
        return placeholders[-1]

    args, kwargs = keras.tree.map_structure(stand_in, (args, kwargs))
    inside = keras.Function(placeholders, operation.call(*args, **kwargs))
    return replay(inside, given, _expand)


def _inputs(model: keras.Model) -> Any:
    """Fresh symbolic inputs like the model's own."""
    try:
        return keras.tree.map_structure(lambda one: keras.Input(batch_shape=one.shape, dtype=one.dtype), model.input)
    except (AttributeError, ValueError):  # a subclassed model, which knows only what it was built on
        shape = (model.get_build_config() or {}).get("input_shape")
    if shape is None:
        raise ModelError(f"expected a built model, got {model.name}; call it on an input first")
    return keras.tree.map_shape_structure(lambda one: keras.Input(batch_shape=(None, *one[1:])), shape)
