"""Weights that are the same on every backend."""

import keras
import numpy as np


def drawn(model: keras.Model, *, spread: float = 0.3, seed: int = 0) -> keras.Model:
    """Draw all weights with NumPy; Keras' own initializers give other numbers on each backend.

    >>> model = drawn(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    >>> model.get_weights()[0].round(2)
    array([[ 0.04], [-0.04]], dtype=float32)
    """
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, spread, weight.shape) for weight in model.get_weights()])
    return model
