"""Xception, DenseNet201 and EfficientNetB7 for flowers: whole, and so narrow that two cores train them in minutes."""

from typing import Any

import keras
from keras import layers

import visionkit as vk
from visionkit.blocks import ClassifierHead, ConvBNAct, DenseBlock, InvertedResidual, Stage, Transition, XceptionBlock

SHORT: dict[str, Any] = {"momentum": 0.9}  # averages of batch normalisation that keep up with a short training


def whole(name: str, kinds: int, weights: str | None = None) -> keras.Model:
    """A body of the zoo and a head; of Xception only the head learns."""
    body = vk.models.create(name, input_shape=(331, 331, 3), include_top=False, pooling="avg", weights=weights)
    between: list[keras.Layer] = []
    if name == "xception":
        vk.train.freeze(body)
        norm, again = layers.BatchNormalization(), layers.BatchNormalization()
        between = [norm, layers.Dense(512, "relu"), again, layers.Dropout(0.2)]
    return keras.Sequential([body, *between, ClassifierHead(kinds, pooling=None)], name=f"whole_{name}")


def small(name: str, kinds: int, *, side: int) -> keras.Model:
    """A network of the same family, from blocks, for pictures of so many pixels, 0 to 255."""
    body = {"xception": xception, "densenet201": densenet, "efficientnet_b7": efficientnet}[name]()
    start = keras.Input((side, side, 3)), layers.Rescaling(1 / 127.5, -1)
    return keras.Sequential([*start, *body, ClassifierHead(kinds, dropout=0.3)], name=f"small_{name}")


def xception() -> list[keras.Layer]:
    """Separable convolutions with shortcuts."""
    stem = [ConvBNAct(32, 3, strides=2, **SHORT), ConvBNAct(48, 3, strides=2, **SHORT)]
    first = XceptionBlock((96, 96), strides=2, activate_first=False, **SHORT)
    more = [
        XceptionBlock(widths, strides=strides, **SHORT)
        for widths, strides in (((192, 192), 2), ((192, 192), 1), ((192, 384), 2))
    ]
    return [*stem, first, *more, layers.Activation("relu")]


def densenet() -> list[keras.Layer]:
    """Each layer sees what all layers before it gave."""
    stem = [ConvBNAct(32, 3, strides=2, **SHORT), layers.MaxPooling2D(), DenseBlock(3, 16, **SHORT)]
    blocks = [block for depth in (4, 6, 4) for block in (Transition(**SHORT), DenseBlock(depth, 16, **SHORT))]
    return [*stem, *blocks, layers.BatchNormalization(**SHORT), layers.Activation("relu")]


def efficientnet() -> list[keras.Layer]:
    """Inverted residuals that weigh their channels."""
    unit = {"activation": "silu", **SHORT}
    stages = [
        Stage(InvertedResidual, depth, filters=filters, expansion=expansion, strides=2, se_ratio=0.25, **unit)
        for depth, filters, expansion in ((1, 24, 1), (2, 48, 4), (2, 96, 4), (2, 160, 4))
    ]
    return [ConvBNAct(32, 3, strides=2, **unit), *stages, ConvBNAct(640, 1, **unit)]
