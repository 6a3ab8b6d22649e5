"""MobileNetV2: Sandler et al., Inverted Residuals and Linear Bottlenecks, 2018 (arXiv 1801.04381), table 2."""

from typing import Any, Unpack

import keras

from visionkit import _checks
from visionkit.blocks import ConvBNAct, InvertedResidual
from visionkit.blocks.separable import multiple_of_8
from visionkit.models.assemble import Body, ModelOptions, assemble
from visionkit.models.spacing import Spacing, rising

# t, c, n, s of the paper: expansion, filters, blocks, strides of the first of them
TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
NORM: dict[str, Any] = {"activation": "relu6", "epsilon": 1e-3, "momentum": 0.999}


def _names(prefix: str) -> dict[str, str]:
    """Those of Keras, by which the official weights are found."""
    ends = {"conv": "", "bn": "_BN", "relu6": "_relu"}
    parts = ("expand", "depthwise", "project")
    units = {part: f"{prefix}_{part}_unit" for part in parts}
    return units | {f"{part}_{end}": f"{prefix}_{part}{suffix}" for part in parts for end, suffix in ends.items()}


def _body(alpha: float, drop_path: float, output_stride: int) -> Body:
    _checks.number("mobilenet_v2", "alpha", alpha, above=0.0)
    rates = [rate for stage in rising("mobilenet_v2", drop_path, [n for _, _, n, _ in TABLE]) for rate in stage]

    def body(x: Any) -> Any:
        spacing = Spacing("mobilenet_v2", output_stride, [8, 16, 32])
        names = {"conv": "Conv1", "bn": "bn_Conv1", "relu6": "Conv1_relu"}
        x = ConvBNAct(multiple_of_8(32 * alpha), 3, strides=spacing.next(2)[0], **NORM, names=names, name="stem")(x)
        number = 0
        for expansion, filters, depth, strides in TABLE:
            for place in range(depth):
                stride, dilation = spacing.next(strides if place == 0 else 1)
                name = f"block_{number}" if number else "expanded_conv"
                x = InvertedResidual(
                    multiple_of_8(int(filters * alpha)),
                    expansion=expansion,
                    strides=stride,
                    dilation_rate=dilation,
                    drop_path=rates[number],
                    names=_names(name),
                    **NORM,
                    name=name,
                )(x)
                number += 1
        # The last layer is never narrowed: it is what the classifier sees (section 4).
        names = {"conv": "Conv_1", "bn": "Conv_1_bn", "relu6": "out_relu"}
        return ConvBNAct(multiple_of_8(1280 * max(1.0, alpha)), 1, **NORM, names=names, name="top")(x)

    return body


def mobilenet_v2(
    *,
    alpha: float = 1.0,
    drop_path: float = 0.0,
    output_stride: int = 32,
    **options: Unpack[ModelOptions],
) -> keras.Model:
    """MobileNetV2: 3,538,984 parameters, 301 M multiply-adds at 224x224.

    ===============  =============================================  ======================
    part             layers                                         map of a 224x224 image
    ===============  =============================================  ======================
    stem             3x3, 32, strides 2                             112x112x32
    expanded_conv    inverted residual without expansion, 16        112x112x16
    block_1, 2       inverted residual, expansion 6, 24, strides 2  56x56x24
    block_3 ... 5    the same, 32, strides 2                        28x28x32
    block_6 ... 12   64, strides 2, then 96                         14x14x96
    block_13 ... 16  160, strides 2, then 320                       7x7x320
    top              1x1, 1280                                      7x7x1280
    head             average, dense, softmax                        1000
    ===============  =============================================  ======================

    Args:
        alpha: width multiplier: every layer has this many times its channels, the last only if above 1. ImageNet
            weights exist for 0.35, 0.5, 0.75, 1, 1.3 and 1.4.
        drop_path: probability in [0, 1) that a sample skips the last block while training; for the others it rises
            linearly to that.
        output_stride: 8, 16 or 32: how much smaller than the images the maps get at most; later blocks dilate instead.
        **options: see ``ModelOptions``.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> mobilenet_v2(alpha=0.35, input_shape=(96, 96, 1), classes=2).output_shape
    (None, 2)
    """
    return assemble(
        "mobilenet_v2",
        _body(alpha, drop_path, output_stride),
        options,
        preprocessing="symmetric",
        own=("alpha", "drop_path", "output_stride"),
        official={"alpha": alpha},
    )
