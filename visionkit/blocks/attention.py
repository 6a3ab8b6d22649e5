"""Squeeze-and-excitation: weigh the channels by what the whole picture shows."""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from types import MappingProxyType
from typing import Any

import keras
from keras import layers

from visionkit import _checks
from visionkit.blocks import _inputs
from visionkit.blocks._block import Block, build_all, run
from visionkit.blocks._inputs import Shape
from visionkit.blocks.conv import conv2d


@keras.saving.register_keras_serializable("visionkit")
class SqueezeExcite(Block):
    """Multiply each channel by a gate in [0, 1] that two small layers compute from the means of all channels.

    Input and output (N, H, W, C), the same shape. A block named ``se`` holds ``se_squeeze``, ``se_reduce``,
    ``se_expand`` and ``se_excite``.

    Args:
        ratio: width of the first of the two layers as a share of C (rounded down, at least 1).
        filters: that width itself, instead of ``ratio``.
        activation: behind the first layer: name, function or layer.
        gate: behind the second one.
        kernel_initializer: of both; see ConvBNAct.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    Source: Hu et al., Squeeze-and-Excitation Networks, 2017 (arXiv 1709.01507), figure 3.

    >>> block = SqueezeExcite(0.25)
    >>> block.build((None, 8, 8, 64))
    >>> block.reduce.filters, block.expand.filters
    (16, 64)
    """

    def __init__(
        self,
        ratio: float = 0.25,
        *,
        filters: int | None = None,
        activation: Any = "relu",
        gate: Any = "sigmoid",
        kernel_initializer: Any = "he_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ratio = _checks.number("SqueezeExcite", "ratio", ratio, above=0.0)
        self.filters = None if filters is None else _checks.positive("SqueezeExcite", "filters", filters)
        self._options = MappingProxyType({"kernel_initializer": kernel_initializer, "use_bias": True})
        keep = {"keepdims": True, "data_format": "channels_last"}
        self.squeeze = layers.GlobalAveragePooling2D(**keep, **self.child("squeeze"))
        self.reduce: keras.Layer | None = None  # both are made when the number of channels is known
        self.activation = self.activation_layer(activation, "activation")
        self.expand: keras.Layer | None = None
        self.gate = self.activation_layer(gate, "gate")
        self.excite = layers.Multiply(**self.child("excite"))

    def chain(self) -> list[keras.Layer | None]:
        return [self.squeeze, self.reduce, self.activation, self.expand, self.gate]

    def build(self, input_shape: Shape) -> None:
        channels = _inputs.image_shape(self.name, input_shape)[-1] or 0
        filters = self.filters or max(1, int(channels * self.ratio))
        self.reduce = conv2d(self, "reduce", filters, 1, **self._options)
        self.expand = conv2d(self, "expand", channels, 1, **self._options)
        gates = build_all(self.chain(), input_shape)
        self.excite.build([input_shape, gates])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return _inputs.image_shape(self.name, input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.excite([inputs, run(self.chain(), inputs, training)])
