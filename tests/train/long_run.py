"""A run that may be killed at any moment; started by tests as a program: long_run.py FOLDER RESULT EPOCHS."""

import json
import sys
import time

import keras
import numpy as np

from visionkit.train import cosine, deterministic, fit, from_arrays

SAMPLES = 300


class Slow(keras.callbacks.Callback):
    """Give the one who kills some time, and remember something of one's own."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.steps = 0
        self.losses = np.zeros(epochs)

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        time.sleep(0.02)

    def on_epoch_end(self, epoch, logs=None):
        self.losses[epoch] = logs["loss"]


def main(folder: str, result: str, epochs: str) -> None:
    deterministic(1)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, SAMPLES)
    x = rng.normal(size=(SAMPLES, 8, 8, 1)).astype("float32") + y[:, None, None, None]
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.RandomTranslation(0.1, 0.1),
            keras.layers.Conv2D(8, 3),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3),
        ]
    )
    slow = Slow(int(epochs))
    stop = keras.callbacks.EarlyStopping(patience=40)
    run = fit(
        model,
        from_arrays(x, y, batch_size=24),
        from_arrays(x[:100], y[:100], shuffle=False),
        epochs=int(epochs),
        optimizer=keras.optimizers.Adam(0.1),
        schedule=cosine(0.05, int(epochs)),
        ema=0.9,
        class_weight="balanced",
        clip=1.0,
        callbacks=[slow, stop],
        directory=folder,
        save_every=0.1,
        verbose=2,
    )
    arrays = {str(number): weight for number, weight in enumerate(model.get_weights())}
    memory = [slow.steps, slow.losses.tolist(), stop.wait, stop.best]
    with open(result, "wb") as file:
        np.savez(file, rest=np.array(json.dumps([run.history, list(run.best), memory])), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
