"""The arrays of a weights file by name; what they are is known before they are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import FileError
from visionkit._saved import archive, hdf5
from visionkit._saved.refused import Refused

# What a file may hold beside the weights of layers.
_NOT_WEIGHTS = ("/optimizer/", "/metrics/")


class Stored:
    """An array that lies in a file.

    Attributes:
        shape, ndim: as of an array.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.shape: tuple[int, ...] = dataset.shape or ()
        self.ndim = len(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        array = np.asarray(self._dataset)
        if array.dtype.kind == "V":  # HDF5 has no such type
            array = array.view(ml_dtypes.bfloat16).astype(np.float32)
        return array if dtype is None else array.astype(dtype)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The HDF5 file of weights, which a .keras file holds inside.

    Raises:
        FileError: it is damaged, or something in it is refused; the message says what and why.
    """
    try:
        with hdf5.opened(archive.members(path)[archive.WEIGHTS] if path.suffix == ".keras" else path) as file:
            yield file
    except Refused as error:
        raise FileError(f"load_weights: '{path}' is no file of weights that can be loaded: {error}") from error


def by_path(file: Any) -> dict[str, Stored]:
    """Every array in a file of Keras 3, by its path there."""
    found = {one.name: Stored(one) for one in hdf5.arrays(file) if not one.name.startswith(_NOT_WEIGHTS)}
    return {name.lstrip("/"): one for name, one in found.items()}


def by_layer(file: Any) -> dict[str, list[Stored]] | None:
    """The arrays of each layer that has some, in a file of Keras Applications; None for a file of another kind."""
    root = file["model_weights"] if isinstance(file.get("model_weights"), h5py.Group) else file
    names = _texts(root, "layer_names")
    if names is None:
        return None
    layers = {name: [_member(root, f"{name}/{one}") for one in _weights(root, name)] for name in names}
    return {name: arrays for name, arrays in layers.items() if arrays}


def _weights(root: Any, layer: str) -> list[str]:
    names = _texts(root[layer], "weight_names") if isinstance(root.get(layer), h5py.Group) else None
    if names is None:
        raise Refused(f"expected weight_names for the layer {layer!r}, got none")
    return names


def _texts(holder: Any, name: str) -> list[str] | None:
    """A list of names, which HDF5 makes Keras cut into pieces where it is long."""
    whole = hdf5.texts(holder, name)
    texts = [] if whole is None else [*whole]
    number = 0 if whole is None else 1
    while (piece := hdf5.texts(holder, f"{name}{number}")) is not None:
        texts += piece
        number += 1
    return texts if number else None


def _member(root: Any, path: str) -> Stored:
    found = root.get(path)
    if not isinstance(found, h5py.Dataset):
        raise Refused(f"expected an array at {path!r}, got none")
    return Stored(found)
