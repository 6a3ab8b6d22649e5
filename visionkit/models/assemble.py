"""Assemble a model: input, scaling, the family's body, head, weights. One place, for all families."""

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, TypedDict

import keras
from keras import layers

from visionkit._errors import ArgumentError, ModelError, VisionkitError, describe, one_of
from visionkit.blocks import ClassifierHead, _checks
from visionkit.models.preprocessing import scaling
from visionkit.models.weights import load_weights


class ModelOptions(TypedDict, total=False):
    """The arguments that every model takes.

    input_shape: (H, W, C) of the images; a size may be None where the head allows it.
    classes: number of classes.
    weights: None for random ones, or the path of a ``.weights.h5`` or ``.keras`` file.
    include_top: whether the model ends in its classifier; without, in feature maps.
    pooling: "avg" or "max" over the feature maps: without top what the model ends in, with top instead of the
        family's own.
    dropout: probability in [0, 1) before the class scores (and behind each hidden layer of the head).
    classifier_activation: name or function; None for scores.
    include_preprocessing: whether the first layer scales pixel values 0-255 as the family's paper does.
    name: of the model; the family's name unless given.
    """

    input_shape: tuple[int | None, int | None, int]
    classes: int
    weights: str | os.PathLike[str] | None
    include_top: bool
    pooling: Literal["avg", "max"] | None
    dropout: float
    classifier_activation: str | Callable[..., Any] | None
    include_preprocessing: bool
    name: str


_DEFAULTS = ModelOptions(
    input_shape=(224, 224, 3),
    classes=1000,
    weights=None,
    include_top=True,
    pooling=None,
    dropout=0.0,
    classifier_activation="softmax",
    include_preprocessing=True,
)

Body = Callable[[Any], Any]


def assemble(
    family: str,
    body: Body,
    options: Mapping[str, Any],
    *,
    defaults: ModelOptions,
    preprocessing: str,
    head_pooling: Literal["avg", "max", "flatten"] = "avg",
    hidden: tuple[int, ...] = (),
    hidden_activation: Any = "relu",
    own: Collection[str] = (),
) -> keras.Model:
    """Make a model of a family from its body, which maps the scaled images to feature maps.

    Args:
        family: the family's name, which is also the name of the model unless ``options`` has one.
        body: function from a Keras tensor (N, H, W, C) to another.
        options: what the caller gave: ``ModelOptions``.
        defaults: the options in which the family differs from ImageNet's (224, 224, 3) and 1000 classes.
        preprocessing: the name of the family's scaling.
        head_pooling, hidden, hidden_activation: of the family's head; see ``blocks.ClassifierHead``.
        own: names of the arguments that only this family has, for the message about an unknown one.

    Raises:
        ArgumentError: an unknown option (the message names the nearest), or a bad value.
        ModelError: weights that do not fit, or "imagenet" where no such weights exist.
    """
    _checks.known(family, options, (*ModelOptions.__annotations__, *own))
    settings: dict[str, Any] = {**_DEFAULTS, "name": family, **defaults, **options}
    height, width, channels = _input_shape(family, settings["input_shape"])
    if settings["pooling"] not in (None, "avg", "max"):
        raise one_of(family, "pooling", settings["pooling"], ["avg", "max"])
    for flag in ("include_top", "include_preprocessing"):
        if not isinstance(settings[flag], bool):
            raise ArgumentError(f"{family}: expected {flag} to be True or False, got {describe(settings[flag])}")
    if settings["weights"] == "imagenet":
        raise ModelError(f"{family}: there are no ImageNet weights for it; give weights=None or a path")

    images = keras.Input((height, width, channels), name="images")
    x = scaling(preprocessing, channels)(images) if settings["include_preprocessing"] else images
    too_small = ArgumentError(
        f"{family}: expected larger images, got input_shape={(height, width, channels)}; "
        "give larger ones, or the option for small images where the family has one"
    )
    try:
        x = body(x)
    except ValueError as error:
        if isinstance(error, VisionkitError) or not height or not width:
            raise
        raise too_small from error  # Keras tells of a negative size in some inner layer; the cause is out here
    if 0 in x.shape:  # Keras up to 3.12 builds such a model without a word
        raise too_small
    if settings["include_top"]:
        head = ClassifierHead(
            settings["classes"],
            pooling=settings["pooling"] or head_pooling,
            hidden=hidden,
            hidden_activation=hidden_activation,
            dropout=settings["dropout"],
            activation=settings["classifier_activation"],
            name="head",
        )
        x = head(x)
    elif settings["pooling"]:
        pool = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}[settings["pooling"]]
        x = pool(data_format="channels_last", name=f"{settings['pooling']}_pool")(x)
    model = keras.Model(images, x, name=settings["name"])
    if settings["weights"] is not None:
        load_weights(model, settings["weights"])
    return model


def _input_shape(family: str, value: Any) -> tuple[int | None, int | None, int]:
    if not isinstance(value, list | tuple) or len(value) != 3 or value[2] is None:
        came = tuple(value) if isinstance(value, list | tuple) else describe(value)
        raise ArgumentError(f"{family}: expected input_shape to be (height, width, channels), got {came}")
    height, width = (
        None if side is None else _checks.positive(family, "input_shape", side) for side in (value[0], value[1])
    )
    return height, width, _checks.positive(family, "input_shape", value[2])
