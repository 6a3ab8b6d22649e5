"""LeNet-5: LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998, section II.B."""

import math
from typing import Any, Literal, Unpack

import keras
from keras import layers, ops

from visionkit import _checks
from visionkit._errors import ArgumentError, one_of
from visionkit.blocks import Block
from visionkit.models.assemble import ModelOptions, assemble

# Table I of the paper: the maps of S2 that each of the 16 maps of C3 looks at.
_C3_INPUTS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)


@keras.saving.register_keras_serializable("visionkit")  # type: ignore[untyped-decorator]
def scaled_tanh(x: Any) -> Any:
    """1.7159 tanh(2x / 3), which maps -1 and 1 to themselves (appendix A of the paper)."""
    return 1.7159 * ops.tanh(2.0 / 3.0 * x)


@keras.saving.register_keras_serializable("visionkit")
class Subsampling(Block):
    """The mean over 2x2 places, times a trained coefficient, plus a trained bias, one of each a map.

    Input (N, H, W, C), output (N, H // 2, W // 2, C). The paper takes the sum, four times the mean: a coefficient.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool = layers.AveragePooling2D(2, data_format="channels_last", **self.child("pool"))

    def chain(self) -> list[keras.Layer | None]:
        """Only the pooling has a shape of its own."""
        return [self.pool]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the coefficients and biases."""
        super().build(input_shape)
        self.coefficient = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="coefficient")
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Average, scale, shift."""
        return self.pool(inputs) * self.coefficient + self.bias

    def stock(self) -> list[keras.Layer]:
        """Stock layers that do the same; see ``inline``."""
        pool = layers.AveragePooling2D.from_config(self.pool.get_config())
        scale = layers.DepthwiseConv2D(
            1, data_format="channels_last", name=self.name, dtype=self.dtype_policy, trainable=self.trainable
        )
        scale.build((None, None, None, self.coefficient.shape[0]))
        scale.kernel.assign(ops.reshape(self.coefficient, scale.kernel.shape))
        scale.bias.assign(self.bias)
        return [pool, scale]


@keras.saving.register_keras_serializable("visionkit")
class TableConv2D(Block):
    """A convolution in which each output map looks only at the input maps that a table names.

    Input (N, H, W, C), output (N, H - kernel_size + 1, W - kernel_size + 1, len(table)). Only the connections of the
    table have weights.

    Args:
        table: for each output map the numbers of the input maps that it looks at.
        kernel_size: height and width of the kernel.
        **kwargs: name, dtype, trainable.

    >>> TableConv2D([(0, 1), (1,)], 5).compute_output_shape((None, 14, 14, 2))
    (None, 10, 10, 2)
    """

    def __init__(self, table: tuple[tuple[int, ...], ...], kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = _checks.positive("TableConv2D", "kernel_size", kernel_size)
        self.table = tuple(tuple(row) for row in table)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add a kernel for each connection and a bias for each output map."""
        channels = input_shape[-1] or 0
        pairs = [(one, target) for target, row in enumerate(self.table) for one in row]
        if max(one for one, _ in pairs) >= channels:
            raise ArgumentError(f"{self.name}: expected the table to name some of {channels} maps, got {self.table}")
        # Fan-in as if each kernel were alone, scaled by how many there are on the average.
        fan_in = self.size**2 * len(pairs) / len(self.table)
        limit = (3 / fan_in) ** 0.5
        self.kernel = self.add_weight(
            shape=(self.size**2, len(pairs)), initializer=keras.initializers.RandomUniform(-limit, limit), name="kernel"
        )
        self.bias = self.add_weight(shape=(len(self.table),), initializer="zeros", name="bias")
        # Row by row, the place of each connection in a dense kernel (input maps x output maps).
        self.places = [one * len(self.table) + target for one, target in pairs]
        self.channels = channels

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Smaller by the kernel, without padding."""
        height, width = (side if side is None else side - self.size + 1 for side in input_shape[1:3])
        return (input_shape[0], height, width, len(self.table))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve with the dense kernel."""
        dense = self._dense(self.compute_dtype)
        return ops.conv(inputs, dense, padding="valid", data_format="channels_last") + self.bias

    def mult_adds(self, input_shape: tuple[int | None, ...], output_shape: tuple[int | None, ...]) -> int:
        """What one image costs, see ``profile``."""
        return math.prod(side or 0 for side in output_shape[1:3]) * int(math.prod(self.kernel.shape))

    def stock(self) -> list[keras.Layer]:
        """A stock convolution that does the same, see ``inline``; in training its zeros would not stay zero."""
        options = {"name": self.name, "dtype": self.dtype_policy, "trainable": self.trainable}
        conv = layers.Conv2D(len(self.table), self.size, data_format="channels_last", **options)
        conv.build((None, None, None, self.channels))
        conv.kernel.assign(self._dense(self.variable_dtype))
        conv.bias.assign(self.bias)
        return [conv]

    def _dense(self, dtype: str) -> Any:
        """The kernels laid into a dense one that is zero elsewhere."""
        spread = ops.one_hot(self.places, self.channels * len(self.table), dtype=dtype)
        return ops.reshape(ops.matmul(self.kernel, spread), (self.size, self.size, self.channels, len(self.table)))


def _published(x: Any) -> Any:
    x = layers.Conv2D(6, 5, activation=scaled_tanh, kernel_initializer="lecun_uniform", name="C1")(x)
    x = layers.Activation(scaled_tanh, name="S2_tanh")(Subsampling(name="S2")(x))
    x = layers.Activation(scaled_tanh, name="C3_tanh")(TableConv2D(_C3_INPUTS, 5, name="C3")(x))
    x = layers.Activation(scaled_tanh, name="S4_tanh")(Subsampling(name="S4")(x))
    return layers.Conv2D(120, 5, activation=scaled_tanh, kernel_initializer="lecun_uniform", name="C5")(x)


def _modern(x: Any) -> Any:
    x = layers.Conv2D(6, 5, activation="relu", kernel_initializer="he_uniform", name="C1")(x)
    x = layers.MaxPooling2D(2, name="S2")(x)
    x = layers.Conv2D(16, 5, activation="relu", kernel_initializer="he_uniform", name="C3")(x)
    x = layers.MaxPooling2D(2, name="S4")(x)
    return layers.Conv2D(120, 5, activation="relu", kernel_initializer="he_uniform", name="C5")(x)


def lenet5(*, variant: Literal["1998", "modern"] = "1998", **options: Unpack[ModelOptions]) -> keras.Model:
    """LeNet-5: 60,850 parameters, of which the paper counts 60,000; 61,706 in the modern variant.

    ======  ===========================  ====================  ======  ======
    layer   what                         map of a 32x32 image  1998    modern
    ======  ===========================  ====================  ======  ======
    C1      5x5 convolution              28x28x6               156     156
    S2      2x2 subsampling              14x14x6               12      0
    C3      5x5 convolution              10x10x16              1,516   2,416
    S4      2x2 subsampling              5x5x16                32      0
    C5      5x5 convolution              1x1x120               48,120  48,120
    F6      dense (``fc1`` of the head)  84                    10,164  10,164
    output  dense (``predictions``)      10                    850     850
    ======  ===========================  ====================  ======  ======

    "1998" is the paper's network: tanh scaled as in its appendix A, subsampling by a trained coefficient and bias
    a map, and C3 connected by its Table I. One thing differs: the output is dense with softmax, not radial basis
    functions around fixed 7x12 pictures of the characters, which is why the paper does not count it. "modern" is what
    is mostly meant today: ReLU, maximum pooling, full connections.

    Args:
        variant: "1998" or "modern".
        **options: see ``ModelOptions``; here ``input_shape=(32, 32, 1)`` (smaller does not fit), ``classes=10`` by
            default. Pixel values 0-255 with bright ink, scaled to -0.1 (paper) ... 1.175 (ink).

    Raises:
        ArgumentError: an unknown option or a bad value.

    >>> lenet5().count_params(), lenet5(variant="modern").count_params()
    (60850, 61706)
    """
    bodies = {"1998": _published, "modern": _modern}
    if variant not in bodies:
        raise one_of("lenet5", "variant", variant, bodies)
    return assemble(
        "lenet5",
        bodies[variant],
        options,
        defaults=ModelOptions(input_shape=(32, 32, 1), classes=10),
        preprocessing="lecun",
        head={
            "pooling": "flatten",
            "hidden": (84,),
            "hidden_activation": scaled_tanh if variant == "1998" else "relu",
        },
        own=("variant",),
    )
