"""The two blocks of the residual networks: two 3x3 convolutions, or a bottleneck of three.

Sources: He et al., Deep Residual Learning for Image Recognition, 2015 (arXiv 1512.03385); with pre-activation: He et
al., Identity Mappings in Deep Residual Networks, 2016 (arXiv 1603.05027).
"""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from types import MappingProxyType
from typing import Any, Literal

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError, one_of
from visionkit.blocks import _inputs
from visionkit.blocks._block import shape_after
from visionkit.blocks._inputs import Shape
from visionkit.blocks._shortcut import Chain, Shortcut
from visionkit.blocks.attention import SqueezeExcite
from visionkit.blocks.conv import ConvBNAct, batch_norm, conv2d
from visionkit.blocks.drop import DropPath


class _Unit(Shortcut):
    """What both blocks share: options, pre-activation, the projection of the shortcut, drop path.

    The child called ``_out`` is what ends the block: the activation, or under pre-activation the sum.
    """

    expansion = 1

    def __init__(
        self,
        filters: int,
        *,
        strides: int | tuple[int, int] = 1,
        preactivation: bool = False,
        shortcut: Literal["conv", "pad"] = "conv",
        dilation_rate: int | tuple[int, int] = 1,
        se_ratio: float = 0.0,
        drop_path: float = 0.0,
        activation: Any = "relu",
        padding: Literal["same", "symmetric"] = "same",
        use_bias: bool = False,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: Any = "he_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = type(self).__name__
        if padding not in ("same", "symmetric"):
            raise one_of(where, "padding", padding, ["same", "symmetric"])
        if shortcut not in ("conv", "pad"):
            raise one_of(where, "shortcut", shortcut, ["conv", "pad"])
        self.filters = _checks.positive(where, "filters", filters)
        self.strides = _checks.size(where, "strides", strides)
        self.preactivation = _checks.flag(where, "preactivation", preactivation)
        self.pads_shortcut = shortcut == "pad"
        self.dilation = _checks.size(where, "dilation_rate", dilation_rate)
        conv = {
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "kernel_regularizer": kernel_regularizer,
        }
        norm = {"momentum": momentum, "epsilon": epsilon}
        # Read-only mappings, which Keras does not search for layers: an activation may be one, and only its copies are
        # this block's children.
        self._conv, self._norm = MappingProxyType(conv), MappingProxyType(norm)
        self._act = MappingProxyType({"padding": padding, "activation": activation})
        self.preact_norm = batch_norm(self, "preact_bn", **norm) if preactivation else None
        self.preact_activation = self.activation_layer(activation, "preact_relu") if preactivation else None
        ratio = _checks.not_negative(where, "se_ratio", se_ratio)
        self.se = SqueezeExcite(ratio, **self.part("se")) if ratio else None
        rate = _checks.rate(where, "drop_path", drop_path)
        self.drop_path = DropPath(rate, **self.child("drop_path")) if rate else None
        self.shortcut: keras.Layer | None = None  # made when the number of input channels is known
        self.channels: keras.Layer | None = None  # likewise
        self.add = layers.Add(**self.child("out" if preactivation else "add"))
        self.activation = None if preactivation else self.activation_layer(activation, "out")

    def inner(self, suffix: str, kernel_size: int, *, strides: Any = 1, dilation_rate: Any = 1) -> keras.Layer:
        """A convolution inside of the branch, normalised and activated."""
        # Under pre-activation a bias is only for the convolutions without normalisation behind them.
        bias = self._conv["use_bias"] and not self.preactivation
        options = {**self._conv, **self._norm, **self._act, "use_bias": bias}
        spacing = {"strides": strides, "dilation_rate": dilation_rate}
        return ConvBNAct(self.filters, kernel_size, **spacing, **options, **self.part(suffix))

    def outer(self, suffix: str, kernel_size: int, *, strides: Any = 1, dilation_rate: Any = 1) -> keras.Layer:
        """A convolution that ends in the sum: normalised, not activated; under pre-activation neither."""
        filters = self.filters * self.expansion
        spacing = {"strides": strides, "dilation_rate": dilation_rate}
        if self.preactivation:
            return conv2d(self, f"{suffix}_conv", filters, kernel_size, **spacing, **self._conv)
        options = {**self._conv, **self._norm, **self._act, "activation": None}
        return ConvBNAct(filters, kernel_size, **spacing, **options, **self.part(suffix))

    def before(self) -> Chain:
        return [self.preact_norm, self.preact_activation]

    def shortcut_chain(self) -> Chain:
        return [self.shortcut, self.channels]

    def after(self) -> Chain:
        return [self.activation]

    def build(self, input_shape: Shape) -> None:
        channels = _inputs.image_shape(self.name, input_shape)[-1] or 0
        filters, strides = self.filters * self.expansion, max(self.strides) > 1
        projects = channels != filters or (strides and not self.preactivation)
        if projects and not self.pads_shortcut:
            self.shortcut = self.outer("0", 1, strides=self.strides)
            self.shares_before = self.preactivation
        elif strides:
            pool = layers.MaxPooling2D(1, strides=self.strides, data_format="channels_last", **self.child("0_pool"))
            self.shortcut = pool
        if self.pads_shortcut and channels != filters:
            self.channels = self._zeros(channels, filters)
        super().build(input_shape)

    def _zeros(self, channels: int, filters: int) -> keras.Layer:
        """Zeros in the channels that the input lacks (option A of the paper)."""
        if channels > filters:
            raise ArgumentError(
                f'{self.name}: expected at most {filters} channels with shortcut="pad", which cannot lessen them, '
                f'got {channels}; use shortcut="conv"'
            )
        before, after = (filters - channels) // 2, (filters - channels + 1) // 2
        # Read as channels first, the last axis is a spatial one: this pads the channels.
        zeros = ((0, 0), (before, after))
        return layers.ZeroPadding2D(zeros, data_format="channels_first", **self.child("0_pad"))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        # The shortcut is made to fit the branch, whose shape can be told before the shortcut is there.
        _inputs.image_shape(self.name, input_shape)
        return shape_after(self.branch_chain(), input_shape)


@keras.saving.register_keras_serializable("visionkit")
class ResidualBlock(_Unit):
    """Two 3x3 convolutions with a shortcut around them, the block of ResNet-18 and -34.

    Input (N, H, W, C), any float type. Output (N, ceil(H / strides), ceil(W / strides), filters). The shortcut is the
    identity where the shape stays, else what ``shortcut`` says. A block named
    ``conv2_block1`` holds ``conv2_block1_1_conv``, ``_1_bn``, ``_1_relu``, ``_2_conv``, ``_2_bn``, ``_add``, ``_out``,
    and ``_0_conv`` and ``_0_bn`` in a shortcut that is not the identity.

    Args:
        filters: number of output channels.
        strides: of the first convolution and of the shortcut.
        preactivation: normalise and activate before each convolution instead of behind it (He et al. 2016); nothing
            follows the sum. The name ``_out`` is then the sum's.
        shortcut: where the shape changes, "conv" for a 1x1 convolution (option B of the paper), or "pad" for every
            ``strides``-th place and zeros in the additional channels, which has no weights (option A).
        dilation_rate: of the 3x3 convolutions; but of the second only, where the first one strides.
        se_ratio: width of a squeeze-excite at the end of the branch, as a share of its channels; 0 for none.
        drop_path: probability in [0, 1) that a sample skips the branch while training.
        activation: name, function or layer.
        padding: "same", or "symmetric" as in PyTorch; see ConvBNAct.
        use_bias: whether the convolutions have a bias; under pre-activation only those that end in the sum.
        momentum, epsilon: of every batch normalisation.
        kernel_initializer, kernel_regularizer: of every convolution; see ConvBNAct.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    Sources: He et al. 2015 (arXiv 1512.03385), figure 5 left; He et al. 2016 (arXiv 1603.05027), figure 4e.

    >>> block = ResidualBlock(64, strides=2, name="conv3_block1")
    >>> block.compute_output_shape((None, 56, 56, 32)), block.conv1.conv.name
    ((None, 28, 28, 64), 'conv3_block1_1_conv')
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(filters, **kwargs)
        first = 1 if max(self.strides) > 1 else self.dilation
        self.conv1 = self.inner("1", 3, strides=self.strides, dilation_rate=first)
        self.conv2 = self.outer("2", 3, dilation_rate=self.dilation)

    def branch_chain(self) -> Chain:
        return [self.conv1, self.conv2, self.se, self.drop_path]


@keras.saving.register_keras_serializable("visionkit")
class BottleneckBlock(_Unit):
    """A 1x1, a 3x3 and a widening 1x1 convolution with a shortcut around them, the block of ResNet-50 and deeper.

    Input (N, H, W, C), any float type. Output (N, ceil(H / strides), ceil(W / strides), filters * expansion). Names
    are as in ResidualBlock, with ``_3_conv`` and ``_3_bn`` for the last convolution.

    Args:
        filters: channels of the first two convolutions.
        expansion: how many times as many the last one gives.
        strides_on: which convolution strides, the first "1x1" (the paper, Keras) or the "3x3" (Keras' ResNet V2, and
            the "v1.5" of PyTorch, which costs 6 % more and is a little more accurate).
        **kwargs: strides, preactivation, shortcut, dilation_rate (of the 3x3 convolution, which then cannot stride),
            se_ratio, drop_path, activation, padding, use_bias, momentum, epsilon,
            kernel_initializer, kernel_regularizer as in ResidualBlock; name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input is not of shape (N, H, W, C).

    Sources: He et al. 2015 (arXiv 1512.03385), figure 5 right; He et al. 2016 (arXiv 1603.05027).

    >>> block = BottleneckBlock(64, name="conv2_block1")
    >>> block.compute_output_shape((None, None, None, 64)), block.conv3.norm.name
    ((None, None, None, 256), 'conv2_block1_3_bn')
    """

    def __init__(
        self, filters: int, *, expansion: int = 4, strides_on: Literal["1x1", "3x3"] = "1x1", **kwargs: Any
    ) -> None:
        super().__init__(filters, **kwargs)
        if strides_on not in ("1x1", "3x3"):
            raise one_of("BottleneckBlock", "strides_on", strides_on, ["1x1", "3x3"])
        self.expansion = _checks.positive("BottleneckBlock", "expansion", expansion)
        first, second = (self.strides, 1) if strides_on == "1x1" else (1, self.strides)
        self.conv1 = self.inner("1", 1, strides=first)
        self.conv2 = self.inner("2", 3, strides=second, dilation_rate=self.dilation)
        self.conv3 = self.outer("3", 1)

    def branch_chain(self) -> Chain:
        return [self.conv1, self.conv2, self.conv3, self.se, self.drop_path]
