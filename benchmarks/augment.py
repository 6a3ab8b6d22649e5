"""How much faster one warp is than the five layers of Keras that draw the same: `python benchmarks/augment.py`

RandomRotation, RandomZoom, RandomTranslation, RandomShear and RandomFlip in sequence against Augment, each the first
layers of a trivial model, in training steps as `fit` compiles them on the backend of KERAS_BACKEND. The time of the
same step without augmentation is taken off both, round by round.
"""

import os
from collections.abc import Sequence
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from turns import Bench, parser

from visionkit.train.augment import Augment

OURS, FIVE, NOTHING = "Augment", "five layers of Keras", "nothing"


def main() -> None:
    """Print the ratio."""
    options = parser(__doc__, rounds=15)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--side", type=int, default=150)
    given = options.parse_args()
    bench = Bench(given, "keras", keras.backend.backend())
    images = np.random.default_rng(0).uniform(0, 255, (given.batch, given.side, given.side, 3)).astype("float32")
    labels = np.zeros((given.batch, 1), "float32")
    five = [
        layers.RandomRotation(40 / 360, fill_mode="nearest"),
        layers.RandomZoom(0.2, 0.2, fill_mode="nearest"),
        layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
        layers.RandomShear(0.2, 0.2, fill_mode="nearest"),
        layers.RandomFlip("horizontal"),
    ]
    models = {
        NOTHING: trivial(images.shape[1:], []),
        OURS: trivial(images.shape[1:], [Augment.preset("cats_dogs", shear=11)]),
        FIVE: trivial(images.shape[1:], five),
    }
    steps = {who: partial(model.train_on_batch, images, labels) for who, model in models.items()}
    spent = bench.in_turn(steps, warm=2)  # the first ones compile
    ours, theirs = (
        [seconds - bare for seconds, bare in zip(spent[who], spent[NOTHING], strict=True)] for who in (OURS, FIVE)
    )
    what = f"{given.batch} pictures of {given.side} x {given.side} on {keras.backend.backend()}"
    bench.speed(what, FIVE, ours, theirs)
    compiled = [who for who, model in models.items() if model.jit_compile]
    bench.note(f"Compiled by XLA: {', '.join(compiled) or 'none'}.")
    bench.close()


def trivial(shape: Sequence[int], augmentation: list[keras.Layer]) -> keras.Model:
    """A model that costs next to nothing beside its augmentation."""
    model = keras.Sequential([keras.Input(shape), *augmentation, layers.GlobalAveragePooling2D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


if __name__ == "__main__":
    main()
