"""How fast pictures come through `fit`, against other pipelines in the same run: `python benchmarks/input.py`.

1,000 JPEG files of about 400 x 300 pixels, made from the photos of scikit-image, become 150 x 150 with rotation, shift,
shear, zoom and flip, in batches of 32 for a model that does next to nothing.
"""

import operator
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from clock import Clock
from skimage import data as photos
from turns import Bench, parser

from visionkit.preprocess import resize, write
from visionkit.train import Augment, Dataset, fit, from_directory

SIZE = (150, 150)
GENERATOR, LAYERS = "ImageDataGenerator", "Keras layers in map"
# ours -> how many times as fast as the others it is to be
HELD = {
    "from files": {GENERATOR: 5.0, LAYERS: 3.5},
    "from a cache in memory": {GENERATOR: 8.0},
    "from a cache on disk": {GENERATOR: 8.0},
}


def main() -> None:
    """Print the ratios."""
    options = parser(__doc__, rounds=5)
    options.add_argument("--pictures", type=int, default=1000, help="how many files (default 1000)")
    given = options.parse_args()
    bench = Bench(given, "keras", "tensorflow")
    pictures = 100 if given.quick else given.pictures
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(Path(folder, "pictures"), pictures)
        pipelines = candidates(Path(folder, "pictures"), Path(folder, "cache"))
        spent = bench.in_turn({who: trainer(data) for who, data in pipelines.items()}, clock=operator.call)
    for who, held in HELD.items():
        for peer in (GENERATOR, LAYERS):
            bench.speed(f"{who}, an epoch of {pictures:,}", peer, spent[who], spent[peer], least=held.get(peer))
    bench.close()


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


def trainer(data: Any) -> Callable[[], float]:
    """Train a model that costs next to nothing, each with the `fit` of its own; the seconds of an epoch."""
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


if __name__ == "__main__":
    main()
