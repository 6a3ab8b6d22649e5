"""Block: what all blocks have in common, so that a block is only its parts and how they are joined."""

import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

import keras
from keras import layers

from visionkit._errors import ArgumentError
from visionkit.blocks import _checks
from visionkit.blocks._checks import Shape

# What keras.Layer itself takes; everything else must be an argument of the block.
_LAYER_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer")

# Papers and lectures say Xavier where Keras says Glorot.
_ALIASES = {"xavier_uniform": "glorot_uniform", "xavier_normal": "glorot_normal"}


class Block(keras.Layer):  # type: ignore[misc]
    """Base of all blocks: a Keras layer made of named child layers.

    A subclass makes its children in ``__init__``, gives each the name and the type that ``child`` says, and returns
    them from ``chain`` in the order in which the input passes through them. Building, output shape, call, config and
    the check of argument names come from here; a block that is no chain overrides ``build``,
    ``compute_output_shape`` and ``call``.

    Example:

    >>> import keras
    >>> @keras.saving.register_keras_serializable("docs")
    ... class Squash(Block):
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.dense = keras.layers.Dense(units, **self.child("dense"))
    ...         self.activation = self.activation_layer("tanh")
    ...
    ...     def chain(self):
    ...         return [self.dense, self.activation]
    >>> block = Squash(3, name="squash")
    >>> block.compute_output_shape((None, 8)), block.dense.name, block.activation.name
    ((None, 3), 'squash_dense', 'squash_tanh')
    """

    _arguments: Mapping[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        arguments = _bind(cls, args, kwargs)
        block: Self = super().__new__(cls, *args, **kwargs)
        # Past Keras' attribute tracking, which would count layers among the arguments a second time.
        object.__setattr__(block, "_arguments", MappingProxyType(arguments))
        return block

    def child(self, suffix: str) -> dict[str, Any]:
        """The name (the block's own plus a suffix) and the type that a child layer is made with."""
        return {"name": f"{self.name}_{suffix}", "dtype": self.dtype_policy}

    def chain(self) -> list[keras.Layer | None]:
        """The children in the order in which the input passes through them; None stands for nothing."""
        raise NotImplementedError(f"{type(self).__name__} says neither what its chain is nor how it is called")

    def build(self, input_shape: Shape) -> None:
        build_all(self.chain(), input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return shape_after(self.chain(), input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return run(self.chain(), inputs, training)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()
        return {name: _to_config(value) for name, value in self._arguments.items()} | config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        block: Self = super().from_config({name: _from_config(name, value) for name, value in config.items()})
        return block

    def activation_layer(self, activation: Any, suffix: str | None = None, **changes: Any) -> keras.Layer | None:
        """A child layer for an activation given by name, as a function or as a layer; None stays None.

        Its suffix is the name of the function (``relu``) unless one is given; ``changes`` are other layer arguments.
        """
        if activation is None:
            return None
        if isinstance(activation, keras.Layer):  # a copy: two places in a network never share one by accident
            own = {**self.child(suffix or type(activation).__name__.lower()), **changes}
            return type(activation).from_config({**activation.get_config(), **own})
        function = _checks.resolved(type(self).__name__, "activation", keras.activations.get, activation)
        suffix = suffix or getattr(function, "__name__", "activation").strip("<>")
        return layers.Activation(function, **{**self.child(suffix), **changes})


def initializer(where: str, value: Any) -> Any:
    """A fresh initialiser for one child, from a name (Keras', or ``xavier_uniform``, ``xavier_normal``) or an object.

    Fresh, because a Keras initialiser object draws the same values each time it is asked.
    """
    name = _ALIASES.get(value, value) if isinstance(value, str) else value
    found = _checks.resolved(where, "kernel_initializer", keras.initializers.get, name)
    return type(found).from_config(found.get_config()) if isinstance(found, keras.initializers.Initializer) else found


def regularizer(where: str, value: Any) -> Any:
    """A regulariser for one child, from a name or an object."""
    return _checks.resolved(where, "kernel_regularizer", keras.regularizers.get, value)


def build_all(chain: Iterable[keras.Layer | None], shape: Shape) -> Shape:
    """Build layers one after the other and return the shape behind the last one."""
    for layer in chain:
        if layer is not None:
            if not layer.built:
                layer.build(shape)
            shape = tuple(layer.compute_output_shape(shape))
    return shape


def shape_after(chain: Iterable[keras.Layer | None], shape: Shape) -> Shape:
    """The shape behind the last of the layers, without building or tracing anything."""
    for layer in chain:
        if layer is not None:
            shape = tuple(layer.compute_output_shape(shape))
    return tuple(shape)


def run(chain: Iterable[keras.Layer | None], x: Any, training: bool | None) -> Any:
    """Call layers one after the other.

    The training flag is passed on by hand: Keras' implicit one is lost behind a layer that sets another for itself.
    """
    for layer in chain:
        if layer is not None:
            takes = training is not None and "training" in inspect.signature(layer.call).parameters
            x = layer(x, training=training) if takes else layer(x)
    return x


def _bind(cls: type[Block], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a block by name, with the defaults of those that are not given.

    ``**kwargs`` of an ``__init__`` stands for the arguments of the next base class; ``**options`` for any.
    """
    parameters: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__[: cls.__mro__.index(Block)]:
        if "__init__" in vars(base):
            parameters = dict(inspect.signature(base.__init__).parameters) | parameters  # type: ignore[misc]
            if "kwargs" not in inspect.signature(base.__init__).parameters:  # type: ignore[misc]
                break
    named = {name: one for name, one in parameters.items() if one.kind is not one.VAR_KEYWORD and name != "self"}
    if "options" not in parameters:
        _checks.known(cls.__name__, kwargs, (*named, *_LAYER_ARGUMENTS))
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs).arguments
    except TypeError as error:
        raise ArgumentError(f"{cls.__name__}: {error}; it takes {', '.join(named)}") from None
    given = {name: value for name, value in bound.items() if name in named} | kwargs
    missing = [name for name, one in named.items() if name not in given and one.default is one.empty]
    if missing:
        raise ArgumentError(f"{cls.__name__}: expected the argument {missing[0]!r}; it takes {', '.join(named)}")
    return {name: one.default for name, one in named.items()} | given


def _to_config(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_to_config(one) for one in value]
    if inspect.isfunction(value) or inspect.isbuiltin(value):
        return keras.activations.serialize(value)
    return keras.saving.serialize_keras_object(value)


def _from_config(name: str, value: Any) -> Any:
    is_object = isinstance(value, dict | list) and name != "dtype"
    return keras.saving.deserialize_keras_object(value) if is_object else value
