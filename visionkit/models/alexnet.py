"""AlexNet: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, figure 2."""

from typing import Any, Literal, Unpack

import keras
from keras import layers

from visionkit._errors import one_of
from visionkit.blocks import ConvBNAct, LocalResponseNorm
from visionkit.models.assemble import Body, ModelOptions, assemble

# variant -> filters and groups of the five convolutions: the paper's two columns, and the later single one
TABLE = {
    "2012": ((96, 1), (256, 2), (384, 1), (384, 2), (256, 2)),
    "2014": ((64, 1), (192, 1), (384, 1), (256, 1), (256, 1)),
}
SIZES = (11, 5, 3, 3, 3)
# stem -> padding of the poolings
_POOLING = {"imagenet": "valid", "cifar": "same"}


def _body(variant: str, stem: str, norm: str) -> Body:
    def body(x: Any) -> Any:
        for number, ((filters, groups), size) in enumerate(zip(TABLE[variant], SIZES, strict=True), start=1):
            first = number == 1 and stem == "imagenet"
            size, strides = (3, 1) if number == 1 and stem == "cifar" else (size, 4 if first else 1)  # noqa: PLW2901
            options: dict[str, Any] = {"strides": strides, "groups": groups, "name": f"conv{number}"}
            if norm == "batch":
                x = ConvBNAct(filters, size, padding=((2, 2), (2, 2)) if first else "symmetric", **options)(x)
            else:
                x = layers.ZeroPadding2D(2, name="conv1_pad")(x) if first else x
                options |= {"padding": "valid" if first else "same", "kernel_initializer": "he_uniform"}
                x = layers.Conv2D(filters, size, activation="relu", **options)(x)
            if norm == "lrn" and number <= 2:
                x = LocalResponseNorm(name=f"norm{number}")(x)
            if number in (1, 2, 5):
                x = layers.MaxPooling2D(3, strides=2, padding=_POOLING[stem], name=f"pool{number}")(x)
        return x

    return body


def alexnet(
    *,
    variant: Literal["2012", "2014"] = "2012",
    norm: Literal["lrn", "batch", "none"] | None = None,
    stem: Literal["imagenet", "cifar"] = "imagenet",
    units: tuple[int, ...] = (4096, 4096),
    **options: Unpack[ModelOptions],
) -> keras.Model:
    """AlexNet: 60,965,224 parameters.

    ========  ================================================  ======================
    layer     what                                              map of a 224x224 image
    ========  ================================================  ======================
    conv1     11x11, 96, strides 4; normalisation; 3x3 pooling  27x27x96
    conv2     5x5, 256 in 2 groups; normalisation; 3x3 pooling  13x13x256
    conv3     3x3, 384                                          13x13x384
    conv4     3x3, 384 in 2 groups                              13x13x384
    conv5     3x3, 256 in 2 groups; 3x3 pooling                 6x6x256
    fc1, fc2  dense, 4096, dropout 0.5                          4096
    ========  ================================================  ======================

    Args:
        variant: "2012" is the paper's network, whose groups were two processors; "2014" is the single column of 64,
            192, 384, 256 and 256 maps without normalisation (Krizhevsky, One weird trick, arXiv 1404.5997), which
            PyTorch users know: 61,100,840 parameters.
        norm: "lrn", the normalisation over neighbouring channels; "batch", batch normalisation after each convolution
            and before the nonlinearity; "none". None stands for the variant's own: "lrn" in 2012, "none" in 2014.
        stem: "imagenet" is the paper's, for images of about 224x224; "cifar" begins with 3x3 at full resolution and
            pads every pooling, for images from 16x16 on.
        units: widths of the hidden dense layers.
        **options: see ``ModelOptions``; here ``dropout=0.5`` by default.

    Raises:
        ArgumentError: an unknown option or a bad value, or images too small for the stem.

    >>> alexnet(input_shape=(32, 32, 3), classes=10, stem="cifar", units=(64,)).output_shape
    (None, 10)
    """
    if norm is None:
        norm = "lrn" if variant == "2012" else "none"
    chosen = {"variant": (variant, TABLE), "norm": (norm, ("lrn", "batch", "none")), "stem": (stem, _POOLING)}
    for argument, (value, known) in chosen.items():
        if value not in known:
            raise one_of("alexnet", argument, value, known)
    return assemble(
        "alexnet",
        _body(variant, stem, norm),
        options,
        defaults=ModelOptions(dropout=0.5),
        preprocessing="centred",
        head={"pooling": "flatten", "hidden": tuple(units)},
        own=("variant", "norm", "stem", "units"),
    )
