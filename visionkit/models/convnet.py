"""Two small networks to learn with: Chollet's convnet, and one for CIFAR-10."""

from typing import Any, Literal, Unpack

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import one_of
from visionkit.models.assemble import Body, ModelOptions, assemble

# variant -> widths of the convolutions, which of them are pooled, width of the dense layer, what the images are
TABLE: dict[str, tuple[tuple[int, ...], int, int, ModelOptions]] = {
    "cats_dogs": (
        (32, 64, 128, 128),
        4,
        512,
        ModelOptions(input_shape=(150, 150, 3), classes=1, classifier_activation="sigmoid"),
    ),
    "mnist": ((32, 64, 64), 2, 64, ModelOptions(input_shape=(28, 28, 1), classes=10)),
}


def _small(widths: tuple[int, ...], pooled: int, rate: float) -> Body:
    def body(x: Any) -> Any:
        for number, filters in enumerate(widths, start=1):
            x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}")(x)
            if number <= pooled:
                x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
        return layers.Dropout(rate, name="dropout")(x) if rate else x

    return body


def small_convnet(
    *, variant: Literal["cats_dogs", "mnist"] = "cats_dogs", **options: Unpack[ModelOptions]
) -> keras.Model:
    """The convnet of Chollet's book: 3,453,121 parameters for cats and dogs, 93,322 for MNIST.

    3x3 convolutions without padding, 2x2 poolings, one hidden dense layer.

    ===========  ================  =========  ======  =========  ===========
    variant      convolutions      pooled     hidden  images     classes
    ===========  ================  =========  ======  =========  ===========
    "cats_dogs"  32, 64, 128, 128  all        512     150x150x3  1, sigmoid
    "mnist"      32, 64, 64        first two  64      28x28x1    10, softmax
    ===========  ================  =========  ======  =========  ===========

    Args:
        variant: a row of the table.
        **options: see ``ModelOptions``; sizes and classes by default as in the table. The book's second round on cats
            and dogs has ``dropout=0.5``, which stands before the hidden layer.

    Raises:
        ArgumentError: an unknown option or a bad value, or images too small.

    Source: Chollet, Deep Learning with Python, 2018, sections 5.1 and 5.2.

    >>> small_convnet().count_params(), small_convnet(variant="mnist").count_params()
    (3453121, 93322)
    """
    if variant not in TABLE:
        raise one_of("small_convnet", "variant", variant, TABLE)
    widths, pooled, units, defaults = TABLE[variant]
    head = {"pooling": "flatten", "hidden": (units,)}
    rate = _checks.rate("small_convnet", "dropout", options.get("dropout", 0.0))
    return assemble(
        "small_convnet",
        _small(widths, pooled, rate),
        {**options, "dropout": 0.0},
        defaults=defaults,
        preprocessing="unit",
        head=head,
        own=("variant",),
    )


def cifar_convnet(**options: Unpack[ModelOptions]) -> keras.Model:
    """A plain network for CIFAR-10 with dropout and batch normalisation everywhere: 2,264,458 parameters.

    =====  ===========================================================  ====================
    layer  what                                                         map of a 32x32 image
    =====  ===========================================================  ====================
    conv1  3x3, 32                                                      32x32x32
    conv2  3x3, 64; 2x2 pooling                                         16x16x64
    conv3  3x3, 64; 2x2 pooling                                         8x8x64
    conv4  3x3, 128                                                     8x8x128
    head   dense 256 and 128, both with a norm of at most 3 a unit; 10  10
    =====  ===========================================================  ====================

    ReLU, dropout and batch normalisation follow each layer in this order, pooling before the dropout.

    Args:
        **options: see ``ModelOptions``; here ``input_shape=(32, 32, 3)``, ``classes=10``, ``dropout=0.2`` by default;
            ``dropout`` is that of every layer.

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> cifar_convnet().count_params()
    2264458
    """
    rate = _checks.rate("cifar_convnet", "dropout", options.get("dropout", 0.2))

    def body(x: Any) -> Any:
        for number, (filters, pooled) in enumerate(((32, False), (64, True), (64, True), (128, False)), start=1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x) if pooled else x
            x = layers.Dropout(rate, name=f"drop{number}")(x) if rate else x
            x = layers.BatchNormalization(name=f"bn{number}")(x)
        return layers.Dropout(rate, name="drop5")(x) if rate else x

    return assemble(
        "cifar_convnet",
        body,
        options,
        defaults=ModelOptions(input_shape=(32, 32, 3), classes=10, dropout=0.2),
        preprocessing="unit",
        head={
            "pooling": "flatten",
            "hidden": (256, 128),
            "hidden_norm": True,
            "hidden_constraint": keras.constraints.MaxNorm(3),
        },
    )
