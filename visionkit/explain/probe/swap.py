"""Other attributes for a while, for one thread, and everything as it was afterwards."""

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

_NOTHING = object()
# Two threads that swap at the same time would each put back what the other had put there.
_lock = threading.RLock()


class Swap(NamedTuple):
    """A function that stands in for an attribute.

    Attributes:
        owner: a layer, or a module.
        name: of the attribute, itself a function.
        around: the original function and its arguments -> what is returned in its place.
    """

    owner: Any
    name: str
    around: Callable[..., Any]


@contextmanager
def originals() -> Iterator[None]:
    """See every attribute as it is: no other thread swaps meanwhile."""
    with _lock:
        yield


@contextmanager
def swapped(swaps: Callable[[], Sequence[Swap]]) -> Iterator[None]:
    """Let functions stand in for attributes; calls from other threads go on to the originals.

    The swaps are made when no other thread has swapped anything: what they look at are the originals.

    Attributes are set past ``__setattr__``, in which Keras would track them, and what was not there before is deleted
    afterwards: a bound method is an attribute of the class, and must not become one of the instance.
    """
    thread = threading.get_ident()
    before: list[tuple[Any, str, Any]] = []
    with originals():
        try:
            for owner, name, around in swaps():
                before.append((owner, name, vars(owner).get(name, _NOTHING)))
                _set(owner, name, _guarded(getattr(owner, name), around, thread))
            yield
        finally:
            for owner, name, value in reversed(before):
                _set(owner, name, value)


def _guarded(original: Callable[..., Any], around: Callable[..., Any], thread: int) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return original(*args, **kwargs)
        return around(original, *args, **kwargs)

    return call


def _set(owner: Any, name: str, value: Any) -> None:
    if value is _NOTHING:
        del vars(owner)[name]
    else:
        vars(owner)[name] = value
