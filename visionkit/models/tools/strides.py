"""What an operation does to the resolution of a map."""

from typing import Any

import keras

Stride = tuple[float, ...]

# A side on which strides show whatever the padding: 256 -> 125 is a stride of 2.
_PROBE = 256


def factor(leaf: Any, args: Any, kwargs: Any, before: Any, after: Any) -> Stride | None:
    """By how much an operation makes a map smaller; None if it leaves no map, but a value for each channel.

    What it does to a large map tells, because sizes round: a convolution of stride 2 makes 1 of 1, 2 of 5 or 3 of 5.
    """
    sides, reduced = sides_of(before), sides_of(after)
    if sides == reduced and all(side and side > 1 for side in sides):
        return (1.0, 1.0)

    def enlarge(one: Any) -> Any:
        return _resized(one, _PROBE) if one is before else one

    try:
        args, kwargs = keras.tree.map_structure(enlarge, (args, kwargs))
        large = sides_of(keras.tree.flatten(leaf.compute_output_spec(*args, **kwargs))[0])
        if large == (1, 1):
            return None
    except Exception:  # layers of others raise what they like; this one takes no other size
        large = reduced
    given = large == reduced  # a size that comes out whatever goes in
    found = tuple(map(ratio, sides if given else (_PROBE, _PROBE), large))
    # Pooling over all that there is, written as pooling of that size.
    whole = reduced == (1, 1) and min(found) > 2 and not convolves(leaf)
    return None if whole else found


def ratio(before: int | None, after: int | None) -> float:
    """How many places become one, rounded as if both sides were large; 1 where a side is not known."""
    if not before or not after:
        return 1.0
    return float(round(before / after)) if before >= after else 1 / round(after / before)


def convolves(leaf: Any) -> bool:
    """Whether an operation mixes channels or places by weights."""
    return any(len(weight.shape) >= 2 for weight in getattr(leaf, "weights", ()))


def each(choose: Any, strides: list[Stride]) -> Stride:
    """The smallest or largest, for height and width apart."""
    return tuple(map(choose, zip(*strides, strict=True)))


def is_map(tensor: Any) -> bool:
    """Whether a tensor is of shape (N, H, W, C)."""
    return len(tensor.shape) == 4


def _first_side() -> int:
    return 2 if keras.config.image_data_format() == "channels_first" else 1


def sides_of(tensor: Any) -> tuple[int | None, ...]:
    """Height and width."""
    return tuple(tensor.shape[_first_side() : _first_side() + 2])


def _resized(tensor: Any, side: int) -> Any:
    first, shape = _first_side(), tensor.shape
    return keras.KerasTensor((*shape[:first], side, side, *shape[first + 2 :]), dtype=tensor.dtype)
