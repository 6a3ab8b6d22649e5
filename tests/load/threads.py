"""Work done by many threads at once, and what makes answers comparable to the last bit."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from visionkit import VisionkitError
from visionkit.reader import Reader

Job, Answer = TypeVar("Job"), TypeVar("Answer")


def together(work: Callable[[Job], Answer], jobs: Sequence[Job], *, threads: int = 8) -> list[Answer]:
    """What comes of the jobs, in their order, done by threads that all begin at the same moment."""
    start = threading.Barrier(threads)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):  # each keeps one thread busy until all are there
            pool.submit(start.wait)
        return list(pool.map(work, jobs))


def read(reader: Reader, source: Any) -> Any:
    """All that a reader says about a photo, or the error."""
    try:
        reading = reader.read(source)
    except VisionkitError as error:
        return type(error).__name__, str(error)
    return reading.text, reading.characters, reading.image.tobytes()


def same(one: Any, other: Any, *, within: float = 0.0) -> bool:
    """Whether two answers are equal: arrays in them in every number, or within a difference."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], within=within) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(*pair, within=within) for pair in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) and one.dtype.kind == "f" and within:
        return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=within))
    return bool(np.array_equal(one, other))
