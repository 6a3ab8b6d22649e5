"""Signatures as one writes them: types in short where Python spells out what they stand for, arguments of layers."""

import inspect
import re
from typing import Any

import keras
from sphinx.util.inspect import stringify_signature

SHORT = {
    r"~?numpy\.ndarray\[tuple\[.*?\], ~?numpy\.dtype\[(?:~?numpy\.)?([^\]]+)\]\]": r"NDArray[\1]",
    r"~numpy\._typing\._array_like\._.*?_NestedSequence\[[^\[\]]*complex[^\[\]]*\]": "ArrayLike",
    r"~keras\.src\.models\.model\.Model\b": "keras.Model",
    r"~keras\.src\.layers\.layer\.Layer\b": "keras.Layer",
    r"\{'class_name': '(\w+)', .*?'registered_name': None\}": r"\1(...)",
}


def shortened(spelled: str | None) -> str | None:
    """A signature, or the type that it returns, in short."""
    for long, short in SHORT.items():
        spelled = spelled and re.sub(long, short, spelled)
    return spelled


def process(*called: Any) -> tuple[str | None, str | None]:
    """What autodoc calls for every signature."""
    _, what, _, thing, _, signature, returns = called
    if what == "class" and issubclass(thing, keras.Layer):  # autodoc takes that of Keras' `__new__`
        options = {"show_return_annotation": False, "unqualified_typehints": True, "short_literals": True}
        signature = stringify_signature(inspect.signature(thing), **options)
    return shortened(signature), shortened(returns)


def variables(*called: Any) -> None:
    """What autodoc calls for every docstring, in which the types of attributes are put, too."""
    lines = called[-1]
    lines[:] = [shortened(line) for line in lines]


def skip(*called: Any) -> bool | None:
    """Leave out the fields of a tuple, of which its class tells; else None, for autodoc to decide."""
    return True if type(called[3]).__name__ == "_tuplegetter" else None


def setup(app: Any) -> dict[str, bool]:
    """For Sphinx."""
    app.connect("autodoc-process-signature", process)
    app.connect("autodoc-process-docstring", variables, priority=900)  # when napoleon has made fields of it
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
