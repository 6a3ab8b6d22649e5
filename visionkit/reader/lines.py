"""Which pieces stand in one line."""

import numpy as np

from visionkit.reader.pieces import Labels, Piece, shrink


def chain(pieces: list[Piece], height: float, labels: Labels) -> list[list[Piece]]:
    """Pieces that stand side by side, chained into lines; lines from top to bottom, pieces from left to right."""
    whole = [p for p in pieces if is_whole(p, height)]
    lines: list[list[Piece]] = []
    for piece in sorted(whole, key=lambda p: p.span[0]):
        line = nearest_line(lines, piece, height)
        if line is None:
            lines.append([piece])
        else:
            line.append(piece)
    lines = rejoin(lines, height)
    for piece in (p for p in pieces if not is_whole(p, height)):
        for part in cut_between(lines, piece, labels):
            add_to_closest(lines, part, height)
    for line in lines:
        line.sort(key=lambda p: p.span[0])
    return sorted(lines, key=lambda line: float(np.median([p.middle for p in line])))


def is_whole(piece: Piece, height: float) -> bool:
    """Whether a piece is as large as a character of one line, so that it may tell where the line runs."""
    return (piece.height > 0.5 * height or piece.width > 0.6 * height) and piece.height < 1.55 * height


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


def cut_between(lines: list[list[Piece]], piece: Piece, labels: Labels) -> list[Piece]:
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
