"""Names of classes, and labels among them."""

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe


def check_classes(where: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Names that are texts, and no two of them the same, whatever their case and however their accents are encoded.

    >>> check_classes("example", ["cat", "dog"])
    ('cat', 'dog')
    """
    if isinstance(classes, str) or not all(isinstance(name, str) and name for name in classes) or not len(classes):
        raise ArgumentError(
            f"{where}: expected classes to be a list of names, got {describe(classes)}; "
            "for numbers use [str(number) for number in numbers]"
        )
    seen: dict[str, str] = {}
    for name in classes:
        key = unicodedata.normalize("NFC", name)
        key = key.casefold() if len(key) > 1 else key  # A and a are two letters
        if key in seen:
            raise ArgumentError(
                f"{where}: expected every class to have a name of its own, got {seen[key]!r} and {name!r}; "
                "put their pictures together, or rename one"
            )
        seen[key] = name
    return tuple(classes)


def check_labels(where: str, labels: NDArray[np.integer], classes: Sequence[str], name: Callable[[int], str]) -> None:
    """Every label is a place among the classes; ``name`` says what a sample is called."""
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(wrong):
        shown = ", ".join(f"{labels[number]} in {name(int(number))}" for number in wrong[:5])
        raise ArgumentError(
            f"{where}: expected labels from 0 to {len(classes) - 1}, as there are {len(classes)} classes, got "
            f"{shown}{f' and {len(wrong) - 5:,} more' if len(wrong) > 5 else ''}"
        )
