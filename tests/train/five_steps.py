"""Five steps of training on any backend; started by tests as a program: five_steps.py WEIGHTS RESULT."""

import json
import sys
from pathlib import Path

import keras

from tests.train.small import blobs, small_model
from visionkit.train import Augment, fit, from_arrays, one_cycle


class Losses(keras.callbacks.Callback):
    """The loss after each step, and what came before it taken away: the logs hold a running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.means: list[float] = []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(float(logs["loss"]))

    def steps(self) -> list[float]:
        """Of batches of one size."""
        sums = [mean * count for count, mean in enumerate(self.means, 1)]
        return [now - before for now, before in zip(sums, [0.0, *sums], strict=False)]


def main(weights: str, result: str) -> None:
    model = small_model()
    if not Path(weights).exists():
        model.save_weights(weights)
    model.load_weights(weights)
    losses = Losses()
    data = from_arrays(*blobs(160), augment=Augment(rotation=10, shift=0.1, horizontal_flip=True))
    fit(
        model,
        data,
        epochs=1,
        optimizer=keras.optimizers.SGD(momentum=0.9),
        schedule=one_cycle(0.1, 1),
        class_weight="balanced",
        clip=1.0,
        callbacks=[losses],
        verbose=0,
    )
    Path(result).write_text(json.dumps([losses.steps(), [weight.tolist() for weight in model.get_weights()]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
