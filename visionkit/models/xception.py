"""Xception: Chollet, Deep Learning with Depthwise Separable Convolutions, 2017 (arXiv 1610.02357), figure 5."""

from typing import Any, Unpack

import keras
from keras import layers

from visionkit.blocks import ConvBNAct, XceptionBlock
from visionkit.blocks.conv import DEPTHWISE_HE
from visionkit.models.assemble import Body, ModelOptions, assemble
from visionkit.models.spacing import Spacing

# filters and strides of the blocks between stem and exit
TABLE = (((128, 128), 2), ((256, 256), 2), ((728, 728), 2), *(((728, 728, 728), 1),) * 8, ((728, 1024), 2))


def _body(output_stride: int) -> Body:
    def body(x: Any) -> Any:
        spacing = Spacing("xception", output_stride, [8, 16, 32])
        for number, (filters, strides) in enumerate(((32, spacing.next(2)[0]), (64, 1)), start=1):
            name = f"block1_conv{number}"
            names = {"conv": name, "bn": f"{name}_bn", "relu": f"{name}_act"}
            x = ConvBNAct(filters, 3, strides=strides, padding="valid", names=names, name=f"block1_unit{number}")(x)
        for number, (widths, strides) in enumerate(TABLE, start=2):
            stride, dilation = spacing.next(strides)
            options: dict[str, Any] = {"strides": stride, "dilation_rate": dilation, "activate_first": number > 2}
            x = XceptionBlock(widths, **options, name=f"block{number}")(x)
        for number, filters in enumerate((1536, 2048), start=1):
            name = f"block14_sepconv{number}"
            kernels: dict[str, Any] = {"depthwise_initializer": DEPTHWISE_HE, "pointwise_initializer": "he_uniform"}
            own: dict[str, Any] = {"padding": "same", "use_bias": False, "dilation_rate": spacing.dilation}
            x = layers.SeparableConv2D(filters, 3, **own, **kernels, name=name)(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
            x = layers.Activation("relu", name=f"{name}_act")(x)
        return x

    return body


def xception(*, output_stride: int = 32, **options: Unpack[ModelOptions]) -> keras.Model:
    """Xception: 22,910,480 parameters, 8.36 G multiply-adds at 299x299.

    =============  ===============================================  ======================
    part           layers                                           map of a 299x299 image
    =============  ===============================================  ======================
    block1         3x3, 32, strides 2; 3x3, 64; without padding     147x147x64
    block2         2 separable convolutions, 128; strides 2         74x74x128
    block3         the same, 256; strides 2                         37x37x256
    block4         the same, 728; strides 2                         19x19x728
    block5 ... 12  3 separable convolutions, 728                    19x19x728
    block13        separable convolutions, 728 and 1024; strides 2  10x10x1024
    block14        separable convolutions, 1536 and 2048            10x10x2048
    head           average, dense, softmax                          1000
    =============  ===============================================  ======================

    Args:
        output_stride: 8, 16 or 32: how much smaller than the images the maps get at most; later blocks dilate instead.
        **options: see ``ModelOptions``; here ``input_shape=(299, 299, 3)`` by default. The paper trained with
            ``dropout=0.5``.

    Raises:
        ArgumentError: an unknown option or a bad value, or images too small.

    >>> f"{xception().count_params():,}"
    '22,910,480'
    """
    return assemble(
        "xception",
        _body(output_stride),
        options,
        defaults=ModelOptions(input_shape=(299, 299, 3)),
        preprocessing="symmetric",
        own=("output_stride",),
    )
