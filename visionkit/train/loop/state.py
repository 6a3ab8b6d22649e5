"""The variables of a model in training, out to numpy and back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ModelError
from visionkit.train.loop.snapshot import Arrays
from visionkit.train.strategies.base import Strategy


def get(variable: Any, where: Strategy) -> NDArray[Any]:
    """The value of a variable; bfloat16, which numpy's files cannot hold, as the same value in float32."""
    value = where.get(variable)
    if value.dtype.kind not in "biuf":
        return value.astype(np.float32)
    return value if value.flags.owndata else value.copy()  # PyTorch gives a view of what training goes on to change


def read(variables: Sequence[Any], where: Strategy) -> Arrays:
    """The values of some variables."""
    return [get(variable, where) for variable in variables]


def read_random() -> Arrays:
    """The random state of the backend itself: PyTorch's, from which Keras drops out where a layer has no seed."""
    if keras.backend.backend() != "torch":
        return []
    import torch

    return [state.numpy().copy() for state in (torch.get_rng_state(), *torch.cuda.get_rng_state_all())]


def write_random(states: Arrays) -> None:
    """Put back what ``read_random`` gave."""
    if keras.backend.backend() == "torch" and states:
        import torch

        own, *gpus = map(torch.from_numpy, states)
        torch.set_rng_state(own)
        torch.cuda.set_rng_state_all(gpus[: torch.cuda.device_count()])


def write(variables: Sequence[Any], values: Arrays, where: Strategy, *, what: str) -> None:
    """Give variables their values.

    Raises:
        ModelError: there are more or fewer of them, or one has another shape; nothing is assigned then.
    """
    found = [tuple(value.shape) for value in values]
    expected = [tuple(variable.shape) for variable in variables]
    if found != expected:
        raise ModelError(f"fit: {what}; {_first_difference(variables, expected, found)}")
    for variable, value in zip(variables, values, strict=True):
        where.set(variable, value)


def _first_difference(variables: Sequence[Any], expected: list[tuple[int, ...]], found: list[tuple[int, ...]]) -> str:
    for variable, here, there in zip(variables, expected, found, strict=False):
        if here != there:
            return f"expected {variable.path} to have the shape {here}, got {there}"
    return f"expected {len(expected)} variables, got {len(found)}"


@contextmanager
def averaged(model: keras.Model, where: Strategy) -> Iterator[None]:
    """Let a model have the averaged weights for a while, where its optimizer averages them."""
    if not getattr(model.optimizer, "inner_optimizer", model.optimizer).use_ema:  # float16 scales the loss
        yield
        return
    weights = model.trainable_variables
    own = read(weights, where)
    model.optimizer.finalize_variable_values(weights)  # what Keras does at the end of its fit
    try:
        yield
    finally:
        write(weights, own, where, what="the model has changed")
