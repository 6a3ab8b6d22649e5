"""MobileNetV3: Howard et al., Searching for MobileNetV3, 2019 (arXiv 1905.02244), tables 1 and 2."""

from collections.abc import Mapping
from typing import Any, Unpack

import keras

from visionkit import _checks
from visionkit.blocks import ConvBNAct, InvertedResidual
from visionkit.blocks.separable import multiple_of_8
from visionkit.models.assemble import Body, ModelOptions, assemble, split
from visionkit.models.spacing import Spacing, rising

RELU, SWISH = "relu", "hard_swish"
# kernel, expansion, filters, squeeze-excite, activation, strides of each block
TABLE: dict[str, tuple[tuple[int, float, int, bool, str, int], ...]] = {
    "mobilenet_v3_large": (
        (3, 1, 16, False, RELU, 1),
        (3, 4, 24, False, RELU, 2),
        (3, 3, 24, False, RELU, 1),
        (5, 3, 40, True, RELU, 2),
        (5, 3, 40, True, RELU, 1),
        (5, 3, 40, True, RELU, 1),
        (3, 6, 80, False, SWISH, 2),
        (3, 2.5, 80, False, SWISH, 1),
        (3, 2.3, 80, False, SWISH, 1),
        (3, 2.3, 80, False, SWISH, 1),
        (3, 6, 112, True, SWISH, 1),
        (3, 6, 112, True, SWISH, 1),
        (5, 6, 160, True, SWISH, 2),
        (5, 6, 160, True, SWISH, 1),
        (5, 6, 160, True, SWISH, 1),
    ),
    "mobilenet_v3_small": (
        (3, 1, 16, True, RELU, 2),
        (3, 72 / 16, 24, False, RELU, 2),
        (3, 88 / 24, 24, False, RELU, 1),
        (5, 4, 40, True, SWISH, 2),
        (5, 6, 40, True, SWISH, 1),
        (5, 6, 40, True, SWISH, 1),
        (5, 3, 48, True, SWISH, 1),
        (5, 3, 48, True, SWISH, 1),
        (5, 6, 96, True, SWISH, 2),
        (5, 6, 96, True, SWISH, 1),
        (5, 6, 96, True, SWISH, 1),
    ),
}
UNITS = {"mobilenet_v3_large": 1280, "mobilenet_v3_small": 1024}
NORM: dict[str, Any] = {"epsilon": 1e-3, "momentum": 0.999}


class MobileNetV3Options(ModelOptions, total=False):
    """The arguments of the MobileNetV3 networks.

    Attributes:
        alpha: width multiplier: every layer has this many times its channels. ImageNet weights exist for 1.
        drop_path: probability in [0, 1) that a sample skips the last block while training; for the others it rises
            linearly to that.
        output_stride: 8, 16 or 32: how much smaller than the images the maps get at most; later blocks dilate instead.

    >>> options: MobileNetV3Options = {"input_shape": (64, 64, 3), "include_top": False, "alpha": 0.5}
    >>> mobilenet_v3_small(**options).output_shape
    (None, 2, 2, 288)
    """

    alpha: float
    drop_path: float
    output_stride: int


OWN = {"alpha": 1.0, "drop_path": 0.0, "output_stride": 32}


def _names(prefix: str) -> dict[str, str]:
    """Those of Keras, by which the official weights are found."""
    units = ("expand", "depthwise", "project")
    convs = {f"{part}_conv": f"{prefix}_{part}" for part in units} | {part: f"{prefix}_{part}_unit" for part in units}
    convs |= {f"{part}_bn": f"{prefix}_{part}_bn" for part in units}
    parts = {"squeeze": "avg_pool", "reduce": "conv", "activation": "relu", "expand": "conv_1", "excite": "mul"}
    return convs | {f"se_{part}": f"{prefix}_squeeze_excite_{name}" for part, name in parts.items()}


def _body(name: str, alpha: float, drop_path: float, output_stride: int) -> Body:
    _checks.number(name, "alpha", alpha, above=0.0)
    (rates,) = rising(name, drop_path, [len(TABLE[name])])

    def body(x: Any) -> Any:
        spacing = Spacing(name, output_stride, [8, 16, 32])
        names = {"conv": "conv", "bn": "conv_bn"}
        x = ConvBNAct(16, 3, strides=spacing.next(2)[0], activation=SWISH, **NORM, names=names, name="stem")(x)
        for number, (size, expansion, filters, excite, activation, strides) in enumerate(TABLE[name]):
            stride, dilation = spacing.next(strides)
            block = f"expanded_conv_{number}" if number else "expanded_conv"
            x = InvertedResidual(
                multiple_of_8(filters * alpha),
                expansion=expansion,
                kernel_size=size,
                strides=stride,
                dilation_rate=dilation,
                se_ratio=0.25 if excite else 0.0,
                se_from="expanded",
                se_activation="relu",
                se_gate="hard_sigmoid",
                drop_path=rates[number],
                activation=activation,
                names=_names(block),
                **NORM,
                name=block,
            )(x)
        filters, names = multiple_of_8(x.shape[-1] * 6), {"conv": "conv_1", "bn": "conv_1_bn"}
        return ConvBNAct(filters, 1, activation=SWISH, **NORM, names=names, name="top")(x)

    return body


def _mobilenet_v3(name: str, options: Mapping[str, Any]) -> keras.Model:
    own, rest = split(options, OWN)
    body = _body(name, **own)
    units = multiple_of_8(UNITS[name] * max(1.0, own["alpha"]))
    return assemble(
        name,
        body,
        rest,
        defaults=ModelOptions(dropout=0.2),
        preprocessing="symmetric",
        head={"hidden": (units,), "hidden_activation": SWISH},
        own=OWN,
        official={"alpha": own["alpha"]},
    )


def mobilenet_v3_large(**options: Unpack[MobileNetV3Options]) -> keras.Model:
    """MobileNetV3-Large: 5,507,432 parameters, 217 M multiply-adds at 224x224.

    A 3x3 convolution with strides 2, fifteen inverted residuals as in ``TABLE``, a 1x1 convolution, and a head with a
    hidden layer of 1280 behind the pooling.

    Args:
        **options: see ``MobileNetV3Options`` and ``ModelOptions``; here ``dropout=0.2`` by default.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> f"{mobilenet_v3_large().count_params():,}"
    '5,507,432'
    """
    return _mobilenet_v3("mobilenet_v3_large", options)


def mobilenet_v3_small(**options: Unpack[MobileNetV3Options]) -> keras.Model:
    """MobileNetV3-Small: 2,554,968 parameters, 57 M multiply-adds at 224x224.

    As ``mobilenet_v3_large``, with eleven inverted residuals and a hidden layer of 1024.

    Args:
        **options: see ``MobileNetV3Options`` and ``ModelOptions``; here ``dropout=0.2`` by default.

    >>> mobilenet_v3_small(input_shape=(32, 32, 3), include_top=False).count_params()
    939120
    """
    return _mobilenet_v3("mobilenet_v3_small", options)
