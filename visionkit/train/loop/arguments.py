"""What the arguments of `fit` come to: each checked, and made into what the run needs."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, ModelError, describe, one_of
from visionkit._extras import require
from visionkit.train._finite import named
from visionkit.train._input import check_input
from visionkit.train._schedule import Schedule
from visionkit.train.data.broken import listed
from visionkit.train.data.dataset import Batch, Dataset
from visionkit.train.data.labels import check_labels
from visionkit.train.loop import state
from visionkit.train.loop.automatic import loss_and_metrics
from visionkit.train.loop.folder import Folder
from visionkit.train.loop.source import Source, Weights
from visionkit.train.strategies.base import Strategy

Rate: TypeAlias = Schedule | Callable[[int], float] | keras.optimizers.schedules.LearningRateSchedule


def check(model: Any, directory: Any, callbacks: Any, *, restore_best: bool, tensorboard: bool) -> None:
    """A built model, callbacks, and a folder where one is needed."""
    if not isinstance(callbacks, list | tuple) or not all(isinstance(it, keras.callbacks.Callback) for it in callbacks):
        raise ArgumentError(f"fit: expected callbacks to be a list of callbacks of Keras, got {describe(callbacks)}")
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"fit: expected a Keras model, got {describe(model)}")
    if not model.built:
        raise ModelError(f"fit: expected a built model, got {model.name}; call it on an input first")
    if directory is None:
        for argument, value in (("restore_best", restore_best), ("tensorboard", tensorboard)):
            if value:
                raise ArgumentError(f"fit: expected a directory with {argument}=True, got None")
    if tensorboard:
        require("tensorboard", extra="tensorboard", what="fit with tensorboard=True")


def loss_and_metrics_of(
    model: keras.Model, first: Batch, loss: Any, metrics: Any, names: Sequence[str]
) -> tuple[Any, Any]:
    """The loss and the metrics, those given or those that fit a first batch."""
    if loss != "auto":
        return loss, None if isinstance(metrics, str) and metrics == "auto" else metrics
    x, y, *_ = (*first, None)
    loss, found = loss_and_metrics(model, x, y, names)
    return loss, found if isinstance(metrics, str) and metrics == "auto" else metrics


def check_data(model: keras.Model, first: Batch, *, train: Source, validation: Source | None) -> None:
    """Samples of the size of a model's input, and no label beyond its outputs: later that is a wrong loss unsaid."""
    outputs = _outputs(model)
    for argument, data in (("train", train), ("validation", validation)):
        if data is not None:
            check_input(f"fit: {argument}", model, first[0] if data is train else data.batch(0, 0)[0])
        if isinstance(data, Dataset) and data.labels is not None and outputs > 1:
            check_labels(f"fit: {argument}", data.labels, [str(number) for number in range(outputs)], data.name)
    both = (train.classes, validation.classes if validation is not None else None)
    if None not in both and both[0] != both[1]:
        raise ArgumentError(
            f"fit: validation: expected the classes of train, {_listed(both[0])}, got "
            f"{_listed(both[1])}; make both with the same classes="
        )


def check_targets_of(model: keras.Model, loss: Any, *, train: Source, validation: Source | None) -> None:
    """What is learned fits the outputs of a model under a loss of Keras for classes, in all of the data."""
    outputs = _outputs(model)
    kind = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    kind = kind.replace("_", "").lower().removesuffix("crossentropy")
    if outputs and kind in ("sparsecategorical", "categorical", "binary"):
        for argument, data in (("train", train), ("validation", validation)):
            if isinstance(data, Dataset):
                _check_targets(f"fit: {argument}", data, outputs, sparse=kind == "sparsecategorical")


def _outputs(model: keras.Model) -> int:
    """How many values a model gives for each sample; 0 where it does not say, as a subclassed one, or gives others."""
    shape = getattr(model, "output_shape", None)
    return int(shape[1] or 0) if isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[1], int) else 0


def _check_targets(where: str, data: Dataset, outputs: int, *, sparse: bool) -> None:
    batch = data.batch(0, 0)
    if len(batch) < 2:
        raise ArgumentError(f"{where}: expected data with labels, got samples alone")
    targets: NDArray[Any] = np.asarray(batch[1])
    name: Callable[[int], str] = data.names(0, 0).__getitem__
    if data.targets is not None and data.targets.shape[1:] == targets.shape[1:]:  # no layer has mixed them
        targets, name = np.asarray(data.targets), data.name
    single = targets.size == len(targets)
    if single != (sparse or outputs == 1) or not (single or targets.shape[1:] == (outputs,)):
        expected = "(N,)" if sparse else f"(N, {outputs})"
        raise ArgumentError(
            f"{where}: expected labels {expected} for {outputs} outputs and the loss, got {describe(targets)}"
        )
    if not single:
        return
    flat, classes = targets.reshape(-1), max(2, outputs)
    whole = sparse or flat.dtype.kind in "biu"  # others may be probabilities
    wrong = np.flatnonzero((flat < 0) | (flat > classes - 1) | (whole & (flat != np.round(flat))))
    if len(wrong):
        raise ArgumentError(
            f"{where}: expected labels from 0 to {classes - 1}, as there are {classes} classes, got "
            f"{named(wrong, lambda place: f'{flat[place]:g} in {name(place)}')}"
        )


def _listed(names: Sequence[str] | None) -> str:
    return listed(map(repr, names or ()), most=10).replace(";", ",")


def class_weights(data: Source, given: Any) -> Weights | None:
    """Label -> weight, or None for equal ones."""
    if given is None:
        return None
    if given == "balanced":
        return data.class_weights
    if not isinstance(given, dict) or not all(isinstance(key, int | np.integer) for key in given):
        raise ArgumentError(f"fit: expected class_weight to be a dict of labels, or 'balanced', got {describe(given)}")
    return {int(key): _checks.not_negative("fit", f"the weight of {key}", value) for key, value in given.items()}


def monitored(monitor: str, mode: str, *, validated: bool) -> tuple[str, str]:
    """Which figure tells the best epoch, and whether "min" or "max" of it is."""
    if mode not in ("auto", "min", "max"):
        raise one_of("fit", "mode", mode, ("auto", "min", "max"))
    if monitor == "auto":
        monitor = "val_loss" if validated else "loss"
    if monitor.startswith("val_") and not validated:
        raise ArgumentError(f"fit: expected validation data with monitor={monitor!r}, got none")
    if mode == "auto":
        rising = ("acc", "auc", "precision", "recall", "f1", "iou", "top_k")
        mode = "max" if any(part in monitor.lower() for part in rising) else "min"
    return monitor, mode


def new_optimizer(given: Any, *, ema: float | None, clip: float | None) -> keras.optimizers.Optimizer:
    """A new optimizer like the one that is given, with the average and the clipping that are asked for."""
    try:
        optimizer = keras.optimizers.get(given)
    except ValueError as error:
        raise ArgumentError(f"fit: expected a Keras optimizer or its name, got {describe(given)}") from error
    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    _checks.not_negative("fit", "the learning rate of the optimizer", rate)
    optimizer = type(optimizer).from_config(optimizer.get_config())
    if ema is not None:
        optimizer.use_ema, optimizer.ema_momentum = True, _checks.rate("fit", "ema", ema)
    if clip is not None:
        if optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm:
            raise ArgumentError("fit: expected an optimizer that does not clip itself with clip, got one that does")
        optimizer.global_clipnorm = _checks.number("fit", "clip", clip, above=0.0)
    return optimizer


def without_schedule(
    optimizer: keras.optimizers.Optimizer, model: keras.Model, where: Strategy
) -> keras.optimizers.Optimizer:
    """The optimizer with a number as its rate: the file of a model must not need this package because of a schedule."""
    if isinstance(optimizer.learning_rate, keras.Variable):
        return optimizer
    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    plain = type(optimizer).from_config({**optimizer.get_config(), "learning_rate": rate})
    plain.build(model.trainable_variables)
    values = state.read(optimizer.variables, where)
    state.write(
        [v for v in plain.variables if v is not plain.learning_rate], values, where, what="the optimizer differs"
    )
    return plain


def callbacks_of(
    folder: Folder | None, *, ema: float | None, monitor: str, mode: str, patience: int | None, tensorboard: bool
) -> list[keras.callbacks.Callback]:
    """The callbacks of Keras that some arguments ask for."""
    made = []
    if ema is not None:
        made.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=False))
    if patience is not None:
        patience = _checks.positive("fit", "patience", patience)
        made.append(keras.callbacks.EarlyStopping(monitor, patience=patience, mode=mode))
    if tensorboard and folder:
        made.append(keras.callbacks.TensorBoard(str(folder.tensorboard), histogram_freq=1))
    return made


def rate_of(schedule: Rate | None, steps: int) -> Callable[[int], float] | None:
    """Epoch -> learning rate at its beginning."""
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        made = schedule
        return lambda epoch: float(keras.ops.convert_to_numpy(made(epoch * steps)))
    return schedule
