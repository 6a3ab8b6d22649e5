"""What `fit` costs over Keras' own: one network on pictures like MNIST's, both in turn.

python benchmarks/fit.py [--data mnist.npz] [--samples N] [--batch N]

The file holds train_x (N, 28, 28) and train_y; without one, pictures are drawn at random, which takes as long.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from clock import Clock
from turns import Bench, parser

import visionkit as vk

EPOCHS = 4
THEIRS = "model.fit"
# our ways -> what else is told to `fit`; a directory is that of a new folder
OURS: dict[str, dict[str, Any]] = {
    "`fit`": {},
    "`fit` with a run's folder": {"directory": "run"},
    "`fit` that saves each second": {"directory": "run", "save_every": 1.0},
}


def network() -> keras.Model:
    layers = keras.layers
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--data")
    options.add_argument("--samples", type=int, default=10000)
    options.add_argument("--batch", type=int, default=128)
    given = options.parse_args()
    bench = Bench(given, "keras", keras.backend.backend())
    samples = 256 if given.quick else given.samples
    if given.data:
        with np.load(given.data) as file:
            x, y = file["train_x"][:samples, ..., None], file["train_y"][:samples].astype("int32")
    else:
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (samples, 28, 28, 1), np.uint8), rng.integers(0, 10, samples)
    x = x.astype("float32")

    def keras_fit(clock: Clock) -> None:
        model = network()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=given.batch, epochs=EPOCHS, callbacks=[clock], verbose=0)

    def our_fit(told: dict[str, Any], clock: Clock) -> None:
        told = {"batch_size": given.batch, "callbacks": [clock], "verbose": 0, **told}
        vk.train.fit(network(), (x, y), epochs=EPOCHS, **told)

    ways = {THEIRS: keras_fit, **{way: partial(our_fit, told) for way, told in OURS.items()}}
    spent = bench.in_turn(ways, clock=epoch)
    for way in OURS:
        bench.speed(f"{way}, an epoch of {samples:,} pictures", THEIRS, spent[way], spent[THEIRS])
    bench.close()


def epoch(train: Callable[[Clock], None]) -> float:
    """The seconds of an epoch, in an empty folder."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        train(clock)
    return clock.seconds


if __name__ == "__main__":
    main()
