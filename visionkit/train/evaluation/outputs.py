"""What a model says about data: class probabilities in the order of the source, whatever gives the samples."""

import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._checks import flag
from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.train._finite import named, wrong_samples, wrong_weight
from visionkit.train._input import check_input
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.dataset import Dataset
from visionkit.train.evaluation.scores import Floats, Integers
from visionkit.train.loop.head import last_layer

View = Callable[[NDArray[Any]], NDArray[Any]]
SUM = 1e-2  # how far from 1 the probabilities of a 16-bit head add up


@runtime_checkable
class Voices(Protocol):
    """Several models that speak as one."""

    passes: int

    def voices(self, where: str, data: Dataset, **options: Any) -> Floats:
        """Probabilities (N, K) in the order of the source."""
        ...


def dataset_of(where: str, data: Any, batch_size: int | None) -> Dataset:
    """Batches of what a user has at hand: a Dataset, arrays (x, y), or x alone."""
    if isinstance(data, Dataset):
        if batch_size is not None:
            raise ArgumentError(
                f"{where}: expected no batch_size, as the data has one of {data.batch_size}, got {describe(batch_size)}"
            )
        if len(data) * data.batch_size < data.samples:
            raise ArgumentError(
                f"{where}: expected data with all its {data.samples} samples, got batches without the last ones; "
                "make it without drop_remainder"
            )
        if len(data.names(0, 0)) != len(data.numbers(0, 0)):  # a stream
            raise ArgumentError(
                f"{where}: expected data that tells which samples are in a batch, got records as they come; "
                "make it with ordered=True"
            )
        return data
    x, y = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    if not hasattr(x, "shape"):
        raise ArgumentError(
            f"{where}: expected data to be a Dataset, arrays (x, y), or an array x, got {describe(data)}; "
            "from_directory, from_arrays and from_tfrecords make a Dataset"
        )
    size = 32 if batch_size is None else batch_size
    return from_arrays(x, None if y is None else _flat(y), batch_size=size, shuffle=False)


def bar(where: str, model: Any, data: Dataset, *, verbose: int, views: int = 1) -> Callable[[], None]:
    """What is to be called after each batch, so that progress is seen: with 1 as a bar, with 2 as a line at the end."""
    if isinstance(verbose, bool) or verbose not in (0, 1, 2):
        raise ArgumentError(f"{where}: expected verbose to be 0, 1 or 2, got {describe(verbose)}")
    passes = model.passes if isinstance(model, Voices) else 1
    shown = keras.utils.Progbar(views * passes * len(data), verbose=verbose, unit_name="batch")
    return lambda: shown.add(1)


def probabilities(
    where: str,
    model: Any,
    data: Dataset,
    *,
    from_logits: bool | None = None,
    view: View | None = None,
    epoch: int = 0,
    tick: Callable[[], None] | None = None,
) -> Floats:
    """Class probabilities (N, K) in the order of the source; ``view`` changes each batch of images before."""
    options: dict[str, Any] = {"view": view, "epoch": epoch, "tick": tick}
    if isinstance(model, Voices):
        return model.voices(where, data, from_logits=from_logits, **options)
    if from_logits is None and isinstance(model, keras.Model):
        from_logits = _told(where, model)
    outputs = _outputs(where, model, data, **options)
    _check_finite(where, model, data, outputs)
    return as_probabilities(where, outputs, from_logits=from_logits)


def labels_of(where: str, data: Dataset, classes: int) -> Integers:
    """The true classes in the order of the source: of integer labels, or of one-hot rows."""
    found: Any = data.labels
    if found is None:
        if len(data.batch(0, 0)) < 2:
            raise ArgumentError(f"{where}: expected data with labels, got samples alone; give (x, y)")
        rows = np.concatenate([batch[1] for batch in data.batches(0)])
        rows = rows[np.argsort(data.order(0))]
        found = _classes_of_rows(where, rows, classes)
    wrong = np.flatnonzero((found < 0) | (found >= classes))
    if len(wrong):
        raise ArgumentError(
            f"{where}: expected labels from 0 to {classes - 1}, as the model tells {classes} classes, "
            f"got {found[wrong[0]]} for {names_of(data)[wrong[0]]}"
        )
    truth: Integers = found.astype(np.int64)
    return truth


def names_of(data: Dataset) -> tuple[str, ...]:
    """What the samples are called, in the order of the source: numbers, or paths without the folder that they share."""
    named = {
        int(number): name
        for index in range(len(data))
        for number, name in zip(data.numbers(0, index), data.names(0, index), strict=True)
    }
    names = [named[number] for number in sorted(named)]
    folders = {os.path.dirname(name) for name in names}
    if "" in folders or len({os.path.isabs(folder) for folder in folders}) > 1:
        return tuple(names)
    same = os.path.commonpath(folders)
    return tuple(os.path.relpath(name, same) for name in names)


def as_probabilities(where: str, outputs: Any, *, from_logits: bool | None = None) -> Floats:
    """Rows that sum to one, of what a model puts out.

    Args:
        where: who asks, for the message of an error.
        outputs: (N, K), or (N,) or (N, 1) of one unit that says how likely the second of two classes is.
        from_logits: whether a softmax, or for one unit a sigmoid, is missing; None for looking: values outside
            [0, 1], or rows that do not sum to 1, are logits.

    >>> as_probabilities("example", np.array([[0.0], [2.0]])).round(2)
    array([[0.5 , 0.5 ],
           [0.12, 0.88]])
    """
    if from_logits is not None:
        flag(where, "from_logits", from_logits)
    if isinstance(outputs, list | tuple | dict):
        raise ModelError(f"{where}: expected a model with one output (N, classes), got {len(outputs)} outputs")
    found = np.asarray(outputs, np.float64)
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or not found.size:
        raise ModelError(f"{where}: expected outputs (N, classes), got {describe(outputs)}")
    if not np.isfinite(found).all():
        number = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise ModelError(f"{where}: expected finite outputs, got {found[number].tolist()[:5]} for sample {number}")
    single = found.shape[1] == 1
    inside = found.min() >= -1e-6 and found.max() <= 1 + 1e-6
    if from_logits is None:
        from_logits = not inside or not (single or np.allclose(found.sum(axis=1), 1, atol=SUM))
    elif not from_logits and not (inside and (single or np.allclose(found.sum(axis=1), 1, atol=SUM))):
        raise ModelError(
            f"{where}: expected probabilities in [0, 1], each row with a sum of 1, got values from "
            f"{found.min():.4g} to {found.max():.4g}; for logits say from_logits=True"
        )
    if single:
        # one unit is the difference of two logits, of which the first is 0
        found = np.hstack([np.zeros_like(found), found] if from_logits else [1 - found, found])
    if from_logits:
        found = np.exp(found - found.max(axis=1, keepdims=True))
    found = np.clip(found, 0, None)
    rows: Floats = found / found.sum(axis=1, keepdims=True)
    return rows


def _outputs(
    where: str, model: Any, data: Dataset, *, view: View | None, epoch: int, tick: Callable[[], None] | None
) -> Any:
    """What comes out of a model, in the order of the source."""
    failed: list[Exception] = []
    sizes: list[int] = []

    def stream() -> Iterator[tuple[NDArray[Any]]]:
        try:
            for batch in data.batches(epoch):
                x = batch[0] if view is None else np.asarray(view(batch[0]))
                sizes.append(len(x))
                check_input(where, model, x)
                if tick is not None:
                    tick()
                # all of one size, as each new one is compiled anew, and may not divide among devices
                yield (x if len(x) == sizes[0] else np.concatenate([x, x[:1].repeat(sizes[0] - len(x), axis=0)]),)
        except Exception as error:  # a framework that reads from here makes an error of its own of it
            failed.append(error)
            raise

    try:
        if isinstance(model, keras.Model):
            found = model.predict(stream(), steps=len(data), verbose=0)
        elif callable(getattr(model, "predict", None)):
            found = np.concatenate([np.asarray(model.predict(x)) for (x,) in stream()])
        else:
            raise ModelError(f"{where}: expected a keras.Model, an Ensemble or its like, got {describe(model)}")
    except Exception as error:
        if failed and failed[0] is not error:
            raise failed[0] from error
        raise
    if isinstance(found, list | tuple | dict):
        return found
    if len(found) < data.samples:
        raise ModelError(f"{where}: expected an output for each of {data.samples} samples, got {describe(found)}")
    return np.asarray(found)[np.argsort(data.order(epoch))]


def _check_finite(where: str, model: Any, data: Dataset, outputs: Any) -> None:
    """Say which weight, or which samples, a model has no finite answer for."""
    wrong = wrong_samples(outputs) if isinstance(outputs, np.ndarray) else np.zeros(0, np.int64)
    if not len(wrong):
        return
    weight = wrong_weight(model)
    if weight is not None:
        raise ModelError(
            f"{where}: the weight {weight!r} of the model {model.name!r} holds values that are infinite or no number; "
            "train it again, or load other weights"
        )
    raise ModelError(
        f"{where}: expected finite outputs, got {outputs[wrong[0]].ravel().tolist()[:5]} for "
        f"{named(wrong, data.name)}; are their pixels in the range that the model takes?"
    )


def _told(where: str, model: keras.Model) -> bool | None:
    """What the last activation says where a look at the outputs may deceive: a unit for one class alone."""
    activation = getattr(getattr(last_layer(model), "activation", None), "__name__", None)
    units = model.output_shape[-1] if isinstance(getattr(model, "output_shape", None), tuple) else None
    if activation == "sigmoid" and isinstance(units, int) and units > 1:
        raise ModelError(
            f"{where}: expected one class for each sample: a softmax, logits, or one unit with a sigmoid; got a "
            f"sigmoid for each of {units} classes in {model.name!r}"
        )
    return True if activation == "linear" and units == 1 else None


def _flat(y: Any) -> NDArray[Any]:
    """Labels as (N,) where a column of them came, and whole numbers as integers."""
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1 and array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
        array = array.astype(np.int64)
    return array


def _classes_of_rows(where: str, rows: NDArray[Any], classes: int) -> Integers:
    rows = _flat(rows)
    if rows.ndim == 1 and rows.dtype.kind in "iu":
        return rows.astype(np.int64)
    if rows.ndim == 2 and len(rows.T) != classes:
        raise ArgumentError(
            f"{where}: expected one-hot labels (N, {classes}), as the model tells {classes} classes, got "
            f"{describe(rows)}"
        )
    if rows.ndim == 2 and ((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all():
        found: Integers = rows.argmax(axis=1)
        return found
    raise ArgumentError(f"{where}: expected integer labels (N,), or one-hot labels (N, classes), got {describe(rows)}")
