"""Training a new head on a pretrained base, and then the base with it, step by step."""

import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from visionkit import _checks
from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.train._schedule import Schedule
from visionkit.train.transfer.freezing import freeze, unfreeze
from visionkit.train.transfer.parts import parts, place_of, train_only

if TYPE_CHECKING:
    from visionkit.train.loop.run import Run

ALL = "all"


@dataclass(frozen=True)
class Phase:
    """One step of a fine-tuning.

    Attributes:
        epochs: how many.
        rate: the learning rate, or a Schedule of it.
        since: what trains. None: all that is not of the base; "all": everything; else the first layer that does, by
            name or path, as in ``unfreeze``.
        batch_norm: train the BatchNormalization layers of the base, too; see ``unfreeze``.

    >>> phases = [Phase(epochs=5, rate=1e-3), Phase(epochs=5, rate=1e-5, since="block5_conv1")]
    >>> [phase.name for phase in phases]
    ['head', 'block5_conv1']
    """

    epochs: int
    rate: float | Schedule
    since: str | keras.Layer | None = None
    batch_norm: bool = False

    def __post_init__(self) -> None:
        _checks.positive("Phase", "epochs", self.epochs)
        if not isinstance(self.rate, Schedule):
            _checks.number("Phase", "rate", self.rate, above=0.0)
        _checks.flag("Phase", "batch_norm", self.batch_norm)

    @property
    def name(self) -> str:
        """What trains, in a word."""
        since = self.since.name if isinstance(self.since, keras.Layer) else self.since
        return "head" if since is None else since.replace("/", "_")


def fine_tune(
    model: keras.Model,
    train: Any,
    validation: Any = None,
    *,
    base: keras.Layer | str,
    phases: Iterable[Phase],
    optimizer: Callable[[float], keras.optimizers.Optimizer] = keras.optimizers.Adam,
    directory: str | os.PathLike[str] | None = None,
    **options: Any,
) -> tuple["Run", ...]:
    """Train a model on a pretrained base in phases: the new head, then the last layers, then all together.

    A new head would first send large errors through the base, and spoil what it has learned; so it is trained alone
    before the base is, at a much lower rate.

    Args:
        model: the whole of it, built.
        train, validation: as for ``fit``.
        base: the pretrained part: a layer or a model inside ``model``, its name, or a model of which ``model`` goes
            on from the output.
        phases: what trains, for how long and at which rate, one after the other.
        optimizer: what makes one from a learning rate, anew for each phase; as a rule its class.
        directory: the folder of the runs, one in each of ``1-head``, ``2-block5_conv1`` and so on. A call that was
            interrupted goes on where it was.
        **options: passed to ``fit`` in each phase: ``loss``, ``callbacks``, ``class_weight`` and the like.

    Returns:
        What ``fit`` gives, for each phase.

    Raises:
        ArgumentError: no such phases, layers or options; nothing was trained.
        ModelError: the base is not a part of the model; nothing was trained.
        Whatever ``fit`` raises.

    Source: Chollet, Deep Learning with Python, 2018, chapter 5.

    >>> base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu", name="last")], name="base")
    >>> model = keras.Sequential([base, keras.layers.Dense(1, "sigmoid")])
    >>> data = np.eye(4, dtype="float32"), np.array([0, 1, 0, 1])
    >>> phases = [Phase(2, 1e-2), Phase(1, 1e-4, since="last")]
    >>> runs = fine_tune(model, data, base=base, phases=phases, verbose=0)
    >>> [len(run.history["loss"]) for run in runs]
    [2, 1]
    """
    from visionkit.train.loop.fit import fit

    own = {"model", "train", "validation", "epochs", "optimizer", "schedule", "directory"}
    _checks.known("fine_tune", options, set(inspect.signature(fit).parameters) - own)
    phases = list(phases)
    if not phases or not all(isinstance(phase, Phase) for phase in phases):
        raise ArgumentError("fine_tune: expected phases to be a list of Phase, such as [Phase(5, 1e-3)], got others")
    if not callable(optimizer):
        raise ArgumentError(
            "fine_tune: expected optimizer to be a class such as keras.optimizers.Adam, or a function of the rate, as "
            f"each phase needs a new one, got {describe(optimizer)}"
        )
    base = _base(model, base)
    found = parts(model)
    for phase in phases:  # all of them are looked at before the first one trains
        if phase.since not in (None, ALL):
            place_of("fine_tune", "since", phase.since, found)
    runs = []
    for number, phase in enumerate(phases, start=1):
        _set_up(model, base, phase)
        rate, schedule = (phase.rate(0), phase.rate) if isinstance(phase.rate, Schedule) else (phase.rate, None)
        folder = None if directory is None else Path(directory) / f"{number}-{phase.name}"
        runs.append(
            fit(
                model, train, validation, epochs=phase.epochs, optimizer=optimizer(rate), schedule=schedule,
                directory=folder, **options,
            )
        )  # fmt: skip
    return tuple(runs)


def _set_up(model: keras.Model, base: keras.Layer, phase: Phase) -> None:
    """Let that train what is to train in a phase."""
    train_only(model, parts(model), lambda place, part: True, rest=True)
    freeze(base)
    if phase.since is not None:
        unfreeze(model, None if phase.since == ALL else phase.since, batch_norm=phase.batch_norm)


def _base(model: keras.Model, base: keras.Layer | str) -> keras.Layer:
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"fine_tune: expected a Keras model, got {describe(model)}")
    found = parts(model)
    if isinstance(base, str):
        return found[place_of("fine_tune", "base", base, found)].layer
    if not isinstance(base, keras.Layer):
        raise ArgumentError(f"fine_tune: expected base to be a layer or its name, got {describe(base)}")
    inside = {id(weight) for weight in model.weights}
    if not base.weights or not all(id(weight) in inside for weight in base.weights):
        raise ModelError(f"fine_tune: expected base to be a part of {model.name} with weights, got {base.name}")
    return base
