"""The loss and the metrics that fit a head and its labels."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.train.loop.head import head


def loss_and_metrics(
    model: keras.Model, x: Any, y: Any, names: Sequence[str] = ()
) -> tuple[keras.losses.Loss, list[Any]]:
    """Choose by the last activation of a model, by how many values it gives, and by the kind of the labels.

    ====================  ================  =============================  ===================
    last layer            labels            loss                           metric
    ====================  ================  =============================  ===================
    softmax or linear, K  integers (N,)     SparseCategoricalCrossentropy  accuracy
    softmax or linear, K  one of K, (N, K)  CategoricalCrossentropy        accuracy
    sigmoid or linear, 1  0 and 1           BinaryCrossentropy             accuracy
    sigmoid, K            0 and 1, (N, K)   BinaryCrossentropy             accuracy
    linear                other numbers     MeanSquaredError               mean absolute error
    ====================  ================  =============================  ===================

    Args:
        model: with one output of shape (N, K).
        x, y: some samples and their labels.
        names: what the samples are called, for messages.

    Raises:
        ModelError: the outputs are none of these, or do not fit the labels.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    >>> loss, _ = loss_and_metrics(model, np.zeros((2, 4)), np.array([0, 2]))
    >>> loss.name
    'sparse_categorical_crossentropy'
    """
    if y is None:
        raise ArgumentError("fit: expected data with labels, or a loss that needs none, got data without labels")
    plain = not isinstance(x, dict | list | tuple) and not isinstance(y, dict | list | tuple)
    outputs: Any = model(x[:1], training=False) if plain else None
    if not hasattr(outputs, "shape") or len(outputs.shape) != 2:
        raise ModelError(
            "fit: a loss is chosen for models with one input and one output of shape (N, K); "
            f"{model.name} is of another kind: give loss= and metrics="
        )
    labels = np.asarray(y)
    width = int(outputs.shape[1])
    kind = head(model, x)
    logits = kind == "linear"
    if labels.ndim == 2 and labels.shape[1] == 1 and width > 1:
        labels = labels[:, 0]
    whole = labels.dtype.kind in "bui" or bool((labels == np.round(labels)).all() and labels.min() >= 0)
    if width == 1 and labels.size == len(labels) and (kind == "sigmoid" or _zero_or_one(labels)):
        _check_range(labels, 2, names)
        threshold = 0.0 if logits else 0.5
        return keras.losses.BinaryCrossentropy(from_logits=logits), [
            keras.metrics.BinaryAccuracy(name="accuracy", threshold=threshold)
        ]
    if width > 1 and labels.ndim == 1 and whole:
        _check_range(labels, width, names)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits), [
            keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        ]
    if labels.ndim == 2 and labels.shape[1] == width > 1:
        if kind == "sigmoid":
            return keras.losses.BinaryCrossentropy(), [keras.metrics.BinaryAccuracy(name="accuracy")]
        if kind == "softmax" or (labels.min() >= 0 and np.allclose(labels.sum(axis=1), 1, atol=1e-3)):
            return keras.losses.CategoricalCrossentropy(from_logits=logits), [
                keras.metrics.CategoricalAccuracy(name="accuracy")
            ]
    if kind == "linear" and labels.reshape(len(labels), -1).shape[1] == width:
        return keras.losses.MeanSquaredError(), [keras.metrics.MeanAbsoluteError(name="mean_absolute_error")]
    raise ModelError(
        f"fit: no loss is known for {width} {kind} outputs and labels {describe(labels)}; expected integers from 0 to "
        f"{max(width, 2) - 1}, or one value for each output: give loss= and metrics="
    )


def _zero_or_one(labels: NDArray[Any]) -> bool:
    return bool(np.isin(labels, (0, 1)).all())


def _check_range(labels: NDArray[Any], classes: int, names: Sequence[str]) -> None:
    flat = labels.reshape(-1)
    wrong = np.flatnonzero((flat < 0) | (flat >= classes) | (flat != np.round(flat)))
    if len(wrong):
        where = f" in {names[wrong[0]]}" if len(names) == len(flat) else ""
        raise ModelError(f"fit: expected labels from 0 to {classes - 1} for this model, got {flat[wrong[0]]}{where}")
