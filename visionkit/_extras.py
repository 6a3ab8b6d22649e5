"""Packages that only some functions need, and the word about how to install them."""

import importlib
from types import ModuleType

from visionkit._errors import MissingExtraError


def require(module: str, *, extra: str, what: str) -> ModuleType:
    """Import a module that comes with an extra of this package.

    Args:
        module: the module's name.
        extra: the extra that installs it.
        what: who needs it, for the message.

    Raises:
        MissingExtraError: it is not installed.

    >>> require("math", extra="plots", what="an example").sqrt(4)
    2.0
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"{what}: expected {package} to be installed; it comes with pip install 'visionkit[{extra}]'"
        ) from error
