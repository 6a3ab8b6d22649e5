"""Whether samples fit the input of a model, before a framework says so in forty lines."""

from typing import Any

from visionkit._errors import ModelError


def check_input(where: str, model: Any, x: Any) -> None:
    """Make sure that a batch has the size that a model takes, where the model has one input and says its size.

    Raises:
        ModelError: it has another.
    """
    shape = getattr(model, "input_shape", None) if getattr(model, "built", False) else None
    if not isinstance(shape, tuple) or not all(size is None or isinstance(size, int) for size in shape):
        return
    if not hasattr(x, "shape"):
        return
    if len(shape) != x.ndim or any(want not in (None, got) for want, got in zip(shape[1:], x.shape[1:], strict=True)):
        raise ModelError(
            f"{where}: expected samples {shape[1:]} for the model {model.name!r}, got {tuple(x.shape[1:])}; "
            "make the data with the size of the model's input"
        )
