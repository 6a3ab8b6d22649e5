"""Several models made into one: their weights averaged."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ModelError, describe
from visionkit.train._finite import wrong_weight
from visionkit.train.ensemble import Source, loaded, several

# what may differ between models of one architecture: names, how they were initialised, what is trained
_ASIDE = {"name", "trainable", "seed", "inbound_nodes", "input_layers", "output_layers", "build_config"}


def average_weights(models: Sequence[Source]) -> keras.Model:
    """One model with the mean of the weights of several of the same architecture: a "model soup".

    It costs what one of them costs. It is good where they come from one start, such as several fine-tunings of one
    base, or several moments of one training; trained apart from the beginning, their mean is no better than chance.
    The moving statistics of BatchNormalization are averaged, too, and do not fit the averaged weights exactly: where
    the accuracy matters, find them anew by training passes over some data with the rate at 0.

    Args:
        models: Keras models, or paths of ``.keras`` files, which are loaded one after the other.

    Returns:
        A new model. Numbers that are no floats, such as counters, are those of the first.

    Raises:
        ArgumentError: no models.
        FileError: a file that is no model.
        ModelError: the architectures differ; the first difference is named. Or a model that cannot be made from its
            configuration; or one with a weight that is infinite or no number.

    Source: Wortsman et al., Model soups, 2022 (arXiv 2203.05482).

    >>> start = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> end = keras.models.clone_model(start)
    >>> start.set_weights([np.array([[1.0]]), np.array([0.0])])
    >>> end.set_weights([np.array([[3.0]]), np.array([1.0])])
    >>> [weight.item() for weight in average_weights([start, end]).get_weights()]
    [2.0, 0.5]
    """
    where = "average_weights"
    sources = several(where, models)
    start = _finite(where, sources[0])
    mean, plan = _copy(where, start), _plan(start)
    sums = [weight.astype(np.float64) if _floats(weight) else weight for weight in start.get_weights()]
    del start
    for source in sources[1:]:
        model = _finite(where, source)
        _same(where, plan, _plan(model))
        pairs = zip(sums, model.get_weights(), strict=True)
        sums = [total + weight if _floats(weight) else total for total, weight in pairs]
        del model
    mean.set_weights([total / len(sources) if _floats(total) else total for total in sums])
    return mean


def _finite(where: str, source: Source) -> keras.Model:
    """A model whose weights can be averaged."""
    model = loaded(where, source)
    weight = wrong_weight(model)
    if weight is not None:
        name = model.name if isinstance(source, keras.Model) else os.fspath(source)
        raise ModelError(
            f"{where}: the weight {weight!r} of {name!r} holds values that are infinite or no number; leave it out"
        )
    return model


class _Plan(NamedTuple):
    """What models of one architecture have in common."""

    name: str
    parts: dict[str, Any]  # place in the configuration -> value
    weights: list[tuple[str, tuple[int, ...]]]


def _plan(model: keras.Model) -> _Plan:
    weights = [(weight.path, tuple(weight.shape)) for weight in model.weights]
    return _Plan(model.name, dict(_parts(model.get_config())), weights)


def _parts(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a configuration, but for what may differ."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in _ASIDE and not str(key).endswith(("_initializer", "_regularizer")):
                yield from _parts(part, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _parts(part, f"{place}[{number}]")
    else:
        yield place, value


def _same(where: str, one: _Plan, other: _Plan) -> None:
    hint = "weights are averaged between models of one architecture; Ensemble averages what they predict"
    for place in {**one.parts, **other.parts}:
        a, b = one.parts.get(place, "nothing"), other.parts.get(place, "nothing")
        if a != b:
            found = f"{a!r} in {one.name!r} and {b!r} in {other.name!r} for {place}"
            raise ModelError(f"{where}: expected models of one architecture, got {found}; {hint}")
    for (a_name, a_shape), (b_name, b_shape) in zip(one.weights, other.weights, strict=False):
        if a_shape != b_shape:
            raise ModelError(
                f"{where}: expected weights of the same shapes, got {a_shape} for {a_name} of {one.name!r} and "
                f"{b_shape} for {b_name} of {other.name!r}; {hint}"
            )
    if len(one.weights) != len(other.weights):
        raise ModelError(
            f"{where}: expected as many weights in each model, got {len(one.weights)} in {one.name!r} and "
            f"{len(other.weights)} in {other.name!r}; {hint}"
        )


def _copy(where: str, model: keras.Model) -> keras.Model:
    """A model like it, with weights of its own."""
    error: Exception | None = None
    try:
        copy = model.__class__.from_config(model.get_config())
        if not copy.built:
            copy.build(model.input_shape)
        if [tuple(weight.shape) for weight in copy.weights] == [tuple(weight.shape) for weight in model.weights]:
            return copy
    except Exception as found:  # Keras lets out whatever a class stumbles over that does not tell how it is made
        error = found
    raise ModelError(
        f"{where}: expected a model that can be made from its configuration, got {describe(model)}; build it of "
        "layers, or give it a get_config"
    ) from error


def _floats(weight: NDArray[Any]) -> bool:
    """Also of bfloat16, which numpy has as a kind of its own."""
    return weight.dtype.kind not in "biu"
