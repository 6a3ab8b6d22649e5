"""Models side by side: parameters, multiply-adds, the size of their weights as a file, and published accuracy."""

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py  # type: ignore[import-untyped]
import keras

from visionkit._errors import ArgumentError, describe
from visionkit._hdf5 import weights_file
from visionkit._table import Table, megabytes, shape_text
from visionkit.models.tools.profile import profile, unknown_note
from visionkit.models.tools.source import Source, model_of
from visionkit.models.weights.published import PUBLISHED

_SOURCE = "top-1 and top-5: of the official ImageNet weights on the validation pictures, from keras.io/api/applications"


class ModelRow(NamedTuple):
    """One model of a comparison.

    Attributes:
        name: of the model; of the file, where one was given.
        input_shape: for one image, without the batch; a tuple of shapes where there are several inputs.
        layers: how many convolutions and dense layers it holds; ResNet-50 has its 50 and 4 in shortcuts.
        parameters: all of them.
        mult_adds: multiply-adds for one image.
        size: bytes of a ``.weights.h5`` file of it, without an optimizer, made in order to be measured.
        unknown: the names of layers whose multiply-adds are not counted.
        top_1, top_5: the accuracy of the official ImageNet weights, in per cent, as it was published; of a name that
            has some, else None.
    """

    name: str
    input_shape: Any
    layers: int
    parameters: int
    mult_adds: int
    size: int
    unknown: tuple[str, ...]
    top_1: float | None
    top_5: float | None


@dataclass(frozen=True)
class Comparison:
    """Models side by side, in the order in which they were given; printed, it is a table."""

    rows: tuple[ModelRow, ...]

    def table(self) -> Table:
        """The table, a row for each model; with published accuracy where a model has some."""
        rows: list[tuple[str, ...]] = [
            (
                row.name,
                shape_text(row.input_shape),
                f"{row.layers:,}",
                f"{row.parameters:,}",
                f"{row.mult_adds:,}{' + ?' if row.unknown else ''}",
                megabytes(row.size),
            )
            for row in self.rows
        ]
        columns: tuple[str, ...] = ("model", "input", "layers", "parameters", "multiply-adds", "weights file")
        notes = [unknown_note(name for row in self.rows for name in row.unknown)]
        if any(row.top_1 is not None for row in self.rows):
            columns = (*columns, "top-1", "top-5")
            shares = [["" if one is None else f"{one:.1f} %" for one in (row.top_1, row.top_5)] for row in self.rows]
            rows = [(*row, *more) for row, more in zip(rows, shares, strict=True)]
            notes.append(_SOURCE)
        return Table("", columns, rows, left=2, note="\n".join(filter(None, notes)))

    def __str__(self) -> str:
        return str(self.table())


def compare(models: Iterable[Source], *, input_shape: Any = None) -> Comparison:
    """Put models side by side.

    Args:
        models: each a built Keras model, a name of ``list_models()``, or the path of a ``.keras`` file.
        input_shape: (H, W, C) of the images for all of them, as in ``profile``.

    Returns:
        A Comparison, with a row for each model.

    Raises:
        ModelError: no model; not built; a size is unknown; or ``input_shape`` does not fit.
        ArgumentError: no model has this name, or a single model instead of several.
        FileError: a file is not there, or holds no model.

    >>> from visionkit.models import create
    >>> narrow = create("glyph_resnet", widths=(8, 16, 32), name="narrow")
    >>> print(compare(["glyph_resnet", narrow]))  # doctest: +ELLIPSIS
    model         input    layers  parameters  multiply-adds  weights file
    glyph_resnet  32x32x1      12     387,524     16,986,624       ... MB
    narrow        32x32x1      12      25,868      1,100,928       ... MB
    """
    if isinstance(models, str | os.PathLike | keras.Model):
        raise ArgumentError(f"compare: expected several models, got {describe(models)}; give a list")
    rows = []
    for source in models:
        model = model_of("compare", source, input_shape=input_shape)
        found = profile(model, input_shape=input_shape)
        top_1, top_5 = PUBLISHED.get(source, (None, None)) if isinstance(source, str) else (None, None)
        is_file = not isinstance(source, keras.Model) and os.fspath(source).endswith(".keras")
        rows.append(
            ModelRow(
                name=Path(os.fspath(source)).name if is_file else found.name,
                input_shape=found.input_shape,
                # at its later calls, a shared layer has no parameters that were not counted
                layers=sum(row.mult_adds > 0 and row.parameters > 0 for row in found.layers),
                parameters=found.parameters,
                mult_adds=found.mult_adds,
                size=_size_of_weights(model),
                unknown=found.unknown,
                top_1=top_1,
                top_5=top_5,
            )
        )
    return Comparison(tuple(rows))


def _size_of_weights(model: keras.Model) -> int:
    saved = weights_file(model)
    if getattr(model, "optimizer", None) is None:
        return len(saved)
    bare = io.BytesIO()
    with h5py.File(io.BytesIO(saved)) as source, h5py.File(bare, "w") as target:
        for part in source:
            if part not in ("optimizer", "metrics"):  # which Keras saves with the weights
                source.copy(part, target)
    return len(bare.getbuffer())
