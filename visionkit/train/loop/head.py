"""The last layer of a model, and what its activation makes of the outputs."""

from typing import Any, Literal

import keras
import numpy as np

Head = Literal["softmax", "sigmoid", "linear"]


def head(model: keras.Model, x: Any) -> Head:
    """What the last activation of a model with outputs (N, K) is; one that is neither softmax nor sigmoid is linear.

    Found in the model's last layer where it says so; else by looking at its outputs: rows of a softmax sum to one.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Softmax()])
    >>> head(model, np.zeros((1, 4)))
    'softmax'
    """
    last = last_layer(model)
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    if activation is not None:
        return "softmax" if activation == "softmax" else "sigmoid" if activation == "sigmoid" else "linear"
    outputs = keras.ops.convert_to_numpy(model(x, training=False)).astype(np.float64)
    if outputs.min() < 0 or outputs.max() > 1:
        return "linear"
    return "softmax" if outputs.shape[1] > 1 and np.allclose(outputs.sum(axis=1), 1, atol=1e-2) else "sigmoid"


def last_layer(layer: Any) -> Any:
    """The layer that makes a model's output, inside nested models and blocks; None where the model does not say."""
    if isinstance(layer, keras.Model):
        made = getattr(layer, "outputs", None)
        operation = getattr(made[0], "_keras_history", (None,))[0] if made else None
        return None if operation is None or operation is layer else last_layer(operation)
    activation = getattr(layer, "activation", None)  # of a block it is a layer of its own
    return last_layer(activation) if isinstance(activation, keras.Layer) else layer
