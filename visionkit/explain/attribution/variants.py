"""Many variants of each picture, as many at once as the batch holds."""

import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe
from visionkit.explain.probe.inputs import batches, padded
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View

# The same picture in another batch has a score that differs by about so much, as part of it.
ROUNDING = 1e-6
_SHORT = 5.0  # seconds of work that nobody needs to see the progress of


def rounds(probe: Probe, count: int, *, batch_size: int, verbose: int) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Which variants go through the model together: one of many images, many of few.

    Args:
        probe: the images.
        count: how many variants there are of each.
        batch_size: how many pictures go through the model at once.
        verbose: 1 for a bar of progress once the work takes longer than a few seconds, 0 for none.

    Returns:
        For each round the numbers of its variants, and 1 for each that counts. All rounds are equally long, so that
        nothing is compiled anew: the last variant fills the last one up, and counts 0 there.

    >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()])
    >>> probe = Probe("example", model, np.ones((2, 2, 2, 1)))
    >>> [numbers.tolist() for numbers, _ in rounds(probe, 5, batch_size=6, verbose=0)]
    [[0, 1, 2], [3, 4, 4]]
    """
    at_once = 1 if probe.inputs.fixed_batch is not None else min(count, max(1, batch_size // probe.inputs.count))
    needed = -(-count // at_once)
    at_once = -(-count // needed)
    tick = _progress(needed) if verbose else lambda: None
    for chosen in batches(count, at_once):
        numbers = np.arange(count)[chosen]
        yield padded(numbers, at_once), (np.arange(at_once) < len(numbers)).astype(np.float32)
        tick()


def check_verbose(where: str, verbose: Any) -> None:
    """Make sure that it is 0 or 1.

    Raises:
        ArgumentError: it is not.
    """
    if verbose not in (0, 1):
        raise ArgumentError(f"{where}: expected verbose to be 0 or 1, got {describe(verbose)}")


def spread(view: View, inputs: list[Any], index: Any, pictures: Any) -> tuple[list[Any], Any]:
    """Inputs and classes for variants of the pictures; part of a program.

    Args:
        view: the model.
        inputs: of the model, n of each.
        index: int32 (n,), their classes.
        pictures: K variants of each picture, (n, K, H, W, C).

    Returns:
        n * K of each: the variants of a picture one after another.
    """
    number = pictures.shape[1]
    many = [ops.repeat(one, number, axis=0) for one in inputs]
    many[view.image] = ops.reshape(pictures, (-1, *pictures.shape[2:]))
    return many, ops.repeat(index, number, axis=0)


def gathered(values: Any, number: int) -> Any:
    """Values of ``number`` variants of each picture, (n * K, ...), as (n, K, ...)."""
    return ops.reshape(values, (-1, number, *values.shape[1:]))


def weighted_gradient(view: View, inputs: list[Any], index: Any, pictures: Any, weights: Any) -> Any:
    """The weighted sum of the gradients at K variants of each picture, (n, H, W, C).

    Args:
        view, inputs, index, pictures: see ``spread``.
        weights: (K,).
    """
    many, classes = spread(view, inputs, index, pictures)
    gradient = view.gradients(many, classes, at="image")[1][0]
    return ops.sum(gathered(gradient, pictures.shape[1]) * weights[:, None, None, None], axis=1)


def _progress(steps: int) -> Any:
    """What is called after each step; long work shows a bar of what is then left of it."""
    start = time.monotonic()
    done, before, bar = 0, 0, None

    def tick() -> None:
        nonlocal done, before, bar
        done += 1
        if bar is None and time.monotonic() - start > _SHORT and done < steps:
            bar, before = keras.utils.Progbar(steps - done), done
        elif bar is not None:
            bar.update(done - before)

    return tick
