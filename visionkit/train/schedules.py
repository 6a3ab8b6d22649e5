"""Schedules of the learning rate, and how one is put on an optimizer."""

import inspect
from collections.abc import Callable, Mapping
from typing import Literal

import keras

from visionkit import _checks
from visionkit._errors import ArgumentError, describe, one_of
from visionkit.train._schedule import Piece, Schedule


def ramp_sustain_decay(
    *,
    start: float = 1e-5,
    peak: float = 5e-5,
    floor: float = 1e-5,
    ramp_epochs: float = 5,
    sustain_epochs: float = 0,
    decay: float = 0.8,
) -> Schedule:
    """Up in a line, on the peak for a while, and down exponentially towards a floor; one rate for each epoch.

    Args:
        start: the rate of epoch 0.
        peak: the highest; for several replicas, usually a multiple of their number.
        floor: what the rate nears in the end.
        ramp_epochs: how many epochs it rises; 0 begins at the peak.
        sustain_epochs: how many epochs it stays there.
        decay: by what factor, in (0, 1], the distance to the floor shrinks each epoch after that.

    Raises:
        ArgumentError: not such values.

    >>> schedule = ramp_sustain_decay()
    >>> [f"{schedule(epoch):.3g}" for epoch in (0, 4, 5, 6, 30)]
    ['1e-05', '4.2e-05', '5e-05', '4.2e-05', '1.02e-05']
    """
    where = "ramp_sustain_decay"
    start, floor = _checks.not_negative(where, "start", start), _checks.not_negative(where, "floor", floor)
    peak, decay = _checks.number(where, "peak", peak, above=0.0), _checks.number(where, "decay", decay, above=0.0)
    if decay > 1.0:
        raise ArgumentError(f"{where}: expected decay to be in (0, 1], got {decay:g}")
    return _in_row(
        Piece(_checks.not_negative(where, "ramp_epochs", ramp_epochs), start, peak),
        Piece(_checks.not_negative(where, "sustain_epochs", sustain_epochs), peak, peak),
        Piece(1.0, peak, floor, "exponential", decay),
        continuous=False,
    )


def staircase(rates: Mapping[int, float]) -> Schedule:
    """A rate from each of some epochs on, until the next of them.

    Args:
        rates: epoch -> rate; epoch 0 is among them.

    Raises:
        ArgumentError: not such a mapping.

    >>> schedule = staircase({0: 5e-4, 4: 2e-4, 8: 1e-4})
    >>> schedule(0), schedule(3), schedule(4), schedule(100)
    (0.0005, 0.0005, 0.0002, 0.0001)
    """
    if not isinstance(rates, Mapping) or 0 not in rates:
        got = f"epochs {', '.join(map(str, rates))}" if isinstance(rates, Mapping) else describe(rates)
        raise ArgumentError(f"staircase: expected a mapping of epochs to rates that begins with epoch 0, got {got}")
    begins = sorted(_checks.positive("staircase", "each epoch", epoch, least=0) for epoch in rates)
    steps = zip(begins, [*begins[1:], begins[-1] + 1], strict=True)
    values = {epoch: _checks.not_negative("staircase", f"the rate of epoch {epoch}", rates[epoch]) for epoch in begins}
    return _in_row(*(Piece(end - begin, values[begin], values[begin]) for begin, end in steps), continuous=False)


def one_cycle(
    peak: float,
    epochs: float,
    *,
    warmup: float = 0.3,
    start_division: float = 25.0,
    final_division: float = 250_000.0,
    shape: Literal["cosine", "linear"] = "cosine",
) -> Schedule:
    """Up to a high peak and down to almost nothing, moving at every step.

    Args:
        peak: the highest rate.
        epochs: how long the cycle takes; the last rate holds after it.
        warmup: which part of it goes up, in (0, 1).
        start_division, final_division: the first rate and the last are the peak divided by these.
        shape: "cosine", or "linear" for a triangle.

    Raises:
        ArgumentError: not such values.

    Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2018
    (arXiv 1708.07120).

    >>> schedule = one_cycle(1.0, 10, warmup=0.25, start_division=5, final_division=20, shape="linear")
    >>> [round(schedule(epoch), 3) for epoch in (0, 1.25, 2.5, 10)]
    [0.2, 0.6, 1.0, 0.05]
    """
    if shape not in ("cosine", "linear"):
        raise one_of("one_cycle", "shape", shape, ["cosine", "linear"])
    peak = _checks.number("one_cycle", "peak", peak, above=0.0)
    epochs = _checks.number("one_cycle", "epochs", epochs, above=0.0)
    warmup = _checks.number("one_cycle", "warmup", warmup, above=0.0)
    if warmup >= 1.0:
        raise ArgumentError(f"one_cycle: expected warmup to be a part of the cycle, in (0, 1), got {warmup:g}")
    first = peak / _checks.number("one_cycle", "start_division", start_division, above=0.0)
    last = peak / _checks.number("one_cycle", "final_division", final_division, above=0.0)
    return _in_row(
        Piece(warmup * epochs, first, peak, shape), Piece((1 - warmup) * epochs, peak, last, shape), continuous=True
    )


def cosine(peak: float, epochs: float, *, warmup_epochs: float = 0, start: float = 0.0, floor: float = 0.0) -> Schedule:
    """Down along half a cosine, after a linear warm-up if wanted, moving at every step.

    Args:
        peak: the highest rate.
        epochs: when the floor is reached, the warm-up included; the floor holds after that.
        warmup_epochs: how many epochs it rises in a line, fewer than ``epochs``.
        start: the rate at the beginning of the warm-up.
        floor: the last rate.

    Raises:
        ArgumentError: not such values.

    Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017 (arXiv 1608.03983).

    >>> schedule = cosine(0.1, 30, warmup_epochs=10)
    >>> [round(schedule(epoch), 3) for epoch in (0, 5, 10, 20, 30)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    epochs = _checks.number("cosine", "epochs", epochs, above=0.0)
    warmup = _checks.not_negative("cosine", "warmup_epochs", warmup_epochs)
    if warmup >= epochs:
        raise ArgumentError(f"cosine: expected fewer warmup_epochs than the {epochs:g} epochs, got {warmup:g}")
    peak = _checks.number("cosine", "peak", peak, above=0.0)
    return _in_row(
        Piece(warmup, _checks.not_negative("cosine", "start", start), peak),
        Piece(epochs - warmup, peak, _checks.not_negative("cosine", "floor", floor), "cosine"),
        continuous=True,
    )


def tabulate(function: Callable[[int], float], epochs: int) -> Schedule:
    """A function of the epoch as a Schedule: one rate for each epoch, and the last one for ever.

    Args:
        function: epoch -> rate.
        epochs: how many epochs it is asked for.

    Raises:
        ArgumentError: not a function of one argument, or a rate that is none.

    >>> tabulate(lambda epoch: 0.1 / (1 + epoch), 5)(4)
    0.02
    """
    if not callable(function):
        raise ArgumentError(f"schedule: expected a Schedule or a function of the epoch, got {describe(function)}")
    try:
        inspect.signature(function).bind(0)
    except TypeError as error:
        raise ArgumentError(
            f"schedule: expected a function of the epoch alone, got one that cannot be called so ({error}); "
            "what it makes of the rate before would change with every resume"
        ) from None
    return staircase({epoch: function(epoch) for epoch in range(_checks.positive("schedule", "epochs", epochs))})


def apply(
    optimizer: keras.optimizers.Optimizer,
    schedule: Schedule | Callable[[int], float] | keras.optimizers.schedules.LearningRateSchedule,
    *,
    steps_per_epoch: int,
    epochs: int,
) -> None:
    """Put a schedule on an optimizer, before the model is compiled with it.

    Args:
        optimizer: one made with a number as its rate.
        schedule: a Schedule, a function of the epoch, or a schedule of Keras.
        steps_per_epoch: how many batches make an epoch.
        epochs: how many there will be.

    Raises:
        ArgumentError: not such values, or an optimizer with a schedule of its own.

    >>> optimizer = keras.optimizers.Adam(0.1)
    >>> apply(optimizer, lambda epoch: 1 / (1 + epoch), steps_per_epoch=10, epochs=3)
    >>> _ = optimizer.iterations.assign(25)
    >>> round(float(optimizer.learning_rate), 5)
    0.33333
    """
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ArgumentError(f"schedule: expected an optimizer of Keras, got {describe(optimizer)}")
    if not isinstance(optimizer.learning_rate, keras.Variable):
        raise ArgumentError(
            "schedule: expected an optimizer with a number as its learning rate, got one that was made with a "
            f"schedule; give the one or the other, such as {type(optimizer).__name__}(1e-3) with this schedule"
        )
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        ours = schedule if isinstance(schedule, Schedule) else tabulate(schedule, epochs)
        schedule = ours.of_steps(steps_per_epoch)
    optimizer.learning_rate = schedule


def _in_row(*pieces: Piece, continuous: bool) -> Schedule:
    """A schedule of those pieces that last."""
    return Schedule(tuple(piece for piece in pieces if piece.epochs > 0), continuous)
