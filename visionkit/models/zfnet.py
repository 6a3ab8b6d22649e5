"""ZFNet: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2013 (arXiv 1311.2901), figure 3."""

from typing import Any, Literal, Unpack

import keras
from keras import layers

from visionkit._errors import one_of
from visionkit.blocks import ConvBNAct, LocalResponseNorm
from visionkit.blocks.conv import Padding
from visionkit.models.assemble import Body, ModelOptions, assemble

# filters, kernel, strides, padding of the first two convolutions: the paper's, and for small images
_STEMS: dict[str, tuple[tuple[int, int, int, Padding], ...]] = {
    "imagenet": ((96, 7, 2, "valid"), (256, 5, 2, "valid")),
    "cifar": ((96, 7, 1, "same"), (256, 5, 2, "same")),
}


def _body(stem: str, norm: str) -> Body:
    def conv(x: Any, number: int, filters: int, size: int, *, strides: int = 1, padding: Padding = "same") -> Any:
        name = f"conv{number}"
        if norm == "batch":
            return ConvBNAct(filters, size, strides=strides, padding=padding, name=name)(x)
        options = {"activation": "relu", "kernel_initializer": "he_uniform", "name": name}
        return layers.Conv2D(filters, size, strides=strides, padding=padding, **options)(x)

    def body(x: Any) -> Any:
        if stem == "imagenet":
            x = layers.ZeroPadding2D(1, name="conv1_pad")(x)
        for number, (filters, size, strides, padding) in enumerate(_STEMS[stem], start=1):
            x = conv(x, number, filters, size, strides=strides, padding=padding)
            x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool{number}")(x)
            x = LocalResponseNorm(name=f"norm{number}")(x) if norm == "lrn" else x
        for number, filters in ((3, 384), (4, 384), (5, 256)):
            x = conv(x, number, filters, 3)
        return layers.MaxPooling2D(3, strides=2, padding="same" if stem == "cifar" else "valid", name="pool5")(x)

    return body


def zfnet(
    *,
    norm: Literal["lrn", "batch"] = "lrn",
    stem: Literal["imagenet", "cifar"] = "imagenet",
    units: tuple[int, ...] = (4096, 4096),
    **options: Unpack[ModelOptions],
) -> keras.Model:
    """ZFNet: 62,357,608 parameters: AlexNet with a smaller, denser first layer.

    ============  ===============================================  ======================
    layer         what                                             map of a 224x224 image
    ============  ===============================================  ======================
    conv1         7x7, 96, strides 2; 3x3 pooling; normalisation   55x55x96
    conv2         5x5, 256, strides 2; 3x3 pooling; normalisation  13x13x256
    conv3, conv4  3x3, 384                                         13x13x384
    conv5         3x3, 256; 3x3 pooling                            6x6x256
    fc1, fc2      dense, 4096, dropout 0.5                         4096
    ============  ===============================================  ======================

    Args:
        norm: "lrn", the normalisation over neighbouring channels after pooling that stands for the paper's contrast
            normalisation; or "batch", batch normalisation after each convolution and before the nonlinearity.
        stem: "imagenet" is the paper's, for images of about 224x224; "cifar" keeps the full resolution in conv1 and
            pads every layer, for images from 16x16 on, such as glyphs of 32x32x1.
        units: widths of the hidden dense layers.
        **options: see ``ModelOptions``; here ``dropout=0.5`` by default. Pixel values 0-255, mean subtracted.

    Raises:
        ArgumentError: an unknown option or a bad value, or images too small for the stem.

    >>> small = zfnet(input_shape=(32, 32, 1), classes=36, stem="cifar", norm="batch", units=(64,))
    >>> small.output_shape
    (None, 36)
    """
    for argument, value, known in (("norm", norm, ("lrn", "batch")), ("stem", stem, tuple(_STEMS))):
        if value not in known:
            raise one_of("zfnet", argument, value, known)
    return assemble(
        "zfnet",
        _body(stem, norm),
        options,
        defaults=ModelOptions(dropout=0.5),
        preprocessing="centred",
        head={"pooling": "flatten", "hidden": tuple(units)},
        own=("norm", "stem", "units"),
    )
