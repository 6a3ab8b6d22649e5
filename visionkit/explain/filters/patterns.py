"""What each filter of a layer responds to, found by gradient ascent on pictures."""

import warnings
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionkit._checks import not_negative, number, positive
from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.explain.filters.ascent import ascent
from visionkit.explain.filters.climber import Climber
from visionkit.explain.filters.regularize import gaussian, shifts
from visionkit.explain.pictures.grid import grid
from visionkit.explain.pictures.upsample import upsample
from visionkit.explain.probe.inputs import batches, padded
from visionkit.preprocess.image import Image

Floats = NDArray[np.float32]

_OCTAVE = 1.4
_IN_GRID = 64
_NOISE = 0.05  # of the range, to each side of grey
_CONTRAST = 0.15  # standard deviation of a pattern that is shown; 1 is from black to white


def filter_patterns(
    model: keras.Model,
    layer: Any,
    filters: ArrayLike | None = None,
    *,
    steps: int = 40,
    size: int | tuple[int, int] | None = None,
    rate: float = 0.02,
    jitter: int = 0,
    blur: float = 0.0,
    total_variation: float = 0.0,
    octaves: int = 1,
    value_range: tuple[float, float] = (0, 255),
    seed: int = 0,
    batch_size: int = 16,
) -> Image:
    """Show the pattern that each filter of a layer responds to most.

    Each picture begins as grey noise and climbs the gradient of the filter's mean activation, divided by its root mean
    square so that the steps are of one length. All filters of a batch climb together in one compiled loop.

    Args:
        model: any ``keras.Model``.
        layer: a layer, its name or path. Of a dense layer, the filters are its units; a softmax or sigmoid of it is
            left out. A filter whose ReLU leaves nothing of a picture climbs towards it.
        filters: which, integers; None for all.
        steps: of the ascent, at each size.
        size: of the pictures, one integer or (H, W); None for the size that the model takes, or 128 where it takes
            any. Another size than the model's works for layers before the first that needs this size, such as
            Flatten with Dense.
        rate: how far a step moves the picture, root mean square, as a share of ``value_range``.
        jitter: before each step the picture is shifted by up to so many pixels, and back after it.
        blur: standard deviation in pixels of a Gaussian blur after every fourth step; 0 for none.
        total_variation: how strongly differences of neighbouring pixels are held down; 1 is as strongly as the
            filter is excited.
        octaves: how many sizes the pattern grows through, each 1.4 times the one before; the last is ``size``.
        value_range: of the pixels that the model takes; grey is its middle. (0, 255) for models that scale them.
        seed: of the noise and the shifts; a filter's noise does not depend on which others are asked for.
        batch_size: how many filters at once.

    Returns:
        uint8 (N, H, W, 3), with as many channels as the model's pictures have; (N, H, W) where they are grey. Each
        pattern is shown with its mean as grey, at one contrast for all; nothing else is done to it.

    Raises:
        ModelError: no model; it does not take pictures of this size; or its values are not finite.
        ArgumentError: no such layer or filter, or another argument is not of the kind above.

    A filter that has no gradient anywhere keeps its noise, and a warning names it.

    Sources: Erhan et al., Visualizing Higher-Layer Features of a Deep Network, 2009; Chollet, Deep Learning with
    Python, 2018, section 5.4.2.

    >>> model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, name="conv")])
    >>> filter_patterns(model, "conv", steps=2, size=16).shape
    (4, 16, 16, 3)
    """
    where = "filter_patterns"
    steps = positive(where, "steps", steps)
    octaves = positive(where, "octaves", octaves)
    most = positive(where, "jitter", jitter, least=0)
    sigma = not_negative(where, "blur", blur)
    penalty = not_negative(where, "total_variation", total_variation)
    low, high = _range(where, value_range)
    move = number(where, "rate", rate, above=0) * (high - low)
    seed = positive(where, "seed", seed, least=0)
    batch_size = positive(where, "batch_size", batch_size)
    climber = Climber(where, model, layer, size)
    numbers = climber.chosen(filters)
    program = ascent(jitter=most > 0, blur=sigma > 0, variation=penalty > 0)
    *last, channels = climber.shape
    sizes = [[max(1, round(side / _OCTAVE**times)) for side in last] for times in reversed(range(octaves))]
    walk = [np.int32(steps), np.float32(move), shifts(most, seed)]
    length = -(-len(numbers) // -(-len(numbers) // batch_size))  # of all batches
    shown, felt = np.empty((len(numbers), *climber.shape), np.uint8), np.zeros(len(numbers))
    for batch in batches(len(numbers), length):
        some = padded(numbers[batch], length)
        pictures = _noise(some, (*sizes[0], channels), low, high, seed)
        for height, width in sizes:
            pictures = _resized(pictures, height, width)
            fixed = [*walk, gaussian(height, sigma), gaussian(width, sigma), np.float32(penalty)]
            pictures, strength = climber.climb(program, pictures, some, fixed)
            real = batch.stop - batch.start
            felt[batch] = np.maximum(felt[batch], strength[:real])
        shown[batch] = _shown(pictures[:real])
    if not felt.all():
        dead = numbers[felt == 0].tolist()
        names = ", ".join(map(str, dead[:10])) + (f" and {len(dead) - 10} more" if len(dead) > 10 else "")
        warnings.warn(
            f"{where}: no gradient for filter {names} of the layer {climber.layer!r}; the noise is left; "
            "another seed may show more",
            stacklevel=2,
        )
    return shown[..., 0] if channels == 1 else shown


def filter_grid(
    model: keras.Model,
    layer: Any,
    filters: ArrayLike | None = None,
    *,
    columns: int = 8,
    margin: int = 4,
    steps: int = 40,
    size: int | tuple[int, int] | None = None,
    rate: float = 0.02,
    jitter: int = 0,
    blur: float = 0.0,
    total_variation: float = 0.0,
    octaves: int = 1,
    value_range: tuple[float, float] = (0, 255),
    seed: int = 0,
    batch_size: int = 16,
) -> Image:
    """Show the patterns that the filters of a layer respond to most in one picture.

    Args:
        model: any ``keras.Model`` of grey or RGB pictures.
        layer: as for ``filter_patterns``.
        filters: which, integers; None for the first 64.
        columns: patterns in a row.
        margin: pixels between two patterns and around all of them.
        steps, size, rate, jitter, blur, total_variation, octaves, value_range, seed, batch_size: as for
            ``filter_patterns``, which does the work.

    Returns:
        uint8 RGB.

    Raises:
        ModelError, ArgumentError: as for ``filter_patterns``.

    >>> model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, name="conv")])
    >>> filter_grid(model, "conv", columns=2, margin=1, steps=2).shape
    (35, 35, 3)
    """
    where = "filter_grid"
    columns, margin = positive(where, "columns", columns), positive(where, "margin", margin, least=0)
    climber = Climber(where, model, layer, size)
    if climber.shape[-1] not in (1, 3):
        raise ModelError(
            f"{where}: expected a model of grey or RGB pictures, got one of {climber.shape[-1]} channels; "
            "filter_patterns returns the patterns as arrays"
        )
    patterns = filter_patterns(
        model,
        layer,
        range(min(_IN_GRID, climber.filters)) if filters is None else filters,
        steps=steps,
        size=size,
        rate=rate,
        jitter=jitter,
        blur=blur,
        total_variation=total_variation,
        octaves=octaves,
        value_range=value_range,
        seed=seed,
        batch_size=batch_size,
    )
    return grid(patterns, columns=columns, margin=margin)


def _range(where: str, value_range: Any) -> tuple[float, float]:
    if not isinstance(value_range, list | tuple) or len(value_range) != 2:
        raise ArgumentError(f"{where}: expected value_range to be two numbers, got {describe(value_range)}")
    low = number(where, "value_range", value_range[0])
    return low, number(where, "the end of value_range", value_range[1], above=low)


def _noise(filters: NDArray[np.int32], shape: tuple[int, ...], low: float, high: float, seed: int) -> Floats:
    """Grey noise for each filter, always the same for the same one."""
    grey, width = (low + high) / 2, _NOISE * (high - low)
    found = [np.random.default_rng((seed, number)).uniform(-width, width, shape) for number in filters.tolist()]
    return (grey + np.stack(found)).astype(np.float32)


def _resized(pictures: Floats, height: int, width: int) -> Floats:
    count, *size, channels = pictures.shape
    if size == [height, width]:
        return pictures
    grown = upsample(np.moveaxis(pictures, -1, 1).reshape(-1, *size), (height, width))
    return np.moveaxis(grown.reshape(count, channels, height, width), 1, -1)


def _shown(pictures: Floats) -> Image:
    """Each with its mean as grey, and all at one contrast."""
    pictures = pictures - pictures.mean(axis=(1, 2, 3), keepdims=True)
    deviation = pictures.std(axis=(1, 2, 3), keepdims=True)
    pictures *= _CONTRAST / np.where(deviation > 0, deviation, 1)
    return np.asarray(np.rint(255 * np.clip(pictures + 0.5, 0, 1)), np.uint8)
