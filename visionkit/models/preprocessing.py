"""The scaling of pixel values 0-255 that each family's paper or weights expect, as the model's first layer."""

import keras
from keras import layers

from visionkit._errors import one_of

# Mean of the red, green and blue values over the ImageNet training set.
_IMAGENET_MEAN = (123.68, 116.779, 103.939)


def _unit(channels: int) -> keras.Layer:
    """To [0, 1]."""
    return layers.Rescaling(1 / 255, name="rescaling")


def _centred(channels: int) -> keras.Layer:
    """The mean subtracted, in units of 255: of ImageNet for RGB, of grey for other numbers of channels."""
    mean = _IMAGENET_MEAN if channels == 3 else (127.5,) * channels
    return layers.Rescaling(1 / 255, offset=[-value / 255 for value in mean], name="rescaling")


def _lecun(channels: int) -> keras.Layer:
    """Paper at -0.1 and ink at 1.175, so that mean and variance are about 0 and 1; ink is 255 here, as in MNIST."""
    return layers.Rescaling(1.275 / 255, offset=-0.1, name="rescaling")


_SCALINGS = {"centred": _centred, "lecun": _lecun, "unit": _unit}


def scaling(name: str, channels: int) -> keras.Layer:
    """The layer that scales pixel values 0-255 in the way of this name."""
    if name not in _SCALINGS:
        raise one_of("scaling", "name", name, _SCALINGS)
    return _SCALINGS[name](channels)
