"""Types of signatures as one writes them, where Python spells out what they stand for."""

import re
from typing import Any

WRITTEN = {
    r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[([^\]]+)\]\]": r"NDArray[\1]",
    r"~numpy\._typing\._array_like\._.*?_NestedSequence\[[^\[\]]*complex[^\[\]]*\]": "ArrayLike",
    r"~keras\.src\.models\.model\.Model\b": "keras.Model",
    r"~keras\.src\.layers\.layer\.Layer\b": "keras.Layer",
}


def written(spelled: str | None) -> str | None:
    """A signature, or the type that it returns, in short."""
    for long, short in WRITTEN.items():
        spelled = spelled and re.sub(long, short, spelled)
    return spelled


def process(*called: Any) -> tuple[str | None, str | None]:
    """What autodoc calls for every signature, whose last two arguments are the signature and the type it returns."""
    return written(called[-2]), written(called[-1])


def setup(app: Any) -> dict[str, bool]:
    """For Sphinx."""
    app.connect("autodoc-process-signature", process)
    return {"parallel_read_safe": True}
