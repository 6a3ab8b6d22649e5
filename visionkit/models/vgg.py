"""VGG: Simonyan and Zisserman, Very Deep Convolutional Networks, 2014 (arXiv 1409.1556), table 1."""

from collections.abc import Sequence
from typing import Any, Literal, Unpack

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ModelError, one_of
from visionkit.blocks import ConvBNAct
from visionkit.models.assemble import Body, ModelOptions, assemble

# name -> 3x3 convolutions in each of the five blocks
TABLE = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)

Norm = Literal["batch"] | None


def _body(depths: Sequence[int], alpha: float, norm: Norm) -> Body:
    def conv(x: Any, block: int, number: int) -> Any:
        filters, name = max(1, int(WIDTHS[block - 1] * alpha)), f"block{block}_conv{number}"
        if norm is None:
            options = {"padding": "same", "activation": "relu", "kernel_initializer": "he_uniform"}
            return layers.Conv2D(filters, 3, **options, name=name)(x)
        names = {"conv": name, "bn": f"{name}_bn", "relu": f"{name}_relu"}  # so that fuse makes the plain network of it
        return ConvBNAct(filters, 3, names=names, name=f"block{block}_unit{number}")(x)

    def body(x: Any) -> Any:
        for block, depth in enumerate(depths, start=1):
            for number in range(1, depth + 1):
                x = conv(x, block, number)
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        return x

    return body


def _vgg(name: str, alpha: float, norm: Norm, units: tuple[int, ...], options: ModelOptions) -> keras.Model:
    alpha = _checks.number(name, "alpha", alpha, above=0.0)
    if norm not in (None, "batch"):
        raise one_of(name, "norm", norm, ["batch"])
    if options.get("weights") == "imagenet" and (alpha != 1 or norm):
        raise ModelError(
            f"{name}: there are ImageNet weights for alpha=1 and norm=None only, got {alpha=} and {norm=}; "
            "give weights=None or a path"
        )
    head = {"pooling": "flatten", "hidden": tuple(units)}
    body = _body(TABLE[name], alpha, norm)
    return assemble(name, body, options, preprocessing="caffe", head=head, own=("alpha", "norm", "units"))


def vgg16(
    *,
    alpha: float = 1.0,
    norm: Norm = None,
    units: tuple[int, ...] = (4096, 4096),
    **options: Unpack[ModelOptions],
) -> keras.Model:
    """VGG-16, configuration D: 138,357,544 parameters, 15.5 G multiply-adds at 224x224.

    ======  ==========================  ======================
    block   layers                      map of a 224x224 image
    ======  ==========================  ======================
    block1  2 of 3x3, 64; 2x2 pooling   112x112x64
    block2  2 of 3x3, 128; 2x2 pooling  56x56x128
    block3  3 of 3x3, 256; 2x2 pooling  28x28x256
    block4  3 of 3x3, 512; 2x2 pooling  14x14x512
    block5  3 of 3x3, 512; 2x2 pooling  7x7x512
    head    dense 4096, 4096, 1000      1000
    ======  ==========================  ======================

    Args:
        alpha: width multiplier: every convolution has this many times its filters.
        norm: None as in the paper; or "batch", batch normalisation after each convolution and before the nonlinearity,
            with which the network learns from random weights in far less time. ``fuse`` then makes the plain network
            of it, whose weights fit the same builder without ``norm``.
        units: widths of the hidden dense layers.
        **options: see ``ModelOptions``. The paper trained with ``dropout=0.5``.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> vgg16(input_shape=(32, 32, 3), include_top=False).count_params()
    14714688
    """
    return _vgg("vgg16", alpha, norm, units, options)


def vgg19(
    *,
    alpha: float = 1.0,
    norm: Norm = None,
    units: tuple[int, ...] = (4096, 4096),
    **options: Unpack[ModelOptions],
) -> keras.Model:
    """VGG-19, configuration E: 143,667,240 parameters, 19.6 G multiply-adds at 224x224.

    As ``vgg16``, with four convolutions in each of the last three blocks.

    Args:
        alpha, norm, units: as for ``vgg16``.
        **options: see ``ModelOptions``.

    >>> vgg19(input_shape=(32, 32, 3), include_top=False).count_params()
    20024384
    """
    return _vgg("vgg19", alpha, norm, units, options)
