"""Several models that answer as one: their probabilities averaged."""

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import ArrayLike

from visionkit import _saved
from visionkit._errors import ArgumentError, FileError, ModelError, describe
from visionkit.train.data.dataset import Dataset
from visionkit.train.evaluation.outputs import bar, dataset_of, labels_of, probabilities
from visionkit.train.evaluation.scores import Floats

Source: TypeAlias = keras.Model | str | os.PathLike[str]


class Ensemble:
    """Models that answer together: the mean of their class probabilities.

    Args:
        models: Keras models with as many classes each, or paths of ``.keras`` files, which are loaded one after the
            other, so that one of them is in memory at a time. Keras' safe mode stays on.
        weights: how much each model counts, numbers of at least 0; None for all the same. They are scaled to sum to 1.

    Attributes:
        models: as they were given.
        weights: with a sum of 1, (models,).

    Raises:
        ArgumentError: no models, or weights that do not fit them.
        FileError: no such file.
        ModelError: something else than models; or models for samples of different sizes, or different classes.

    >>> one, other = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]) for _ in range(2))
    >>> Ensemble([one, other], weights=[3, 1]).predict(np.zeros((2, 4)), verbose=0).round(2)
    array([[0.33, 0.33, 0.33],
           [0.33, 0.33, 0.33]])
    """

    def __init__(self, models: Sequence[Source], *, weights: ArrayLike | None = None) -> None:
        self.models = several("Ensemble", models)
        self.weights = _shares("Ensemble", weights, len(self.models))
        shapes = [
            (model.name, model.input_shape[1:], model.output_shape[1:])
            for model in self.models
            if isinstance(model, keras.Model) and hasattr(model, "input_shape") and hasattr(model, "output_shape")
        ]
        for name, takes, gives in shapes[1:]:
            if gives != shapes[0][2]:
                raise ModelError(
                    f"Ensemble: expected models with the same classes, got outputs {shapes[0][2]} of {shapes[0][0]!r} "
                    f"and {gives} of {name!r}"
                )
            if not _alike(takes, shapes[0][1]):
                raise ModelError(
                    f"Ensemble: expected models for samples of one size, got {shapes[0][1]} for {shapes[0][0]!r} "
                    f"and {takes} for {name!r}; put a keras.layers.Resizing before one of them"
                )

    @property
    def passes(self) -> int:
        """How often the data is read for a prediction, which is once a model."""
        return len(self.models)

    def predict(
        self, data: Any, *, batch_size: int | None = None, from_logits: bool | None = None, verbose: int = 1
    ) -> Floats:
        """The weighted mean of the class probabilities.

        Args:
            data: a Dataset, of which epoch 0 is taken; an array x; or arrays (x, y), of which y plays no part.
            batch_size: for arrays; None for 32. A Dataset has its own.
            from_logits: whether the models' outputs lack a softmax (for one unit a sigmoid); None for looking, for
                each model by itself: outputs outside [0, 1], or rows that do not sum to 1, are logits.
            verbose: 1 for a bar of progress, 2 for one line, 0 for none.

        Returns:
            float64 (N, classes) in the order of the source; two classes for models with one unit.

        Raises:
            ModelError: models with different classes, or outputs that are no finite (N, classes).
            FileError: a file that is no model.
        """
        batches = dataset_of("Ensemble.predict", data, batch_size)
        tick = bar("Ensemble.predict", self, batches, verbose=verbose)
        return self.voices("Ensemble.predict", batches, from_logits=from_logits, tick=tick)

    def voices(self, where: str, data: Dataset, **options: Any) -> Floats:
        """What ``predict`` gives, for data that is checked already."""
        total: Any = 0.0
        for source, weight in zip(self.models, self.weights.tolist(), strict=True):
            found = probabilities(where, loaded(where, source), data, **options)
            if np.ndim(total):
                _check_classes(where, source, found.shape[1], total.shape[1])
            total = total + weight * found
        mean: Floats = total
        return mean

    @classmethod
    def tune(
        cls,
        models: Sequence[Source],
        data: Any,
        *,
        batch_size: int | None = None,
        from_logits: bool | None = None,
        verbose: int = 1,
    ) -> "Ensemble":
        """An Ensemble with the weights of the least log loss on validation data.

        The loss of a mixture is convex in its weights: what is found is the best there is, to a ten-thousandth. Data
        that a model was trained on makes that model look better than it is.

        Args:
            models: as for ``Ensemble``.
            data: a Dataset with labels, or arrays (x, y).
            batch_size: for arrays; None for 32.
            from_logits: as for ``predict``.
            verbose: 1 for a bar of progress, 2 for one line, 0 for none.

        Raises:
            ArgumentError, FileError, ModelError: as for ``Ensemble`` and ``predict``; or data without labels.

        Source: Smyth and Wolpert, Linearly Combining Density Estimators via Stacking, 1999, section 3.
        """
        where = "Ensemble.tune"
        ensemble = cls(models)
        batches = dataset_of(where, data, batch_size)
        tick = bar(where, ensemble, batches, verbose=verbose)
        columns: list[Floats] = []
        for source in ensemble.models:
            found = probabilities(where, loaded(where, source), batches, from_logits=from_logits, tick=tick)
            if not columns:
                classes, truth = found.shape[1], labels_of(where, batches, found.shape[1])
            _check_classes(where, source, found.shape[1], classes)
            columns.append(found[np.arange(len(found)), truth])
        return cls(ensemble.models, weights=_mixture(np.stack(columns, axis=1)))


def several(where: str, models: Any) -> tuple[Source, ...]:
    """Models and paths that are there, or an error."""
    if isinstance(models, str | os.PathLike | keras.Model):
        raise ArgumentError(f"{where}: expected several models, got {describe(models)}; give a list")
    listed = tuple(models)
    if not listed:
        raise ArgumentError(f"{where}: expected at least one model, got none")
    for model in listed:
        if not isinstance(model, keras.Model | str | os.PathLike):
            raise ModelError(f"{where}: expected Keras models or paths of .keras files, got {describe(model)}")
        if not isinstance(model, keras.Model) and not Path(model).is_file():
            raise FileError(f"{where}: expected a .keras file in '{os.fspath(model)}', got no such file")
    return listed


def _shares(where: str, weights: ArrayLike | None, models: int) -> Floats:
    found = np.ones(models) if weights is None else np.asarray(weights)
    if found.shape != (models,) or found.dtype.kind not in "iuf":
        raise ArgumentError(f"{where}: expected weights for {models} models, got {describe(weights)}")
    if not np.isfinite(found).all() or found.min() < 0 or not found.any():
        raise ArgumentError(f"{where}: expected weights of at least 0, not all of them 0, got {found.tolist()}")
    shares: Floats = found / found.sum(dtype=np.float64)
    return shares


def _check_classes(where: str, source: Source, found: int, classes: int) -> None:
    if found != classes:
        name = source.name if isinstance(source, keras.Model) else os.fspath(source)
        raise ModelError(
            f"{where}: expected models with the same classes, got {classes} of the first and {found} of {name!r}"
        )


def _alike(one: Any, other: Any) -> bool:
    """Whether samples of one size fit two models; None stands for any."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)) or len(one) != len(other):
        return bool(one == other)
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def loaded(where: str, source: Source) -> keras.Model:
    """A model as it is, or from its file; what was loaded before, and is no longer used, is out of memory by then."""
    if isinstance(source, keras.Model):
        return source
    gc.collect()  # models hold themselves in circles
    return _saved.load(where, source)


def _mixture(found: Floats) -> Floats:
    """The shares under which the mean log of the mixture of the columns is greatest, by expectation-maximisation."""
    found = np.maximum(found, np.finfo(np.float64).tiny)
    shares: Floats = np.full(found.shape[1], 1 / found.shape[1])
    for _ in range(10_000):
        gain = (found / (found @ shares)[:, None]).mean(axis=0)
        if gain.max() < 1 + 1e-4:  # no mixture is better by more than the log of this
            break
        shares = shares * gain
    return shares
