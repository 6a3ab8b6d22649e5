"""The scores before the last softmax or sigmoid, wherever in the model that is; and filters before their ReLU."""

from collections.abc import Iterable
from typing import Any

from keras import ops

from visionkit.explain.probe.functions import uses
from visionkit.explain.probe.layers import Place
from visionkit.explain.probe.swap import Swap

_NAMES = ("softmax", "sigmoid", "log_softmax")
_RELUS = ("relu", "relu6")


class Activated:
    """Remembers what went into each softmax and sigmoid of a pass, if asked into each ReLU, too, and what came out.

    A saturated softmax has no gradient, and the peers that replace the last layer's activation miss one that is a layer
    of its own or sits inside a block. Here all are watched, and the one that made an output is known by its tensor.
    """

    def __init__(self, *, relus: bool = False) -> None:
        self._names = (*_NAMES, *_RELUS) if relus else _NAMES
        self._seen: list[tuple[Any, Any, str]] = []

    def swaps(self, among: Iterable[Place]) -> list[Swap]:
        """What watches the layers of a model, and the functions that a layer of one's own may call."""
        return [Swap(owner, attribute, self._watch(name)) for owner, attribute, name in uses(self._names, among)]

    def before(self, output: Any) -> tuple[Any, str]:
        """The tensor before the activation that made an output, and its name; else the output itself and "linear"."""
        for given, made, name in self._seen:
            if made is output:
                return given, name
        return output, "linear"

    def awake(self, output: Any) -> Any:
        """An output that has a gradient: before its softmax or sigmoid; each channel of zeros alone before its ReLU."""
        given, name = self.before(output)
        if name not in _RELUS:
            return given
        places = tuple(range(1, len(output.shape) - 1))
        strongest = ops.max(output, axis=places, keepdims=True) if places else output
        return ops.where(strongest > 0, output, given)

    def _watch(self, name: str) -> Any:
        def around(original: Any, *args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            self._seen.append((next(iter((*args, *kwargs.values()))), made, name))
            return made

        return around
