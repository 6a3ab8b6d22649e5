"""The time of an epoch, for the benchmarks of training and of its data."""

import time
from typing import Any

import keras


class Clock(keras.callbacks.Callback):
    """From the end of the first epoch, when all is compiled, to that of the last."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the time."""
        self._ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """The mean over the epochs after the first, with what is done between them."""
        return (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
