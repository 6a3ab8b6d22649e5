"""What each step of the reader is worth: the page figures with one step at a time taken out or done the classic way.

    python benchmarks/steps.py --data ../shared/data --pages 4

The first row is the classic pipeline by hand: gray, Gaussian blur, Canny, outer contours, boxes in reading order, Otsu
in each box, 32x32 glyph, the same network. All rows read the same pages of all kinds.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pages import COLUMNS, handwriting, make_page

from visionkit import VisionkitError, preprocess, reader
from visionkit.reader import decide, ink, segment
from visionkit.reader import reader as steps
from visionkit.reader.candidates import stacked
from visionkit.reader.glyph import glyph
from visionkit.reader.pieces import Segment
from visionkit.reader.sample import KINDS


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, default=4, help="of each kind and column")
    parser.add_argument("--sources", nargs="+", default=handwriting.CLEAN)
    parser.add_argument("--network", default="alphanumeric")
    options = parser.parse_args()
    written = handwriting.unseen(options.data, options.sources)
    drawn = [(c, make_page(c, k, 77_000 + i, written)) for k in KINDS for c in COLUMNS for i in range(options.pages)]
    network = reader.load(options.network)

    def read(image: np.ndarray, charset: str | None) -> str:
        try:
            return network.read(image, charset=charset, blur=None).text
        except VisionkitError:
            return ""

    def row(name: str, how: Callable[[np.ndarray, str | None], str]) -> None:
        scores = {column: [] for column in COLUMNS}
        for column, page in drawn:
            scores[column].append(reader.accuracy(how(page.image, None if column == "mixed" else column), page.text))
        print(f"{name:44}" + "".join(f"{np.mean(values):>9.3f}" for values in scores.values()), flush=True)

    print(f"{'':44}" + "".join(f"{column:>9}" for column in COLUMNS))
    row("the classic pipeline", lambda image, charset: classic(network, image, charset))
    row("all steps", read)
    for name, module, function, instead in WITHOUT:
        with replaced(module, function, instead):
            row(f"without {name}", read)


def classic(network: reader.Reader, image: np.ndarray, charset: str | None) -> str:
    """The pipeline of the sources, each step as `visionkit.preprocess` has it."""
    gray = preprocess.to_gray(image)
    edges = preprocess.canny(preprocess.gaussian_blur(gray, 5))
    boxes = preprocess.sort_boxes(preprocess.find_boxes(edges, min_width=4, min_height=12), "reading")
    if not len(boxes):
        return ""
    glyphs = [glyph(preprocess.otsu(gray[y : y + h, x : x + w]).binary) for x, y, w, h in boxes]
    found = network.probabilities(np.stack(glyphs))
    mask = decide.allowed(charset, network.characters)
    best = (found if mask is None else np.where(mask, found, 0)).argmax(axis=1)
    return "".join(network.characters[i] for i in best)


def global_otsu(contrast: np.ndarray, grain: float) -> np.ndarray:
    """One threshold for the page."""
    return cv2.threshold(np.clip(contrast * 255, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[1]


def darkness(gray: np.ndarray) -> np.ndarray:
    """How much darker than the page's median, whatever the light."""
    return ((np.median(gray) - gray.astype(np.float32)) / max(np.median(gray), 24)).astype(np.float32)


def groups_only(line: list[Any], height: float, labels: np.ndarray) -> list[Any]:
    """No cuts and no joins offered."""
    return [Segment(k, k + 1, tuple(g)) for k, g in enumerate(stacked(line, height))]


WITHOUT = [
    ("dividing by the local paper", ink, "missing_light", darkness),
    ("finding out that a board is one", ink, "is_board", lambda gray: False),
    ("taking out rules", ink, "without_rules", lambda contrast, grain: contrast),
    ("two levels, but Otsu's one", ink, "threshold", global_otsu),
    ("cutting and joining by belief", segment, "candidates", groups_only),
    ("turning glyphs level", steps, "TILTED", 9.0),
    ("leaving out what no pen wrote", segment, "of_one_pen", lambda ink, labels, boxes: np.ones(len(boxes), bool)),
    ("the line's say in look-alikes", decide, "share_of_digits", lambda line, words, digit: np.full(len(line), 0.5)),
]


@contextmanager
def replaced(module: Any, name: str, instead: Any) -> Iterator[None]:
    """Another value for a name of a module, for a while."""
    before = getattr(module, name)
    setattr(module, name, instead)
    try:
        yield
    finally:
        setattr(module, name, before)


if __name__ == "__main__":
    main()
