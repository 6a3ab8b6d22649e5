"""Find the stages of a model: all its maps of one resolution, and the last of them."""

import itertools
from collections import Counter
from typing import Any, NamedTuple

import keras
from keras import layers

from visionkit.blocks import Stage
from visionkit.models.tools.strides import Stride, convolves, each, factor, is_map, ratio, sides_of
from visionkit.models.tools.trace import (
    cast_for,
    fresh_inputs,
    graph_of,
    is_composite,
    opened,
    replay,
    restored,
    tensors_in,
)

_PADDINGS = (layers.ZeroPadding2D, layers.Cropping2D)


class Call(NamedTuple):
    """A call of a layer or operation in a model.

    where: the number of the call in the model's graph, then in the graph of the layer called there, and so on.
    path: the names on the way to it, as in ``resnet50/conv1_relu``.
    operation: what is called.
    outputs: its symbolic tensors.
    hidden: how many layers it is inside of, models and stages not counted.
    """

    where: tuple[int, ...]
    path: str
    operation: Any
    outputs: list[Any]
    hidden: int


class Map(NamedTuple):
    """What is known of feature maps (N, H, W, C).

    stride: places of the image per place of the map, along height and width.
    coarsest: the largest stride of all the maps that it is made from.
    convolved: whether a convolution is among what made it.
    """

    stride: Stride
    coarsest: Stride
    convolved: bool


class Walk:
    """All calls of a model, the innermost first, and what they tell of its maps.

    Raises:
        ModelError: the model is not built, so that nothing tells its input.
    """

    def __init__(self, model: keras.Model) -> None:
        self.calls: list[Call] = []
        self._maps: dict[int, Map] = {}  # by the id of the tensor, which the leaves keep alive
        self._leaves: list[tuple[list[Any], list[Any]]] = []  # inputs and outputs, in the order of the calls
        self._padded: set[int] = set()
        with restored(model):
            inputs = fresh_inputs(model)
            self._inputs = keras.tree.flatten(inputs)
            for image in filter(is_map, self._inputs):
                self._maps[id(image)] = Map((1.0, 1.0), (1.0, 1.0), False)
            self._run(Call((), "", model, [], 0), (inputs,), {})

    def stride(self, call: Call) -> Stride | None:
        """The stride of the map that a call gives; None if it gives none."""
        known = self._maps.get(id(call.outputs[0]))
        return known.stride if known else None

    def stages(self) -> list[Call]:
        """The call that gives the last map of each resolution, finest first.

        Last is the last one that all the later maps are made from; branches count only where there is none. Maps
        behind a coarser one (as in a decoder) do not count, nor do those inside of a layer if there are others.
        """
        made = {id(one): number for number, (_, outputs) in enumerate(self._leaves) for one in outputs}
        narrow = self._narrow()
        best: dict[Stride, tuple[tuple[int, ...], Call]] = {}
        for call in self.calls:
            tensor = id(call.outputs[0])
            known = self._maps.get(tensor)
            if known is None or not known.convolved or known.stride != known.coarsest:
                continue
            if tensor in self._padded or len(call.outputs) > 1 or (call.hidden and tensor not in narrow):
                continue
            # The output of a stage is also that of its last block, and better known as the stage's.
            names = (not isinstance(call.operation, keras.Model), -len(call.where))
            rank = (-call.hidden, tensor in narrow, made[tensor], *names)
            if known.stride not in best or rank > best[known.stride][0]:
                best[known.stride] = rank, call
        return [best[stride][1] for stride in sorted(best)]

    def _narrow(self) -> set[int]:
        """The maps through which everything passes: when they are made, no other one is still to be used."""
        used = {id(one): number for number, (inputs, _) in enumerate(self._leaves) for one in inputs}
        needed = max((used.get(id(one), 0) for one in self._inputs if id(one) in self._maps), default=0)
        narrow = set()
        for number, (_, outputs) in enumerate(self._leaves):
            for one in outputs:
                if id(one) in self._maps:
                    if needed <= number:
                        narrow.add(id(one))
                    needed = max(needed, used.get(id(one), 0))
        return narrow

    def _run(self, outer: Call, args: Any, kwargs: Any) -> Any:
        """Run through what a composite is made of."""
        numbers = itertools.count()
        # A model itself, or a stage of blocks, hides nothing.
        hidden = outer.hidden + (not isinstance(outer.operation, keras.Model | Stage))

        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            path = f"{outer.path}/{operation.name}" if outer.path else operation.name
            here = Call((*outer.where, next(numbers)), path, operation, [], hidden)
            if is_composite(operation):
                outputs = self._run(here, args, kwargs)
            else:
                outputs = operation(*args, **kwargs)
                self._leaf(operation, args, kwargs, keras.tree.flatten(outputs))
            self.calls.append(here._replace(outputs=keras.tree.flatten(outputs)))
            return outputs

        graph, given, _ = inside(outer.operation, args, kwargs)
        return replay(graph, given, call)

    def _leaf(self, leaf: Any, args: Any, kwargs: Any, outputs: list[Any]) -> None:
        inputs = tensors_in((args, kwargs))
        self._leaves.append((inputs, outputs))
        maps = {id(one): (one, self._maps[id(one)]) for one in inputs if id(one) in self._maps}
        for after in filter(is_map, outputs):
            if not maps:
                # A vector made a map; but what was pooled to one place, as in squeeze-excitation, stays what it is.
                if not any(map(is_map, inputs)) and set(sides_of(after)) != {1}:
                    stride = self._against_image(after)
                    self._maps[id(after)] = Map(stride, stride, False)
                continue
            stride = each(min, [one.stride for _, one in maps.values()])
            if len(maps) == 1:
                [(before, _)] = maps.values()
                by = factor(leaf, args, kwargs, before, after)
                if by is None:
                    continue
                stride = tuple(one * other for one, other in zip(stride, by, strict=True))
            coarsest = each(max, [stride, *(one.coarsest for _, one in maps.values())])
            convolved = convolves(leaf) or any(one.convolved for _, one in maps.values())
            self._maps[id(after)] = Map(stride, coarsest, convolved)
            if isinstance(leaf, _PADDINGS) or type(leaf).__name__ == "Pad":
                self._padded.add(id(after))

    def _against_image(self, tensor: Any) -> Stride:
        image = next(filter(is_map, self._inputs), tensor)
        return tuple(map(ratio, sides_of(image), sides_of(tensor)))


def inside(operation: Any, args: Any, kwargs: Any) -> tuple[keras.Function, list[Any], dict[str, Any]]:
    """The graph of what a composite is made of, the tensors to call that graph on, and flags."""
    graph = graph_of(operation)
    if graph is not None:
        return graph, keras.tree.flatten(args), kwargs
    if not operation._call_has_training_arg:  # Keras hands it to every layer under a flag
        kwargs = {name: value for name, value in kwargs.items() if name != "training"}

    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = cast_for(operation, (args, kwargs))
        return operation.call(*args, **kwargs)

    graph, given = opened(call, args, kwargs)
    names: Counter[str] = Counter()
    for one in graph.operations:  # two of one kind are called alike, which a model does not take
        names[one.name] += 1
        if names[one.name] > 1 and not isinstance(one, keras.Layer):
            one.name = f"{one.name}_{names[one.name]}"
    return graph, given, {}
