"""Work on many pictures at once; OpenCV lets other threads run while it works."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from visionkit._processors import processors


def each(work: Callable[[int], object], count: int) -> None:
    """Call ``work`` with every number below ``count``, in as many threads as there are processors.

    Raises:
        Exception: what a call raised; calls that were not begun by then are left out.

    >>> squares = {}
    >>> each(lambda number: squares.update({number: number**2}), 3)
    >>> sorted(squares.items())
    [(0, 0), (1, 1), (2, 4)]
    """
    numbers = iter(range(count))  # shared: whoever is free takes the next one

    def take() -> None:
        try:
            for number in numbers:
                work(number)
        except BaseException:
            for _ in numbers:
                pass
            raise

    helpers = [_pool().submit(take) for _ in range(min(processors(), count) - 1)]
    try:
        take()
    finally:
        for helper in helpers:
            if not helper.cancel():  # one that has not begun by now has nothing left to do
                helper.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(processors(), thread_name_prefix="visionkit")
