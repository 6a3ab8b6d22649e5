"""A model that grows pictures for the filters of one of its layers."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._checks import size as checked_size
from visionkit._errors import ArgumentError, describe
from visionkit.explain.probe.inputs import Array, not_called
from visionkit.explain.probe.layers import check_model
from visionkit.explain.probe.probe import Probe, Program
from visionkit.explain.probe.target import nothing

_SIDE = 128  # of the pictures, where the model takes any size


class Climber:
    """A model, ended at a layer, for pictures of any size that the layers before it take.

    Args:
        where: who asks, for messages.
        model: the model.
        layer: which of its layers.
        size: height and width of the pictures, or one integer for both; None for those of the model.

    Attributes:
        filters: how many the layer has.
        layer: its path.
        shape: of the pictures, (H, W, C).
    """

    def __init__(self, where: str, model: keras.Model, layer: Any, size: Any) -> None:
        check_model(where, model)
        if layer is None or isinstance(layer, list | tuple):
            raise ArgumentError(f"{where}: expected one layer or its name, got {describe(layer)}")
        self._where, self._model = where, model
        asked = None if size is None else checked_size(where, "size", size)
        self._free = asked or (_SIDE, _SIDE)
        probe = Probe(
            where, model, self._blank(1), layer=layer, target=nothing
        )  # of the model's own size, for all layers
        self._tap = probe.taps[0]  # each call of a shared layer has the same filters
        self.layer = self._tap.place.path
        made = next(call.shape for call in probe.survey.calls if call.tap == self._tap) or ()
        if len(made) < 2:
            raise ArgumentError(f"{where}: expected a layer with filters or units, got {self.layer!r} without")
        self.filters = made[-1]
        self.shape = (*(asked or probe.inputs.size), probe.inputs.picture.shape[-1])

    def chosen(self, filters: ArrayLike | None) -> NDArray[np.int32]:
        """The numbers of the filters that are asked for.

        Raises:
            ArgumentError: they are no integers, none, or the layer has no such filter.
        """
        if filters is None:
            return np.arange(self.filters, dtype=np.int32)
        numbers = np.atleast_1d(np.asarray(filters))
        if numbers.dtype.kind not in "iu" or numbers.ndim != 1 or not numbers.size:
            raise ArgumentError(f"{self._where}: expected filters to be integers or None, got {describe(filters)}")
        if numbers.min() < 0 or numbers.max() >= self.filters:
            wrong = int(numbers.min() if numbers.min() < 0 else numbers.max())
            raise ArgumentError(
                f"{self._where}: expected filters from 0 to {self.filters - 1} of the layer {self.layer!r}, got {wrong}"
            )
        return numbers.astype(np.int32)

    def climb(self, program: Program, pictures: Array, filters: Array, fixed: Sequence[Any]) -> tuple[Array, Array]:
        """Run a program on pictures, (n, H, W, C) of any size, for n filters.

        Raises:
            ModelError: the layers do not take pictures of this size, or their values are not finite.
        """
        count, *size, _ = pictures.shape
        blank = self._blank(count, size)
        probe = Probe(self._where, self._model, blank, target=nothing, batch_size=count, any_size=True)
        probe.taps = [self._tap]
        try:
            grown, felt = probe.run(program, filters, images=pictures, fixed=fixed)
        except Exception as error:  # whatever a framework or a layer of one's own raises
            raise not_called(self._where, self._model, [pictures], error) from error
        probe.check_finite(grown)
        return grown, felt

    def _blank(self, count: int, size: Sequence[int] | None = None) -> Any:
        """So many of the model's inputs, all zero, of a size or of the model's own."""

        def zeros(shape: Sequence[int | None], dtype: str) -> Array:
            if len(shape) != 4:
                return np.zeros([count, *(side or 1 for side in shape[1:])], dtype)
            height, width = size or [own or free for own, free in zip(shape[1:3], self._free, strict=True)]
            return np.zeros((count, height, width, shape[3] or 3), dtype)

        try:
            return keras.tree.map_structure(lambda one: zeros(one.shape, one.dtype), self._model.input)
        except (AttributeError, ValueError):  # only its ``call`` knows, or the pictures that it was built with
            built = (self._model.get_build_config() or {}).get("input_shape")
            return zeros(built if isinstance(built, list | tuple) and len(built) == 4 else (None,) * 4, "float32")
