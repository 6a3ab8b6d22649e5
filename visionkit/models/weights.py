"""Load weights from a file into a model, all of them or none."""

import os
import tempfile
import zipfile
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import keras

from visionkit._errors import ArgumentError, FileError, ModelError

# What a file may hold beside the weights of layers.
_NOT_WEIGHTS = ("optimizer/", "metrics/")


def load_weights(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Load all weights of a model from a file; a file that does not fit changes nothing.

    Args:
        model: a built model.
        path: a ``.weights.h5`` file, or a ``.keras`` file of a model of the same structure.

    Raises:
        FileError: the file is not there or cannot be read.
        ArgumentError: the file is of neither kind.
        ModelError: weights are missing, superfluous or of another shape; the message names them.

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save_weights(f"{folder}/a.weights.h5")
    ...     load_weights(model, f"{folder}/a.weights.h5")
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"load_weights: no such file: {path}")
    if not path.name.endswith((".weights.h5", ".keras")):
        raise ArgumentError(f"load_weights: expected a .weights.h5 or a .keras file, got {path.name}")
    if not model.built:
        raise ModelError(f"load_weights: expected a built model, got {model.name}; call it on an input first")
    with tempfile.TemporaryDirectory() as folder:
        if path.suffix == ".keras":
            path = _unzip(path, folder)
        # What Keras would write for this model is what it is able to read: compare before anything is assigned.
        like = Path(folder) / "like.weights.h5"
        model.save_weights(like)
        _compare(_shapes(like), _shapes(path), model.name)
        model.load_weights(path)


def _unzip(path: Path, folder: str) -> Path:
    try:
        with zipfile.ZipFile(path) as archive:
            return Path(archive.extract("model.weights.h5", folder))
    except (zipfile.BadZipFile, KeyError) as error:
        raise FileError(f"load_weights: not a .keras file of a model: {path}") from error


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every array in the file, by its path there."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(_NOT_WEIGHTS):
            shapes[name] = item.shape

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except OSError as error:
        raise FileError(f"load_weights: not a readable HDF5 file: {path.name}") from error
    return shapes


def _compare(expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]], model: str) -> None:
    faults = [
        *(f"missing {name} of shape {shape}" for name, shape in expected.items() if name not in found),
        *(
            f"{name}: expected shape {shape}, got {found[name]}"
            for name, shape in expected.items()
            if found.get(name, shape) != shape
        ),
        *(f"not in the model: {name} of shape {shape}" for name, shape in found.items() if name not in expected),
    ]
    if faults:
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise ModelError(
            f"load_weights: the file does not fit {model}; nothing was loaded: {'; '.join(faults[:10])}{more}"
        )
