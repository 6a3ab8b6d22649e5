"""The ResNets for CIFAR-10: He et al., Deep Residual Learning, 2015 (arXiv 1512.03385), section 4.2."""

from collections.abc import Mapping
from typing import Any, Unpack

import keras

from visionkit.blocks import ConvBNAct, ResidualBlock, Stage
from visionkit.models.assemble import Body, ModelOptions, assemble, split
from visionkit.models.spacing import rising

# name -> n, the residual blocks in each of the three stages; 6n + 2 layers have weights
TABLE = {"resnet20_cifar": 3, "resnet32_cifar": 5, "resnet44_cifar": 7, "resnet56_cifar": 9, "resnet110_cifar": 18}
WIDTHS = (16, 32, 64)


class ResNetCifarOptions(ModelOptions, total=False):
    """The arguments of the ResNets for CIFAR; by default ``input_shape=(32, 32, 3)`` and ``classes=10``.

    Attributes:
        drop_path: probability in [0, 1) that a sample skips the last block while training; for the others it rises
            linearly to that.

    >>> options: ResNetCifarOptions = {"classes": 100, "drop_path": 0.1}
    >>> resnet20_cifar(**options).output_shape
    (None, 100)
    """

    drop_path: float


def _body(name: str, drop_path: float) -> Body:
    rates = rising(name, drop_path, [TABLE[name]] * 3)
    options: dict[str, Any] = {"epsilon": 1e-5, "momentum": 0.9, "padding": "symmetric"}

    def body(x: Any) -> Any:
        x = ConvBNAct(16, 3, **options, name="conv1")(x)
        for number, filters in enumerate(WIDTHS, start=2):
            stage: dict[str, Any] = {"filters": filters, "strides": 1 if number == 2 else 2, "name": f"conv{number}"}
            stage |= {"shortcut": "pad", "drop_path": rates[number - 2]}  # no projections here: option A
            x = Stage(ResidualBlock, TABLE[name], **stage, **options)(x)
        return x

    return body


def _cifar(name: str, options: Mapping[str, Any]) -> keras.Model:
    own, rest = split(options, {"drop_path": 0.0})
    defaults = ModelOptions(input_shape=(32, 32, 3), classes=10)
    return assemble(name, _body(name, **own), rest, defaults=defaults, preprocessing="torch", own=own)


def resnet20_cifar(**options: Unpack[ResNetCifarOptions]) -> keras.Model:
    """ResNet-20 for CIFAR: 269,722 trainable parameters; the paper says 0.27 M and 91.25 % on CIFAR-10.

    =====  ================================  ====================
    stage  layers                            map of a 32x32 image
    =====  ================================  ====================
    conv1  3x3, 16                           32x32x16
    conv2  3 residual blocks, 16             32x32x16
    conv3  3 residual blocks, 32, strides 2  16x16x32
    conv4  3 residual blocks, 64, strides 2  8x8x64
    head   average, dense, softmax           10
    =====  ================================  ====================

    Where the shape changes, the shortcut takes every second place and pads the channels with zeros. The deeper ones
    have more blocks in each stage.

    Args:
        **options: see ``ResNetCifarOptions`` and ``ModelOptions``.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> resnet20_cifar(classes=100).output_shape
    (None, 100)
    """
    return _cifar("resnet20_cifar", options)


def resnet32_cifar(**options: Unpack[ResNetCifarOptions]) -> keras.Model:
    """ResNet-32 for CIFAR: 5 blocks a stage; the paper says 0.46 M parameters and 92.49 % on CIFAR-10.

    >>> len(resnet32_cifar().get_layer("conv2").blocks)
    5
    """
    return _cifar("resnet32_cifar", options)


def resnet44_cifar(**options: Unpack[ResNetCifarOptions]) -> keras.Model:
    """ResNet-44 for CIFAR: 7 blocks a stage; the paper says 0.66 M parameters and 92.83 % on CIFAR-10.

    >>> len(resnet44_cifar().get_layer("conv2").blocks)
    7
    """
    return _cifar("resnet44_cifar", options)


def resnet56_cifar(**options: Unpack[ResNetCifarOptions]) -> keras.Model:
    """ResNet-56 for CIFAR: 9 blocks a stage; the paper says 0.85 M parameters and 93.03 % on CIFAR-10.

    >>> len(resnet56_cifar().get_layer("conv2").blocks)
    9
    """
    return _cifar("resnet56_cifar", options)


def resnet110_cifar(**options: Unpack[ResNetCifarOptions]) -> keras.Model:
    """ResNet-110 for CIFAR: 18 blocks a stage; the paper says 1.7 M parameters and 93.57 % on CIFAR-10.

    >>> len(resnet110_cifar().get_layer("conv2").blocks)
    18
    """
    return _cifar("resnet110_cifar", options)
