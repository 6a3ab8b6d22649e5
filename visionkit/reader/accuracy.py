"""How much of a text was read right."""

from visionkit._errors import ArgumentError, describe


def accuracy(text: str, truth: str) -> float:
    r"""One minus the edit distance between what was read and what is written, over the length of the latter.

    The distance is the least number of characters to insert, delete or replace (Levenshtein 1966); so inventing
    characters costs as much as missing them, and a text much too long is below 0. Blanks and line ends do not count.

    Args:
        text: as ``Reading.text`` has it.
        truth: what is written there.

    Raises:
        ArgumentError: not two texts, or nothing is written there.

    >>> accuracy("HELL0\nW0RLD", "HELLO WORLD")
    0.8
    """
    for argument, value in (("text", text), ("truth", truth)):
        if not isinstance(value, str):
            raise ArgumentError(f"accuracy: expected {argument} to be a text, got {describe(value)}")
    read, written = ("".join(value.split()) for value in (text, truth))
    if not written:
        raise ArgumentError(f"accuracy: expected characters in truth, got {truth!r}")
    return 1 - _distance(read, written) / len(written)


def _distance(first: str, second: str) -> int:
    row = list(range(len(second) + 1))  # how far what there is of the first is from each beginning of the second
    for i, a in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(second, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]
