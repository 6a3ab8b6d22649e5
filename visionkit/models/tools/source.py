"""A model from what a user has at hand: the model itself, a name from the catalog, or a file."""

import os
import zipfile
from pathlib import Path
from typing import Any, TypeAlias

import keras

from visionkit._errors import FileError, ModelError, VisionkitError, describe, one_of
from visionkit.models.catalog import create, list_models
from visionkit.models.weights import load_weights

Source: TypeAlias = keras.Model | str | os.PathLike[str]


def model_of(
    where: str,
    source: Source,
    *,
    input_shape: Any = None,
    weights: str | os.PathLike[str] | None = None,
) -> keras.Model:
    """The model that is meant.

    Args:
        where: who asks, for the message of an error.
        source: a model, a name of ``list_models()``, or the path of a ``.keras`` file. Keras' safe mode stays on, so
            that a file brings no code of its own.
        input_shape: what a model from the catalog is made for, instead of its own default.
        weights: a file to load into it; for a name, whatever its ``weights`` takes.

    Raises:
        ArgumentError: no model has this name.
        FileError: no such file, or not a Keras model that can be loaded.
        ModelError: not a model at all; or the weights do not fit.

    >>> model_of("example", "lenet5").name
    'lenet5'
    """
    if isinstance(source, str) and source in list_models():
        given = {"input_shape": input_shape, "weights": weights}
        return create(source, **{name: value for name, value in given.items() if value is not None})
    if isinstance(source, str | os.PathLike):
        model = _load(where, source)
    elif isinstance(source, keras.Model):
        model = source
    else:
        raise ModelError(
            f"{where}: expected a keras.Model, a name of list_models() or the path of a .keras file, "
            f"got {describe(source)}"
        )
    if weights is not None:
        load_weights(model, weights)
    return model


def _load(where: str, source: str | os.PathLike[str]) -> keras.Model:
    path = Path(source)
    if not path.is_file():
        if path.name == source and not path.suffix:
            raise one_of(where, "the name of a model or a .keras file", source, list_models())
        raise FileError(f"{where}: expected a .keras file in '{path}', got no such file")
    if path.suffix != ".keras":
        raise FileError(f"{where}: expected a .keras file, got '{path}'; model.save('NAME.keras') makes one")
    if not zipfile.is_zipfile(path):
        raise FileError(f"{where}: '{path}' is no Keras model that can be loaded: expected an archive in it, as of zip")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except VisionkitError:
        raise
    except Exception as error:  # Keras lets out whatever a broken file makes it stumble over
        cause = str(error).rpartition("Exception encountered: ")[2]  # innermost, behind the config of the whole model
        reason = (cause.splitlines() or [type(error).__name__])[0].partition(" Full object config")[0]
        raise FileError(f"{where}: '{path}' is no Keras model that can be loaded: {reason}") from error
    if not isinstance(model, keras.Model):
        raise ModelError(f"{where}: expected a model in '{path}', got {describe(model)}")
    return model
