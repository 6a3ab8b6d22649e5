"""What makes a run the run that it is, as JSON: a run that goes on must be the same."""

import hashlib
from typing import Any

import keras

from visionkit import __version__
from visionkit.train.loop.source import Source


def settings_of(
    model: keras.Model,
    train: Source,
    validation: Source | None,
    *,
    optimizer: keras.optimizers.Optimizer,
    loss: Any,
    metrics: Any,
    epochs: int,
    schedule: Any,
    **others: Any,
) -> dict[str, Any]:
    """The settings of a run.

    A model is known by its variables, their order and shapes; its values are not part of it. Data is known by its
    fingerprint.
    """
    other = {"name"} if schedule is None else {"name", "learning_rate"}
    return {
        "made_with": {"visionkit": __version__, "keras": keras.__version__, "backend": keras.backend.backend()},
        "epochs": epochs,
        "model": {
            "parameters": model.count_params(),
            "variables": _hash([(list(variable.shape), str(variable.dtype)) for variable in model.variables]),
            "trainable": len(model.trainable_variables),
        },
        "train": train.fingerprint(),
        "validation": validation.fingerprint() if validation else None,
        "optimizer": _plain({name: value for name, value in optimizer.get_config().items() if name not in other}),
        "schedule": _plain(schedule),
        "loss": _plain(loss),
        "metrics": _plain(metrics),
        **{name: _plain(value) for name, value in others.items()},
    }


def _plain(value: Any) -> Any:
    """What JSON takes, of any setting."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "get_config"):
        return {"class": type(value).__name__, **_plain(value.get_config())}
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return str(value)


def _hash(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
