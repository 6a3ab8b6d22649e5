"""What a Grad-CAM map costs, against other tools in the same run: `python benchmarks/explain.py`.

A batch of 16 parts of photos at 224 x 224, MobileNet and ResNet50, the TensorFlow backend. The floor is one compiled
function: a forward pass, and the gradient of the scores before softmax with respect to the last map, no more. The
others are used as their own pages say, and are spared what ours does by itself: they are told the layer and the class,
and their model has no softmax that would have to be taken off. Each has a model of its own with the same weights.

xplique needs TensorFlow 2.20 or older. Keras, tf-keras-vis, xplique and this package do live in one environment, so all
of them run in one process, on one TensorFlow, and nothing has to be carried from process to process:

    python3.11 -m venv peers && peers/bin/pip install xplique tf-keras-vis
    PYTHONPATH=. peers/bin/python benchmarks/explain.py

What is not installed is named and left out. Machines differ and are noisy: the ratios count. In each round everyone
has a turn, in an order that rotates; a ratio is taken within a round, and its median over the rounds is printed, with
its least and its greatest. Those that are near to each other have many short rounds, the slow ones a few. The maps are
compared, too, by their correlation image by image: as small as the layer, or enlarged where a tool has no other
(xplique: bicubic).
"""

import argparse
import gc
import importlib.metadata
import os
import statistics
import time
from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from skimage import data as photos

from visionkit.explain import gradcam

BATCH, SIDE = 16, 224
LAYERS = {"MobileNet": "conv_pw_13_relu", "ResNet50": "conv5_block3_out"}

OURS, NESTED, SUBCLASSED = "visionkit", "visionkit, nested", "visionkit, subclassed"
FLOOR, RECIPE, VIS, XPLIQUE = "one compiled pass", "keras.io's recipe", "tf-keras-vis", "xplique"
SLOW = (RECIPE, VIS)
# (the seconds of whom, over the seconds of whom) -> what the ratio is held to be; None for those that are only told of
HELD = {
    (OURS, FLOOR): ("at most", 1.1),
    (NESTED, FLOOR): ("at most", 1.1),
    (SUBCLASSED, FLOOR): ("at most", 1.1),
    (XPLIQUE, FLOOR): None,
    (XPLIQUE, OURS): ("at least", 1.0),
    (RECIPE, FLOOR): None,
    (RECIPE, OURS): ("at least", 15.0),
    (VIS, FLOOR): None,
    (VIS, OURS): ("at least", 4.0),
}

# how maps are had to be compared: tf-keras-vis can leave them as small as the layer
SMALL = {VIS: {"expand_cam": False}}

Maps = NDArray[np.float32]
Make = Callable[[], Any]
Spent = dict[str, list[float]]


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(LAYERS)}; both unless given")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of the fast ones that count (default 15)")
    parser.add_argument("--slow", type=int, default=3, help="rounds of the slow ones that count (default 3)")
    parser.add_argument("--quick", action="store_true", help="3 rounds and 1, to see that everything runs")
    options = parser.parse_args()
    unknown = {*options.models} - {*LAYERS}
    if unknown:
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(LAYERS)}")
    fast, slow = (3, 1) if options.quick else (options.rounds, options.slow)
    images = pictures()
    print(f"{versions('tensorflow', 'keras', VIS, XPLIQUE)}, {os.cpu_count()} CPUs; {BATCH} of {SIDE} x {SIDE}")
    for name in options.models or LAYERS:
        print(f"\n{name}, {LAYERS[name]}")
        runs = candidates(name, images)
        report(in_turn({who: run for who, run in runs.items() if who not in SLOW}, fast, warm=2), HELD)
        slow_ones = {who: run for who, run in runs.items() if who in (*SLOW, OURS, FLOOR)}
        report(in_turn(slow_ones, slow, warm=0, often=(OURS, FLOOR)), HELD, told=SLOW)
        keras.utils.clear_session()
        gc.collect()


def pictures() -> Maps:
    """Parts of photos with values in [-1, 1]."""
    draw = np.random.default_rng(0)
    sources = [photos.astronaut(), photos.chelsea(), photos.coffee(), photos.rocket()]
    parts = []
    for number in range(BATCH):
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


def candidates(name: str, images: Maps) -> dict[str, Callable[..., Maps]]:
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
    runs, small, large = ours(name, images)
    for who, make in makers.items():
        try:
            run = make()
            maps = run(**SMALL.get(who, {}))
        except Exception as error:  # whatever fails in another tool is said, and the rest goes on
            left_out(who, error)
            continue
        runs[who] = run
        if who != FLOOR:
            maps = np.asarray(maps)
            reference = small if maps.shape == small.shape else large
            found = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(maps, reference, strict=True)]
            size = " x ".join(map(str, maps.shape[1:]))
            print(f"  {who:24}maps of {size:12}correlation {np.median(found):.4f}, at least {min(found):.4f}")
    return runs


def left_out(who: str, error: Exception) -> None:
    """Say why there are no figures."""
    reason = "not installed" if isinstance(error, ModuleNotFoundError) else type(error).__name__
    print(f"  {who:24}left out: {reason}: {' '.join(str(error).split())[:120]}")


def ours(name: str, images: Maps) -> tuple[dict[str, Callable[..., Maps]], Maps, Maps]:
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
        print(f"  {who:24}maps differ from the flat model's by {np.abs(runs[who]() - large).max():.0e}")
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

    tool = GradCAM(model, conv_layer=layer, batch_size=BATCH)
    wanted = keras.utils.to_categorical(classes, 1000)
    return lambda: tool(images, wanted).numpy()[..., 0]


def versions(*packages: str) -> str:
    """The versions of what is installed of these."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join(found)


def in_turn(actions: Mapping[str, Callable[[], Any]], rounds: int, *, warm: int, often: Container[str] = ()) -> Spent:
    """The seconds that each takes, round by round, after rounds that do not count; of those in often, of five runs."""
    spent: Spent = {who: [] for who in actions}
    order = list(actions)
    for number in range(warm + rounds):
        for who in order:
            seconds = []
            for _ in range(5 if who in often else 1):
                gc.collect()
                start = time.perf_counter()
                actions[who]()
                seconds.append(time.perf_counter() - start)
            if number >= warm:
                spent[who].append(statistics.median(seconds))
        order = order[1:] + order[:1]
    return spent


def report(spent: Spent, held: Mapping[tuple[str, str], Any], *, told: Container[str] | None = None) -> None:
    """Print the ratios, of everyone or of those named, and whether they are what they are held to be."""
    print(f"\n  {'':48}{'median':>8}{'least':>8}{'greatest':>10}{'seconds':>14}")
    for (who, other), limit in held.items():
        if not {who, other} <= {*spent} or (told is not None and who not in told):
            continue
        ratios = [one / another for one, another in zip(spent[who], spent[other], strict=True)]
        middle, says = statistics.median(ratios), ""
        if limit is not None:
            fits = middle <= limit[1] if limit[0] == "at most" else middle >= limit[1]
            says = f"   {limit[0]} {limit[1]:g}: {'yes' if fits else 'NO'}"
        seconds = f"{statistics.median(spent[who]):.2f}/{statistics.median(spent[other]):.2f}"
        print(f"  {f'{who} over {other}':48}{middle:8.2f}{min(ratios):8.2f}{max(ratios):10.2f}{seconds:>14}{says}")


if __name__ == "__main__":
    main()
