"""Features on disk, larger than memory: written block by block, whole or to be gone on with, and known by their key."""

import hashlib
import json
import math
import os
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from tokenize import TokenError
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._files import make_folder, write_bytes, write_text, writing

CHUNK = 1 << 24  # bytes read at a time


def key_of(base: keras.Model, data: dict[str, Any]) -> str:
    """What features follow from, in short: the structure and the weights of a model, and the fingerprint of data.

    Left out is what does not change them: names, whether layers train, and the order and size of batches.
    """
    digest = hashlib.sha256()
    data = {name: value for name, value in data.items() if name not in ("batch_size", "shuffle", "seed", "classes")}
    digest.update(json.dumps([_structure(base), data], sort_keys=True, default=str).encode())
    for weight in base.weights:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{values.shape} {weight.dtype}".encode())
        digest.update(values.view(np.uint8).reshape(-1).data)
    return digest.hexdigest()[:20]


def _structure(base: keras.Model) -> Any:
    """The config of a model, with the names of its layers replaced by their numbers."""
    layers = dict.fromkeys(layer.name for layer in base._flatten_layers())
    numbers = {name: f"layer {number}" for number, name in enumerate(layers)}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(one) for name, one in value.items() if name not in ("compile_config", "trainable")}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    try:
        return plain(keras.saving.serialize_keras_object(base))
    except (NotImplementedError, TypeError, ValueError):  # a model of one's own that cannot be saved
        return [type(layer).__name__ for layer in base._flatten_layers()]


class Cache:
    """The features of a model and data in a folder.

    ``KEY.npy`` once they are whole, with a checksum in ``KEY.json``; before that ``KEY.part`` with the rows so far, and
    in ``KEY.done`` a bit for each that is on the disk.
    """

    def __init__(self, folder: str | os.PathLike[str], key: str, samples: int) -> None:
        self.folder = Path(folder)
        self.samples = samples
        self.whole, self.note, self.part, self.marks = (
            self.folder / f"{key}.{end}" for end in ("npy", "json", "part", "done")
        )
        self.done = np.zeros(samples, bool)
        with self._writing():
            make_folder(self.folder)

    def load(self) -> NDArray[np.float32] | None:
        """The features, read from the disk when they are used; None where they are not there, or damaged."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            if note["crc32"] == _checksum(self.whole):
                features: NDArray[np.float32] = _mapped(self.whole)
                return features if len(features) == self.samples else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return None

    def resume(self) -> None:
        """Take up the rows that are there already, if they are sound: ``done`` says which."""
        try:
            marks = np.frombuffer(self.marks.read_bytes(), np.uint8)
            done = np.unpackbits(marks, count=self.samples).astype(bool)
            rows = _mapped(self.part)
            if len(rows) == self.samples and rows.dtype == np.float32 and len(marks) == -(-self.samples // 8):
                self.done = done
        except (OSError, ValueError):
            pass

    def write(self, numbers: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        """Put a block of rows in their places, and then say that they are there."""
        with self._writing():
            if not self.done.any():
                self._begin(rows.shape[1:])
            with self.part.open("r+b") as file:
                begin = _begin_of_rows(self.part)
                for number, row in zip(numbers, rows, strict=True):
                    file.seek(begin + int(number) * row.nbytes)
                    file.write(row.tobytes())
                file.flush()
                os.fsync(file.fileno())
            self.done[numbers] = True
            write_bytes(self.marks, np.packbits(self.done).tobytes())

    def finish(self) -> None:
        """Move the rows, which are all there, to their place."""
        with self._writing():
            write_text(self.note, json.dumps({"crc32": _checksum(self.part)}))
            os.replace(self.part, self.whole)
            self.marks.unlink(missing_ok=True)

    def _begin(self, shape: tuple[int, ...]) -> None:
        """An empty file for rows of this shape, of which nothing says any more that they are there."""
        self.marks.unlink(missing_ok=True)
        with self.part.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (self.samples, *shape)}
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + 4 * self.samples * math.prod(shape))

    def _writing(self) -> AbstractContextManager[None]:
        then = "the features so far are kept, and the same call goes on"
        return writing("extract_features", self.folder, what="write to", then=then)


def _begin_of_rows(path: Path) -> int:
    return int(_mapped(path).offset)


def _mapped(path: Path) -> Any:
    """An array that is read from the disk when it is used.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        rows = np.load(path, mmap_mode="r")
    except (EOFError, MemoryError, SyntaxError, TokenError) as error:  # NumPy reads the head of a file as Python
        raise ValueError(str(error)) from None
    if path.stat().st_size != rows.offset + rows.nbytes:
        raise ValueError("the head does not fit the length")
    return rows


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
