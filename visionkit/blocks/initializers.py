"""Convolutions that begin as the identity."""

from typing import Any

import keras
import numpy as np

from visionkit._errors import ArgumentError
from visionkit.blocks._block import initializer

# uniform in 1 / sqrt(inputs of a filter) either way, as convolutions of PyTorch begin
_REST = {"class_name": "VarianceScaling", "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}}


@keras.saving.register_keras_serializable("visionkit")
class Dirac(keras.initializers.Initializer):  # type: ignore[misc]
    """A convolution whose first filters pass their channels on as they are, and whose others are drawn.

    Of a kernel (height, width, channels, filters), filter i is 1 in the middle of channel i and 0 elsewhere, for as
    many as there are channels. A deep network then begins by handing its input on, and learns sooner.

    Args:
        rest: the initialiser of the other filters; None for uniform values up to 1 / sqrt(height * width * channels).

    Raises:
        ArgumentError: no such initialiser; when it is called, a shape that is none of a convolution.

    Source: Zagoruyko and Komodakis, DiracNets, 2017 (arXiv 1706.00388); Jordan, 94% on CIFAR-10 in 3.29 Seconds on a
    Single GPU, 2024 (arXiv 2404.00498), section 3.3.

    >>> images = np.random.default_rng(0).random((2, 5, 5, 3))
    >>> y = keras.layers.Conv2D(8, 3, padding="same", kernel_initializer=Dirac())(images)
    >>> bool(np.allclose(y[..., :3], images))
    True
    """

    def __init__(self, rest: Any = None) -> None:
        self.rest = initializer("Dirac", _REST if rest is None else rest)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """The kernel, of this shape (height, width, channels, filters) and type."""
        if len(shape) != 4:
            raise ArgumentError(
                f"Dirac: expected the kernel of a convolution, (height, width, channels, filters), got shape {shape}"
            )
        kernel = np.array(keras.ops.convert_to_numpy(self.rest(shape, dtype="float32")))
        height, width, channels, filters = shape
        same = np.arange(min(channels, filters))
        kernel[..., same] = 0
        kernel[height // 2, width // 2, same, same] = 1
        return keras.ops.convert_to_tensor(kernel, dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        """What another one is made of."""
        return {"rest": keras.initializers.serialize(self.rest)}
