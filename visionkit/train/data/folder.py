"""Which pictures a folder holds, and which class each is of."""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, FileError, describe
from visionkit.train.data.broken import listed
from visionkit.train.data.labels import check_classes

KINDS = "bmp dib gif jfif jp2 jpe jpeg jpg pbm pgm png pnm ppm tif tiff webp"
SUFFIXES = frozenset(f".{kind}" for kind in KINDS.split())

Labels = Literal["folder"] | str | os.PathLike[str] | Callable[[Path], str] | None


class Found(NamedTuple):
    """Pictures, sorted by name, and their classes.

    Attributes:
        files: paths below the folder, with "/" between their parts.
        labels: int32 (n,), or None.
        classes: the names of the classes, or None.
    """

    files: list[str]
    labels: NDArray[np.int32] | None
    classes: tuple[str, ...] | None


def find(where: str, folder: Path, labels: Labels, classes: Sequence[str] | None) -> Found:
    """Find the pictures of a folder.

    Args:
        where: who asks, for messages.
        folder: where they are; names that begin with "." are passed over, and files that no picture's suffix ends.
        labels: "folder" where each class has a folder; the path of a CSV of files and classes; a function from the path
            of a picture to the name of its class; None for no labels.
        classes: the names of the classes in their order, of which some may have no picture; sorted if None.

    Raises:
        FileError: the folder or the CSV is not there.
        ArgumentError: no pictures, a class without pictures, an unknown class, or two classes with one name.
    """
    if not folder.is_dir():
        raise FileError(f"{where}: there is no folder {str(folder)!r}")
    if labels is None:
        if classes is not None:
            raise ArgumentError(f"{where}: expected no classes where labels is None, got {describe(classes)}")
        return Found(_pictures(where, folder), None, None)
    if callable(labels):
        files = _pictures(where, folder)
        names = [_named(where, file, labels(folder / file)) for file in files]
    elif labels == "folder":
        files = _pictures(where, folder)
        names = _folders_of(where, folder, files, all_known=classes is not None)
    else:
        files, names = _read_csv(where, folder, Path(labels))
    known = check_classes(where, sorted({*names}) if classes is None else classes)
    places = {name: place for place, name in enumerate(known)}
    for file, name in zip(files, names, strict=True):
        if name not in places:
            raise ArgumentError(
                f"{where}: expected one of the classes {', '.join(map(repr, known[:10]))}"
                f"{' ...' if known[10:] else ''}, got {name!r} for {file!r}"
            )
    return Found(files, np.array([places[name] for name in names], np.int32), known)


def pictures_in(folder: Path) -> Iterator[str]:
    """The pictures in a folder and the folders in it, sorted: paths below it, with "/" between their parts."""
    visited: set[str] = set()

    def walk(path: str, below: str) -> Iterator[str]:
        real = os.path.realpath(path)
        if real in visited:  # a link to a folder around it
            return
        visited.add(real)
        with os.scandir(path) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
        for entry in inside:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from walk(entry.path, f"{below}{entry.name}/")
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                yield below + entry.name

    return walk(str(folder), "")


def _pictures(where: str, folder: Path) -> list[str]:
    files = list(pictures_in(folder))
    if not files:
        raise ArgumentError(f"{where}: expected pictures (.jpg, .png, ...) in {str(folder)!r}, got none")
    return files


def _named(where: str, file: str, name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"{where}: expected labels to name the class of {file!r}, got {describe(name)}")
    return name


def _folders_of(where: str, folder: Path, files: list[str], *, all_known: bool) -> list[str]:
    """The folder that each picture is in; none is empty, unless all classes are known anyway."""
    stray = [file for file in files if "/" not in file]
    if stray:
        raise ArgumentError(
            f"{where}: expected a folder for each class in {str(folder)!r}, got {listed(map(repr, stray))} beside "
            "them; move them, or give labels=None, a CSV or a function"
        )
    names = [file.partition("/")[0] for file in files]
    inside = {entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    empty = sorted(inside.difference(names))
    if empty and not all_known:
        raise ArgumentError(
            f"{where}: expected pictures in the folder of every class, got none in {listed(map(repr, empty))}; "
            "remove it, or name all classes with classes="
        )
    return names


def _read_csv(where: str, folder: Path, path: Path) -> tuple[list[str], list[str]]:
    """The files and classes of a CSV, in its order."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as opened:
            rows = [(number, row) for number, row in enumerate(csv.reader(opened), start=1) if row]
    except OSError as error:
        raise FileError(
            f"{where}: cannot read the labels {str(path)!r}: {error.strerror or error}; "
            "labels is 'folder', None, a function, or the path of a CSV"
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ArgumentError(f"{where}: expected {str(path)!r} to be a CSV in UTF-8: {error}") from None
    if rows and os.path.splitext(rows[0][1][0])[1].lower() not in SUFFIXES:  # names of columns
        rows = rows[1:]
    if not rows:
        raise ArgumentError(f"{where}: expected files and classes in {str(path)!r}, got none")
    seen: dict[str, int] = {}
    for number, row in rows:
        here = f"in line {number} of {str(path)!r}"
        if len(row) != 2 or not row[1]:
            raise ArgumentError(f"{where}: expected a file and its class {here}, got {row!r}")
        if row[0] in seen:
            raise ArgumentError(f"{where}: expected each file once, got {row[0]!r} {here} and in line {seen[row[0]]}")
        if os.path.isabs(row[0]) or ".." in row[0].replace("\\", "/").split("/"):
            raise ArgumentError(f"{where}: expected a file below {str(folder)!r}, got {row[0]!r} {here}")
        if not (folder / row[0]).is_file():
            raise FileError(f"{where}: there is no file {row[0]!r} in {str(folder)!r}, named {here}")
        seen[row[0]] = number
    return [row[0] for _, row in rows], [row[1] for _, row in rows]
