"""Numbers that are infinite or none: which samples and which weights hold them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

_BYTES = 1 << 20  # looked at together; what fits a processor's cache is looked at twice as fast


def wrong_samples(array: NDArray[Any], dtype: Any = None) -> NDArray[np.int64]:
    """The places along the first axis where there is a number that is infinite or none, also once it is of a dtype.

    >>> wrong_samples(np.array([[1.0, 2.0], [np.nan, 0.0], [1e300, 0.0]]), np.float32)
    array([1, 2])
    """
    if array.dtype.kind in "biu" or not array.size:
        return np.zeros(0, np.int64)
    rows = max(1, _BYTES // max(1, array[:1].nbytes))
    found = []
    for start in range(0, len(array), rows):
        part = array[start : start + rows]
        with np.errstate(over="ignore"):
            finite = np.isfinite(part if dtype is None else part.astype(dtype, copy=False))
        if not finite.all():
            found.append(start + np.flatnonzero(~finite.reshape(len(part), -1).all(axis=1)))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def named(places: NDArray[np.int64], name: Callable[[int], str], *, most: int = 5) -> str:
    """The first few of some samples.

    >>> named(np.arange(7), "sample {}".format, most=2)
    'sample 0, sample 1 and 5 more'
    """
    shown = ", ".join(name(int(place)) for place in places[:most])
    return shown + (f" and {len(places) - most:,} more" if len(places) > most else "")


def wrong_weight(model: Any) -> str | None:
    """The first weight of a model that holds a number that is infinite or none; None where there is no such weight."""
    for weight in getattr(model, "weights", ()):
        value = keras.ops.convert_to_numpy(weight)
        value = value if value.dtype.kind in "biuf" else value.astype(np.float32)  # of bfloat16
        if not np.isfinite(value).all():
            return str(getattr(weight, "path", weight.name))
    return None
