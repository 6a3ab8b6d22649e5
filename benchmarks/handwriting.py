"""Real handwriting to write pages with: every character as a picture of its ink, bright on black, cropped to it."""

import collections
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

CLEAN = ("chars74k", "danny35writers", "bish")  # whole glyphs of many writers, in letters.npz


class Handwriting(NamedTuple):
    """Glyphs (uint8 (h, w) each), the character that each one is, and the set that it comes from."""

    pictures: list[NDArray[np.uint8]]
    labels: NDArray[np.str_]
    sources: NDArray[np.str_]


def digits(folder: str | Path, split: str = "test") -> Handwriting:
    """MNIST from mnist.npz; split is "train" or "test"."""
    with np.load(Path(folder) / "mnist.npz") as data:
        pictures, labels = data[f"{split}_x"], data[f"{split}_y"]
    return _cropped(pictures, labels.astype(np.str_), np.full(len(labels), f"mnist {split}"))


def letters(folder: str | Path, sources: Sequence[str] | None = None) -> Handwriting:
    """The capitals of letters.npz, of all sources or the ones named, without frames, bars, and blank pictures."""
    with np.load(Path(folder) / "letters.npz") as data:
        names = data["sources"][data["source"]].astype(np.str_)
        unknown = set(sources or ()) - set(names)
        if unknown:
            raise SystemExit(f"letters.npz has no source {sorted(unknown)}; it has {sorted(set(names))}")
        keep = np.isin(names, sources) if sources else np.ones(len(names), bool)
        pictures, labels = data["x"][keep], np.array([chr(65 + y) for y in data["y"][keep]])
    return _cropped([clean(picture) for picture in pictures], labels, names[keep])


def clean(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink of one crop, 255 at its strongest: background taken off, frame lines and bars at the border removed."""
    level = np.int16(np.median(picture))  # of the whole: ink never covers half, and a border may be all bars
    ink = np.int16(picture) - level if level < 128 else level - np.int16(picture)
    inner = ink[4:-4, 4:-4]
    top = np.percentile(inner[inner > 0.3 * inner.max(initial=1)], 80) if (inner > 12).any() else 0
    if top < 12:
        return np.zeros_like(picture)
    ink = np.clip(ink, 0, top) / np.float32(top)
    ink = np.uint8(255 * np.clip((ink - 0.15) / 0.85, 0, 1))  # below is the grain of the paper
    for side in range(4):  # bars run along nearly the whole of a border
        turned = np.rot90(ink, side)
        bars = np.flatnonzero(np.mean(turned[:6] > 60, axis=1) > 0.75)
        if len(bars):
            turned[: bars[-1] + 2] = 0
    return _without_scraps(ink)


def _without_scraps(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take away what is not the character: specks, and thin or small things that touch the border."""
    count, marks, stats, _ = cv2.connectedComponentsWithStats(cv2.compare(ink, 60, cv2.CMP_GT), connectivity=8)
    if count <= 2:
        return ink
    largest = int(stats[1:, cv2.CC_STAT_AREA].max())
    for mark, (x, y, width, height, area) in enumerate(stats[1:], start=1):
        touches = x <= 1 or y <= 1 or x + width >= ink.shape[1] - 1 or y + height >= ink.shape[0] - 1
        thin = area <= 2.5 * max(width, height) and max(x, y, ink.shape[1] - x - width, ink.shape[0] - y - height) > 40
        if area < largest and (area < 0.02 * largest or (touches and (thin or area < 0.25 * largest))):
            ink[marks == mark] = 0
    return ink


def _cropped(pictures: Sequence[NDArray[np.uint8]], labels: NDArray[np.str_], sources: NDArray[np.str_]) -> Handwriting:
    kept, crops = [], []
    for index, picture in enumerate(pictures):
        x, y, width, height = cv2.boundingRect(cv2.compare(picture, 60, cv2.CMP_GT))
        if height >= 8:
            kept.append(index)
            crops.append(picture[y : y + height, x : x + width])
    return Handwriting(crops, labels[kept], sources[kept])


def picker(*sets: Handwriting) -> Callable[[str, np.random.Generator], NDArray[np.uint8]]:
    """A `glyphs` function for `visionkit.reader.sample.draw_page` that takes any writer's glyph of the character."""
    pool = collections.defaultdict(list)
    for handwriting in sets:
        for picture, label in zip(handwriting.pictures, handwriting.labels, strict=True):
            pool[str(label)].append(picture)
    return lambda character, rng: pool[character][rng.integers(len(pool[character]))]
