"""Progress: a bar for the run and one for the epoch on a terminal, a line for each epoch elsewhere."""

# ruff: noqa: D102 -- when the methods of a callback are called is told once, in keras.callbacks.Callback

import sys
import time
from typing import Any

import keras

from visionkit._errors import one_of

REFRESH = 0.2  # seconds; reading the figures at every step would hold the device back


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Show how far a run is.

    Args:
        verbose: 0, 1, 2, or "auto".
        steps: batches in an epoch.
        first: batches of the first epoch that lie before a resume.
    """

    def __init__(self, verbose: Any, steps: int, first: int) -> None:
        super().__init__()
        if verbose not in ("auto", 0, 1, 2) or isinstance(verbose, bool):
            raise one_of("fit", "verbose", verbose, ("auto", "0", "1", "2"))
        self._verbose = (1 if sys.stdout.isatty() else 2) if verbose == "auto" else verbose
        self._steps, self._step = steps, first
        self._shown = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._epochs = self.params["epochs"]
        if self._verbose == 1:
            from rich import progress

            columns = (
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.TextColumn("{task.completed}/{task.total}"),
                progress.TimeRemainingColumn(elapsed_when_finished=True),
                progress.TextColumn("{task.fields[figures]}"),
            )
            self._bars = progress.Progress(*columns)
            self._run = self._bars.add_task("run", total=self._epochs * self._steps, figures="")
            self._epoch = self._bars.add_task("epoch", total=self._steps, figures="")
            self._bars.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._number, self._began = epoch, time.monotonic()
        if self._verbose == 1:
            self._bars.reset(self._epoch, description=f"epoch {epoch + 1}/{self._epochs}")
            self._show({})

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._step += 1
        if self._verbose == 1 and time.monotonic() - self._shown > REFRESH:
            self._show(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._verbose == 1:
            self._step = self._steps
            self._show(logs or {})
            self._bars.console.print(self._line(epoch, logs))
        elif self._verbose == 2:
            print(self._line(epoch, logs), flush=True)
        self._step = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:  # also where the run is broken off: the terminal is to be as it was
        if hasattr(self, "_bars"):
            self._bars.stop()

    def _show(self, logs: dict[str, Any]) -> None:
        self._shown = time.monotonic()
        self._bars.update(self._run, completed=self._number * self._steps + self._step)
        self._bars.update(self._epoch, completed=self._step, figures=_figures(logs))

    def _line(self, epoch: int, logs: dict[str, Any] | None) -> str:
        seconds = time.monotonic() - self._began
        return f"epoch {epoch + 1}/{self._epochs}  {seconds:.0f} s  {_figures(logs or {})}"


def _figures(logs: dict[str, Any]) -> str:
    return "  ".join(f"{name} {float(value):.4g}" for name, value in logs.items())
