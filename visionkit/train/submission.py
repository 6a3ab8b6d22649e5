"""Predictions as a file for a grader."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from visionkit._errors import ArgumentError, describe
from visionkit._files import write_bytes, writing


def write_submission(
    path: str | os.PathLike[str],
    ids: Iterable[Any],
    labels: ArrayLike,
    *,
    header: Sequence[str] = ("id", "label"),
) -> None:
    """Write a CSV of two columns, which is there as a whole or not at all.

    Args:
        path: where to.
        ids: of the samples, each another: texts, integers, or bytes in UTF-8 as TFRecords hold them.
        labels: as many: classes as integers, their names, or probabilities (N, K), of which the most probable class is
            written.
        header: the names of the two columns.

    An id is written as it is, since a grader compares it: one that begins with =, +, - or @ is a formula to a
    spreadsheet that opens the file. Texts with commas, quotes or line breaks are quoted as in RFC 4180, and lines end
    as there, in CR LF.

    Raises:
        ArgumentError: an id that is empty, comes twice, or is no text; another number of labels; labels that are none
            of these; or a header that is not two names.
        FileError: the file cannot be written; what was there before is untouched.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_submission(f"{folder}/submission.csv", [b"c6f5", b"0a41"], [[0.1, 0.9], [0.7, 0.3]])
    ...     print(Path(folder, "submission.csv").read_text(), end="")
    id,label
    c6f5,1
    0a41,0
    """
    where = "write_submission"
    if isinstance(header, str) or len(header) != 2 or not all(isinstance(name, str) and name for name in header):
        raise ArgumentError(f"{where}: expected header to be two names, got {describe(header)}")
    if isinstance(ids, str | bytes):
        raise ArgumentError(f"{where}: expected an id for each sample, got {describe(ids)}")
    names, classes = _ids(where, ids), _labels(where, labels)
    if len(names) != len(classes):
        raise ArgumentError(f"{where}: expected a label for each of {len(names)} ids, got {len(classes)} labels")
    text = io.StringIO()
    csv.writer(text).writerows([header, *zip(names, classes, strict=True)])
    with writing(where, path):
        write_bytes(path, text.getvalue().encode())


def _ids(where: str, ids: Iterable[Any]) -> list[str]:
    found: dict[str, int] = {}
    for number, given in enumerate(ids):
        name = _text(where, f"id {number}", given)
        if name in found:
            raise ArgumentError(
                f"{where}: expected every id once, got {name!r} for sample {found[name]} and for sample {number}"
            )
        found[name] = number
    return list(found)


def _labels(where: str, labels: ArrayLike) -> list[str]:
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if len(wrong):
            raise ArgumentError(f"{where}: expected finite probabilities, got {array[wrong[0]]} for sample {wrong[0]}")
        array = array.argmax(axis=1)
    if array.ndim != 1 or array.dtype.kind not in "iuUSO":
        raise ArgumentError(
            f"{where}: expected labels to be integers or names (N,), or probabilities (N, classes), got "
            f"{describe(array)}"
        )
    return [_text(where, f"label {number}", given) for number, given in enumerate(array.tolist())]


def _text(where: str, what: str, given: Any) -> str:
    """What is written, where it can be told from others and from nothing."""
    if hasattr(given, "numpy"):  # a tensor of TensorFlow
        given = given.numpy()
    if isinstance(given, np.generic):
        given = given.item()
    try:
        text = given.decode() if isinstance(given, bytes) else str(given)
        text.encode()
    except UnicodeError as error:
        raise ArgumentError(f"{where}: expected {what} to be text in UTF-8, got {given!r}") from error
    if isinstance(given, bool) or not isinstance(given, str | bytes | int) or not text:
        raise ArgumentError(f"{where}: expected {what} to be a text or an integer, got {describe(given)}")
    return text
