"""The order in which a person reads boxes: column by column, line by line, from left to right."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# What columns are, in heights of the writing; less is a page of single lines, with wide gaps or with a table in it.
_GUTTER = 1.5  # how wide the gap between them is at least,
_CLEAR = 1.5  # and how many times as wide as the gaps within their lines
_WIDE = 5.0  # how wide most of their lines are at least,
_SEVERAL = 3  # and how many of these there are at least


def reading_order(boxes: NDArray[np.int64]) -> list[int]:
    """The indices of boxes (N, 4) as they are read.

    Where a clear gap runs down through several lines, what is above it comes first, then column after column, then what
    is below; each of these may have columns again.
    """
    return _order(boxes.astype(np.float64), np.arange(len(boxes)), 0.0)


def _order(boxes: Floats, members: Indices, slope: float) -> list[int]:
    if not len(members):
        return []
    slope = _refined(boxes[members], _slope(boxes[members], slope))
    columns = _columns(boxes[members], slope)
    if columns:
        return [index for part in columns for index in _order(boxes, members[part], slope)]
    return [int(members[index]) for line in _lines(boxes[members], slope) for index in line]


def _columns(boxes: Floats, slope: float) -> list[Indices]:
    """What is above columns, the columns from the left, and what is below them; nothing where there are none."""
    x, y, height, usual = _measures(boxes)
    gutter, level, letters = _GUTTER * usual, y - slope * x, height >= 0.5 * usual
    bands = []
    for across in (x + slope * y, x):  # gaps lean with a page that is turned; where only the lines climb, they do not
        left, right = across - boxes[:, 2] / 2, across + boxes[:, 2] / 2
        found = _bands(left[letters], right[letters], level[letters], height[letters], gutter)
        bands += [(tall, top, bottom, left, right) for (top, bottom), tall in found.items()]
    for _, top, bottom, left, right in sorted(bands, key=lambda band: -band[0]):
        inside = (level > top) & (level < bottom)
        cuts, narrowest = _cuts(left[letters & inside], right[letters & inside], gutter)
        place = np.searchsorted(cuts, (left + right) / 2)
        columns = [np.flatnonzero(inside & (place == number)) for number in range(len(cuts) + 1)]
        parts = (boxes[column[letters[column]]] for column in columns)
        if len(cuts) and all(_is_column(part, slope, usual, narrowest) for part in parts):
            return [np.flatnonzero(level <= top), *columns, np.flatnonzero(level >= bottom)]
    return []


def _bands(
    left: Floats, right: Floats, level: Floats, height: Floats, gutter: float
) -> dict[tuple[float, float], float]:
    """From where to where gaps of some width run down, and how far there are letters on both sides of them."""
    found: dict[tuple[float, float], float] = {}
    for start in np.unique(np.ceil(right / (gutter / 4))) * (gutter / 4):
        across = (left < start + gutter) & (right > start)
        order = np.argsort(level[across])
        tops = [-np.inf, *np.maximum.accumulate((level + height / 2)[across][order])]
        bottoms = [*(level - height / 2)[across][order], np.inf]
        for top, bottom in zip(tops, bottoms, strict=True):
            if bottom - top < 2 * gutter:
                continue
            inside = (level > top) & (level < bottom)
            sides = level[inside & (right <= start)], level[inside & (left >= start + gutter)]
            if min(map(len, sides)) >= _SEVERAL and (tall := float(min(map(np.ptp, sides)))) > gutter:
                found[top, bottom] = max(tall + 0.01 * float(np.ptp(level[inside])), found.get((top, bottom), 0.0))
    return found


def _cuts(left: Floats, right: Floats, gutter: float) -> tuple[Floats, float]:
    """The middles of the gaps that are at least as wide as the gutter, and the width of the narrowest."""
    order = np.argsort(left)
    ends, starts = np.maximum.accumulate(right[order])[:-1], left[order][1:]
    wide = starts - ends >= gutter
    return ((starts + ends) / 2)[wide], float(np.min((starts - ends)[wide], initial=np.inf))


def _is_column(boxes: Floats, slope: float, usual: float, gutter: float) -> bool:
    """Whether boxes are lines of text, most of them with gaps that are clearly less than the one beside them."""
    lengths, gaps = [], []
    for line in _lines(boxes, slope):
        left = boxes[line, 0]
        right = np.maximum.accumulate(left + boxes[line, 2])
        lengths.append(right[-1] - left[0])
        gaps.append(float(np.max(left[1:] - right[:-1], initial=0.0)))
    wide = np.array(lengths) >= _WIDE * usual
    several = np.count_nonzero(wide) >= max(_SEVERAL, len(wide) / 2)
    return bool(several and _CLEAR * np.median(np.array(gaps)[wide]) <= gutter)


def _lines(boxes: Floats, slope: float) -> list[list[int]]:
    """The indices of boxes line by line.

    Boxes of at least half the usual height are chained from left to right, each to the line whose last few boxes end
    nearest to its own height, after the common slope of all lines is taken out; so a line may slope and bend. Dots,
    dashes and commas join the nearest line afterwards: they are too small to tell where a line runs.
    """
    x, y, height, usual = _measures(boxes)
    y = y - slope * x
    large = np.flatnonzero(height >= 0.5 * usual)
    lines: list[list[int]] = []
    tracks: list[tuple[float, float]] = []  # where a line runs now, and how high its boxes are
    for index in large[np.lexsort((y[large], x[large]))].tolist():
        distances = [abs(y[index] - at) / max(tall, height[index]) for at, tall in tracks]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest >= 0 and distances[nearest] < 0.6:
            lines[nearest].append(index)
            at, tall = tracks[nearest]
            tracks[nearest] = (0.6 * at + 0.4 * y[index], 0.7 * tall + 0.3 * height[index])
        else:
            lines.append([index])
            tracks.append((y[index], height[index]))
    for index in np.flatnonzero(height < 0.5 * usual).tolist():
        nearest = int(np.argmin([_gap(x, y, height, line, index) for line in lines]))
        lines[nearest].append(index)
    for line in lines:
        line.sort(key=lambda index: (boxes[index, 0], y[index]))
    return sorted(lines, key=lambda line: float(np.mean(y[line])))


def _slope(boxes: Floats, slope: float) -> float:
    """The usual slope from a box to the next on its right, at most that of 20 degrees, looked for around another."""
    x, y, height, usual = _measures(boxes)
    x, y, height = (values[height >= 0.5 * usual] for values in (x, y, height))
    for _ in range(3):  # steep steps are found only once most of the slope is taken out
        level = y - slope * x
        slopes = []
        for index in range(len(x)):
            away = x - x[index]
            beside = (away > 0.3 * height[index]) & (
                np.abs(level - level[index]) < 0.6 * np.maximum(height, height[index])
            )
            if beside.any():
                nearest = int(np.argmin(np.where(beside, away, np.inf)))
                slopes.append((y[nearest] - y[index]) / away[nearest])
        if len(slopes) > 1:
            slope = float(np.clip(np.median(slopes), -0.36, 0.36))
    return slope


def _refined(boxes: Floats, slope: float) -> float:
    """The slope that fits all lines best; where there is a wide gap, another column and so another line may begin."""
    x, y, height, usual = _measures(boxes)
    spread = climb = 0.0
    large = np.flatnonzero(height >= 0.5 * usual)
    for letters in (large[line] for line in _lines(boxes[large], slope)):
        gaps = boxes[letters[1:], 0] - boxes[letters[:-1], 0] - boxes[letters[:-1], 2]
        for part in np.split(letters, np.flatnonzero(gaps > _GUTTER * usual) + 1):
            away = x[part] - np.mean(x[part])
            spread, climb = spread + float(away @ away), climb + float(away @ y[part])
    return float(np.clip(climb / spread, -0.36, 0.36)) if spread else slope


def _measures(boxes: Floats) -> tuple[Floats, Floats, Floats, float]:
    """The middles of boxes, their heights, and how high letters are among them."""
    height = np.maximum(boxes[:, 3], 1)
    usual = float(np.median(height[height >= np.median(height)]))
    return boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3] / 2, height, usual


def _gap(x: Floats, y: Floats, height: Floats, line: list[int], index: int) -> float:
    """How far a small box is off the boxes of a line that are beside it, in their heights.

    Being far along the line counts a little too: there the line itself may have gone up or down.
    """
    members = np.array(line)
    distance = np.abs(x[members] - x[index])
    near = members[np.argsort(distance)[:3]]
    off = abs(float(np.mean(y[near]) - y[index])) + 0.05 * float(distance.min())
    return off / float(np.mean(height[near]))
