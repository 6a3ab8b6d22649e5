"""The callback that keeps what a run has reached: history, best weights, and the snapshot that it goes on from."""

# ruff: noqa: D102 -- when the methods of a callback are called is told once, in keras.callbacks.Callback

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import NonFiniteError, VisionkitError, one_of
from visionkit.train._finite import named, wrong_samples
from visionkit.train.data.dataset import Dataset
from visionkit.train.loop import state
from visionkit.train.loop.callbacks import Memory
from visionkit.train.loop.folder import Folder, History
from visionkit.train.loop.run import Best
from visionkit.train.loop.snapshot import Arrays, Snapshot
from visionkit.train.loop.source import Source
from visionkit.train.strategies.base import Strategy

SHARE = 0.03  # of the time of a run that saving may take
AGREE_EVERY = 8  # steps, for several workers: asking the chief takes about as long as a small step


class Shortened(keras.callbacks.Callback):  # type: ignore[misc]
    """End the first epoch early where a part of it lies before a resume. To come before all other callbacks."""

    def __init__(self, left: int | None) -> None:
        super().__init__()
        self._left = left

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._model.stop_training = True  # Keras leaves the epoch, and then validates as ever

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._left == 0:
            self._left = None
            self._model.stop_training = False


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep a run. To come after all other callbacks: it keeps what they remember, too.

    Args:
        data: what is trained on.
        folder: where to keep it; None for a history and a best epoch alone.
        where: the strategy that the model is trained with.
        start: the snapshot to go on from.
        others: the callbacks whose memory is kept.
        monitor, mode: the figure by which an epoch is the best, and whether "min" or "max" is.
        save_every: seconds.
        rate: epoch -> learning rate, for the history; None where there is no schedule.
    """

    def __init__(
        self,
        data: Source,
        folder: Folder | None,
        where: Strategy,
        *,
        start: Snapshot | None,
        others: Sequence[keras.callbacks.Callback],
        monitor: str,
        mode: str,
        save_every: float,
        rate: Callable[[int], float] | None,
    ) -> None:
        super().__init__()
        self._data, self._folder, self._where = data, folder, where
        self._start, self._others = start, others
        self._monitor, self._sign, self._save_every = monitor, -1 if mode == "max" else 1, save_every
        self.history: History = {name: list(series) for name, series in start.history.items()} if start else {}
        self.best = Best(int(start.best[0]), monitor, start.best[1]) if start and start.best else None
        self.epoch, self.batch = (start.epoch, start.batch) if start else (0, 0)
        self._good = start
        self._rate = rate
        self._spent = 0.0  # seconds in saving
        self._cost = 0.0  # seconds that the last save took

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._memory = Memory(self._others)
        self._began = self._saved = time.monotonic()
        self._random = self._start.random if self._start else state.read_random()
        if self._start:
            self._memory.write(self._start.callbacks, self._start.extra)
        else:
            self._keep()  # a run that is killed before its first save begins again with the same weights

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._start and self.batch:  # Keras has just set the metrics back to nothing
            self._put(self.model.metrics_variables, self._start.metrics, what="the metrics")

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._random:
            state.write_random(self._random)  # not before: PyTorch draws a number when the batches begin
        self._random, self._start = [], None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.batch += 1
        loss = (logs or {}).get("loss", 0.0)
        if not np.isfinite(loss):
            raise self._not_finite(f"the loss is {loss}")
        if self.batch < len(self._data) and self._due():
            self._keep()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = dict(logs or {})
        if self._rate:
            logs.setdefault("learning_rate", self._rate(epoch))
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        self.epoch, self.batch = epoch + 1, 0
        if self._monitor not in logs:
            raise one_of("fit", "monitor", self._monitor, logs)
        value = logs[self._monitor]
        if np.isfinite(value) and (self.best is None or self._sign * value < self._sign * self.best.value):
            self.best = Best(self.epoch, self._monitor, float(value))
            if self._folder:
                with state.averaged(self.model, self._where):
                    if self._where.is_chief:
                        self._folder.write_weights(self.model, self._folder.best)
        now = time.monotonic()
        last = self.epoch == self.params.get("epochs") or self._model.stop_training
        affordable = self._spent + self._cost < SHARE * (now - self._began) or now - self._saved > self._save_every
        if last or self._where.agree(affordable):
            self._keep()
        if self._folder and self._where.is_chief:
            self._folder.write_history(self.history)

    def restore(self) -> None:
        """Give the model the last good weights back."""
        good = Snapshot.load(self._folder.snapshot) if self._folder else self._good
        if good:
            self._put(self.model.variables, good.model, what="the model")

    def _put(self, variables: Sequence[Any], values: Arrays, *, what: str) -> None:
        state.write(variables, values, self._where, what=f"{what} and the snapshot differ")

    def _due(self) -> bool:
        """Whether it is time to save; all workers must do so after the same step."""
        if self._where.workers > 1 and self.batch % AGREE_EVERY:
            return False
        since = time.monotonic() - self._saved
        return self._where.agree(since > max(self._save_every, self._cost / SHARE))

    def _keep(self) -> None:
        began = time.monotonic()
        snapshot = self._take()
        for weight, array in zip(self.model.variables, snapshot.model, strict=True):
            if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
                raise self._not_finite(f"the weight {weight.path!r} is not finite")
        if self._folder:
            if self._where.is_chief:
                self._folder.write_snapshot(snapshot)
        else:
            self._good = snapshot
        self._saved = time.monotonic()
        self._cost = self._saved - began
        self._spent += self._cost

    def _take(self) -> Snapshot:
        model = self.model  # with the JAX backend, this brings the variables up to date
        callbacks, extra = self._memory.read()
        return Snapshot(
            epoch=self.epoch,
            batch=self.batch,
            history={name: list(series) for name, series in self.history.items()},
            model=state.read(model.variables, self._where),
            optimizer=state.read(model.optimizer.variables, self._where),
            metrics=state.read(model.metrics_variables, self._where),
            random=state.read_random(),
            callbacks=callbacks,
            extra=extra,
            best=[self.best.epoch, self.best.value] if self.best else None,
            stopped=bool(model.stop_training),
        )

    def _not_finite(self, what: str) -> NonFiniteError:
        # the step before this moment: at the end of an epoch, its last one
        epoch, step = (self.epoch, self.batch) if self.batch else (self.epoch - 1, len(self._data))
        if epoch < 0:
            return NonFiniteError(
                f"fit: {what} before the first step; begin with other weights", epoch=0, step=0, names=()
            )
        names = self._data.names(epoch, step - 1)
        wrong = self._wrong(epoch, step - 1)
        if len(wrong):
            names = [names[place] for place in wrong]
            then = "the values of these samples are infinite or no number themselves: mend or leave out these"
        else:
            then = "look at these samples, or take a smaller learning rate or clip=1.0"
        shown = named(np.arange(len(names)), names.__getitem__, most=3)
        return NonFiniteError(
            f"fit: {what} after step {step} of epoch {epoch + 1}, on {shown}; the model has its last good weights "
            f"back: {then}",
            epoch=epoch + 1,
            step=step,
            names=names,
        )

    def _wrong(self, epoch: int, index: int) -> NDArray[np.int64]:
        """The places in a batch of samples that are not finite themselves, as augmentation may make them."""
        if not isinstance(self._data, Dataset) or len(self._data.names(epoch, index)) < 2:  # a stream knows no names
            return np.zeros(0, np.int64)
        with suppress(VisionkitError):  # such as a file that is gone by now
            return wrong_samples(self._data.batch(epoch, index)[0])
        return np.zeros(0, np.int64)
