"""Blocks around depthwise convolutions: depthwise-separable, inverted residual, Xception's.

Sources: Howard et al., MobileNets, 2017 (arXiv 1704.04861); Sandler et al., MobileNetV2, 2018 (arXiv 1801.04381);
Chollet, Xception, 2017 (arXiv 1610.02357).
"""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError, describe, one_of
from visionkit.blocks import _inputs
from visionkit.blocks._block import Block, build_all, initializer, regularizer, run, shape_after
from visionkit.blocks._inputs import Shape
from visionkit.blocks._shortcut import Chain, Shortcut
from visionkit.blocks.attention import SqueezeExcite
from visionkit.blocks.conv import (
    DEPTHWISE_HE,
    ConvBNAct,
    DepthwiseConvBNAct,
    Padding,
    batch_norm,
    conv2d,
    depthwise_conv2d,
    padding_layer,
)
from visionkit.blocks.drop import DropPath


@keras.saving.register_keras_serializable("visionkit")
class DepthwiseSeparable(Block):
    """A depthwise and a 1x1 convolution, each normalised and activated: the block of MobileNet.

    Input (N, H, W, C), any float type. Output (N, ceil(H / strides), ceil(W / strides), filters) with padding "same".
    A block named ``sep1`` holds ``sep1_depthwise``, ``_depthwise_bn``, ``_depthwise_relu``, ``sep1_pointwise`` and so
    on.

    Args:
        filters: number of output channels.
        kernel_size, strides, padding, dilation_rate: of the depthwise convolution; see DepthwiseConvBNAct.
        activation: behind both convolutions: name, function or layer; None for none.
        momentum, epsilon: of both batch normalisations.
        kernel_initializer: of the 1x1 convolution; see ConvBNAct.
        kernel_regularizer: of the 1x1 convolution: the depthwise kernels are few, and decay harms them (section 3.2).
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    Source: Howard et al. 2017 (arXiv 1704.04861), figure 3.

    >>> block = DepthwiseSeparable(64, strides=2, name="sep1")
    >>> block.compute_output_shape((None, 56, 56, 32)), block.pointwise.name
    ((None, 28, 28, 64), 'sep1_pointwise')
    """

    def __init__(
        self,
        filters: int,
        *,
        kernel_size: int | tuple[int, int] = 3,
        strides: int | tuple[int, int] = 1,
        padding: Padding = "same",
        dilation_rate: int | tuple[int, int] = 1,
        activation: Any = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = "he_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        norm: dict[str, Any] = {"momentum": momentum, "epsilon": epsilon}
        spacing: dict[str, Any] = {"strides": strides, "dilation_rate": dilation_rate}
        own_padding = padding if padding == "same" else "valid"
        conv: dict[str, Any] = {"kernel_initializer": kernel_initializer, "kernel_regularizer": kernel_regularizer}
        # All layers are its own, and not those of two inner blocks: networks of many such blocks are made faster.
        self.pad = padding_layer(self, kernel_size, dilation_rate, padding)
        self.depthwise = depthwise_conv2d(self, "depthwise", kernel_size, padding=own_padding, **spacing)
        self.depthwise_norm = batch_norm(self, "depthwise_bn", **norm)
        self.depthwise_activation = self.activation_layer(activation, "depthwise_relu")
        self.pointwise = conv2d(self, "pointwise", filters, 1, **conv)
        self.pointwise_norm = batch_norm(self, "pointwise_bn", **norm)
        self.pointwise_activation = self.activation_layer(activation, "pointwise_relu")

    def chain(self) -> Chain:
        first = [self.pad, self.depthwise, self.depthwise_norm, self.depthwise_activation]
        return [*first, self.pointwise, self.pointwise_norm, self.pointwise_activation]

    def build(self, input_shape: Shape) -> None:
        build_all(self.chain(), _inputs.image_shape(self.name, input_shape))


@keras.saving.register_keras_serializable("visionkit")
class InvertedResidual(Block):
    """Widen by a 1x1 convolution, filter depthwise, weigh the channels, narrow again: MobileNetV2, V3, EfficientNet.

    Input (N, H, W, C), any float type. Output (N, ceil(H / strides), ceil(W / strides), filters) with padding "same".
    The input is added where the shape stays. A block named ``block1`` holds ``block1_expand``, ``block1_depthwise``,
    ``block1_se``, ``block1_project`` and ``block1_add``; nothing follows the narrow layers but normalisation.

    Args:
        filters: number of output channels.
        expansion: how many times C the inner channels are, brought to a multiple of 8 as in the papers; 1 leaves the
            first convolution out.
        kernel_size, strides, padding, dilation_rate: of the depthwise convolution; see DepthwiseConvBNAct.
        se_ratio: width of the squeeze-excite; 0 for none.
        se_from: of what it is a share: "input", of C (EfficientNet), or "expanded", of the inner channels, to a
            multiple of 8 (MobileNetV3).
        se_activation: inside the squeeze-excite; None for the block's own.
        se_gate: at its end.
        drop_path: probability in [0, 1) that a sample skips the branch while training, where the input is added.
        activation: behind the first two convolutions: name, function or layer.
        momentum, epsilon: of every batch normalisation.
        kernel_initializer: of the 1x1 convolutions; see ConvBNAct.
        kernel_regularizer: of the 1x1 convolutions.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    Sources: Sandler et al. 2018 (arXiv 1801.04381), figure 4d; Howard et al., Searching for MobileNetV3, 2019
    (arXiv 1905.02244), figure 4; Tan and Le, EfficientNet, 2019 (arXiv 1905.11946).

    >>> block = InvertedResidual(24, strides=2, se_ratio=0.25, name="block2")
    >>> block.build((None, 56, 56, 16))
    >>> block.compute_output_shape((None, 56, 56, 16)), block.expand.conv.filters, block.se.reduce.filters
    ((None, 28, 28, 24), 96, 4)
    """

    def __init__(
        self,
        filters: int,
        *,
        expansion: float = 6,
        kernel_size: int | tuple[int, int] = 3,
        strides: int | tuple[int, int] = 1,
        padding: Padding = "same",
        dilation_rate: int | tuple[int, int] = 1,
        se_ratio: float = 0.0,
        se_from: Literal["input", "expanded"] = "input",
        se_activation: Any = None,
        se_gate: Any = "sigmoid",
        drop_path: float = 0.0,
        activation: Any = "relu6",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = "he_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = "InvertedResidual"
        if se_from not in ("input", "expanded"):
            raise one_of(where, "se_from", se_from, ["input", "expanded"])
        self.filters = _checks.positive(where, "filters", filters)
        self.expansion = _checks.number(where, "expansion", expansion, above=0.0)
        self.se_ratio = _checks.not_negative(where, "se_ratio", se_ratio)
        self.se_from = se_from
        self.drop_rate = _checks.rate(where, "drop_path", drop_path)
        self.strides = _checks.size(where, "strides", strides)
        norm: dict[str, Any] = {"momentum": momentum, "epsilon": epsilon}
        conv: dict[str, Any] = {"kernel_initializer": kernel_initializer, "kernel_regularizer": kernel_regularizer}
        self._expand = MappingProxyType({**norm, **conv, "activation": activation})
        self._se = MappingProxyType(
            {
                "activation": activation if se_activation is None else se_activation,
                "gate": se_gate,
                "kernel_initializer": kernel_initializer,
            }
        )
        self.expand: keras.Layer | None = None  # these need the number of input channels
        self.se: keras.Layer | None = None
        self.drop_path: keras.Layer | None = None
        self.add: keras.Layer | None = None
        spacing: dict[str, Any] = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
        own = self.part("depthwise")
        self.depthwise = DepthwiseConvBNAct(kernel_size, activation=activation, **spacing, **norm, **own)
        self.project = ConvBNAct(filters, 1, activation=None, **norm, **conv, **self.part("project"))

    def chain(self) -> Chain:
        return [self.expand, self.depthwise, self.se, self.project, self.drop_path]

    def build(self, input_shape: Shape) -> None:
        channels = _inputs.image_shape(self.name, input_shape)[-1] or 0
        inner = channels
        if self.expansion != 1:
            inner = multiple_of_8(channels * self.expansion)
            self.expand = ConvBNAct(inner, 1, **self._expand, **self.part("expand"))
        if self.se_ratio:
            of_input = max(1, int(channels * self.se_ratio))
            width = of_input if self.se_from == "input" else multiple_of_8(inner * self.se_ratio)
            self.se = SqueezeExcite(filters=width, **self._se, **self.part("se"))
        if channels == self.filters and self.strides == (1, 1) and self.keeps_size(input_shape):
            self.drop_path = DropPath(self.drop_rate, **self.child("drop")) if self.drop_rate else None
            self.add = layers.Add(**self.child("add"))
        behind = build_all(self.chain(), input_shape)
        if self.add is not None:
            self.add.build([input_shape, behind])

    def keeps_size(self, input_shape: Shape) -> bool:
        """Whether height and width stay, which padding "valid" lessens."""
        return self.compute_output_shape(input_shape)[1:3] == tuple(input_shape[1:3])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        # The other layers do not change height and width, and the last one gives the channels.
        return shape_after([self.depthwise, self.project], _inputs.image_shape(self.name, input_shape))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x = run(self.chain(), inputs, training)
        return x if self.add is None else self.add([inputs, x])


@keras.saving.register_keras_serializable("visionkit")
class XceptionBlock(Shortcut):
    """Separable convolutions, each normalised and activated before it, with a shortcut around them.

    Input (N, H, W, C), any float type. Output (N, ceil(H / strides), ceil(W / strides), filters[-1]). A block named
    ``block2`` holds ``block2_sepconv1_act``, ``block2_sepconv1``, ``block2_sepconv1_bn`` and so on, ``block2_pool``
    where it strides, and ``block2_shortcut_conv`` where the shape changes.

    Args:
        filters: output channels of each separable convolution.
        strides: of the pooling at the end and of the shortcut; 1 for no pooling.
        activate_first: whether an activation stands before the first convolution, too.
        dilation_rate: of the depthwise convolutions.
        activation: name, function or layer.
        momentum, epsilon: of every batch normalisation.
        kernel_initializer: of the pointwise kernels; see ConvBNAct.
        kernel_regularizer: of the pointwise kernels.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    Source: Chollet 2017 (arXiv 1610.02357), figure 5.

    >>> block = XceptionBlock((128, 128), strides=2, activate_first=False, name="block2")
    >>> block.compute_output_shape((None, 147, 147, 64))
    (None, 74, 74, 128)
    """

    shortcut_first = False

    def __init__(
        self,
        filters: Sequence[int],
        *,
        strides: int | tuple[int, int] = 1,
        activate_first: bool = True,
        dilation_rate: int | tuple[int, int] = 1,
        activation: Any = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = "he_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = "XceptionBlock"
        if not isinstance(filters, list | tuple) or not filters:
            raise ArgumentError(f"{where}: expected filters to be a list of integers, got {describe(filters)}")
        self.filters = [_checks.positive(where, "filters", one) for one in filters]
        self.strides = _checks.size(where, "strides", strides)
        _checks.flag(where, "activate_first", activate_first)
        norm: dict[str, Any] = {"momentum": momentum, "epsilon": epsilon}
        conv: dict[str, Any] = {"kernel_initializer": kernel_initializer, "kernel_regularizer": kernel_regularizer}
        self._shortcut = MappingProxyType({**norm, **conv})
        self.branch: list[keras.Layer] = []
        for number, width in enumerate(self.filters, start=1):
            before = self.activation_layer(activation, f"sepconv{number}_act") if number > 1 or activate_first else None
            separable = layers.SeparableConv2D(
                width,
                3,
                padding="same",
                dilation_rate=_checks.size(where, "dilation_rate", dilation_rate),
                use_bias=False,
                depthwise_initializer=initializer(where, DEPTHWISE_HE),
                pointwise_initializer=initializer(where, kernel_initializer),
                pointwise_regularizer=regularizer(where, kernel_regularizer),
                data_format="channels_last",
                **self.child(f"sepconv{number}"),
            )
            self.branch += [one for one in (before, separable) if one is not None]
            self.branch.append(batch_norm(self, f"sepconv{number}_bn", **norm))
        if max(self.strides) > 1:
            options: dict[str, Any] = {"strides": self.strides, "padding": "same", "data_format": "channels_last"}
            self.branch.append(layers.MaxPooling2D(3, **options, **self.child("pool")))
        self.shortcut: keras.Layer | None = None  # made when the number of input channels is known
        self.add = layers.Add(**self.child("add"))

    def branch_chain(self) -> Chain:
        return list(self.branch)

    def shortcut_chain(self) -> Chain:
        return [self.shortcut]

    def build(self, input_shape: Shape) -> None:
        channels = _inputs.image_shape(self.name, input_shape)[-1]
        if channels != self.filters[-1] or max(self.strides) > 1:
            own = self.part("shortcut")
            one = ConvBNAct(self.filters[-1], 1, strides=self.strides, activation=None, **self._shortcut, **own)
            self.shortcut = one
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        # The shortcut is made to fit the branch, whose shape can be told before the shortcut is there.
        _inputs.image_shape(self.name, input_shape)
        return shape_after(self.branch_chain(), input_shape)


def multiple_of_8(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8 and not more than 10 % below.

    >>> [multiple_of_8(one) for one in (3, 11, 12, 88, 0.35 * 96)]
    [8, 16, 16, 88, 32]
    """
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
