"""Trace a model down to its leaf layers, through blocks, nested models and layers of others that hold layers."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from visionkit._errors import ModelError

# Keras notes every symbolic call on the layer that was called; two traces of one model must not mix.
LOCK = threading.RLock()


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


def graph_of(model: Any) -> keras.Function | None:
    """The graph that a functional or Sequential model has itself; None for any other layer."""
    graph = getattr(model, "_functional", None) or model
    return graph if isinstance(graph, keras.Function) else None


def tensors_in(values: Any) -> list[Any]:
    """The symbolic tensors in a structure."""
    return [one for one in keras.tree.flatten(values) if isinstance(one, keras.KerasTensor)]


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
    with restored(model):
        inputs = fresh_inputs(model)
        yield function(inputs, _expand(model, inputs))


@contextmanager
def restored(model: keras.Model) -> Iterator[None]:
    """Undo what symbolic calls inside of the context note on the layers of a model."""
    with LOCK:
        layers = [model, *model._flatten_layers(include_self=False)]
        operations = {id(one): one for layer in layers for one in (layer, *getattr(layer, "operations", ()))}
        calls = [(one, len(one._inbound_nodes), len(one._outbound_nodes)) for one in operations.values()]
        try:
            yield
        finally:
            for one, inbound, outbound in calls:
                del one._inbound_nodes[inbound:]
                del one._outbound_nodes[outbound:]


def replay(graph: keras.Function, inputs: Any, call: Callable[..., Any]) -> Any:
    """Run through a graph with other tensors: ``call(operation, *args, **kwargs)`` at each node gives its outputs."""
    return graph._run_through_graph(inputs, operation_fn=lambda one: one, call_fn=call)


def nodes(graph: keras.Function) -> list[Any]:
    """The calls of a graph, first those that others build on; each knows operation, arguments, outputs."""
    depths = sorted(graph._nodes_by_depth, reverse=True)
    return [node for depth in depths for node in graph._nodes_by_depth[depth] if not node.is_input]


def function(inputs: Any, outputs: Any) -> keras.Function:
    """The graph between symbolic tensors, in which, other than in Keras' own, two layers may have one name."""
    found: dict[int, Any] = {}
    nodes_left = [tensor._keras_history for tensor in keras.tree.flatten((inputs, outputs))]
    seen = set()
    while nodes_left:
        operation, index, _ = nodes_left.pop()
        if operation is None or (id(operation), index) in seen:
            continue
        seen.add((id(operation), index))
        found[id(operation)] = operation
        nodes_left += [tensor._keras_history for tensor in operation._inbound_nodes[index].input_tensors]
    names = [(operation, operation.name) for operation in found.values()]
    try:
        for number, (operation, _) in enumerate(names):
            operation.name = str(number)
        return keras.Function(inputs, outputs)
    finally:
        for operation, name in names:
            operation.name = name


def opened(call: Callable[..., Any], args: Any, kwargs: Any, *, prefix: str = "") -> tuple[keras.Function, list[Any]]:
    """The graph of what a function does with symbolic tensors, and the tensors that are the graph's inputs.

    Operations in it are named by what they do, behind a prefix: Keras numbers them by how many it has ever made.
    """
    given: list[Any] = []
    placeholders: list[Any] = []

    def stand_in(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        given.append(value)
        placeholders.append(keras.Input(batch_shape=value.shape, dtype=value.dtype))
        return placeholders[-1]

    args, kwargs = keras.tree.map_structure(stand_in, (args, kwargs))
    graph = function(placeholders, call(*args, **kwargs))
    for operation in graph.operations:
        if is_stock(operation) and not isinstance(operation, keras.Layer):
            operation.name = prefix + re.sub(r"_\d+$", "", operation.name)
    return graph, given


def input_like(tensor: Any, name: str | None = None) -> Any:
    """A fresh symbolic input like another one, of the same name unless one is given."""
    own = tensor._keras_history.operation
    return keras.Input(
        batch_shape=tensor.shape,
        dtype=tensor.dtype,
        sparse=tensor.sparse,
        optional=getattr(own, "optional", False),
        name=name or own.name,
    )


def cast_for(layer: Any, values: Any) -> Any:
    """Arguments in the type that a layer casts them to when it is called."""
    dtype = getattr(layer, "input_dtype", "")  # an operation that is no layer casts nothing
    if not getattr(layer, "autocast", False) or "float" not in dtype:
        return values

    def cast(value: Any) -> Any:
        is_float = isinstance(value, keras.KerasTensor) and "float" in value.dtype
        return _cast(value, dtype, layer.name) if is_float else value

    return keras.tree.map_structure(cast, values)


def _cast(tensor: Any, dtype: str, owner: str) -> Any:
    if tensor is None or tensor.dtype == dtype:
        return tensor
    result = keras.ops.cast(tensor, dtype)
    result._keras_history.operation.name = f"{owner}_cast"
    return result


def _expand(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a leaf; instead of a composite, the leaves that it is made of."""
    if not is_composite(operation):
        return operation(*args, **kwargs)
    graph = graph_of(operation)
    if graph is not None and all(kwargs[name] is None for name in kwargs.keys() - {"training"}):
        return replay(graph, _cast_inputs(graph, args), _under(kwargs.get("training")))
    if not operation._call_has_training_arg:  # Keras hands it to every layer under a flag
        kwargs.pop("training", None)
    args, kwargs = cast_for(operation, (args, kwargs))
    return replay(*opened(operation.call, args, kwargs, prefix=f"{operation.name}_"), _expand)


def _under(training: bool | None) -> Callable[..., Any]:
    """How to go on inside of a model that is called with a training flag: each layer that takes one gets it."""

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        flagged = training is not None and getattr(operation, "_call_has_training_arg", False)
        return _expand(operation, *args, **(kwargs | {"training": training} if flagged else kwargs))

    return call


def _cast_inputs(graph: keras.Function, args: Any) -> list[Any]:
    """A functional model turns whatever it is given into the types of its inputs."""
    pairs = zip(keras.tree.flatten(args), graph.inputs, strict=True)
    return [_cast(tensor, like.dtype, graph.name) for tensor, like in pairs]


def fresh_inputs(model: keras.Model) -> Any:
    """Fresh symbolic inputs like the model's own."""
    graph = graph_of(model)
    if graph is not None:
        return keras.tree.map_structure(input_like, graph.input)
    shape = (model.get_build_config() or {}).get("input_shape")  # a subclassed model knows only what it was built on
    if shape is None:
        raise ModelError(f"expected a built model, got {model.name}; call it on an input first")
    return keras.tree.map_shape_structure(lambda one: keras.Input(batch_shape=(None, *one[1:]), name="inputs"), shape)
