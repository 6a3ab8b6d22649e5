"""A table of text: aligned for a pipe, with its columns at hand for a terminal that can draw it."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Columns and rows of text; under a rule, the rows of sums.

    Attributes:
        title: what it is about, one line; "" for none.
        columns: the headings.
        rows, sums: as many texts in each as there are columns.
        left: how many of the first columns are aligned on the left; the rest are numbers.
        note: what is to be known about it; "" for nothing.

    >>> print(Table("Fruit", ("name", "number"), [("apple", "7"), ("fig", "1,200")], sums=[("", "1,207")]))
    Fruit
    <BLANKLINE>
    name   number
    apple       7
    fig     1,200
    -------------
            1,207
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    sums: Sequence[tuple[str, ...]] = ()
    left: int = 1
    note: str = ""

    def __str__(self) -> str:
        every = [self.columns, *self.rows, *self.sums]
        widths = [max(map(len, column)) for column in zip(*every, strict=True)]
        lines = [self._line(row, widths) for row in every]
        if self.sums:
            lines.insert(1 + len(self.rows), "-" * max(map(len, lines)))
        before = [self.title, ""] if self.title else []
        after = ["", self.note] if self.note else []
        return "\n".join(before + lines + after)

    def _line(self, row: tuple[str, ...], widths: list[int]) -> str:
        texts = [
            text.ljust(width) if number < self.left else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(texts).rstrip()


def shape_text(shape: Any) -> str:
    """A shape, or several, in few letters.

    >>> shape_text((28, 28, 1)), shape_text(((None, None, 4), (2,)))
    ('28x28x1', '?x?x4, 2')
    """
    if shape and isinstance(shape[0], tuple | list):
        return ", ".join(map(shape_text, shape))
    return "x".join("?" if size is None else str(size) for size in shape)


def in_short(number: int) -> str:
    """A large number in three digits.

    >>> in_short(950), in_short(8_460), in_short(568_740_352), in_short(999_999_999)
    ('950', '8.46 k', '569 M', '1.00 G')
    """
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * unit:
            value = number / unit
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {letter}"
    return str(number)


def megabytes(size: int) -> str:
    """A number of bytes.

    >>> megabytes(1_572_864), megabytes(90)
    ('1.57 MB', '0.00 MB')
    """
    return f"{size / 1e6:.2f} MB"
