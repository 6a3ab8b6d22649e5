"""What arguments may be; every message says what was expected, what came, and what to do."""

import difflib
import math
from collections.abc import Iterable

from visionkit._errors import ArgumentError, describe


def positive(where: str, argument: str, value: object, *, least: int = 1) -> int:
    """A whole number that is at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value.__index__()) < least:
        raise ArgumentError(f"{where}: expected {argument} to be an integer of at least {least}, got {describe(value)}")
    return int(value.__index__())


def size(where: str, argument: str, value: object) -> tuple[int, int]:
    """A height and a width, from one number or from two."""
    pair = value if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2:
        raise ArgumentError(f"{where}: expected {argument} to be one integer or two, got {describe(value)}")
    return positive(where, argument, pair[0]), positive(where, argument, pair[1])


def rate(where: str, argument: str, value: object) -> float:
    """A probability that something is dropped, in [0, 1)."""
    if isinstance(value, bool) or not hasattr(value, "__float__") or not 0.0 <= float(value.__float__()) < 1.0:
        raise ArgumentError(f"{where}: expected {argument} to be in [0, 1), got {describe(value)}")
    return float(value.__float__())


def number(where: str, argument: str, value: object, *, above: float = -math.inf) -> float:
    """A finite number above a bound."""
    if isinstance(value, bool) or not hasattr(value, "__float__") or not above < float(value.__float__()) < math.inf:
        bound = "" if above == -math.inf else f" above {above:g}"
        raise ArgumentError(f"{where}: expected {argument} to be a number{bound}, got {describe(value)}")
    return float(value.__float__())


def not_negative(where: str, argument: str, value: object) -> float:
    """A finite number of at least 0."""
    if number(where, argument, value) < 0:
        raise ArgumentError(f"{where}: expected {argument} to be at least 0, got {describe(value)}")
    return number(where, argument, value)


def flag(where: str, argument: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{where}: expected {argument} to be True or False, got {describe(value)}")
    return value


def known(where: str, given: Iterable[str], names: Iterable[str]) -> None:
    """No argument but these: a misspelt one is an error that offers the nearest."""
    names = frozenset(names)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}? It" if near else "it"
            raise ArgumentError(f"{where}: unknown argument {name!r}; {hint} takes {', '.join(sorted(names))}")
