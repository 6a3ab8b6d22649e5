"""What a call of one layer costs: the multiply-adds of its convolutions and dense layers."""

import math
from typing import Any, NamedTuple

import keras
from keras import layers

from visionkit._errors import ModelError
from visionkit.models.tools.trace import is_stock

Shape = tuple[int | None, ...]

_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)

# They scale each value by itself, or look it up. RMSNormalization came after the oldest Keras that is supported here.
_FREE = tuple(
    getattr(layers, name)
    for name in ("BatchNormalization", "Embedding", "LayerNormalization", "Normalization", "PReLU", "RMSNormalization")
    if hasattr(layers, name)
)

# Keras' operations and layers that multiply tensors without a weight of their own.
_PRODUCTS = (
    *("Dot", "Einsum", "Inner", "Matmul", "Outer", "Tensordot", "Vdot"),
    *("AdditiveAttention", "Attention", "DotProductAttention"),
    *("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv"),
)


class Part(NamedTuple):
    """One kind of multiplication in a layer: its name in the table, what a call costs, and the weights it uses."""

    type: str
    mult_adds: int
    kernels: list[Any]


class Cost(NamedTuple):
    """What a layer is called in the table, the multiplications in it, and whether they are all that there is."""

    type: str
    parts: list[Part]
    known: bool = True


def cost_of(layer: Any, inputs: Any, outputs: Any) -> Cost:
    """The cost of one call of a leaf layer or an operation.

    Args:
        layer: the layer or the operation.
        inputs: the first argument of the call, a symbolic tensor for all layers that are counted.
        outputs: what it gave.

    Raises:
        ModelError: a size that the cost depends on is unknown.
    """
    name = type(layer).__name__
    own = getattr(layer, "mult_adds", None)
    if callable(own):
        kernels = [weight for weight in layer.weights if len(weight.shape) > 1]
        return Cost(name, [Part(name, int(own(tuple(inputs.shape), tuple(outputs.shape))), kernels)])
    if isinstance(layer, layers.Dense):
        places = _product(layer, outputs.shape[1:-1])
        return Cost("dense", [Part("dense", places * inputs.shape[-1] * layer.units, _kernels(layer))])
    if isinstance(layer, _CONVOLUTIONS + _TRANSPOSED + _DEPTHWISE + _SEPARABLE):
        return _convolution(layer, inputs.shape, outputs.shape)
    if isinstance(layer, keras.Layer):
        free = isinstance(layer, _FREE) or all(len(weight.shape) < 2 for weight in layer.weights)
        return Cost(name, [], known=free and not (is_stock(layer) and name in _PRODUCTS))
    return Cost(name, [], known=name not in _PRODUCTS)


def _convolution(layer: Any, inputs: Shape, outputs: Shape) -> Cost:
    size = "x".join(map(str, layer.kernel_size))
    taps = math.prod(layer.kernel_size)
    came, gone = _places(layer, inputs), _places(layer, outputs)
    channels = inputs[-1 if layer.data_format == "channels_last" else 1] or 0
    if isinstance(layer, _TRANSPOSED):  # each input value is spread over the kernel
        total = _product(layer, came) * taps * channels * layer.filters
        return _single(f"transposed {size}", total, layer)
    places = _product(layer, gone)
    if isinstance(layer, _DEPTHWISE):
        return _single(f"depthwise {size}", places * taps * channels * layer.depth_multiplier, layer)
    if isinstance(layer, _SEPARABLE):
        spread = channels * layer.depth_multiplier
        one = "x".join("1" for _ in layer.kernel_size)
        across = Part(f"depthwise {size}", places * taps * spread, _kernels(layer, "depthwise"))
        along = Part(f"convolution {one}", places * spread * layer.filters, _kernels(layer, "pointwise"))
        return Cost(f"separable {size}", [across, along])
    total = places * taps * (channels // layer.groups) * layer.filters
    if taps == 1 and set(came) == {1} and layer.groups == 1:
        return _single("dense", total, layer)
    if layer.groups > 1:
        kind = "depthwise" if layer.groups == channels else "grouped"
        return _single(f"{kind} {size}", total, layer)
    return _single(f"convolution {size}", total, layer)


def _single(kind: str, mult_adds: int, layer: Any) -> Cost:
    return Cost(kind, [Part(kind, mult_adds, _kernels(layer))])


def _kernels(layer: Any, which: str = "") -> list[Any]:
    return [weight for weight in layer.weights if weight.name.startswith(which) and weight.name.endswith("kernel")]


def _places(layer: Any, shape: Shape) -> Shape:
    """The sizes of a map without its channels."""
    return tuple(shape[1:-1] if layer.data_format == "channels_last" else shape[2:])


def _product(layer: Any, sizes: Shape) -> int:
    if None in sizes:
        raise ModelError(
            f"profile: expected a model whose sizes are known, got {' x '.join(str(size or '?') for size in sizes)} at "
            f"{layer.name!r}; give input_shape=(height, width, channels)"
        )
    return math.prod(size for size in sizes if size is not None)
