"""The gradient of a score at the picture."""

from typing import Any

import keras

from visionkit.explain.attribution.channels import Reduce, check_options, reduced
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View


def saliency(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    output: int | str | None = None,
    reduce: Reduce = "max",
    normalize: bool = True,
    batch_size: int = 32,
) -> Floats:
    """How much a little change of each pixel changes the score of a class.

    Args:
        model: any ``keras.Model``.
        images: (N, H, W, C) as the model takes them; a list or dict of arrays where it has several inputs, of which
            the first (N, H, W, C) is the picture.
        target: None for the predicted class, a class, an array of N classes, or a function of the outputs that gives
            a score for each image. Softmax and sigmoid are removed in all cases.
        output: which output has the classes, by name or number, of a model with several.
        reduce: "max" for the largest absolute value of the channels, in [0, 1]; "sum" for their sum, in [-1, 1], above
            zero where more of the pixel raises the score; None for the gradient itself, (N, H, W, C).
        normalize: whether each map is divided by its largest absolute value; the gradient itself never is.
        batch_size: how many images go through the model at once.

    Returns:
        float32 (N, H, W). A map of zeros stays so, and a warning names it.

    Raises:
        ArgumentError, ModelError: what does not fit.

    Source: Simonyan et al., Deep Inside Convolutional Networks, 2013 (arXiv 1312.6034).

    >>> import numpy as np
    >>> flat = keras.layers.Flatten()
    >>> model = keras.Sequential([keras.Input((1, 3, 1)), flat, keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[1.0], [-4.0], [0.0]])])
    >>> saliency(model, np.ones((1, 1, 3, 1)))
    array([[[0.25, 1.  , 0.  ]]], dtype=float32)
    """
    where = "saliency"
    check_options(where, reduce, normalize)
    probe = Probe(where, model, images, target=target, output=output, batch_size=batch_size)
    gradient = probe.run(_gradient)
    probe.check_finite(gradient)
    return reduced(where, gradient, reduce, normalize)


def input_x_gradient(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    output: int | str | None = None,
    reduce: Reduce = "max",
    normalize: bool = True,
    batch_size: int = 32,
) -> Floats:
    """The gradient at each pixel times the pixel: what it adds to the score, were the model linear.

    Args:
        model, images, target, output, reduce, normalize, batch_size: see ``saliency``.

    Returns:
        float32 (N, H, W), as of ``saliency``.

    Raises:
        ArgumentError, ModelError: what does not fit.

    Source: Shrikumar et al., Not Just a Black Box, 2016 (arXiv 1605.01713).

    >>> import numpy as np
    >>> flat = keras.layers.Flatten()
    >>> model = keras.Sequential([keras.Input((1, 3, 1)), flat, keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[1.0], [-4.0], [0.0]])])
    >>> input_x_gradient(model, np.full((1, 1, 3, 1), 2.0), reduce="sum", normalize=False)
    array([[[ 2., -8.,  0.]]], dtype=float32)
    """
    where = "input_x_gradient"
    check_options(where, reduce, normalize)
    probe = Probe(where, model, images, target=target, output=output, batch_size=batch_size)
    gradient = probe.run(_gradient)
    probe.check_finite(gradient)
    return reduced(where, probe.inputs.picture * gradient, reduce, normalize)


def _gradient(view: View, inputs: list[Any], index: Any) -> Any:
    return view.gradients(inputs, index, at="image")[1][0]
