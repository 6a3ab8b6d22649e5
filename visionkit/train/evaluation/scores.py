"""Scores of a classifier, from true and predicted classes; scikit-learn has the same numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class ClassScore(NamedTuple):
    """How well one class is told from the others; the mean over the classes has the same parts.

    Attributes:
        name: of the class, or of the mean.
        precision: of the samples taken for this class, the part that is of it; 0 where none is taken for it.
        recall: of the samples of this class, the part that is found; 0 where it has none.
        f1: the harmonic mean of the two; 0 where both are.
        support: how many samples are of this class.
        predicted: how many are taken for it.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


def confusion_matrix(truth: Integers, predicted: Integers, classes: int) -> Integers:
    """How often each true class (row) is taken for each class (column): (K, K).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(confusion: Integers, names: Sequence[str]) -> tuple[ClassScore, ...]:
    """The scores of each class; what would be 0 / 0 is 0."""
    right, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = _ratio(right, predicted), _ratio(right, support)
    f1 = _ratio(2 * right, support + predicted)
    columns: list[Any] = [column.tolist() for column in (precision, recall, f1, support, predicted)]
    return tuple(ClassScore(*row) for row in zip(names, *columns, strict=True))


def mean_score(name: str, scores: Sequence[ClassScore], *, weighted: bool) -> ClassScore:
    """The mean over the classes, each counted once, or as often as it has samples."""
    support, predicted = (sum(getattr(row, part) for row in scores) for part in ("support", "predicted"))
    weights = [row.support if weighted else 1 for row in scores]
    precision, recall, f1 = (
        float(np.average([getattr(row, part) for row in scores], weights=weights))
        for part in ("precision", "recall", "f1")
    )
    return ClassScore(name, precision, recall, f1, support, predicted)


def log_loss(truth: Integers, probabilities: Floats) -> float:
    """The mean of -log of the probability of the true class; a probability of 0 counts as the smallest step from 0."""
    step = np.finfo(np.float64).eps
    found = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(found, step, 1 - step)).mean())


def top_k(truth: Integers, probabilities: Floats, k: int) -> float:
    """The part of the samples whose true class is among the k most probable; of two as probable, the later is first."""
    own = probabilities[np.arange(len(truth)), truth][:, None]
    later = np.arange(probabilities.shape[1]) > truth[:, None]
    ahead = (probabilities > own) | ((probabilities == own) & later)
    return float((ahead.sum(axis=1) < k).mean())


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return ratio
