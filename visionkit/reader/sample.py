"""Photo-like pages of handwriting whose truth is known: for the demo, the tests and the benchmark.

A page goes through small steps, each a function below: the glyphs are laid out in lines, traced as ink on a flat
plane, seen through a homography that moves ink, ruling, sheet and boxes alike, laid on paper, lit, and photographed.
A kind of page is one row of numbers in `STYLES`; no step knows the name of a kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe, one_of

Plane = NDArray[np.float32]  # (H, W), 0 to 1 unless said otherwise
Color = tuple[float, float, float]  # RGB, 0 to 1
Range = tuple[float, float]
Size = tuple[int, int]  # height, width
Glyphs = Callable[[str, np.random.Generator], NDArray[np.uint8]]

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


@dataclass(frozen=True)
class Pen:
    """What writes: its colours, the width of its strokes over the glyph height, how opaque and how patchy it is."""

    colors: tuple[Color, ...]
    weight: Range
    opacity: Range
    texture: float


BALL = Pen(((0.10, 0.16, 0.48), (0.13, 0.22, 0.60), (0.12, 0.12, 0.14)), (0.05, 0.09), (0.80, 0.95), 0.12)
PENCIL = Pen(((0.25, 0.25, 0.27), (0.20, 0.20, 0.20)), (0.05, 0.08), (0.65, 0.90), 0.45)
MARKER = Pen(((0.07, 0.07, 0.09), (0.10, 0.14, 0.45), (0.55, 0.08, 0.10)), (0.10, 0.16), (0.90, 1.00), 0.03)
CHALK = Pen(((0.93, 0.93, 0.90), (0.93, 0.89, 0.66), (0.92, 0.76, 0.78)), (0.08, 0.13), (0.75, 0.95), 0.55)

PAPERS: tuple[Color, ...] = ((0.96, 0.96, 0.96), (0.96, 0.93, 0.85), (0.88, 0.88, 0.87), (0.92, 0.94, 0.97))
BOARDS: tuple[Color, ...] = ((0.13, 0.27, 0.20), (0.15, 0.16, 0.17), (0.10, 0.21, 0.19))
TABLES: tuple[Color, ...] = ((0.66, 0.50, 0.34), (0.40, 0.26, 0.17), (0.22, 0.21, 0.21), (0.52, 0.40, 0.28))
RULING: tuple[Color, ...] = ((0.35, 0.45, 0.65), (0.45, 0.48, 0.52), (0.30, 0.50, 0.62))


@dataclass(frozen=True)
class Style:
    """The numbers that make a kind of page. Lengths are in glyph heights unless said otherwise, angles in degrees."""

    height: Range = (40, 60)  # pixels
    gap: Range = (0.3, 0.6)  # between glyphs
    word_gap: Range = (1.1, 1.5)
    word_size: float = 0.03  # words differ in size by up to this part
    drift: float = 0.04  # glyphs stand above or below the baseline by up to this
    slope: float = 1.0  # of a baseline, up to
    turn: float = 1.0  # of the whole page, up to
    pens: tuple[Pen, ...] = (BALL, PENCIL, MARKER)
    contrast: Range | None = None  # of the ink against the paper, instead of the pen's own opacity
    papers: tuple[Color, ...] = PAPERS
    smears: float = 0.0  # wiped traces on a board
    rules: tuple[float, ...] = ()  # directions of the printed lines
    rule_pitch: Range = (1.4, 2.2)
    shadows: tuple[int, int] = (0, 0)  # how many hard shadow edges, from and to
    table: float = 0.0  # chance that the paper is a sheet whose edge is in the picture
    frame: Size = (0, 0)  # least height and width of the picture, pixels


STYLES = {
    "plain": Style(),
    "ruled": Style(rules=(0,)),
    "squared": Style(rules=(0, 90), rule_pitch=(0.5, 1.2)),
    "chalk": Style(pens=(CHALK,), papers=BOARDS, smears=0.10),
    "turned": Style(turn=12.0, table=0.4),
    "shadow": Style(shadows=(1, 2)),
    "faint": Style(pens=(PENCIL,), contrast=(0.14, 0.32)),  # the skips of a pencil take a part of it
    "small": Style(height=(16, 24)),
    "large": Style(height=(100, 200), frame=(3000, 4000)),
    "ragged": Style(gap=(0.12, 0.7), word_gap=(1.3, 2.6), word_size=0.2, drift=0.12, slope=2.5),
    "sheet": Style(turn=4.0, table=1.0),
}
KINDS = tuple(STYLES)


@dataclass(frozen=True)
class Page:
    """A drawn page and its truth.

    Attributes:
        image: uint8 RGB (H, W, 3).
        text: what is written: lines joined by newlines, words parted by spaces.
        boxes: int (N, 4) x, y, width, height of the ink of every character, in reading order, spaces left out.
    """

    image: NDArray[np.uint8]
    text: str
    boxes: NDArray[np.int64]


def draw_page(
    text: str, *, glyphs: Glyphs | None = None, kind: str = "plain", seed: int = 0, height: float | None = None
) -> Page:
    """Draw a picture that looks like a photo of handwriting, with the text and the boxes that are the truth of it.

    The same arguments give the same picture, with the same versions of NumPy and OpenCV.

    Args:
        text: lines joined by newlines, words parted by spaces.
        glyphs: called with a character and a random generator; returns a picture of it, uint8 (h, w), ink bright on
            black, any size, cropped to the ink. Without it, `handwrite` draws digits and capitals.
        kind: one of `KINDS`.
        seed: of everything that is random.
        height: of a glyph, in pixels; the kind's own without it.

    Returns:
        Page(image, text, boxes): uint8 RGB (H, W, 3), the text, and int (N, 4).

    Raises:
        ArgumentError: an unknown kind, a height below 8 pixels, or a character that cannot be drawn.

    >>> page = draw_page("HELLO\\nWORLD 42", kind="ruled", seed=3)
    >>> page.image.dtype, page.image.ndim, page.boxes.shape
    (dtype('uint8'), 3, (12, 4))
    """
    if kind not in STYLES:
        raise one_of("draw_page", "kind", kind, KINDS)
    if height is not None and height < 8:
        raise ArgumentError(f"draw_page: expected height to be at least 8 pixels, got {describe(height)}")
    style, rng = STYLES[kind], np.random.default_rng(seed)
    size = float(height or rng.uniform(*style.height))
    pen = style.pens[rng.integers(len(style.pens))]

    weight, opacity = rng.uniform(*pen.weight), rng.uniform(*pen.opacity)
    paper, color = _choose(style.papers, rng, 0.02), _choose(pen.colors, rng, 0.03)
    if style.contrast is not None:
        opacity = _opacity(color, paper, rng.uniform(*style.contrast))

    def trace(character: str, tall: float) -> NDArray[np.uint8]:
        return _trace(_glyph(glyphs or handwrite, character, rng), tall, weight)

    ink, outlines = _write(text, trace, style, size, rng)
    view = _look(ink, style, size, rng)
    scene = _paper(paper, view.frame, style.smears, size, rng)
    _rule(scene, view, style, size, rng)
    _speck(scene, size, rng)
    _lay(scene, _press(view.see(ink), pen.texture, size, rng), color, opacity)
    if view.sheet is not None:
        _put_on_table(scene, view.sheet, size, rng)
    light = _light(view.frame, rng)
    shadows = [_shadow(view.frame, size, rng) for _ in range(int(rng.integers(style.shadows[0], style.shadows[1] + 1)))]
    if shadows:
        light *= reduce(np.minimum, shadows)  # where two meet it is as dark as in the darker one
    return Page(_photograph(scene, light, size, rng), text, _boxes([view.project(outline) for outline in outlines]))


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
    return _crop(picture)


def _round_off(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut the corners of a path three times over (Chaikin 1974); its ends stay."""
    for _ in range(3):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points


# Layout and ink: on a flat plane whose origin is the corner of the text


def _write(
    text: str, trace: Callable[[str, float], NDArray[np.uint8]], style: Style, size: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[NDArray[np.float32]]]:
    """The ink of the whole text on its plane (H, W), and the outline of every glyph, (M, 2) points x, y."""
    placed: list[tuple[int, int, NDArray[np.uint8]]] = []
    bottom = size
    for line in text.split("\n"):
        start = rng.uniform(0, 0.4) * size
        slope = np.tan(np.radians(rng.uniform(-style.slope, style.slope)))
        across = start
        for word in line.split():
            tall = size * (1 + rng.uniform(-style.word_size, style.word_size))
            for character in word:
                traced = trace(character, tall * rng.uniform(0.94, 1.06))
                foot = bottom + slope * (across - start) + rng.uniform(-style.drift, style.drift) * size
                placed.append((round(across), round(foot) - traced.shape[0], traced))
                across += traced.shape[1] + rng.uniform(*style.gap) * size
            across += (rng.uniform(*style.word_gap) - style.gap[0]) * size
        bottom += size * rng.uniform(1.5, 1.9)
    left, top = (min((spot[axis] for spot in placed), default=0) for axis in (0, 1))
    width = max((x + traced.shape[1] for x, _, traced in placed), default=round(size)) - left
    height = max((y + traced.shape[0] for _, y, traced in placed), default=round(size)) - top
    ink = np.zeros((height, width), np.uint8)
    outlines = []
    for x, y, traced in placed:
        patch = ink[y - top : y - top + traced.shape[0], x - left : x - left + traced.shape[1]]
        np.maximum(patch, traced, out=patch)
        points = cv2.convexHull(cv2.findNonZero(_above(traced, 0.4 * float(traced.max())))).reshape(-1, 2)
        outlines.append(np.asarray(points + np.array([x - left, y - top]), np.float32))
    return ink, outlines


def _glyph(glyphs: Glyphs, character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    picture = glyphs(character, rng)
    if picture.ndim != 2 or picture.dtype != np.uint8 or not picture.any():
        raise ArgumentError(
            f"draw_page: expected glyphs({character!r}, rng) to be a uint8 picture (h, w) with ink brighter than 0, "
            f"got {describe(picture)}"
        )
    return picture


def _trace(picture: NDArray[np.uint8], height: float, weight: float) -> NDArray[np.uint8]:
    """Redraw a glyph at a height and with the stroke width of the pen, as far as the glyph survives it.

    The strokes grow or shrink by the distance to their edge, at 64 pixels or more so that hairlines survive.
    """
    work = max(height, 64.0)
    scale = min(work / picture.shape[0], 1.5 * work / picture.shape[1])
    pad = int(0.2 * work / scale) + 2
    grey = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    if scale > 1:  # the stairs of an enlarged picture are not part of the stroke
        grey = cv2.GaussianBlur(grey, (0, 0), 0.35 * scale)
    mask = _above(grey, 0.33 * float(grey.max()))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 5)
    width = 4 * float(inside[mask > 0].mean())  # across a stroke the mean distance to its edge is a quarter of it
    grow = np.clip((weight * work - width) / 2, -0.16 * width, 0.3 * width)
    soft = max(work / 64, 1.0)
    ink = (255 * np.clip((inside - outside + grow) / soft + 0.5, 0, 1)).astype(np.uint8)
    if height < work:
        shrink = height / work
        ink = np.asarray(cv2.resize(ink, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    return _crop(ink)


def _above(picture: NDArray[Any], level: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.threshold(picture, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _crop(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    x, y, width, height = cv2.boundingRect(_above(ink, 30))
    return ink[y : y + height, x : x + width]


# Camera: one homography for all that lies on the paper


@dataclass(frozen=True)
class View:
    """Where the camera stands: the homography from the text to the picture, whose size is `frame` (height, width)."""

    homography: NDArray[np.float64]
    frame: Size
    sheet: NDArray[np.float32] | None  # (4, 2) corners of the paper in the picture, where it ends there

    def see(self, ink: NDArray[np.uint8]) -> Plane:
        """The ink as it appears in the picture."""
        seen = cv2.warpPerspective(ink, self.homography, self.frame[::-1])
        return np.asarray(seen, np.float32) / np.float32(255)

    def project(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where points (M, 2) x, y of the page appear in the picture."""
        return _project(points, self.homography)


def _look(ink: NDArray[np.uint8], style: Style, size: float, rng: np.random.Generator) -> View:
    """Turn and tilt the page, and put around the text what the picture needs: margins, or a sheet and its table."""
    height, width = ink.shape
    turn = np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-style.turn, style.turn), 1.0)
    corners = _rectangle(0, 0, width, height)
    tilted = corners + np.float32(rng.uniform(-0.025, 0.025, (4, 2)) * (width, height))
    homography = turn @ cv2.getPerspectiveTransform(corners, tilted)

    around = rng.uniform(0.7, 1.8, 4) * size  # left, top, right, bottom
    sheet = None
    if rng.random() < style.table:
        left, top, right, bottom = around
        sheet = _project(_rectangle(-left, -top, width + right, height + bottom), homography)
        around = around + rng.uniform(-0.3, 1.2, 4) * size  # less than nothing: the sheet goes on beyond the picture
    seen = _project(corners, homography)
    need = (seen.max(axis=0) + around[2:]) - (seen.min(axis=0) - around[:2])  # width, height
    room = np.maximum(need, style.frame[::-1])
    shift = around[:2] - seen.min(axis=0) + rng.uniform(0.2, 0.8, 2) * (room - need)
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    return View(
        move @ homography,
        (round(room[1]), round(room[0])),
        None if sheet is None else (sheet + shift).astype(np.float32),
    )


def _rectangle(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def _project(points: NDArray[np.float32], homography: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2), homography).reshape(-1, 2), np.float32)


def _boxes(outlines: list[NDArray[np.float32]]) -> NDArray[np.int64]:
    boxes = np.zeros((len(outlines), 4), np.int64)
    for box, outline in zip(boxes, outlines, strict=True):
        low, high = np.floor(outline.min(axis=0)), np.ceil(outline.max(axis=0)) + 1
        box[:] = *low, *(high - low)
    return boxes


# Paper: a scene is three planes, red, green, blue, of how much light each point sends back


def _paper(tint: Color, frame: Size, smears: float, size: float, rng: np.random.Generator) -> list[Plane]:
    """Plain paper with its grain, or a board with the traces of the sponge."""
    fibre = 0.012 * _grain(frame, max(0.8, size / 50), rng) + 0.012 * _clouds(frame, (7, 9), rng)
    scene = [np.asarray(value * (1 + fibre), np.float32) for value in tint]
    if smears:
        wiped = smears * np.maximum(_clouds(frame, (4, 6), rng) + 0.6 * _clouds(frame, (24, 5), rng), 0)
        wiped += 0.25 * smears * np.maximum(_grain(frame, max(0.7, size / 60), rng), 0)
        for plane in scene:
            plane[:] += wiped
    return scene


def _rule(scene: list[Plane], view: View, style: Style, size: float, rng: np.random.Generator) -> None:
    """Print lines on the paper, each drawn where the camera sees it, from far off to far off."""
    if not style.rules:
        return
    lines = np.zeros(view.frame, np.uint8)
    pitch, thickness = rng.uniform(*style.rule_pitch) * size, max(1, round(rng.uniform(0.015, 0.04) * size))
    far = 1.5 * max(view.frame)
    for direction in style.rules:
        along = np.array([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
        for offset in np.arange(-far, far, pitch) + rng.uniform(0, pitch):
            middle = offset * along[::-1]
            ends = view.project(np.array([middle - far * along, middle + far * along], np.float32))
            start, end = (tuple(int(v) for v in point) for point in np.round(ends * 16))
            cv2.line(lines, start, end, 255, thickness, cv2.LINE_AA, 4)
    color, paper = _choose(RULING, rng, 0.03), [float(plane[::8, ::8].mean()) for plane in scene]
    _lay(scene, np.asarray(lines / 255, np.float32), color, _opacity(color, paper, rng.uniform(0.1, 0.35)))


def _speck(scene: list[Plane], size: float, rng: np.random.Generator) -> None:
    """A few specks of dirt or dust, far smaller than a glyph."""
    height, width = scene[0].shape
    dark = float(np.mean(scene[1][::8, ::8])) > 0.5
    for _ in range(int(rng.integers(2, 9))):
        x, y, radius = int(rng.integers(width)), int(rng.integers(height)), rng.uniform(0.008, 0.03) * size
        reach = int(radius * 2) + 2
        rows, columns = (
            np.arange(height)[max(y - reach, 0) : y + reach],
            np.arange(width)[max(x - reach, 0) : x + reach],
        )
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        away = np.hypot(rows[:, None] - y, columns - x)
        spot = rng.uniform(0.2, 0.6) * np.clip(radius + 0.7 - away, 0, 1)
        for plane in scene:
            plane[window] += np.float32(((0.2 if dark else 0.8) - plane[window]) * spot)


def _lay(scene: list[Plane], coverage: Plane, color: Color, opacity: float) -> None:
    for plane, value in zip(scene, color, strict=True):
        plane[:] += (value - plane) * (coverage * np.float32(opacity))


def _opacity(color: Sequence[float], paper: Sequence[float], contrast: float) -> float:
    """How opaque a colour must be to differ from the paper by this part of the paper's brightness."""
    bright, dark = float(np.mean(paper)), float(np.mean(color))
    return min(1.0, contrast * bright / max(abs(bright - dark), 1e-3))


def _press(coverage: Plane, texture: float, size: float, rng: np.random.Generator) -> Plane:
    """Ink is pressed unevenly across the page, and catches on the grain of the paper."""
    shape = coverage.shape
    skips = 0.5 * texture * np.maximum(_grain(shape, max(0.6, size / 70), rng), 0)
    light = 0.1 * np.abs(_clouds(shape, (6, 8), rng))
    return np.asarray(coverage * np.maximum(1 - skips - light, 0))


def _put_on_table(scene: list[Plane], corners: NDArray[np.float32], size: float, rng: np.random.Generator) -> None:
    """Cut the paper to a sheet; beyond it is a table with its grain, and the shadow of the sheet."""
    frame = scene[0].shape
    sheet = np.zeros(frame, np.uint8)
    cv2.fillConvexPoly(sheet, np.round(corners * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    cover = np.asarray(sheet / 255, np.float32)
    wood = 1 + 0.10 * _clouds(frame, (40, 3), rng) + 0.07 * _clouds(frame, (150, 6), rng)
    wood += 0.03 * _grain(frame, 0.8, rng)
    wood *= 1 - 0.45 * cv2.GaussianBlur(cover, (0, 0), 0.08 * size)
    for plane, value in zip(scene, _choose(TABLES, rng, 0.03), strict=True):
        plane[:] += (np.float32(value) * wood - plane) * (1 - cover)


def _choose(colors: tuple[Color, ...], rng: np.random.Generator, spread: float) -> Color:
    red, green, blue = np.clip(colors[rng.integers(len(colors))] + rng.uniform(-spread, spread, 3), 0.03, 0.98)
    return float(red), float(green), float(blue)


# Light and camera


def _light(frame: Size, rng: np.random.Generator) -> Plane:
    """Brighter towards a window, darker towards the corners."""
    y, x = np.linspace(-1, 1, 48, dtype=np.float32)[:, None], np.linspace(-1, 1, 64, dtype=np.float32)
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.22)
    light = 1 + slope * (x * np.cos(angle) + y * np.sin(angle)) - rng.uniform(0.02, 0.12) * (x * x + y * y)
    light += 0.03 * _clouds(light.shape, (4, 4), rng)
    return np.asarray(cv2.resize(light / light.max(), frame[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _shadow(frame: Size, size: float, rng: np.random.Generator) -> Plane:
    """A half-plane or a wedge that is darker by 30 to 60 %, its edge near the middle of the picture."""
    height, width = frame
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    soft, angle = rng.uniform(1, 4) * max(1.0, size / 48), rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0.3, 0.7, 2) * (width, height)

    def side(turn: float) -> Plane:
        distance = (x - middle[0]) * np.cos(turn) + (y - middle[1]) * np.sin(turn)
        return np.asarray(np.clip(distance / soft + 0.5, 0, 1), np.float32)

    edges = [side(angle)] + ([side(angle + rng.uniform(0.6, 1.6))] if rng.random() < 0.5 else [])
    return np.asarray(1 - rng.uniform(0.3, 0.6) * reduce(np.minimum, edges), np.float32)


def _photograph(scene: list[Plane], light: Plane, size: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Exposure and white balance, the blur of the lens, the noise of the sensor, and JPEG."""
    frame = scene[0].shape
    exposure, blur, noise = rng.uniform(0.7, 1.0), rng.uniform(0.4, 0.75), rng.uniform(0.004, 0.014)
    balance = 1 + rng.uniform(-0.04, 0.04, 3)
    blur *= 1 if size < 90 else 1.5
    luma = noise * _grain(frame, 0.5, rng)
    planes = []
    for plane, gain in zip(scene, balance, strict=True):
        seen = cv2.GaussianBlur(plane * light, (0, 0), blur)
        chroma = _grain(frame, 1.2, rng)
        seen = seen * np.float32(exposure * gain) + luma + np.float32(0.6 * noise) * chroma
        planes.append(cv2.convertScaleAbs(np.maximum(seen, 0), alpha=255))
    return _jpeg(cv2.merge(planes), int(rng.integers(60, 93)))


def _jpeg(image: NDArray[Any], quality: int) -> NDArray[np.uint8]:
    # The codec wants blue first; the picture is turned for the one round trip, so that colours compress as a camera's.
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if back is None:
        raise RuntimeError("OpenCV cannot read the JPEG that it wrote")
    return np.asarray(cv2.cvtColor(back, cv2.COLOR_BGR2RGB), np.uint8)


# Randomness that is even in brightness: smooth clouds and fine grain


def _clouds(shape: tuple[int, ...], cells: Size, rng: np.random.Generator) -> Plane:
    """Smooth noise, about -1 to 1, with so many cells down and across the picture."""
    small = rng.uniform(-1, 1, cells).astype(np.float32)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))


def _grain(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Plane:
    """Noise of standard deviation 1 whose grains are about sigma pixels wide; a tile of it covers a large picture."""
    tile = (min(shape[0], 1024), min(shape[1], 1024))
    fine = rng.standard_normal(tile, np.float32)
    noise = np.asarray(cv2.GaussianBlur(fine, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
    noise /= noise.std()
    times = (-(-shape[0] // tile[0]), -(-shape[1] // tile[1]))
    return np.asarray(noise if times == (1, 1) else np.tile(noise, times)[: shape[0], : shape[1]])
