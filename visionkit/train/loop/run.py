"""What a run gives."""

from pathlib import Path
from typing import NamedTuple


class Best(NamedTuple):
    """The best epoch of a run.

    Attributes:
        epoch: its number, from 1 on.
        monitor: the name of the figure that was best there.
        value: the figure.
    """

    epoch: int
    monitor: str
    value: float


class Run(NamedTuple):
    """What ``fit`` gives.

    Attributes:
        history: name of a figure -> its value after each epoch, also of the epochs before a resume.
        best: the best epoch, or None where the monitored figure never came.
        directory: the folder of the run, or None.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> run = vk.train.fit(model, (np.zeros((8, 1)), np.ones(8)), epochs=3, loss="mse", verbose=0)
    >>> len(run.history["loss"]), run.best.epoch, run.best.monitor, run.directory
    (3, 3, 'loss', None)
    """

    history: dict[str, list[float]]
    best: Best | None
    directory: Path | None
