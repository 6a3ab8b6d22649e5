"""What an evaluation found: scores, confusion, calibration and every prediction, as text, dict, picture and page."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._checks import positive
from visionkit._errors import ArgumentError, describe
from visionkit._files import write_text, writing
from visionkit._table import Table
from visionkit.train.data.dataset import Dataset
from visionkit.train.evaluation import scores
from visionkit.train.evaluation.calibration import Calibration, calibration
from visionkit.train.evaluation.figure import draw
from visionkit.train.evaluation.page import page
from visionkit.train.evaluation.pictures import grid, pictures
from visionkit.train.evaluation.scores import ClassScore, Floats, Integers


class Prediction(NamedTuple):
    """What a model says of one sample.

    Attributes:
        name: of the sample: the path of its file, or its number.
        truth, predicted: names of classes.
        confidence: the probability of the predicted class.
    """

    name: str
    truth: str
    predicted: str
    confidence: float


class Confused(NamedTuple):
    """One class taken for another.

    Attributes:
        truth, predicted: names of classes.
        times: how often.
        share: of all samples of the true class, in (0, 1].
        numbers: which samples, the most confident mistake first.
    """

    truth: str
    predicted: str
    times: int
    share: float
    numbers: Integers


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What ``evaluate`` found; printed, it is a table by class. Samples are in the order of their source.

    The scores are those of scikit-learn: ``accuracy_score``, ``top_k_accuracy_score``, ``log_loss``,
    ``confusion_matrix``, and ``precision_recall_fscore_support`` with all classes as its labels and 0 for what is not
    defined.

    Attributes:
        model: its name; "" where it has none.
        classes: names of the classes.
        names: of the samples: paths of files, or numbers.
        truth: their classes, integers (N,).
        probabilities: of each class, (N, K).
        data: where the samples come from; their pictures are read from it when they are drawn.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Softmax()])
    >>> points = vk.train.from_arrays(np.array([[1, 0], [2, 0], [0, 1], [3, 0]]), [0, 0, 1, 1], shuffle=False)
    >>> report = vk.train.evaluate(model, points, verbose=0)
    >>> report.accuracy, report.mistakes.tolist(), report.confusion.tolist()
    (0.75, [3], [[2, 0], [1, 1]])
    """

    model: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    truth: Integers
    probabilities: Floats
    data: Dataset

    @cached_property
    def predicted(self) -> Integers:
        """The most probable class of each sample, (N,)."""
        predicted: Integers = self.probabilities.argmax(axis=1)
        return predicted

    @cached_property
    def confidence(self) -> Floats:
        """The probability of that class, (N,)."""
        confidence: Floats = self.probabilities.max(axis=1)
        return confidence

    @cached_property
    def mistakes(self) -> Integers:
        """The samples that are predicted wrong, the most confident first."""
        wrong: Integers = np.flatnonzero(self.predicted != self.truth)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")]

    @property
    def accuracy(self) -> float:
        """The part of the samples that is predicted right."""
        return float((self.predicted == self.truth).mean())

    @cached_property
    def top5(self) -> float | None:
        """The part whose class is among the five most probable; None for five classes or fewer."""
        return scores.top_k(self.truth, self.probabilities, 5) if len(self.classes) > 5 else None

    @cached_property
    def log_loss(self) -> float:
        """The mean of -log of the probability of the true class."""
        return scores.log_loss(self.truth, self.probabilities)

    @cached_property
    def confusion(self) -> Integers:
        """How often each true class (row) is taken for each class (column), (K, K)."""
        return scores.confusion_matrix(self.truth, self.predicted, len(self.classes))

    @cached_property
    def by_class(self) -> tuple[ClassScore, ...]:
        """Precision, recall, F1 and number of samples of each class."""
        return scores.class_scores(self.confusion, self.classes)

    @property
    def mean(self) -> ClassScore:
        """The mean over the classes, each counted once (the "macro" one)."""
        return scores.mean_score("mean", self.by_class, weighted=False)

    @property
    def weighted_mean(self) -> ClassScore:
        """The mean over the classes, each counted as often as it has samples."""
        return scores.mean_score("weighted mean", self.by_class, weighted=True)

    @cached_property
    def calibration(self) -> Calibration:
        """Confidence beside accuracy, in 15 bins."""
        return calibration(self.confidence, self.predicted == self.truth)

    @cached_property
    def confused(self) -> tuple[Confused, ...]:
        """All pairs of classes of which one was taken for the other, the most frequent first."""
        wrong = self.confusion * (1 - np.eye(len(self.classes), dtype=np.int64))
        pairs = np.argwhere(wrong)
        ordered = pairs[np.argsort(-wrong[tuple(pairs.T)], kind="stable")]
        taken: dict[tuple[int, int], list[int]] = {}
        for number in self.mistakes:
            taken.setdefault((int(self.truth[number]), int(self.predicted[number])), []).append(int(number))
        support = self.confusion.sum(axis=1)
        return tuple(
            Confused(
                self.classes[true],
                self.classes[said],
                int(wrong[true, said]),
                float(wrong[true, said] / support[true]),
                np.array(taken[true, said]),
            )
            for true, said in ordered.tolist()
        )

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """Every sample with its true and its predicted class."""
        columns = zip(self.names, self.truth.tolist(), self.predicted.tolist(), self.confidence.tolist(), strict=True)
        return tuple(
            Prediction(name, self.classes[true], self.classes[said], sure) for name, true, said, sure in columns
        )

    @property
    def summary(self) -> str:
        """The scores in one line."""
        top5 = "" if self.top5 is None else f"top-5 {self.top5:.4f}, "
        return (
            f"accuracy {self.accuracy:.4f} of {len(self.truth):,} samples, {top5}log loss {self.log_loss:.4f}, "
            f"calibration error {self.calibration.error:.4f}"
        )

    def table(self, *, samples: bool = False) -> Table:
        """The table by class, or that of all samples."""
        if samples:
            return Table(self.summary, ("sample", "truth", "prediction", "confidence", ""), self._sample_rows(), left=3)
        every = [_row(row) for row in (*self.by_class, self.mean, self.weighted_mean)]
        pairs = "; ".join(
            f"{pair.truth} taken for {pair.predicted} {pair.times:,} ({pair.share:.1%})" for pair in self.confused[:5]
        )
        notes = ["-: not defined, 0 in the means"] if any("-" in row[1:] for row in every) else []
        notes += [f"most often confused: {pairs}"] if pairs else []
        columns = ("class", "precision", "recall", "f1", "samples")
        return Table(self.summary, columns, every[:-2], sums=every[-2:], note="\n".join(notes))

    def to_dict(self, *, samples: bool = True) -> dict[str, Any]:
        """Plain values, as for JSON; ``samples=False`` leaves out the single predictions."""
        found = {
            "model": self.model,
            "samples": len(self.truth),
            "accuracy": self.accuracy,
            "top5": self.top5,
            "log_loss": self.log_loss,
            "calibration_error": self.calibration.error,
            "mean": self.mean._asdict(),
            "weighted_mean": self.weighted_mean._asdict(),
            "by_class": [row._asdict() for row in self.by_class],
            "confusion": self.confusion.tolist(),
            "confused": [pair._asdict() | {"numbers": pair.numbers.tolist()} for pair in self.confused],
            "calibration": [
                one._asdict() | ({} if one.samples else {"confidence": None, "accuracy": None})
                for one in self.calibration.bins
            ],
        }
        return found | {"predictions": [one._asdict() for one in self.predictions]} if samples else found

    def figure(self) -> Any:
        """A ``matplotlib.figure.Figure``: confusion, scores by class, reliability, and how sure the model is.

        Raises:
            MissingExtraError: Matplotlib is not installed.
        """
        return draw(self)

    def grid(
        self, numbers: ArrayLike | None = None, *, columns: int | None = None, size: int = 160
    ) -> NDArray[np.uint8]:
        """Photos with what the model sees in them: green where it is right, red where not.

        Args:
            numbers: which samples; None for the first 24. ``report.mistakes[:24]`` are the worst.
            columns: photos in a row; None for a picture that is a little wider than high.
            size: of each photo, in pixels.

        Returns:
            uint8 RGB (H, W, 3).

        Raises:
            ArgumentError: no such sample, or the samples are no pictures.
        """
        chosen = np.arange(min(24, len(self.truth))) if numbers is None else np.asarray(numbers)
        if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
            raise ArgumentError(f"grid: expected numbers of samples, at least one, got {describe(numbers)}")
        if chosen.min() < 0 or chosen.max() >= len(self.truth):
            raise ArgumentError(f"grid: expected numbers below {len(self.truth)}, got {chosen.min()} to {chosen.max()}")
        shown = pictures(self.data, chosen)
        if shown is None:
            raise ArgumentError(f"grid: expected pictures as samples, got {describe(self.data.batch(0, 0)[0])} a batch")
        width = None if columns is None else positive("grid", "columns", columns)
        told = [self.predictions[number] for number in chosen]
        return grid(shown, told, columns=width, size=positive("grid", "size", size, least=32))

    def save(self, path: str | os.PathLike[str], *, pairs: int = 10, pictures_each: int = 6) -> None:
        """Write all of it as one web page that needs nothing else.

        Args:
            path: where to; it ends in .html.
            pairs: how many of the most frequent confusions to show.
            pictures_each: how many of their photos, the most confident mistakes.

        Raises:
            ArgumentError: the path does not end in .html.
            FileError: it cannot be written; what was there before is untouched.
        """
        if not str(path).lower().endswith(".html"):
            raise ArgumentError(f"save: expected the path of an .html file, got {describe(path)}")
        counts = [
            positive("save", name, n, least=0) for name, n in (("pairs", pairs), ("pictures_each", pictures_each))
        ]
        text = page(self, pairs=counts[0], pictures_each=counts[1])
        with writing("save", path):
            write_text(path, text)

    def _sample_rows(self) -> list[tuple[str, ...]]:
        return [
            (one.name, one.truth, one.predicted, f"{one.confidence:.1%}", "" if one.truth == one.predicted else "wrong")
            for one in self.predictions
        ]

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<Report{f' of {self.model}' if self.model else ''}: {self.summary}>"


def _row(score: ClassScore) -> tuple[str, ...]:
    """A line of the table: what is not defined, as there is no sample to define it, is a dash."""
    values = (score.precision, score.recall, score.f1)
    known = (score.predicted, score.support, score.predicted + score.support)
    shown = [f"{value:.4f}" if number else "-" for value, number in zip(values, known, strict=True)]
    return (score.name, *shown, f"{score.support:,}")
