"""A run of `fit` that may lose a worker. python workers_script.py FOLDER [WORKER STEP], the step to be killed at."""

import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from visionkit.train.data.arrays import from_arrays
from visionkit.train.loop.fit import fit
from visionkit.train.strategies import strategy


class Killed(keras.callbacks.Callback):
    """End this process at once, but not a second time."""

    def __init__(self, marker, step):
        super().__init__()
        self.marker, self.left = marker, step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0 and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    where = strategy()
    folder = Path(sys.argv[1])
    worker, step = map(int, sys.argv[2:] or (-1, 0))
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(69, 8, 8, 3)).astype("float32"), rng.integers(0, 4, 69)
    layers = keras.layers
    with where.scope():
        model = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(8, 3, use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Flatten(),
                layers.Dense(4, activation="softmax"),
            ]
        )
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    run = fit(
        model,
        from_arrays(x, y, batch_size=16, seed=1),
        from_arrays(x[:17], y[:17], batch_size=16, shuffle=False),
        epochs=4,
        optimizer=optimizer,
        directory=folder / "run",
        save_every=0,
        callbacks=[Killed(folder / "killed", step)] if where.worker == worker else [],
        verbose=0,
    )
    if where.is_chief:
        figures = {name: np.array(series) for name, series in run.history.items()}
        weights = {str(number): keras.ops.convert_to_numpy(value) for number, value in enumerate(model.weights)}
        np.savez(folder / "found.npz", **figures, **weights)
