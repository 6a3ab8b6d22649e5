"""Which layers of a model train."""

import math
from typing import NamedTuple

import keras

from visionkit import _checks
from visionkit._errors import ArgumentError, describe
from visionkit.train.transfer.parts import Part, parts, place_of, train_only


class Trainable(NamedTuple):
    """What of a model trains; printed, it is a sentence.

    Attributes:
        name: of the model.
        layers: the paths of the layers that have weights that train, such as "vgg16/block5_conv1".
        tensors, parameters: how many of its weights train, as arrays and as numbers.
        all_tensors, all_parameters: how many there are.
        held: how many BatchNormalization layers are frozen: they use their moving averages in training, too, and keep
            them.
    """

    name: str
    layers: tuple[str, ...]
    tensors: int
    parameters: int
    all_tensors: int
    all_parameters: int
    held: int

    def __str__(self) -> str:
        said = (
            f"{self.name}: {self.tensors:,} of {self.all_tensors:,} weight tensors train, "
            f"{self.parameters:,} of {self.all_parameters:,} parameters"
        )
        if self.layers:
            ends = " to ".join(dict.fromkeys([self.layers[0], self.layers[-1]]))
            said += f", in {len(self.layers)} layer{'s' * (len(self.layers) > 1)}: {ends}"
        if self.held:
            said += f"; {self.held} BatchNormalization layer{'s' * (self.held > 1)} frozen, in inference mode"
        return said


def trainable(model: keras.Layer) -> Trainable:
    """What of a model, or of a layer, trains.

    >>> hidden, scores = keras.layers.Dense(8, trainable=False), keras.layers.Dense(2, name="scores")
    >>> model = keras.Sequential([keras.Input((4,)), hidden, scores], name="net")
    >>> print(trainable(model))
    net: 2 of 4 weight tensors train, 18 of 58 parameters, in 1 layer: scores
    """
    found = parts(model)
    training = model.trainable_weights
    ids = {id(weight) for weight in training}
    return Trainable(
        name=model.name,
        layers=tuple(part.path for part in found if part.leaf and any(id(one) in ids for one in part.layer.weights)),
        tensors=len(training),
        parameters=_size(training),
        all_tensors=len(model.weights),
        all_parameters=_size(model.weights),
        held=sum(_is_norm(part) and not part.trains for part in found),
    )


def freeze(model: keras.Layer, *, until: str | keras.Layer | None = None) -> Trainable:
    """Keep the weights of a model or a layer as they are while it trains.

    A frozen BatchNormalization also runs in inference mode, with its moving averages. A model that was compiled
    before must be compiled again, as ``fit`` does.

    Args:
        model: a model, or a layer of one, such as the pretrained base.
        until: the first layer that is left as it is; see ``unfreeze``. None freezes all.

    Returns:
        What of ``model`` trains now.

    Raises:
        ArgumentError: no layer, or no single layer of this name.

    >>> base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    >>> model = keras.Sequential([base, keras.layers.Flatten(), keras.layers.Dense(1)])
    >>> len(model.trainable_weights)
    28
    >>> _ = freeze(base)
    >>> len(model.trainable_weights)
    2
    """
    _check("freeze", model)
    found = parts(model)
    first = len(found) if until is None else place_of("freeze", "until", until, found)
    train_only(model, found, lambda place, part: place >= first and part.trains, rest=False)
    return trainable(model)


def unfreeze(model: keras.Layer, since: str | keras.Layer | None = None, *, batch_norm: bool = False) -> Trainable:
    """Train a model from one of its layers on, and freeze the layers before it.

    Layers count in the order in which they are applied, those inside nested models and blocks, too: a functional or
    Sequential model knows it, a block or a subclassed model has them in the order in which they were made. A model
    that was compiled before must be compiled again, as ``fit`` does. A file of a model does not remember which layers
    inside of its blocks are frozen.

    Args:
        model: a model, or a layer that holds others.
        since: the first layer that trains: itself, its name ("block5_conv1") or, where several have the name, its
            path ("vgg16/block5_conv1"). None is for all.
        batch_norm: train the BatchNormalization layers, too. Without, those that are frozen stay so, and run in
            inference mode: batches of new data would spoil their moving averages. Those of a new head, which never
            was frozen, go on training; but where nothing at all is frozen, all of them are from now on.

    Returns:
        What of ``model`` trains now.

    Raises:
        ArgumentError: no layer, or no single layer of this name; the message has the nearest names or the paths.

    Source: Chollet, Deep Learning with Python, 2018, chapter 5.

    >>> base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    >>> model = keras.Sequential([base, keras.layers.Flatten(), keras.layers.Dense(1)])
    >>> _ = freeze(base)
    >>> print(unfreeze(model, "block5_conv1"))  # doctest: +ELLIPSIS
    sequential...: 8 of 28 weight tensors train, 7,079,937 of 14,715,201 parameters, in 4 layers: vgg16/block5_conv1
    to dense...
    """
    _check("unfreeze", model)
    _checks.flag("unfreeze", "batch_norm", batch_norm)
    found = parts(model)
    first = 0 if since is None else place_of("unfreeze", "since", since, found)
    something_frozen = any(not part.trains for part in found if part.layer.weights)

    def wanted(place: int, part: Part) -> bool:
        return place >= first and (not _is_norm(part) or batch_norm or (something_frozen and part.trains))

    train_only(model, found, wanted, rest=since is None)
    return trainable(model)


def _check(where: str, model: object) -> None:
    if not isinstance(model, keras.Layer):
        raise ArgumentError(f"{where}: expected a model or a layer of Keras, got {describe(model)}")


def _is_norm(part: Part) -> bool:
    return isinstance(part.layer, keras.layers.BatchNormalization)


def _size(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
