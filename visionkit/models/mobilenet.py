"""MobileNet: Howard et al., MobileNets, 2017 (arXiv 1704.04861), table 1."""

from typing import Any, Unpack

import keras

from visionkit import _checks
from visionkit.blocks import ConvBNAct, DepthwiseSeparable
from visionkit.models.assemble import Body, ModelOptions, assemble
from visionkit.models.spacing import Spacing

# filters and strides of the thirteen blocks
TABLE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
NORM: dict[str, Any] = {"activation": "relu6", "epsilon": 1e-3, "momentum": 0.99}


def _names(number: int) -> dict[str, str]:
    """Those of Keras, by which the official weights are found."""
    parts = {"depthwise": f"conv_dw_{number}", "pointwise": f"conv_pw_{number}"}
    return {part + end: name + end for part, name in parts.items() for end in ("", "_bn", "_relu")}


def _body(alpha: float, output_stride: int) -> Body:
    _checks.number("mobilenet", "alpha", alpha, above=0.0)

    def body(x: Any) -> Any:
        spacing = Spacing("mobilenet", output_stride, [8, 16, 32])
        names = {"conv": "conv1", "bn": "conv1_bn", "relu6": "conv1_relu"}
        x = ConvBNAct(max(1, int(32 * alpha)), 3, strides=spacing.next(2)[0], **NORM, names=names, name="stem")(x)
        for number, (filters, strides) in enumerate(TABLE, start=1):
            stride, dilation = spacing.next(strides)
            # Keras pads after the last row and column only, also where that is one too few for an odd size.
            padding = ((0, 1), (0, 1)) if stride > 1 else "same"
            options: dict[str, Any] = {"strides": stride, "dilation_rate": dilation, "padding": padding, **NORM}
            options |= {"names": _names(number), "name": f"block{number}"}
            x = DepthwiseSeparable(max(1, int(filters * alpha)), **options)(x)
        return x

    return body


def mobilenet(
    *,
    alpha: float = 1.0,
    output_stride: int = 32,
    **options: Unpack[ModelOptions],
) -> keras.Model:
    """MobileNet: 4,253,864 parameters, 569 M multiply-adds at 224x224.

    =============  ===========================================  ======================
    part           layers                                       map of a 224x224 image
    =============  ===========================================  ======================
    stem           3x3, 32, strides 2                           112x112x32
    block1         depthwise separable, 64                      112x112x64
    block2, 3      the same, 128, the first one with strides 2  56x56x128
    block4, 5      256, the first one with strides 2            28x28x256
    block6 ... 11  512, the first one with strides 2            14x14x512
    block12, 13    1024, the first one with strides 2           7x7x1024
    head           average, dropout, dense, softmax             1000
    =============  ===========================================  ======================

    Args:
        alpha: width multiplier: every layer has this many times its channels. ImageNet weights exist for 0.25, 0.5,
            0.75 and 1, each for images of 128, 160, 192 and 224.
        output_stride: 8, 16 or 32: how much smaller than the images the maps get at most; later blocks dilate instead.
        **options: see ``ModelOptions``; here ``dropout=0.001`` by default.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> mobilenet(alpha=0.25, input_shape=(64, 64, 3)).count_params()
    475544
    """
    return assemble(
        "mobilenet",
        _body(alpha, output_stride),
        options,
        defaults=ModelOptions(dropout=1e-3),
        preprocessing="symmetric",
        own=("alpha", "output_stride"),
        official={"alpha": alpha},
    )
