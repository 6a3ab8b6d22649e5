"""What `visionkit demo` shows: a drawn page, how it is read, and the steps in between as pictures."""

from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit import preprocess, reader
from visionkit._files import make_folder, writing
from visionkit.reader import Reading
from visionkit.reader.glyph import glyph
from visionkit.reader.sample import Page, draw_page

TEXT = "PACK MY BOX\nWITH FIVE DOZEN\nLIQUOR JUGS\n3141592653\n28 07 1964"
KIND, SEED = "sheet", 7  # a sheet of paper on a table

CELL, MARGIN = 64, 16  # pixels, of the strip


class Demo(NamedTuple):
    """The page with its truth, what was read, how many of its characters are right, and the pictures made."""

    page: Page
    reading: Reading
    right: int
    pictures: list[Path]


def run(folder: Path) -> Demo:
    """Draw a page, read it, and write page.png, reading.png and strip.png into a folder."""
    with writing("demo", folder, what="make the folder"):
        make_folder(folder)
    page = draw_page(TEXT, kind=KIND, seed=SEED)
    reading = reader.load().read(page.image)
    pictures = {"page.png": page.image, "reading.png": reading.draw(), "strip.png": strip(reading)}
    for name, picture in pictures.items():
        preprocess.write(folder / name, picture)
    return Demo(page, reading, right(page.text, reading.text), [folder / name for name in pictures])


def right(truth: str, text: str) -> int:
    """How many characters of the truth were read, in their order; blanks do not count.

    >>> right("AB 12", "A812")
    3
    """
    matcher = SequenceMatcher(None, "".join(truth.split()), "".join(text.split()), autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def strip(reading: Reading) -> NDArray[np.uint8]:
    """The way from the photo to the text: the page, the glyph of each character, the characters; uint8 RGB."""
    lines = [[c for c in reading.characters if c.line == number] for number in range(len(reading.lines))]
    size = (CELL * len(lines), CELL * max(map(len, lines)))
    glyphs, letters = np.zeros(size, np.uint8), np.full(size, 255, np.uint8)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            x, y, width, height = character.box
            ink = preprocess.otsu(reading.image[y : y + height, x : x + width]).binary
            top, left = row * CELL, column * CELL
            glyphs[top : top + CELL, left : left + CELL] = preprocess.resize(glyph(ink), width=CELL)
            (wide, high), _ = cv2.getTextSize(character.text, cv2.FONT_HERSHEY_SIMPLEX, 1.4, 3)
            corner = (left + (CELL - wide) // 2, top + (CELL + high) // 2)
            cv2.putText(letters, character.text, corner, cv2.FONT_HERSHEY_SIMPLEX, 1.4, 0, 3, cv2.LINE_AA)
    panels = [preprocess.resize(reading.image, height=size[0]), *(np.dstack([grid] * 3) for grid in (glyphs, letters))]
    around = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    return np.concatenate([np.pad(panel, around, constant_values=225) for panel in panels], axis=1)
