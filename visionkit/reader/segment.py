"""From ink to glyphs in lines: which pieces of ink belong to one character, and which characters to one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.ink import Ink

PEN = 0.55  # one pen's strokes differ in strength, but hardly more than this

Box = tuple[int, int, int, int]
Window = tuple[int, int, int, int]  # top, bottom, left, right


@dataclass(frozen=True)
class Piece:
    """Ink that hangs together, or the part of it inside a window.

    `span` is left, top, right and bottom in the frame in which the lines run level.
    """

    label: int
    window: Window
    span: tuple[float, float, float, float]

    @property
    def width(self) -> float:
        """Along the line, in pixels."""
        return self.span[2] - self.span[0]

    @property
    def height(self) -> float:
        """Across the line, in pixels."""
        return self.span[3] - self.span[1]

    @property
    def middle(self) -> float:
        """Half way down, across the line."""
        return (self.span[1] + self.span[3]) / 2


@dataclass(frozen=True)
class Segment:
    """A candidate for a character: the atoms `start` to `end` of its line, made of these pieces."""

    start: int
    end: int
    pieces: tuple[Piece, ...]

    @property
    def box(self) -> Box:
        """x, y, width and height at working size."""
        top, _, left, _ = np.min([piece.window for piece in self.pieces], axis=0)
        _, bottom, _, right = np.max([piece.window for piece in self.pieces], axis=0)
        return int(left), int(top), int(right - left), int(bottom - top)

    @property
    def left(self) -> float:
        """Where it begins along the line."""
        return min(piece.span[0] for piece in self.pieces)

    @property
    def right(self) -> float:
        """Where it ends along the line."""
        return max(piece.span[2] for piece in self.pieces)


@dataclass(frozen=True)
class Layout:
    """The candidates of each line, lines from top to bottom; what their pieces refer to; and how the lines run."""

    lines: list[list[Segment]]
    labels: NDArray[np.int32]  # (H, W)
    slant: float  # radians, positive where lines fall to the right
    height: float  # of the writing, pixels at working size


def segment(ink: Ink) -> Layout:
    """Find the lines of a page and in each line what may be a character.

    Touching glyphs are offered whole and cut, broken ones in parts and joined: the network decides later.
    """
    labels, boxes = components(ink)
    if not len(boxes):
        return Layout([], labels, 0.0, 0.0)
    boxes = boxes[of_one_pen(ink, labels, boxes)]
    height = typical_height(boxes)
    boxes = without_clutter(boxes, height)
    slant = find_slant(boxes, height)
    pieces = [as_piece(label, box, slant) for label, *box in boxes.tolist()]
    lines = [candidates(line, height, labels) for line in chain(pieces, height, labels)]
    return Layout([line for line in lines if line], labels, slant, height)


def components(ink: Ink) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The label image, and a row (label, x, y, width, height) for each component that could be part of a character."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.mask, connectivity=8, ltype=cv2.CV_32S)
    rows, columns = ink.mask.shape
    x, y, width, height, area = stats.T
    side = np.maximum(width, height)
    on_edge = (x <= 1) | (y <= 1) | (x + width >= columns - 1) | (y + height >= rows - 1)
    keep = (area >= 8) & (side >= 5) & (side < 0.6 * max(rows, columns)) & ~on_edge
    keep[0] = False
    return np.asarray(labels, np.int32), np.column_stack([np.flatnonzero(keep), stats[keep, :4]]).astype(np.int64)


def of_one_pen(ink: Ink, labels: NDArray[np.int32], boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which components are about as strong as most of the ink: the grain of a table is weaker than any stroke."""
    inside = ink.mask > 0
    count = np.bincount(labels[inside])
    total = np.bincount(labels[inside], weights=ink.contrast[inside])
    strength = total[boxes[:, 0]] / count[boxes[:, 0]]
    return np.asarray(strength > PEN * weighted_median(strength, boxes[:, 3:].max(axis=1)))


def weighted_median(values: NDArray[Any], weights: NDArray[Any]) -> float:
    """The value that half of the weight lies below."""
    order = np.argsort(values)
    votes = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(votes, votes[-1] / 2)])


def typical_height(boxes: NDArray[np.int64]) -> float:
    """The height of the writing: the median over components, each counted by its size, so that specks hardly vote."""
    side = boxes[:, 3:].max(axis=1)
    return weighted_median(side, side)


def without_clutter(boxes: NDArray[np.int64], height: float) -> NDArray[np.int64]:
    """Drop specks, and long thin things that are no strokes: edges of sheets, folds, what is left of ruled lines."""
    width, tall = boxes[:, 3], boxes[:, 4]
    side = np.maximum(width, tall)
    speck = side < 0.16 * height
    bar = (width > 2.2 * height) & (tall < 0.3 * width) | (tall > 2.5 * height) & (width < 0.15 * tall)
    return boxes[~speck & ~bar & (side < 4 * height)]


def find_slant(boxes: NDArray[np.int64], height: float) -> float:
    """The direction of the lines in radians: the median direction from each glyph to the next one on its right."""
    boxes = boxes[boxes[:, 3:].max(axis=1) > 0.55 * height]
    middle = boxes[:, 1:3] + boxes[:, 3:] / 2
    if len(middle) < 3:
        return 0.0
    step = middle[None] - middle[:, None]
    on_right = (step[..., 0] > 0.3 * height) & (np.abs(step[..., 1]) < 0.55 * step[..., 0])
    distance = np.where(on_right, np.hypot(step[..., 0], step[..., 1]), np.inf)
    hop = step[np.arange(len(step)), distance.argmin(axis=1)][distance.min(axis=1) < 6 * height]
    if len(hop) < 2:
        return 0.0
    return float(np.clip(np.median(np.arctan2(hop[:, 1], hop[:, 0])), -0.35, 0.35))


def as_piece(label: int, box: Sequence[int], slant: float) -> Piece:
    """A piece from its box: the middle is turned into the level frame, the extent kept."""
    x, y, width, height = box
    c, s = float(np.cos(slant)), float(np.sin(slant))
    cx, cy = x + width / 2, y + height / 2
    cx, cy = c * cx + s * cy, c * cy - s * cx
    return Piece(
        label, (y, y + height, x, x + width), (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    )


def chain(pieces: list[Piece], height: float, labels: NDArray[np.int32]) -> list[list[Piece]]:
    """Pieces that stand side by side, chained into lines; lines from top to bottom, pieces from left to right."""
    whole = [p for p in pieces if (p.height > 0.5 * height or p.width > 0.6 * height) and p.height < 1.55 * height]
    lines: list[list[Piece]] = []
    for piece in sorted(whole, key=lambda p: p.span[0]):
        line = nearest_line(lines, piece, height)
        if line is None:
            lines.append([piece])
        else:
            line.append(piece)
    lines = rejoin(lines, height)
    for piece in pieces:
        if piece in whole:
            continue
        for part in cut_between(lines, piece, labels):
            add_to_closest(lines, part, height)
    for line in lines:
        line.sort(key=lambda p: p.span[0])
    return sorted(lines, key=lambda line: float(np.median([p.middle for p in line])))


def nearest_line(lines: list[list[Piece]], piece: Piece, height: float) -> list[Piece] | None:
    """The line whose last pieces stand at this piece's level."""
    best, cost = None, 0.6 * height
    for line in lines:
        off = abs(float(np.median([p.middle for p in line[-3:]])) - piece.middle)
        if off < cost and piece.span[0] - line[-1].span[2] < 12 * height:
            best, cost = line, off
    return best


def rejoin(lines: list[list[Piece]], height: float) -> list[list[Piece]]:
    """Join chains that follow one another at one level: what a wide gap or a jump of the pen has parted."""
    joined: list[list[Piece]] = []
    for line in sorted(lines, key=lambda line: line[0].span[0]):
        for other in joined:
            apart = line[0].span[0] - max(p.span[2] for p in other)
            step = float(np.median([p.middle for p in line[:3]]) - np.median([p.middle for p in other[-3:]]))
            if apart > -0.3 * height and abs(step) < 0.5 * height:
                other.extend(line)
                break
        else:
            joined.append(line)
    return joined


def cut_between(lines: list[list[Piece]], piece: Piece, labels: NDArray[np.int32]) -> list[Piece]:
    """A piece that reaches through two lines, cut where it is thinnest between them; any other as it is."""
    levels = sorted(level for line in lines if (level := level_at(line, piece)) is not None)
    inside = [level for level in levels if piece.span[1] < level < piece.span[3]]
    if len(inside) != 2:
        return [piece]
    top, bottom, left, right = piece.window
    shift = top - piece.span[1]
    first, last = int(inside[0] + shift), int(inside[1] + shift)
    ink = (labels[first:last, left:right] == piece.label).sum(axis=1)
    if not ink.size:
        return [piece]
    away = np.abs(np.arange(len(ink)) - len(ink) / 2) / len(ink)
    row = first + int((ink / max(right - left, 1) + 0.3 * away).argmin())
    return [shrink(piece, (top, row, left, right), labels), shrink(piece, (row, bottom, left, right), labels)]


def level_at(line: list[Piece], piece: Piece) -> float | None:
    """The height at which a line passes a piece, from its two nearest glyphs; None where it does not reach it."""
    near = sorted(line, key=lambda p: abs(p.span[0] + p.width / 2 - piece.span[0] - piece.width / 2))[:2]
    gap = max(near[0].span[0] - piece.span[2], piece.span[0] - near[0].span[2])
    return None if gap > 3 * near[0].height else float(np.mean([p.middle for p in near]))


def shrink(piece: Piece, window: Window, labels: NDArray[np.int32]) -> Piece:
    """The part of a piece inside a window, its box drawn in to its ink."""
    top, bottom, left, right = window
    x, y, width, height = cv2.boundingRect((labels[top:bottom, left:right] == piece.label).astype(np.uint8))
    window = (top + y, top + y + height, left + x, left + x + width)
    dx, dy = piece.span[0] - piece.window[2], piece.span[1] - piece.window[0]
    return Piece(piece.label, window, (window[2] + dx, window[0] + dy, window[3] + dx, window[1] + dy))


def add_to_closest(lines: list[list[Piece]], piece: Piece, height: float) -> None:
    """Give a piece to the line that it stands in or touches; a large one that is no bar may stand alone, others go."""

    def gap(other: Piece) -> float:
        a, b = piece.span, other.span
        return max(0.0, a[0] - b[2], b[0] - a[2]) + max(0.0, a[1] - b[3], b[1] - a[3])

    size = max(piece.height, piece.width)
    if size > 0.5 * height and (line := nearest_by_level(lines, piece, height)) is not None:
        line.append(piece)
    elif size > 1.2 * height and min(piece.height, piece.width) > 0.2 * size:
        lines.append([piece])
    elif lines:
        closest = min(lines, key=lambda line: min(map(gap, line)))
        if min(map(gap, closest)) < 0.3 * height:
            closest.append(piece)


def nearest_by_level(lines: list[list[Piece]], piece: Piece, height: float) -> list[Piece] | None:
    """The line that passes through the middle of a piece."""
    off = [abs(level - piece.middle) if (level := level_at(line, piece)) is not None else np.inf for line in lines]
    return lines[int(np.argmin(off))] if off and min(off) < 0.6 * height else None


def candidates(line: list[Piece], height: float, labels: NDArray[np.int32]) -> list[Segment]:
    """What may be a character in a line, as stretches of atoms: the smallest parts that are ever told apart."""
    groups = stacked(line, height)
    if not groups:
        return []
    found: list[Segment] = []
    starts: list[int] = []
    at = 0
    for group in groups:
        starts.append(at)
        halves = cut_in_two(group, height, labels)
        for k, half in enumerate(halves):
            found.append(Segment(at + k, at + k + 1, half))
        count = max(1, len(halves))
        found.append(Segment(at, at + count, tuple(group)))
        at += count
    starts.append(at)
    for k in range(len(groups) - 1):
        both = tuple(groups[k] + groups[k + 1])
        one, two = groups[k], groups[k + 1]
        gap = min(p.span[0] for p in two) - max(p.span[2] for p in one)
        width = max(p.span[2] for p in both) - min(p.span[0] for p in both)
        if gap < 0.15 * height and width < 1.5 * height:
            found.append(Segment(starts[k], starts[k + 2], both))
    return found


def stacked(line: list[Piece], height: float) -> list[list[Piece]]:
    """Pieces that stand above one another, grouped: most of the narrower one lies over or under the other."""
    groups: list[list[Piece]] = []
    for piece in line:
        for group in reversed(groups[-3:]):
            left, right = min(p.span[0] for p in group), max(p.span[2] for p in group)
            shared = min(right, piece.span[2]) - max(left, piece.span[0])
            width = max(right, piece.span[2]) - min(left, piece.span[0])
            if shared > 0.45 * min(piece.width, right - left) and width < 2 * height:
                group.append(piece)
                break
        else:
            groups.append([piece])
    return [group for group in groups if is_glyph(group, height)]


def is_glyph(group: list[Piece], height: float) -> bool:
    """Whether a group of pieces has the size and the proportions of a character."""
    width = max(p.span[2] for p in group) - min(p.span[0] for p in group)
    tall = max(p.span[3] for p in group) - min(p.span[1] for p in group)
    return max(width, tall) > 0.4 * height and tall > 0.2 * width


def cut_in_two(group: list[Piece], height: float, labels: NDArray[np.int32]) -> list[tuple[Piece, ...]]:
    """The halves of a wide piece that may be two characters that touch, cut where it is thinnest; none for others."""
    if len(group) > 1 or group[0].width < max(1.15 * height, 1.1 * group[0].height):
        return []
    piece = group[0]
    top, bottom, left, right = piece.window
    ink = (labels[top:bottom, left:right] == piece.label).sum(axis=0) / height
    place = np.linspace(0, 1, len(ink))
    cost = np.where((place > 0.25) & (place < 0.75), ink + 0.5 * np.abs(place - 0.5), np.inf)
    column = left + int(cost.argmin())
    return [(shrink(piece, (top, bottom, a, b), labels),) for a, b in ((left, column), (column, right))]


def cut(ink: Ink, layout: Layout, candidate: Segment, slant: float = 0.0) -> NDArray[np.uint8]:
    """The ink of one candidate alone, uint8 (h, w), its neighbours left out, turned upright by `slant` radians."""
    x, y, width, height = candidate.box
    pad = 3 + (int(0.25 * max(width, height)) if slant else 0)
    x, y = max(x - pad, 0), max(y - pad, 0)
    labels: NDArray[np.int32] = layout.labels[y : y + height + 2 * pad, x : x + width + 2 * pad]
    own: NDArray[np.uint8] = np.zeros(labels.shape, np.uint8)
    for piece in candidate.pieces:
        top, bottom, left, right = piece.window
        rows, columns = slice(top - y, bottom - y), slice(left - x, right - x)
        own[rows, columns] |= labels[rows, columns] == piece.label
    soft = np.asarray(cv2.dilate(own, np.ones((3, 3), np.uint8)))
    contrast = ink.contrast[y : y + own.shape[0], x : x + own.shape[1]]
    picture: NDArray[np.uint8] = np.clip(contrast * soft * 255, 0, 255).astype(np.uint8)
    if slant:
        turn = cv2.getRotationMatrix2D((own.shape[1] / 2, own.shape[0] / 2), float(np.degrees(slant)), 1.0)
        size = (own.shape[1], own.shape[0])
        picture = np.asarray(cv2.warpAffine(picture, turn, size, flags=cv2.INTER_LINEAR), np.uint8)
    return picture
