"""Whether a heatmap points at what it should."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, describe
from visionkit.explain.faithfulness.heatmaps import checked


def pointing_game(heatmaps: ArrayLike, boxes: ArrayLike | Sequence[ArrayLike], *, tolerance: float = 0.0) -> float:
    """How often the highest place of a heatmap lies on the object that it is to show.

    Args:
        heatmaps: numbers (N, H, W).
        boxes: where the objects are, in pixels of the heatmaps: integers (N, 4) as x, y, width and height, or for
            each map several of them, (k, 4); any of these is a hit.
        tolerance: how many pixels beside a box still are a hit; the paper's is 15, on photos of some 500.

    Returns:
        The share of hits, in [0, 1]. A map with several highest places counts by how many of them are hits. One that
        is the same everywhere, such as a map of zeros, points nowhere: a miss.

    Raises:
        ArgumentError: no such maps or boxes, or a box that is outside its map.

    Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, 2016 (arXiv 1608.00507), section 4.2.

    >>> heatmaps = np.zeros((2, 8, 8)); heatmaps[:, 2, 5] = 1.0
    >>> pointing_game(heatmaps, [(4, 1, 3, 3), (0, 0, 3, 3)])  # x from 4 to 6, y from 1 to 3; the second is elsewhere
    0.5
    """
    maps = checked("pointing_game", heatmaps)
    margin = _checks.not_negative("pointing_game", "tolerance", tolerance)
    hits = [_hits(one, some, margin) for one, some in zip(maps, _boxes(boxes, maps.shape), strict=True)]
    return float(np.mean(hits))


def _hits(heatmap: NDArray[Any], boxes: NDArray[np.int64], margin: float) -> float:
    """The share of the highest places that lie on a box or no further from it."""
    rows, columns = np.nonzero(heatmap == heatmap.max())
    if len(rows) == heatmap.size:
        return 0.0
    x, y, width, height = boxes[:, :, None].transpose(1, 0, 2)
    beside = np.maximum(np.maximum(x - columns, columns - (x + width - 1)), 0)
    above = np.maximum(np.maximum(y - rows, rows - (y + height - 1)), 0)
    return float(np.mean((np.hypot(beside, above) <= margin).any(axis=0)))


def _boxes(boxes: Any, shape: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Some (k, 4) for each map."""
    count, height, width = shape
    if not hasattr(boxes, "__len__") or len(boxes) != count:
        raise ArgumentError(f"pointing_game: expected boxes for each of {count} heatmaps, got {describe(boxes)}")
    found = []
    for number, one in enumerate(boxes):
        try:
            some = np.atleast_2d(np.asarray(one))
        except ValueError:  # lists of different lengths
            some = np.empty((0, 0))
        if some.dtype.kind not in "iu" or some.ndim != 2 or some.shape[1] != 4 or not some.size:
            raise ArgumentError(
                "pointing_game: expected one box (x, y, width, height) of integers or several for each heatmap, got "
                f"{describe(one)} for heatmap {number}"
            )
        some = some.astype(np.int64)
        starts, sizes = some[:, :2], some[:, 2:]
        if (sizes < 1).any() or (starts >= (width, height)).any() or (starts + sizes <= 0).any():
            raise ArgumentError(
                f"pointing_game: expected boxes (x, y, width, height) on the {width} x {height} pixels of heatmap "
                f"{number}, got {some.tolist()}"
            )
        found.append(some)
    return found
