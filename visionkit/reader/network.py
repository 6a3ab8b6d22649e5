"""What tells glyphs apart: the shipped networks in OpenCV's dnn, a user's own network on Keras."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import FileError, ModelError, describe
from visionkit.reader.glyph import SIZE

Glyphs = NDArray[np.uint8]  # (N, 32, 32), ink bright
Probabilities = NDArray[np.float32]  # (N, characters)

# One network at a time: one of OpenCV's holds the blobs of its last run, and one of Keras on JAX gives its weights away
# while it predicts. A process is forked when none runs, or the child would wait for a thread that it does not have.
_running = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_running.acquire, after_in_parent=_running.release, after_in_child=_running.release)


class Network(Protocol):
    """Glyphs in, a probability for each character out."""

    characters: str

    def __call__(self, glyphs: Glyphs) -> Probabilities:
        """Probabilities (N, characters) of glyphs uint8 (N, 32, 32)."""
        ...


class OpenCVNetwork:
    """A network from an ONNX file, (N, 32, 32, 1) to (N, characters), run by OpenCV without any framework.

    Threads may share one; so may a child that a process forks, or to which it is sent.
    """

    def __init__(self, path: Path, characters: str = "") -> None:
        if not path.is_file():
            raise FileError(f"reader: expected a network in '{path}', got no such file")
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
            self.classes = self(np.zeros((1, SIZE, SIZE), np.uint8)).shape[1]
        except cv2.error as error:
            raise FileError(
                f"reader: expected '{path}' to be an ONNX network for glyphs (N, 32, 32, 1), got a file that OpenCV "
                "cannot run"
            ) from error
        self.characters = characters
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (OpenCVNetwork, (self._path, self.characters))

    def __call__(self, glyphs: Glyphs) -> Probabilities:
        """Probabilities (N, characters) of glyphs uint8 (N, 32, 32)."""
        with _running:
            self._net.setInput(np.ascontiguousarray(glyphs[..., None], np.float32))
            found = self._net.forward()
        _check_finite(found)
        return np.asarray(found, np.float32).reshape(len(glyphs), -1)


class KerasNetwork:
    """Any Keras model that takes pictures of 32 x 32, or of whatever size its input has.

    Threads may share one. A child that is forked may not: TensorFlow and JAX would wait in it for ever.
    """

    def __init__(self, model: Any, characters: Sequence[str] | str) -> None:
        if not callable(getattr(model, "predict_on_batch", None)):
            raise ModelError(
                f"Reader: expected a keras.Model, got {describe(model)}; for the shipped networks use reader.load"
            )
        self.characters = "".join(characters)
        self._model = model
        self._process = os.getpid()
        shape = getattr(model, "input_shape", None)
        if not isinstance(shape, tuple) or len(shape) != 4:
            raise ModelError(
                f"Reader: expected a built model with one input of pictures (N, H, W, C), got input shape {shape}; "
                "call or build the model once before"
            )
        self._size = (shape[1] or SIZE, shape[2] or SIZE)
        self._channels = shape[3]
        classes = getattr(model, "output_shape", (None, None))
        if not isinstance(classes, tuple) or len(classes) != 2 or classes[1] != len(self.characters):
            raise ModelError(
                f"Reader: expected a model with one output for each of the {len(self.characters)} characters "
                f"{self.characters!r}, got output shape {classes}; pass the characters in the order of its classes"
            )

    def __reduce__(self) -> tuple[object, ...]:
        return (KerasNetwork, (self._model, self.characters))

    def __call__(self, glyphs: Glyphs) -> Probabilities:
        """Probabilities (N, characters) of glyphs uint8 (N, 32, 32)."""
        if self._process != os.getpid():
            raise ModelError(
                "Reader: expected a Keras model in the process that made it, got one that was forked, in which it "
                "would never answer; use multiprocessing.get_context('spawn'), or a shipped network"
            )
        if self._size != (SIZE, SIZE):
            glyphs = np.stack(
                [cv2.resize(picture, self._size[::-1], interpolation=cv2.INTER_AREA) for picture in glyphs]
            )
        count = len(glyphs)
        # few batch sizes, so that a compiled model is not compiled again for every page
        padded = np.zeros((1 << max(5, (count - 1).bit_length()), *glyphs.shape[1:], self._channels), np.float32)
        padded[:count] = glyphs[..., None]
        with _running:
            found = np.asarray(self._model.predict_on_batch(padded), np.float32)[:count]
        _check_finite(found)
        if (found < -1e-3).any() or not np.allclose(found.sum(axis=1), 1, atol=1e-2):
            found = np.exp(found - found.max(axis=1, keepdims=True))
            found /= found.sum(axis=1, keepdims=True)
        return found


def _check_finite(found: Any) -> None:
    if not np.isfinite(found).all():
        raise ModelError("Reader: expected probabilities, got NaN or infinity from the model; check its weights")
