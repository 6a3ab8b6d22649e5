"""Assemble a model: input, scaling, the family's body, head, weights. One place, for all families."""

import os
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypedDict

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError, VisionkitError, describe, one_of
from visionkit.blocks import ClassifierHead
from visionkit.models.preprocessing import scaling
from visionkit.models.weights import load_weights
from visionkit.models.weights.official import imagenet_file


class ModelOptions(TypedDict, total=False):
    """The arguments that every model takes.

    Attributes:
        input_shape: (H, W, C) of the images; a size may be None where the head allows it.
        classes: number of classes.
        weights: None for random ones; "imagenet" for the official ones of Keras Applications, downloaded once; or the
            path of a file, see ``load_weights``.
        include_top: whether the model ends in its classifier; without, in feature maps, and what is said here of
            classes, dropout and classifier_activation has no place.
        pooling: "avg" or "max" over the feature maps: without top what the model ends in, with top instead of the
            family's own.
        dropout: probability in [0, 1) before the class scores (and behind each hidden layer of the head).
        classifier_activation: name or function; None for scores.
        include_preprocessing: whether the first layer scales pixel values 0-255 as the family's paper does.
        name: of the model; the family's name unless given.

    >>> options: vk.models.ModelOptions = {"input_shape": (64, 64, 1), "classes": 5, "pooling": "max"}
    >>> [vk.models.create(name, **options).output_shape for name in ("mobilenet", "resnet18")]
    [(None, 5), (None, 5)]
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
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def assemble(
    family: str,
    body: Body,
    options: Mapping[str, Any],
    *,
    defaults: ModelOptions = ModelOptions(),  # noqa: B008 -- never changed
    preprocessing: str,
    head: Mapping[str, Any] = _NOTHING,
    own: Collection[str] = (),
    official: Mapping[str, Any] = _NOTHING,
) -> keras.Model:
    """Make a model of a family from its body, which maps the scaled images to feature maps.

    Args:
        family: the family's name, which is also the name of the model unless ``options`` has one.
        body: function from a Keras tensor (N, H, W, C) to another.
        options: what the caller gave: ``ModelOptions``.
        defaults: the options in which the family differs from ImageNet's (224, 224, 3) and 1000 classes.
        preprocessing: the name of the family's scaling.
        head: what the family's head has beside classes, dropout and activation; see ``blocks.ClassifierHead``.
        own: names of the arguments that only this family has, for the message about an unknown one.
        official: what the name of the file of ImageNet weights depends on, such as ``alpha``.

    Raises:
        ArgumentError: an unknown option (the message names the nearest), or a bad value.
        ModelError: weights that do not fit, or "imagenet" where no such weights exist.
        FileError: weights that cannot be read or downloaded.
    """
    _checks.known(family, options, (*ModelOptions.__annotations__, *own))
    settings: dict[str, Any] = {**_DEFAULTS, "name": family, **defaults, **options}
    height, width, channels = _input_shape(family, settings["input_shape"])
    if settings["pooling"] not in (None, "avg", "max"):
        raise one_of(family, "pooling", settings["pooling"], ["avg", "max"])
    for flag in ("include_top", "include_preprocessing"):
        _checks.flag(family, flag, settings[flag])
    weights = settings["weights"]
    if weights == "imagenet":
        with_head = settings["include_top"] and settings["classes"] == _DEFAULTS["classes"]
        weights = imagenet_file(family, include_top=with_head, size=(height, width), **official)

    images = keras.Input((height, width, channels), name="images")
    x = scaling(preprocessing, images) if settings["include_preprocessing"] else images
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
        pooling = {"pooling": settings["pooling"]} if settings["pooling"] else {}
        activation = settings["classifier_activation"]
        end = {**head, **pooling, "dropout": settings["dropout"], "activation": activation, "name": "head"}
        x = ClassifierHead(settings["classes"], **end)(x)
    elif settings["pooling"]:
        pool = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}[settings["pooling"]]
        x = pool(data_format="channels_last", name=f"{settings['pooling']}_pool")(x)
    model = keras.Model(images, x, name=settings["name"])
    if weights is not None:
        load_weights(model, weights)
    return model


def split(options: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that only one family has, completed by its defaults, and the rest.

    >>> split({"alpha": 0.5, "classes": 3}, {"alpha": 1.0, "stem": "imagenet"})
    ({'alpha': 0.5, 'stem': 'imagenet'}, {'classes': 3})
    """
    return {**own, **{key: options[key] for key in own if key in options}}, {
        key: value for key, value in options.items() if key not in own
    }


def _input_shape(family: str, value: Any) -> tuple[int | None, int | None, int]:
    if not isinstance(value, list | tuple) or len(value) != 3 or value[2] is None:
        came = tuple(value) if isinstance(value, list | tuple) else describe(value)
        raise ArgumentError(f"{family}: expected input_shape to be (height, width, channels), got {came}")
    height, width = (
        None if side is None else _checks.positive(family, "input_shape", side) for side in (value[0], value[1])
    )
    return height, width, _checks.positive(family, "input_shape", value[2])
