"""What the figures of this package look like."""

from typing import TYPE_CHECKING

from visionkit._extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP, CHANCE = "#1f6fb4", "#888888"


def dressed(where: str, width: float, height: float) -> "tuple[Figure, Axes]":
    """A figure without pyplot, and its axes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = require("matplotlib.figure", extra="plots", what=where).Figure((width, height), layout="constrained")
    axes = figure.subplots()
    axes.grid(color="#d9d9d9", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
