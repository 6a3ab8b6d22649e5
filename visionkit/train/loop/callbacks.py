"""What callbacks remember: found by comparing them with what they were when the run began."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from visionkit.train.loop.snapshot import Arrays, Json, Opaque, packed, unpacked

# Early stopping counts epochs in `wait`, Keras' checkpoints remember the best value in `best`, and a user's callback
# what it likes. None says which of its attributes are memory and which are settings; but only memory changes.


class Memory:
    """The memory of some callbacks, from the moment that this is made."""

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        self._named = dict(_named(callbacks))
        self._before = {name: dict(_attributes(callback)) for name, callback in self._named.items()}

    def read(self) -> tuple[Json, Arrays]:
        """What changed since then, as JSON and the arrays that it speaks of."""
        changed: dict[str, Json] = {}
        arrays: Arrays = []
        for name, callback in self._named.items():
            before = self._before[name]
            now = {
                attribute: value
                for attribute, value in _attributes(callback)
                if attribute not in before or not _same(value, before[attribute])
            }
            changed[name] = {attribute: packed(unpacked(*value), arrays) for attribute, value in now.items()}
        return changed, arrays

    def write(self, changed: Json, arrays: Arrays) -> None:
        """Put back what `read` gave; callbacks that were not there then stay as they are."""
        for name, attributes in changed.items():
            if name in self._named:
                for attribute, value in attributes.items():
                    setattr(self._named[name], attribute, unpacked(value, arrays))


def _named(callbacks: Sequence[keras.callbacks.Callback]) -> Iterator[tuple[str, keras.callbacks.Callback]]:
    count: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        count[kind] = count.get(kind, 0) + 1
        yield f"{kind} {count[kind]}", callback


def _attributes(callback: keras.callbacks.Callback) -> Iterator[tuple[str, tuple[Json, Arrays]]]:
    for attribute, value in vars(callback).items():
        arrays: Arrays = []
        try:
            json = packed(value, arrays)
        except Opaque:
            continue
        # a copy: what is changed in place must differ from what it was
        yield attribute, (json, [array.copy() for array in arrays])


def _same(a: tuple[Json, Arrays], b: tuple[Json, Arrays]) -> bool:
    return bool(
        repr(a[0]) == repr(b[0])  # by text: NaN is NaN
        and len(a[1]) == len(b[1])
        and all(_equal(x, y) for x, y in zip(a[1], b[1], strict=True))
    )


def _equal(a: Any, b: Any) -> bool:
    return bool(a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
