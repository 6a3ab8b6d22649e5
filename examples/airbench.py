"""A network of blocks for pictures of 32x32 that learns fast, and its optimizer, after Jordan 2024.

The network is that of "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv 2404.00498), the optimizer that of
"Muon: An optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon).
"""

import keras
import numpy as np
from keras import ops
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
class Muon(keras.optimizers.SGD):
    """SGD with Nesterov's momentum, where a step of a convolution moves all directions of its kernel as far.

    The sum of the gradients, as a matrix of one column a filter, is replaced by the orthogonal matrix near to it. What
    has one dimension, such as the biases of batch normalisation, and the classifier go on by SGD, with longer steps.
    """

    inertia, biases, classifier = 0.6, 440.0, 7.0  # the momentum of kernels; the rates of the others, as multiples

    def update_step(self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: float) -> None:
        """One step of one variable."""
        if len(variable.shape) != 4:
            times = self.biases if len(variable.shape) == 1 else self.classifier
            super().update_step(gradient, variable, learning_rate * times)
            return
        sums = self.momentums[self._get_variable_index(variable)]
        self.assign(sums, self.inertia * sums + gradient)
        ahead = ops.reshape(gradient + self.inertia * sums, (-1, variable.shape[-1]))
        size = ops.sqrt(ops.cast(variable.shape[-1], variable.dtype)) / ops.norm(ops.reshape(variable, [-1]))
        self.assign(variable, variable * size - learning_rate * ops.reshape(orthogonal(ahead), variable.shape))


def orthogonal(matrix: keras.KerasTensor) -> keras.KerasTensor:
    """Near to U V^T where the matrix is U S V^T: three steps of Newton and Schulz, of the fifth degree."""
    near = matrix / (ops.norm(matrix) + 1e-7)
    for _ in range(3):
        gram = ops.matmul(ops.transpose(near), near)
        near = 3.4445 * near + ops.matmul(near, 2.0315 * ops.matmul(gram, gram) - 4.775 * gram)
    return near
