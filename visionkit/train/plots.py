"""Curves of a training: its learning rate before, its losses and metrics after."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, FileError, describe
from visionkit._extras import require
from visionkit.train._schedule import Schedule
from visionkit.train.schedules import tabulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rate = Schedule | Callable[[int], float]

TRAIN, VALIDATION, GRID = "#1f6fb4", "#e07b1a", "#d9d9d9"
RATES = ("learning_rate", "lr")
FALLING = ("loss", "error", "mae", "mse", "mape", "msle")
RISING = ("acc", "auc", "precision", "recall", "f1", "iou", "top_k", "r2")


def plot_schedule(schedule: Rate | Mapping[str, Rate], epochs: int) -> "Figure":
    """Draw a schedule of the learning rate, or several by name: one rate an epoch as stairs, moving ones as curves.

    Args:
        schedule: a Schedule or a function of the epoch; or a mapping of names to such.
        epochs: how many epochs are drawn.

    Returns:
        A matplotlib Figure, without pyplot: ``figure.savefig(path)``. Its scale is logarithmic where small rates would
        lie on the ground.

    Raises:
        ArgumentError: no schedules, or no number of epochs.
        MissingExtraError: matplotlib is not installed.

    >>> from visionkit.train.schedules import ramp_sustain_decay
    >>> plot_schedule(ramp_sustain_decay(), 12).axes[0].get_title()
    'learning rate: 1e-05 to 5e-05 to 2.05e-05'
    """
    epochs = _checks.positive("plot_schedule", "epochs", epochs)
    given = schedule if isinstance(schedule, Mapping) else {"": schedule}
    if not given:
        raise ArgumentError("plot_schedule: expected at least one schedule, got an empty mapping")
    named = {name: one if isinstance(one, Schedule) else tabulate(one, epochs) for name, one in given.items()}
    figure = _figure("plot_schedule", 8.0, 4.5)
    axes = figure.subplots()
    drawn = []
    for name, one in named.items():
        times = np.linspace(0, epochs, 1001) if one.continuous else np.arange(epochs + 1.0)
        # the end of the last stair is still on it
        rates = [one(time) for time in (times if one.continuous else np.minimum(times, epochs - 1))]
        drawn.append(rates)
        (line,) = axes.plot(times, rates, drawstyle="default" if one.continuous else "steps-post", label=name, lw=1.8)
        if not one.continuous and epochs <= 60:
            axes.plot(times[:-1], rates[:-1], "o", ms=4, color=line.get_color())
    if len(named) > 1:
        axes.legend(frameon=False)
        axes.set_title("learning rate")
    else:
        first, highest, last = (f"{rate:.3g}" for rate in (drawn[0][0], max(drawn[0]), drawn[0][-1]))
        axes.set_title("learning rate: " + " to ".join(dict.fromkeys([first, highest, last])))
    if any(np.mean(np.less(rates, 0.05 * max(rates))) > 0.2 for rates in drawn):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0, epochs)
    _dress(axes)
    return figure


def plot_history(history: Any, *, smooth: float = 0.0) -> "Figure":
    """Draw the curves of a training: a panel for each metric, training and validation together, the best epoch marked.

    Args:
        history: a mapping of names to values, one an epoch; what ``fit`` returned, here or in Keras; or the path of a
            ``history.csv``. Where a series is shorter and fits in evenly, it has a value every so many epochs.
        smooth: a factor in [0, 1) of an exponential moving average; the values themselves stay as pale lines. The
            best epoch is that of the values.

    Returns:
        A matplotlib Figure, without pyplot: ``figure.savefig(path)``.

    Raises:
        ArgumentError: no history, an empty one, or no such factor.
        FileError: the file cannot be read, or holds no history.
        MissingExtraError: matplotlib is not installed.

    Source: the smoothing is that of Chollet, Deep Learning with Python, 2018, chapter 5.

    >>> figure = plot_history({"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.7]}, smooth=0.8)
    >>> [axes.get_title(loc="right") for axes in figure.axes]
    ['best 0.6, epoch 2']
    """
    smooth = _checks.rate("plot_history", "smooth", smooth)
    values = _values(history)
    names = list(dict.fromkeys(name.removeprefix("val_") for name in values))
    names.sort(key=lambda name: (name in RATES, name != "loss"))
    longest = max(map(len, values.values()))
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = _figure("plot_history", max(6.4, 4.6 * columns), 3.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        series = {key: _points(values[key], longest) for key in (name, f"val_{name}") if key in values}
        _panel(axes, name, series, longest, smooth)
    for axes in grid.flat[len(names) :]:
        axes.remove()
    return figure


def smoothed(values: Sequence[float] | NDArray[Any], factor: float) -> NDArray[np.float64]:
    """The exponential moving average of some values, beginning with the first of them.

    >>> smoothed([1.0, 2.0, 2.0], 0.5)
    array([1.  , 1.5 , 1.75])
    """
    made = np.array(values, np.float64)
    for place in range(1, len(made)):
        made[place] = made[place - 1] * factor + made[place] * (1 - factor)
    return made


Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def _panel(axes: "Axes", name: str, series: Mapping[str, Points], longest: int, smooth: float) -> None:
    """The curves of one metric."""
    for key, (epochs, values) in series.items():
        colour = VALIDATION if key.startswith("val_") else TRAIN
        label = "validation" if key.startswith("val_") else "training"
        marker = "o" if len(values) <= 30 and not smooth else ""
        if name in RATES:
            axes.plot(epochs, values, drawstyle="steps-mid", color=colour, lw=1.8)
            continue
        if smooth:
            axes.plot(epochs, values, color=colour, lw=1.2, alpha=0.3)
        shown = smoothed(values, smooth)
        axes.plot(epochs, shown, color=colour, lw=1.8, marker=marker, ms=3.5, label=label)
    axes.set_title(name.replace("_", " "), loc="left", fontweight="bold")
    epochs, values = series.get(f"val_{name}", next(iter(series.values())))
    best = _best(name)
    if best is not None and len(values):
        place = best(values)
        axes.set_title(f"best {values[place]:.4g}, epoch {epochs[place]:.0f}", loc="right", fontsize="medium")
        axes.axvline(epochs[place], color="#888888", lw=1, ls=":", zorder=0)
        axes.plot(epochs[place], values[place], "o", mfc="none", mec="black", mew=1.3, ms=9, zorder=5)
    if len(series) > 1:
        axes.legend(frameon=False)
    together = np.concatenate([values for _, values in series.values()])
    if (name in RATES or _best(name) is np.argmin) and together.size and 0 < 30 * together.min() < together.max():
        axes.set_yscale("log")
    elif name in RATES:
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0.5, longest + 0.5)
    _dress(axes)


def _figure(where: str, width: float, height: float) -> "Figure":
    made: Figure = require("matplotlib.figure", extra="plots", what=where).Figure((width, height), layout="constrained")
    return made


def _dress(axes: "Axes") -> None:
    """What all panels look like."""
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _best(name: str) -> Callable[[NDArray[np.float64]], Any] | None:
    """Where the best of some values is, if the name tells whether less is better."""
    parts = name.lower()
    if any(part in parts for part in FALLING):
        return np.argmin
    return np.argmax if any(part in parts for part in RISING) else None


def _points(values: NDArray[np.float64], longest: int) -> Points:
    """Epochs, from 1 on, and values; without those that are not finite."""
    if len(values) and longest % len(values) == 0:
        epochs = np.arange(1.0, len(values) + 1) * (longest // len(values))
    else:
        epochs = np.arange(longest - len(values) + 1.0, longest + 1)
    finite = np.isfinite(values)
    return epochs[finite], values[finite]


def _values(history: Any) -> dict[str, NDArray[np.float64]]:
    if isinstance(history, str | os.PathLike):
        return _read(Path(history))
    found = getattr(history, "history", history)
    if not isinstance(found, Mapping) or not any(np.size(series) for series in found.values()):
        raise ArgumentError(
            "plot_history: expected a mapping of names to values, what fit returned, or the path of a history.csv, "
            f"got {describe(found)}"
        )
    try:
        return {str(name): np.asarray(series, np.float64).reshape(-1) for name, series in found.items()}
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"plot_history: expected numbers as values, got others ({error})") from None


def _read(path: Path) -> dict[str, NDArray[np.float64]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            columns, *rows = csv.reader(file)
        table = np.array([[float(cell or "nan") for cell in row] for row in rows]).reshape(-1, len(columns))
    except OSError as error:
        raise FileError(f"plot_history: cannot read '{path}': {error.strerror}") from error
    except ValueError as error:
        raise FileError(f"plot_history: expected '{path}' to be a table of numbers with a heading: {error}") from error
    found = {name: column for name, column in zip(columns, table.T, strict=True) if name != "epoch"}
    if not found or not len(rows):
        raise FileError(f"plot_history: expected '{path}' to hold values of at least one epoch, got none")
    return found
