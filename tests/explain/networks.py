"""One tiny network in every form that a Keras model can take, always with the same weights.

Each is three times convolution, batch normalisation, ReLU, then global average pooling and a dense layer with softmax.

>>> model, layer = FORMS["nested"]()
>>> images = pictures(2)
>>> found, expected = (one.predict(images, verbose=0) for one in (model, flat()[0]))
>>> np.allclose(found, expected, atol=1e-6), layer
(True, 'conv3')
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import layers

from visionkit.blocks import ClassifierHead, ConvBNAct

SIZE, CLASSES = 32, 5
STACK = ((1, 8, 1), (2, 12, 2), (3, 16, 2))  # number, filters, strides: the last map is (8, 8, 16)

Made = tuple[Any, str]  # a model, and the name of its last convolution


def pictures(count: int, *, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Smooth colourful pictures (count, size, size, 3), float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    coarse = np.repeat(np.repeat(rng.uniform(size=(count, 8, 8, 3)), -(-size // 8), 1), -(-size // 8), 2)
    fine = rng.uniform(-0.1, 0.1, (count, size, size, 3))
    return np.clip(coarse[:, :size, :size] + fine, 0, 1).astype("float32")


def calibrated(model: keras.Model, images: Any) -> keras.Model:
    """Give each batch normalisation the statistics of these images; a network without weights is degenerate before."""
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return model


def given(form: str, images: np.ndarray) -> Any:
    """What the model of this form takes, so that its (first) output is that of ``flat``."""
    if form == "several_inputs":
        return [images, np.zeros((len(images), CLASSES), "float32")]
    return [images, images] if form == "shared" else images


def flat(activation: str | None = "softmax") -> Made:
    """Functional, all layers at the top; the activation is the dense layer's."""
    image = _image()
    return _loaded(keras.Model(image, _scores(_pooled(_stack(image)), activation))), "conv3"


def nested() -> Made:
    """The convolutions are a model of their own."""
    image = _image()
    return _loaded(keras.Model(image, _scores(_pooled(_backbone()(image))))), "conv3"


def nested_twice() -> Made:
    """The convolutions are a model, in a model that pools."""
    middle, image = _image(), _image()
    encoder = keras.Model(middle, _pooled(_backbone()(middle)), name="encoder")
    return _loaded(keras.Model(image, _scores(encoder(image)))), "conv3"


def sequential() -> Made:
    """Sequential, all layers at the top."""
    stack = [layer for number, filters, strides in STACK for layer in _unit(number, filters, strides)]
    return _loaded(keras.Sequential([_image(), *stack, *_top()])), "conv3"


def sequential_in_functional() -> Made:
    """A Sequential of convolutions in a functional model."""
    stack = [layer for number, filters, strides in STACK for layer in _unit(number, filters, strides)]
    image = _image()
    features = keras.Sequential([_image(), *stack], name="backbone")(image)
    return _loaded(keras.Model(image, _scores(_pooled(features)))), "conv3"


def functional_in_sequential() -> Made:
    """A functional model of convolutions in a Sequential."""
    return _loaded(keras.Sequential([_image(), _backbone(), *_top()])), "conv3"


@keras.saving.register_keras_serializable("visionkit_tests")
class Subclassed(keras.Model):
    """A model whose graph only its ``call`` knows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stack = [layer for number, filters, strides in STACK for layer in _unit(number, filters, strides)]
        self.pool, self.scores = _top()

    def call(self, x: Any, training: bool | None = None) -> Any:
        for layer in self.stack:
            x = layer(x, training=training) if isinstance(layer, layers.BatchNormalization) else layer(x)
        return self.scores(self.pool(x))


def subclassed() -> Made:
    """A subclass of keras.Model, built by a call."""
    model = Subclassed()
    model(np.zeros((1, SIZE, SIZE, 3), "float32"))
    return _loaded(model), "conv3"


def subclassed_in_functional() -> Made:
    """A subclass of keras.Model in a functional model."""
    image = _image()
    return _loaded(keras.Model(image, Subclassed(name="inner")(image))), "conv3"


def blocks() -> Made:
    """Of visionkit's blocks; the softmax is inside ClassifierHead."""
    x = image = _image()
    for number, filters, strides in STACK:
        x = ConvBNAct(filters, strides=strides, name=f"conv{number}")(x)
    return _loaded(keras.Model(image, ClassifierHead(CLASSES, name="head")(x))), "conv3_conv"


def activation_layer() -> Made:
    """The softmax is an Activation layer."""
    return _ending(layers.Activation("softmax", name="probabilities"))


def softmax_layer() -> Made:
    """The softmax is a Softmax layer."""
    return _ending(layers.Softmax(name="probabilities"))


def softmax_operation() -> Made:
    """The softmax is a call of keras.ops in the functional graph."""
    return _ending(keras.ops.softmax)


def several_inputs() -> Made:
    """A picture, and (N, 5) numbers that are added to the scores before a softmax layer."""
    image, offset = _image(), keras.Input((CLASSES,), name="offset")
    scores = layers.Add(name="shifted")([_scores(_pooled(_stack(image)), None), offset])
    return _loaded(keras.Model([image, offset], layers.Softmax(name="probabilities")(scores))), "conv3"


def several_outputs() -> Made:
    """The probabilities, and (N, 2) numbers "place" that a dense layer takes from the same features."""
    image = _image()
    features = _pooled(_stack(image))
    place = layers.Dense(2, name="place", kernel_initializer=keras.initializers.RandomNormal(seed=7))(features)
    return _loaded(keras.Model(image, [_scores(features), place])), "conv3"


def shared() -> Made:
    """Two pictures through the same convolutions, their features averaged."""
    left, right = _image("left"), _image("right")
    backbone = _backbone()
    features = layers.Average(name="mean")([_pooled(backbone(left)), _pooled(backbone(right))])
    return _loaded(keras.Model([left, right], _scores(features))), "conv3"


# one picture in, the class probabilities out
PLAIN: dict[str, Callable[[], Made]] = {
    make.__name__: make
    for make in (
        flat,
        nested,
        nested_twice,
        sequential,
        sequential_in_functional,
        functional_in_sequential,
        subclassed,
        subclassed_in_functional,
        blocks,
        activation_layer,
        softmax_layer,
        softmax_operation,
    )
}
FORMS = PLAIN | {make.__name__: make for make in (several_inputs, several_outputs, shared)}


def _image(name: str | None = None) -> Any:
    return keras.Input((SIZE, SIZE, 3), name=name)


def _unit(number: int, filters: int, strides: int) -> list[keras.Layer]:
    return [
        layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, name=f"conv{number}"),
        layers.BatchNormalization(name=f"bn{number}"),
        layers.ReLU(name=f"relu{number}"),
    ]


def _top(activation: str | None = "softmax") -> list[keras.Layer]:
    return [layers.GlobalAveragePooling2D(name="pool"), layers.Dense(CLASSES, activation=activation, name="scores")]


def _stack(x: Any) -> Any:
    for number, filters, strides in STACK:
        for layer in _unit(number, filters, strides):
            x = layer(x)
    return x


def _backbone() -> keras.Model:
    image = _image()
    return keras.Model(image, _stack(image), name="backbone")


def _pooled(x: Any) -> Any:
    return layers.GlobalAveragePooling2D()(x)


def _scores(x: Any, activation: str | None = "softmax") -> Any:
    return layers.Dense(CLASSES, activation=activation, name="scores")(x)


def _ending(softmax: Callable[[Any], Any]) -> Made:
    image = _image()
    return _loaded(keras.Model(image, softmax(_scores(_pooled(_stack(image)), None)))), "conv3"


@cache
def _weights() -> dict[str, list[np.ndarray]]:
    """By layer, the weights of all forms: drawn by NumPy, and so the same on every backend."""
    image, rng = _image(), np.random.default_rng(0)
    model = keras.Model(image, _scores(_pooled(_stack(image)), None))
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense):
            kernel, *bias = layer.get_weights()
            kernel = rng.normal(0, np.sqrt(2 / np.prod(kernel.shape[:-1])), kernel.shape)
            layer.set_weights([kernel, *(rng.normal(0, 0.1, value.shape) for value in bias)])
        elif isinstance(layer, layers.BatchNormalization):
            layer.set_weights([value + rng.normal(0, 0.1, value.shape) for value in layer.get_weights()])
    calibrated(model, pictures(32, seed=1))
    return {layer.name: layer.get_weights() for layer in model.layers}


def _loaded(model: keras.Model) -> keras.Model:
    for layer in model._flatten_layers():
        name = {"predictions": "scores"}.get(layer.name, layer.name)
        number, _, part = name.partition("_")  # a block names its parts conv1_conv, conv1_bn
        name = name if part not in ("conv", "bn") else number.replace("conv", part)
        if isinstance(layer, layers.Conv2D | layers.BatchNormalization | layers.Dense) and name in _weights():
            layer.set_weights(_weights()[name])
    return model
