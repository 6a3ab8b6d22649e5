"""A report as a Matplotlib figure."""

from typing import TYPE_CHECKING, Any

import numpy as np

from visionkit._extras import require

if TYPE_CHECKING:
    from visionkit.train.evaluation.report import Report

BLUE, ORANGE, GREEN, GRAY = "#2563eb", "#ea580c", "#15803d", "#6b7280"
MOST = 120  # classes whose names can be read


def draw(report: "Report") -> Any:
    """Confusion and scores by class share their rows; beside them are reliability and confidence."""
    figures = require("matplotlib.figure", extra="plots", what="Report.figure")
    classes = len(report.classes)
    side = min(14.0, max(4.2, 0.3 * classes, 5 + 0.09 * classes))
    font = min(9.0, 0.8 * 72 * side / classes)
    figure = figures.Figure(figsize=(side + 8.2, side + 1.6), layout="constrained")
    figure.suptitle("\n".join(filter(None, (report.model, report.summary))), fontsize=12, parse_math=False)
    columns = figure.add_gridspec(1, 3, width_ratios=(side, 2.8, 3.6))
    matrix = figure.add_subplot(columns[0])
    _confusion(matrix, report, font)
    _scores(figure.add_subplot(columns[1], sharey=matrix), report, font)
    right = columns[2].subgridspec(3, 1, height_ratios=(3.0, 1.3, max(0.01, side - 4.3)))
    reliability = figure.add_subplot(right[0])
    _reliability(reliability, report)
    _confidence(figure.add_subplot(right[1], sharex=reliability), report)
    return figure


def _confusion(axes: Any, report: "Report", font: float) -> None:
    classes = len(report.classes)
    support = report.confusion.sum(axis=1, keepdims=True)
    share = report.confusion / np.maximum(support, 1)
    # the root shows what is rare beside what is frequent
    axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set(title="Confusion; shaded by part of the row", xlabel="predicted", ylabel="true")
    if classes <= MOST:
        names = [name if len(name) <= 24 else f"{name[:23]}…" for name in report.classes]
        upright = 90 if classes > 12 or max(map(len, names)) > 6 else 0
        axes.set_xticks(range(classes), names, fontsize=font, rotation=upright, parse_math=False)
        axes.set_yticks(range(classes), names, fontsize=font, parse_math=False)
        axes.tick_params(length=0)
        axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#e5e7eb", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
    if classes <= 30:
        for row, column in np.argwhere(report.confusion):
            color = "white" if share[row, column] > 0.35 else "#1f2937"
            axes.text(
                column, row, f"{report.confusion[row, column]}", ha="center", va="center", color=color, fontsize=font
            )


def _scores(axes: Any, report: "Report", font: float) -> None:
    rows = np.arange(len(report.classes))
    size = max(4.0, min(36.0, 4 * font))
    axes.hlines(rows, 0, 1, color="#e5e7eb", linewidth=0.7, zorder=1)
    for name, marker, color in (("precision", "<", BLUE), ("recall", ">", ORANGE), ("f1", "o", GREEN)):
        values = [getattr(row, name) for row in report.by_class]
        axes.scatter(values, rows, s=size, marker=marker, color=color, label=name, zorder=3, alpha=0.85, linewidths=0)
    axes.axvline(report.mean.f1, color=GREEN, linestyle=":", linewidth=1, zorder=2)
    axes.set(title="By class", xlim=(-0.03, 1.03), xlabel="the dotted line is the mean f1")
    axes.tick_params(axis="y", which="both", left=False, labelleft=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0), fontsize=8, framealpha=0.9)
    _bare(axes)


def _reliability(axes: Any, report: "Report") -> None:
    bins = [one for one in report.calibration.bins if one.samples]
    width = bins[0].high - bins[0].low
    middles = [(one.low + one.high) / 2 for one in bins]
    axes.bar(middles, [one.accuracy for one in bins], width * 0.92, color=BLUE, alpha=0.55, label="accuracy")
    axes.bar(
        middles,
        [one.confidence - one.accuracy for one in bins],
        width * 0.92,
        bottom=[one.accuracy for one in bins],
        facecolor="none",
        edgecolor=ORANGE,
        hatch="////",
        linewidth=0.8,
        label="gap to confidence",
    )
    axes.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1)
    axes.set(title=f"Reliability, error {report.calibration.error:.4f}", xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, -0.28), ncols=2, fontsize=8, frameon=False)
    _bare(axes)


def _confidence(axes: Any, report: "Report") -> None:
    bins = report.calibration.bins
    middles = [(one.low + one.high) / 2 for one in bins]
    axes.bar(middles, [one.samples for one in bins], (bins[0].high - bins[0].low) * 0.92, color=GRAY)
    axes.set(xlabel="confidence", ylabel="samples")
    _bare(axes)


def _bare(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
