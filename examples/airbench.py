"""A network of blocks for pictures of 32x32 that learns fast, after Jordan 2024 (arXiv 2404.00498), "airbench94"."""

import keras
import numpy as np
from numpy.typing import NDArray

from visionkit.blocks import ClassifierHead, ConvBNAct, Dirac, PatchWhitening


def network(pictures: NDArray[np.uint8], classes: int = 10) -> keras.Model:
    """Its first convolution is computed from the pictures, and the others begin as the identity."""
    first = PatchWhitening(2, activation="gelu", name="whitening")
    first.adapt(pictures)
    unit = {"momentum": 0.6, "activation": "gelu", "kernel_initializer": Dirac()}
    blocks = [ConvBNAct(filters, 3, pool_size=pool, **unit) for filters in (64, 256, 256) for pool in (2, 1)]
    head = [keras.layers.MaxPooling2D(3), ClassifierHead(classes, activation=None)]
    soft = [keras.layers.Rescaling(1 / 9), keras.layers.Softmax()]  # scores of a size that begins near even
    return keras.Sequential([keras.Input(pictures.shape[1:]), first, *blocks, *head, *soft])


@keras.saving.register_keras_serializable("examples")
class FastBias(keras.optimizers.SGD):
    """SGD with Nesterov's momentum whose steps are 64 times as long for what batch normalisation adds."""

    def update_step(self, gradient: object, variable: keras.Variable, learning_rate: object) -> None:
        """One step of one variable."""
        super().update_step(gradient, variable, learning_rate * (64 if variable.name == "beta" else 1))
