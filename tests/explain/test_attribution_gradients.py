"""Saliency, input times gradient and guided backpropagation, against autodiff and arithmetic."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import visionkit as vk
from tests.explain.networks import CLASSES, FORMS, SIZE, flat, given, pictures
from tests.explain.plain_gradient import plain_gradient
from visionkit.explain.attribution.gradients import input_x_gradient, saliency
from visionkit.explain.attribution.guided import guided_backprop, guided_gradcam
from visionkit.explain.cam.gradcam import gradcam
from visionkit.explain.probe.layers import places

pytestmark = pytest.mark.filterwarnings(  # of Keras on PyTorch, where pytest.warns shows it again
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
IMAGES = pictures(3)
TARGET = np.array([2, 0, 4])
METHODS = (saliency, input_x_gradient, guided_backprop, guided_gradcam)


def linear(weights, activation=None):
    """A network whose scores are weights times pixels: (H, W, C, classes)."""
    model = keras.Sequential(
        [
            keras.Input(weights.shape[:3]),
            layers.Flatten(),
            layers.Dense(weights.shape[3], use_bias=False, activation=activation),
        ]
    )
    model.set_weights([weights.reshape(-1, weights.shape[3])])
    return model


@pytest.fixture(scope="module")
def gradient():
    return plain_gradient(flat(None)[0], IMAGES, TARGET)


@pytest.mark.parametrize("form", FORMS)
def test_saliency_in_every_form_is_the_gradient_of_the_score_before_softmax(form, gradient):
    model, _ = FORMS[form]()
    output = 0 if form == "several_outputs" else None
    found = saliency(model, given(form, IMAGES), target=TARGET, output=output, reduce=None)
    half = 0.5 if form == "shared" else 1.0  # of the score; the other half comes from the other picture
    np.testing.assert_allclose(found, gradient * half, atol=1e-6)


def test_saliency_is_the_largest_absolute_gradient_of_the_channels_over_the_largest_of_all(gradient):
    model, _ = flat()
    largest = np.abs(gradient).max(axis=-1)
    found = saliency(model, IMAGES, target=TARGET, batch_size=2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, largest / largest.max(axis=(1, 2), keepdims=True), atol=1e-5)
    np.testing.assert_allclose(saliency(model, IMAGES, target=TARGET, normalize=False), largest, atol=1e-6)


def test_input_x_gradient_keeps_the_sign_when_channels_are_summed(gradient):
    total = (IMAGES * gradient).sum(axis=-1)
    found = input_x_gradient(flat()[0], IMAGES, target=TARGET, reduce="sum")
    np.testing.assert_allclose(found, total / np.abs(total).max(axis=(1, 2), keepdims=True), atol=1e-5)
    assert found.min() < 0 < found.max() <= 1


def test_the_gradient_of_a_linear_network_is_its_weights():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, 5, 3, 2)).astype("float32")
    x = rng.uniform(size=(2, 4, 5, 3)).astype("float32")
    model = linear(weights, "softmax")
    for label in range(2):
        found = saliency(model, x, target=label, reduce=None)
        np.testing.assert_allclose(found, np.broadcast_to(weights[..., label], x.shape), atol=1e-6)
        added = input_x_gradient(model, x, target=label, reduce=None)
        np.testing.assert_allclose(
            added.sum(axis=(1, 2, 3)), np.einsum("nijc,ijc->n", x, weights[..., label]), rtol=1e-5
        )


def test_none_is_the_predicted_class():
    model, _ = flat()
    predicted = model.predict(IMAGES, verbose=0).argmax(axis=1)
    for method in METHODS:
        expected = method(model, IMAGES, target=predicted)
        np.testing.assert_array_equal(method(model, IMAGES), expected)
        other = method(model, IMAGES, target=(predicted + 1) % CLASSES)
        assert np.abs(other - expected).max() > 0.01


def test_a_saturated_softmax_hides_nothing():
    model, _ = flat()
    x = IMAGES[:1]
    label = int(model.predict(x, verbose=0).argmax())
    expected = saliency(model, x)
    dense = model.get_layer("scores")
    dense.set_weights([value * 1e4 for value in dense.get_weights()])
    assert model.predict(x, verbose=0)[0, label] == 1.0
    np.testing.assert_allclose(saliency(model, x), expected, atol=1e-4)


def _patch(outputs):
    return outputs[:, 1:3, 2:5, 1]


def test_a_function_as_target_explains_a_part_of_a_segmentation():
    model = keras.Sequential([keras.Input((6, 7, 3)), layers.Conv2D(2, 1, activation="softmax")])
    kernel = ops.convert_to_numpy(model.layers[0].kernel)[0, 0, :, 1]
    expected = np.zeros((1, 6, 7, 3), "float32")
    expected[:, 1:3, 2:5] = kernel
    x = pictures(1)[:, :6, :7]
    np.testing.assert_allclose(saliency(model, x, target=_patch, reduce=None), expected, atol=1e-6)


def test_one_number_as_output_is_explained_as_it_is():
    weights = np.arange(6, dtype="float32").reshape(2, 3, 1, 1)
    found = saliency(linear(weights), np.ones((1, 2, 3, 1)), normalize=False)
    np.testing.assert_array_equal(found[0], weights[..., 0, 0])


def test_a_score_that_does_not_depend_on_the_picture_is_zero_and_a_warning():
    weights = np.ones((2, 2, 1, 1), "float32")
    model = linear(weights)
    x = np.ones((2, 2, 2, 1), "float32")
    x[1] = 0
    with pytest.warns(UserWarning, match=r"^input_x_gradient: image 1: nothing") as caught:
        found = input_x_gradient(model, x)
    assert __file__ in {one.filename for one in caught}
    np.testing.assert_array_equal(found, x[..., 0])


class Own(layers.Layer):
    """ReLUs that only its ``call`` knows."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return getattr(keras.ops, self.function)(x)


RELUS = {
    "layer": (layers.ReLU, np.inf),
    "activation layer": (lambda: layers.Activation("relu"), np.inf),
    "function": (lambda: ops.relu, np.inf),
    "layer of one's own": (lambda: Own("relu"), np.inf),
    "layer with a ceiling": (lambda: layers.ReLU(6.0), 6.0),
    "relu6": (lambda: layers.Activation("relu6"), 6.0),
    "relu6 of one's own": (lambda: Own("relu6"), 6.0),
    "activation": (lambda: "relu", np.inf),
    "activation relu6": (lambda: "relu6", 6.0),
}


def two_relus(make, kernels):
    """(4, 4, 1) pictures through three dense layers with these kernels, a ReLU after the first and the second."""
    x = image = keras.Input((4, 4, 1))
    x = layers.Flatten()(x)
    for kernel in kernels[:2]:
        relu = make()
        dense = layers.Dense(kernel.shape[1], use_bias=False, activation=relu if isinstance(relu, str) else None)
        x = dense(x) if isinstance(relu, str) else relu(dense(x))
        dense.set_weights([kernel])
    last = layers.Dense(kernels[2].shape[1], use_bias=False)
    model = keras.Model(image, last(x))
    last.set_weights([kernels[2]])
    return model


@pytest.mark.parametrize("kind", RELUS)
def test_guided_backprop_lets_only_positive_gradients_through_every_kind_of_relu(kind):
    make, ceiling = RELUS[kind]
    rng = np.random.default_rng(3)
    kernels = [rng.normal(0, 1, shape).astype("float32") for shape in ((16, 12), (12, 10), (10, 3))]
    x = rng.uniform(0, 2, (2, 4, 4, 1)).astype("float32")
    first = x.reshape(2, 16) @ kernels[0]
    second = first.clip(0, ceiling) @ kernels[1]
    assert ((first > 6).any() and (second > 6).any()) or ceiling > 6

    def back(guided):
        passed = np.broadcast_to(kernels[2][:, 1], (2, 10))
        for before, kernel in ((second, kernels[1]), (first, kernels[0])):
            passed = passed * ((before > 0) & (before < ceiling) & ((passed > 0) | (not guided))) @ kernel.T
        return passed.reshape(x.shape)

    model = two_relus(make, kernels)
    np.testing.assert_allclose(guided_backprop(model, x, target=1, reduce=None), back(True), atol=1e-5)
    np.testing.assert_allclose(saliency(model, x, target=1, reduce=None), back(False), atol=1e-5)
    assert np.abs(back(True) - back(False)).max() > 0.1


@pytest.fixture(scope="module")
def guided():
    return guided_backprop(flat()[0], IMAGES, target=TARGET)


@pytest.mark.parametrize("form", ["nested_twice", "subclassed", "blocks", "shared"])
def test_guided_backprop_is_the_same_in_every_form(form, guided, gradient):
    found = guided_backprop(FORMS[form]()[0], given(form, IMAGES), target=TARGET)
    np.testing.assert_allclose(found, guided, atol=1e-5)
    plain = np.abs(gradient).max(axis=-1)
    assert np.abs(guided - plain / plain.max(axis=(1, 2), keepdims=True)).max() > 0.1


def test_guided_gradcam_is_the_product_of_both():
    model, _ = flat()
    details = guided_backprop(model, IMAGES, target=TARGET, reduce=None)
    maps = gradcam(model, IMAGES, target=TARGET, layer="relu2")
    product = np.abs(details * maps[..., None]).max(axis=-1)
    found = guided_gradcam(model, IMAGES, target=TARGET, layer="relu2")
    np.testing.assert_allclose(found, product / product.max(axis=(1, 2), keepdims=True), atol=1e-5)


def _raises(outputs):
    raise RuntimeError("on purpose")


@pytest.mark.parametrize("method", METHODS)
def test_a_model_is_as_it_was_also_after_an_error(method):
    model, _ = flat()
    before = {place.path: {name: id(value) for name, value in vars(place.layer).items()} for place in places(model)}
    method(model, IMAGES[:1])
    with pytest.raises(RuntimeError, match="on purpose"):
        method(model, IMAGES[:1], target=_raises)
    after = {place.path: {name: id(value) for name, value in vars(place.layer).items()} for place in places(model)}
    assert after == before


def test_mixed_precision_keeps_small_gradients():
    model, _ = flat(None)
    expected = saliency(model, IMAGES, target=TARGET)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed, _ = flat(None)
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(model.get_weights())
    found = saliency(mixed, IMAGES, target=TARGET)
    assert found.dtype == np.float32
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def smooth_network():
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), layers.Conv2D(2, 3, activation="gelu"), layers.Flatten()])


BAD = {
    "reduce": (lambda: saliency(flat()[0], IMAGES, reduce="maximum"), "reduce to be one of 'max', 'sum'"),
    "normalize": (lambda: input_x_gradient(flat()[0], IMAGES, normalize="yes"), "normalize to be True or False"),
    "one image": (lambda: saliency(flat()[0], IMAGES[0]), r"saliency: .*images\[np.newaxis\]"),
    "batch_size": (lambda: guided_backprop(flat()[0], IMAGES, batch_size=0), "guided_backprop: .*batch_size"),
    "no relu": (lambda: guided_backprop(smooth_network(), IMAGES), "with ReLUs, got one without; use saliency"),
    "no such layer": (lambda: guided_gradcam(flat()[0], IMAGES, layer="conv9"), "expected layer to be one of"),
    "no such class": (lambda: input_x_gradient(flat()[0], IMAGES, target=CLASSES), "a class from 0 to"),
    "no model": (lambda: saliency(len, IMAGES), "saliency: expected a keras.Model"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_clear_error(case):
    make, message = BAD[case]
    with pytest.raises(vk.VisionkitError, match=message):
        make()


def test_weights_that_are_no_numbers_are_named():
    model, _ = flat()
    kernel = model.get_layer("conv2").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(vk.ModelError, match=r"saliency: the weight .*conv2/kernel"):
        saliency(model, IMAGES)
