"""Signatures as one writes them: types in short where Python spells out what they stand for, arguments of layers."""

import inspect
import re
from typing import Any

import keras
from sphinx.util.inspect import stringify_signature

SHORT = {
    r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[([^\]]+)\]\]": r"NDArray[\1]",
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


def setup(app: Any) -> dict[str, bool]:
    """For Sphinx."""
    app.connect("autodoc-process-signature", process)
    return {"parallel_read_safe": True}
