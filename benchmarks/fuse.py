"""How much faster a model is once its batch normalisation is folded away: `python benchmarks/fuse.py`.

The named others are the models of Keras Applications as they are, in the same run, each compiled into one TensorFlow
function. Machines differ and are noisy: the ratios count. They are medians over pairs of runs, taken in turn.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from visionkit.models.tools.fuse import fuse

BATCH, SIDE, RUNS = 8, 224, 15

# how many times as fast each is held to be; None for those that are only told of
HELD = {"ResNet50": 1.15, "MobileNetV2": 1.5, "EfficientNetB0": None, "DenseNet121": None, "Xception": None}


def main() -> None:
    """Print a line for each model named on the command line, or for all."""
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, (BATCH, SIDE, SIDE, 3)), tf.float32)
    for name in sys.argv[1:] or HELD:
        model = getattr(keras.applications, name)(weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None)
        stir(model)
        plain, fused = compiled(model, images), compiled(fuse(model), images)
        off = float(np.abs(plain() - fused()).max() / np.abs(plain()).max())
        seconds, ratio = in_turn(plain, fused)
        least = HELD.get(name)
        held = f"   at least {least:g}: {'yes' if ratio >= least else 'NO'}" if least else ""
        print(f"{name:16}{seconds * 1000:7.0f} ms{ratio:8.2f} times as fast, off by {off:.0e}{held}", flush=True)


def stir(model: keras.Model) -> None:
    """Give the batch normalisations statistics that are not those of a fresh model."""
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(generator.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(generator.uniform(0.5, 1.5, layer.moving_variance.shape))


def compiled(model: keras.Model, images: tf.Tensor) -> Callable[[], np.ndarray]:
    """The model on these images as one TensorFlow function, already traced."""
    function = tf.function(lambda x: model(x, training=False))
    function(images)
    return lambda: function(images).numpy()


def in_turn(plain: Callable[[], object], fused: Callable[[], object]) -> tuple[float, float]:
    """The median seconds of the plain one, and the median of how many times as fast the fused one is."""
    pairs = []
    for _ in range(RUNS + 1):
        times = []
        for action in (plain, fused):
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
        pairs.append(times)
    del pairs[0]
    return statistics.median(one for one, _ in pairs), statistics.median(one / other for one, other in pairs)


if __name__ == "__main__":
    main()
