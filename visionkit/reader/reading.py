"""What was read: the text, and each character with its place, its confidence and its alternatives."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionkit import preprocess
from visionkit.reader.segment import Box, Segment

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
        image: the photo, uint8 RGB (H, W, 3).
    """

    lines: list[str]
    characters: list[Character]
    image: NDArray[np.uint8] = field(repr=False)

    @property
    def text(self) -> str:
        r"""The lines joined by "\n"."""
        return "\n".join(self.lines)

    def draw(self) -> NDArray[np.uint8]:
        """The photo with a box and its character at each place, uint8 RGB (H, W, 3)."""
        boxes = np.array([c.box for c in self.characters], np.int64).reshape(-1, 4)
        return preprocess.draw_boxes(self.image, boxes, [c.text for c in self.characters])

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
    image: NDArray[np.uint8],
    scale: float,
    lines: Sequence[Sequence[Segment]],
    probabilities: Sequence[NDArray[np.float64]],
    characters: str,
) -> Reading:
    """Put lines of segments and their probabilities (n, K) together to a reading, with spaces at wide gaps."""
    wide = word_gap(lines)
    texts: list[str] = []
    found: list[Character] = []
    for number, (line, rows) in enumerate(zip(lines, probabilities, strict=True)):
        text = ""
        for k, (part, row) in enumerate(zip(line, rows, strict=True)):
            best = np.argsort(row)[::-1][:ALTERNATIVES]
            alternatives = tuple((characters[i], float(row[i])) for i in best)
            space = " " if k and part.left - line[k - 1].right > wide else ""
            text += space + alternatives[0][0]
            x, y, width, height = (round(v / scale) for v in part.box)
            found.append(Character(*alternatives[0], (x, y, width, height), number, alternatives))
        texts.append(text)
    return Reading(texts, found, image)


def word_gap(lines: Sequence[Sequence[Segment]]) -> float:
    """The gap that parts words on a page, in pixels at working size."""
    gaps = [b.left - a.right for line in lines for a, b in itertools.pairwise(line)]
    heights = [part.box[3] for line in lines for part in line]
    return max(SPACE * float(np.median(heights)), 2 * float(np.median(gaps))) if gaps else float("inf")
