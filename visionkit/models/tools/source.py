"""A model from what a user has at hand: the model itself, a name from the catalog, or a file."""

import os
from pathlib import Path
from typing import Any, TypeAlias

import keras

from visionkit import _saved
from visionkit._errors import ModelError, describe, one_of
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
        source: a model, a name of ``list_models()``, or the path of a ``.keras`` file, for which ``load`` looks.
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


def load(path: str | os.PathLike[str]) -> keras.Model:
    """Load a saved model, of which nothing runs that the file says.

    Before Keras opens the file, it is looked through: its archive holds only what Keras writes there; its config names
    only parts of models that Keras defines, the blocks of this package, and what you have registered with
    ``@keras.saving.register_keras_serializable()``; its arrays lie in the file itself and are as large as it says. A
    Lambda, code and pickles inside it, and paths to elsewhere are refused. The model may still be large and slow.

    Args:
        path: a ``.keras`` file, or an ``.h5`` file of a whole model, as older Keras writes.

    Returns:
        The model, not compiled.

    Raises:
        FileError: no such file; damaged; or something in it is refused, and the message says what and why.
        ModelError: no model, or one with a weight that is infinite or not a number; the message names it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     create("lenet5").save(f"{folder}/mine.keras")
    ...     load(f"{folder}/mine.keras").name
    'lenet5'
    """
    return _saved.load("load", path)


def _load(where: str, source: str | os.PathLike[str]) -> keras.Model:
    path = Path(source)
    if path.name == source and not path.suffix and not path.is_file():
        raise one_of(where, "the name of a model or a .keras file", source, list_models())
    return _saved.load(where, path)
