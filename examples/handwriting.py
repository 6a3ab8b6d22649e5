"""Handwriting to train with and to write pages with: each character as a picture of its ink, cropped, bright."""

import collections
import string
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit import preprocess
from visionkit.reader.sample import KINDS, Glyphs, Page, draw_page

CHARACTERS = string.digits + string.ascii_uppercase
ALPHABETS = {"digits": string.digits, "letters": string.ascii_uppercase}
COLUMNS = {"digits": ("digits",), "letters": ("letters",), "mixed": ("digits", "letters")}  # what a line is drawn from
SOURCES = ("danny35writers", "muti", "ming_aug", "bish", "chars74k")  # in letters.npz
CLEAN = ("chars74k", "danny35writers", "bish")  # whole glyphs of many writers


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
        pictures, labels, names = data["x"][keep], np.array([chr(65 + y) for y in data["y"][keep]]), names[keep]
    cleaned = [clean(picture, bars=name == "ming_aug") for picture, name in zip(pictures, names, strict=True)]
    return _cropped(cleaned, labels, names)


def archive(path: str | Path) -> Handwriting:
    """An .npz of `x` (N, H, W) uint8, ink bright, `y` (N,) characters, and where there is one, `source` (N,) names."""
    with np.load(path) as data:
        pictures, labels = data["x"], data["y"].astype(np.str_)
        sources = data["source"].astype(np.str_) if "source" in data else np.full(len(labels), Path(path).stem)
    return _cropped(pictures, labels, sources)


def folder(path: str | Path) -> Handwriting:
    """Pictures of dark ink on light paper in one folder for each character: `A/1.png`, `A/2.png`, `B/1.png`..."""
    pictures, labels = [], []
    for name in sorted(child.name for child in Path(path).iterdir() if child.is_dir() and len(child.name) == 1):
        for file in sorted((Path(path) / name).iterdir()):
            pictures.append(clean(cv2.bitwise_not(preprocess.read(file, mode="gray"))))
            labels.append(name.upper())
    return _cropped(pictures, np.array(labels, np.str_), np.full(len(labels), Path(path).name))


def rendered(fonts: Iterable[str | Path] = ()) -> Handwriting:
    """0-9 and A-Z in OpenCV's own fonts, in three widths, and in the font files given (these need Pillow)."""
    pictures, labels, sources = [], [], []
    for face in (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX):
        for style in (face, face | cv2.FONT_ITALIC):
            for width in (2, 4, 7):
                for character in CHARACTERS:
                    canvas = np.zeros((160, 160), np.uint8)
                    pictures.append(cv2.putText(canvas, character, (40, 110), style, 2.0, 255, width, cv2.LINE_AA))
                    labels.append(character)
                    sources.append("fonts")
    for font in fonts:
        pictures += typeset(font)
        labels += CHARACTERS
        sources += ["fonts"] * len(CHARACTERS)
    return _cropped(pictures, np.array(labels, np.str_), np.array(sources, np.str_))


def typeset(font: str | Path) -> list[NDArray[np.uint8]]:
    """0-9 and A-Z in one font file, each 64 pixels tall on (160, 160)."""
    from PIL import Image, ImageDraw, ImageFont

    face, pictures = ImageFont.truetype(str(font), 64), []
    for character in CHARACTERS:
        canvas = Image.new("L", (160, 160))
        ImageDraw.Draw(canvas).text((40, 40), character, font=face, fill=255)
        pictures.append(np.array(canvas))
    return pictures


def clean(picture: NDArray[np.uint8], *, bars: bool = False) -> NDArray[np.uint8]:
    """The ink of one crop, 255 at its strongest, without background and frame lines; all zero where it is unusable.

    With bars, whatever runs along nearly the whole of a border goes too, even where it touches the character: only
    for sets whose characters keep away from the border.
    """
    level = np.int16(np.median(picture))  # of the whole: ink never covers half, and a border may be all bars
    ink = np.int16(picture) - level if level < 128 else level - np.int16(picture)
    inner = ink[4:-4, 4:-4]
    top = np.percentile(inner[inner > 0.3 * inner.max()], 80) if inner.max() > 12 else 0
    if top < 12:
        return np.zeros_like(picture)
    part = np.clip(ink / np.float32(top), 0, 1)
    cleaned = np.uint8(255 * np.clip((part - 0.15) / 0.85, 0, 1))  # below is the grain of the paper
    for side in range(4 if bars else 0):
        turned = np.rot90(cleaned, side)
        found = np.flatnonzero(np.mean(turned[:6] > 60, axis=1) > 0.75)
        if len(found):
            turned[: found[-1] + 2] = 0
    cleaned = _without_scraps(cleaned)
    murky = np.mean(cleaned > 60) > 0.6 or np.mean((cleaned > 30) & (cleaned < 200)) > 0.3  # shaded paper, not ink
    return np.zeros_like(picture) if murky else cleaned


def _without_scraps(ink: NDArray[np.uint8], edge: int = 5) -> NDArray[np.uint8]:
    """Take away specks, and lines and corners that hug the border while the character stands inside."""
    count, marks, stats, _ = cv2.connectedComponentsWithStats(cv2.compare(ink, 60, cv2.CMP_GT), connectivity=8)
    inside = np.bincount(marks[edge:-edge, edge:-edge].ravel(), minlength=count)[1:]
    area, height = stats[1:, cv2.CC_STAT_AREA], stats[1:, cv2.CC_STAT_HEIGHT]
    hugs = inside < 0.2 * area
    stands = ~hugs & (height >= 12)
    if stands.any():
        ink[np.isin(marks, 1 + np.flatnonzero(hugs | (area < 0.02 * area[stands].max())))] = 0
    return ink


def _cropped(pictures: Sequence[NDArray[np.uint8]], labels: NDArray[np.str_], sources: NDArray[np.str_]) -> Handwriting:
    kept, crops = [], []
    for index, picture in enumerate(pictures):
        x, y, width, height = cv2.boundingRect(cv2.compare(picture, 60, cv2.CMP_GT))
        if height >= 8:
            kept.append(index)
            crops.append(picture[y : y + height, x : x + width])
    return Handwriting(crops, labels[kept], sources[kept])


def picker(*sets: Handwriting) -> Glyphs:
    """A `glyphs` function for `visionkit.reader.sample.draw_page` that takes any writer's glyph of the character."""
    pool = collections.defaultdict(list)
    for handwriting in sets:
        for picture, label in zip(handwriting.pictures, handwriting.labels, strict=True):
            pool[str(label)].append(picture)
    return lambda character, rng: pool[character][rng.integers(len(pool[character]))]


def unseen(folder: str | Path, sources: Sequence[str] = CLEAN) -> Glyphs:
    """Digits of MNIST's test part and capitals of some sources, to write pages with."""
    return picker(digits(folder, "test"), letters(folder, sources))


def make_page(column: str, kind: str, seed: int, glyphs: Glyphs | None) -> Page:
    """A page of four lines of eight characters: digits, letters, or of every two lines one of either."""
    rng = np.random.default_rng([seed, list(COLUMNS).index(column), KINDS.index(kind)])  # other glyphs in every cell
    lines = []
    for number in range(4):
        pools = COLUMNS[column]
        if number % 2 == 0:
            order = rng.permutation(len(pools))
        characters = "".join(rng.choice(list(ALPHABETS[pools[order[number % len(pools)]]]), 8))
        split = int(rng.integers(2, 7))
        lines.append(f"{characters[:split]} {characters[split:]}" if rng.random() < 0.5 else characters)
    return draw_page("\n".join(lines), glyphs=glyphs, kind=kind, seed=int(rng.integers(2**32)))
