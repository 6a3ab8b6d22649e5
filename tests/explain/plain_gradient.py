"""Gradients at the pictures, as the backend's own tools give them."""

from typing import Any

import keras
import numpy as np


def plain_gradient(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Of the outputs of these classes, for a model that ends with the scores; float32 (N, H, W, C)."""
    chosen = keras.ops.one_hot(classes, model.output_shape[-1], dtype="float32")

    def total(x: Any) -> Any:
        return keras.ops.sum(model(x, training=False) * chosen)

    backend = keras.backend.backend()
    x = keras.ops.convert_to_tensor(images)
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = total(x)
        found = tape.gradient(value, x)
    elif backend == "jax":
        import jax

        found = jax.grad(total)(x)
    else:
        x.requires_grad_(True)
        total(x).backward()
        found = x.grad
    return np.asarray(keras.ops.convert_to_numpy(found))
