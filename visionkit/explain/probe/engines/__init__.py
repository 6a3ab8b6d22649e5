"""What differs between the backends of Keras: compiling, and taking gradients inside a model.

Each engine is a module with ``PADS``, ``compiled``, ``shown`` and ``gradients``.
"""

import importlib
from typing import Any

import keras


def engine() -> Any:
    """The engine of the backend that Keras runs on."""
    return importlib.import_module(f"{__name__}.on_{keras.backend.backend()}")
