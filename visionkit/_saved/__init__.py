"""Saved models of Keras, looked through before Keras touches them, so that a file brings no code and no surprise."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from visionkit._errors import FileError, ModelError, VisionkitError, describe
from visionkit._saved import archive, config, hdf5
from visionkit._saved.refused import Refused

if TYPE_CHECKING:
    import keras


def load(where: str, path: str | os.PathLike[str]) -> "keras.Model":
    """The model of a ``.keras`` file, or of an ``.h5`` file of older Keras, not compiled.

    Only what Keras itself defines as a part of models, and what is registered with ``keras.saving``, is made.

    Args:
        where: who asks, for the message of an error.
        path: of the file.

    Raises:
        FileError: no such file, damaged, or something in it is refused; the message says what and why.
        ModelError: no model, or one with a weight that is infinite or not a number; the message names it.
    """
    path = Path(path)
    if path.suffix not in (".keras", ".h5"):
        raise FileError(f"{where}: expected a .keras file, got '{path}'; model.save('NAME.keras') makes one")
    if not path.is_file():
        raise FileError(f"{where}: expected a model in '{path}', got no such file")
    try:
        text = _config(path)
        _register(text)
        config.look_through(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what becomes of the file is said once; and NumPy's about Keras' tensors
            return _finite(where, path, _loaded(path))
    except VisionkitError:
        raise
    except Exception as error:  # Keras lets out whatever a broken file makes it stumble over
        raise FileError(f"{where}: '{path}' is no Keras model that can be loaded: {_reason(error)}") from error


def _config(path: Path) -> bytes:
    if path.suffix == ".h5":
        return hdf5.model_config(path)
    members = archive.members(path)
    with hdf5.opened(members[archive.WEIGHTS]):
        return members[archive.CONFIG]


def _loaded(path: Path) -> object:
    import keras

    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _register(text: bytes) -> None:
    """Make the layers of this package known to Keras, where a model holds some."""
    if b'"visionkit>' in text:
        import visionkit.models
        import visionkit.train  # noqa: F401


def _finite(where: str, path: Path, model: object) -> "keras.Model":
    import keras
    import numpy as np

    if not isinstance(model, keras.Model):
        raise ModelError(f"{where}: expected a model in '{path}', got {describe(model)}")
    for weight in model.weights:
        if "float" in str(weight.dtype) and not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise ModelError(f"{where}: expected finite weights in '{path}', got NaN or infinity in {weight.path}")
    return model


def _reason(error: Exception) -> str:
    """The innermost message, without the config of the whole model that Keras prints before and behind it."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, RecursionError | MemoryError):
        return "it is nested too deeply" if isinstance(error, RecursionError) else "it needs more memory than there is"
    lines = str(error).rpartition("Exception encountered: ")[2].splitlines()
    line = (lines or [type(error).__name__])[0].partition(" Full object config")[0]
    return line if len(line) <= 300 else f"{line[:297]}..."
