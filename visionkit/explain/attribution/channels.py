"""From values for each channel of a picture to one map of it."""

import warnings
from typing import Any, Literal

import numpy as np

from visionkit import _checks
from visionkit._errors import one_of
from visionkit.explain.probe.probe import Floats

Reduce = Literal["max", "sum"] | None


def check_options(where: str, reduce: Any, normalize: Any) -> None:
    """Make sure that both are what ``reduced`` takes.

    Raises:
        ArgumentError: they are not.
    """
    if reduce not in ("max", "sum", None):
        raise one_of(where, "reduce", reduce, ("max", "sum", "None"))
    _checks.flag(where, "normalize", normalize)


def reduced(where: str, values: Floats, reduce: Reduce, normalize: bool) -> Floats:
    """The maps that a method returns.

    Args:
        where: the function that returns them, for the warning.
        values: of each channel, (N, H, W, C).
        reduce: "max" for the largest absolute value of the channels, "sum" for their sum, which has a sign, None for
            the values as they are.
        normalize: whether each map is divided by its largest absolute value.

    Returns:
        float32 (N, H, W), or the values. A map of zeros stays so, and a warning names it.

    >>> reduced("example", np.array([[[[-4.0, 1.0], [0.0, 2.0]]]]), "max", True)
    array([[[1. , 0.5]]], dtype=float32)
    """
    if reduce is None:
        return values
    maps = np.abs(values).max(axis=-1) if reduce == "max" else values.sum(axis=-1)
    return by_peak(where, maps, level=4) if normalize else maps.astype(np.float32)


def by_peak(where: str, maps: Floats, *, level: int = 3) -> Floats:
    """Maps (N, H, W), each divided by its largest absolute value; the warning points ``level`` calls up."""
    peaks = np.abs(maps).max(axis=(1, 2), keepdims=True)
    empty = np.flatnonzero(peaks == 0)
    if empty.size:
        which = ", ".join(map(str, empty[:10])) + (", ..." if empty.size > 10 else "")
        warnings.warn(
            f"{where}: image {which}: nothing was found that the score depends on; the map is zero",
            stacklevel=level,
        )
    return np.asarray(maps / np.where(peaks == 0, 1, peaks), np.float32)
