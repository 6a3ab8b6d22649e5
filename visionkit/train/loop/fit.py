"""`fit`: from a model and data to a trained model, whatever happens in between."""

import os
from collections.abc import Sequence
from typing import Any, Literal

import keras

from visionkit import _checks
from visionkit._errors import ArgumentError, NonFiniteError
from visionkit.train.loop import arguments, state
from visionkit.train.loop.arguments import Rate
from visionkit.train.loop.callbacks import Memory
from visionkit.train.loop.fastest import precision_of
from visionkit.train.loop.folder import Folder
from visionkit.train.loop.keeper import Keeper, Shortened
from visionkit.train.loop.precision import Precision, computing_in
from visionkit.train.loop.progress import Progress
from visionkit.train.loop.run import Run
from visionkit.train.loop.settings import settings_of
from visionkit.train.loop.snapshot import Snapshot
from visionkit.train.loop.source import Source, Weights, as_raised, source, weighting
from visionkit.train.schedules import apply
from visionkit.train.strategies import of
from visionkit.train.strategies.base import Strategy


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
    precision: Precision | Literal["auto"] | None = None,
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
        optimizer: of Keras, or its name. A new one with the same settings is used.
        loss: of Keras; "auto" chooses by the model's last activation and the labels.
        metrics: a list, of Keras; "auto" chooses with the loss.
        schedule: of the learning rate: ``cosine(...)`` and its kin, any function of the epoch, or one of Keras.
        batch_size: where ``train`` or ``validation`` are arrays.
        class_weight: label -> how much a sample of it counts, 1 for those left out; "balanced" for classes that count
            the same.
        precision: "bfloat16" or "float16" to compute in 16 bits, the weights staying in 32; on a CPU these are the
            products of matrices alone. "auto" is "bfloat16" where convolutions are faster in it on this machine, which
            is measured: without AMX or AVX512_BF16, a CPU is some ten times as slow in 16 bits.
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
        tensorboard: write curves, graph and histograms for TensorBoard into the folder. Needs the extra tensorboard.
        verbose: 0 silent, 1 progress bars, 2 a line an epoch; "auto" is 1 on a terminal, else 2.

    Returns:
        Run(history, best, directory).

    Raises:
        ArgumentError, ModelError: an argument, the data or the labels do not fit; nothing was trained.
        ModelError: the run in the folder has another model, other data or other settings; the message says which.
        NonFiniteError: the loss or a weight became infinite or not a number. The model has its last good weights.
        FileError: the folder cannot be written, or a file in it is damaged.
        MissingExtraError: ``tensorboard=True`` where it is not installed.

    >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    >>> run = fit(model, (x, (x[:, 0] > 0).astype(int)), epochs=3, verbose=0)
    >>> sorted(run.history), len(run.history["loss"])
    (['accuracy', 'loss'], 3)
    """
    epochs = _checks.positive("fit", "epochs", epochs)
    save_every = _checks.not_negative("fit", "save_every", save_every)
    data = source("train", train, batch_size=batch_size, shuffle=True)
    checked = None if validation is None else source("validation", validation, batch_size=batch_size, shuffle=False)
    arguments.check(model, directory, callbacks, restore_best=restore_best, tensorboard=tensorboard)
    first = data.batch(0, 0)
    arguments.check_data(model, first, train=data, validation=checked)
    weights = arguments.class_weights(data, class_weight)
    monitor, direction = arguments.monitored(monitor, mode, validated=checked is not None)
    where = of(model)
    with where.scope():
        loss, metrics = arguments.loss_and_metrics_of(model, first, loss, metrics, data.names(0, 0))
        arguments.check_targets_of(model, loss, train=data, validation=checked)
        optimizer = arguments.new_optimizer(optimizer, ema=ema, clip=clip)
    if schedule is not None:
        apply(optimizer, schedule, steps_per_epoch=len(data), epochs=epochs)
    folder = Folder(directory) if directory is not None else None
    start = None
    if folder:
        settings = settings_of(
            model, data, checked, optimizer=optimizer, loss=loss, metrics=metrics, epochs=epochs, schedule=schedule,
            precision=precision, class_weight=weights, monitor=monitor, patience=patience,
        )  # fmt: skip
        start = _opened(folder, settings, where, resume=resume)
    made = arguments.callbacks_of(
        folder, ema=ema, monitor=monitor, mode=direction, patience=patience, tensorboard=tensorboard
    )
    others = [*made, *callbacks]
    keeper = Keeper(
        data, folder, where, start=start, others=others, monitor=monitor, mode=direction, save_every=save_every,
        rate=arguments.rate_of(schedule, len(data)),
    )  # fmt: skip
    with computing_in(model, precision_of(precision, where), on=where.kind):
        with where.scope():
            stepper = keras.optimizers.LossScaleOptimizer(optimizer) if precision == "float16" else optimizer
            model.compile(stepper, loss, metrics=metrics)
            stepper.build(model.trainable_variables)
        if start:
            _go_on(model, start, data, where)
        if start is None or (start.epoch < epochs and not start.stopped):
            progress = Progress(verbose if where.is_chief else 0, len(data), keeper.batch)
            shortened = Shortened(len(data) - keeper.batch if keeper.batch else None)
            batches, steps = where.validation(checked) if checked else (None, None)
            try:
                with where.prepare(model), progress, as_raised(data, checked):
                    model.fit(
                        where.feed(data, epoch=keeper.epoch, start=keeper.batch, weighted=weighting(weights)),
                        steps_per_epoch=len(data),
                        validation_data=batches,
                        validation_steps=steps,
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
    with where.scope():
        model.compile(arguments.without_schedule(optimizer, model, where), loss, metrics=metrics)
    if folder:
        folder.finish(model, keeper.history, write=where.is_chief, restore_best=restore_best)
    return Run(keeper.history, keeper.best, folder.path if folder else None)


def _opened(folder: Folder, settings: dict[str, Any], where: Strategy, *, resume: bool) -> Snapshot | None:
    """The snapshot to go on from, the same for all workers."""
    there = folder.open(settings, resume=resume, write=where.is_chief)
    if not where.agree(there):
        return None
    start, epochs = Snapshot.load(folder.snapshot), settings["epochs"]
    if start.epoch > epochs:
        raise ArgumentError(
            f"fit: expected epochs to be at least {start.epoch}, as many as the run in '{folder.path}' has gone "
            f"through, got {epochs}"
        )
    return start


def _go_on(model: keras.Model, start: Snapshot, data: Source, where: Strategy) -> None:
    """Put back what a run was."""
    if start.batch and where.num_replicas_in_sync == 1:  # with several, Keras does so itself
        # metrics make their variables when they first see a batch; Keras sets them back to nothing afterwards
        x, y, *weight = data.batch(start.epoch, start.batch)
        model.compute_metrics(x, y, model(x, training=False), weight[0] if weight else None)
    state.write(model.variables, start.model, where, what="the model is not the one of this run")
    state.write(model.optimizer.variables, start.optimizer, where, what="the optimizer is not the one of this run")
