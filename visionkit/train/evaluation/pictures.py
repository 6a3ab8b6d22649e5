"""Samples as pictures, and predictions written under them."""

import math
import unicodedata
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.train.data.dataset import Dataset

if TYPE_CHECKING:
    from visionkit.train.evaluation.report import Prediction

Picture = NDArray[np.uint8]

PAPER, INK = (255, 255, 255), (40, 40, 46)
RIGHT, WRONG = (22, 128, 61), (200, 30, 30)
FONT, FINE = cv2.FONT_HERSHEY_DUPLEX, 4  # letters are drawn this much larger, as OpenCV's are coarse when small


def pictures(data: Dataset, numbers: NDArray[np.integer]) -> list[Picture] | None:
    """Some samples as RGB uint8 pictures; None where they are none.

    Values are taken as 0 to 255, as 0 to 1 or as -1 to 1, whichever holds them all; others are stretched.
    """
    place = {int(number): spot for spot, number in enumerate(data.order(0))}
    spots = [divmod(place[int(number)], data.batch_size) for number in numbers]
    found: dict[tuple[int, int], NDArray[Any]] = {}
    for index in sorted({index for index, _ in spots}):
        x = data.batch(0, index)[0]
        if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3, 4)):
            return None
        found |= {(index, row): np.array(x[row]) for batch, row in spots if batch == index}
    return _to_bytes([found[spot] for spot in spots])


def _to_bytes(samples: list[NDArray[Any]]) -> list[Picture]:
    low = min((float(sample.min()) for sample in samples), default=0.0)
    high = max((float(sample.max()) for sample in samples), default=0.0)
    if low >= 0 and high <= 255:
        offset, scale = 0.0, 255.0 if high <= 1 else 1.0
    elif low >= -1 and high <= 1:
        offset, scale = 1.0, 127.5
    else:
        offset, scale = -low, 255 / max(high - low, 1e-12)
    return [
        _rgb(np.rint((sample.astype(np.float32) + offset) * scale).clip(0, 255).astype(np.uint8)) for sample in samples
    ]


def _rgb(pixels: Picture) -> Picture:
    gray = pixels if pixels.ndim == 2 else pixels[..., 0]
    return np.ascontiguousarray(pixels[..., :3] if pixels.ndim == 3 and pixels.shape[2] > 1 else np.dstack([gray] * 3))


def fitted(picture: Picture, size: int) -> Picture:
    """A picture enlarged, or shrunk, to this length of its longer side; small ones keep their pixels to be seen."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if max(height, width) <= 64 else cv2.INTER_CUBIC
    resized: Any = cv2.resize(picture, target, interpolation=kind)
    return resized  # type: ignore[no-any-return]


def grid(shown: list[Picture], told: list["Prediction"], *, columns: int | None, size: int) -> Picture:
    """A sheet of photos, each above its prediction, with the truth below where that differs."""
    count = len(shown)
    columns = min(count, columns or math.ceil(math.sqrt(1.4 * count)))
    gap, line = max(8, size // 12), max(12, round(size * 0.115))
    two = any(one.truth != one.predicted for one in told)
    height, width = size + gap // 2 + line * (2 if two else 1), size
    rows = math.ceil(count / columns)
    sheet = np.full((gap + rows * (height + gap), gap + columns * (width + gap), 3), PAPER, np.uint8)
    for number, (picture, one) in enumerate(zip(shown, told, strict=True)):
        row, column = divmod(number, columns)
        tile = sheet[gap + row * (height + gap) :, gap + column * (width + gap) :][:height, :width]
        _tile(tile, fitted(picture, size), one, line, gap // 2)
    return sheet


def _tile(tile: Picture, picture: Picture, one: "Prediction", line: int, gap: int) -> None:
    size = tile.shape[1]
    tile[:size] = (243, 243, 245)
    top, left = (size - picture.shape[0]) // 2, (size - picture.shape[1]) // 2
    tile[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    color = RIGHT if one.truth == one.predicted else WRONG
    edge = max(2, size // 50)
    cv2.rectangle(tile, (0, 0), (size - 1, size - 1), color, 1)
    tile[size - edge : size] = color
    _write(tile[size + gap :][:line], one.predicted, f"{one.confidence:.0%}", color)
    if one.truth != one.predicted:
        _write(tile[size + gap + line :][:line], f"is {plain(one.truth)}", "", INK)


def _write(strip: Picture, left: str, right: str, color: tuple[int, int, int]) -> None:
    """A text on the left, cut where it is too long, and one on the right."""
    height, width = strip.shape[0] * FINE, strip.shape[1] * FINE
    scale, stroke = height / 34, max(1, round(height / 34))
    fine = np.full((height, width, 3), PAPER, np.uint8)
    room = width - (_length(right + "  ", scale, stroke) if right else 0)
    text = plain(left)
    if _length(text, scale, stroke) > room:
        while text and _length(text + "..", scale, stroke) > room:
            text = text[:-1]
        text = text.rstrip() + ".."
    base = round(height * 0.74)
    cv2.putText(fine, text, (0, base), FONT, scale, color, stroke, cv2.LINE_AA)
    if right:
        cv2.putText(fine, right, (width - _length(right, scale, stroke), base), FONT, scale, color, stroke, cv2.LINE_AA)
    strip[:] = cv2.resize(fine, strip.shape[1::-1], interpolation=cv2.INTER_AREA)


def _length(text: str, scale: float, stroke: int) -> int:
    return int(cv2.getTextSize(text, FONT, scale, stroke)[0][0])


def plain(text: str) -> str:
    """A text in the letters that OpenCV can draw, as near as they come.

    >>> plain("Mäuse"), plain("猫")
    ('Mause', '?')
    """
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in bare)
