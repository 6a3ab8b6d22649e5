"""Maps of a layer, brought to the size of a picture and to values that can be compared."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, ModelError, describe, one_of

Evidence = Literal["for", "against", "both"]

_NOTHING = {
    "for": "no positive evidence for the class; the map is zero; evidence='against' shows what speaks against it",
    "against": "nothing speaks against the class; the map is zero; evidence='for' shows what speaks for it",
    "both": "nothing speaks for the class or against it; the map is zero; try another layer",
}


def upsample(maps: ArrayLike, size: tuple[int, int] | int) -> NDArray[np.float32]:
    """Resize maps: bilinearly between the centres of the cells where they grow, by averaging where they shrink.

    The corners of the first and the last cell stay on the corners of the picture, so that a map lies where the
    layer looked; aligning their centres with it instead, as some tools do, moves the map outwards.

    Args:
        maps: numbers of shape (N, h, w), or (h, w) for one map.
        size: (H, W), or one integer for both.

    Returns:
        float32 (N, H, W), or (H, W) for one map.

    Raises:
        ArgumentError: no such maps, or not a size.

    >>> upsample([[0.0, 1.0]], (1, 4))
    array([[0.  , 0.25, 0.75, 1.  ]], dtype=float32)
    """
    values = _numbers("upsample", maps).astype(np.float32)
    height, width = _checks.size("upsample", "size", size)
    if values.ndim == 2:
        return _resized(values, height, width)
    if values.ndim != 3:
        raise ArgumentError(f"upsample: expected maps of shape (N, h, w) or (h, w), got {describe(values)}")
    grown = np.empty((len(values), height, width), np.float32)
    for index, one in enumerate(values):  # one by one: OpenCV resizes no more than 512 channels at once
        grown[index] = _resized(one, height, width)
    return grown


def normalize(maps: ArrayLike, evidence: Evidence = "for", *, where: str = "normalize") -> NDArray[np.float32]:
    """Keep the evidence that is asked for, and divide each map by its largest value.

    Args:
        maps: numbers of shape (N, H, W); above zero where they speak for the class, below where against it.
        evidence: "for" keeps what is above zero, "against" what is below, as a positive number, and "both" all.
        where: the function that a message begins with.

    Returns:
        float32 (N, H, W), in [0, 1], with "both" in [-1, 1]. A map of which nothing is left is zero, and a warning
        names it.

    Raises:
        ArgumentError: no such maps, or ``evidence`` is none of the three.
        ModelError: a map holds a value that is infinite or not a number; the message says which.

    >>> normalize([[[-4.0, 0.0, 1.0, 2.0]]])
    array([[[0. , 0. , 0.5, 1. ]]], dtype=float32)
    >>> normalize([[[-4.0, 0.0, 1.0, 2.0]]], "both")
    array([[[-1.  ,  0.  ,  0.25,  0.5 ]]], dtype=float32)
    """
    if evidence not in _NOTHING:
        raise one_of(where, "evidence", evidence, _NOTHING)
    values = _numbers(where, maps)
    if values.ndim != 3:
        raise ArgumentError(f"{where}: expected maps of shape (N, H, W), got {describe(values)}")
    broken = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
    if broken.size:
        raise ModelError(
            f"{where}: {_images(broken)}: expected a map of finite numbers, got infinity or not a number; "
            "look at the values of the picture and at the weights of the model"
        )
    if evidence != "both":
        values = np.maximum(values if evidence == "for" else -values, 0)
    peaks = np.abs(values).max(axis=(1, 2))
    empty = np.flatnonzero(peaks == 0)
    if empty.size:
        warnings.warn(f"{where}: {_images(empty)}: {_NOTHING[evidence]}", stacklevel=3)
        peaks[empty] = 1
    scaled: NDArray[Any] = values / peaks[:, None, None]
    return scaled.astype(np.float32)


def array_of(value: Any) -> NDArray[Any]:
    """An array; an empty one of lists whose lengths differ, for the check that follows."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.empty(0, object)


def _numbers(where: str, maps: ArrayLike) -> NDArray[Any]:
    """The maps as float32, or as float64 where they are."""
    values = array_of(maps)
    if values.dtype.kind not in "biuf" or values.ndim < 2 or 0 in values.shape[-2:]:
        raise ArgumentError(f"{where}: expected maps of shape (N, h, w) that hold real numbers, got {describe(maps)}")
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)


def _resized(one: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    shrunk = (min(width, one.shape[1]), min(height, one.shape[0]))
    if shrunk != one.shape[::-1]:
        one = np.asarray(cv2.resize(one, shrunk, interpolation=cv2.INTER_AREA))
    if one.shape != (height, width):
        one = np.asarray(cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR))
    return one


def _images(numbers: Sequence[int] | NDArray[np.intp]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    return f"image{'s' if len(numbers) > 1 else ''} {shown}{more}"
