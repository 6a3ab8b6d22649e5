"""Pictures that the examples draw where they have no photographs: faces, pages, and characters among scrawl."""

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import visionkit as vk
from visionkit.reader.sample import draw_page, handwrite

SKINS = ((255, 219, 190), (232, 186, 148), (198, 134, 94), (128, 84, 58))
HAIR = ((30, 24, 22), (96, 58, 30), (226, 190, 110), (170, 60, 24), (190, 190, 190))


def faces(folder: Path) -> tuple[Path, Path]:
    """Write simple faces as folders of photos: of five people, to learn from and to test on, and of six others."""
    for part, people, photos in (("five/train", "ABCDE", 10), ("five/test", "ABCDE", 2), ("others", "opqrst", 16)):
        for person in people:
            (folder / part / person).mkdir(parents=True, exist_ok=True)
            for number in range(photos):
                rng = np.random.default_rng([ord(person), photos, number])
                vk.preprocess.write(folder / part / person / f"{number}.jpg", photo(ord(person), rng))
    return folder / "five", folder / "others"


def photo(person: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One picture (150, 150, 3): the head of a person somewhere, turned, in some light, before some wall."""
    look = np.random.default_rng(person)
    skin, hair = SKINS[person % len(SKINS)], HAIR[person % len(HAIR)]
    width, apart, fringe = look.integers(34, 44), look.integers(14, 20), look.integers(10, 26)
    canvas = np.full((150, 150, 3), rng.integers(60, 230, 3), np.uint8)
    x, y = (75 + rng.integers(-12, 13, 2)).tolist()
    cv2.ellipse(canvas, (x, y - 8), (int(width) + 8, 58), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(canvas, (x, y), (int(width), 50), 0, 0, 360, skin, -1, cv2.LINE_AA)
    cv2.ellipse(canvas, (x, y - 44), (int(width), int(fringe)), 0, 0, 360, hair, -1, cv2.LINE_AA)
    for side in (-1, 1):
        eye = (x + side * int(apart), y - 8)
        cv2.ellipse(canvas, eye, (7, 4), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(canvas, eye, 3, (40, 60, 90), -1, cv2.LINE_AA)
        if person % 3 == 1:  # glasses
            cv2.circle(canvas, eye, 12, (20, 20, 20), 2, cv2.LINE_AA)
    if person % 3 == 2:  # a beard
        cv2.ellipse(canvas, (x, y + 32), (int(width) - 8, 20), 0, 0, 360, hair, -1, cv2.LINE_AA)
    smile = int(rng.integers(2, 9))
    cv2.ellipse(canvas, (x, y + 26), (12, smile), 0, 0, 180, (170, 60, 60), -1, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((x, y), rng.uniform(-12, 12), rng.uniform(0.85, 1.15))
    turned = cv2.warpAffine(canvas, turn, (150, 150), borderMode=cv2.BORDER_REPLICATE)
    lit = turned * rng.uniform(0.6, 1.1) + rng.normal(0, 6, turned.shape)
    return np.clip(lit, 0, 255).astype(np.uint8)


def pages(folder: Path) -> None:
    """Write two photos of handwriting, and beside them what is written there, truth.json."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = {"plain.png": ("digits", "31415\n92653"), "shadow.png": ("letters", "HELLO\nWORLD")}
    for name, (_, text) in truth.items():
        vk.preprocess.write(folder / name, draw_page(text, kind=Path(name).stem, seed=3).image)
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")


def scrawl(characters: str, count: int, *, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Pictures (N, 64, 64, 1) of one character among short strokes, which one it is, and the box that it is in."""
    rng = np.random.default_rng(seed)
    pictures, boxes = np.zeros((count, 64, 64, 1), np.uint8), np.zeros((count, 4), int)
    labels = rng.integers(len(characters), size=count)
    for picture, label, box in zip(pictures, labels, boxes, strict=True):
        glyph = vk.preprocess.resize(handwrite(characters[label], rng), height=int(rng.integers(20, 29)))
        height, width = glyph.shape
        left, top = rng.integers(1, 63 - width), rng.integers(1, 63 - height)
        for x, y, long, thick in rng.integers([1, 1, 6, 2], [52, 58, 11, 4], (6, 4)):
            place = (slice(y, y + thick), slice(x, x + long))
            picture[place if x % 2 else place[::-1]] = 255
        picture[top : top + height, left : left + width, 0] = glyph
        box[:] = left, top, width, height
    return pictures, labels, boxes


def digits(folder: Path) -> Path:
    """Write the 8x8 digits of scikit-learn as coloured pictures of 32x32, to learn from and to test on."""
    found, rng = load_digits(), np.random.default_rng(0)
    for number, (picture, label) in enumerate(zip(found.images[:1200], found.target, strict=False)):
        place = folder / ("train" if number < 1000 else "test") / str(label)
        place.mkdir(parents=True, exist_ok=True)
        large = vk.preprocess.resize((picture * (255 / 16)).astype(np.uint8), width=32)
        vk.preprocess.write(place / f"{number}.png", (large[..., None] * rng.uniform(0.5, 1, 3)).astype(np.uint8))
    return folder
