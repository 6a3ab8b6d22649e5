"""What `fit` costs over Keras' own: one network on pictures like MNIST's, both in turn.

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

EPOCHS = 4


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
        """Start the clock."""
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stop it."""
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

    def keras_fit(folder: str, epochs: Epochs) -> None:
        model = network()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=given.batch, epochs=EPOCHS, callbacks=[epochs], verbose=0)

    def our_fit(folder: str, epochs: Epochs, **options: object) -> None:
        vk.train.fit(network(), (x, y), batch_size=given.batch, epochs=EPOCHS, callbacks=[epochs], verbose=0, **options)

    ways = {
        "model.fit": keras_fit,
        "fit": our_fit,
        "fit with a folder": lambda folder, epochs: our_fit(folder, epochs, directory=folder),
        "fit that saves each second": lambda folder, epochs: our_fit(folder, epochs, directory=folder, save_every=1.0),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(given.rounds + 1):
        for way, run in ways.items():
            epochs = Epochs()
            with tempfile.TemporaryDirectory() as folder:
                run(f"{folder}/run", epochs)
            if number:  # the first round warms up
                seconds[way].extend(epochs.seconds[1:])  # and the first epoch compiles
    print(f"{'an epoch over model.fit':30}{'median':>10}{'least':>10}   with the {keras.backend.backend()} backend")
    for way in list(ways)[1:]:
        ratios = [found(seconds[way]) / found(seconds["model.fit"]) for found in (statistics.median, min)]
        print(f"{way:30}{ratios[0]:10.3f}{ratios[1]:10.3f}")


if __name__ == "__main__":
    main()
