"""Load a weights file in which arrays belong to layers by name, as those of Keras Applications do, into blocks."""

import re
from collections.abc import Iterable

import keras
import numpy as np

from visionkit._errors import ModelError
from visionkit.blocks import ClassifierHead
from visionkit.models.preprocessing import DEVIATION
from visionkit.models.tools.trace import traced
from visionkit.models.weights.fitting import channels_of, fit
from visionkit.models.weights.hdf5 import Stored

# Names that Keras made itself: they count up from model to model, so only their order says something.
_AUTOMATIC = re.compile(r"(conv2d|separable_conv2d|depthwise_conv2d|batch_normalization|normalization|dense)(_\d+)?")
# What stands for the layers of our heads in official files, which have convolutions there.
_HEADS = {"conv_preds": "predictions", "logits": "predictions", "conv_2": "fc1"}


def load(model: keras.Model, layers: dict[str, list[Stored]]) -> str:
    """Load arrays by layer into the leaf layers of a model; the note that ``fit`` makes.

    Names are compared without their case, and older spellings are known (``Conv/BatchNorm`` for ``conv_bn``).

    Raises:
        ModelError: they do not fit.
    """
    with traced(model) as graph:
        weighted = [one for one in graph.operations if isinstance(one, keras.Layer) and one.weights]
    leaves = {one.name: one for one in weighted}
    if len(leaves) < len(weighted):
        raise ModelError(f"load_weights: expected layers of {model.name} to have names of their own")
    names = _matched(list(leaves), list(layers))
    heads = {leaf.name for one in model._flatten_layers() if isinstance(one, ClassifierHead) for leaf in _inside(one)}
    heads |= set(_HEADS.values()) | {"fc2"}
    found = {f"{names.get(name, name)}/{number}": one for name, own in layers.items() for number, one in enumerate(own)}
    if "normalization" not in leaves:  # a model that is given scaled pixels
        found = {key: array for key, array in found.items() if not key.startswith("normalization")}
    values = {name: leaf.get_weights() for name, leaf in leaves.items()}
    own = {f"{name}/{number}": one for name, several in values.items() for number, one in enumerate(several)}
    fitted = fit(
        model.name, own, found, channels=channels_of(model), is_head=lambda key: key.partition("/")[0] in heads
    )
    # The official EfficientNet files hold standard deviations as variances, and Keras divides once more.
    variance = fitted.arrays.get("normalization/1")
    if variance is not None and variance.shape == (3,) and np.allclose(variance, DEVIATION, atol=1e-4):
        fitted.arrays["normalization/1"] = variance * np.array(DEVIATION, variance.dtype)
    for name, leaf in leaves.items():
        leaf.set_weights([fitted.arrays[f"{name}/{number}"] for number in range(len(leaf.weights))])
        if isinstance(leaf, keras.layers.Normalization):
            leaf.finalize_state()
    return fitted.note


def _inside(head: ClassifierHead) -> Iterable[keras.Layer]:
    return (layer for layer in head._flatten_layers(include_self=False) if layer.weights)


def _matched(own: list[str], found: list[str]) -> dict[str, str]:
    """The model's name for each of the file's: the same, or the next of those left where the names say nothing."""
    plain = {_plain(name): name for name in own}
    if len(plain) < len(own):  # names that differ in their case only
        plain = {name: name for name in own}
    names = {name: plain[_plain(name)] for name in found if _plain(name) in plain}
    aliases = {name: _HEADS[_plain(name)] for name in found if name not in names and _plain(name) in _HEADS}
    names |= {name: other for name, other in aliases.items() if other not in names.values()}
    taken = set(names.values())
    rest = [name for name in own if name not in taken]
    automatic = [name for name in found if name not in names and _AUTOMATIC.fullmatch(name)]
    if not names:  # a file of which no name is known at all
        automatic = found
    if len(rest) == len(automatic):
        names |= dict(zip(automatic, rest, strict=True))
    return names


def _plain(name: str) -> str:
    return name.lower().replace("/", "_").replace("batchnorm", "bn")
