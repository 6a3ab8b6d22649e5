"""What is written into records: pictures from a folder, from arrays, or from anything that gives them."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, FileError, ImageError, describe
from visionkit.preprocess._header import BrokenFile, Header, inspect
from visionkit.preprocess.image import check, read, resize
from visionkit.train.data.folder import Labels, find
from visionkit.train.data.labels import check_classes, check_labels

WHERE = "write_tfrecords"
UNNAMED: Any = range(1 << 31)  # labels without names
KEPT = ("JPEG", "PNG")


@dataclass(frozen=True)
class Source:
    """Pictures.

    Attributes:
        names: what they are called in messages.
        pictures: paths, the bytes of files, or arrays.
        labels: integers, or None.
        ids: bytes, or None.
        classes: the names of the classes, or None.
        content: a hash of all that.
    """

    names: Sequence[str]
    pictures: Sequence[Any]
    labels: NDArray[np.int32] | None
    ids: list[bytes] | None
    classes: tuple[str, ...] | None
    content: str


def source_of(given: Any, *, labels: Labels, classes: Sequence[str] | None, ids: Iterable[str] | None) -> Source:
    """Any of the forms that ``write_tfrecords`` takes."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(given, str | os.PathLike):
        folder = Path(os.path.abspath(given))
        found = find(WHERE, folder, labels, classes)
        paths = [str(folder / file) for file in found.files]
        for file, path in zip(found.files, paths, strict=True):
            about = os.stat(path)
            digest.update(f"{file} {about.st_size} {about.st_mtime_ns}\n".encode(errors="surrogatepass"))
        names, numbers, known = paths, found.labels, found.classes
        pictures: Sequence[Any] = paths
        called = [Path(file).stem for file in found.files] if numbers is None else None
    else:
        if labels != "folder":
            raise ArgumentError(f"{WHERE}: expected no labels= where source is no folder; give (pictures, labels)")
        pictures, integers = _pictures_and_labels(given)
        numbers, known = _labels(integers, len(pictures), classes)
        names = [f"picture {place}" for place in range(len(pictures))]
        called = list(map(str, range(len(pictures)))) if numbers is None else None
        for picture in pictures:
            digest.update(describe(picture).encode())
            digest.update(picture if isinstance(picture, bytes) else np.ascontiguousarray(picture).tobytes())
    if ids is not None:
        called = list(ids)
    encoded = None if called is None else _ids(called, len(pictures))
    digest.update(repr((None if numbers is None else numbers.tolist(), known, encoded)).encode())
    return Source(names, pictures, numbers, encoded, known, digest.hexdigest())


def kept(header: Header, size: tuple[int, int] | None) -> bool:
    """Whether the bytes of a file become a record as they are."""
    upright = (header.height, header.width) if header.orientation < 5 else (header.width, header.height)
    return header.format in KEPT and size in (None, upright)


def inspected(source: Source, place: int, size: tuple[int, int] | None) -> None:
    """Look whether a picture can be written, without the work of writing it.

    Raises:
        ImageError: it is broken; the message ends a sentence.
        OSError: its file cannot be read.
    """
    picture = source.pictures[place]
    if isinstance(picture, np.ndarray):
        check(_plain(picture), WHERE)
        return
    data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
    try:
        header = inspect(data)
    except BrokenFile as error:
        raise ImageError(str(error) if data else "is empty") from None
    if not kept(header, size):
        read(data)


def encoded(source: Source, place: int, *, size: tuple[int, int] | None, quality: int | None) -> bytes:
    """The bytes of a picture: those of its file where it is JPEG or PNG of this size already."""
    picture = source.pictures[place]
    try:
        if isinstance(picture, np.ndarray):
            pixels = _plain(picture)
        else:
            data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
            if kept(inspect(data), size):
                return data
            pixels = read(data)
    except (OSError, BrokenFile, ImageError) as error:
        raise FileError(f"{WHERE}: cannot read {source.names[place]!r}, which was there before: {error}") from error
    if size is not None and pixels.shape[:2] != size:
        pixels = resize(pixels, height=size[0], width=size[1])
    if pixels.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
    suffix, parameters = (".png", []) if quality is None else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(cv2.imencode(suffix, pixels, parameters)[1])


def _plain(picture: NDArray[Any]) -> NDArray[Any]:
    return picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture


def _pictures_and_labels(given: Any) -> tuple[Sequence[Any], Any]:
    expected = (
        f"{WHERE}: expected source to be a folder, pictures, (pictures, labels), or pairs of a picture and its label; "
        "pictures are an array uint8 (N, H, W, C), or a list of arrays, of the bytes of files, or of paths"
    )
    labels: Any = None
    pictures = given
    if isinstance(given, tuple) and len(given) == 2:
        pictures, labels = given
    elif not isinstance(given, np.ndarray):
        if not isinstance(given, Iterable) or isinstance(given, bytes | dict):
            raise ArgumentError(f"{expected}, got {describe(given)}")
        pictures = list(given)
        if pictures and all(isinstance(one, tuple | list) and len(one) == 2 for one in pictures):
            pictures, labels = [one for one, _ in pictures], [label for _, label in pictures]
    if not isinstance(pictures, np.ndarray):
        pictures = [os.fspath(one) if isinstance(one, os.PathLike) else one for one in pictures]
    if len(pictures) == 0:
        raise ArgumentError(f"{expected}, got none")
    for one in [pictures[0]] if isinstance(pictures, np.ndarray) else pictures:
        if not isinstance(one, bytes | str | np.ndarray):
            raise ArgumentError(f"{expected}, got {describe(one)}")
        if isinstance(one, np.ndarray) and (one.dtype != np.uint8 or one.ndim not in (2, 3)):
            raise ArgumentError(f"{expected}, got {describe(pictures if isinstance(pictures, np.ndarray) else one)}")
    return pictures, labels


def _labels(
    labels: Any, count: int, classes: Sequence[str] | None
) -> tuple[NDArray[np.int32] | None, tuple[str, ...] | None]:
    known = None if classes is None else check_classes(WHERE, classes)
    if labels is None:
        if known is not None:
            raise ArgumentError(f"{WHERE}: expected no classes where there are no labels, got {describe(classes)}")
        return None, None
    numbers = np.asarray(labels)
    if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
        raise ArgumentError(f"{WHERE}: expected an integer label for each of {count} pictures, got {describe(numbers)}")
    check_labels(WHERE, numbers, known or UNNAMED, "picture {}".format)
    return numbers.astype(np.int32), known


def _ids(ids: Sequence[Any], count: int) -> list[bytes]:
    if len(ids) != count:
        raise ArgumentError(f"{WHERE}: expected an id for each of {count} pictures, got {len(ids)}")
    encoded: dict[bytes, None] = {}
    for name in ids:
        one = name if isinstance(name, bytes) else str(name).encode()
        if one in encoded:
            raise ArgumentError(f"{WHERE}: expected each id once, got {name!r} again; give others with ids=")
        encoded[one] = None
    return list(encoded)
