"""Whether a model is right as often as it says."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visionkit.train.evaluation.scores import Floats


class Bin(NamedTuple):
    """The samples predicted with about the same confidence.

    Attributes:
        low, high: their confidence is above ``low``, and at most ``high``.
        samples: how many they are.
        confidence: the mean of what the model says; nan where there are none.
        accuracy: the part of them that is right; nan where there are none.
    """

    low: float
    high: float
    samples: int
    confidence: float
    accuracy: float


class Calibration(NamedTuple):
    """Confidence beside accuracy.

    Attributes:
        error: the expected calibration error: the mean distance of the two over the samples, by bins, in [0, 1].
        bins: of equal width from 0 to 1.
    """

    error: float
    bins: tuple[Bin, ...]


def calibration(confidence: Floats, right: NDArray[np.bool_], *, bins: int = 15) -> Calibration:
    """Compare what a model says with how often it is right.

    Args:
        confidence: the probability of the predicted class, (N,).
        right: whether the prediction is right, (N,).
        bins: how many parts of equal width.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017 (arXiv 1706.04599), equation 3.

    >>> calibration(np.array([0.9, 0.9]), np.array([True, False])).error
    0.4
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence)
    count = np.bincount(place, minlength=bins)
    said, hit = (np.bincount(place, weights=values, minlength=bins) for values in (confidence, right.astype(float)))
    error = float(np.abs(said - hit).sum() / len(confidence))
    columns: list[Any] = [edges[:-1], edges[1:], count, *(_mean(total, count) for total in (said, hit))]
    return Calibration(error, tuple(Bin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)))


def _mean(total: NDArray[Any], count: NDArray[Any]) -> Floats:
    mean: Floats = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean
