"""The blocks of the densely connected networks: each layer sees what all layers before it gave.

Source: Huang et al., Densely Connected Convolutional Networks, 2017 (arXiv 1608.06993).
"""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from types import MappingProxyType
from typing import Any

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError
from visionkit.blocks import _inputs
from visionkit.blocks._block import Block, build_all, run, shape_after
from visionkit.blocks._inputs import Shape
from visionkit.blocks._shortcut import Chain
from visionkit.blocks.conv import batch_norm, conv2d


@keras.saving.register_keras_serializable("visionkit")
class DenseLayer(Block):
    """Normalise, activate, 1x1 convolution, normalise, activate, 3x3 convolution; the input is put before the result.

    Input (N, H, W, C), any float type. Output (N, H, W, C + growth_rate). A block named ``conv2_block1`` holds
    ``conv2_block1_0_bn``, ``_0_relu``, ``_1_conv``, ``_1_bn``, ``_1_relu``, ``_2_conv`` and ``_concat``.

    Args:
        growth_rate: channels that the layer adds.
        bottleneck: how many times as many the 1x1 convolution gives (the B of DenseNet-B).
        dropout: probability in [0, 1) that a value of the result is dropped while training.
        dilation_rate: of the 3x3 convolution.
        activation: name, function or layer.
        momentum, epsilon: of both batch normalisations.
        kernel_initializer, kernel_regularizer: of both convolutions; see ConvBNAct.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    >>> DenseLayer(32).compute_output_shape((None, 56, 56, 64))
    (None, 56, 56, 96)
    """

    def __init__(
        self,
        growth_rate: int,
        *,
        bottleneck: int = 4,
        dropout: float = 0.0,
        dilation_rate: int | tuple[int, int] = 1,
        activation: Any = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = "he_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        norm = {"momentum": momentum, "epsilon": epsilon}
        conv = {"kernel_initializer": kernel_initializer, "kernel_regularizer": kernel_regularizer}
        self.growth_rate = _checks.positive("DenseLayer", "growth_rate", growth_rate)
        width = self.growth_rate * _checks.positive("DenseLayer", "bottleneck", bottleneck)
        rate = _checks.rate("DenseLayer", "dropout", dropout)
        self.norm0 = batch_norm(self, "0_bn", **norm)
        self.activation0 = self.activation_layer(activation, "0_relu")
        self.conv1 = conv2d(self, "1_conv", width, 1, **conv)
        self.norm1 = batch_norm(self, "1_bn", **norm)
        self.activation1 = self.activation_layer(activation, "1_relu")
        self.conv2 = conv2d(self, "2_conv", self.growth_rate, 3, dilation_rate=dilation_rate, **conv)
        self.dropout = layers.Dropout(rate, **self.child("dropout")) if rate else None
        self.concat = layers.Concatenate(**self.child("concat"))

    def chain(self) -> Chain:
        first = [self.norm0, self.activation0, self.conv1]
        return [*first, self.norm1, self.activation1, self.conv2, self.dropout]

    def build(self, input_shape: Shape) -> None:
        new = build_all(self.chain(), _inputs.image_shape(self.name, input_shape))
        self.concat.build([input_shape, new])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *sides, channels = _inputs.image_shape(self.name, input_shape)
        return (*sides, (channels or 0) + self.growth_rate)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.concat([inputs, run(self.chain(), inputs, training)])


@keras.saving.register_keras_serializable("visionkit")
class DenseBlock(Block):
    """Dense layers one after the other.

    Input (N, H, W, C), any float type. Output (N, H, W, C + depth * growth_rate). A block named ``conv2`` holds
    ``conv2_block1``, ``conv2_block2`` and so on, in ``blocks``.

    Args:
        depth: number of layers.
        growth_rate: channels that each adds.
        **options: of each DenseLayer; and name, dtype, trainable of this block.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    >>> DenseBlock(6, 32).compute_output_shape((None, 56, 56, 64))
    (None, 56, 56, 256)
    """

    def __init__(
        self,
        depth: int,
        growth_rate: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        numbers = range(1, _checks.positive("DenseBlock", "depth", depth) + 1)
        self.blocks = [DenseLayer(growth_rate, **options, **self.child(f"block{number}")) for number in numbers]

    def chain(self) -> Chain:
        return list(self.blocks)


@keras.saving.register_keras_serializable("visionkit")
class Transition(Block):
    """Between two dense blocks: normalise, activate, lessen the channels, halve height and width.

    Input (N, H, W, C), any float type. Output (N, H // strides, W // strides, int(C * reduction)). A block named
    ``pool2`` holds ``pool2_bn``, ``pool2_relu``, ``pool2_conv`` and ``pool2_pool``.

    Args:
        reduction: share of the channels that stay, in (0, 1] (the C of DenseNet-BC).
        strides: of the average pooling; 1 for none.
        activation: name, function or layer.
        momentum, epsilon: of the batch normalisation.
        kernel_initializer, kernel_regularizer: of the 1x1 convolution; see ConvBNAct.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    >>> Transition(0.5).compute_output_shape((None, 56, 56, 256))
    (None, 28, 28, 128)
    """

    def __init__(
        self,
        reduction: float = 0.5,
        *,
        strides: int | tuple[int, int] = 2,
        activation: Any = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = "he_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reduction = _checks.number("Transition", "reduction", reduction, above=0.0)
        if self.reduction > 1:
            raise ArgumentError(f"Transition: expected reduction to be in (0, 1], got {reduction}")
        conv = {"kernel_initializer": kernel_initializer, "kernel_regularizer": kernel_regularizer}
        self._conv = MappingProxyType(conv)
        steps = _checks.size("Transition", "strides", strides)
        self.norm = batch_norm(self, "bn", momentum=momentum, epsilon=epsilon)
        self.activation = self.activation_layer(activation, "relu")
        self.conv: keras.Layer | None = None  # made when the number of input channels is known
        pool = layers.AveragePooling2D(steps, data_format="channels_last", **self.child("pool"))
        self.pool = pool if max(steps) > 1 else None

    def chain(self) -> Chain:
        return [self.norm, self.activation, self.conv, self.pool]

    def _filters(self, input_shape: Shape) -> int:
        channels = _inputs.image_shape(self.name, input_shape)[-1] or 0
        return max(1, int(channels * self.reduction))

    def build(self, input_shape: Shape) -> None:
        self.conv = conv2d(self, "conv", self._filters(input_shape), 1, **self._conv)
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        filters = self._filters(input_shape)
        return shape_after([self.pool], (*input_shape[:-1], filters))
