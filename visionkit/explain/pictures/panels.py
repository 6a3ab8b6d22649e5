"""Photos beside their heatmaps, with a line of text under each."""

import unicodedata
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, describe
from visionkit.explain.pictures.overlay import checked, colorize, mix, opacity
from visionkit.explain.pictures.upsample import upsample
from visionkit.preprocess.image import Image, check

PAPER, INK = (255, 255, 255), (32, 32, 38)
FONT, FINE = cv2.FONT_HERSHEY_DUPLEX, 4  # letters are drawn this much larger, as OpenCV's are coarse when small


def panels(
    images: ArrayLike | Sequence[ArrayLike],
    heatmaps: ArrayLike | Sequence[ArrayLike],
    *,
    labels: str | Sequence[str] | None = None,
    alpha: float = 0.4,
    colormap: str = "jet",
    size: int = 224,
) -> Image:
    """Draw photo, heatmap and overlay side by side, a row for each picture.

    Args:
        images: uint8, RGB or grey: one, a batch, or a list of pictures of different sizes.
        heatmaps: one (h, w) for each picture, of any size; see ``overlay``.
        labels: what to write under each row, such as "tabby 0.93"; one that is too long is cut.
        alpha, colormap: see ``overlay``.
        size: the length, from 64 pixels on, that the longer side of each picture is brought to.

    Returns:
        uint8 RGB.

    Raises:
        ImageError: not such a picture.
        ArgumentError: not such a heatmap, not as many heatmaps or labels as pictures, or another argument is not of
            the kind above.

    >>> photos = [np.zeros((32, 32), np.uint8), np.zeros((100, 50, 3), np.uint8)]
    >>> panels(photos, [np.eye(4), np.eye(7)], labels=["tabby 0.93", "tiger cat 0.71"]).shape
    (520, 704, 3)
    """
    photos, maps = _listed("images", images), _listed("heatmaps", heatmaps)
    texts = None if labels is None else _texts(labels)
    if len(maps) != len(photos):
        raise ArgumentError(f"panels: expected a heatmap for each of {len(photos)} pictures, got {len(maps)}")
    if texts is not None and len(texts) != len(photos):
        raise ArgumentError(f"panels: expected a label for each of {len(photos)} pictures, got {len(texts)}")
    share, size = opacity("panels", alpha), _checks.positive("panels", "size", size, least=64)
    rows = [_row(photo, heat, share, colormap, size) for photo, heat in zip(photos, maps, strict=True)]
    gap, line = size // 28, max(14, size // 9)
    width = max(row[0].shape[1] for row in rows)
    strips = []
    for number, row in enumerate(rows):
        strip = np.full((gap + row[0].shape[0], gap + 3 * (width + gap), 3), PAPER, np.uint8)
        for column, picture in enumerate(row):
            left = gap + column * (width + gap) + (width - picture.shape[1]) // 2
            strip[gap:, left : left + picture.shape[1]] = picture
        strips.append(strip)
        if texts is not None:
            strips.append(_line(texts[number], line, strip.shape[1], gap))
    return np.concatenate([*strips, np.full((gap, strips[0].shape[1], 3), PAPER, np.uint8)])


def plain(text: str) -> str:
    """A text in the letters that OpenCV can draw, as near as they come.

    >>> plain("Mäuse"), plain("猫")
    ('Mause', '?')
    """
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in bare)


def _listed(argument: str, given: Any) -> list[Any]:
    """A list of pictures or maps, from one, a batch, or a list of them."""
    if isinstance(given, np.ndarray):
        single = given.ndim == 2 or (argument == "images" and given.ndim == 3 and given.shape[2] == 3)
        given = [given] if single else list(given) if given.ndim > 2 else []
    if not isinstance(given, list | tuple) or not given:
        raise ArgumentError(f"panels: expected {argument} to be one, a batch, or a list of them, got {describe(given)}")
    return list(given)


def _texts(labels: Any) -> list[str]:
    texts = [labels] if isinstance(labels, str) else labels
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ArgumentError(f"panels: expected labels to be a list of texts, got {describe(labels)}")
    return list(texts)


def _row(image: Any, heatmap: Any, share: float, colormap: str, size: int) -> tuple[Image, Image, Image]:
    """Photo, heatmap and overlay, their longer side ``size`` pixels; small photos keep their pixels to be seen."""
    photo = check(image, "panels")
    height, width = photo.shape[:2]
    scale = size / max(height, width)
    target = max(1, round(height * scale)), max(1, round(width * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if max(height, width) <= 64 else cv2.INTER_CUBIC
    photo = np.asarray(cv2.resize(photo, target[::-1], interpolation=how), np.uint8)
    colors = colorize(upsample(checked("panels", heatmap, colormap), target), colormap=colormap)
    return mix(photo, colors, 0), colors, mix(photo, colors, share)


def _line(text: str, height: int, width: int, left: int) -> NDArray[np.uint8]:
    """A text on a strip of paper (height, width), cut where it is too long."""
    scale, stroke = height * FINE / 36, max(1, round(height * FINE / 36))
    text, room = plain(text), (width - 2 * left) * FINE
    if _length(text, scale, stroke) > room:
        while text and _length(text + "..", scale, stroke) > room:
            text = text[:-1]
        text = text.rstrip() + ".."
    fine = np.full((height * FINE, width * FINE, 3), PAPER, np.uint8)
    cv2.putText(fine, text, (left * FINE, round(0.76 * height * FINE)), FONT, scale, INK, stroke, cv2.LINE_AA)
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _length(text: str, scale: float, stroke: int) -> int:
    return int(cv2.getTextSize(text, FONT, scale, stroke)[0][0])
