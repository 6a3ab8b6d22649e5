"""What `fit` costs over Keras' own: one network on pictures like MNIST's, both in turn, and what saving takes of the time.

python benchmarks/fit.py [--data mnist.npz] [--samples N] [--rounds N] [--batch N]

The file holds train_x (N, 28, 28) and train_y; without one, pictures are drawn at random, which takes as long.
"""

import argparse
import statistics
import tempfile
import time

import keras
import numpy as np

import visionkit as vk


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


class Epochs(keras.callbacks.Callback):
    """The seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--data")
    options.add_argument("--samples", type=int, default=20000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--batch", type=int, default=128)
    given = options.parse_args()
    if given.data:
        with np.load(given.data) as file:
            x, y = file["train_x"][: given.samples, ..., None], file["train_y"][: given.samples].astype("int32")
    else:
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (given.samples, 28, 28, 1), np.uint8), rng.integers(0, 10, given.samples)
    x = x.astype("float32")

    def keras_fit(folder: str) -> tuple[float, float]:
        model, epochs = network(), Epochs()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        began = time.perf_counter()
        model.fit(x, y, batch_size=given.batch, epochs=3, callbacks=[epochs], verbose=0)
        return time.perf_counter() - began, statistics.median(epochs.seconds[1:])

    def our_fit(folder: str) -> tuple[float, float]:
        model, epochs = network(), Epochs()
        began = time.perf_counter()
        vk.train.fit(model, (x, y), batch_size=given.batch, epochs=3, directory=folder, callbacks=[epochs], verbose=0)
        return time.perf_counter() - began, statistics.median(epochs.seconds[1:])

    totals, epochs = [], []
    for number in range(given.rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            theirs, ours = keras_fit(folder), our_fit(f"{folder}/run")
        if number:  # the first round warms up
            totals.append(ours[0] / theirs[0])
            epochs.append(ours[1] / theirs[1])
            print(f"model.fit {theirs[0]:.2f} s, fit {ours[0]:.2f} s with a folder: {totals[-1]:.3f}", flush=True)
    print(f"fit over model.fit, whole run {statistics.median(totals):.3f}, an epoch {statistics.median(epochs):.3f}")


if __name__ == "__main__":
    main()
