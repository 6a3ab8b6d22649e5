"""All that a run is at one moment, in one file: variables, random states, metrics, callbacks, and its place."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import FileError
from visionkit._files import replacing

Arrays = list[NDArray[Any]]
Json = Any

GROUPS = ("model", "optimizer", "metrics", "random", "extra")


class Snapshot(NamedTuple):
    """A run after some batches of an epoch.

    Attributes:
        epoch, batch: where it goes on; batch 0 is the epoch's first.
        history: name of a figure -> its value after each whole epoch.
        model, optimizer, metrics: the values of their variables, random states among the model's.
        random: the backend's own random state, where it has one.
        callbacks: name -> what its attributes became since the run began; see ``packed``.
        extra: the arrays that ``callbacks`` speaks of.
        best: the best epoch so far and its value, or None.
        stopped: whether the run ended before its last epoch, as early stopping does.
    """

    epoch: int
    batch: int
    history: dict[str, list[float]]
    model: Arrays
    optimizer: Arrays
    metrics: Arrays
    random: Arrays
    callbacks: Json
    extra: Arrays
    best: list[float] | None
    stopped: bool

    def save(self, path: Path) -> None:
        """Write it so that a crash leaves the snapshot before it, or this one.

        Raises:
            OSError: it cannot be written; the snapshot before it is untouched.
        """
        entries = {f"{group}.{number}": array for group in GROUPS for number, array in enumerate(getattr(self, group))}
        rest = {name: getattr(self, name) for name in ("epoch", "batch", "history", "callbacks", "best", "stopped")}
        entries["rest"] = np.frombuffer(json.dumps(rest).encode(), np.uint8)
        with replacing(path) as file:
            np.savez(file, allow_pickle=False, **entries)

    @classmethod
    def load(cls, path: Path) -> "Snapshot":
        """Read one.

        Raises:
            FileError: the file is damaged, or is no snapshot.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                entries = {name: archive[name] for name in archive.files}
            rest: dict[str, Any] = json.loads(entries.pop("rest").tobytes())
            groups: dict[str, Any] = {
                group: [entries[f"{group}.{number}"] for number in range(_count(entries, group))] for group in GROUPS
            }
            entries.pop("allow_pickle", None)  # an option of savez, which NumPy before 2.1 takes for an array
            known = sum(map(len, groups.values())) == len(entries)
            if not known or not all(isinstance(entry, np.ndarray) for entry in entries.values()):
                raise ValueError("a name in it is damaged")
            return cls(**groups, **rest)
        except FileNotFoundError:
            raise FileError(f"fit: there is no snapshot of a run at '{path}'") from None
        except Exception as error:  # of zipfile, of zlib, of NumPy, of json: damaged bytes bring out any of a dozen
            raise FileError(
                f"fit: '{path}' is damaged or no snapshot of a run ({error}); delete it to start the run anew"
            ) from error


def _count(entries: dict[str, Any], group: str) -> int:
    return sum(name.startswith(f"{group}.") for name in entries)


class Opaque(Exception):
    """A value that cannot be written as numbers, text, arrays, and lists and tables of them."""


def packed(value: object, arrays: Arrays) -> Json:
    """A value as JSON; the arrays in it are added to ``arrays`` and spoken of by their place there.

    Raises:
        Opaque: it is of no such kind.

    >>> kept = []
    >>> packed({"best": np.array([0.5]), "wait": 3}, kept), unpacked({"array": 0}, kept)
    ({'table': {'best': {'array': 0}, 'wait': 3}}, array([0.5]))
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1}
    if isinstance(value, list | tuple):
        return {"list": [packed(item, arrays) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"table": {key: packed(item, arrays) for key, item in value.items()}}
    raise Opaque


def unpacked(value: Json, arrays: Arrays) -> Any:
    """What ``packed`` was given."""
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "array":
        array = arrays[content]
        return array if array.ndim else array[()]
    if kind == "list":
        return [unpacked(item, arrays) for item in content]
    return {key: unpacked(item, arrays) for key, item in content.items()}
