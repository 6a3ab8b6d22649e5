"""The scaling of pixel values 0-255 that each family's paper or weights expect, as the model's first layers."""

from typing import Any

from keras import layers, ops

from visionkit._errors import one_of

# Mean and standard deviation of red, green and blue over the ImageNet training set; Caffe's mean is an older one.
_MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def _spread(values: tuple[float, ...], channels: int) -> list[float]:
    """A value for each channel: those of RGB, their mean for a single one, repeated for more."""
    if channels == 1:
        return [sum(values) / len(values)]
    return [values[number % 3] for number in range(channels)]


def _unit(x: Any, channels: int) -> Any:
    """To [0, 1]."""
    return layers.Rescaling(1 / 255, name="rescaling")(x)


def _symmetric(x: Any, channels: int) -> Any:
    """To [-1, 1]."""
    return layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(x)


def _centred(x: Any, channels: int) -> Any:
    """The mean subtracted, in units of 255: of ImageNet for RGB, of grey for other numbers of channels."""
    mean = _CAFFE_MEAN if channels == 3 else (127.5,) * channels
    return layers.Rescaling(1 / 255, offset=[-value / 255 for value in mean], name="rescaling")(x)


def _caffe(x: Any, channels: int) -> Any:
    """The mean subtracted, in units of 1, blue before red."""
    x = layers.Rescaling(1.0, offset=[-value for value in _spread(_CAFFE_MEAN, channels)], name="rescaling")(x)
    return ops.flip(x, axis=-1) if channels == 3 else x


def _torch(x: Any, channels: int) -> Any:
    """Mean 0 and variance 1 for each channel."""
    mean, deviation = _spread(_MEAN, channels), _spread(DEVIATION, channels)
    scale = [1 / (255 * one) for one in deviation]
    offset = [-centre / one for centre, one in zip(mean, deviation, strict=True)]
    return layers.Rescaling(scale, offset=offset, name="rescaling")(x)


def _efficientnet(x: Any, channels: int) -> Any:
    """The same as weights of a layer, as official files have them."""
    x = layers.Rescaling(1 / 255, name="rescaling")(x)
    normalization = layers.Normalization(name="normalization")
    x = normalization(x)
    normalization.adapt_mean.assign(_spread(_MEAN, channels))
    normalization.adapt_variance.assign([one**2 for one in _spread(DEVIATION, channels)])
    normalization.finalize_state()
    return x


def _lecun(x: Any, channels: int) -> Any:
    """Paper at -0.1 and ink at 1.175, so that mean and variance are about 0 and 1; ink is 255 here, as in MNIST."""
    return layers.Rescaling(1.275 / 255, offset=-0.1, name="rescaling")(x)


_SCALINGS = {
    "caffe": _caffe,
    "centred": _centred,
    "efficientnet": _efficientnet,
    "lecun": _lecun,
    "symmetric": _symmetric,
    "torch": _torch,
    "unit": _unit,
}


def scaling(name: str, images: Any) -> Any:
    """The symbolic images, scaled from 0-255 in the way of this name."""
    if name not in _SCALINGS:
        raise one_of("scaling", "name", name, _SCALINGS)
    return _SCALINGS[name](images, images.shape[-1])
