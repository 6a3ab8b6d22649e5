"""The config of a saved model: every object that it names has to be a part of models that Keras defines, or registered.

Keras' safe mode is not enough: Keras 3.8 imports whatever module a config names and calls what it finds there
(CVE-2025-1550), later ones call any function of Keras, those that download files included (CVE-2025-8747), a config can
switch the safe mode off (CVE-2025-9906), files of older Keras run a Lambda in spite of it (CVE-2025-9905), and a
vocabulary is read from any place (CVE-2025-12058). So nothing is looked up here but in what is imported already.
"""

import json
import re
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from visionkit._saved.refused import Refused

LARGEST, DEEPEST = 1 << 24, 200  # bytes; lists and objects in each other, of which a model in a model takes four

# where Keras defines what models are made of; what it defines elsewhere opens files, runs code or changes settings
_CLASSES = tuple(
    f"keras.src.{part}."
    for part in (
        "applications", "constraints", "dtype_policies", "initializers", "layers", "legacy", "losses", "metrics",
        "models", "ops", "optimizers", "quantizers", "random", "regularizers",
    )
)  # fmt: skip
_FUNCTIONS = tuple(f"keras.src.{part}." for part in ("activations", "losses", "metrics", "ops", "random"))
# where Keras looks for a name that comes without a module
_CLASS_NAMES = tuple(
    f"keras.{part}"
    for part in (
        "layers", "models", "src.models", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers",
        "regularizers", "constraints", "dtype_policies", "quantizers", "random",
    )
)  # fmt: skip
_FUNCTION_NAMES = tuple(
    f"keras.{part}"
    for part in ("activations", "constraints", "initializers", "losses", "metrics", "optimizers", "regularizers")
)
_VALUES = {"__keras_tensor__", "__bytes__", "__ellipsis__", "__slice__", "__tuple__", "TensorShape"}
_ARRAYS = {"__tensor__", "__numpy__"}
_NUMBERS = re.compile(r"(u?int|float|bfloat|complex)\d+|float8_\w+|bool")
_REASONS = {
    "Lambda": "whose code would run",
    "__lambda__": "whose code would run",
    "TFSMLayer": "which runs a TensorFlow program from any place",
    "TorchModuleWrapper": "which unpickles a PyTorch module",
    "JaxLayer": "whose code would run",
    "FlaxLayer": "whose code would run",
}


def look_through(text: bytes | str) -> None:
    """Make sure that a config names nothing but parts of models.

    Raises:
        Refused: it names something else, or is no config.
    """
    if len(text) > LARGEST:
        raise Refused(f"expected a config of at most {LARGEST} bytes, got {len(text)}")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"expected its config as JSON, got something else: {error}") from error
    if not isinstance(tree, dict) or "class_name" not in tree:
        raise Refused("expected the config of a model, got none")
    tree.pop("compile_config", None)  # the model is not compiled
    for entry in _objects(tree):
        _check(entry)


def _objects(tree: Any) -> Iterator[dict[str, Any]]:
    """Every part of a config that names a class."""
    left = [(tree, 1)]
    while left:
        item, depth = left.pop()
        if depth > DEEPEST:
            raise Refused(f"expected a config at most {DEEPEST} deep, got a deeper one")
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            left += [(one, depth + 1) for one in item.values() if isinstance(one, dict | list)]
        elif isinstance(item, list):
            left += [(one, depth + 1) for one in item if isinstance(one, dict | list)]


def _check(entry: dict[str, Any]) -> None:
    name, inner, module = entry["class_name"], entry.get("config"), entry.get("module")
    registered = entry.get("registered_name", name)
    for one in (name, module or "", registered or ""):
        if not isinstance(one, str):
            raise Refused(f"expected names of classes in its config, got {type(one).__name__}")
    if name in _VALUES:
        return
    if name in _ARRAYS:
        kind = inner.get("dtype") if isinstance(inner, dict) else None
        if not isinstance(kind, str) or not _NUMBERS.fullmatch(kind):
            raise Refused(f"expected numbers in the arrays of its config, got {ascii(kind)[:80]}")
    elif name == "function":
        _check_function(inner, module, registered)
    else:
        _check_class(entry, name, module, registered)


def _check_class(entry: dict[str, Any], name: str, module: str | None, registered: str | None) -> None:
    own = _registered(registered) or _registered(name)
    places = _CLASS_NAMES if module in (None, "builtins") else (module,)
    found = [one for place in places if (one := _named(place, name)) is not None]
    # a name alone is looked for, too, where a part of a model has to be: none of the answers may be refused
    for one in (*found, *(_named(place, name) for place in _CLASS_NAMES)):
        if one is not None and not (isinstance(one, type) and _is_part(one, _CLASSES)):
            raise _refused(name, module, entry)
    if isinstance(own, type) and issubclass(own, _with_code()):
        raise _refused(own.__mro__[1].__name__, own.__module__, entry)
    if own is None and not found and "config" in entry:  # without one, it is a dictionary of the user's
        raise _refused(name, module, entry)
    inner = entry.get("config")
    if isinstance(inner, dict) and isinstance(inner.get("vocabulary"), str):
        import keras

        kinds = (keras.layers.StringLookup, keras.layers.IntegerLookup, keras.layers.TextVectorization)
        if own is None or issubclass(own, kinds):
            raise Refused(f"expected a vocabulary in the file itself, got {name} with one at another place")


def _check_function(name: Any, module: str | None, registered: str | None) -> None:
    if not isinstance(name, str):
        raise Refused(f"expected the name of a function in its config, got {type(name).__name__}")
    if registered not in (None, name, "function") and _registered(registered) is None:
        raise _refused(registered, module, {})
    places = _FUNCTION_NAMES if module in (None, "builtins") else (module,)
    found = [one for place in places if (one := _named(place, name)) is not None]
    if not all(_is_part(one, _FUNCTIONS if isinstance(one, FunctionType) else _CLASSES) for one in found):
        raise _refused(name, module, {})
    if not found and _registered(name) is None:
        raise _refused(name, module, {})


def _registered(name: str | None) -> Any:
    """What the user, or this package, has made known to Keras by a name."""
    import keras

    return None if name is None else keras.saving.get_registered_object(name)


def _named(module: str | None, name: str) -> Any:
    """What a module of Keras holds by a name; nothing is imported."""
    first, *parts = (module or "").split(".")
    place = sys.modules.get(first) if first == "keras" else None
    for part in parts:
        place = vars(place).get(part) if isinstance(place, ModuleType) else None
    return vars(place).get(name) if isinstance(place, ModuleType) else None


def _is_part(found: Any, packages: tuple[str, ...]) -> bool:
    """Whether Keras defines it in one of these packages, and it brings no code."""
    if found.__name__ in ("get", "serialize", "deserialize") or not found.__module__.startswith(packages):
        return False
    return not (isinstance(found, type) and issubclass(found, _with_code()))


def _with_code() -> tuple[type, ...]:
    """The layers of Keras that run what a file says."""
    import keras

    return tuple(getattr(keras.layers, name) for name in _REASONS if hasattr(keras.layers, name))


def _refused(name: str | None, module: str | None, entry: dict[str, Any]) -> Refused:
    shown = ascii(f"{module}.{name}" if module and name not in _REASONS else name)[1:-1][:120]
    inner = entry.get("config")
    called = f" called {ascii(inner['name'])[:80]}" if isinstance(inner, dict) and inner.get("name") else ""
    if name in _REASONS:
        return Refused(
            f"expected layers without code of their own, got a {shown}{called}, {_REASONS[name]}; a class that is "
            "registered with @keras.saving.register_keras_serializable() takes its place"
        )
    if (module or "").split(".")[0] in ("keras", "builtins"):
        return Refused(f"expected parts of models in its config, got {shown}{called}, which is none that Keras defines")
    return Refused(
        f"expected parts of models that Keras defines or that are registered, got {shown}{called}; if it is yours, "
        "import it, with @keras.saving.register_keras_serializable() above it, before the model is loaded"
    )
