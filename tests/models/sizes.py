"""The arguments that make each model small enough for a test."""

import pytest

from visionkit.models import create, list_models

_SMALL = {
    "alexnet": {"input_shape": (32, 32, 1), "stem": "cifar", "units": (16,)},
    "cifar_convnet": {"input_shape": (16, 16, 3)},
    "glyph_resnet": {"input_shape": (32, 32, 1)},
    "lenet5": {"input_shape": (32, 32, 1)},
    "small_convnet": {"input_shape": (48, 48, 3), "classifier_activation": "softmax"},
    "vgg16": {"units": (16,)},
    "vgg19": {"units": (16,)},
    "xception": {"input_shape": (80, 80, 3)},
    "zfnet": {"input_shape": (32, 32, 1), "stem": "cifar", "units": (16,)},
}
_DEFAULT = {"input_shape": (32, 32, 3), "classes": 5}

# One of each family, for what does not depend on the depth.
FAMILIES = [
    "alexnet",
    "cifar_convnet",
    "densenet121",
    "efficientnet_b0",
    "glyph_resnet",
    "lenet5",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "resnet18",
    "resnet50",
    "resnet50v2",
    "resnet20_cifar",
    "small_convnet",
    "vgg16",
    "xception",
    "zfnet",
]
# Those that take longest to build and to run.
DEEP = {
    *(f"resnet{depth}{version}" for depth in (101, 152) for version in ("", "v2")),
    *("resnet56_cifar", "resnet110_cifar", "densenet169", "densenet201"),
    *(f"efficientnet_b{number}" for number in range(1, 8)),
}
assert set(FAMILIES) | DEEP <= set(list_models())


def models_marked(names=None):
    """Names of models as parameters, the deepest ones marked."""
    deep = pytest.mark.deep
    return [pytest.param(name, marks=[deep] if name in DEEP else []) for name in names or list_models()]


def small(name, /, **options):
    """A model of this name, small; other options win."""
    return create(name, **{**_DEFAULT, **_SMALL.get(name, {}), **options})
