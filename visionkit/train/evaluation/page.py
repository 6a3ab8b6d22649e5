"""A report as one web page: no script, nothing from elsewhere, legible in light and dark, wide and narrow."""

import base64
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import cv2
import numpy as np

from visionkit.train.evaluation.pictures import Picture, fitted, pictures
from visionkit.train.evaluation.scores import ClassScore, Floats
from visionkit.train.evaluation.style import STYLE

if TYPE_CHECKING:
    from visionkit.train.evaluation.report import Confused, Report

CELLS = 50  # classes up to which the confusion is a table; a picture beyond
SAMPLES = 500  # rows of the table of samples
THUMB = 128  # pixels of the longer side of a photo

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
"""


def page(report: "Report", *, pairs: int, pictures_each: int) -> str:
    """The page as text. Names of classes, samples and the model are shown as they are, never as HTML."""
    title = f"Evaluation of {report.model}" if report.model else "Evaluation"
    body = [
        f"<h1>{_text(title)}</h1>",
        _tiles(report),
        _section("By class", _by_class(report)),
        _section("Confusion", _confusion(report)),
        _section("Most often confused", _confused(report, report.confused[:pairs], pictures_each)),
        _section("Calibration", _calibration(report)),
        _section("Samples", _samples(report)),
    ]
    text = f"{HEAD}<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    return text + "\n".join(body) + "\n</main>\n</body>\n</html>\n"


def _text(name: str) -> str:
    """A name from outside, harmless; what UTF-8 cannot hold is a question mark."""
    return escape(name.encode("utf-8", "replace").decode("utf-8"))


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>"


def _tiles(report: "Report") -> str:
    values = [
        ("accuracy", f"{report.accuracy:.2%}"),
        *([("top 5", f"{report.top5:.2%}")] if report.top5 is not None else []),
        ("mean f1", f"{report.mean.f1:.4f}"),
        ("log loss", f"{report.log_loss:.4f}"),
        ("calibration error", f"{report.calibration.error:.4f}"),
        ("samples", f"{len(report.truth):,}"),
        ("mistakes", f"{len(report.mistakes):,}"),
        ("classes", f"{len(report.classes):,}"),
    ]
    return '<dl class="tiles">' + "".join(f"<div><dt>{n}</dt><dd>{v}</dd></div>" for n, v in values) + "</dl>"


def _table(
    caption: str, columns: Iterable[str], rows: Iterable[str], *, foot: Iterable[str] = (), kind: str = ""
) -> str:
    """A table in a frame of its own, which scrolls where it is too wide."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    below = f"<tfoot>{''.join(foot)}</tfoot>" if foot else ""
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0">\n<table class="{kind}">'
        f"<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + f"\n</tbody>{below}</table>\n</div>"
    )


def _by_class(report: "Report") -> str:
    rows = [_score(row) for row in report.by_class]
    foot = [_score(row) for row in (report.mean, report.weighted_mean)]
    columns = ("class", "precision", "recall", "f1", "samples", "predicted")
    return _table("Scores of each class", columns, rows, foot=foot, kind="scores")


def _score(row: ClassScore) -> str:
    known = (row.predicted, row.support, row.predicted + row.support)
    cells = [
        f'<td class="bar" style="--part:{value:.4f}">{f"{value:.4f}" if count else "&ndash;"}</td>'
        for value, count in zip((row.precision, row.recall, row.f1), known, strict=True)
    ]
    return (
        f'<tr><th scope="row">{_text(row.name)}</th>{"".join(cells)}<td>{row.support:,}</td>'
        f"<td>{row.predicted:,}</td></tr>"
    )


def _confusion(report: "Report") -> str:
    share = report.confusion / np.maximum(report.confusion.sum(axis=1, keepdims=True), 1)
    if len(report.classes) > CELLS:
        note = "Rows are true classes, columns predicted ones, from the first to the last; the stronger, the more."
        alt = f"Confusion matrix of {len(report.classes)} classes. {note} The table below names the most frequent."
        image = f'<img src="{_uri(_heat(share))}" alt="{alt}">'
        return f'<figure class="matrix">{image}<figcaption>{note}</figcaption></figure>'
    rows = []
    for true, name in enumerate(report.classes):
        cells = "".join(
            f'<td class="{"hit" if true == said else "miss"}" style="--part:{share[true, said]:.3f}">{count}</td>'
            if count
            else "<td></td>"
            for said, count in enumerate(report.confusion[true].tolist())
        )
        rows.append(f'<tr><th scope="row">{_text(name)}</th>{cells}</tr>')
    columns = ["true \\ predicted", *(f"<span>{_text(name)}</span>" for name in report.classes)]
    return _table("True classes in rows, predicted ones in columns", columns, rows, kind="confusion")


def _heat(share: Floats) -> Picture:
    """Blue on the diagonal, orange beside it, a pixel a cell; RGBA, and nothing is transparent."""
    heat = np.empty((*share.shape, 4), np.uint8)
    heat[..., :3] = np.where(np.eye(len(share), dtype=bool)[..., None], (37, 99, 235), (220, 60, 20))
    heat[..., 3] = np.rint(255 * np.sqrt(share))  # rare confusions are to be seen
    return heat


def _confused(report: "Report", shown: tuple["Confused", ...], each: int) -> str:
    if not report.confused:
        return "<p>No class was taken for another.</p>"
    wanted = [int(number) for pair in shown for number in pair.numbers[:each]]
    photos = pictures(report.data, np.array(wanted)) if wanted else None
    by_number = dict(zip(wanted, photos or (), strict=bool(photos)))
    parts = []
    for pair in shown:
        heading = f"{_text(pair.truth)} <span>taken for</span> {_text(pair.predicted)}"
        count = f"{pair.times:,} times, {pair.share:.1%} of its samples" if pair.times > 1 else "once"
        figures = "".join(
            _photo(report, number, by_number[number]) for number in pair.numbers[:each].tolist() if number in by_number
        )
        parts.append(f'<article><h3>{heading}</h3><p>{count}</p><div class="photos">{figures}</div></article>')
    left = len(report.confused) - len(shown)
    note = f"<p>and {left:,} more pairs</p>" if left else ""
    return f'<div class="pairs">{"".join(parts)}</div>{note}'


def _photo(report: "Report", number: int, picture: Picture) -> str:
    one = report.predictions[number]
    alt = f"{one.name}: {one.truth}, taken for {one.predicted} with {one.confidence:.0%}"
    return (
        f'<figure><img src="{_uri(fitted(picture, THUMB))}" alt="{_text(alt)}" title="{_text(one.name)}" '
        f'loading="lazy"><figcaption>{one.confidence:.0%}</figcaption></figure>'
    )


def _uri(picture: Picture) -> str:
    """In the page itself: as PNG, or as JPEG where that is shorter."""
    if picture.shape[2] == 4:
        made = {"png": cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))[1]}
    else:
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
        made = {"png": cv2.imencode(".png", bgr)[1], "jpeg": jpeg}
    kind = min(made, key=lambda one: made[one].size)
    return f"data:image/{kind};base64,{base64.b64encode(made[kind].tobytes()).decode()}"


def _calibration(report: "Report") -> str:
    bins = [one for one in report.calibration.bins if one.samples]
    bars = "".join(
        f'<rect class="accuracy" x="{100 * one.low + 0.3:.2f}" y="{100 - 100 * one.accuracy:.2f}" '
        f'width="{100 * (one.high - one.low) - 0.6:.2f}" height="{100 * one.accuracy:.2f}"/>'
        f'<line class="said" x1="{100 * one.low + 0.3:.2f}" x2="{100 * one.high - 0.3:.2f}" '
        f'y1="{100 - 100 * one.confidence:.2f}" y2="{100 - 100 * one.confidence:.2f}"/>'
        for one in bins
    )
    ticks = "".join(
        f'<text x="{at}" y="107" text-anchor="middle">{at / 100:g}</text>'
        f'<text x="-3" y="{101.5 - at}" text-anchor="end">{at / 100:g}</text>'
        for at in (0, 25, 50, 75, 100)
    )
    chart = (
        '<svg viewBox="-16 -4 122 124" role="img" aria-labelledby="reliability">'
        f'<title id="reliability">Accuracy by confidence; the table beside it has the numbers</title>'
        f'<path class="grid" d="M0 0V100H100M0 75H100M0 50H100M0 25H100M0 0H100"/>{bars}'
        f'<path class="even" d="M0 100L100 0"/>{ticks}<text x="50" y="117" text-anchor="middle">confidence</text>'
        '<text transform="translate(-12.5 50) rotate(-90)" text-anchor="middle">accuracy</text></svg>'
    )
    rows = [
        f'<tr><th scope="row">{one.low:.2f}&ndash;{one.high:.2f}</th><td>{one.samples:,}</td>'
        f"<td>{one.confidence:.4f}</td><td>{one.accuracy:.4f}</td></tr>"
        for one in bins
    ]
    table = _table("Samples by confidence", ("confidence", "samples", "mean", "accuracy"), rows)
    text = (
        f"The expected calibration error is {report.calibration.error:.4f}: the mean distance of confidence (lines) "
        "and accuracy (bars). Where bars are below the dashed diagonal, the model is too sure of itself; where they "
        "are above, it is right more often than it says."
    )
    return f'<p>{text}</p><div class="beside">{chart}{table}</div>'


def _samples(report: "Report") -> str:
    right = np.flatnonzero(report.predicted == report.truth)
    order = [*report.mistakes.tolist(), *right.tolist()][:SAMPLES]
    rows = []
    for number in order:
        one = report.predictions[number]
        wrong = one.truth != one.predicted
        rows.append(
            f'<tr{" class=wrong" if wrong else ""}><th scope="row">{_text(one.name)}</th><td>{_text(one.truth)}</td>'
            f"<td>{_text(one.predicted)}</td><td>{one.confidence:.1%}</td><td>{'wrong' if wrong else 'right'}</td></tr>"
        )
    left = len(report.truth) - len(order)
    note = f", the first {SAMPLES:,} of {len(report.truth):,}" if left else ""
    columns = ("sample", "truth", "prediction", "confidence", "")
    return _table(f"Mistakes first, the most confident ahead{note}", columns, rows, kind="samples")
