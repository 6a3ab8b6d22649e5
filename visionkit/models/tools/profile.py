"""Parameters and multiply-adds of a model, layer by layer and by type of layer.

Counted are the multiplications of convolutions (of all kinds) and dense layers, as papers do; not those of biases,
normalisation, activations and pooling. Nothing is computed: only shapes pass through the model.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import keras

from visionkit._errors import ModelError, VisionkitError
from visionkit._table import Table, in_short, shape_text
from visionkit.models.tools.costs import cost_of
from visionkit.models.tools.source import Source, model_of
from visionkit.models.tools.trace import replay, tensors_in, traced


class LayerProfile(NamedTuple):
    """One call of a layer.

    Attributes:
        name: of the layer.
        type: "convolution 3x3", "grouped 3x3", "depthwise 3x3", "separable 3x3", "transposed 2x2", "dense"; for all
            others the name of their class. A 1x1 convolution of a 1x1 map is dense, which is what it computes.
        output_shape: with the batch, as in Keras; a tuple of shapes where there are several outputs; None for a layer
            that holds parameters but is not called.
        parameters: of the layer; 0 where an earlier call has counted them.
        trainable: how many of them are trained.
        mult_adds: multiply-adds for one image.
        known: False where nothing tells how much the layer multiplies; its ``mult_adds`` are 0 then.
    """

    name: str
    type: str
    output_shape: Any
    parameters: int
    trainable: int
    mult_adds: int
    known: bool = True


class TypeProfile(NamedTuple):
    """All convolutions of one kind, or all dense layers.

    Attributes:
        calls: how often such a layer is called for one image.
        mult_adds: multiply-adds for one image.
        mult_adds_share: their part of those of the whole model, in [0, 1].
        parameters: the weights that are multiplied with, without biases.
        parameters_share: their part of all such weights of the model, in [0, 1].
    """

    calls: int
    mult_adds: int
    mult_adds_share: float
    parameters: int
    parameters_share: float


@dataclass(frozen=True)
class Profile:
    """What a model is made of and what one image costs; printed, it is the table by type of layer.

    Attributes:
        name: of the model.
        input_shape: for one image, without the batch; a tuple of shapes where there are several inputs.
        layers: all calls of layers, in order.
        by_type: type of layer -> its part of the whole, the largest first. A separable convolution counts in two
            types: for its depthwise part and for its 1x1 convolution.
        parameters: all of them: those in ``by_type``, biases, normalisation, and those of layers of unknown cost.
        trainable: how many of them are trained.
        mult_adds: multiply-adds for one image.
    """

    name: str
    input_shape: Any
    layers: tuple[LayerProfile, ...]
    by_type: Mapping[str, TypeProfile]
    parameters: int
    trainable: int
    mult_adds: int

    @property
    def non_trainable(self) -> int:
        """How many parameters are not trained, such as moving averages and those of frozen layers."""
        return self.parameters - self.trainable

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of the layers of which nothing tells how much they multiply."""
        return tuple(dict.fromkeys(row.name for row in self.layers if not row.known))

    def table(self, *, layers: bool = False) -> Table:
        """The table by type, or that of the single layers that hold parameters or multiply."""
        return _layer_table(self) if layers else _type_table(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {
            "name": self.name,
            "input_shape": self.input_shape,
            "parameters": self.parameters,
            "trainable": self.trainable,
            "non_trainable": self.non_trainable,
            "mult_adds": self.mult_adds,
            "unknown": list(self.unknown),
            "by_type": {kind: row._asdict() for kind, row in self.by_type.items()},
            "layers": [row._asdict() for row in self.layers],
        }

    def __str__(self) -> str:
        return str(self.table())


def profile(model: Source, *, input_shape: Any = None) -> Profile:
    """Count the parameters and multiply-adds of a model, through blocks and nested models, without running it.

    Args:
        model: any built Keras model, a name of ``list_models()``, or the path of a ``.keras`` file.
        input_shape: (H, W, C) of the images, for a model that takes any size, or to see what another size costs; for
            several inputs the shapes in the structure of the model's input.

    Returns:
        A Profile. A shared layer's parameters count once, its multiply-adds once a call. Layers of unknown cost
        (recurrent ones, attention, custom ones with matrices of weights) are named in ``unknown`` and marked "?" in
        the tables. A custom layer is counted where it has a method ``mult_adds(input_shape, output_shape)``.

    Raises:
        ModelError: no model; not built; a size is unknown; or ``input_shape`` does not fit.
        ArgumentError: no model has this name.
        FileError: the file is not there, or holds no model.

    Source: the table by type is that of Howard et al., MobileNets, 2017 (arXiv 1704.04861), Table 2.

    >>> import keras
    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((8, 8, 3)),
    ...         keras.layers.SeparableConv2D(16, 3),
    ...         keras.layers.Flatten(),
    ...         keras.layers.Dense(10),
    ...     ],
    ...     name="small",
    ... )
    >>> print(profile(model))
    small at 8x8x3: 5,861 parameters, 8.46 k multiply-adds
    <BLANKLINE>
    type                          calls  multiply-adds    share  parameters    share
    dense                             1          5,760   68.09%       5,760   98.71%
    convolution 1x1                   1          1,728   20.43%          48    0.82%
    depthwise 3x3                     1            972   11.49%          27    0.46%
    --------------------------------------------------------------------------------
    sum                               3          8,460  100.00%       5,835  100.00%
    biases, normalisation, other                                         26
    all parameters                                                    5,861
    """
    model = model_of("profile", model, input_shape=input_shape)
    count = _Count(model)
    shape = _follow(model, input_shape, count.call)
    count.rest()
    return Profile(
        name=model.name,
        input_shape=shape,
        layers=tuple(count.rows),
        by_type=_by_type(count.parts),
        parameters=sum(row.parameters for row in count.rows),
        trainable=sum(row.trainable for row in count.rows),
        mult_adds=sum(row.mult_adds for row in count.rows),
    )


class _Count:
    """What has been counted on the way through a model."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.rows: list[LayerProfile] = []
        self.parts: list[tuple[str, int, int]] = []  # of each call: type, multiply-adds, weights not counted before
        self._trained = {id(weight) for weight in model.trainable_weights}
        self._seen: set[int] = set()

    def call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Pass shapes through a layer, and count it."""
        outputs = layer(*args, **kwargs)
        tensors = tensors_in((args, kwargs))
        cost = cost_of(layer, tensors[0] if tensors else None, outputs)
        self.parts += [(part.type, part.mult_adds, _number(self._new(part.kernels))) for part in cost.parts]
        mult_adds = sum(part.mult_adds for part in cost.parts)
        new, trained = self._take(getattr(layer, "weights", ()))
        self.rows.append(LayerProfile(layer.name, cost.type, _shapes(outputs), new, trained, mult_adds, cost.known))
        return outputs

    def rest(self) -> None:
        """Count the layers that hold weights, but are not called."""
        for layer in self.model._flatten_layers():
            own = [*layer._trainable_variables, *layer._non_trainable_variables]
            if self._new(own):
                self.rows.append(LayerProfile(layer.name, type(layer).__name__, None, *self._take(own), 0))

    def _take(self, weights: Iterable[Any]) -> tuple[int, int]:
        """How many parameters, and how many trained ones, have not been counted before; now they are."""
        new = self._new(weights)
        self._seen.update(map(id, new))
        return _number(new), _number(weight for weight in new if id(weight) in self._trained)

    def _new(self, weights: Iterable[Any]) -> list[Any]:
        return list({id(weight): weight for weight in weights if id(weight) not in self._seen}.values())


def _number(weights: Iterable[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _by_type(parts: list[tuple[str, int, int]]) -> Mapping[str, TypeProfile]:
    every = [sum(part[1] for part in parts), sum(part[2] for part in parts)]
    rows = {}
    for kind in dict.fromkeys(part[0] for part in parts):
        here = [part for part in parts if part[0] == kind]
        mult_adds, weights = sum(part[1] for part in here), sum(part[2] for part in here)
        # 1 at least: a layer that tells its own cost may tell 0, or multiply without weights
        rows[kind] = TypeProfile(
            len(here), mult_adds, mult_adds / max(every[0], 1), weights, weights / max(every[1], 1)
        )
    return MappingProxyType(dict(sorted(rows.items(), key=lambda row: -row[1].mult_adds)))


def _shapes(tensors: Any) -> Any:
    """The shape of a tensor, or the shapes of several."""
    shapes = tuple(tuple(one.shape) for one in tensors_in(tensors))
    return shapes[0] if len(shapes) == 1 else shapes


def _follow(model: keras.Model, input_shape: Any, call: Callable[..., Any]) -> Any:
    """Pass shapes through the leaf layers of a model; the shape of its input, without the batch."""
    try:
        with traced(model) as graph:
            inputs = graph.inputs if input_shape is None else _inputs_like(graph.inputs, input_shape)
            replay(graph, inputs, call)
    except VisionkitError:
        raise
    except Exception as error:  # what comes out of the layers of others, and of other backends, may be of any kind
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        given = "" if input_shape is None else f" with input_shape={input_shape}"
        raise ModelError(f"profile: no shape can be passed through {model.name}{given}: {reason}") from error
    shapes = tuple(tuple(one.shape[1:]) for one in inputs)
    return shapes[0] if len(shapes) == 1 else shapes


def _inputs_like(inputs: list[Any], input_shape: Any) -> list[Any]:
    """Symbolic inputs of another size."""
    shapes: list[tuple[int | None, ...]] = []
    if isinstance(input_shape, list | tuple | dict):
        keras.tree.map_shape_structure(lambda shape: shapes.append(tuple(shape)), input_shape)
    if [len(one.shape) - 1 for one in inputs] != [len(shape) for shape in shapes]:
        wanted = ", ".join(str(tuple(one.shape[1:])) for one in inputs)
        raise ModelError(f"profile: expected input_shape to be like {wanted}, got {input_shape}")
    return [
        keras.Input(batch_shape=(one.shape[0], *shape), dtype=one.dtype)
        for one, shape in zip(inputs, shapes, strict=True)
    ]


def _type_table(found: Profile) -> Table:
    rows = [
        (
            kind,
            f"{row.calls:,}",
            f"{row.mult_adds:,}",
            f"{row.mult_adds_share:.2%}",
            f"{row.parameters:,}",
            f"{row.parameters_share:.2%}",
        )
        for kind, row in found.by_type.items()
    ]
    calls = sum(row.calls for row in found.by_type.values())
    weights = sum(row.parameters for row in found.by_type.values())
    full = "100.00%" if rows else ""
    sums = [
        ("sum", f"{calls:,}", _all_mult_adds(found), full, f"{weights:,}", full),
        ("biases, normalisation, other", "", "", "", f"{found.parameters - weights:,}", ""),
        ("all parameters", "", "", "", f"{found.parameters:,}", ""),
    ]
    columns = ("type", "calls", "multiply-adds", "share", "parameters", "share")
    return Table(_title(found), columns, rows, sums, note=unknown_note(found.unknown))


def _layer_table(found: Profile) -> Table:
    rows = [
        (
            row.name,
            row.type,
            _output_text(row.output_shape),
            _or_dash(row.parameters),
            _or_dash(row.mult_adds) if row.known else "?",
        )
        for row in found.layers
        if row.parameters or row.mult_adds or not row.known
    ]
    sums = [("sum", "", "", f"{found.parameters:,}", _all_mult_adds(found))]
    columns = ("layer", "type", "output", "parameters", "multiply-adds")
    return Table(_title(found), columns, rows, sums, left=3, note=unknown_note(found.unknown))


def _output_text(shape: Any) -> str:
    if shape is None:
        return "not called"
    one = not shape or not isinstance(shape[0], tuple)
    return shape_text(shape[1:] if one else tuple(each[1:] for each in shape))


def _or_dash(number: int) -> str:
    return f"{number:,}" if number else "-"


def _all_mult_adds(found: Profile) -> str:
    return f"{found.mult_adds:,}{' + ?' if found.unknown else ''}"


def _title(found: Profile) -> str:
    return (
        f"{found.name} at {shape_text(found.input_shape)}: {found.parameters:,} parameters, "
        f"{in_short(found.mult_adds)} multiply-adds"
    )


def unknown_note(names: Iterable[str]) -> str:
    """What to say under a table about layers whose multiply-adds are not counted."""
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"? not counted, since nothing tells how much they multiply: {', '.join(names[:5])}{more}" if names else ""
