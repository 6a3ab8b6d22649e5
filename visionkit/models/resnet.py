"""ResNet: He et al., Deep Residual Learning for Image Recognition, 2015 (arXiv 1512.03385).

V2: He et al., Identity Mappings in Deep Residual Networks, 2016 (arXiv 1603.05027).
"""

from collections.abc import Mapping
from typing import Any, Literal, Unpack

import keras
from keras import layers

from visionkit._errors import one_of
from visionkit.blocks import BottleneckBlock, ConvBNAct, ResidualBlock, Stage
from visionkit.models.assemble import Body, ModelOptions, assemble, split
from visionkit.models.spacing import Spacing, rising

# name -> block, blocks in each of the four stages
TABLE = {
    "resnet18": (ResidualBlock, (2, 2, 2, 2)),
    "resnet34": (ResidualBlock, (3, 4, 6, 3)),
    "resnet50": (BottleneckBlock, (3, 4, 6, 3)),
    "resnet101": (BottleneckBlock, (3, 4, 23, 3)),
    "resnet152": (BottleneckBlock, (3, 8, 36, 3)),
    "resnet50v2": (BottleneckBlock, (3, 4, 6, 3)),
    "resnet101v2": (BottleneckBlock, (3, 4, 23, 3)),
    "resnet152v2": (BottleneckBlock, (3, 8, 36, 3)),
}
# The bottlenecks are those of Keras, whose weights are Caffe's; the two-layer blocks have no such past.
_KERAS: dict[str, Any] = {"epsilon": 1.001e-5, "use_bias": True, "padding": "symmetric"}
_PLAIN: dict[str, Any] = {"epsilon": 1e-5, "momentum": 0.9, "padding": "symmetric"}


class ResNetOptions(ModelOptions, total=False):
    """The arguments of the residual networks.

    Attributes:
        stem: "imagenet" (7x7 with strides 2, then pooling) or "cifar" (3x3, no pooling), for images of about 32x32.
        drop_path: probability in [0, 1) that a sample skips the last block while training; for the others it rises
            linearly to that (Huang et al. 2016, arXiv 1603.09382).
        output_stride: 8, 16 or 32: how much smaller than the images the maps get at most. Where a stage would exceed
            that, it dilates its convolutions instead of striding (Chen et al. 2017, arXiv 1706.05587).

    >>> options: ResNetOptions = {"input_shape": (32, 32, 3), "classes": 10, "stem": "cifar", "drop_path": 0.1}
    >>> resnet18(**options).get_layer("conv1").output.shape
    (None, 32, 32, 64)
    """

    stem: Literal["imagenet", "cifar"]
    drop_path: float
    output_stride: int


OWN = {"stem": "imagenet", "drop_path": 0.0, "output_stride": 32}


def _body(name: str, stem: str, drop_path: float, output_stride: int) -> Body:
    block, depths = TABLE[name]
    v2 = name.endswith("v2")
    options = _KERAS if block is BottleneckBlock else _PLAIN
    own: dict[str, Any] = {"preactivation": True, "strides_on": "3x3", "strides_in": "last"} if v2 else {}
    if stem not in ("imagenet", "cifar"):
        raise one_of(name, "stem", stem, ["imagenet", "cifar"])
    rates = rising(name, drop_path, depths)

    def body(x: Any) -> Any:
        spacing = Spacing(name, output_stride, [8, 16, 32])
        size, strides = (7, spacing.next(2)[0]) if stem == "imagenet" else (3, 1)
        if v2:  # normalised inside of the first block
            x = layers.ZeroPadding2D(size // 2, name="conv1_pad")(x)
            x = layers.Conv2D(64, size, strides=strides, kernel_initializer="he_uniform", name="conv1_conv")(x)
        else:
            x = ConvBNAct(64, size, strides=strides, **options, name="conv1")(x)
        if stem == "imagenet":
            x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
            x = layers.MaxPooling2D(3, strides=spacing.next(2)[0], name="pool1_pool")(x)
        for number, depth in enumerate(depths, start=2):
            # V2 as Keras has it strides at the end of each stage but the last, all others at the beginning.
            stride, before = spacing.next(2 if (number < 5 if v2 else number > 2) else 1)
            stage: dict[str, Any] = {"strides": stride, "dilation_rate": before if v2 else spacing.dilation}
            stage |= {"filters": 2 ** (number + 4), "drop_path": rates[number - 2], "name": f"conv{number}"}
            x = Stage(block, depth, **stage, **options, **own)(x)
        if v2:
            x = layers.BatchNormalization(epsilon=options["epsilon"], name="post_bn")(x)
            x = layers.Activation("relu", name="post_relu")(x)
        return x

    return body


def _resnet(name: str, scaling: str, options: Mapping[str, Any]) -> keras.Model:
    own, rest = split(options, OWN)
    return assemble(name, _body(name, **own), rest, preprocessing=scaling, own=OWN)


def resnet18(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-18: 11,689,512 trainable parameters, 1.81 G multiply-adds at 224x224.

    =====  =================================  ======================
    stage  layers                             map of a 224x224 image
    =====  =================================  ======================
    conv1  7x7, 64, strides 2; 3x3 pooling    56x56x64
    conv2  2 residual blocks, 64              56x56x64
    conv3  2 residual blocks, 128, strides 2  28x28x128
    conv4  2 residual blocks, 256, strides 2  14x14x256
    conv5  2 residual blocks, 512, strides 2  7x7x512
    head   average, dense, softmax            1000
    =====  =================================  ======================

    The deeper ones have the same stages with other blocks and depths.

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> resnet18(input_shape=(32, 32, 3), classes=10, stem="cifar").output_shape
    (None, 10)
    """
    return _resnet("resnet18", "torch", options)


def resnet34(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-34: 21,797,672 trainable parameters, 3.66 G multiply-adds; residual blocks (3, 4, 6, 3).

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    >>> resnet34(include_top=False, pooling="avg").output_shape
    (None, 512)
    """
    return _resnet("resnet34", "torch", options)


def resnet50(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-50: 25,636,712 parameters, 3.86 G multiply-adds; bottlenecks (3, 4, 6, 3).

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    >>> f"{resnet50().count_params():,}"
    '25,636,712'
    """
    return _resnet("resnet50", "caffe", options)


def resnet101(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-101: 44,707,176 parameters, 7.57 G multiply-adds; bottlenecks (3, 4, 23, 3).

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    >>> f"{resnet101().count_params():,}"
    '44,707,176'
    """
    return _resnet("resnet101", "caffe", options)


def resnet152(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-152: 60,419,944 parameters, 11.3 G multiply-adds; bottlenecks (3, 8, 36, 3).

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    >>> f"{resnet152().count_params():,}"
    '60,419,944'
    """
    return _resnet("resnet152", "caffe", options)


def resnet50v2(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-50 V2: 25,613,800 parameters, 3.48 G multiply-adds; bottlenecks (3, 4, 6, 3), pre-activated.

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    >>> f"{resnet50v2().count_params():,}"
    '25,613,800'
    """
    return _resnet("resnet50v2", "symmetric", options)


def resnet101v2(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-101 V2: 44,675,560 parameters, 7.19 G multiply-adds; bottlenecks (3, 4, 23, 3), pre-activated.

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    >>> f"{resnet101v2().count_params():,}"
    '44,675,560'
    """
    return _resnet("resnet101v2", "symmetric", options)


def resnet152v2(**options: Unpack[ResNetOptions]) -> keras.Model:
    """ResNet-152 V2: 60,380,648 parameters, 10.9 G multiply-adds; bottlenecks (3, 8, 36, 3), pre-activated.

    Args:
        **options: see ``ResNetOptions`` and ``ModelOptions``.

    >>> f"{resnet152v2().count_params():,}"
    '60,380,648'
    """
    return _resnet("resnet152v2", "symmetric", options)
