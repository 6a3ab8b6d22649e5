"""What insertion and deletion found."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from visionkit.explain.faithfulness.plots import CHANCE, MAP, dressed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """The probability of a class against how much of the image was exchanged, for N images.

    Attributes:
        kind: "insertion" or "deletion".
        curves: float32 (N, steps + 1), by the order of the heatmaps.
        random_curves: float32 (N, steps + 1), the mean over a few random orders.
        fractions: (steps + 1,), from 0 to 1: the share of the pixels that were brought back, or taken away.

    >>> print(Faithfulness("insertion", np.array([[0.0, 1.0, 1.0]]), np.array([[0.0, 0.5, 1.0]]), np.linspace(0, 1, 3)))
    insertion: area 0.750, random orders 0.500, 1 image
    """

    kind: str
    curves: Floats
    random_curves: Floats
    fractions: NDArray[np.float64]

    @property
    def scores(self) -> NDArray[np.float64]:
        """(N,), the areas under the curves of the heatmaps."""
        return _area(self.curves, self.fractions)

    @property
    def random(self) -> NDArray[np.float64]:
        """(N,), the areas under those of the random orders."""
        return _area(self.random_curves, self.fractions)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """The scores: ``np.mean(insertion(...))`` is their mean."""
        return np.array(self.scores, dtype=dtype)

    def plot(self) -> "Figure":
        """Draw the mean curves over all images, and between them what the maps know more than chance.

        Returns:
            A matplotlib Figure, without pyplot: ``figure.savefig(path)``.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        figure, axes = dressed(self.kind, 6.4, 4.2)
        made, random = self.curves.mean(axis=0), self.random_curves.mean(axis=0)
        if len(self.curves) > 1:
            low, high = np.quantile(self.curves, (0.25, 0.75), axis=0)
            axes.fill_between(self.fractions, low, high, color=MAP, alpha=0.15, lw=0)
        axes.plot(self.fractions, made, color=MAP, lw=1.8, label=f"heatmap: area {self.scores.mean():.3f}")
        axes.plot(self.fractions, random, color=CHANCE, lw=1.8, label=f"random: area {self.random.mean():.3f}")
        axes.set_title(self.kind, loc="left", fontweight="bold")
        axes.set_xlabel("share of the pixels " + ("brought back" if self.kind == "insertion" else "taken away"))
        axes.set_ylabel("probability of the class")
        axes.set_xlim(0, 1)
        axes.legend(frameon=False)
        return figure

    def __str__(self) -> str:
        count = len(self.curves)
        return (
            f"{self.kind}: area {self.scores.mean():.3f}, random orders {self.random.mean():.3f}, "
            f"{count} image{'s' if count > 1 else ''}"
        )


def _area(curves: Floats, fractions: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the trapezoidal rule."""
    return np.asarray((curves[:, 1:] + curves[:, :-1]) / 2 @ np.diff(fractions))
