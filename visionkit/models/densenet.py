"""DenseNet: Huang et al., Densely Connected Convolutional Networks, 2017 (arXiv 1608.06993), table 1."""

from collections.abc import Mapping
from typing import Any, Literal, Unpack

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import one_of
from visionkit.blocks import ConvBNAct, DenseBlock, Transition
from visionkit.models.assemble import Body, ModelOptions, assemble, split

# name -> dense layers in each of the four blocks
TABLE = {"densenet121": (6, 12, 24, 16), "densenet169": (6, 12, 32, 32), "densenet201": (6, 12, 48, 32)}
EPSILON = 1.001e-5


class DenseNetOptions(ModelOptions, total=False):
    """The arguments of the densely connected networks.

    Attributes:
        growth_rate: channels that each dense layer adds; the stem gives twice as many.
        stem: "imagenet" (7x7 with strides 2, then pooling) or "cifar" (3x3, no pooling), for images of about 32x32.

    >>> options: DenseNetOptions = {"input_shape": (32, 32, 3), "stem": "cifar", "growth_rate": 8, "include_top": False}
    >>> densenet121(**options).output_shape
    (None, 4, 4, 256)
    """

    growth_rate: int
    stem: Literal["imagenet", "cifar"]


OWN = {"growth_rate": 32, "stem": "imagenet"}


def _body(name: str, growth_rate: int, stem: str) -> Body:
    if stem not in ("imagenet", "cifar"):
        raise one_of(name, "stem", stem, ["imagenet", "cifar"])
    filters = 2 * _checks.positive(name, "growth_rate", growth_rate)
    size, strides = (7, 2) if stem == "imagenet" else (3, 1)

    def body(x: Any) -> Any:
        x = ConvBNAct(filters, size, strides=strides, padding="symmetric", epsilon=EPSILON, name="conv1")(x)
        if stem == "imagenet":
            x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
            x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for number, depth in enumerate(TABLE[name], start=2):
            if number > 2:
                x = Transition(0.5, epsilon=EPSILON, name=f"pool{number - 1}")(x)
            x = DenseBlock(depth, growth_rate, epsilon=EPSILON, name=f"conv{number}")(x)
        x = layers.BatchNormalization(epsilon=EPSILON, name="bn")(x)
        return layers.Activation("relu", name="relu")(x)

    return body


def _densenet(name: str, options: Mapping[str, Any]) -> keras.Model:
    own, rest = split(options, OWN)
    return assemble(name, _body(name, **own), rest, preprocessing="torch", own=OWN)


def densenet121(**options: Unpack[DenseNetOptions]) -> keras.Model:
    """DenseNet-121: 8,062,504 parameters, 2.83 G multiply-adds at 224x224.

    =====  ===========================================  ======================
    stage  layers                                       map of a 224x224 image
    =====  ===========================================  ======================
    conv1  7x7, 64, strides 2; 3x3 pooling              56x56x64
    conv2  6 dense layers of 32                         56x56x256
    pool2  1x1, half the channels; 2x2 average pooling  28x28x128
    conv3  12 dense layers; pool3 the same again        14x14x256
    conv4  24 dense layers; pool4 the same again        7x7x512
    conv5  16 dense layers; normalisation, ReLU         7x7x1024
    head   average, dense, softmax                      1000
    =====  ===========================================  ======================

    The deeper ones have more dense layers.

    Args:
        **options: see ``DenseNetOptions`` and ``ModelOptions``.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> densenet121(input_shape=(32, 32, 3), classes=10, stem="cifar", growth_rate=8).output_shape
    (None, 10)
    """
    return _densenet("densenet121", options)


def densenet169(**options: Unpack[DenseNetOptions]) -> keras.Model:
    """DenseNet-169: 14,307,880 parameters, 3.36 G multiply-adds; dense layers (6, 12, 32, 32).

    Args:
        **options: see ``DenseNetOptions`` and ``ModelOptions``.

    >>> f"{densenet169().count_params():,}"
    '14,307,880'
    """
    return _densenet("densenet169", options)


def densenet201(**options: Unpack[DenseNetOptions]) -> keras.Model:
    """DenseNet-201: 20,242,984 parameters, 4.29 G multiply-adds; dense layers (6, 12, 48, 32).

    Args:
        **options: see ``DenseNetOptions`` and ``ModelOptions``.

    >>> f"{densenet201().count_params():,}"
    '20,242,984'
    """
    return _densenet("densenet201", options)
