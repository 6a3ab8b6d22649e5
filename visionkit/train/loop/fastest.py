"""Whether this machine trains faster in 16 bits."""

import time
from functools import cache
from typing import Literal

import keras
import numpy as np

from visionkit.train.loop.precision import Precision
from visionkit.train.strategies.base import Strategy


def precision_of(asked: Precision | Literal["auto"] | None, where: Strategy) -> Precision | None:
    """What layers compute in: as asked, where "auto" is what is faster for the chief; all workers must ask."""
    if asked != "auto":
        return asked
    return "bfloat16" if where.agree(faster_in_16_bits()) else None


@cache
def faster_in_16_bits() -> bool:
    """Whether a convolution learns faster in bfloat16 than in float32 here; measured once, in a second at most.

    A processor without instructions of 16 bits (AMX, AVX512_BF16) computes in them, too, but its gradients take some
    ten times as long. Less than a quarter of the time saved is not worth the error.
    """
    return _seconds("mixed_bfloat16") < 0.75 * _seconds("float32")


def _seconds(dtype: str) -> float:
    """Of one step, the least of several; what is drawn and named elsewhere stays the same."""
    convolution = keras.layers.Conv2D(64, 3, kernel_initializer="ones", padding="same", dtype=dtype, name="timed")
    model = keras.Sequential([keras.Input((16, 16, 64)), convolution], name="timed")
    model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    pictures, times = np.ones((8, 16, 16, 64), "float32"), []
    for _ in range(4):
        began = time.perf_counter()
        model.train_on_batch(pictures, pictures)
        times.append(time.perf_counter() - began)
    return min(times)
