"""Grad-CAM and its family: what must come out whatever the form of the network, and what may be asked for."""

import warnings
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers, ops

import visionkit as vk
from tests.explain.drawn import drawn
from tests.explain.networks import CLASSES, FORMS, flat, given, nested, pictures
from visionkit.explain.cam.gradcam import METHODS, gradcam
from visionkit.explain.pictures.upsample import upsample
from visionkit.explain.probe.layers import find

IMAGES = pictures(4)
RAW = {"normalize": False, "upsample": False, "evidence": "both"}
OF_A_CLASS = [method for method in METHODS if method != "eigencam"]


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@cache
def made(form):
    """A model, and the name of its last convolution; one for all tests, none of which changes it."""
    return FORMS[form]()


def explain(form, images=IMAGES, **options):
    output = 0 if form == "several_outputs" and options.get("method") != "eigencam" else None
    return gradcam(made(form)[0], given(form, images), output=output, **options)


def test_on_a_pooled_dense_network_it_is_cam():
    """Zhou et al., Learning Deep Features for Discriminative Localization, 2016, equations 1 and 2."""
    model, _ = flat(None)
    maps = ops.convert_to_numpy(keras.Model(model.input, model.get_layer("relu3").output)(IMAGES))
    kernel, bias = map(ops.convert_to_numpy, model.get_layer("scores").weights)
    logits = ops.convert_to_numpy(model(IMAGES))
    for target in range(CLASSES):
        cam = maps @ kernel[:, target] / maps[0, ..., 0].size
        found = gradcam(model, IMAGES, target=target, **RAW)
        np.testing.assert_allclose(found, cam, rtol=0, atol=1e-5)
        np.testing.assert_allclose(gradcam(model, IMAGES, target=target, method="hirescam", **RAW), cam, atol=1e-5)
        np.testing.assert_allclose(found.sum((1, 2)) + bias[target], logits[:, target], rtol=0, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_network_has_the_same_map_in_every_form(form):
    model, name = made(form)
    last, conv = explain("flat", target=2), explain("flat", target=2, layer="conv3")
    assert np.abs(last - conv).max() > 0.1  # two layers, two maps
    np.testing.assert_allclose(explain(form, target=2), last, rtol=0, atol=1e-5)
    for layer in (name, find("test", model, name).layer, find("test", model, name).path):
        np.testing.assert_allclose(explain(form, target=2, layer=layer), conv, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_the_same_map_in_a_model_of_models(method):
    whole = explain("flat", method=method)
    assert whole.shape == IMAGES.shape[:3]
    assert whole.dtype == np.float32
    assert whole.min() >= 0
    np.testing.assert_allclose(whole.max((1, 2)), 1, atol=1e-6)
    np.testing.assert_allclose(explain("nested_twice", method=method), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_an_image_has_the_same_map_in_every_batch(method):
    images = pictures(7)
    whole = explain("flat", images, method=method)
    np.testing.assert_allclose(explain("flat", images, method=method, batch_size=3), whole, rtol=0, atol=1e-5)
    np.testing.assert_allclose(explain("flat", images[5:6], method=method), whole[5:6], rtol=0, atol=1e-5)


def test_no_target_is_the_predicted_class_and_each_image_may_have_its_own():
    predicted = ops.convert_to_numpy(made("flat")[0](IMAGES)).argmax(1)
    np.testing.assert_array_equal(explain("flat"), explain("flat", target=predicted))
    each = explain("flat", target=np.array([3, 1, 0, 1]))
    for number, target in enumerate([3, 1, 0, 1]):
        np.testing.assert_allclose(each[number], explain("flat", target=target)[number], atol=1e-6)


@pytest.mark.parametrize("method", OF_A_CLASS)
def test_against_a_class_is_for_the_negated_score(method):
    for_it = explain("flat", target=1, method=method, normalize=False)
    against = explain("flat", target=1, method=method, evidence="against", normalize=False)
    negated = explain("flat", target=lambda outputs: -outputs[:, 1], method=method, normalize=False)
    np.testing.assert_allclose(against, negated, atol=1e-5)
    assert for_it.min() >= 0
    assert against.min() >= 0
    both = explain("flat", target=1, method=method, evidence="both", normalize=False)
    np.testing.assert_allclose(both, for_it - against, atol=1e-5)


def test_both_is_signed_and_divided_by_its_largest():
    both = explain("flat", target=1, evidence="both")
    assert both.min() < 0 < both.max()
    np.testing.assert_allclose(np.abs(both).max((1, 2)), 1, atol=1e-6)


def _pooled(side, strides, kernel):
    """One channel, which is the picture made smaller, and one score: the sum of that times the kernel."""
    model = keras.Sequential(
        [
            keras.Input((side, side, 1)),
            layers.AveragePooling2D(strides, name="small"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, kernel_initializer=keras.initializers.Constant(kernel), name="scores"),
        ]
    )
    return model


def test_cell_1_1_of_7_x_7_lies_around_47_and_a_half_of_224():
    """Half-pixel centres: the cell is pixels 32 to 63. With aligned corners the centroid is at 37."""
    image = np.zeros((1, 224, 224, 1), "float32")
    image[:, 32:64, 32:64] = 1
    found = gradcam(_pooled(224, 32, 1.0), image)[0]
    y, x = (np.average(np.arange(224), weights=found.sum(axis)) for axis in (1, 0))
    assert abs(y - 47.5) <= 0.5
    assert abs(x - 47.5) <= 0.5


def test_a_map_that_is_negative_everywhere_is_zero_and_one_warning_says_so():
    model, images = _pooled(32, 4, -1.0), pictures(3)[..., :1] + 0.1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = gradcam(model, images)
    (warning,) = (one for one in caught if one.category is UserWarning)
    assert str(warning.message).startswith("gradcam: images 0, 1, 2: no positive evidence for the class")
    assert warning.filename == __file__
    np.testing.assert_array_equal(found, np.zeros((3, 32, 32)))
    assert (gradcam(model, images, evidence="against").max((1, 2)) == 1).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert not gradcam(model, images, normalize=False).any()


def test_a_saturated_softmax_still_has_a_map():
    model, _ = flat()
    scores = model.get_layer("scores")
    kernel, bias = scores.get_weights()
    scores.set_weights([kernel * 1e5, bias])
    best = ops.convert_to_numpy(model(IMAGES))
    logits = gradcam(model, IMAGES, **RAW).sum((1, 2))
    assert np.abs(logits).min() > 1e3
    assert set(np.unique(best)) == {0.0, 1.0}
    np.testing.assert_allclose(gradcam(model, IMAGES), explain("flat", target=best.argmax(1)), atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_close_to_float32(policy):
    weights = nested()[0].get_weights()
    keras.config.set_dtype_policy(policy)
    try:
        model, _ = nested()
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(weights)
    best = ops.convert_to_numpy(made("flat")[0](IMAGES)).argmax(1)
    cases = [(None, method) for method in METHODS] + [("relu2", "gradcam"), ("relu2", "layercam")]
    for layer, method in cases if policy == "mixed_float16" else cases[::3]:
        options = {"layer": layer, "method": method} | ({} if method == "eigencam" else {"target": best})
        found, exact = gradcam(model, IMAGES, **options), explain("flat", **options)
        assert found.dtype == np.float32
        # before a ReLU a rounding can switch a place on or off
        likeness = np.corrcoef(found.ravel(), exact.ravel())[0, 1]
        assert likeness > (0.999 if layer is None else 0.98), (method, layer, likeness)


def test_several_layers_are_brought_to_one_size_divided_and_averaged():
    one, other = (explain("flat", target=2, layer=layer) for layer in ("relu2", "relu3"))
    mean = (one + other) / 2
    fused = explain("flat", target=2, layer=["relu2", "relu3"])
    np.testing.assert_allclose(fused, mean / mean.max((1, 2), keepdims=True), atol=1e-6)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(3, 3, padding="same", name="three")(image)
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="five")(x)
    other = drawn(keras.Model(image, layers.Dense(2)(layers.Flatten()(x))))
    small = gradcam(other, pictures(2, size=16), layer=["three", "five"], **RAW)
    parts = [gradcam(other, pictures(2, size=16), layer=layer, **RAW) for layer in ("three", "five")]
    np.testing.assert_allclose(small, np.mean(parts, axis=0), atol=1e-6)
    with pytest.raises(vk.ArgumentError, match=r"layers of 16 x 16, 8 x 8 cannot be averaged as they are"):
        explain("flat", layer=["relu2", "relu3"], upsample=False)


@pytest.mark.parametrize("method", ["gradcam", "ablationcam"])
def test_all_calls_of_a_shared_layer_are_averaged(method):
    image = keras.Input((16, 16, 3))
    shared = layers.Conv2D(3, 3, padding="same", activation="relu", name="shared")
    head = layers.Dense(4)(layers.Flatten()(layers.AveragePooling2D(4)(shared(shared(image)))))
    model, images = drawn(keras.Model(image, head)), pictures(3, size=16)
    options = {"target": 1, "method": method, "normalize": False}
    first, second = (gradcam(model, images, layer=f"shared:{call}", **options) for call in (0, 1))
    assert np.abs(first - second).max() > 0.01 * first.max()
    found = gradcam(model, images, layer="shared", **options)
    np.testing.assert_allclose(found, (first + second) / 2, atol=1e-6)


def test_the_map_as_small_as_the_layer_is_what_is_enlarged():
    small = explain("flat", normalize=False, upsample=False)
    assert small.shape == (4, 8, 8)
    np.testing.assert_array_equal(explain("flat", normalize=False), upsample(small, (32, 32)))


def test_the_region_of_a_segmentation():
    """The map of the upper left corner knows nothing of what lies out of its sight."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(image)
    model = keras.Model(image, layers.Softmax()(layers.Conv2D(3, 3, padding="same")(x)))
    found = gradcam(
        model, IMAGES, target=lambda made: ops.mean(made[:, :8, :8, 1], axis=(1, 2)), method="hirescam", **RAW
    )
    assert not found[:, 9:].any()
    assert not found[:, :, 9:].any()
    assert np.abs(found[:, :8, :8]).max((1, 2)).min() > 0


def test_a_number_that_is_estimated():
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="conv")(image)
    model = keras.Model(image, layers.Dense(1, bias_initializer="ones")(layers.GlobalAveragePooling2D()(x)))
    found = gradcam(model, IMAGES, **RAW)
    np.testing.assert_allclose(found.sum((1, 2)) + 1, ops.convert_to_numpy(model(IMAGES))[:, 0], atol=1e-5)


def test_the_likeness_of_embeddings():
    """The dot product with another picture's embedding is a class whose weights are that embedding."""
    image = keras.Input((32, 32, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu", name="conv")(image))
    model = keras.Model(image, pooled)
    wanted = ops.convert_to_numpy(model(pictures(1, seed=9)))[0]
    found = gradcam(model, IMAGES, target=lambda made: ops.sum(ops.multiply(made, wanted), axis=1), **RAW)
    np.testing.assert_allclose(found.sum((1, 2)), ops.convert_to_numpy(model(IMAGES)) @ wanted, atol=1e-5)


BAD = {
    "method": (lambda: explain("flat", method="gradcampp"), r"method to be one of .* did you mean 'gradcam"),
    "evidence": (lambda: explain("flat", evidence="fore"), "did you mean 'for'"),
    "normalize": (lambda: explain("flat", normalize=1), "normalize to be True or False, got 1"),
    "upsample": (lambda: explain("flat", upsample=(64, 64)), "upsample to be True or False"),
    "batch size": (
        lambda: explain("flat", method="scorecam", batch_size=0),
        "batch_size to be an integer of at least 1",
    ),
    "a vector": (lambda: explain("flat", layer="scores"), r"more than one place, got 'scores' with \('N', 5\)"),
    "one place": (
        lambda: gradcam(_pooled(32, 32, 1.0), IMAGES[..., :1], layer="small"),
        r"more than one place, got 'small' with \('N', 1, 1, 1\)",
    ),
    "no spatial layer": (
        lambda: gradcam(keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(2)]), IMAGES),
        "without; saliency and occlusion",
    ),
    "a class without one": (
        lambda: explain("flat", method="eigencam", target=0),
        "explains no class; leave out target",
    ),
    "classes without one": (
        lambda: explain("flat", method="eigencam", target=np.zeros(4, int)),
        "explains no class; leave out target",
    ),
    "an output without a class": (
        lambda: gradcam(made("flat")[0], IMAGES, method="eigencam", output=0),
        "explains no class; leave out output",
    ),
    "evidence without a class": (
        lambda: explain("flat", method="eigencam", evidence="against"),
        "explains no class; leave out evidence",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_clear_error(case):
    call, message = BAD[case]
    with pytest.raises(vk.VisionkitError, match=message):
        call()


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_are_no_numbers_are_named(method):
    model, _ = flat()
    kernel = model.get_layer("conv3").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(vk.ModelError, match=r"gradcam: the weight .*conv3/kernel"):
        gradcam(model, IMAGES, method=method)


def test_a_layer_that_is_named_twice_counts_once():
    twice, once = (explain("flat", layer=layers) for layers in (["relu3", "conv3", "relu3"], ["relu3", "conv3"]))
    np.testing.assert_array_equal(twice, once)
