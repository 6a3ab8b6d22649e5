"""What filters respond to, against closed forms, Keras' own tape, OpenCV and NumPy."""

import cv2
import keras
import numpy as np
import pytest
from keras import layers

from tests.explain.networks import FORMS, flat, nested, pictures, subclassed
from visionkit._errors import ArgumentError, ModelError
from visionkit.explain.filters.ascent import ascent
from visionkit.explain.filters.climber import Climber
from visionkit.explain.filters.patterns import filter_grid, filter_patterns
from visionkit.explain.filters.regularize import blurred, gaussian, roughness, shifted, shifts

UNIT = {"value_range": (0, 1)}  # what the networks of networks.py take


def kernels(count=6, size=7, channels=3):
    """Smooth kernels, (size, size, channels, count)."""
    rng = np.random.default_rng(3)
    drawn = rng.normal(size=(count, size, size, channels))
    return np.stack([cv2.GaussianBlur(one, (3, 3), 0).reshape(size, size, channels) for one in drawn], -1).astype("f")


def linear(channels=3, size=(None, None)):
    """One convolution without an activation."""
    model = keras.Sequential([keras.Input((*size, channels)), layers.Conv2D(6, 7, name="conv")])
    model.get_layer("conv").set_weights([kernels(channels=channels), np.zeros(6, "f")])
    return model


def own(model, layer, patterns):
    """(N, N): the mean activation of each filter for each pattern, given as values in [0, 1]."""
    shown = keras.Model(model.input, model.get_layer(layer).output).predict(patterns / np.float32(255), verbose=0)
    return shown.mean(axis=(1, 2))


# --- what is climbed ---


def test_the_pattern_of_a_linear_filter_is_its_kernel():
    """For a picture of the kernel's size the gradient of the activation is the kernel."""
    patterns = filter_patterns(linear(), "conv", size=7).astype(float)
    for pattern, kernel in zip(patterns, np.moveaxis(kernels(), -1, 0), strict=True):
        a, b = (pattern - pattern.mean()).ravel(), (kernel - kernel.mean()).ravel()
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.98


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the witness is TensorFlow's tape")
def test_steps_are_those_of_a_tape():
    import tensorflow as tf

    model, layer = flat()
    part = keras.Model(model.input, model.get_layer(layer).output)
    filters = np.array([3, 0, 9, 3], np.int32)
    start, rate = pictures(4, seed=5), np.float32(0.02)
    wanted = tf.constant(start)
    for _ in range(3):
        with tf.GradientTape() as tape:
            tape.watch(wanted)
            means = tf.reduce_mean(part(wanted), axis=(1, 2))
            score = tf.gather(means, filters, axis=1, batch_dims=1)
        gradient = tape.gradient(score, wanted)
        strength = tf.sqrt(tf.reduce_mean(gradient**2, axis=(1, 2, 3), keepdims=True))
        wanted += rate * gradient / strength
    program = ascent(jitter=False, blur=False, variation=False)
    settings = [np.int32(3), rate, shifts(0, 0), gaussian(32, 0), gaussian(32, 0), np.float32(0)]
    made, felt = Climber("test", model, layer, None).climb(program, start, filters, settings)
    np.testing.assert_allclose(made, wanted.numpy(), atol=2e-4)
    assert (felt > 0).all()


def test_more_steps_excite_a_filter_more():
    model, layer = flat()
    excited = [own(model, layer, filter_patterns(model, layer, steps=steps, **UNIT)).diagonal() for steps in (1, 6, 40)]
    assert (excited[1] > excited[0]).all()
    assert (excited[2] > excited[1]).mean() > 0.9


def test_a_filter_prefers_its_own_pattern():
    model, layer = flat()
    excited = own(model, layer, filter_patterns(model, layer, **UNIT))
    assert (excited.argmax(axis=0) == np.arange(16)).mean() > 0.9
    others = (excited.sum(axis=0) - excited.diagonal()) / 15
    assert (excited.diagonal() > others + excited.std(axis=0)).all()


@pytest.mark.parametrize("form", [form for form in FORMS if form != "shared"])
def test_every_form_of_a_network_has_the_same_patterns(form):
    model, layer = FORMS[form]()
    made = filter_patterns(model, layer, [2, 5], steps=3, **UNIT).astype(int)
    wanted = filter_patterns(*flat(), [2, 5], steps=3, **UNIT)
    assert np.abs(made - wanted).max() <= 1


def test_the_same_on_every_backend():
    patterns = filter_patterns(*flat(), [2, 5], steps=5, size=24, jitter=2, blur=0.5, octaves=2, **UNIT)
    found = patterns[:, 4::8, 4::8, 1].ravel()
    wanted = [167, 190, 138, 186, 200, 148, 152, 190, 167, 185, 171, 154, 174, 57, 114, 172, 67, 163]
    np.testing.assert_allclose(found.astype(int), wanted, atol=2)


def test_classes_are_shown_before_their_softmax():
    model, _ = flat()
    units = model.get_layer("scores")
    kernel, bias = units.get_weights()
    plain = keras.Model(model.input, layers.Dense(5, name="plain")(units.input))
    plain.get_layer("plain").set_weights([1e4 * kernel, bias])
    wanted = filter_patterns(plain, "plain", steps=3, **UNIT)
    units.set_weights([1e4 * kernel, bias])  # saturated: one class has it all
    patterns = filter_patterns(model, "scores", steps=3, **UNIT)
    assert patterns.shape == (5, 32, 32, 3)
    assert np.abs(patterns.astype(int) - wanted).max() <= 1
    assert units.activation is keras.activations.softmax


# --- what regularises ---


def test_patterns_come_from_the_seed_alone():
    model, layer = flat()
    patterns = filter_patterns(model, layer, steps=4, jitter=2, **UNIT)
    again = filter_patterns(model, layer, steps=4, jitter=2, batch_size=5, **UNIT)
    some = filter_patterns(model, layer, [11, 4], steps=4, jitter=2, **UNIT)
    other = filter_patterns(model, layer, [11, 4], steps=4, jitter=2, seed=1, **UNIT)
    assert np.abs(patterns.astype(int) - again).max() <= 1
    assert np.abs(patterns[[11, 4]].astype(int) - some).max() <= 1
    assert np.abs(some.astype(int) - other).mean() > 5
    assert (some == filter_patterns(model, layer, [11, 4], steps=4, jitter=2, **UNIT)).all()


@pytest.mark.parametrize(
    ("option", "measure"),
    [
        ({"blur": 1.0}, lambda one: np.mean(cv2.Laplacian(one, cv2.CV_64F) ** 2)),
        ({"total_variation": 1.0}, lambda one: np.abs(np.diff(one, axis=0)).mean() + np.abs(np.diff(one)).mean()),
        ({"octaves": 3}, lambda one: np.mean(cv2.Laplacian(one, cv2.CV_64F) ** 2)),
    ],
)
def test_what_makes_patterns_smoother(option, measure):
    model, layer = flat()
    some = [filter_patterns(model, layer, range(8), steps=20, **given, **UNIT) for given in ({}, option)]
    gray = [patterns.mean(axis=3) for patterns in some]
    plain, smooth = (np.array([measure(one) for one in ones]) for ones in gray)
    assert np.median(smooth / plain) < 0.8


def test_jitter_makes_a_pattern_less_tied_to_its_place():
    """Strides leave a grid of their own in the gradient; where the picture moves, it is averaged away."""
    stack = [layers.Conv2D(8, 2, strides=4, padding="same", name="conv")]
    model = keras.Sequential([keras.Input((32, 32, 3)), *stack])
    model.set_weights([np.random.default_rng(0).normal(0, 0.3, (2, 2, 3, 8)), np.zeros(8)])
    still, moved = (filter_patterns(model, "conv", jitter=jitter, **UNIT).astype(float) for jitter in (0, 4))
    between = [one[:, 3::4].std() / one[:, 1::4].std() for one in (still, moved)]
    assert between[0] < 0.2
    assert between[1] > 0.4


def test_shifts_are_those_of_roll():
    made = shifts(5, 2)
    assert made.min() == -5
    assert made.max() == 5
    images = pictures(2)[:, :, :20]
    for shift in ((3, -4), (0, 0), (-31, 25)):
        rolled = keras.ops.convert_to_numpy(shifted(keras.ops.convert_to_tensor(images), np.array(shift, np.int32)))
        assert (rolled == np.roll(images, shift, (1, 2))).all()


def test_the_blur_is_opencvs():
    image = pictures(1)[0, :, :20]
    matrices = [keras.ops.convert_to_tensor(gaussian(length, 1.3)) for length in (32, 20)]
    made = keras.ops.convert_to_numpy(blurred(keras.ops.convert_to_tensor(image[None]), *matrices))[0]
    wanted = cv2.GaussianBlur(image, (17, 17), 1.3)
    np.testing.assert_allclose(made[8:-8, 8:-8], wanted[8:-8, 8:-8], atol=1e-5)
    np.testing.assert_allclose(gaussian(9, 2.0).sum(axis=1), 1, rtol=1e-6)
    assert (gaussian(5, 0.0) == np.eye(5)).all()


def test_roughness_is_the_gradient_of_the_total_variation():
    rng = np.random.default_rng(0)
    image = rng.permutation(6 * 5 * 2).reshape(1, 6, 5, 2).astype(np.float32)  # no two neighbours alike

    def total(x):
        return np.abs(np.diff(x, axis=1)).sum() + np.abs(np.diff(x, axis=2)).sum()

    made = keras.ops.convert_to_numpy(roughness(keras.ops.convert_to_tensor(image), np.float32(0.01)))
    for place in np.ndindex(image.shape):
        step = np.zeros_like(image)
        step[place] = 0.25
        assert made[place] == pytest.approx((total(image + step) - total(image - step)) / 0.5 / 3, abs=1e-5)


# --- sizes and kinds of models ---


@pytest.mark.parametrize("make", [flat, nested, subclassed, FORMS["sequential"]])
def test_layers_take_other_sizes_than_their_model(make):
    model, layer = make()
    free = keras.Input((None, None, 3))
    x, inner = free, flat()[0]
    for one in inner.layers[1:]:
        x = one(x)
        if one.name == layer:
            break
    wanted = filter_patterns(keras.Model(free, x), layer, [1, 2], steps=3, size=(48, 40), **UNIT)
    made = filter_patterns(model, layer, [1, 2], steps=3, size=(48, 40), **UNIT)
    assert made.shape == (2, 48, 40, 3)
    assert np.abs(made.astype(int) - wanted).max() <= 1
    assert not {"call", "_assert_input_compatibility"} & set(vars(model))


def test_a_layer_after_flatten_needs_the_size_of_the_model():
    image = keras.Input((16, 16, 3))
    x = layers.Flatten()(layers.Conv2D(2, 3, name="conv")(image))
    model = keras.Model(image, layers.Dense(3, name="units")(x))
    assert filter_patterns(model, "conv", steps=1, size=20).shape == (2, 20, 20, 3)
    assert filter_patterns(model, "units", steps=1).shape == (3, 16, 16, 3)
    with pytest.raises(ModelError, match=r"fails on float32 of shape \(3, 20, 20, 3\)"):
        filter_patterns(model, "units", steps=1, size=20)
    with pytest.raises(ValueError, match="incompatible"):
        model(np.zeros((1, 20, 20, 3)))


def test_a_model_of_any_size_shows_128_pixels():
    assert filter_patterns(linear(), "conv", [0], steps=1).shape == (1, 128, 128, 3)


def test_gray_and_other_channels():
    assert filter_patterns(linear(1), "conv", [0, 2], steps=1, size=9).shape == (2, 9, 9)
    assert filter_grid(linear(1), "conv", [0, 2], steps=1, size=9).shape == (17, 30, 3)
    assert filter_patterns(linear(4), "conv", [0, 2], steps=1, size=9).shape == (2, 9, 9, 4)
    with pytest.raises(ModelError, match="grey or RGB pictures, got one of 4 channels"):
        filter_grid(linear(4), "conv", [0, 2], steps=1, size=9)


def test_half_precision():
    policy = keras.DTypePolicy("mixed_float16")
    stack = [layers.Conv2D(4, 3, dtype=policy, name="one"), layers.Conv2D(4, 3, dtype=policy, name="two")]
    model = keras.Sequential([keras.Input((16, 16, 3)), *stack])
    patterns = filter_patterns(model, "two", steps=5)
    assert (patterns.std(axis=(1, 2, 3)) > 20).all()


def test_a_batch_that_the_model_fixes():
    model = keras.Sequential([keras.Input(batch_shape=(4, 9, 9, 3)), layers.Conv2D(6, 7, name="conv")])
    model.get_layer("conv").set_weights(linear().get_weights())
    wanted = filter_patterns(linear(), "conv", steps=2, size=9)
    assert np.abs(filter_patterns(model, "conv", steps=2).astype(int) - wanted).max() <= 1


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch compiles nothing")
def test_numbers_and_filters_compile_nothing_again():
    times = []

    class Counted(layers.Conv2D):
        def call(self, x):
            times.append(1)
            return super().call(x)

    model = keras.Sequential([keras.Input((12, 12, 3)), Counted(40, 3, name="conv")])
    options = {"jitter": 1, "blur": 0.5, "total_variation": 0.1}
    filter_patterns(model, "conv", steps=2, **options)
    before = len(times)
    others = {"jitter": 3, "blur": 0.9, "total_variation": 0.3, "rate": 0.1, "seed": 4, "value_range": (-1, 1)}
    for steps in (1, 3, 5):
        filter_patterns(model, "conv", np.arange(40)[::-1], steps=steps, **others)
    assert len(times) == before


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras on PyTorch, see pyproject.toml
def test_a_filter_without_gradient_is_named():
    stack = [layers.Conv2D(4, 3, activation="relu", name="conv")]
    model = keras.Sequential([keras.Input((12, 12, 3)), *stack])
    kernel, bias = model.get_weights()
    model.set_weights([kernel * np.array([1, 0, 1, 0], "f"), bias])
    with pytest.warns(UserWarning, match="no gradient for filter 3, 1 of the layer 'conv'"):
        patterns = filter_patterns(model, "conv", [3, 0, 1])
    assert patterns[[0, 2]].std() > 20  # noise is left


def test_a_filter_whose_relu_leaves_nothing_climbs_towards_it():
    rows = [("relu", layers.Conv2D(4, 3, activation="relu", name="conv")), ("linear", layers.Conv2D(4, 3, name="conv"))]
    models = {name: keras.Sequential([keras.Input((12, 12, 3)), layer]) for name, layer in rows}
    kernel, bias = models["linear"].get_weights()
    for model in models.values():
        model.set_weights([kernel, bias - 1e4])  # out of reach
    wanted = filter_patterns(models["linear"], "conv", steps=5)
    np.testing.assert_array_equal(filter_patterns(models["relu"], "conv", steps=5), wanted)


def test_a_weight_that_is_no_number():
    model = linear()
    model.get_layer("conv").set_weights([np.full((7, 7, 3, 6), np.nan, "f"), np.zeros(6, "f")])
    with pytest.raises(ModelError, match=r"the weight '.*conv/kernel'"):
        filter_patterns(model, "conv", [0], size=9)


# --- the grid ---


def test_the_grid_holds_the_patterns():
    model, layer = flat()
    options = {"steps": 2, "jitter": 1, "size": 20, "rate": 0.1, "seed": 3, "blur": 0.4, "octaves": 2, **UNIT}
    patterns = filter_patterns(model, layer, **options)
    sheet = filter_grid(model, layer, **options)
    assert sheet.shape == (4 + 2 * 24, 4 + 8 * 24, 3)
    for number, pattern in enumerate(patterns):
        top, left = 4 + 24 * (number // 8), 4 + 24 * (number % 8)
        assert (sheet[top : top + 20, left : left + 20] == pattern).all()


def test_the_grid_begins_with_64_filters():
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(70, 3, name="conv")])
    assert filter_grid(model, "conv", steps=1, margin=1).shape == (57, 57, 3)
    assert filter_grid(model, "conv", range(70), steps=1, margin=1).shape == (64, 57, 3)


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": None}, "one layer or its name, got None"),
        ({"layer": ["conv", "conv"]}, "one layer or its name, got list"),
        ({"layer": "cov"}, "did you mean 'conv'"),
        ({"filters": 6}, "filters from 0 to 5 of the layer 'conv', got 6"),
        ({"filters": [0, -1]}, "got -1"),
        ({"filters": []}, "integers or None"),
        ({"filters": [0.5]}, "integers or None"),
        ({"filters": [True, False]}, "integers or None"),
        ({"filters": [[0, 1]]}, "integers or None"),
        ({"steps": 0}, "steps to be an integer of at least 1"),
        ({"size": 0}, "size to be an integer of at least 1"),
        ({"size": (8, 8, 3)}, "size to be one integer or two"),
        ({"rate": 0}, "rate to be a number above 0"),
        ({"jitter": -1}, "jitter to be an integer of at least 0"),
        ({"jitter": 0.5}, "jitter to be an integer"),
        ({"blur": -0.1}, "blur to be at least 0"),
        ({"total_variation": float("nan")}, "total_variation to be a number"),
        ({"octaves": 0}, "octaves to be an integer of at least 1"),
        ({"value_range": (255, 0)}, "the end of value_range to be a number above 255"),
        ({"value_range": 255}, "value_range to be two numbers"),
        ({"seed": -1}, "seed to be an integer of at least 0"),
        ({"seed": None}, "seed to be an integer"),
        ({"batch_size": 0}, "batch_size to be an integer of at least 1"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        filter_patterns(**{"model": linear(size=(9, 9)), "layer": "conv", "steps": 1, **options})


@pytest.mark.parametrize("options", [{"columns": 0}, {"margin": -1}])
def test_what_the_grid_refuses(options):
    with pytest.raises(ArgumentError, match=f"filter_grid: expected {next(iter(options))}"):
        filter_grid(linear(), "conv", **options)


def test_no_model():
    with pytest.raises(ModelError, match=r"expected a keras\.Model"):
        filter_patterns(layers.Dense(3), "conv")
