"""Read the arrays of a weights file, and nothing but what lies in the file itself."""

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import FileError

Arrays = dict[str, NDArray[Any]]

# What a file may hold beside the weights of layers.
_NOT_WEIGHTS = ("optimizer/", "metrics/")


def read_arrays(path: Path) -> Arrays:
    """Every array in a file of Keras 3, by its path there."""
    arrays: Arrays = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(_NOT_WEIGHTS):
            arrays[name] = _array(item)

    with _opened(path) as file:
        file.visititems(note)  # follows no links
    return arrays


def read_layers(path: Path) -> dict[str, list[NDArray[Any]]] | None:
    """The arrays of each layer that has some, in a file of Keras Applications; None for a file of another kind."""
    with _opened(path) as file:
        root = file["model_weights"] if _is_group(file, "model_weights") else file
        names = _texts(root.attrs, "layer_names")
        if names is None:
            return None
        layers = {name: [_member(root, f"{name}/{one}") for one in _weights(root, name)] for name in names}
    return {name: arrays for name, arrays in layers.items() if arrays}


@contextmanager
def _opened(path: Path) -> Any:
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, KeyError, RuntimeError, UnicodeDecodeError) as error:  # what h5py raises for a damaged file
        if isinstance(error, FileError):
            raise
        raise FileError(f"load_weights: not a readable HDF5 file of weights: {path.name}; {error}") from error


def _is_group(file: Any, name: str) -> bool:
    return file.get(name, getlink=True, getclass=True) is h5py.HardLink and isinstance(file[name], h5py.Group)


def _weights(root: Any, layer: str) -> list[str]:
    names = _texts(root[layer].attrs, "weight_names")
    if names is None:
        raise FileError(f"load_weights: not a readable HDF5 file of weights: layer {layer} has no weight_names")
    return names


def _texts(attributes: Mapping[str, Any], name: str) -> list[str] | None:
    """A list of names, which HDF5 makes Keras cut into pieces where it is long."""
    pieces = [attributes[name]] if name in attributes else []
    while f"{name}{len(pieces)}" in attributes:
        pieces.append(attributes[f"{name}{len(pieces)}"])
    texts = [text.decode() if isinstance(text, bytes) else str(text) for piece in pieces for text in piece]
    return texts if pieces else None


def _member(root: Any, path: str) -> NDArray[Any]:
    """A dataset by its path, in which no step leads out of the file."""
    group = root
    for step in path.split("/"):
        if group.get(step, getlink=True, getclass=True) is not h5py.HardLink:
            raise FileError(f"load_weights: not a readable HDF5 file of weights: {path} is missing or a link")
        group = group[step]
    return _array(group)


def _array(dataset: Any) -> NDArray[Any]:
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise FileError(f"load_weights: expected arrays in the file itself, got something else at {dataset.name}")
    return np.asarray(dataset)
