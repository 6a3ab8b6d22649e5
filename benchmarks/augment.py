"""How much faster one warp is than the five layers of Keras that draw the same: `python benchmarks/augment.py`

RandomRotation, RandomZoom, RandomTranslation, RandomShear and RandomFlip in sequence against Augment, each the first
layers of a trivial model, in training steps as `fit` compiles them on the backend of KERAS_BACKEND. The time of the
same step without augmentation is taken off both. Machines differ and are noisy: the ratio counts. It is the median over
runs that are taken in turn.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from visionkit.train.augment import Augment


def main() -> None:
    """Print the time of each, an image, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--side", type=int, default=150)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    images = np.random.default_rng(0).uniform(0, 255, (options.batch, options.side, options.side, 3)).astype("float32")
    labels = np.zeros((options.batch, 1), "float32")
    five = [
        layers.RandomRotation(40 / 360, fill_mode="nearest"),
        layers.RandomZoom(0.2, 0.2, fill_mode="nearest"),
        layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
        layers.RandomShear(0.2, 0.2, fill_mode="nearest"),
        layers.RandomFlip("horizontal"),
    ]
    models = {
        "nothing": trivial(images.shape[1:], []),
        "Augment": trivial(images.shape[1:], [Augment.preset("cats_dogs", shear=11)]),
        "five layers of Keras": trivial(images.shape[1:], five),
    }
    times: dict[str, list[float]] = {name: [] for name in models}
    for run in range(options.runs + 2):  # the first ones compile
        for name, model in models.items():
            started = time.perf_counter()
            model.train_on_batch(images, labels)
            if run >= 2:
                times[name].append((time.perf_counter() - started) / options.batch)
    print(f"{keras.backend.backend()}, {options.batch} images of {options.side}x{options.side}, ms an image:")
    for name, model in models.items():
        compiled = ", compiled by XLA" if model.jit_compile else ""
        print(f"{name:24}{statistics.median(times[name]) * 1000:8.3f}{compiled}")
    ratio = statistics.median(
        (slow - bare) / (fast - bare)
        for bare, fast, slow in zip(*(times[name] for name in models), strict=True)
        if fast > bare
    )
    print(f"Augment is {ratio:.1f} times as fast")


def trivial(shape: Sequence[int], augmentation: list[keras.Layer]) -> keras.Model:
    """A model that costs next to nothing beside its augmentation."""
    model = keras.Sequential([keras.Input(shape), *augmentation, layers.GlobalAveragePooling2D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


if __name__ == "__main__":
    main()
