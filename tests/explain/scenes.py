"""Pictures with objects in clutter, and a small network that learns within seconds what is on them."""

from typing import NamedTuple

import cv2
import keras
import numpy as np
from keras import layers

SIZE = 64
CLASSES = ("bars", "stripes", "checks", "slopes", "falls", "dots")


class Scenes(NamedTuple):
    """Pictures, and what is where.

    Attributes:
        images: uint8 RGB (N, 64, 64, 3).
        labels: integers (N, objects): the class of each object; no class comes twice in a picture.
        boxes: integers (N, objects, 4): x, y, width and height of each object; no two of a picture touch.
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray


def scenes(count: int, objects: int = 1, seed: int = 0) -> Scenes:
    """Patterned objects of random class, place, size, outline and colour, before clutter that tells nothing of them.

    The clutter is as fine and as bright as the objects, and holds scraps of all their patterns: what tells a class is
    that its pattern goes on, and so the evidence lies inside of the object and not on its edge.

    >>> made = scenes(3, objects=2)
    >>> made.images.shape, made.labels.shape, made.boxes.shape
    ((3, 64, 64, 3), (3, 2), (3, 2, 4))
    """
    rng = np.random.default_rng((seed, objects))
    images = np.stack([_clutter(rng) for _ in range(count)])
    labels = np.stack([rng.permutation(len(CLASSES))[:objects] for _ in range(count)])
    boxes = np.zeros((count, objects, 4), np.int64)
    for image, kinds, found in zip(images, labels, boxes, strict=True):
        for number, (kind, (x, y, side)) in enumerate(zip(kinds, _places(rng, objects), strict=True)):
            outline, pattern = _outline(rng, side), _pattern(CLASSES[kind], side)
            image[y : y + side, x : x + side][outline] = _painted(rng, pattern)[outline]
            found[number] = x, y, side, side
    return Scenes(images, labels, boxes)


def _clutter(rng: np.random.Generator) -> np.ndarray:
    """Bricks without any order, and on them two scraps of the pattern of each class."""
    bricks = rng.integers(0, 2, (SIZE // 2, SIZE // 2), np.uint8)
    bricks = cv2.resize(bricks, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)[:SIZE, :SIZE]
    image = _painted(rng, bricks > 0)
    for name in CLASSES * 2:
        y, x = rng.integers(0, SIZE - 11, 2)
        image[y : y + 11, x : x + 11] = _painted(rng, _pattern(name, 11))
    return image


def _painted(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """Two random colours, one where it is light, and a little noise."""
    low, high = rng.integers(0, 100, 3), rng.integers(156, 256, 3)
    noise = rng.normal(0, 10, (*light.shape, 3))
    return np.clip(np.where(light[..., None], high, low) + noise, 0, 255).astype(np.uint8)


def _places(rng: np.random.Generator, objects: int) -> np.ndarray:
    """x, y and side of squares in the picture, two of them at least 5 pixels from each other."""
    while True:
        sides = rng.integers(20, 29, objects)
        places = np.column_stack([rng.integers(1, SIZE - sides), rng.integers(1, SIZE - sides), sides])
        starts, ends = places[:, :2], places[:, :2] + sides[:, None]
        if objects < 2 or (starts.max(axis=0) >= ends.min(axis=0) + 5).any():
            return places


def _outline(rng: np.random.Generator, side: int) -> np.ndarray:
    """Where an object is, in (side, side): a disc or a square, whatever its class."""
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    return np.hypot(y, x) < side / 2 if rng.integers(2) else np.ones((side, side), bool)


def _pattern(name: str, side: int) -> np.ndarray:
    """Where an object is light, in (side, side); this is what its class is."""
    y, x = np.mgrid[0:side, 0:side]
    kinds = {
        "bars": x // 3,
        "stripes": y // 3,
        "checks": x // 3 + y // 3,
        "slopes": (x + y) // 4,
        "falls": (x - y) // 4,
        "dots": (x // 3) * (y // 3),
    }
    return kinds[name] % 2 > 0


def untrained() -> keras.Model:
    """A network that takes uint8 pictures (N, 64, 64, 3) and says for each class whether it is there.

    Layer "conv3" is the last convolution and "relu3" the last map, 16 x 16 with 32 channels; then average pooling and
    the dense layer "classes". Its sigmoids let no object speak against another.
    """
    keras.utils.set_random_seed(0)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, -1, name="scaled")(image)
    for number, (filters, size, strides) in enumerate(((12, 4, 2), (24, 4, 2), (32, 3, 1)), start=1):
        # 4 x 4 with strides of 2, because "same" pads 3 x 3 on one side only, which shifts the map
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"bn{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(len(CLASSES), activation="sigmoid", name="classes")(x))


def train(model: keras.Model, *, each: int = 1000, epochs: int = 4) -> None:
    """Train on pictures without an object, with one, and with two."""
    made = [scenes(each // 2, 0, seed=1), scenes(each, 1, seed=1), scenes(each, 2, seed=1)]
    images = np.concatenate([one.images for one in made])
    there = np.concatenate([np.eye(len(CLASSES), dtype="float32")[one.labels].sum(axis=1) for one in made])
    steps = epochs * -(-len(images) // 32)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=1e-2, warmup_steps=steps // 8)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="binary_crossentropy")
    model.fit(images, there, batch_size=32, epochs=epochs, verbose=0)


def accuracy(model: keras.Model, made: Scenes) -> float:
    """The share of objects whose class is among the highest scores of their picture, one score for each object."""
    count = made.labels.shape[1]
    found = np.argsort(model.predict(made.images, verbose=0), axis=1)[:, -count:]
    return float(np.mean([np.isin(labels, best).mean() for labels, best in zip(made.labels, found, strict=True)]))
