"""The models by name."""

import fnmatch
from collections.abc import Callable
from typing import Any

import keras

from visionkit._errors import one_of
from visionkit.models.alexnet import alexnet
from visionkit.models.convnet import cifar_convnet, small_convnet
from visionkit.models.densenet import densenet121, densenet169, densenet201
from visionkit.models.efficientnet import (
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b2,
    efficientnet_b3,
    efficientnet_b4,
    efficientnet_b5,
    efficientnet_b6,
    efficientnet_b7,
)
from visionkit.models.glyph import glyph_resnet
from visionkit.models.lenet import lenet5
from visionkit.models.mobilenet import mobilenet
from visionkit.models.mobilenet_v2 import mobilenet_v2
from visionkit.models.mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from visionkit.models.resnet import (
    resnet18,
    resnet34,
    resnet50,
    resnet50v2,
    resnet101,
    resnet101v2,
    resnet152,
    resnet152v2,
)
from visionkit.models.resnet_cifar import (
    resnet20_cifar,
    resnet32_cifar,
    resnet44_cifar,
    resnet56_cifar,
    resnet110_cifar,
)
from visionkit.models.vgg import vgg16, vgg19
from visionkit.models.weights.official import OFFICIAL
from visionkit.models.xception import xception
from visionkit.models.zfnet import zfnet

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    builder.__name__: builder
    for builder in (
        alexnet,
        cifar_convnet,
        densenet121,
        densenet169,
        densenet201,
        efficientnet_b0,
        efficientnet_b1,
        efficientnet_b2,
        efficientnet_b3,
        efficientnet_b4,
        efficientnet_b5,
        efficientnet_b6,
        efficientnet_b7,
        glyph_resnet,
        lenet5,
        mobilenet,
        mobilenet_v2,
        mobilenet_v3_large,
        mobilenet_v3_small,
        resnet101,
        resnet101v2,
        resnet110_cifar,
        resnet152,
        resnet152v2,
        resnet18,
        resnet20_cifar,
        resnet32_cifar,
        resnet34,
        resnet44_cifar,
        resnet50,
        resnet50v2,
        resnet56_cifar,
        small_convnet,
        vgg16,
        vgg19,
        xception,
        zfnet,
    )
}


def list_models(pattern: str = "*", *, pretrained: bool | None = None) -> list[str]:
    """The names of the models, sorted.

    Args:
        pattern: with ``*`` and ``?`` as in file names.
        pretrained: True for those with ImageNet weights only, False for those without only.

    >>> list_models("resnet*v2")
    ['resnet101v2', 'resnet152v2', 'resnet50v2']
    """
    return [
        name
        for name in sorted(fnmatch.filter(BUILDERS, pattern))
        if pretrained is None or (name in OFFICIAL) == pretrained
    ]


def create(name: str, /, **kwargs: Any) -> keras.Model:
    """Make a model by its name.

    Args:
        name: one of ``list_models()``.
        **kwargs: what the model's own function takes (its ``name``, too); see ``ModelOptions`` for what all take.

    Raises:
        ArgumentError: no model of this name, or an unknown argument; the message names the nearest.

    >>> create("lenet5", classes=26).output_shape
    (None, 26)
    """
    if name not in BUILDERS:
        raise one_of("create", "name", name, sorted(BUILDERS))
    return BUILDERS[name](**kwargs)
