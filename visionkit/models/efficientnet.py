"""EfficientNet: Tan and Le, Rethinking Model Scaling, 2019 (arXiv 1905.11946), table 1 and section 3.3."""

import math
from collections.abc import Mapping
from typing import Any, Unpack

import keras

from visionkit.blocks import ConvBNAct, InvertedResidual
from visionkit.blocks._block import fan_out
from visionkit.blocks.separable import multiple_of_8
from visionkit.models.assemble import Body, ModelOptions, assemble, split
from visionkit.models.spacing import Spacing, rising

# kernel, blocks, filters, expansion, strides of the stages of B0
TABLE = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
# name -> how much wider and deeper than B0, size of the images, dropout
SCALES = {
    "efficientnet_b0": (1.0, 1.0, 224, 0.2),
    "efficientnet_b1": (1.0, 1.1, 240, 0.2),
    "efficientnet_b2": (1.1, 1.2, 260, 0.3),
    "efficientnet_b3": (1.2, 1.4, 300, 0.3),
    "efficientnet_b4": (1.4, 1.8, 380, 0.4),
    "efficientnet_b5": (1.6, 2.2, 456, 0.4),
    "efficientnet_b6": (1.8, 2.6, 528, 0.5),
    "efficientnet_b7": (2.0, 3.1, 600, 0.5),
}
CONV: dict[str, Any] = {
    "activation": "silu",
    "kernel_initializer": fan_out(2.0, "truncated_normal"),
}
DENSE = fan_out(1 / 3, "uniform")


class EfficientNetOptions(ModelOptions, total=False):
    """The arguments of the EfficientNets.

    Attributes:
        drop_path: probability in [0, 1) that a sample skips the last block while training; for the others it rises
            linearly from 0 to about that. 0.2 by default.
        output_stride: 8, 16 or 32: how much smaller than the images the maps get at most; later blocks dilate instead.

    >>> options: EfficientNetOptions = {"input_shape": (64, 64, 3), "include_top": False, "output_stride": 16}
    >>> efficientnet_b0(**options).output_shape
    (None, 4, 4, 1280)
    """

    drop_path: float
    output_stride: int


OWN = {"drop_path": 0.2, "output_stride": 32}


def _names(prefix: str) -> dict[str, str]:
    """Those of Keras, by which the official weights are found."""
    convs = {"depthwise_conv": "dwconv", "depthwise_bn": "bn", "depthwise_silu": "activation"}
    return {part: f"{prefix}_{name}" for part, name in (convs | {"expand_silu": "expand_activation"}).items()}


def _body(name: str, drop_path: float, output_stride: int) -> Body:
    width, depth, _, _ = SCALES[name]
    depths = [math.ceil(depth * blocks) for _, blocks, _, _, _ in TABLE]
    rates = rising(name, drop_path, depths, first=0)

    def body(x: Any) -> Any:
        spacing = Spacing(name, output_stride, [8, 16, 32])
        names = {"silu": "stem_activation"}
        x = ConvBNAct(multiple_of_8(32 * width), 3, strides=spacing.next(2)[0], **CONV, names=names, name="stem")(x)
        for stage, (size, _, filters, expansion, strides) in enumerate(TABLE):
            for place, rate in enumerate(rates[stage]):
                stride, dilation = spacing.next(strides if place == 0 else 1)
                block = f"block{stage + 1}{chr(ord('a') + place)}"
                x = InvertedResidual(
                    multiple_of_8(filters * width),
                    expansion=expansion,
                    kernel_size=size,
                    strides=stride,
                    dilation_rate=dilation,
                    se_ratio=0.25,
                    drop_path=rate,
                    names=_names(block),
                    **CONV,
                    name=block,
                )(x)
        return ConvBNAct(multiple_of_8(1280 * width), 1, **CONV, names={"silu": "top_activation"}, name="top")(x)

    return body


def _efficientnet(name: str, options: Mapping[str, Any]) -> keras.Model:
    own, rest = split(options, OWN)
    _, _, size, dropout = SCALES[name]
    return assemble(
        name,
        _body(name, **own),
        rest,
        defaults=ModelOptions(input_shape=(size, size, 3), dropout=dropout),
        preprocessing="efficientnet",
        head={"kernel_initializer": DENSE},
        own=OWN,
    )


def efficientnet_b0(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B0: 5,330,571 parameters, 0.39 G multiply-adds at 224x224.

    ======  ==============================================  ======================
    part    layers                                          map of a 224x224 image
    ======  ==============================================  ======================
    stem    3x3, 32, strides 2                              112x112x32
    block1  inverted residual with squeeze-excite, 3x3, 16  112x112x16
    block2  2 of 3x3, expansion 6, 24, strides 2            56x56x24
    block3  2 of 5x5, 40, strides 2                         28x28x40
    block4  3 of 3x3, 80, strides 2                         14x14x80
    block5  3 of 5x5, 112                                   14x14x112
    block6  4 of 5x5, 192, strides 2                        7x7x192
    block7  1 of 3x3, 320                                   7x7x320
    top     1x1, 1280                                       7x7x1280
    head    average, dropout, dense, softmax                1000
    ======  ==============================================  ======================

    B1 to B7 are wider, deeper, for larger images, as in ``SCALES``.

    Args:
        **options: see ``EfficientNetOptions`` and ``ModelOptions``; ``input_shape`` and ``dropout`` by default as in
            ``SCALES``. Pixel values 0-255 are scaled by a layer with weights, which official files hold.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> efficientnet_b0(input_shape=(32, 32, 3), include_top=False).count_params()
    4049571
    """
    return _efficientnet("efficientnet_b0", options)


def efficientnet_b1(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B1: 7,856,239 parameters, 0.69 G multiply-adds at 240x240; see ``efficientnet_b0``.

    >>> f"{efficientnet_b1().count_params():,}"
    '7,856,239'
    """
    return _efficientnet("efficientnet_b1", options)


def efficientnet_b2(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B2: 9,177,569 parameters, 0.99 G multiply-adds at 260x260; see ``efficientnet_b0``.

    >>> f"{efficientnet_b2().count_params():,}"
    '9,177,569'
    """
    return _efficientnet("efficientnet_b2", options)


def efficientnet_b3(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B3: 12,320,535 parameters, 1.83 G multiply-adds at 300x300; see ``efficientnet_b0``.

    >>> f"{efficientnet_b3().count_params():,}"
    '12,320,535'
    """
    return _efficientnet("efficientnet_b3", options)


def efficientnet_b4(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B4: 19,466,823 parameters, 4.39 G multiply-adds at 380x380; see ``efficientnet_b0``.

    >>> f"{efficientnet_b4().count_params():,}"
    '19,466,823'
    """
    return _efficientnet("efficientnet_b4", options)


def efficientnet_b5(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B5: 30,562,527 parameters, 10.3 G multiply-adds at 456x456; see ``efficientnet_b0``.

    >>> f"{efficientnet_b5().count_params():,}"
    '30,562,527'
    """
    return _efficientnet("efficientnet_b5", options)


def efficientnet_b6(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B6: 43,265,143 parameters, 19.1 G multiply-adds at 528x528; see ``efficientnet_b0``.

    >>> f"{efficientnet_b6().count_params():,}"
    '43,265,143'
    """
    return _efficientnet("efficientnet_b6", options)


def efficientnet_b7(**options: Unpack[EfficientNetOptions]) -> keras.Model:
    """EfficientNet-B7: 66,658,687 parameters, 37.7 G multiply-adds at 600x600; see ``efficientnet_b0``.

    >>> f"{efficientnet_b7().count_params():,}"
    '66,658,687'
    """
    return _efficientnet("efficientnet_b7", options)
