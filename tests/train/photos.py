"""Folders of picture files that the tests of data share."""

from pathlib import Path

import numpy as np
from PIL import Image


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture (height, width, 3), uint8, that no turn or mirror leaves as it was."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / width
    phase = seed * 0.7
    channels = [127 + 120 * np.sin(5 * x + 2 * y + phase), 255 * x * y, 255 * (1 - y) * (0.3 + 0.7 * x)]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def save(path: Path, pixels: np.ndarray, *, mode: str | None = None, orientation: int | None = None) -> Path:
    """Write a picture with Pillow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    quality = {"quality": 95} if path.suffix in (".jpg", ".jpeg") else {}
    (image.convert(mode) if mode else image).save(path, exif=exif, **quality)
    return path


def cats_and_dogs(folder: Path, *, each: int = 5, height: int = 60, width: int = 80) -> Path:
    """A folder of JPEG files for each of two classes, no two pictures the same."""
    for label, name in enumerate(("cat", "dog")):
        for number in range(each):
            save(folder / name / f"{number}.jpg", scene(height, width, seed=2 * number + label))
    return folder
