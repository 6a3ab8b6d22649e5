"""A flat functional model from the traced graph of another one: what `inline` and `fuse` share."""

import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
from keras import layers

from visionkit._errors import ModelError
from visionkit.models.tools.part import Chain, Part
from visionkit.models.tools.trace import cast_for, input_like, opened, replay


def flattened(
    graph: keras.Function, model: keras.Model, chain_for: Callable[[Any], Chain], *, where: str
) -> keras.Model:
    """A functional model made of what takes the place of each operation of the traced graph of a model.

    Args:
        graph: what ``traced`` gives for the model.
        model: where name and frozenness come from.
        chain_for: from an operation of the graph to its chain; an empty one passes the first argument on.
        where: the name of the caller, for messages.

    Raises:
        ModelError: an operation cannot be made again, or a function of a chain does not take Keras tensors.
    """
    for one in (model, *model._flatten_layers(include_self=False)):
        if isinstance(one, keras.Model) and [*one._trainable_variables, *one._non_trainable_variables]:
            raise ModelError(
                f"{where}: expected all weights to be those of layers, got model {one.name} with some of its own; "
                "put them into a layer"
            )
    names = _Names(one.name for one in graph.operations)
    made: dict[int, tuple[Any, list[Any]]] = {}  # with the operation itself, which keeps its id from being used again
    copies: list[tuple[Part, Any]] = []

    def steps(operation: Any) -> list[Any]:
        chain: list[Any] = []
        try:
            parts = chain_for(operation)
        except NotImplementedError as error:  # from a get_config
            raise _cannot_be_made(operation.name, where, error) from error
        for part in parts:
            if isinstance(part, Part):
                name = names.fresh(part.config.get("name", operation.name), operation.name)
                chain.append(_make(part, name, where))
                copies.append((part, chain[-1]))
            else:
                chain.append(part)
        return chain

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if id(operation) not in made:
            made[id(operation)] = (operation, steps(operation))
        for step in made[id(operation)][1]:
            is_layer = isinstance(step, keras.Operation)
            takes = inspect.signature(step.call if is_layer else step).parameters
            kwargs = {key: value for key, value in kwargs.items() if key in takes or key not in ("training", "mask")}
            if is_layer:
                result = step(*args, **kwargs)
            else:
                result = open_up(operation, step, *cast_for(operation, (args, kwargs)))
            args, kwargs = (result,), {}
        return args[0]

    def open_up(operation: Any, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        try:
            inside, given = opened(function, args, kwargs, prefix=f"{operation.name}_")
        except Exception as error:
            raise ModelError(
                f"{where}: expected keras.ops only in the function of {operation.name} ({type(operation).__name__}); "
                f"use those, or give the layer a method stock(); it failed with: {error}"
            ) from error
        return replay(inside, given, call)

    inputs = _inputs(graph._inputs_struct, names)
    flat = keras.Model(inputs, replay(graph, inputs, call), name=model.name)
    if not model.trainable:
        flat.trainable = False
    for part, copy in copies:
        if isinstance(copy, keras.Layer):
            _fill(copy, part.values, where)
    return flat


class _Names:
    """Names for a flat model: each once, and those of the original for the operations that have them there."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self.reserved = set(reserved)
        self.used: set[str] = set()

    def fresh(self, wanted: str, owner: str) -> str:
        numbered = (f"{wanted}_{number}" for number in itertools.count(1))
        free = (name for name in itertools.chain([wanted], numbered) if name not in self.used)
        name = next(name for name in free if name == owner or name not in self.reserved)
        self.used.add(name)
        return name


def _inputs(like: Any, names: _Names) -> Any:
    def fresh(tensor: Any, key: str | None = None) -> Any:
        name = key or tensor._keras_history.operation.name
        return input_like(tensor, names.fresh(name, name))

    if isinstance(like, dict):  # Keras wants the inputs to be named as the keys
        return {key: fresh(one, key) if isinstance(one, keras.KerasTensor) else one for key, one in like.items()}
    return keras.tree.map_structure(fresh, like)


def _make(part: Part, name: str, where: str) -> Any:
    try:
        one = part.make(part.config | {"name": name} if "name" in part.config else dict(part.config))
    except Exception as error:
        raise _cannot_be_made(name, where, error) from error
    one.name = name  # operations that are no layers do not all take one
    return one


def _cannot_be_made(name: str, where: str, error: Exception) -> ModelError:
    return ModelError(
        f"{where}: expected a layer that can be made again from its config, got {name}; give it a get_config that has "
        f"all its arguments, and register what it holds; it failed with: {error}"
    )


def _fill(layer: keras.Layer, values: Sequence[Any], where: str) -> None:
    """Give a layer its weights."""
    targets = layer.weights
    if [tuple(one.shape) for one in targets] != [tuple(one.shape) for one in values]:
        raise ModelError(
            f"{where}: expected the config of {layer.name} ({type(layer).__name__}) to make weights of shapes "
            f"{[tuple(one.shape) for one in values]}, got {[tuple(one.shape) for one in targets]}"
        )
    for target, value in zip(targets, values, strict=True):
        target.assign(value)
        if isinstance(value, keras.Variable) and target.trainable != value.trainable:
            target.trainable = value.trainable
    if isinstance(layer, layers.Normalization):
        layer.finalize_state()
