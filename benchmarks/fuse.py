"""How much faster a model is once its batch normalisation is folded away: `python benchmarks/fuse.py`.

The others are the models of Keras Applications as they are, in the same run, each compiled into one TensorFlow
function.
"""

import os
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from turns import Bench, parser

from visionkit.models.tools.fuse import fuse

BATCH, SIDE = 8, 224
FUSED, PLAIN = "fused", "the model as it is"
# how many times as fast each is held to be; None for those that are only told of
HELD = {"ResNet50": 1.15, "MobileNetV2": 1.5, "EfficientNetB0": None, "DenseNet121": None, "Xception": None}


def main() -> None:
    """Print a line for each model."""
    options = parser(__doc__, rounds=15)
    options.add_argument("--models", nargs="+", choices=HELD, default=list(HELD), metavar="NAME")
    given = options.parse_args()
    bench = Bench(given, "keras", "tensorflow")
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, (BATCH, SIDE, SIDE, 3)), tf.float32)
    for name in given.models[1:2] if given.quick else given.models:
        model = getattr(keras.applications, name)(weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None)
        stir(model)
        runs = {FUSED: compiled(fuse(model), images), PLAIN: compiled(model, images)}
        fused, plain = (run() for run in runs.values())
        off = np.abs(fused - plain).max() / np.abs(plain).max()
        spent = bench.in_turn(runs)
        bench.speed(f"{name}, fused", PLAIN, spent[FUSED], spent[PLAIN], least=HELD[name])
        bench.tell(f"{name}, fused: largest difference of a score, over the largest score", f"{off:.0e}")
    bench.close()


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


if __name__ == "__main__":
    main()
