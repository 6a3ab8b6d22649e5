"""The folder of a run: its settings, its snapshot, its history, its curves, its best and its last weights."""

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import keras

from visionkit._beside import sweep
from visionkit._errors import ArgumentError, FileError, MissingExtraError, ModelError, describe
from visionkit._files import make_folder, replacing, write_bytes, write_text, writing
from visionkit._hdf5 import weights_file
from visionkit.train.loop.snapshot import Snapshot

History = dict[str, list[float]]

# What may be otherwise when a run goes on: how long it is, and what only describes it.
FREE = ("epochs", "made_with")


@contextmanager
def without_optimizer(model: keras.Model) -> Iterator[None]:
    """Let a model's weight files hold its weights alone: what its optimizer remembers is in the snapshot."""
    optimizer, model.optimizer = model.optimizer, None
    try:
        yield
    finally:
        model.optimizer = optimizer


class Folder:
    """Where the files of a run are.

    ``config.json`` (settings), ``snapshot.npz`` (from which it goes on), ``history.csv`` (a row an epoch),
    ``curves.png``, ``best.weights.h5``, ``last.weights.h5``, and ``tensorboard/``.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        if not isinstance(directory, str | os.PathLike):
            raise ArgumentError(f"fit: expected directory to be a path, got {describe(directory)}")
        self.path = Path(directory)
        self.config = self.path / "config.json"
        self.snapshot = self.path / "snapshot.npz"
        self.history = self.path / "history.csv"
        self.curves = self.path / "curves.png"
        self.best = self.path / "best.weights.h5"
        self.last = self.path / "last.weights.h5"
        self.tensorboard = self.path / "tensorboard"

    def open(self, settings: dict[str, Any], *, resume: bool, write: bool) -> bool:
        """Begin a run here, or go on with the one that is here.

        Args:
            settings: what makes this run; JSON.
            resume: whether to go on with a run that is here.
            write: whether this process writes the folder, as the first of several workers does.

        Returns:
            Whether there is a snapshot to go on from.

        Raises:
            FileError: it cannot be written, or holds a run that is not to go on.
            ModelError: it holds a run with other settings; the message says which.
        """
        settings = json.loads(json.dumps(settings))
        with self._writing():
            there = self.config.is_file()
        if there:
            if not resume:
                raise FileError(
                    f"fit: '{self.path}' holds a run already; give another directory, delete this one, or leave "
                    "resume=True to go on with it"
                )
            self._compare(settings)
        if write:
            with self._writing():
                make_folder(self.path)
                for place in (self.config, self.snapshot, self.history, self.curves, self.best, self.last):
                    sweep(place)
                write_text(self.config, json.dumps(settings, indent=2) + "\n")
        return self.snapshot.is_file()

    def _compare(self, settings: dict[str, Any]) -> None:
        try:
            before = json.loads(self.config.read_text(encoding="utf-8"))
            differences = list(_differences(before, settings))
        except (ValueError, AttributeError, RecursionError) as error:
            raise FileError(f"fit: '{self.config}' is damaged ({error}); give another directory") from error
        if differences:
            raise ModelError(
                f"fit: the run in '{self.path}' is another one: {'; '.join(differences[:4])}; "
                "give another directory to start a new run, or the settings of that one to go on with it"
            )

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Write ``snapshot.npz``."""
        with self._writing():
            snapshot.save(self.snapshot)

    def write_history(self, history: History) -> None:
        """Write ``history.csv``: a row for each epoch, a column for each figure."""
        length = max(map(len, history.values()), default=0)
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["epoch", *history])
        # a figure that is not there in every epoch, such as of a validation every second one, has fewer values
        columns = [[""] * (length - len(series)) + list(series) for series in history.values()]
        rows.writerows([epoch + 1, *(column[epoch] for column in columns)] for epoch in range(length))
        with self._writing():
            write_text(self.history, text.getvalue())

    def write_weights(self, model: keras.Model, path: Path) -> None:
        """Write the weights of a model beside their place, and move them there."""
        with without_optimizer(model):
            data = weights_file(model)
        with self._writing():
            write_bytes(path, data)

    def finish(self, model: keras.Model, history: History, *, write: bool, restore_best: bool) -> None:
        """Leave the last files of a run, and the model with the weights that it is to have."""
        if write:
            self.write_history(history)
            self.write_weights(model, self.last)
            self._draw(history)
        if restore_best and self.best.is_file():
            with without_optimizer(model):
                model.load_weights(self.best)

    def _draw(self, history: History) -> None:
        from visionkit.train.plots import plot_history

        try:
            figure = plot_history(history)
        except MissingExtraError:
            return
        with self._writing(), replacing(self.curves) as file:
            figure.savefig(file, format="png")

    def _writing(self) -> AbstractContextManager[None]:
        then = "what was there before is whole, and the same call goes on"
        return writing("fit", self.path, what="write to the run's folder", then=then)


def _differences(before: Any, now: Any, name: str = "") -> Any:
    """What differs between two settings, each in a few words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            if name or key not in FREE:
                yield from _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif before != now:
        yield f"its {name} is {_short(before)}, here it is {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
