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
    """

    history: dict[str, list[float]]
    best: Best | None
    directory: Path | None
