"""Layers of Keras that work on whole batches, such as MixUp and RandAugment, with draws that can be made again."""

import threading
import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe
from visionkit.train.augment.layer import Augment, resolve

Batch = tuple[NDArray[Any], ...]
Augmentation: TypeAlias = Augment | str | keras.Layer | Sequence[Augment | str | keras.Layer]

_MIX_LABELS = tuple(getattr(keras.layers, name) for name in ("MixUp", "CutMix") if hasattr(keras.layers, name))


class Layers:
    """Layers in a row, on a batch of images and, where they mix images, on its labels.

    Args:
        layers: of Keras.
        classes: how many there are; None where the labels are no integers.
    """

    def __init__(self, layers: Sequence[keras.Layer], classes: int | None) -> None:
        self._layers = tuple(layers)
        self._classes = classes
        self._lock = threading.Lock()  # the layers draw from a state of their own

    def __call__(self, batch: Batch, *, seed: int, epoch: int, index: int) -> Batch:
        """The batch after all layers; integer labels become shares of classes (N, K) where images are mixed."""
        x, *rest = batch
        with self._lock, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)  # MixUp does so with JAX
            for place, layer in enumerate(self._layers):
                self._draw_from(layer, (seed, epoch, index, place))
                if isinstance(layer, _MIX_LABELS) and rest:
                    mixed = layer({"images": x, "labels": self._shares(rest[0])}, training=True)
                    x, rest[0] = _numpy(mixed["images"]), _numpy(mixed["labels"])
                else:
                    x = _numpy(layer(x, training=True))
        return x, *rest

    def config(self) -> list[dict[str, Any]]:
        """What tells these layers from others, as JSON takes it."""
        return [config_of(layer) for layer in self._layers]

    def _draw_from(self, layer: keras.Layer, key: tuple[int, ...]) -> None:
        if not layer.built:
            layer.build(None)
        states = [variable for variable in layer.variables if "seed" in variable.path and variable.shape == (2,)]
        drawn = np.random.SeedSequence(key).generate_state(2 * len(states)) >> 1  # PyTorch has no unsigned numbers
        for state, values in zip(states, drawn.reshape(-1, 2), strict=True):
            state.assign(keras.ops.convert_to_tensor(values.astype("int64"), dtype=state.dtype))

    def _shares(self, labels: NDArray[Any]) -> NDArray[np.float32]:
        if labels.ndim != 1 or self._classes is None:
            return labels.astype(np.float32)
        shares = np.zeros((len(labels), self._classes), np.float32)
        shares[np.arange(len(labels)), labels] = 1
        return shares


def config_of(layer: keras.Layer) -> dict[str, Any]:
    """What tells a layer from others, as JSON takes it: its class and its options, whatever it is called."""
    options = {name: value for name, value in layer.get_config().items() if name not in ("name", "dtype", "trainable")}
    return {"class": type(layer).__name__, **options}


def parted(where: str, augment: Augmentation | None) -> tuple[Augment | None, tuple[keras.Layer, ...]]:
    """The warp of single pictures, and the layers for whole batches, of what is given as ``augment``.

    Raises:
        ArgumentError: something is neither, or an Augment is not the first.

    >>> warp, layers = parted("from_arrays", ["digits", keras.layers.RandomContrast(0.2)])
    >>> warp.ranges.rotation, len(layers)
    (10.0, 1)
    """
    given: list[Any] = list(augment) if isinstance(augment, list | tuple) else [augment]
    first = None
    if given and not (isinstance(given[0], keras.Layer) and not isinstance(given[0], Augment)):
        first = resolve(where, given.pop(0))
    for layer in given:
        if not isinstance(layer, keras.Layer) or isinstance(layer, Augment):
            raise ArgumentError(
                f"{where}: expected augment to be an Augment or the name of a preset, layers of Keras, or the one and "
                f"then the others in a list, got {describe(layer)} after others"
            )
    return first, tuple(given)


def _numpy(value: Any) -> NDArray[np.float32]:
    made: NDArray[np.float32] = np.asarray(keras.ops.convert_to_numpy(value), np.float32)
    return made
