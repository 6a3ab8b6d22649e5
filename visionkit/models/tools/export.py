"""Write a model in the format of another runtime."""

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import keras

from visionkit._errors import ArgumentError, FileError, ModelError, VisionkitError, one_of
from visionkit._extras import require
from visionkit._files import real, write_bytes, writing
from visionkit._folders import folder_beside, move_in
from visionkit._hdf5 import model_file
from visionkit.models.tools.source import Source, model_of

Format = Literal["keras", "saved_model", "litert", "onnx", "openvino"]

# format -> the suffix of its file; a SavedModel is a folder
SUFFIXES: dict[str, str] = {
    "keras": ".keras",
    "saved_model": "",
    "litert": ".tflite",
    "onnx": ".onnx",
    "openvino": ".xml",
}
_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
_EXTRAS = {"onnx": "tf2onnx", "openvino": "openvino"}  # the packages that are no dependencies of this one


def export(model: Source, path: str | os.PathLike[str], *, format: Format | None = None) -> Path:
    """Write a model with its weights, for inference, so that a failure leaves either the old file or the new one.

    ===========  ===================  ==========================  ==============
    format       path                 runs in                     needs
    ===========  ===================  ==========================  ==============
    keras        ``.keras``           Keras, with visionkit
    saved_model  a folder, no suffix  TensorFlow, TF Serving
    litert       ``.tflite``          LiteRT (TensorFlow Lite)
    onnx         ``.onnx``            ONNX Runtime, OpenCV's dnn  extra onnx
    openvino     ``.xml``, ``.bin``   OpenVINO                    extra openvino
    ===========  ===================  ==========================  ==============

    All but "keras" hold the model's computation alone: they need neither Keras nor visionkit, and cannot be trained
    on; they take a batch of any size. "keras" also keeps what the model was compiled with. A LiteRT file has LiteRT's
    own operations only, so that each of its interpreters runs it.

    Args:
        model: any built Keras model, a name of ``list_models()``, or the path of a ``.keras`` file.
        path: where to; an earlier export of the same format is replaced.
        format: one of the above; None for that of the path's suffix.

    Returns:
        The path.

    Raises:
        ArgumentError: no such format, or a path of another suffix.
        MissingExtraError: an optional package is not installed.
        ModelError: the model is not built, or cannot be expressed in this format on this Keras backend; the formats
            are made for the TensorFlow backend.
        FileError: the folder is missing or cannot be written to, or something else is in the place.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export("lenet5", f"{folder}/digits.keras").name
    'digits.keras'
    """
    with writing("export", path):
        target = real(path)  # through a link, to the file itself
    kind = _format_of(target, format)
    if kind in _EXTRAS and keras.backend.backend() == "tensorflow":
        require(_EXTRAS[kind], extra=kind, what=f"export to {kind}")
    with writing("export", path):
        _check_place(target, kind)
        model = model_of("export", model)
        if not model.built:
            raise ModelError(f"export: expected a built model, got {model.name}; call it on an input first")
        with folder_beside(target) as folder:
            for name in ("new", "old"):
                (folder / name).mkdir()
            _write(model, folder / "new" / target.name, kind, folder)
            move_in(folder / "new", target, folder / "old")
    return Path(path)


def _format_of(target: Path, format: str | None) -> str:
    if format is None:
        kinds = [kind for kind, suffix in SUFFIXES.items() if suffix == target.suffix.lower()]
        if not kinds:
            raise ArgumentError(
                f"export: expected a path that ends in one of {', '.join(filter(None, SUFFIXES.values()))}, or has no "
                f"suffix for a SavedModel, got {target.name!r}; or give format="
            )
        return kinds[0]
    if format not in SUFFIXES:
        raise one_of("export", "format", format, SUFFIXES)
    if SUFFIXES[format] and target.suffix.lower() != SUFFIXES[format]:
        raise ArgumentError(f"export: expected a path that ends in {SUFFIXES[format]} for {format}, got {target.name}")
    return format


def _check_place(target: Path, kind: str) -> None:
    if not target.parent.is_dir():
        raise FileError(f"export: the folder '{target.parent}' does not exist; make it first")
    if kind != "saved_model":
        if target.is_dir():
            raise FileError(f"export: expected the path of a file, got the folder '{target}'")
        return
    replaceable = target.is_dir() and ((target / "saved_model.pb").is_file() or not any(target.iterdir()))
    if target.exists() and not replaceable:  # what is in the way is deleted, which must not be a folder of photos
        raise FileError(f"export: expected an empty place or an earlier SavedModel, got '{target}'; name another")


def _write(model: keras.Model, path: Path, kind: str, folder: Path) -> None:
    try:
        with _quiet():
            if kind == "keras":
                write_bytes(path, model_file(model))
            elif keras.backend.backend() != "tensorflow":
                name = "tf_saved_model" if kind == "saved_model" else kind
                model.export(str(path), format=name, verbose=False)
            elif kind == "onnx":
                model.export(str(path), format="onnx", verbose=False, input_signature=_signature(model))
            else:
                # LiteRT and OpenVINO are made from the SavedModel: Keras does so too, but the oldest here cannot yet
                saved = path if kind == "saved_model" else folder / "saved_model"
                model.export(str(saved), format="tf_saved_model", verbose=False, input_signature=_signature(model))
                if kind == "litert":
                    import tensorflow as tf

                    write_bytes(path, tf.lite.TFLiteConverter.from_saved_model(str(saved)).convert())
                elif kind == "openvino":
                    openvino = require("openvino", extra="openvino", what="export to openvino")
                    openvino.save_model(openvino.convert_model(str(saved)), path, compress_to_fp16=False)
    except (VisionkitError, OSError):
        raise
    except Exception as error:  # converters let out errors of any kind
        for code in _FAULTS:  # what the system said to their C++ code
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code)) from error
        if "iostream error" in str(error):  # OpenVINO does not say more
            raise OSError(errno.EIO, "a write failed, as on a full disk") from error
        backend = keras.backend.backend()
        hint = "" if backend == "tensorflow" else f" (on {backend}; KERAS_BACKEND=tensorflow can do more)"
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelError(f"export: {model.name} cannot be written as {kind}{hint}: {reason}") from error


def _signature(model: keras.Model) -> Any:
    """The inputs, from what the model is, so that it need not have been called; None where only a call tells them."""
    try:
        given = model.input
    except (AttributeError, ValueError):
        return None

    def spec(one: Any) -> keras.InputSpec:
        return keras.InputSpec(shape=(None, *one.shape[1:]), dtype=one.dtype, name=one.name)

    return [keras.tree.map_structure(spec, given)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Keras and the converters print, and their warnings about NumPy and each other."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
