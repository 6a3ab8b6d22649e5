"""Small models and data that the tests of training share."""

import keras
import numpy as np


def blobs(samples: int = 96, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures (samples, 8, 8, 1) that are brighter the higher their class, and the classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, samples)
    x = rng.normal(size=(samples, 8, 8, 1)).astype("float32") + y[:, None, None, None]
    return x, y


def small_model(classes: int = 3, *, activation: str | None = "softmax", dropout: float = 0.0) -> keras.Model:
    """A convolution, batch normalisation, and a dense layer, with the same weights each time."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(dropout),
            layers.Dense(classes, activation=activation),
        ]
    )


def equal(a: keras.Model, b: keras.Model) -> bool:
    """Whether two models have the same weights, to the last bit."""
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))
