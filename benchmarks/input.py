"""How fast pictures come through `fit`, against other pipelines in the same run: `python benchmarks/input.py`.

1,000 JPEG files of about 400 x 300 pixels, made from the photos of scikit-image, become 150 x 150 with rotation, shift,
shear, zoom and flip, in batches of 32 for a model that does next to nothing. Machines differ and are noisy: the ratios
count. In each round every pipeline has its turn, in an order that rotates; a ratio is taken within a round, and the
median over the rounds is printed, with the middle half of them.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from skimage import data as photos

from visionkit.preprocess import resize, write
from visionkit.train import Augment, Dataset, fit, from_directory

SIZE = (150, 150)
GENERATOR, LAYERS = "ImageDataGenerator", "Keras layers in map"
# ours -> how many times as fast as the others it is to be
HELD = {
    "visionkit": {GENERATOR: 5.0, LAYERS: 3.5},
    "visionkit, cache in memory": {GENERATOR: 8.0},
    "visionkit, cache on disk": {GENERATOR: 8.0},
}


def main() -> None:
    """Print how fast each is, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default 5)")
    parser.add_argument("--pictures", type=int, default=1000, help="how many files (default 1000)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(Path(folder, "pictures"), arguments.pictures)
        pipelines = candidates(Path(folder, "pictures"), Path(folder, "cache"))
        print(f"Keras {keras.__version__}, TensorFlow {tf.__version__}, {os.cpu_count()} CPUs; images a second")
        report(in_turn(pipelines, arguments.rounds, arguments.pictures))


def make_pictures(folder: Path, count: int) -> None:
    """Write parts of photos into two folders."""
    draw = np.random.default_rng(0)
    sources = [photos.astronaut(), photos.chelsea(), photos.coffee(), photos.rocket()]
    for name in ("even", "odd"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        source = sources[number % len(sources)]
        height, width = draw.integers(290, 360), draw.integers(380, 470)
        scale = 1.2 * max(1.0, height / source.shape[0], width / source.shape[1])
        source = resize(source, width=round(source.shape[1] * scale), height=round(source.shape[0] * scale))
        top, left = draw.integers(source.shape[0] - height), draw.integers(source.shape[1] - width)
        part = source[top : top + height, left : left + width]
        write(folder / ("odd" if number % 2 else "even") / f"{number}.jpg", part)


def candidates(pictures: Path, cache: Path) -> dict[str, Any]:
    """What ``fit`` takes, for each pipeline."""
    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    layers = keras.Sequential(
        [
            keras.layers.RandomRotation(40 / 360, fill_mode="nearest"),
            keras.layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
            keras.layers.RandomShear(0.2, 0.2, fill_mode="nearest"),
            keras.layers.RandomZoom(0.2, fill_mode="nearest"),
            keras.layers.RandomFlip("horizontal"),
        ]
    )
    files = keras.utils.image_dataset_from_directory(pictures, image_size=SIZE, batch_size=32, verbose=False)
    mapped = files.map(lambda x, y: (layers(x, training=True), y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    augment = Augment(rotation=40, shift=0.2, shear=0.2, zoom=0.2, horizontal_flip=True)
    ours = {
        who: from_directory(pictures, image_size=SIZE, augment=augment, cache=kept)
        for who, kept in zip(HELD, (None, "memory", cache), strict=True)
    }
    return {
        GENERATOR: generator.flow_from_directory(pictures, target_size=SIZE, batch_size=32, class_mode="sparse"),
        LAYERS: mapped,
        **ours,
    }


class Clock(keras.callbacks.Callback):
    """The time from the end of the first epoch to that of the last."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """What the epochs after the first took: what is compiled is compiled by then."""
        return self.ends[-1] - self.ends[0]


def trainer(data: Any) -> Callable[[], float]:
    """Train a model that costs next to nothing, each with the `fit` of its own; the seconds of two epochs."""
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)

    def run() -> float:
        clock = Clock()
        if isinstance(data, Dataset):
            fit(model, data, epochs=3, optimizer="sgd", loss=loss, callbacks=[clock], verbose=0)
        else:
            model.fit(data, epochs=3, callbacks=[clock], verbose=0)
        return clock.seconds

    return run


def in_turn(pipelines: dict[str, Any], rounds: int, count: int) -> dict[str, list[float]]:
    """Images a second for each, round by round, after one round that does not count."""
    trainers = {who: trainer(data) for who, data in pipelines.items()}
    rates: dict[str, list[float]] = {who: [] for who in pipelines}
    order = list(pipelines)
    for number in range(rounds + 1):
        for who in order:
            seconds = trainers[who]()
            if number:
                rates[who].append(2 * count / seconds)
        order = order[1:] + order[:1]
    return rates


def report(rates: dict[str, list[float]]) -> None:
    """Print the rates, and the ratios to the other pipelines."""
    for who, found in rates.items():
        print(f"  {who:28}{statistics.median(found):8.0f}")
        for other in (GENERATOR, LAYERS) if who in HELD else ():
            ratios = sorted(one / another for one, another in zip(found, rates[other], strict=True))
            quarter, middle = len(ratios) // 4, statistics.median(ratios)
            least = HELD[who].get(other)
            held = "" if least is None else f"   at least {least}: {'yes' if middle >= least else 'NO'}"
            print(f"    over {other:22}{middle:6.2f}   ({ratios[quarter]:.2f}-{ratios[-1 - quarter]:.2f}){held}")


if __name__ == "__main__":
    main()
