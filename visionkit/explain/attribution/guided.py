"""Guided backpropagation, and what it adds to Grad-CAM."""

from typing import Any

import keras
import numpy as np

from visionkit.explain.attribution.channels import Reduce, check_options, reduced
from visionkit.explain.cam.gradcam import gradcam
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.view import View


def guided_backprop(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    output: int | str | None = None,
    reduce: Reduce = "max",
    normalize: bool = True,
    batch_size: int = 32,
) -> Floats:
    """The gradient of a score at the picture, of which each ReLU lets only what is positive through.

    The maps are sharp, but show the picture's edges more than what the score depends on: they stay nearly the same when
    the last layers get random weights (Adebayo et al., 2018).

    Args:
        model, images, target, output, reduce, normalize, batch_size: see ``saliency``. ReLUs are found as layers, as
            ``activation="relu"``, inside blocks, and where a layer calls ``keras.ops.relu``; ReLU6, too. What a layer
            takes from TensorFlow, JAX or PyTorch instead is left as it is.

    Returns:
        float32 (N, H, W), as of ``saliency``.

    Raises:
        ModelError: the model has no ReLU; or it does not fit.
        ArgumentError: what does not fit.

    Source: Springenberg et al., Striving for Simplicity: The All Convolutional Net, 2014 (arXiv 1412.6806).

    >>> hidden, score = keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)
    >>> model = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Flatten(), hidden, score])
    >>> model.set_weights([np.eye(2), np.zeros(2), np.array([[2.0], [-1.0]]), np.zeros(1)])  # the gradient is (2, -1)
    >>> guided_backprop(model, np.ones((1, 1, 2, 1)), reduce="sum", normalize=False)
    array([[[2., 0.]]], dtype=float32)
    """
    where = "guided_backprop"
    check_options(where, reduce, normalize)
    return reduced(
        where, _guided(where, model, images, target=target, output=output, batch_size=batch_size), reduce, normalize
    )


def guided_gradcam(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    layer: Any = None,
    output: int | str | None = None,
    reduce: Reduce = "max",
    normalize: bool = True,
    batch_size: int = 32,
) -> Floats:
    """Grad-CAM, which knows the class, times guided backpropagation, which knows the details.

    Args:
        model, images, target, output, reduce, normalize, batch_size: see ``guided_backprop``.
        layer: see ``gradcam``.

    Returns:
        float32 (N, H, W), as of ``saliency``.

    Raises:
        ModelError: the model has no ReLU or no layer with spatial output; or it does not fit.
        ArgumentError: what does not fit.

    Source: Selvaraju et al., Grad-CAM, 2017 (arXiv 1610.02391), section 3.3.

    >>> conv, pool = keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalMaxPooling2D()
    >>> model = keras.Sequential([keras.Input((16, 16, 3)), conv, pool, keras.layers.Dense(2)])
    >>> guided_gradcam(model, np.random.default_rng(0).random((2, 16, 16, 3))).shape
    (2, 16, 16)
    """
    where = "guided_gradcam"
    check_options(where, reduce, normalize)
    details = _guided(where, model, images, target=target, output=output, batch_size=batch_size)
    maps = gradcam(model, images, target=target, layer=layer, output=output, normalize=False, batch_size=batch_size)
    return reduced(where, details * np.maximum(maps, 0)[..., None], reduce, normalize)


def _guided(where: str, model: keras.Model, images: Any, **options: Any) -> Floats:
    probe = Probe(where, model, images, **options)
    gradient: Floats = probe.run(_guided_gradient)
    probe.check_finite(gradient)
    return gradient


def _guided_gradient(view: View, inputs: list[Any], index: Any) -> Any:
    return view.gradients(inputs, index, at="image", guided=True)[1][0]
