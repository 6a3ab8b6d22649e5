"""Pictures that were decoded once: kept in memory, or in files."""

import hashlib
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from visionkit._files import make_folder, replacing, writing
from visionkit.preprocess.image import Image


class Cache(ABC):
    """Pictures by key.

    Attributes:
        bytes: how much memory it holds.
    """

    bytes = 0

    @abstractmethod
    def get(self, key: str, make: Callable[[], Image]) -> Image:
        """The picture of this key; it is made if it is not there."""


class NoCache(Cache):
    """Every picture is made anew."""

    def get(self, key: str, make: Callable[[], Image]) -> Image:
        """Make it."""
        return make()


class MemoryCache(Cache):
    """Pictures in memory, as long as the data lives; it grows until every picture is in it."""

    def __init__(self) -> None:
        self._pictures: dict[str, Image] = {}

    def get(self, key: str, make: Callable[[], Image]) -> Image:
        """The picture of this key; it is made if it is not there."""
        picture = self._pictures.get(key)
        if picture is None:
            picture = self._pictures.setdefault(key, make())
        return picture

    @property
    def bytes(self) -> int:  # type: ignore[override]
        """How much memory it holds."""
        return sum(picture.nbytes for picture in list(self._pictures.values()))


class DiskCache(Cache):
    """A folder of decoded pictures, which later runs and other processes find; a damaged file is made anew.

    A file holds height, width and channels (0 for grey) and a checksum, four 32-bit numbers, then the pixels.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        with writing("cache", folder, what="make the folder"):
            self._folder = make_folder(folder)
            for start in range(256):  # a folder of a million files is slow to work with
                (self._folder / f"{start:02x}").mkdir(exist_ok=True)

    def get(self, key: str, make: Callable[[], Image]) -> Image:
        """The picture of this key; it is made if it is not there, or damaged."""
        name = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        path = f"{self._folder}/{name[:2]}/{name[2:]}"
        with suppress(FileNotFoundError):
            picture = _unpacked(np.fromfile(path, np.uint8))
            if picture is not None:
                return picture
        picture = np.ascontiguousarray(make())
        with writing("cache", self._folder, what="write to", then="or train without a cache"):
            _write(path, picture)
        return picture


def _unpacked(data: Image) -> Image | None:
    if data.size < 16:
        return None
    height, width, channels, checksum = (int(number) for number in data[:16].view("<u4"))
    pixels = data[16:]
    if height * width * max(1, channels) != pixels.size or zlib.adler32(pixels.data) != checksum:
        return None
    return pixels.reshape((height, width, channels) if channels else (height, width))


def _write(path: str, picture: Image) -> None:
    """In one step, but without waiting for the disk: what a crash spoils, the checksum finds."""
    shape = [*picture.shape, 0][:3]
    with replacing(path, sync=False) as file:
        file.write(np.array([*shape, zlib.adler32(picture.data)], "<u4").tobytes())
        file.write(picture.data)
