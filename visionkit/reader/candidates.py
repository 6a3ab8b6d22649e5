"""What may be a character in a line: pieces above one another together, wide ones cut, near ones joined."""

import numpy as np

from visionkit.reader.pieces import Labels, Piece, Segment, extent, shrink


def candidates(line: list[Piece], height: float, labels: Labels) -> list[Segment]:
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
        both = Segment(starts[k], starts[k + 2], tuple(groups[k] + groups[k + 1]))
        gap = extent(groups[k + 1])[0] - extent(groups[k])[2]
        if gap < 0.15 * height and both.right - both.left < 1.5 * height:
            found.append(both)
    return found


def stacked(line: list[Piece], height: float) -> list[list[Piece]]:
    """Pieces that stand above one another, grouped: most of the narrower one lies over or under the other."""
    groups: list[list[Piece]] = []
    for piece in line:
        for group in reversed(groups[-3:]):
            left, _, right, _ = extent(group)
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
    left, top, right, bottom = extent(group)
    width, tall = right - left, bottom - top
    return max(width, tall) > 0.4 * height and tall > 0.2 * width


def cut_in_two(group: list[Piece], height: float, labels: Labels) -> list[tuple[Piece, ...]]:
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
