"""What was read: the text, and each character with its place, its confidence and its alternatives."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionkit import preprocess
from visionkit._extras import require
from visionkit.preprocess._source import Loaded
from visionkit.reader.pieces import Box, Segment

ALTERNATIVES = 5
SPACE = 0.75  # a gap of this many glyph heights, and twice the usual one, parts words


@dataclass(frozen=True)
class Character:
    """One character on the photo.

    Attributes:
        text: the character.
        confidence: how probable it is, 0 to 1, given its line and the charset.
        box: x, y, width, height in pixels of the photo.
        line: the number of its line, from 0.
        alternatives: the likeliest characters with their probabilities, itself first.

    >>> reading = vk.reader.load().read(vk.reader.sample.draw_page("A7", seed=1).image)
    >>> first = reading.characters[0]
    >>> first.text, first.line, first.confidence > 0.5, len(first.alternatives)
    ('A', 0, True, 5)
    """

    text: str
    confidence: float
    box: Box
    line: int
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Reading:
    r"""The text of a photo.

    Attributes:
        lines: one string for each line, words parted by a space.
        characters: from top to bottom and left to right.
        photo: where `image` comes from: its pixels, or its file in memory.

    Two readings are equal that hold the same text, places and confidences.

    >>> reading = vk.reader.load().read(vk.reader.sample.draw_page("HELLO 42", seed=1).image)
    >>> reading.text, len(reading.characters), reading.draw().shape == reading.image.shape
    ('HELLO 42', 7, True)
    """

    lines: list[str]
    characters: list[Character]
    photo: NDArray[np.uint8] | Loaded = field(repr=False, compare=False)

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The photo, uint8 RGB (H, W, 3); from a file, it is decoded when it is first asked for."""
        return self.photo if isinstance(self.photo, np.ndarray) else preprocess.read(self.photo)

    @property
    def text(self) -> str:
        r"""The lines joined by "\n"."""
        return "\n".join(self.lines)

    def draw(self) -> NDArray[np.uint8]:
        """The photo with a box and its character at each place, uint8 RGB (H, W, 3)."""
        boxes = np.array([c.box for c in self.characters], np.int64).reshape(-1, 4)
        return preprocess.draw_boxes(self.image, boxes, [c.text for c in self.characters])

    def figure(self) -> Any:
        """A matplotlib figure of `draw`, the text as its title; a notebook shows it.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        figures = require("matplotlib.figure", extra="plots", what="Reading.figure")
        height, width = self.image.shape[:2]
        figure = figures.Figure(figsize=(8, 0.6 + 8 * height / width), layout="constrained")
        axes = figure.subplots()
        axes.imshow(self.draw())
        axes.set_axis_off()
        axes.set_title(self.text, family="monospace")
        return figure

    def to_dict(self) -> dict[str, Any]:
        """The reading in plain types, ready for `json.dumps`."""
        return {
            "text": self.text,
            "lines": list(self.lines),
            "characters": [
                {
                    "text": c.text,
                    "confidence": round(c.confidence, 4),
                    "box": list(c.box),
                    "line": c.line,
                    "alternatives": [[text, round(p, 4)] for text, p in c.alternatives],
                }
                for c in self.characters
            ],
        }


def compose(
    photo: NDArray[np.uint8] | Loaded,
    lines: Sequence[Sequence[Segment]],
    words: Sequence[Sequence[slice]],
    probabilities: Sequence[NDArray[np.float64]],
    *,
    characters: str,
    scale: float,
) -> Reading:
    """Put lines of segments, their words and their probabilities (n, K) together to a reading.

    `scale` is the size that the segments refer to over that of the photo.
    """
    texts: list[str] = []
    found: list[Character] = []
    for number, (line, rows) in enumerate(zip(lines, probabilities, strict=True)):
        first = len(found)
        for part, row in zip(line, rows, strict=True):
            best = np.argsort(row)[::-1][:ALTERNATIVES]
            alternatives = tuple((characters[i], float(row[i])) for i in best)
            x, y, width, height = (round(v / scale) for v in part.box)
            found.append(Character(*alternatives[0], (x, y, width, height), number, alternatives))
        texts.append(" ".join("".join(c.text for c in found[first:][where]) for where in words[number]))
    return Reading(texts, found, photo)


def split_words(lines: Sequence[Sequence[Segment]]) -> list[list[slice]]:
    """Where the words of each line are: between gaps of most of a glyph's height that are wider than usual."""
    gaps = [[b.left - a.right for a, b in itertools.pairwise(line)] for line in lines]
    usual = float(np.median([0.0, *itertools.chain.from_iterable(gaps)]))
    height = float(np.median([part.box[3] for line in lines for part in line]))
    wide = max(SPACE * height, 2 * usual)
    words = []
    for line, between in zip(lines, gaps, strict=True):
        cuts = [0, *(k + 1 for k, gap in enumerate(between) if gap > wide), len(line)]
        words.append([slice(start, stop) for start, stop in itertools.pairwise(cuts)])
    return words
