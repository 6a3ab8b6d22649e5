"""What a schedule of the learning rate is: a function of the epoch that also serves Keras as one of the step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from visionkit import _checks
from visionkit._errors import ArgumentError, describe

Shape = Literal["linear", "cosine", "exponential"]


class Piece(NamedTuple):
    """A part of a schedule: how long it lasts, and how the rate goes from one value to another.

    Attributes:
        epochs: how long, more than 0. The last piece of a schedule goes on for ever.
        start, end: the rates at both ends; what an exponential piece nears, but does not reach, is its ``end``.
        shape: "linear" and "cosine" arrive, and stay there; "exponential" comes nearer by a factor an epoch.
        decay: this factor; of no meaning for the others.
    """

    epochs: float
    start: float
    end: float
    shape: Shape = "linear"
    decay: float = 1.0


@keras.saving.register_keras_serializable("visionkit")
@dataclass(frozen=True)
class Schedule:
    """A learning rate as a function of the epoch, made of pieces that follow each other.

    Called with an epoch, also with a fraction, it gives the rate as a float. Epoch 0 is the first.

    Attributes:
        pieces: in their order.
        continuous: whether the rate moves at every step of the training; if not, the rate at the beginning of an
            epoch holds for the whole of it.

    >>> schedule = Schedule((Piece(5, 0.0, 1.0), Piece(10, 1.0, 0.0, "cosine")), continuous=True)
    >>> schedule(0), schedule(2.5), schedule(10), schedule(99)
    (0.0, 0.5, 0.5, 0.0)
    """

    pieces: tuple[Piece, ...]
    continuous: bool

    def __call__(self, epoch: float) -> float:
        """The rate at an epoch."""
        return float(self.formula(np.float64(_checks.not_negative("Schedule", "epoch", epoch)), np))

    def formula(self, epoch: Any, xp: Any) -> Any:
        """The rate as NumPy or as ``keras.ops`` computes it, whichever of the two is given with the epoch."""
        kind = "float64" if xp is np else "float32"
        lengths, starts, ends, shapes, decays = zip(*self.pieces, strict=True)
        begins = np.cumsum([0.0, *lengths[:-1]]).astype(kind)
        now = xp.sum(xp.where(xp.greater_equal(epoch, begins), 1, 0)) - 1

        def of_now(values: Sequence[float]) -> Any:
            return xp.take(np.asarray(values, kind), now)

        def is_now(shape: Shape) -> Any:
            return xp.take(np.asarray([one == shape for one in shapes]), now)

        start, end, length = of_now(starts), of_now(ends), of_now(lengths)
        time = epoch - xp.take(begins, now)
        arriving = xp.minimum(time, length)
        rate = (end - start) / length * arriving + start
        if "cosine" in shapes:
            cosine = (start - end) * (1.0 + xp.cos(np.pi * arriving / length)) / 2.0 + end
            rate = xp.where(is_now("cosine"), cosine, rate)
        if "exponential" in shapes:
            exponential = (start - end) * xp.power(of_now(decays), time) + end
            rate = xp.where(is_now("exponential"), exponential, rate)
        return rate

    def of_steps(self, steps_per_epoch: int) -> "StepSchedule":
        """The same for an optimizer: a schedule of the step, that is of the batches seen, in Keras' sense."""
        return StepSchedule(self, steps_per_epoch)

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` takes."""
        return {"pieces": [list(piece) for piece in self.pieces], "continuous": self.continuous}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schedule":
        """A schedule from what ``get_config`` gave."""
        return cls(tuple(Piece(*piece) for piece in config["pieces"]), config["continuous"])


@keras.saving.register_keras_serializable("visionkit")
class StepSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A Schedule as Keras' optimizers take it: a function of their step, so that it is right after a resume.

    Args:
        schedule: of the epoch.
        steps_per_epoch: how many batches make an epoch; with gradient accumulation, too.

    Raises:
        ArgumentError: not such values.

    >>> halves = Schedule((Piece(4, 0.5, 0.5), Piece(1, 0.25, 0.25)), continuous=False)
    >>> rate = StepSchedule(halves, steps_per_epoch=100)
    >>> float(rate(399)), float(rate(400))
    (0.5, 0.25)
    """

    def __init__(self, schedule: Schedule, steps_per_epoch: int) -> None:
        super().__init__()
        if not isinstance(schedule, Schedule):
            raise ArgumentError(f"StepSchedule: expected a Schedule, got {describe(schedule)}")
        self.schedule = schedule
        self.steps_per_epoch = _checks.positive("StepSchedule", "steps_per_epoch", steps_per_epoch)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, as a tensor."""
        # Whole epochs as whole numbers: a quotient of floats may round up to an epoch that has not begun.
        step = keras.ops.cast(step, "int32")
        epoch = keras.ops.cast(keras.ops.floor_divide(step, self.steps_per_epoch), "float32")
        if self.schedule.continuous:
            epoch += keras.ops.cast(keras.ops.mod(step, self.steps_per_epoch), "float32") / self.steps_per_epoch
        return self.schedule.formula(epoch, keras.ops)

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` takes."""
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "steps_per_epoch": self.steps_per_epoch}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "StepSchedule":
        """A schedule from what ``get_config`` gave."""
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["steps_per_epoch"])
