"""Load weights from a file into a model, all of them or none."""

import os
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import keras

from visionkit._errors import ArgumentError, FileError, ModelError
from visionkit.models.weights import hdf5, layerwise
from visionkit.models.weights.fitting import channels_of, fit


def load_weights(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Load all weights of a model from a file; a file that does not fit changes nothing.

    Two differences between file and model are bridged. Another number of classes, or a head on one side only: all but
    that is loaded, and a warning says so. Another number of input channels: the kernels of the first convolution are
    summed for a single channel; for others repeated, and scaled so that their sum stays about the same.

    Args:
        model: a built model.
        path: a ``.weights.h5`` or ``.keras`` file of a model of the same structure; or an ``.h5`` file of Keras
            Applications, whose layers are found by name, and by order where their names were made automatically.

    Raises:
        FileError: the file is not there or cannot be read.
        ArgumentError: the file is of no such kind.
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
    if path.suffix not in (".h5", ".keras"):
        raise ArgumentError(f"load_weights: expected a .weights.h5, an .h5 or a .keras file, got {path.name}")
    if not model.built:
        raise ModelError(f"load_weights: expected a built model, got {model.name}; call it on an input first")
    with tempfile.TemporaryDirectory() as folder:
        if path.suffix == ".keras":
            path = _unzip(path, folder)
        by_layer = hdf5.read_layers(path)
        note = _by_path(model, path, Path(folder)) if by_layer is None else layerwise.load(model, by_layer)
    if note:
        warnings.warn(f"load_weights: {model.name}: {note}", stacklevel=2)


def _by_path(model: keras.Model, path: Path, folder: Path) -> str:
    """Load a file of Keras 3, in which each array has the path of its layer in the model."""
    # What Keras would write for this model is what it is able to read: compare before anything is assigned.
    like = folder / "like.weights.h5"
    model.save_weights(like)
    fitted = fit(
        model.name,
        hdf5.read_arrays(like),
        hdf5.read_arrays(path),
        channels=channels_of(model),
        is_head=lambda name: "classifier_head" in name.split("/"),
    )
    if fitted.changed:
        path = shutil.copyfile(path, folder / "changed.weights.h5")
        with h5py.File(path, "r+") as file:
            for name, array in fitted.changed.items():
                if name in file:
                    del file[name]
                file[name] = array
    model.load_weights(path)
    return fitted.note


def _unzip(path: Path, folder: str) -> Path:
    try:
        with zipfile.ZipFile(path) as archive:
            return Path(archive.extract("model.weights.h5", folder))
    except (zipfile.BadZipFile, KeyError) as error:
        raise FileError(f"load_weights: not a .keras file of a model: {path}") from error
