"""The networks in the wheel, and readers from files."""

import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionkit._errors import FileError, ModelError, one_of
from visionkit.reader.network import OpenCVNetwork

if TYPE_CHECKING:
    from visionkit.reader.reader import Reader

WEIGHTS = Path(__file__).parent / "weights"
CHARACTERS = {"alphanumeric": string.digits + string.ascii_uppercase, "digits": string.digits}
BY_COUNT = {len(known): known for known in (*CHARACTERS.values(), string.ascii_uppercase)}


def load(name: str | Path = "alphanumeric") -> "Reader":
    """Make a reader from a shipped network, or from the file of one of your own.

    Args:
        name: "alphanumeric" (0-9 and A-Z) or "digits", which run in OpenCV without Keras; or the path of a `.keras`,
            `.h5` or `.onnx` file whose 10, 26 or 36 classes are the digits, the letters, or both in that order.
            For other characters use `Reader(model, characters)`.

    Raises:
        ArgumentError: no such shipped network and no such file.
        FileError: a file that cannot be read.
        ModelError: a network whose input or output does not fit.

    >>> load("digits").characters
    '0123456789'
    """
    from visionkit.reader.reader import Reader

    if name in CHARACTERS:
        return Reader.of(OpenCVNetwork(WEIGHTS / f"{name}.onnx", CHARACTERS[str(name)]))
    path = Path(name)
    if not path.suffix:
        raise one_of("reader.load", "name", str(name), [*CHARACTERS, "a path to a .keras, .h5 or .onnx file"])
    if not path.is_file():
        raise FileError(f"reader.load: expected a network in '{path}', got no such file")
    if path.suffix == ".onnx":
        network = OpenCVNetwork(path)
        network.characters = characters_for(network.classes, path)
        return Reader.of(network)
    model = keras_model(path)
    return Reader(model, characters_for(model.output_shape[-1], path))


def characters_for(classes: int, path: Path) -> str:
    """The characters of a network with so many classes."""
    if classes not in BY_COUNT:
        raise ModelError(
            f"reader.load: expected '{path}' to have 10 classes (digits), 26 (letters) or 36 (both), got {classes}; "
            "load it with Keras and name its characters: Reader(model, characters)"
        )
    return BY_COUNT[classes]


def keras_model(path: Path) -> Any:
    """A model from a `.keras` or `.h5` file; Keras' safe mode stays on."""
    import keras

    import visionkit.models  # registers the blocks  # noqa: F401

    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        raise FileError(f"reader.load: '{path}' is no Keras model that can be loaded: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return (str(error).splitlines() or [type(error).__name__])[0]
