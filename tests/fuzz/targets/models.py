"""Models and weights: archives as they lie on the disk, and archives made anew around a damaged member."""

import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from tests.fuzz.harness import Target

_held: list[Any] = []  # the model that weights are loaded into, made once in a process


class Weights(NamedTuple):
    """What was loaded."""

    arrays: tuple[Any, ...]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays)


def _model() -> Any:
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            keras.layers.Rescaling(1 / 255, name="scale"),
            keras.layers.Conv2D(3, 5, strides=4, activation="relu", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(10, activation="softmax", name="dense"),
        ],
        name="net",
    )


def _archive(folder: Path) -> Sequence[Path]:
    _model().save(folder / "net.keras")
    return [folder / "net.keras"]


def _members(folder: Path) -> Sequence[Path]:
    archive = _archive(folder)[0]
    found = []
    for name in ("config.json", "model.weights.h5"):
        inside = folder / name.partition(".")[0]
        with zipfile.ZipFile(archive) as whole:
            whole.extractall(inside)
        found.append(inside / name)
    return found


def _old(folder: Path) -> Sequence[Path]:
    _model().save(folder / "net.h5")
    return [folder / "net.h5"]


def _weights(folder: Path) -> Sequence[Path]:
    _model().save_weights(folder / "net.weights.h5")
    return [folder / "net.weights.h5"]


def _onnx(folder: Path) -> Sequence[Path]:
    from visionkit.reader.shipped import WEIGHTS

    (folder / "digits.onnx").write_bytes((WEIGHTS / "digits.onnx").read_bytes())
    return [folder / "digits.onnx"]


def _loaded(path: Path) -> Weights:
    from visionkit.models import load

    return Weights(tuple(load(path).get_weights()))


def _rebuilt(path: Path) -> Weights:
    """An archive with the right checksums, around a member that is damaged."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for member in path.parent.iterdir():
            archive.write(member, member.name)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "net.keras")
        whole.write_bytes(data.getbuffer())
        return _loaded(whole)


def _filled(path: Path) -> Weights:
    from visionkit._errors import VisionkitError
    from visionkit.models import load_weights

    if not _held:
        _held.append(_model())
    before = _held[0].get_weights()
    try:
        load_weights(_held[0], path)
    except VisionkitError:
        for old, new in zip(before, _held[0].get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        raise
    found = Weights(tuple(_held[0].get_weights()))
    _held[0].set_weights(before)
    return found


def _read(path: Path) -> Weights:
    from visionkit.reader import load

    page = np.full((120, 400, 3), 230, np.uint8)
    cv2.putText(page, "2 5 7", (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, (20, 20, 20), 6)
    return Weights((np.float32([one.confidence for one in load(path).read(page, blur=None).characters]),))


def _fits(found: Weights, sound: Weights) -> bool:
    """A flipped bit in a number cannot be seen; shapes, and that all are finite, can."""
    shapes = [array.shape for array in found.arrays] == [array.shape for array in sound.arrays]
    return shapes and all(np.isfinite(array).all() for array in found.arrays)


def _same(found: Weights, sound: Weights) -> bool:
    """An archive has checksums."""
    return all(np.array_equal(one, other) for one, other in zip(found.arrays, sound.arrays, strict=True))


def _finite(found: Weights, _sound: Weights) -> bool:
    return bool(np.isfinite(found.arrays[0]).all())


TARGETS = (
    Target("keras", _archive, _loaded, _same, slow=True),
    Target("keras-member", _members, _rebuilt, lambda found, _: all(np.isfinite(one).all() for one in found.arrays)),
    Target("h5", _old, _loaded, _fits, slow=True),
    Target("weights", _weights, _filled, _fits),
    Target("onnx", _onnx, _read, _finite, slow=True),
)
