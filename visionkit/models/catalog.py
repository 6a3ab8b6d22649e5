"""The models by name."""

import fnmatch
from collections.abc import Callable
from typing import Any

import keras

from visionkit._errors import one_of
from visionkit.models.glyph import glyph_resnet
from visionkit.models.lenet import lenet5
from visionkit.models.zfnet import zfnet

_BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "glyph_resnet": glyph_resnet,
    "lenet5": lenet5,
    "zfnet": zfnet,
}

# Those with weights="imagenet".
_PRETRAINED: frozenset[str] = frozenset()


def list_models(pattern: str = "*", *, pretrained: bool | None = None) -> list[str]:
    """The names of the models, sorted.

    Args:
        pattern: with ``*`` and ``?`` as in file names.
        pretrained: True for those with ImageNet weights only, False for those without only.

    >>> list_models("*resnet")
    ['glyph_resnet']
    """
    return [
        name
        for name in sorted(fnmatch.filter(_BUILDERS, pattern))
        if pretrained is None or (name in _PRETRAINED) == pretrained
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
    if name not in _BUILDERS:
        raise one_of("create", "name", name, sorted(_BUILDERS))
    return _BUILDERS[name](**kwargs)
