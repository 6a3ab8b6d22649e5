"""Convolutional vision on Keras 3: blocks, models, training, explanation, preprocessing, and a reader of handwriting.

Importing this package loads neither Keras nor OpenCV; each of its parts loads on first use.

>>> import visionkit as vk
>>> vk.preprocess.canny  # doctest: +ELLIPSIS
<function canny at ...>
"""

import importlib
from typing import TYPE_CHECKING

from visionkit._errors import (
    ArgumentError,
    BlurryImageError,
    FileError,
    ImageError,
    MissingExtraError,
    ModelError,
    NonFiniteError,
    NothingFoundError,
    VisionkitError,
)

if TYPE_CHECKING:
    from types import ModuleType

    from visionkit import blocks as blocks
    from visionkit import explain as explain
    from visionkit import models as models
    from visionkit import preprocess as preprocess
    from visionkit import reader as reader
    from visionkit import train as train

__version__ = "0.1.0"

__all__ = [
    "ArgumentError",
    "BlurryImageError",
    "FileError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "NonFiniteError",
    "NothingFoundError",
    "VisionkitError",
    "__version__",
    "blocks",
    "explain",
    "models",
    "preprocess",
    "reader",
    "train",
]

_PARTS = ("blocks", "explain", "models", "preprocess", "reader", "train")


def __getattr__(name: str) -> "ModuleType":
    if name in _PARTS:
        return importlib.import_module(f"visionkit.{name}")
    raise AttributeError(f"module 'visionkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
