"""Load weights from a file into a model, all of them or none."""

import io
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras

from visionkit._errors import ArgumentError, FileError, ModelError
from visionkit._files import replacing, writing
from visionkit._hdf5 import weights_file
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
        FileError: the file is not there or cannot be read; or it is refused, for the same reasons as by ``load``.
        ArgumentError: the file is of no such kind.
        ModelError: weights are missing, superfluous, of another shape, infinite or not a number; the message names
            them.

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
    with hdf5.opened(path) as file:
        layers = hdf5.by_layer(file)
        note = _by_path(model, path, file) if layers is None else layerwise.load(model, layers)
    if note:
        warnings.warn(f"load_weights: {model.name}: {note}", stacklevel=2)


def _by_path(model: keras.Model, path: Path, file: Any) -> str:
    """Load a file of Keras 3, in which each array has the path of its layer in the model."""
    # What Keras would write for this model is what it is able to read: that is filled anew, and read.
    filled = io.BytesIO(weights_file(model))
    with h5py.File(filled, "r+") as own:
        fitted = fit(
            model.name,
            hdf5.by_path(own),
            hdf5.by_path(file),
            channels=channels_of(model),
            is_head=lambda name: "classifier_head" in name.split("/"),
        )
        for name, array in fitted.arrays.items():
            del own[name]
            own[name] = array
    then = "temporary files go where TMPDIR says"
    with writing("load_weights", path, what="unpack", then=then), tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "filled.weights.h5"
        with replacing(copy, sync=False) as unpacked:
            unpacked.write(filled.getbuffer())
        model.load_weights(copy)
    return fitted.note
