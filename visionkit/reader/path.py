"""Which of a line's candidates are its characters: the path through them that the network believes most."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visionkit.reader.pieces import Segment

CUT = 0.5  # in nats: of two readings that are believed alike, the one with fewer characters is likelier


def best_path(candidates: Sequence[Segment], belief: NDArray[np.float64]) -> list[int]:
    """Choose candidates that cover each atom of a line once, so that the belief summed over its atoms is greatest.

    Args:
        candidates: segments over the atoms 0, 1, ... of a line.
        belief: float (N,), the log probability of each candidate's likeliest character.

    Returns:
        The indices of the chosen candidates, from left to right.

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998, section VI.
    """
    end = max(c.end for c in candidates)
    score = np.full(end + 1, -np.inf)
    score[0] = 0.0
    back = np.zeros(end + 1, np.int64)
    for k in sorted(range(len(candidates)), key=lambda k: candidates[k].end):
        c = candidates[k]
        reached = score[c.start] + (c.end - c.start) * belief[k] - CUT
        if reached > score[c.end]:
            score[c.end], back[c.end] = reached, k
    path: list[int] = []
    while end > 0:
        path.append(int(back[end]))
        end = candidates[path[-1]].start
    return path[::-1]
