"""What is known and compiled of each model, for as long as the model lives and stays the same."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras

from visionkit.explain.probe.layers import Place
from visionkit.explain.probe.swap import originals

_MOST = 64  # of one model; a function as target, made anew for each call, would else fill the memory
_lock = threading.RLock()


class Kept:
    """The results of work on one model, the latest used last."""

    def __init__(self, state: Hashable) -> None:
        self.state = state
        self._results: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was made under a key, or is made now."""
        with _lock:
            if key not in self._results:
                self._results[key] = make()
                if len(self._results) > _MOST:
                    self._results.popitem(last=False)
            self._results.move_to_end(key)
            return self._results[key]


_models: "weakref.WeakKeyDictionary[keras.Model, Kept]" = weakref.WeakKeyDictionary()


def kept(model: keras.Model, among: Sequence[Place]) -> Kept:
    """What is kept of a model; nothing where layers, variables, activations or precision are not what they were."""
    with originals():
        layers = tuple((id(layer), id(vars(layer).get("activation")), _precision(layer)) for _, layer in among)
    state = layers, len(model.variables)
    with _lock:
        found = _models.get(model)
        if found is None or found.state != state:
            found = _models[model] = Kept(state)
        return found


def _precision(layer: Any) -> str | None:
    policy = getattr(layer, "dtype_policy", None)
    return None if policy is None else policy.name
