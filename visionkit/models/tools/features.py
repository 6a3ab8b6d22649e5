"""The feature maps of a model, stage by stage."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Self

import keras

from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.models.tools.choice import choose
from visionkit.models.tools.stages import Call, Walk, inside
from visionkit.models.tools.trace import LOCK, fresh_inputs, nodes

Path = tuple[int, ...]


class Feature(NamedTuple):
    """One of the outputs of a features model.

    stage: its key among the outputs.
    layer: the layer that gives it; ``resnet50/conv1_relu`` is ``conv1_relu`` inside of ``resnet50``.
    channels: its last dimension.
    stride: places of the image per place of the map; two numbers where height and width differ, None for what is no
        map (N, H, W, C).
    """

    stage: str
    layer: str
    channels: int | None
    stride: int | tuple[int, ...] | None


@keras.saving.register_keras_serializable("visionkit")
class Features(keras.Model):  # type: ignore[misc]
    """A functional model whose outputs are feature maps; ``info`` tells of each."""

    _info: tuple[Feature, ...] = ()

    @property
    def info(self) -> tuple[Feature, ...]:
        """A row for each output, with its stage, layer, channels and stride."""
        return self._info

    def _told(self, info: Sequence[Feature]) -> Self:
        object.__setattr__(self, "_info", tuple(info))  # past Keras' attribute tracking, which is for weights
        return self

    def get_config(self) -> dict[str, Any]:
        """What the model is made again from."""
        return {**super().get_config(), "info": [list(row) for row in self._info]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """The model that a config tells of."""
        rows = [Feature(*row) for row in config.get("info", ())]
        rows = [row._replace(stride=tuple(row.stride)) if isinstance(row.stride, list) else row for row in rows]
        graph = {name: value for name, value in config.items() if name != "info"}
        model: Self = super().from_config(graph, custom_objects=custom_objects)
        return model._told(rows)


def features(model: keras.Model, stages: Sequence[str | int] | None = None) -> Features:
    """A model that gives the last feature map of each stage of another one, by the same layers and weights.

    A stage is all the maps of one resolution. Its last map is the last one that all the later maps are made from: the
    output of a layer, a block or a layer of a nested model. Maps count from the first convolution on, and up to global
    pooling; those that a decoder enlarges again do not.

    Args:
        model: any built model with images (N, H, W, C) for input, ours or another; functional, Sequential, nested, or
            subclassed.
        stages: which to give: names ("stage2"), numbers (2; -1 is the last), or names of layers, also of those
            inside of blocks and nested models ("conv1_relu", or "resnet50/conv1_relu" where there are several). None
            for all stages.

    Returns:
        A functional model from the input of the other one to a dict {"stage1": map, "stage2": map, ...} under the
        names as given. Its ``info`` is a tuple of rows (stage, layer, channels, stride). The layers are shared:
        training one model trains the other. It can be saved and loads again, with layers of its own then.

    Raises:
        ArgumentError: not a model; or an unknown or ambiguous stage: the message offers the nearest.
        ModelError: no convolution, so no stages; the model is not built; or two layers of one name are inside of a
            layer that has to be opened.

    >>> from visionkit.models import glyph_resnet
    >>> maps = features(glyph_resnet(), ["stage2", -1, "stem_conv"])
    >>> [tuple(row) for row in maps.info]
    [('stage2', 'conv3', 64, 4), ('stage3', 'conv4', 128, 8), ('stem_conv', 'stem/stem_conv', 32, 2)]
    >>> maps.output["stage2"].shape
    (None, 8, 8, 64)
    """
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"features: expected a keras.Model, got {describe(model)}")
    walk = Walk(model)
    chosen = choose(walk, stages)
    with LOCK:  # what is noted on the layers stays
        inputs = fresh_inputs(model)
        graph, _, _ = inside(model, (inputs,), {})
        inputs = keras.tree.pack_sequence_as(inputs, graph.inputs)
        tensors, _ = _tapped(graph, [call.where for call in chosen.values()], whole=False)
        outputs = {key: tensors[call.where] for key, call in chosen.items()}
        made = Features(inputs, outputs, name=f"{model.name}_features")
    return made._told([_row(key, call, walk.stride(call)) for key, call in chosen.items()])


def _row(key: str, call: Call, stride: tuple[float, ...] | None) -> Feature:
    sides = tuple(round(one) for one in stride or ())
    [tensor] = call.outputs
    is_map_first = stride and keras.config.image_data_format() == "channels_first"
    channels = tensor.shape[1 if is_map_first else -1]
    return Feature(key, call.path, channels, sides[0] if len(set(sides)) == 1 else sides or None)


def _tapped(graph: keras.Function, wanted: Collection[Path], *, whole: bool) -> tuple[dict[Path, Any], Any]:
    """The tensors that these calls give, and the outputs of the graph, which mean something if ``whole``.

    They are those that the graph has. But where a call is inside of a layer, a model takes the layer's place that
    gives the inner tensor, too; and what comes behind is called anew.
    """
    last = max(path[0] for path in wanted)
    found: dict[Path, Any] = {}
    new: dict[int, Any] = {}  # by the id of the tensor whose place it takes

    def current(value: Any) -> Any:
        return new.get(id(value), value)

    for number, node in enumerate(nodes(graph)):
        if number > last and not whole:
            break
        below = [path[1:] for path in wanted if path[0] == number and len(path) > 1]
        if below or any(id(one) in new for one in node.input_tensors):
            args, kwargs = keras.tree.map_structure(current, (node.arguments.args, node.arguments.kwargs))
            if below:
                needed = whole or number < last or (number,) in wanted
                taps, outputs = _opened(node.operation, args, kwargs, below, whole=needed)
                found |= {(number, *path): tap for path, tap in taps.items()}
            else:
                outputs = keras.tree.flatten(node.operation(*args, **kwargs))
            new |= {id(one): other for one, other in zip(node.outputs, outputs, strict=False)}
        if (number,) in wanted:
            found[number,] = current(node.outputs[0])
    return found, keras.tree.map_structure(current, graph._outputs_struct)


def _opened(
    operation: Any, args: Any, kwargs: Any, wanted: Collection[Path], *, whole: bool
) -> tuple[dict[Path, Any], list[Any]]:
    """Call a layer so that it gives what is wanted of its inside; with its own outputs, if ``whole``."""
    graph, inputs, flags = inside(operation, args, kwargs)
    taps, outputs = _tapped(graph, wanted, whole=whole)
    given = [*taps.values(), *(keras.tree.flatten(outputs) if whole else ())]
    names = Counter(one.name for one in graph.operations)
    if len(names) < len(graph.operations):
        raise ModelError(
            f"features: expected the layers inside of {operation.name} to differ in name, "
            f"got {names.most_common(1)[0][0]!r} {names.most_common(1)[0][1]} times; rename them"
        )
    model = keras.Model(_unpacked(graph.inputs), given, name=operation.name)
    results = keras.tree.flatten(model(_unpacked(inputs), **flags))
    return dict(zip(taps, results, strict=False)), results[len(taps) :]


def _unpacked(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors
