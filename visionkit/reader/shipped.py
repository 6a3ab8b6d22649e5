"""The networks in the wheel, and readers from files."""

import json
import string
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from visionkit._errors import FileError, ModelError, one_of
from visionkit.preprocess._quiet import quiet
from visionkit.reader.network import OpenCVNetwork

if TYPE_CHECKING:
    import keras

    from visionkit.reader.reader import Reader

WEIGHTS = Path(__file__).parent / "weights"
CHARACTERS = {"alphanumeric": string.digits + string.ascii_uppercase, "digits": string.digits}
PATIENCE = 8  # seconds that an .onnx file of somebody may take to be loaded and run
# what is done with such a file: OpenCV's reader of ONNX ends the interpreter on some damaged ones, or goes on for ever
TRIAL = """
import json, sys
path, sys.path[:] = json.loads(sys.argv[1])
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
except (ImportError, OSError, ValueError):
    pass  # no such limits here, or lower ones
import cv2, numpy
cv2.setNumThreads(1)
net = cv2.dnn.readNetFromONNX(path)
for count in (1, 3):
    net.setInput(numpy.zeros((count, 32, 32, 1), numpy.float32))
    found = net.forward()
    assert found.dtype == numpy.float32 and found.shape[0] == count and numpy.isfinite(found).all()
"""
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
        network = opencv_network(path)
        network.characters = characters_for(network.classes, path)
        return Reader.of(network)
    model = keras_model(path)
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(shape[1], int):
        raise ModelError(f"reader.load: expected one output (N, classes) of '{path}', got {shape}")
    return Reader(model, characters_for(shape[1], path))


def characters_for(classes: int, path: Path) -> str:
    """The characters of a network with so many classes."""
    if classes not in BY_COUNT:
        raise ModelError(
            f"reader.load: expected '{path}' to have 10 classes (digits), 26 (letters) or 36 (both), got {classes}; "
            "load it with Keras and name its characters: Reader(model, characters)"
        )
    return BY_COUNT[classes]


def opencv_network(path: Path) -> OpenCVNetwork:
    """A network from an `.onnx` file; one that OpenCV crashes on has done so before, in a process of its own."""
    refusal = f"reader.load: '{path}' is no ONNX network for glyphs (N, 32, 32, 1) that OpenCV can run"
    try:
        given = json.dumps([str(path), sys.path])
        tried = subprocess.run(
            [sys.executable, "-c", TRIAL, given],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FileError(f"{refusal}: it took more than {PATIENCE} seconds") from None
    except OSError as error:
        raise FileError(f"reader.load: cannot try '{path}' in a process of its own: {error}") from error
    if tried.returncode:
        raise FileError(f"{refusal}; it is damaged, or for another task")
    with quiet():
        return OpenCVNetwork(path)


def keras_model(path: Path) -> "keras.Model":
    """A model from a `.keras` or `.h5` file, of which nothing runs that the file says."""
    from visionkit import _saved  # brings HDF5

    return _saved.load("reader.load", path)
