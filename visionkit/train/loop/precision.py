"""Training in half precision: the layers compute in 16 bits, the weights and the last activation stay in 32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import keras

from visionkit._errors import ModelError, one_of
from visionkit.train.loop.head import last_layer

Precision = Literal["bfloat16", "float16"]

# what follows a convolution and only compares or moves numbers: less memory to go through in 16 bits
_MOVING = (keras.layers.MaxPooling2D, keras.layers.ZeroPadding2D, keras.layers.Cropping2D, keras.layers.Flatten)


@contextmanager
def computing_in(model: keras.Model, precision: Precision | None, *, on: str = "cpu") -> Iterator[None]:
    """Let the layers of a model compute in 16 bits for a while; afterwards it is as it was.

    bfloat16 has the range of float32, and suits TPUs, recent GPUs, and CPUs that multiply in it (AVX512_BF16, AMX);
    float16 suits older GPUs, and needs the loss to be scaled, which Keras' ``compile`` does by itself.

    A CPU has instructions of 16 bits for products of matrices alone: normalisations, activations and sums take longer
    in them than in 32 bits, and stay there.

    Args:
        model: built.
        precision: of the layers; None changes nothing.
        on: the kind of device.

    Raises:
        ModelError: a layer computes in 16 bits already.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Softmax()])
    >>> with computing_in(model, "bfloat16"):
    ...     [layer.compute_dtype for layer in model.layers]
    ['bfloat16', 'float32']
    """
    if precision is None:
        yield
        return
    if precision not in ("bfloat16", "float16"):
        raise one_of("fit", "precision", precision, ("auto", "bfloat16", "float16"))
    before = [(layer, layer.dtype_policy) for layer in _leaves(model)]
    for layer, policy in before:
        if policy.compute_dtype not in ("float32", None):
            raise ModelError(
                f"fit: expected a model that computes in float32 with precision={precision!r}, got the layer "
                f"{layer.name} in {policy.compute_dtype}; leave precision away, the model has its own"
            )
    half = keras.DTypePolicy(f"mixed_{precision}")
    last = last_layer(model) or before[-1][0]  # a softmax with 8 bits of precision would bend the loss
    try:
        for layer, _ in before:
            if layer is not last and (on != "cpu" or _multiplies(layer) or isinstance(layer, _MOVING)):
                layer.dtype_policy = half
        _forget(model)
        yield
    finally:
        for layer, policy in before:
            layer.dtype_policy = policy
        _forget(model)


def _leaves(model: keras.Model) -> list[Any]:
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model | keras.layers.InputLayer) and layer.dtype_policy.compute_dtype
    ]


def _multiplies(layer: keras.Layer) -> bool:
    return any(len(weight.shape) > 1 for weight in layer.weights)


def _forget(model: keras.Model) -> None:
    """What was traced computes as it did then."""
    model.train_function = model.test_function = model.predict_function = None
