"""What Keras writes with HDF5, made in memory: HDF5 ends the interpreter where a disk is full."""

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


class _Memory(io.BytesIO):
    """A file in memory that Keras takes for a path, of which it looks at the suffix.

    There can be no file of its name, in case that somebody opens it. Its bytes are those of `getvalue`: the view that
    `getbuffer` gives keeps a file from being closed, which Python 3.13 prints where one is thrown away.
    """

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self._place = f"{os.devnull}/memory{suffix}"

    def __str__(self) -> str:
        return self._place


def weights_file(model: "keras.Model") -> bytes:
    """The bytes of the ``.weights.h5`` file of a model."""
    file = _Memory(".weights.h5")
    try:
        model.save_weights(file)
    except OSError:  # older Keras makes a text of a path, and opens that; it does the rest as here
        from keras.src.saving import saving_lib

        store = saving_lib.H5IOStore(file, mode="w")
        saving_lib._save_state(model, store, None, "", set())
        store.close()
    return file.getvalue()


def model_file(model: "keras.Model") -> bytes:
    """The bytes of the ``.keras`` file of a model."""
    file = _Memory(".keras")
    model.save(file)
    return file.getvalue()
