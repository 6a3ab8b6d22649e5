"""Block: what all blocks have in common, so that a block is only its parts and how they are joined."""

import functools
import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError
from visionkit.blocks import _inputs
from visionkit.blocks._inputs import Shape

# What keras.Layer and Block take; everything else must be an argument of the block.
_LAYER_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer", "names")

# Papers and lectures say Xavier where Keras says Glorot.
_ALIASES = {"xavier_uniform": "glorot_uniform", "xavier_normal": "glorot_normal"}


class Block(keras.Layer):  # type: ignore[misc]
    """Base of all blocks: a Keras layer made of named child layers.

    A subclass makes its children in ``__init__``, gives each the name and the type that ``child`` says, and returns
    them from ``chain`` in the order in which the input passes through them. Building, output shape, call, config and
    the check of argument names come from here; a block that is no chain overrides ``build``,
    ``compute_output_shape`` and ``call``.

    Args:
        names: other names for inner layers, by the suffix that they have by default: ``{"conv": "stem"}`` for the layer
            that would be called ``<name of the block>_conv``.
        **kwargs: name, dtype, trainable.

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
        block: Self = super().__new__(cls)  # without what Keras would make a config of: this one is kept here
        # Past Keras' attribute tracking, which would count layers among the arguments a second time.
        object.__setattr__(block, "_arguments", MappingProxyType(arguments))
        return block

    def __init__(self, *, names: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._names = MappingProxyType(dict(names or {}))

    def child(self, suffix: str) -> dict[str, Any]:
        """The name (the block's own plus a suffix) and the type that a child layer is made with."""
        return {"name": self._names.get(suffix, f"{self.name}_{suffix}"), "dtype": self.dtype_policy}

    def part(self, suffix: str) -> dict[str, Any]:
        """The same for a child that is a block, which is also told the names of its own children."""
        start = f"{suffix}_"
        names = {key.removeprefix(start): name for key, name in self._names.items() if key.startswith(start)}
        return self.child(suffix) | ({"names": names} if names else {})

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
        return {name: to_config(value) for name, value in self._arguments.items()} | config

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
        function = _inputs.resolved(type(self).__name__, "activation", keras.activations.get, activation)
        suffix = suffix or getattr(function, "__name__", "activation").strip("<>")
        return layers.Activation(function, **{**self.child(suffix), **changes})


def initializer(where: str, value: Any) -> Any:
    """A fresh initialiser for one child, from a name (Keras', or ``xavier_uniform``, ``xavier_normal``) or an object.

    Fresh, because a Keras initialiser object draws the same values each time it is asked.
    """
    name = _ALIASES.get(value, value) if isinstance(value, str) else value
    found = _inputs.resolved(where, "kernel_initializer", keras.initializers.get, name)
    if isinstance(value, str):
        return found
    return type(found).from_config(found.get_config()) if isinstance(found, keras.initializers.Initializer) else found


def fan_out(scale: float, distribution: str) -> dict[str, Any]:
    """A ``VarianceScaling`` by the outputs of a layer, as its config, of which ``initializer`` and Keras make one.

    For constants of a module: an object draws its seed from Python's ``random`` when it is made, and an import must not
    change what comes after ``keras.utils.set_random_seed``.
    """
    # with a seed of its own, none is drawn
    seeded = keras.initializers.VarianceScaling(scale, mode="fan_out", distribution=distribution, seed=0)
    made: dict[str, Any] = keras.saving.serialize_keras_object(seeded)
    made["config"]["seed"] = None
    return made


def regularizer(where: str, value: Any) -> Any:
    """A regulariser for one child, from a name or an object."""
    return _inputs.resolved(where, "kernel_regularizer", keras.regularizers.get, value)


def build_all(chain: Iterable[keras.Layer | None], shape: Shape) -> Shape:
    """Build layers one after the other and return the shape behind the last one."""
    for layer in chain:
        if layer is not None:
            if not layer.built:
                _build(layer, shape)
            shape = _shape_behind(layer, shape)
    return shape


def shape_after(chain: Iterable[keras.Layer | None], shape: Shape) -> Shape:
    """The shape behind the last of the layers, without building one or, but for layers that cannot tell, tracing."""
    for layer in chain:
        if layer is not None:
            shape = _shape_behind(layer, shape)
    return tuple(shape)


def _build(layer: keras.Layer, shape: Shape) -> None:
    # A layer without a build of its own makes its weights on its first call.
    if type(layer).build is keras.Layer.build:
        layer(keras.KerasTensor(shape, dtype=layer.compute_dtype))
    else:
        layer.build(shape)


def _shape_behind(layer: keras.Layer, shape: Shape) -> Shape:
    if type(layer).compute_output_shape is keras.Layer.compute_output_shape:
        return tuple(layer.compute_output_spec(keras.KerasTensor(shape, dtype=layer.compute_dtype)).shape)
    return tuple(layer.compute_output_shape(shape))


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
    """The arguments that a block is made with, by name, with their defaults."""
    own, names, defaults = _signature(cls)  # type: ignore[arg-type]
    if "options" not in names:
        _checks.known(cls.__name__, kwargs, names)
    try:
        bound = own.bind(None, *args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{cls.__name__}: {error}; it takes {', '.join(sorted(set(names)))}") from None
    bound.apply_defaults()
    given = {name: value for name, value in bound.arguments.items() if name not in ("self", "kwargs", "options")}
    return {**defaults, **given, **kwargs}


@functools.cache
def _signature(cls: Any) -> tuple[inspect.Signature, tuple[str, ...], Mapping[str, Any]]:
    """The signature of a block's class, the names of all that it takes, and the defaults of its bases.

    ``**kwargs`` of an ``__init__`` stands for the arguments of the next base class; ``**options`` for any.
    """
    names = [*_LAYER_ARGUMENTS]
    defaults: dict[str, Any] = {}
    for base in cls.__mro__[: cls.__mro__.index(Block)]:
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters
            names += [name for name in parameters if name not in ("self", "kwargs")]
            # Elsewhere a subclass may fix an argument of its base, which its own config must not repeat then.
            if cls.__module__.startswith("visionkit."):
                optional = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
                defaults = optional | defaults
            if "kwargs" not in parameters:
                break
    return inspect.signature(cls.__init__), tuple(names), MappingProxyType(defaults)


def to_config(value: Any) -> Any:
    """What stands for an argument in a config: plain values as they are, objects serialised."""
    if isinstance(value, list | tuple):
        return [to_config(one) for one in value]
    if isinstance(value, keras.Layer):
        # Built by the block that holds it, not on its own: else its weights' paths would lack the block's name.
        return {key: one for key, one in keras.saving.serialize_keras_object(value).items() if key != "build_config"}
    if inspect.isfunction(value) or inspect.isbuiltin(value):
        return keras.activations.serialize(value)
    return keras.saving.serialize_keras_object(value)


def _from_config(name: str, value: Any) -> Any:
    is_object = isinstance(value, dict | list) and name != "dtype"
    return keras.saving.deserialize_keras_object(value) if is_object else value
