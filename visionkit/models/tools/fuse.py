"""Fold batch normalisation into the convolution before it, for faster inference."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from visionkit.models.tools.flat import flattened
from visionkit.models.tools.part import Chain, Part, before_activation, ends_in_activation
from visionkit.models.tools.trace import nodes, traced

# The weight that is the last to touch the output, and the axis of it that runs over the channels of the output.
_KERNELS = {
    **dict.fromkeys((layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D), ("kernel", -1)),
    **dict.fromkeys((layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), ("kernel", -2)),
    **dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), ("pointwise_kernel", -1)),
    **dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), ("kernel", None)),  # over the last two together
}


def fuse(model: keras.Model) -> keras.Model:
    """The same function for inference with fewer layers: batch normalisation folded into the layer before it.

    In inference batch normalisation is a scale and a shift of every channel, which a convolution or a dense layer can
    have in its own weights: gamma / sqrt(variance + epsilon) times the kernel, and a bias. The layer keeps its name.

    Folded are the batch normalisations behind a convolution (of any kind and rank) or a dense layer, inside blocks
    and nested models, too. Left alone are those where the result would not be the same: ahead of the convolution or
    behind an activation; behind a layer, or being one, that is called twice, or whose output is used elsewhere; over
    another axis than the channels; in another type; called with ``training=True``; quantised layers and those with
    LoRA.

    The result is for inference: trained further, it trains without normalisation.

    Args:
        model: any built model: functional, Sequential, subclassed, with blocks or models inside.

    Returns:
        A new flat functional model, not compiled, of the same inputs, outputs and name. Layers that are not Keras'
        own stay as they are, if they are no blocks; see ``inline`` for a model without them.

    Raises:
        ModelError: the model is not built, or a layer of it cannot be made again from its config.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference, 2018 (arXiv 1712.05877), section 3.2.

    >>> from visionkit.blocks import ConvBNAct
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), ConvBNAct(4, name="stem"), keras.layers.Flatten(name="flat")])
    >>> [layer.name for layer in fuse(model).layers][1:]
    ['stem_conv', 'stem_relu', 'flat']
    """
    with traced(model) as graph:
        chains: dict[int, Chain] = {}
        for layer, norm in _pairs(graph):
            chains |= {id(layer): [_folded(layer, norm)], id(norm): []}

        def chain_for(operation: Any) -> Chain:
            return chains[id(operation)] if id(operation) in chains else _as_it_is(operation)

        return flattened(graph, model, chain_for, where="fuse")


def _as_it_is(operation: Any) -> Chain:
    activation = getattr(operation, "activation", None)
    if isinstance(activation, keras.Layer) and ends_in_activation(operation):  # Keras 3.8 makes none from its config
        return [*before_activation(operation), *_as_it_is(activation)]
    return [Part.of(operation)]


def _pairs(graph: keras.Function) -> Iterator[tuple[Any, Any]]:
    """The layers with a batch normalisation behind them that can be folded into them, and it."""
    calls = nodes(graph)
    times = Counter(id(node.operation) for node in calls)
    uses = Counter(id(tensor) for node in calls for tensor in node.input_tensors)
    uses.update(id(tensor) for tensor in graph.outputs)
    makers = {id(tensor): node.operation for node in calls for tensor in node.outputs}
    for node in calls:
        norm, arguments = node.operation, node.arguments
        if type(norm) is not layers.BatchNormalization or len(node.input_tensors) != 1 or not arguments.args:
            continue
        x = node.input_tensors[0]
        layer = makers.get(id(x))
        alone = layer is not None and times[id(layer)] == times[id(norm)] == uses[id(x)] == 1
        if alone and not arguments.kwargs.get("training") and _fits(layer, norm, x.shape):
            yield layer, norm


def _fits(layer: Any, norm: Any, shape: tuple[int | None, ...]) -> bool:
    """Whether a batch normalisation of a layer's output, of this shape, can be part of the layer."""
    if type(layer) not in _KERNELS or layer.activation not in (None, keras.activations.linear):
        return False
    if layer.quantization_mode is not None or getattr(layer, "lora_enabled", False):
        return False
    if getattr(layer, "data_format", None) == "channels_first":
        # Keras on TensorFlow adds a bias to the last axis if that is as long as the bias, whatever the data format.
        channels, safe = 1, shape[-1] not in (None, shape[1])
    else:
        channels, safe = len(shape) - 1, True
    return safe and norm.axis % len(shape) == channels and norm.compute_dtype == layer.compute_dtype


def _folded(layer: Any, norm: Any) -> Part:
    """A layer that does what a layer and the batch normalisation behind it do."""

    def value(weight: Any, default: float = 0.0) -> Any:
        return default if weight is None else ops.convert_to_numpy(weight).astype(np.float64)

    scale = value(norm.gamma, 1.0) / np.sqrt(value(norm.moving_variance) + norm.epsilon)
    bias = (value(layer.bias if layer.use_bias else None) - value(norm.moving_mean)) * scale + value(norm.beta)
    name, axis = _KERNELS[type(layer)]
    kernel = value(getattr(layer, name))
    if axis is None:
        kernel = kernel * scale.reshape(kernel.shape[-2:])
    else:
        kernel = kernel * (scale[:, None] if axis == -2 else scale)
    first = [value(layer.depthwise_kernel)] if name == "pointwise_kernel" else []
    return Part.of(layer, use_bias=True, values=[*first, kernel, bias])
