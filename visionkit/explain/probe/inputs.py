"""The images and whatever else a model takes: checked, and cut into batches."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, ModelError, describe

Array = NDArray[Any]


class Inputs:
    """The inputs of a model as arrays.

    Args:
        where: who asks, for messages.
        model: the model.
        given: images (N, H, W, C), or a list or dict of arrays where the model has several inputs.
        any_size: whether the images may have another height and width than the model says.

    Attributes:
        arrays: one for each input, images float32.
        image: which of them is the picture: the first (N, H, W, C).

    Raises:
        ArgumentError: what the model does not take, or numbers that are not finite.
    """

    def __init__(self, where: str, model: keras.Model, given: Any, *, any_size: bool = False) -> None:
        self._structure = given if isinstance(given, list | tuple | dict) else None
        flat = [given] if self._structure is None else keras.tree.flatten(given)
        self.arrays = [_array(where, one) for one in flat]
        wanted = _wanted(model, given)
        if wanted is not None and any_size:
            wanted = [(one[0], None, None, *one[3:]) if len(one) == 4 else one for one in wanted]
        if wanted is not None and len(wanted) != len(flat):
            raise ArgumentError(
                f"{where}: expected {_count(len(wanted))} for the model {model.name!r}, got {_count(len(flat))}; "
                "make several images one array with np.stack"
            )
        for place, one in enumerate(self.arrays):
            _check(where, model, one, None if wanted is None else wanted[place])
        pictures = [place for place, one in enumerate(self.arrays) if one.ndim == 4]
        if not pictures:
            raise ArgumentError(f"{where}: expected images (N, H, W, C), got {describe(self.arrays[0])}")
        if len({len(one) for one in self.arrays}) > 1:
            lengths = ", ".join(str(len(one)) for one in self.arrays)
            raise ArgumentError(f"{where}: expected as many of each input, got {lengths}")
        self.image = pictures[0]
        fixed = None if wanted is None else wanted[self.image][0]
        self.fixed_batch: int | None = fixed

    @property
    def count(self) -> int:
        """How many images."""
        return len(self.arrays[0])

    @property
    def picture(self) -> Array:
        """The images, (N, H, W, C)."""
        return self.arrays[self.image]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.picture.shape[1], self.picture.shape[2]

    def packed(self, flat: list[Any]) -> Any:
        """The inputs in the structure in which they were given."""
        return flat[0] if self._structure is None else keras.tree.pack_sequence_as(self._structure, flat)

    def structure(self) -> Any:
        """That structure, to be compared: two of one kind are called alike."""
        if isinstance(self._structure, dict):
            return tuple(sorted(self._structure))
        return type(self._structure).__name__


def batches(count: int, size: int) -> Iterator[slice]:
    """The batches of so many images."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def padded(array: Array, length: int) -> Array:
    """As long as that, by its last entry again and again: what is compiled for one length stays so."""
    missing = length - len(array)
    return array if missing <= 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


def _array(where: str, one: Any) -> Array:
    """An array, images in float32; integers of other inputs stay integers."""
    array = keras.ops.convert_to_numpy(one) if keras.ops.is_tensor(one) else np.asarray(one)
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"{where}: expected numbers, got {describe(array)}")
    if array.ndim == 0 or not array.size:
        raise ArgumentError(f"{where}: expected at least one image (N, H, W, C), got {describe(array)}")
    if array.ndim == 4 or array.dtype.kind == "f":
        array = np.ascontiguousarray(array, dtype=np.float32)
    return array


def _wanted(model: keras.Model, given: Any) -> list[tuple[int | None, ...]] | None:
    """The shapes of the inputs, in the order of the arrays; None where the model does not say."""
    try:
        symbolic = model.input
    except (AttributeError, ValueError):
        return None
    if isinstance(given, dict):
        named = symbolic if isinstance(symbolic, dict) else {one.name: one for one in keras.tree.flatten(symbolic)}
        if set(given) != set(named):
            return None
        symbolic = named
    return [tuple(one.shape) for one in keras.tree.flatten(symbolic)]


def _check(where: str, model: keras.Model, array: Array, shape: tuple[int | None, ...] | None) -> None:
    """Make sure that an array fits an input, and holds numbers."""
    if shape is not None:
        fits = array.ndim == len(shape) and all(
            want in (None, got) for want, got in zip(shape[1:], array.shape[1:], strict=True)
        )
        if not fits:
            single = array.ndim == len(shape) - 1 and shape[1] in (None, array.shape[0])
            hint = "give a batch: images[np.newaxis]" if single else "make them as the model's input is"
            raise ArgumentError(
                f"{where}: expected images {_text(shape)} for the model {model.name!r}, got {describe(array)}; {hint}"
            )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        flat = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        raise ArgumentError(f"{where}: image {int(np.argmin(flat))} holds values that are infinite or no number")


def _text(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join(["N", *("any" if size is None else str(size) for size in shape[1:])]) + ")"


def _count(count: int) -> str:
    return "1 input" if count == 1 else f"{count} inputs"


def not_called(where: str, model: keras.Model, arrays: list[Array], error: Exception) -> ModelError:
    """The error for a model that fails on what it was given: its first line says why."""
    said = str(error).replace("\x1b[1m", "").replace("\x1b[0m", "").split("\n\n")
    reason = next(
        (part for part in said if part and not part.startswith("Exception encountered")), type(error).__name__
    )
    shapes = ", ".join(describe(one) for one in arrays)
    return ModelError(f"{where}: the model {model.name!r} fails on {shapes}: {reason.strip()}")
