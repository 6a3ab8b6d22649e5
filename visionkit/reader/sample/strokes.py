"""A hand that prints digits and capitals, with strokes of our own."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe
from visionkit.reader.sample.trace import crop

# The strokes of a hand that prints: points x, y on a grid of 7 x 9, strokes parted by spaces. A point that comes twice
# is a corner; the line bends round all others.
# fmt: off
STROKES = {
    "0": "401103061839586663514020", "1": "12303039", "2": "021130515335090969", "3": "11305153343424243455573918",
    "4": "4040060666 4249", "5": "6060101004043456583918", "6": "5021030618395856351507", "7": "0000606029",
    "8": "6140111334565839181634525040", "9": "6241200204255361615849", "A": "09303069 1555",
    "B": "0009 003051533404 044466683909", "C": "614011030618395968", "D": "0009 003062663909",
    "E": "60600000090969 0454", "F": "6060000009 0454", "G": "6140110306183958656535", "H": "0009 6069 0464",
    "I": "1050 3039 1959", "J": "2060 4047391807", "K": "0009 6005 1569", "L": "0000090969", "M": "0900003636606069",
    "N": "090000696960", "O": "301103061839586663513020", "P": "0009 00305163543505",
    "Q": "301103061839586663513020 4669", "R": "0009 003051533404 2469", "S": "6140200213345567492908",
    "T": "0060 3039", "U": "00061839586660", "V": "0000393960", "W": "000019193333595960", "X": "0069 6009",
    "Y": "0034 603439", "Z": "00006060090969",
}
# fmt: on


def handwrite(character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a digit or capital with strokes of our own that no two times are the same.

    Args:
        character: one of "0" to "9" and "A" to "Z".
        rng: draws the wobble of the points, the slant, the proportions and the thickness.

    Returns:
        uint8 (h, w), ink bright on black, cropped to the ink.

    Raises:
        ArgumentError: any other character.

    >>> height, width = handwrite("I", np.random.default_rng(0)).shape
    >>> height > width
    True
    """
    if character not in STROKES:
        raise ArgumentError(
            f"draw_page: expected digits 0-9 and capitals A-Z, got {describe(character)}; "
            "for other characters give glyphs=, a function that draws them"
        )
    slant, stretch, thickness = rng.uniform(-0.12, 0.25), rng.uniform(0.8, 1.15), int(rng.integers(5, 9))
    picture = np.zeros((180, 180), np.uint8)
    for stroke in STROKES[character].split():
        points = np.array(list(stroke), np.float64).reshape(-1, 2)
        moves = rng.normal(0, 0.22, points.shape)
        again = np.all(points[1:] == points[:-1], axis=1)
        moves[1:][again] = moves[:-1][again]  # a corner stays one
        points = _round_off(points + moves) * (13 * stretch, 13)
        points[:, 0] += slant * (59 - points[:, 1])
        path = np.int32(np.round((points + np.array([45, 30])) * 16)).reshape(-1, 1, 2)
        cv2.polylines(picture, [path], False, 255, thickness, cv2.LINE_AA, 4)
    return crop(picture)


def _round_off(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut the corners of a path three times over (Chaikin 1974); its ends stay."""
    for _ in range(3):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points
