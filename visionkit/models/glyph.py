"""The residual network that reads glyphs: a small ResNet for 32x32 characters.

After He et al., Deep Residual Learning for Image Recognition, 2015 (arXiv 1512.03385).
"""

from collections.abc import Sequence
from typing import Any, Unpack

import keras

from visionkit._errors import ArgumentError
from visionkit.blocks import ConvBNAct, ResidualBlock, Stage
from visionkit.models.assemble import ModelOptions, assemble

# Each stage halves the map, but the first: the stem already did.
_FIRST_STRIDE, _STRIDE = 1, 2


def glyph_resnet(
    *,
    widths: Sequence[int] = (32, 64, 128),
    depths: Sequence[int] = (1, 2, 1),
    **options: Unpack[ModelOptions],
) -> keras.Model:
    """Glyph-ResNet: 387,524 parameters with the defaults, (32, 32, 1) and 36 classes.

    =====  ================================  ====================
    part   layers                            map of a 32x32 glyph
    =====  ================================  ====================
    stem   5x5 convolution, 32, strides 2    16x16x32
    conv2  1 residual block, 32              16x16x32
    conv3  2 residual blocks, 64, strides 2  8x8x64
    conv4  1 residual block, 128, strides 2  4x4x128
    head   average, dropout, dense, softmax  36
    =====  ================================  ====================

    Batch normalisation stands after each convolution and before the nonlinearity; no convolution has a bias.

    Args:
        widths: channels of each stage; the stem has those of the first one.
        depths: residual blocks of each stage.
        **options: see ``ModelOptions``; here ``input_shape=(32, 32, 1)``, ``classes=36`` by default. Pixel values
            0-255, scaled to [0, 1].

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> glyph_resnet(classes=10).output_shape
    (None, 10)
    """
    several = isinstance(widths, list | tuple) and isinstance(depths, list | tuple)
    if not several or len(widths) != len(depths) or not widths:
        raise ArgumentError(f"glyph_resnet: expected as many widths as depths, got {widths!r} and {depths!r}")

    def body(x: Any) -> Any:
        x = ConvBNAct(widths[0], 5, strides=2, name="stem")(x)
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=2):
            strides = _FIRST_STRIDE if number == 2 else _STRIDE
            x = Stage(ResidualBlock, depth, filters=width, strides=strides, name=f"conv{number}")(x)
        return x

    return assemble(
        "glyph_resnet",
        body,
        options,
        defaults=ModelOptions(input_shape=(32, 32, 1), classes=36),
        preprocessing="unit",
        own=("widths", "depths"),
    )
