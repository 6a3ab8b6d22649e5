"""SmoothGrad: the mean gradient in the neighbourhood of a picture."""

from typing import Any

import keras
import numpy as np

from visionkit import _checks
from visionkit.explain.attribution.channels import Reduce, check_options, reduced
from visionkit.explain.attribution.variants import check_verbose, rounds, weighted_gradient
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View


def smoothgrad(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    output: int | str | None = None,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    reduce: Reduce = "max",
    normalize: bool = True,
    verbose: int = 1,
    batch_size: int = 32,
) -> Floats:
    """The mean of the gradients at noisy copies of each picture: a saliency with less noise of its own.

    Args:
        model, images, target, output, reduce, normalize, batch_size: see ``saliency``. The predicted class is that of
            the picture without noise.
        samples: how many noisy copies.
        noise: its standard deviation, as part of the range of the picture's values.
        seed: of the noise, which is the same for every picture, whatever other pictures come with it.
        verbose: 1 for a bar of progress once the work takes longer than a few seconds, 0 for none.

    Returns:
        float32 (N, H, W), as of ``saliency``.

    Raises:
        ArgumentError, ModelError: what does not fit.

    Source: Smilkov et al., SmoothGrad: removing noise by adding noise, 2017 (arXiv 1706.03825).

    >>> flat = keras.layers.Flatten()
    >>> model = keras.Sequential([keras.Input((1, 3, 1)), flat, keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[1.0], [-4.0], [0.0]])])
    >>> smoothgrad(model, np.ones((1, 1, 3, 1)), samples=4)
    array([[[0.25, 1.  , 0.  ]]], dtype=float32)
    """
    where = "smoothgrad"
    check_options(where, reduce, normalize)
    check_verbose(where, verbose)
    samples = _checks.positive(where, "samples", samples)
    noise = _checks.not_negative(where, "noise", noise)
    seed = _checks.positive(where, "seed", seed, least=0)
    probe = Probe(where, model, images, target=target, output=output, batch_size=batch_size)
    probe.settle()
    pictures = probe.inputs.picture
    spans = noise * np.ptp(pictures, axis=(1, 2, 3))
    mean = np.zeros_like(pictures)
    for numbers, counts in rounds(probe, samples, batch_size=batch_size, verbose=verbose):
        normal = np.stack([_normal(seed, number, pictures.shape[1:]) for number in numbers.tolist()])
        mean += probe.run(_noisy, spans, fixed=[normal, counts / np.float32(samples)])
    probe.check_finite(mean)
    return reduced(where, mean, reduce, normalize)


def _normal(seed: int, number: int, shape: tuple[int, ...]) -> Floats:
    return np.random.default_rng((seed, number)).standard_normal(shape, np.float32)


def _noisy(view: View, inputs: list[Any], index: Any, *given: Any) -> Any:
    spans, normal, weights = given
    pictures = inputs[view.image][:, None] + spans[:, None, None, None, None] * normal[None]
    return weighted_gradient(view, inputs, index, pictures, weights)
