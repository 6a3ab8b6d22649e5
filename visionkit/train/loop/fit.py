"""`fit`: from a model and data to a trained model, whatever happens in between."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import keras
import numpy as np

from visionkit import _checks
from visionkit._errors import ArgumentError, ModelError, NonFiniteError, describe, one_of
from visionkit.train._schedule import Schedule
from visionkit.train.loop import state
from visionkit.train.loop.automatic import loss_and_metrics
from visionkit.train.loop.callbacks import Memory
from visionkit.train.loop.folder import Folder
from visionkit.train.loop.keeper import Keeper, Shortened
from visionkit.train.loop.precision import Precision, computing_in
from visionkit.train.loop.progress import Progress
from visionkit.train.loop.run import Run
from visionkit.train.loop.settings import settings_of
from visionkit.train.loop.snapshot import Snapshot
from visionkit.train.loop.source import Source, Weights, source, weighting
from visionkit.train.schedules import apply
from visionkit.train.strategy import of
from visionkit.train.strategy.base import Strategy

Rate: TypeAlias = Schedule | Callable[[int], float] | keras.optimizers.schedules.LearningRateSchedule


def fit(
    model: keras.Model,
    train: Any,
    validation: Any = None,
    *,
    epochs: int,
    optimizer: Any = "adam",
    loss: Any = "auto",
    metrics: Any = "auto",
    schedule: Rate | None = None,
    batch_size: int = 32,
    class_weight: Literal["balanced"] | Weights | None = None,
    precision: Precision | None = None,
    ema: float | None = None,
    clip: float | None = None,
    monitor: str = "auto",
    mode: Literal["auto", "min", "max"] = "auto",
    patience: int | None = None,
    restore_best: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    directory: str | os.PathLike[str] | None = None,
    resume: bool = True,
    save_every: float = 60.0,
    tensorboard: bool = False,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> Run:
    """Train a model with Keras' own ``model.fit``, and what a real run needs around it.

    With a ``directory``, the run survives anything: killed at any moment, the same call goes on from the last batch
    that was saved, and ends with the same weights and history as a run that was never killed (bit for bit on one CPU
    with ``deterministic`` on). A call for more epochs goes on from the last one.

    Args:
        model: any built Keras model.
        train: data of ``from_arrays``, ``from_directory`` or ``from_tfrecords``; or a pair of arrays (x, y), also with
            sample weights (x, y, w); or what else Keras takes, if its length is known.
        validation: what to look at after each epoch, in any of the same forms.
        epochs: how many there are to be in all, those before a resume included.
        optimizer: of Keras, or its name.
        loss: of Keras; "auto" chooses by the model's last activation and the labels.
        metrics: a list, of Keras; "auto" chooses with the loss.
        schedule: of the learning rate: ``cosine(...)`` and its kin, any function of the epoch, or one of Keras.
        batch_size: where ``train`` or ``validation`` are arrays.
        class_weight: label -> how much a sample of it counts; "balanced" for classes that count the same.
        precision: "bfloat16" or "float16" to compute in 16 bits, the weights staying in 32.
        ema: the momentum of an exponential moving average of the weights, such as 0.999. Validation, the best weights
            and the trained model then have the average.
        clip: the greatest norm of all gradients together.
        monitor: the figure that tells the best epoch; "auto" is "val_loss", or "loss" without validation.
        mode: whether its least or its greatest value is the best; "auto" tells by the name.
        patience: stop after so many epochs without a better one.
        restore_best: leave the model with the weights of the best epoch, not of the last. Needs a ``directory``.
        callbacks: more of them. What they remember is saved and put back, too.
        directory: the folder of the run, made if it is not there. It gets ``config.json``, ``snapshot.npz``,
            ``history.csv``, ``curves.png`` (with matplotlib), ``best.weights.h5`` and ``last.weights.h5``.
        resume: whether to go on with a run that is there already; without, that is an error.
        save_every: seconds between two snapshots inside an epoch. There is one at the end of each epoch, too, unless
            epochs are so short that saving would take more than 3 % of the time.
        tensorboard: write curves, graph and histograms for TensorBoard into the folder.
        verbose: 0 silent, 1 progress bars, 2 a line an epoch; "auto" is 1 on a terminal, else 2.

    Returns:
        Run(history, best, directory).

    Raises:
        ArgumentError, ModelError: an argument, the data or the labels do not fit; nothing was trained.
        ModelError: the run in the folder has another model, other data or other settings; the message says which.
        NonFiniteError: the loss or a weight became infinite or not a number. The model has its last good weights.
        FileError: the folder cannot be written, or a file in it is damaged.

    >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    >>> run = fit(model, (x, (x[:, 0] > 0).astype(int)), epochs=3, verbose=0)
    >>> sorted(run.history), len(run.history["loss"])
    (['accuracy', 'loss'], 3)
    """
    epochs = _checks.positive("fit", "epochs", epochs)
    save_every = _checks.not_negative("fit", "save_every", save_every)
    data = source("train", train, batch_size=batch_size, shuffle=True)
    check = None if validation is None else source("validation", validation, batch_size=batch_size, shuffle=False)
    _check(model, directory, restore_best=restore_best, tensorboard=tensorboard)
    loss, metrics = _chosen(model, data, loss, metrics)
    weights = _class_weights(data, class_weight)
    monitor, direction = _monitored(monitor, mode, validated=check is not None)
    where = of(model)
    with where.scope():
        optimizer = _prepared(optimizer, ema=ema, clip=clip)
    if schedule is not None:
        apply(optimizer, schedule, steps_per_epoch=len(data), epochs=epochs)
    folder = Folder(directory) if directory is not None else None
    start = None
    if folder:
        settings = settings_of(
            model, data, check, optimizer=optimizer, loss=loss, metrics=metrics, epochs=epochs, schedule=schedule,
            precision=precision, class_weight=weights, monitor=monitor, patience=patience,
        )  # fmt: skip
        there = folder.open(settings, resume=resume, write=where.is_chief)
        start = Snapshot.load(folder.snapshot) if where.agree(there) else None
    given = _extra(folder, ema=ema, monitor=monitor, mode=direction, patience=patience, tensorboard=tensorboard)
    others = [*given, *callbacks]
    keeper = Keeper(
        data, folder, where, start=start, others=others, monitor=monitor, mode=direction, save_every=save_every,
        rate=_rate(schedule, len(data)),
    )  # fmt: skip
    with computing_in(model, precision):
        with where.scope():
            model.compile(optimizer, loss, metrics=metrics)
            optimizer.build(model.trainable_variables)
        if start:
            _go_on(model, start, data, where)
        if start is None or (start.epoch < epochs and not start.stopped):
            progress = Progress(verbose if where.is_chief else 0, len(data), keeper.batch)
            shortened = Shortened(len(data) - keeper.batch if keeper.batch else None)
            checked, check_steps = where.validation(check) if check else (None, None)
            try:
                with where.prepare(model), progress:
                    model.fit(
                        where.feed(data, epoch=keeper.epoch, start=keeper.batch, weighted=weighting(weights)),
                        steps_per_epoch=len(data),
                        validation_data=checked,
                        validation_steps=check_steps,
                        initial_epoch=keeper.epoch,
                        epochs=epochs,
                        callbacks=[shortened, *others, keeper, progress],
                        shuffle=False,
                        verbose=0,
                    )
            except NonFiniteError:
                keeper.restore()
                raise
        else:  # there is nothing left to do
            Memory(others).write(start.callbacks, start.extra)
            optimizer.finalize_variable_values(model.trainable_variables)
    if folder:
        if where.is_chief:
            folder.write_history(keeper.history)
            folder.write_weights(model, folder.last)
            folder.draw(keeper.history)
        if restore_best and keeper.best:
            model.load_weights(folder.best)
    return Run(keeper.history, keeper.best, folder.path if folder else None)


def _check(model: Any, directory: Any, *, restore_best: bool, tensorboard: bool) -> None:
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"fit: expected a Keras model, got {describe(model)}")
    if not model.built:
        raise ModelError(f"fit: expected a built model, got {model.name}; call it on an input first")
    if directory is None:
        for argument, value in (("restore_best", restore_best), ("tensorboard", tensorboard)):
            if value:
                raise ArgumentError(f"fit: expected a directory with {argument}=True, got None")


def _chosen(model: keras.Model, data: Source, loss: Any, metrics: Any) -> tuple[Any, Any]:
    """The loss and the metrics, those given or those that fit."""
    if loss != "auto":
        return loss, None if isinstance(metrics, str) and metrics == "auto" else metrics
    x, y, *_ = (*data.batch(0, 0), None)
    loss, found = loss_and_metrics(model, x, y)
    return loss, found if isinstance(metrics, str) and metrics == "auto" else metrics


def _class_weights(data: Source, given: Any) -> Weights | None:
    if given is None:
        return None
    if given == "balanced":
        return data.class_weights
    if not isinstance(given, dict) or not all(isinstance(key, int | np.integer) for key in given):
        raise ArgumentError(f"fit: expected class_weight to be a dict of labels, or 'balanced', got {describe(given)}")
    return {int(key): _checks.not_negative("fit", f"the weight of {key}", value) for key, value in given.items()}


def _monitored(monitor: str, mode: str, *, validated: bool) -> tuple[str, str]:
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


def _prepared(given: Any, *, ema: float | None, clip: float | None) -> keras.optimizers.Optimizer:
    """The optimizer, with the average and the clipping that are asked for."""
    try:
        optimizer = keras.optimizers.get(given)
    except ValueError as error:
        raise ArgumentError(f"fit: expected a Keras optimizer or its name, got {describe(given)}") from error
    if ema is not None:
        momentum = _checks.rate("fit", "ema", ema)
        if optimizer.built and not optimizer.use_ema:
            raise ArgumentError("fit: expected an optimizer that was not used before with ema, got a used one")
        optimizer.use_ema, optimizer.ema_momentum = True, momentum
    if clip is not None:
        if optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm:
            raise ArgumentError("fit: expected an optimizer that does not clip itself with clip, got one that does")
        optimizer.global_clipnorm = _checks.number("fit", "clip", clip, above=0.0)
    return optimizer


def _extra(
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


def _rate(schedule: Rate | None, steps: int) -> Callable[[int], float] | None:
    """Epoch -> learning rate at its beginning."""
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        made = schedule
        return lambda epoch: float(keras.ops.convert_to_numpy(made(epoch * steps)))
    return schedule


def _go_on(model: keras.Model, start: Snapshot, data: Source, where: Strategy) -> None:
    """Put back what a run was."""
    if start.batch and where.num_replicas_in_sync == 1:  # with several, Keras does so itself
        # metrics make their variables when they first see a batch; Keras sets them back to nothing afterwards
        x, y, *weight = data.batch(start.epoch, start.batch)
        model.compute_metrics(x, y, model(x, training=False), weight[0] if weight else None)
    state.write(model.variables, start.model, where, what="the model is not the one of this run")
    state.write(model.optimizer.variables, start.optimizer, where, what="the optimizer is not the one of this run")
