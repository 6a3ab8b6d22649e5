"""The end of a classifier: pooling, hidden layers, dropout, class scores, probabilities."""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError, describe, one_of
from visionkit.blocks import _inputs
from visionkit.blocks._block import Block, build_all, initializer, regularizer
from visionkit.blocks._inputs import Shape
from visionkit.blocks.conv import batch_norm

_POOLINGS = {
    "avg": layers.GlobalAveragePooling2D,
    "max": layers.GlobalMaxPooling2D,
    "flatten": layers.Flatten,
}


@keras.saving.register_keras_serializable("visionkit")
class ClassifierHead(Block):
    """Pooling, hidden dense layers, dropout, class scores, and the activation that makes them probabilities.

    Input (N, H, W, C), with ``pooling=None`` (N, ..., C). Output (N, classes), with ``pooling=None`` (N, ..., classes);
    in float32 under mixed precision, because a softmax in 16 bits does not sum to one.

    A head called ``head``, the name that it has in every model here, holds layers named as in Keras Applications,
    because official weights are found by name: ``avg_pool``, ``max_pool`` or ``flatten``; ``fc1``, ``fc2``...;
    ``dropout``; ``predictions``. A head of another name puts that name before them. Class scores before the activation
    are the output of ``predictions``.

    Args:
        classes: number of classes.
        pooling: "avg" or "max" over all places, "flatten" for all values as they are, None for none.
        hidden: widths of the dense layers between pooling and scores.
        hidden_activation: what follows each of them: name, function or layer.
        hidden_norm: whether batch normalisation follows that and the dropout.
        hidden_constraint: of the kernels of these layers: any Keras constraint.
        dropout: probability in [0, 1), before the scores and behind each hidden layer.
        activation: name or function; None or "linear" for scores.
        kernel_initializer: of every dense layer: any Keras initialiser; also "xavier_uniform" and "xavier_normal".
        kernel_regularizer: of every dense layer: any Keras regulariser.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument is not of the kind above, or the input does not fit the pooling.

    >>> head = ClassifierHead(10, hidden=(128,), dropout=0.5, name="head")
    >>> head.compute_output_shape((None, 7, 7, 512)), [layer.name for layer in head.chain() if layer]
    ((None, 10), ['avg_pool', 'fc1', 'fc1_activation', 'fc1_dropout', 'predictions', 'predictions_activation'])
    """

    def __init__(
        self,
        classes: int,
        *,
        pooling: Literal["avg", "max", "flatten"] | None = "avg",
        hidden: Sequence[int] = (),
        hidden_activation: Any = "relu",
        hidden_norm: bool = False,
        hidden_constraint: Any = None,
        dropout: float = 0.0,
        activation: Any = "softmax",
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if pooling is not None and pooling not in _POOLINGS:
            raise one_of("ClassifierHead", "pooling", pooling, _POOLINGS)
        self._hidden_activation = MappingProxyType({"activation": hidden_activation})  # not a child; its copies are
        self._hidden_norm = _checks.flag("ClassifierHead", "hidden_norm", hidden_norm)
        constraint = _inputs.resolved("ClassifierHead", "hidden_constraint", keras.constraints.get, hidden_constraint)
        self._kernel = (kernel_initializer, kernel_regularizer)
        self._rate = _checks.rate("ClassifierHead", "dropout", dropout)
        self.pooling = self._pool(pooling)
        if not isinstance(hidden, list | tuple):
            raise ArgumentError(f"ClassifierHead: expected hidden to be a list of integers, got {describe(hidden)}")
        numbered = enumerate(hidden, start=1)
        self.hidden = [one for number, units in numbered for one in self._hidden(f"fc{number}", units, constraint)]
        self.dropout = layers.Dropout(self._rate, **self.child("dropout")) if self._rate and not self.hidden else None
        self.predictions = self._dense("predictions", "classes", classes)
        half = self.compute_dtype in ("float16", "bfloat16")
        policy = "float32" if half else self.dtype_policy
        self.activation = self.activation_layer(activation, "predictions_activation", dtype=policy)

    def child(self, suffix: str) -> dict[str, Any]:
        named = super().child(suffix)
        return {**named, "name": suffix} if self.name == "head" else named

    def chain(self) -> list[keras.Layer | None]:
        return [self.pooling, *self.hidden, self.dropout, self.predictions, self.activation]

    def build(self, input_shape: Shape) -> None:
        if self.pooling is not None:
            _inputs.image_shape(self.name, input_shape)
        if isinstance(self.pooling, layers.Flatten) and None in input_shape[1:]:
            raise ArgumentError(
                f"{self.name}: expected a known height and width to flatten, got shape {tuple(input_shape)}; "
                'use pooling="avg" for images of any size'
            )
        build_all(self.chain(), input_shape)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        last = self.activation or self.predictions
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=last.compute_dtype)

    def _pool(self, pooling: str | None) -> keras.Layer | None:
        if pooling is None:
            return None
        suffix = pooling if pooling == "flatten" else f"{pooling}_pool"
        return _POOLINGS[pooling](data_format="channels_last", **self.child(suffix))

    def _hidden(self, suffix: str, units: int, constraint: Any) -> list[keras.Layer]:
        made = [
            self._dense(suffix, "hidden", units, constraint),
            self.activation_layer(self._hidden_activation["activation"], f"{suffix}_activation"),
            layers.Dropout(self._rate, **self.child(f"{suffix}_dropout")) if self._rate else None,
            batch_norm(self, f"{suffix}_bn") if self._hidden_norm else None,
        ]
        return [layer for layer in made if layer is not None]

    def _dense(self, suffix: str, argument: str, units: int, constraint: Any = None) -> keras.Layer:
        where, (kernel_initializer, kernel_regularizer) = "ClassifierHead", self._kernel
        return layers.Dense(
            _checks.positive(where, argument, units),
            kernel_initializer=initializer(where, kernel_initializer),
            kernel_regularizer=regularizer(where, kernel_regularizer),
            kernel_constraint=constraint,
            **self.child(suffix),
        )
