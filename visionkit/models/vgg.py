"""VGG: Simonyan and Zisserman, Very Deep Convolutional Networks, 2014 (arXiv 1409.1556), table 1."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import layers

from visionkit.models.assemble import Body, ModelOptions, assemble

# name -> 3x3 convolutions in each of the five blocks
TABLE = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


def _body(depths: Sequence[int]) -> Body:
    def body(x: Any) -> Any:
        for block, (depth, filters) in enumerate(zip(depths, WIDTHS, strict=True), start=1):
            for number in range(1, depth + 1):
                options = {"padding": "same", "activation": "relu", "kernel_initializer": "he_uniform"}
                x = layers.Conv2D(filters, 3, **options, name=f"block{block}_conv{number}")(x)
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        return x

    return body


def _vgg(name: str, units: tuple[int, ...], options: ModelOptions) -> keras.Model:
    head = {"pooling": "flatten", "hidden": tuple(units)}
    return assemble(name, _body(TABLE[name]), options, preprocessing="caffe", head=head, own=("units",))


def vgg16(*, units: tuple[int, ...] = (4096, 4096), **options: Unpack[ModelOptions]) -> keras.Model:
    """VGG-16, configuration D: 138,357,544 parameters, 15.5 G multiply-adds at 224x224.

    | block  | layers                        | map of a 224x224 image |
    |--------|-------------------------------|------------------------|
    | block1 | 2 of 3x3, 64; 2x2 pooling     | 112x112x64             |
    | block2 | 2 of 3x3, 128; 2x2 pooling    | 56x56x128              |
    | block3 | 3 of 3x3, 256; 2x2 pooling    | 28x28x256              |
    | block4 | 3 of 3x3, 512; 2x2 pooling    | 14x14x512              |
    | block5 | 3 of 3x3, 512; 2x2 pooling    | 7x7x512                |
    | head   | dense 4096, 4096, 1000        | 1000                   |

    Args:
        units: widths of the hidden dense layers.
        **options: see ``ModelOptions``. The paper trained with ``dropout=0.5``.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> vgg16(input_shape=(32, 32, 3), include_top=False).count_params()
    14714688
    """
    return _vgg("vgg16", units, options)


def vgg19(*, units: tuple[int, ...] = (4096, 4096), **options: Unpack[ModelOptions]) -> keras.Model:
    """VGG-19, configuration E: 143,667,240 parameters, 19.6 G multiply-adds at 224x224.

    As ``vgg16``, with four convolutions in each of the last three blocks.

    Args:
        units: widths of the hidden dense layers.
        **options: see ``ModelOptions``.

    >>> vgg19(input_shape=(32, 32, 3), include_top=False).count_params()
    20024384
    """
    return _vgg("vgg19", units, options)
