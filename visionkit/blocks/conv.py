"""Convolutions with batch normalisation and activation: the units that most networks here are stacked from."""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError, one_of
from visionkit.blocks import _inputs
from visionkit.blocks._block import Block, build_all, fan_out, initializer, regularizer
from visionkit.blocks._inputs import Shape

# "same" and "valid" as in Keras; "symmetric"; or zeros ((top, bottom), (left, right))
Padding = Literal["same", "valid", "symmetric"] | Sequence[Sequence[int]]

# He et al. 2015, for kernels whose every output looks at one channel: Keras' own counts all channels.
DEPTHWISE_HE = fan_out(2.0, "uniform")


@keras.saving.register_keras_serializable("visionkit")
class ConvBNAct(Block):
    """Convolution, batch normalisation, activation: normalised before the nonlinearity (Ioffe and Szegedy 2015).

    Input (N, H, W, C), any float type. Output (N, ceil(H / strides), ceil(W / strides), filters) with padding "same".
    A block named ``conv1`` holds ``conv1_conv``, ``conv1_bn`` and ``conv1_relu``.

    Args:
        filters: number of output channels.
        kernel_size, strides, dilation_rate: one integer, or two for height and width.
        padding: "same" or "valid" as in Keras; "symmetric" pads (kernel_size - 1) // 2 zeros on every side, as PyTorch
            and Keras Applications do (with strides, "same" pads more on the right than on the left); zeros of your own
            as ((top, bottom), (left, right)).
        groups: into how many groups the channels are split; divides both the input channels and ``filters``.
        pool_size: of a max pooling between convolution and normalisation, one integer or two; 1 for none. With positive
            ``gamma`` it gives what one behind the block gives, and the normalisation has fewer numbers to go through.
        activation: name, function or layer; None for none.
        use_bias: whether the convolution has a bias, which batch normalisation makes redundant.
        momentum, epsilon: of the batch normalisation.
        kernel_initializer: any Keras initialiser; also "xavier_uniform" and "xavier_normal".
        kernel_regularizer: any Keras regulariser.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    >>> block = ConvBNAct(32, 5, strides=2, name="stem")
    >>> block.compute_output_shape((None, 33, None, 1))
    (None, 17, None, 32)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int] = 3,
        *,
        strides: int | tuple[int, int] = 1,
        padding: Padding = "same",
        dilation_rate: int | tuple[int, int] = 1,
        groups: int = 1,
        pool_size: int | tuple[int, int] = 1,
        activation: Any = "relu",
        use_bias: bool = False,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = "he_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pad = padding_layer(self, kernel_size, dilation_rate, padding)
        self.conv = conv2d(
            self,
            "conv",
            filters,
            kernel_size,
            strides=strides,
            padding=padding if padding == "same" else "valid",
            dilation_rate=dilation_rate,
            groups=groups,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            kernel_regularizer=kernel_regularizer,
        )
        pool = _checks.size("ConvBNAct", "pool_size", pool_size)
        pooling = {"pool_size": pool, "data_format": "channels_last"}
        self.pool = layers.MaxPooling2D(**pooling, **self.child("pool")) if max(pool) > 1 else None
        self.norm = batch_norm(self, "bn", momentum=momentum, epsilon=epsilon)
        self.activation = self.activation_layer(activation)

    def chain(self) -> list[keras.Layer | None]:
        return [self.pad, self.conv, self.pool, self.norm, self.activation]

    def build(self, input_shape: Shape) -> None:
        channels = _inputs.image_shape(self.name, input_shape)[-1]
        if channels is not None and channels % self.conv.groups:
            raise ArgumentError(f"{self.name}: expected groups to divide {channels} channels, got {self.conv.groups}")
        build_all(self.chain(), input_shape)


@keras.saving.register_keras_serializable("visionkit")
class DepthwiseConvBNAct(Block):
    """Convolution of each channel on its own, batch normalisation, activation.

    Input (N, H, W, C), any float type. Output (N, ceil(H / strides), ceil(W / strides), C * depth_multiplier) with
    padding "same". A block named ``dw1`` holds ``dw1_conv``, ``dw1_bn`` and ``dw1_relu``.

    Args:
        kernel_size, dilation_rate: one integer, or two for height and width.
        strides: one integer, the same for height and width.
        padding: see ConvBNAct.
        depth_multiplier: output channels for each input channel.
        activation: name, function or layer; None for none.
        use_bias: whether the convolution has a bias.
        momentum, epsilon: of the batch normalisation.
        kernel_initializer: any Keras initialiser; by default that of He et al. for the places that one output sees.
        kernel_regularizer: any Keras regulariser.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    Source: Howard et al., MobileNets, 2017 (arXiv 1704.04861), figure 3.

    >>> DepthwiseConvBNAct(5, strides=2).compute_output_shape((None, 33, None, 8))
    (None, 17, None, 8)
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int] = 3,
        *,
        strides: int | tuple[int, int] = 1,
        padding: Padding = "same",
        dilation_rate: int | tuple[int, int] = 1,
        depth_multiplier: int = 1,
        activation: Any = "relu",
        use_bias: bool = False,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = DEPTHWISE_HE,
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pad = padding_layer(self, kernel_size, dilation_rate, padding)
        self.conv = depthwise_conv2d(
            self,
            "conv",
            kernel_size,
            strides=strides,
            padding=padding if padding == "same" else "valid",
            dilation_rate=dilation_rate,
            depth_multiplier=depth_multiplier,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            kernel_regularizer=kernel_regularizer,
        )
        self.norm = batch_norm(self, "bn", momentum=momentum, epsilon=epsilon)
        self.activation = self.activation_layer(activation)

    def chain(self) -> list[keras.Layer | None]:
        return [self.pad, self.conv, self.norm, self.activation]

    def build(self, input_shape: Shape) -> None:
        _inputs.image_shape(self.name, input_shape)
        build_all(self.chain(), input_shape)


def conv2d(
    block: Block,
    suffix: str,
    filters: int,
    kernel_size: int | tuple[int, int],
    *,
    strides: int | tuple[int, int] = 1,
    padding: str = "same",
    dilation_rate: int | tuple[int, int] = 1,
    groups: int = 1,
    use_bias: bool = False,
    kernel_initializer: Any = "he_uniform",
    kernel_regularizer: Any = None,
) -> keras.Layer:
    """A convolution as a child of a block, its arguments checked."""
    where = type(block).__name__
    filters, groups = _checks.positive(where, "filters", filters), _checks.positive(where, "groups", groups)
    if filters % groups:
        raise ArgumentError(f"{where}: expected groups to divide filters, got {groups} groups for {filters} filters")
    steps, dilation = _steps(where, strides, dilation_rate)
    return layers.Conv2D(
        filters,
        _checks.size(where, "kernel_size", kernel_size),
        strides=steps,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        use_bias=_checks.flag(where, "use_bias", use_bias),
        kernel_initializer=initializer(where, kernel_initializer),
        kernel_regularizer=regularizer(where, kernel_regularizer),
        data_format="channels_last",
        **block.child(suffix),
    )


def depthwise_conv2d(
    block: Block,
    suffix: str,
    kernel_size: int | tuple[int, int],
    *,
    strides: int | tuple[int, int] = 1,
    padding: str = "same",
    dilation_rate: int | tuple[int, int] = 1,
    depth_multiplier: int = 1,
    use_bias: bool = False,
    kernel_initializer: Any = DEPTHWISE_HE,
    kernel_regularizer: Any = None,
) -> keras.Layer:
    """A depthwise convolution as a child of a block, its arguments checked."""
    where = type(block).__name__
    steps, dilation = _steps(where, strides, dilation_rate)
    if steps[0] != steps[1]:  # TensorFlow has no other
        raise ArgumentError(f"{where}: expected strides to be the same for height and width, got {steps}")
    return layers.DepthwiseConv2D(
        _checks.size(where, "kernel_size", kernel_size),
        strides=steps,
        padding=padding,
        dilation_rate=dilation,
        depth_multiplier=_checks.positive(where, "depth_multiplier", depth_multiplier),
        use_bias=_checks.flag(where, "use_bias", use_bias),
        depthwise_initializer=initializer(where, kernel_initializer),
        depthwise_regularizer=regularizer(where, kernel_regularizer),
        data_format="channels_last",
        **block.child(suffix),
    )


def _steps(where: str, strides: Any, dilation_rate: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    steps, dilation = _checks.size(where, "strides", strides), _checks.size(where, "dilation_rate", dilation_rate)
    if max(steps) > 1 and max(dilation) > 1:
        raise ArgumentError(f"{where}: expected strides or dilation_rate to be 1, got {steps} and {dilation}")
    return steps, dilation


def padding_layer(
    block: Block, kernel_size: int | tuple[int, int], dilation_rate: int | tuple[int, int], padding: Padding
) -> keras.Layer | None:
    """The zeros before a convolution that does not pad itself, as a child of the block; None where there are none."""
    where = type(block).__name__
    if isinstance(padding, list | tuple):
        sides = [side for pair in padding if isinstance(pair, list | tuple) for side in pair]
        if len(padding) != 2 or len(sides) != 4:
            raise ArgumentError(f"{where}: expected padding to be ((top, bottom), (left, right)), got {padding!r}")
        top, bottom, left, right = (_checks.positive(where, "padding", side, least=0) for side in sides)
        around = ((top, bottom), (left, right))
    elif padding == "symmetric":
        height, width = _checks.size(where, "kernel_size", kernel_size)
        down, right = _checks.size(where, "dilation_rate", dilation_rate)
        up, left = down * (height - 1) // 2, right * (width - 1) // 2
        around = ((up, up), (left, left))
    elif padding in ("same", "valid"):
        return None
    else:
        raise one_of(where, "padding", padding, ["same", "valid", "symmetric"])
    if around == ((0, 0), (0, 0)):
        return None
    return layers.ZeroPadding2D(around, data_format="channels_last", **block.child("pad"))


def batch_norm(block: Block, suffix: str, *, momentum: float = 0.99, epsilon: float = 1e-3) -> keras.Layer:
    """A batch normalisation as a child of a block, its arguments checked."""
    where = type(block).__name__
    return layers.BatchNormalization(
        momentum=_checks.rate(where, "momentum", momentum),
        epsilon=_checks.number(where, "epsilon", epsilon, above=0.0),
        **block.child(suffix),
    )
