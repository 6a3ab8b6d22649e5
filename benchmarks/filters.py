"""What the patterns that filters respond to cost, against other tools in the same run: `python benchmarks/filters.py`.

64 filters of MobileNet's layer conv_pw_5, each a picture of 128 x 128 and 30 steps of gradient ascent from grey noise,
on the TensorFlow backend. The floor is a loop over all steps compiled as one function, in batches of 16, and nothing
else. tf-keras-vis has all filters in one batch, as its pages do, without the regularisers and modifiers that it has by
default: nobody else does that work. keras.io's recipe takes one filter at a time with a compiled step. As its page has
it, the filter's number is a number of Python, so that TensorFlow traces the step anew for each filter; whoever runs the
page pays for that, and that is what is held. "kept" has all of it traced before: a second run in the same notebook.

The environment is that of explain.py. What is not installed is named and left out. The seconds of the first call hold
what a tool has to compile. That all do the same is seen from their pictures: all brought to one contrast, each filter
is to respond to its own more than to the other filters'.
"""

import os
import time
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from explain import network
from numpy.typing import NDArray
from turns import Bench, parser

from visionkit.explain import filter_patterns

# batches of 16 stay in the cache of the processor: a fifth faster than one of 64
LAYER, SIZE, STEPS, BATCH = "conv_pw_5", 128, 30, 16
OURS, FLOOR, VIS = "visionkit", "one compiled loop, the floor", "tf-keras-vis"
RECIPE, KEPT = "keras.io's recipe", "keras.io's recipe, traced before"
# peer -> how many times as fast ours is held to be
HELD = {FLOOR: None, VIS: 1.8, RECIPE: 4.0, KEPT: None}

Pictures = NDArray[Any]
Run = Callable[[], Pictures]


def main() -> None:
    """Print the ratios."""
    options = parser(__doc__, rounds=3)
    options.add_argument("--filters", type=int, default=64, help="how many (default: 64)")
    given = options.parse_args()
    bench = Bench(given, "keras", "tensorflow", VIS)
    filters = range(2 if given.quick else given.filters)
    runs: dict[str, Run] = {}
    judge = extractor(mobilenet())
    for who, make in {OURS: ours, FLOOR: floor, RECIPE: recipe, KEPT: kept, VIS: keras_vis}.items():
        try:
            run = make(mobilenet(), filters)
            start = time.perf_counter()
            patterns = run()
        except Exception as error:  # whatever fails in another tool is said, and the rest goes on
            if who == OURS:
                raise
            bench.left_out(who, error)
            continue
        runs[who] = run
        seconds, share = time.perf_counter() - start, own(patterns, filters, judge)
        bench.note(f"{who}: first call {seconds:.1f} s; {share:.0%} of the filters respond most to their own picture.")
    spent = bench.in_turn(runs, warm=0)
    for peer, least in HELD.items():
        if peer in runs:
            bench.speed(f"{len(filters)} patterns of {LAYER}", peer, spent[OURS], spent[peer], least=least)
    bench.close()


def mobilenet() -> keras.Model:
    """The same untrained model at each call, normalised for noise like that the pictures begin with."""
    noise = np.random.default_rng(0).uniform(-1, 1, (16, SIZE, SIZE, 3)).astype(np.float32)
    return network("MobileNet", noise, input_shape=(SIZE, SIZE, 3))


def own(patterns: Pictures, filters: range, judge: keras.Model) -> float:
    """The share of filters whose response to their own picture is the greatest of their responses to all of them."""
    pictures = np.array(patterns, np.float32)
    pictures -= pictures.mean(axis=(1, 2, 3), keepdims=True)
    pictures *= 0.25 / (pictures.std(axis=(1, 2, 3), keepdims=True) + 1e-7)
    responses = judge(pictures, training=False).numpy().mean(axis=(1, 2))[:, filters]
    return float((responses.argmax(axis=0) == np.arange(len(filters))).mean())


def extractor(model: keras.Model) -> keras.Model:
    """The model as far as the layer."""
    return keras.Model(model.input, model.get_layer(LAYER).output)


def grey(count: int) -> tf.Tensor:
    """Noise round grey, which is 0 for MobileNet."""
    return (tf.random.uniform((count, SIZE, SIZE, 3)) - 0.5) * 0.25


def ours(model: keras.Model, filters: range) -> Run:
    """The whole call on the model as it is."""
    return lambda: filter_patterns(model, LAYER, filters, steps=STEPS, size=SIZE, value_range=(-1, 1))


def floor(model: keras.Model, filters: range) -> Run:
    """A compiled loop on a batch: the gradient, divided by its root mean square, is added."""
    part = extractor(model)

    @tf.function
    def climb(pictures: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(STEPS):
            with tf.GradientTape() as tape:
                tape.watch(pictures)
                means = tf.reduce_mean(part(pictures, training=False), axis=(1, 2))
                response = tf.gather(means, numbers, axis=1, batch_dims=1)
            gradient = tape.gradient(response, pictures)
            size = tf.sqrt(tf.reduce_mean(tf.square(gradient), axis=(1, 2, 3), keepdims=True))
            pictures += 0.05 * gradient / (size + 1e-7)
        return pictures

    def run() -> Pictures:
        batches = (tf.constant(filters[first : first + BATCH]) for first in range(0, len(filters), BATCH))
        return np.concatenate([climb(grey(len(numbers)), numbers).numpy() for numbers in batches])

    return run


def recipe(model: keras.Model, filters: range) -> Run:
    """What keras.io's page on what convolutional networks learn does, from its first cell on."""

    def run() -> Pictures:
        return kept(model, filters)()

    return run


def kept(model: keras.Model, filters: range) -> Run:
    """The same, with the step that the page defines kept from call to call."""
    part = extractor(model)

    @tf.function
    def step(picture: tf.Tensor, number: int, rate: float) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            inside = part(picture)[:, 2:-2, 2:-2, number]
            response = tf.reduce_mean(inside)
        return response, picture + rate * tf.math.l2_normalize(tape.gradient(response, picture))

    def one(number: int) -> Pictures:
        picture = grey(1)
        for _ in range(STEPS):
            _, picture = step(picture, number, 10.0)
        pixels = picture[0].numpy()
        pixels = 0.15 * (pixels - pixels.mean()) / (pixels.std() + 1e-5) + 0.5
        return (np.clip(pixels, 0, 1) * 255).astype(np.uint8)

    return lambda: np.stack([one(number) for number in filters])


def keras_vis(model: keras.Model, filters: range) -> Run:
    """tf-keras-vis, all filters in one batch."""
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.utils.model_modifiers import ExtractIntermediateLayer, ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    tool = ActivationMaximization(model, model_modifier=[ExtractIntermediateLayer(LAYER), ReplaceToLinear()])
    score = CategoricalScore([*filters])

    def run() -> Pictures:
        start = tf.random.uniform((len(filters), SIZE, SIZE, 3), -0.125, 0.125)
        options = {"input_modifiers": [], "regularizers": [], "input_range": (-1.0, 1.0)}
        optimizer = tf.optimizers.RMSprop(0.05, 0.999)
        return np.asarray(tool(score, start, steps=STEPS, optimizer=optimizer, **options))

    return run


if __name__ == "__main__":
    main()
