"""Batches from a folder of pictures."""

import hashlib
import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visionkit._checks import flag, positive, size
from visionkit._errors import ArgumentError, one_of
from visionkit.train.augment.layer import Augment
from visionkit.train.data.broken import Skipped, attempt, refusal
from visionkit.train.data.cache import Cache, DiskCache, MemoryCache, NoCache
from visionkit.train.data.dataset import Batch, Dataset
from visionkit.train.data.folder import Labels, find
from visionkit.train.data.images import images
from visionkit.train.data.layers import Augmentation, config_of, parted
from visionkit.train.data.picture import File, Framing, look


class DirectoryDataset(Dataset):
    """What ``from_directory`` gives.

    Attributes:
        files: the pictures, in the order of the source.
        skipped: the files that were left out, and why.
        cache: the decoded pictures; ``cache.bytes`` of memory are in use by it.
    """

    def __init__(
        self,
        files: list[File],
        *,
        skipped: list[Skipped],
        framing: Framing,
        cache: Cache,
        augment: Augment | None,
        scale: bool,
        **options: Any,
    ) -> None:
        super().__init__("from_directory", samples=len(files), **options)
        self.skipped = skipped
        self.cache = cache
        self._files, self._framing = files, framing
        self._augment, self._scale = augment, scale
        self._canvases = np.array([framing.canvas(file) for file in files])

    @property
    def files(self) -> list[str]:
        """The paths of the pictures, in the order of the source."""
        return [file.path for file in self._files]

    def _make(self, numbers: NDArray[np.int64], epoch: int) -> Batch:
        made = images(
            lambda place: decoded(self._files[numbers[place]], self._framing, self.cache),
            numbers,
            self._canvases[numbers],
            framing=self._framing,
            augment=self._augment,
            scale=self._scale,
            epoch=epoch,
            seed=self.seed,
        )
        return (made,) if self.labels is None else (made, self.labels[numbers])

    def name(self, number: int) -> str:
        """The path of a picture."""
        return self._files[number].path

    def _content(self) -> dict[str, Any]:
        digest = hashlib.blake2b(b"" if self.labels is None else self.labels.tobytes(), digest_size=8)
        root = os.path.commonpath([os.path.dirname(file.path) for file in self._files])
        for file in self._files:
            digest.update(f"{os.path.relpath(file.path, root)} {file.size}\n".encode(errors="surrogatepass"))
        return {
            "image_size": list(self._framing.size),
            "aspect": self._framing.aspect,
            "color": "gray" if self._framing.gray else "rgb",
            "scale": self._scale,
            "augment": None if self._augment is None else config_of(self._augment),
            "content": digest.hexdigest(),
        }


def from_directory(
    path: str | os.PathLike[str],
    *,
    image_size: int | tuple[int, int] | None,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 0,
    augment: Augmentation | None = None,
    scale: bool = False,
    cache: str | os.PathLike[str] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    labels: Labels = "folder",
    classes: Sequence[str] | None = None,
    color: Literal["rgb", "gray"] = "rgb",
    aspect: Literal["stretch", "crop", "pad"] = "stretch",
    drop_remainder: bool = False,
    max_pixels: int = 100_000_000,
) -> DirectoryDataset:
    """Batches from a folder of pictures, which are decoded in threads while the model trains.

    Every file is looked at first, without decoding it, so that a damaged one is named before training begins. JPEG
    files are decoded at a half, a quarter or an eighth of their size where that is no less than ``image_size``; resize
    and augmentation are one warp.

    Args:
        path: the folder. Its folders are looked into, too; names that begin with "." are passed over.
        image_size: height and width of the images, or one number for both; None for pictures that all have one size.
        batch_size: samples in a batch, over all replicas and workers.
        shuffle: give every epoch an order of its own.
        seed: what the orders and the augmentation are drawn from.
        augment: an ``Augment``, or the name of a preset of it, drawn anew for every picture in every epoch. Or layers
            of Keras that work on whole batches, as in ``from_arrays``.
        scale: divide the images, which are 0 to 255, by 255.
        cache: "memory" or a folder, to decode each picture once and keep it at the size that is needed: height x width
            x channels bytes of ``image_size``; with ``augment`` up to four times as much, more by its ``crop``. A
            folder serves later runs, too; its files follow a picture's name, size and time of change, and
            ``image_size``. The images are the same without.
        on_error: "raise", or "skip" to leave out broken files, with a warning, and list them in ``skipped``. To find
            all of them, "skip" decodes every picture once. With "raise", a file that is whole but cannot be decoded is
            an error when it is met.
        labels: "folder": a folder for each class; the path of a CSV of two columns, file (below ``path``) and class,
            with or without their names above; a function from the path of a picture to its class; or None.
        classes: the names of the classes in their order; sorted as text if None.
        color: "rgb" or "gray".
        aspect: what happens where the proportions differ: "stretch", "crop" to the middle, or "pad" with black.
        drop_remainder: leave out the last batch of an epoch where it is smaller.
        max_pixels: a larger picture is an error.

    Returns:
        A DirectoryDataset, which ``model.fit`` takes; images (N, H, W, 3) in RGB, or (N, H, W, 1), float32.

    Raises:
        FileError: the folder or the CSV is not there, or a file cannot be read.
        ImageError: files are no pictures, damaged, or too large; they are named.
        ArgumentError: no pictures, a class without pictures, an unknown class, two classes with one name; pictures of
            several sizes without ``image_size``; or an argument that is none of the above.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         Path(folder, name).mkdir()
    ...         vk.preprocess.write(f"{folder}/{name}/1.png", np.zeros((40, 60, 3), np.uint8))
    ...     data = from_directory(folder, image_size=32, shuffle=False)
    ...     x, y = data[0]
    >>> data.classes, x.shape, y
    (('cat', 'dog'), (2, 32, 32, 3), array([0, 1], dtype=int32))
    """
    where = "from_directory"
    for argument, value, options in (
        ("on_error", on_error, ("raise", "skip")),
        ("color", color, ("rgb", "gray")),
        ("aspect", aspect, ("stretch", "crop", "pad")),
    ):
        if value not in options:
            raise one_of(where, argument, value, options)
    max_pixels = positive(where, "max_pixels", max_pixels)
    flag(where, "scale", scale)
    drawn, layers = parted(where, augment)
    folder = Path(os.path.abspath(path))
    found = find(where, folder, labels, classes)
    files = [str(folder / file) for file in found.files]
    looked, skipped = attempt(files, partial(look, max_pixels=max_pixels))
    if not looked or (skipped and on_error == "raise"):
        raise refusal(where, skipped)
    framing = Framing(
        size=_one_size(where, list(looked.values())) if image_size is None else size(where, "image_size", image_size),
        aspect=aspect,
        gray=color == "gray",
        crop=None if drawn is None else drawn.ranges.crop,
        warped=drawn is not None,
        max_pixels=max_pixels,
    )
    kept = NoCache() if cache is None else MemoryCache() if cache == "memory" else DiskCache(cache)
    if on_error == "skip":
        whole, broken = attempt(list(looked), lambda file: decoded(looked[file], framing, kept).size)
        skipped = sorted([*skipped, *broken])
        if not whole:
            raise refusal(where, skipped)
        looked = {file: looked[file] for file in whole}
    if skipped:
        warnings.warn(
            f"{where}: left out {len(skipped):,} of {len(files):,} files, which are broken, such as "
            f"{skipped[0].file!r}; they are listed in skipped",
            stacklevel=2,
        )
    _check_crop(where, framing, list(looked.values()))
    places = [place for place, file in enumerate(files) if file in looked]
    return DirectoryDataset(
        [looked[files[place]] for place in places],
        skipped=skipped,
        framing=framing,
        cache=kept,
        augment=drawn,
        layers=layers,
        scale=scale,
        labels=None if found.labels is None else found.labels[places],
        classes=found.classes,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
    )


def decoded(file: File, framing: Framing, cache: Cache) -> NDArray[np.uint8]:
    """A picture as it is framed, from the cache if it is there."""
    key = f"{file.path} {file.size} {file.changed} {framing.key}"
    return cache.get(key, partial(framing.picture, file))


def _one_size(where: str, files: list[File]) -> tuple[int, int]:
    """The size that all pictures have."""
    for file in files:
        if (file.height, file.width) != (files[0].height, files[0].width):
            raise ArgumentError(
                f"{where}: expected pictures of one size where image_size is None, got {files[0].width} x "
                f"{files[0].height} in {files[0].path!r} and {file.width} x {file.height} in {file.path!r}"
            )
    return files[0].height, files[0].width


def _check_crop(where: str, framing: Framing, files: list[File]) -> None:
    """A crop in pixels is no larger than any picture."""
    if not isinstance(framing.crop, tuple):
        return
    for file in files:
        height, width = framing.canvas(file)
        if framing.crop[0] > height or framing.crop[1] > width:
            raise ArgumentError(
                f"{where}: expected pictures of at least {framing.crop[1]} x {framing.crop[0]}, the crop of augment, "
                f"got {width} x {height} in {file.path!r}; take a share, such as crop=0.9"
            )
