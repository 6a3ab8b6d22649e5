"""Local response normalisation, the normalisation of AlexNet and ZFNet."""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from typing import Any

import keras
from keras import ops

from visionkit import _checks
from visionkit._errors import ArgumentError
from visionkit.blocks._block import Block
from visionkit.blocks._inputs import Shape


@keras.saving.register_keras_serializable("visionkit")
class LocalResponseNorm(Block):
    """Divide by a power of the sum of squares over neighbouring channels: b = a / (k + alpha * sum a^2)^beta.

    Input and output (N, ..., C), the same shape. Computed in float32 at least, because squares overflow float16.

    Args:
        size: number of neighbouring channels, itself in the middle; odd.
        alpha, beta, k: as in the formula, which is the paper's. PyTorch and Caffe divide alpha by ``size``: give them
            ``alpha * size`` for the same result.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above.

    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, section 3.3.

    >>> x = keras.ops.ones((1, 1, 1, 7))
    >>> y = keras.ops.convert_to_numpy(LocalResponseNorm(size=3, alpha=1.0, beta=1.0, k=1.0)(x)).ravel()
    >>> [round(float(value), 3) for value in y]
    [0.333, 0.25, 0.25, 0.25, 0.25, 0.25, 0.333]
    """

    def __init__(
        self, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = _checks.positive("LocalResponseNorm", "size", size)
        if self.size % 2 == 0:
            raise ArgumentError(f"LocalResponseNorm: expected size to be odd, got {size}")
        self.alpha = _checks.number("LocalResponseNorm", "alpha", alpha)
        self.beta = _checks.number("LocalResponseNorm", "beta", beta)
        self.k = _checks.number("LocalResponseNorm", "k", k, above=0.0)

    def build(self, input_shape: Shape) -> None:
        if not input_shape or input_shape[-1] is None:
            raise ArgumentError(f"{self.name}: expected a known number of channels, got shape {tuple(input_shape)}")
        self.channels = input_shape[-1]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x = ops.cast(inputs, "float32") if self.compute_dtype in ("float16", "bfloat16") else inputs
        around = [(0, 0)] * (len(x.shape) - 1) + [(self.size // 2, self.size // 2)]
        squares = ops.pad(ops.square(x), around)
        total = squares[..., : self.channels]
        for shift in range(1, self.size):
            total = total + squares[..., shift : shift + self.channels]
        return ops.cast(x / ops.power(self.k + self.alpha * total, self.beta), self.compute_dtype)
