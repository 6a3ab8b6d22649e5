"""What was written, in a JSON file beside it: how a run that was cut off goes on, and readers know the classes."""

import json
import os
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Self

from visionkit._files import write_text

_KIND = "visionkit.tfrecords"


@dataclass(frozen=True)
class Manifest:
    """What a run of ``write_tfrecords`` writes; known, and put beside the shards, before the first of them.

    Attributes:
        content: a hash of the source and of the arguments.
        classes: their names, if there are any.
        shards: the names of the files, and how many records each holds.
        skipped: the pictures that are left out, and why.
    """

    content: str
    classes: tuple[str, ...] | None
    shards: dict[str, int]
    skipped: tuple[tuple[str, str], ...]

    def write(self, path: str) -> None:
        """Put it in its place."""
        note = {"kind": _KIND, **asdict(self), "checksum": self._checksum()}
        write_text(path, json.dumps(note, indent=1, ensure_ascii=False) + "\n")

    def _checksum(self) -> int:
        return zlib.crc32(json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, path: str) -> Self | None:
        """The manifest in a file; None where there is none, something else, or a damaged one."""
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            with open(path, encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
            if found["kind"] == _KIND and {*found} - {"checksum"} == {"kind", *cls.__dataclass_fields__}:
                classes, skipped = found["classes"], found["skipped"]
                manifest = cls(
                    content=str(found["content"]),
                    classes=None if classes is None else tuple(map(str, classes)),
                    shards={str(name): int(count) for name, count in found["shards"].items()},
                    skipped=tuple((str(name), str(reason)) for name, reason in skipped),
                )
                # those of before had no checksum; no name leads out of the folder
                if found.get("checksum") in (None, manifest._checksum()) and all(map(_is_name, manifest.shards)):
                    return manifest
        return None


def _is_name(name: str) -> bool:
    return not {*name} & {*"/\\\0"} and name not in ("", ".", "..")


def classes_of(paths: list[str]) -> tuple[str, ...] | None:
    """The names of the classes that manifests beside these files tell; None where any file has none, or others."""
    told: dict[str, tuple[str, ...] | None] = {}
    for folder in {os.path.dirname(path) for path in paths}:
        with suppress(OSError):  # a bucket is not looked through
            for name in sorted(os.listdir(folder or ".")):
                manifest = Manifest.read(os.path.join(folder, name)) if name.endswith(".json") else None
                if manifest is not None:
                    told |= {os.path.join(folder, shard): manifest.classes for shard in manifest.shards}
    found = {told.get(path) for path in paths}
    return found.pop() if len(found) == 1 else None
