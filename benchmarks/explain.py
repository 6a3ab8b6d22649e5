"""What a Grad-CAM map costs, against other tools in the same run: `python benchmarks/explain.py`.

A batch of 16 parts of photos at 224 x 224, MobileNet and ResNet50, the TensorFlow backend. The floor is one compiled
function: a forward pass, and the gradient of the scores before softmax with respect to the last map, no more. The
others are used as their own pages say, and are spared what ours does by itself: they are told the layer and the class,
and their model has no softmax that would have to be taken off. Each has a model of its own with the same weights.

xplique needs TensorFlow 2.20 or older. Keras, tf-keras-vis, xplique and this package do live in one environment, so all
of them run in one process, on one TensorFlow, and nothing has to be carried from process to process: `nox -s bench`
makes that environment. What is not installed is named and left out. Those that are near to each other have many short
rounds, the slow ones a few. The maps are compared, too, by their correlation image by image: as small as the layer, or
enlarged where a tool has no other (xplique: bicubic).
"""

import gc
import os
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from skimage import data as photos
from turns import Bench, parser

from visionkit.explain import gradcam

BATCH, SIDE = 16, 224
LAYERS = {"MobileNet": "conv_pw_13_relu", "ResNet50": "conv5_block3_out"}

OURS, NESTED, SUBCLASSED = "flat", "nested", "subclassed"  # the kinds of models that ours is given
FLOOR, RECIPE, VIS, XPLIQUE = "one compiled pass, the floor", "keras.io's recipe", "tf-keras-vis", "xplique"
SLOW = (RECIPE, VIS)
# (the seconds of whom, of ours) -> how many times as fast ours is held to be
HELD = {
    (FLOOR, OURS): 0.91,
    (FLOOR, NESTED): 0.91,
    (FLOOR, SUBCLASSED): 0.91,
    (XPLIQUE, OURS): 1.0,
    (VIS, OURS): 4.0,
    (RECIPE, OURS): 15.0,
}

# how maps are had to be compared: tf-keras-vis can leave them as small as the layer
SMALL = {VIS: {"expand_cam": False}}

Maps = NDArray[np.float32]
Make = Callable[[], Any]


def main() -> None:
    """Print the ratios for each model."""
    options = parser(__doc__, rounds=15)
    options.add_argument("--models", nargs="+", choices=LAYERS, default=list(LAYERS), metavar="NAME")
    options.add_argument("--slow", type=int, default=3, help="rounds of the slow ones that count (default: 3)")
    given = options.parse_args()
    bench = Bench(given, "keras", "tensorflow", VIS, XPLIQUE)
    images = pictures(2 if given.quick else BATCH)
    for name in given.models[:1] if given.quick else given.models:
        runs = candidates(name, images, bench)
        fast = bench.in_turn({who: run for who, run in runs.items() if who not in SLOW}, warm=2)
        few = {who: run for who, run in runs.items() if who in (*SLOW, OURS)}
        slow = bench.in_turn(few, rounds=given.slow, warm=0, often=(OURS,))
        for (peer, kind), least in HELD.items():
            spent = slow if peer in SLOW else fast
            if peer in runs:
                bench.speed(f"{name}, {kind}", peer, spent[kind], spent[peer], least=least)
        keras.utils.clear_session()
        gc.collect()
    bench.close()


def pictures(count: int) -> Maps:
    """Parts of photos with values in [-1, 1]."""
    draw = np.random.default_rng(0)
    sources = [photos.astronaut(), photos.chelsea(), photos.coffee(), photos.rocket()]
    parts = []
    for number in range(count):
        source = sources[number % len(sources)]
        top, left = (draw.integers(length - SIDE) for length in source.shape[:2])
        parts.append(source[top : top + SIDE, left : left + SIDE])
    return np.stack(parts).astype(np.float32) / 127.5 - 1


def network(name: str, images: Maps, **options: Any) -> keras.Model:
    """The same untrained model at each call; normalised for these images, as all its scores were alike otherwise."""
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, **options)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
    return model


def candidates(name: str, images: Maps, bench: Bench) -> dict[str, Callable[..., Maps]]:
    """What makes the maps, for each that is installed; says how well they agree with ours."""
    classes = network(name, images).predict(images, verbose=0).argmax(axis=-1)

    def bare() -> keras.Model:
        return network(name, images, classifier_activation=None)

    makers: dict[str, Make] = {
        FLOOR: lambda: floor(bare(), LAYERS[name], images),
        RECIPE: lambda: recipe(bare(), LAYERS[name], images),
        VIS: lambda: keras_vis(network(name, images), LAYERS[name], images, classes),
        XPLIQUE: lambda: xplique(bare(), LAYERS[name], images, classes),
    }
    runs, small, large = ours(name, images, bench)
    for who, make in makers.items():
        try:
            run = make()
            maps = run(**SMALL.get(who, {}))
        except Exception as error:  # whatever fails in another tool is said, and the rest goes on
            bench.left_out(f"{name}, {who}", error)
            continue
        runs[who] = run
        if who != FLOOR:
            maps = np.asarray(maps)
            reference = small if maps.shape == small.shape else large
            found = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(maps, reference, strict=True)]
            size = " x ".join(map(str, maps.shape[1:]))
            middle, least = np.median(found), min(found)
            bench.note(f"{name}, {who}: maps of {size} correlate with ours by {middle:.4f}, the least by {least:.4f}.")
    return runs


def ours(name: str, images: Maps, bench: Bench) -> tuple[dict[str, Callable[..., Maps]], Maps, Maps]:
    """Whole calls on the model as it is, inside another one and inside a class; the small and the large maps."""
    inputs = keras.Input((SIDE, SIDE, 3))
    models = {
        OURS: network(name, images),
        NESTED: keras.Model(inputs, network(name, images)(inputs)),
        SUBCLASSED: Wrapper(network(name, images)),
    }
    models[SUBCLASSED](images[:1])
    runs = {who: partial(gradcam, model, images) for who, model in models.items()}
    large = runs[OURS]()
    for who in (NESTED, SUBCLASSED):
        off = np.abs(runs[who]() - large).max()
        bench.note(f"{name}, {who}: maps differ from those of the flat model by {off:.0e} at most.")
    return runs, runs[OURS](upsample=False), large


class Wrapper(keras.Model):
    """A model that is no graph of layers."""

    def __init__(self, inner: keras.Model) -> None:
        super().__init__()
        self.inner = inner

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Hand on."""
        return self.inner(inputs, training=training)


def floor(model: keras.Model, layer: str, images: Maps) -> Callable[[], Any]:
    """One compiled pass with the gradient."""
    both = keras.Model(model.input, [model.get_layer(layer).output, model.output])

    @tf.function
    def gradient(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            last, scores = both(inputs, training=False)
            best = tf.reduce_max(scores, axis=-1)
        return last, tape.gradient(best, last)

    return lambda: [array.numpy() for array in gradient(images)]


def recipe(model: keras.Model, layer: str, images: Maps) -> Callable[..., Maps]:
    """What keras.io's page on Grad-CAM does, an image at a time: a model of two outputs and an eager gradient."""

    def one(image: Maps) -> Maps:
        both = keras.Model(model.input, [model.get_layer(layer).output, model.output])
        with tf.GradientTape() as tape:
            last, scores = both(image)
            best = scores[:, tf.argmax(scores[0])]
        weights = tf.reduce_mean(tape.gradient(best, last), axis=(0, 1, 2))
        heat = tf.nn.relu(tf.linalg.matvec(last[0], weights))
        return (heat / tf.reduce_max(heat)).numpy()

    return lambda: np.stack([one(image[None]) for image in images])


def keras_vis(model: keras.Model, layer: str, images: Maps, classes: NDArray[np.int64]) -> Callable[..., Maps]:
    """tf-keras-vis; its own search for a layer finds the 1 x 1 convolution that is MobileNet's classifier."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    tool = Gradcam(model, model_modifier=ReplaceToLinear(), clone=True)
    score = CategoricalScore(classes.tolist())
    return partial(tool, score, images, penultimate_layer=layer, seek_penultimate_conv_layer=False)


def xplique(model: keras.Model, layer: str, images: Maps, classes: NDArray[np.int64]) -> Callable[..., Maps]:
    """xplique, whose function is compiled at the first call."""
    from xplique.attributions import GradCAM

    tool = GradCAM(model, conv_layer=layer, batch_size=len(images))
    wanted = keras.utils.to_categorical(classes, 1000)
    return lambda: tool(images, wanted).numpy()[..., 0]


if __name__ == "__main__":
    main()
