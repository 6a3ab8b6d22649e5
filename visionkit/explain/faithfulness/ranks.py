"""The rank correlation."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """Spearman's rank correlation of two maps, in [-1, 1]; equal values share their ranks; 0 where a map is constant.

    >>> spearman([1, 2, 3], [10, 40, 30])
    0.5
    """
    ranks = np.stack([_ranks(np.ravel(one)), _ranks(np.ravel(other))])
    ranks -= ranks.mean(axis=1, keepdims=True)
    squares = (ranks**2).sum(axis=1)
    return float(ranks[0] @ ranks[1] / np.sqrt(squares.prod())) if squares.all() else 0.0


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """From 1 on; of equal values, the mean of the ranks that they take."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])
