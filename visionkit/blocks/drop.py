"""Stochastic depth: drop a whole branch for some of the samples."""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

from typing import Any

import keras
from keras import layers

from visionkit import _checks
from visionkit.blocks._block import Block, build_all
from visionkit.blocks._inputs import Shape


@keras.saving.register_keras_serializable("visionkit")
class DropPath(Block):
    """Set whole samples to zero with probability ``rate`` while training, and scale the others by 1 / (1 - rate).

    At the end of the branch of a residual block this makes the branch vanish: the network is shallower at random in
    training and whole in inference, where the layer passes its input on unchanged.

    Input and output (N, ...), the same shape.

    Args:
        rate: probability in [0, 1) that a sample is dropped.
        seed: integer for reproducible draws.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: the rate is outside of [0, 1).

    Source: Huang et al., Deep Networks with Stochastic Depth, 2016 (arXiv 1603.09382).

    >>> import numpy as np
    >>> x = np.ones((1000, 2), "float32")
    >>> y = keras.ops.convert_to_numpy(DropPath(0.5, seed=1)(x, training=True))
    >>> np.unique(y).tolist(), bool((y[:, 0] == y[:, 1]).all())
    ([0.0, 2.0], True)
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _checks.rate("DropPath", "rate", rate)
        self.seed = seed
        self.dropout: keras.Layer | None = None

    def build(self, input_shape: Shape) -> None:
        # One draw a sample needs the number of axes, which is known only here.
        one_a_sample = (None,) + (1,) * (len(input_shape) - 1)
        self.dropout = layers.Dropout(self.rate, noise_shape=one_a_sample, seed=self.seed, **self.child("dropout"))
        build_all(self.chain(), input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def chain(self) -> list[keras.Layer | None]:
        return [self.dropout]
