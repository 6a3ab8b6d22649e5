"""What fails elsewhere: for each failure that people report of other tools a test that it does not happen here."""

import gc
import tracemalloc
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import visionkit as vk
from tests.explain.networks import calibrated, pictures
from visionkit.explain.attribution.gradients import saliency
from visionkit.explain.attribution.guided import guided_backprop
from visionkit.explain.cam.gradcam import METHODS, gradcam

IMAGES = pictures(4, size=16)
RAW = {"normalize": False, "upsample": False, "evidence": "both", "method": "hirescam"}


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def base(name="base", kind="functional"):
    """What a pretrained network without its classifier is: scaling inside, batch normalisation, maps (5, 5, 6)."""
    stack = [
        layers.Rescaling(2.0, -1.0),
        layers.Conv2D(6, 3, strides=2, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(6.0),
        layers.Conv2D(6, 3, activation="relu", name="last_conv"),
    ]
    model = keras.Sequential([keras.Input((16, 16, 3)), *stack], name=name)
    calibrated(model, pictures(16, size=16, seed=3))
    return model if kind == "sequential" else keras.Model(model.inputs[0], model.outputs[0], name=name)


def logits(model, images=IMAGES):
    """The scores before the softmax or sigmoid that ends a model, from what comes out."""
    made = ops.convert_to_numpy(model(images)).astype("float64")
    return np.log(made) if made.shape[-1] > 1 else np.log(made / (1 - made))


def adds_up(model, dense, given, **options):
    """A dense layer after global pooling: with its bias, each signed map adds up to the score of the class."""
    score = gradcam(model, given, **RAW, **options).sum((1, 2))
    return score + ops.convert_to_numpy(dense.bias)[options.get("target", 0)]


def test_layers_before_a_pretrained_base_and_an_activation_after_it():
    """https://github.com/keisen/tf-keras-vis/issues/63: "Graph disconnected"."""
    image = keras.Input((36, 36, 3))
    x = layers.MaxPooling2D(2)(layers.Conv2D(3, 5, kernel_initializer="ones", name="before")(image))
    dense = layers.Dense(1, bias_initializer="ones")
    x = dense(layers.GlobalAveragePooling2D()(base()(x)))
    model, images = keras.Model(image, layers.Activation("sigmoid")(x)), pictures(3, size=36) / 75
    found = gradcam(model, images, target=1, **RAW)
    np.testing.assert_allclose(found.sum((1, 2)) + 1, logits(model, images)[:, 0], rtol=1e-3, atol=1e-4)
    assert gradcam(model, images, target=1, layer="before", normalize=False).shape == (3, 36, 36)


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_pretrained_base_inside_a_model(kind):
    """https://github.com/keisen/tf-keras-vis/issues/71, https://github.com/tensorflow/tensorflow/issues/44462,
    https://github.com/keras-team/keras/issues/16355, https://github.com/sicara/tf-explain/issues/138: none of them
    reaches a layer inside.
    """
    image, inner = keras.Input((16, 16, 3)), base(kind=kind)
    dense = layers.Dense(4, kernel_initializer=keras.initializers.RandomNormal(seed=1))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(inner(image)))
    model = keras.Model(image, layers.Softmax()(dense(x)))
    features = ops.convert_to_numpy(inner(IMAGES))
    expected = features @ ops.convert_to_numpy(dense.kernel)[:, 2] / 25
    for layer in (None, "last_conv", "base/last_conv", "base", inner.get_layer("last_conv")):
        np.testing.assert_allclose(gradcam(model, IMAGES, target=2, layer=layer, **RAW), expected, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras on PyTorch has no names with dots")
def test_a_base_whose_name_has_dots():
    """https://github.com/keras-team/keras-cv/pull/244: a path by dots breaks on "mobilenetv2_1.00_224"."""
    image = keras.Input((16, 16, 3))
    pooled = layers.GlobalAveragePooling2D()(base("mobilenetv2_1.00_224")(image))
    model = keras.Model(image, layers.Dense(3, "softmax")(pooled))
    found = gradcam(model, IMAGES, target=1, layer="mobilenetv2_1.00_224/last_conv", **RAW)
    np.testing.assert_array_equal(found, gradcam(model, IMAGES, target=1, **RAW))


def sequential(first):
    stack = [layers.Conv2D(6, 3, strides=2, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    return keras.Sequential([*first, *stack, layers.Dense(3, "softmax")])


def test_a_sequential_model_with_and_without_an_input_layer():
    """https://github.com/keras-team/keras-io/issues/1903, https://github.com/keras-team/keras-io/pull/2244: "The layer
    sequential has never been called and thus has no defined output".
    """
    model, never_called = sequential([keras.Input((16, 16, 3))]), sequential([])
    expected = gradcam(model, IMAGES, target=1, **RAW)
    never_called.build((None, 16, 16, 3))
    never_called.set_weights(model.get_weights())
    np.testing.assert_allclose(gradcam(never_called, IMAGES, target=1, **RAW), expected, atol=1e-6)
    assert gradcam(sequential([]), IMAGES, normalize=False).shape == (4, 16, 16)


def test_a_sequential_model_that_was_loaded(tmp_path):
    """https://github.com/keras-team/keras/issues/20116: the same, of a model out of a file."""
    model = sequential([])
    model(IMAGES)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = gradcam(model, IMAGES, target=1, **RAW)
    np.testing.assert_allclose(gradcam(loaded, IMAGES, target=1, **RAW), expected, atol=1e-6)


def test_two_pictures_through_one_base():
    """https://github.com/keisen/tf-keras-vis/issues/48: "Graph disconnected"; and one map for an image, where
    https://github.com/keisen/tf-keras-vis/issues/96 has one for each input.
    """
    left, right, inner = keras.Input((16, 16, 3)), keras.Input((16, 16, 3)), base()
    both = layers.Concatenate()([inner(left), inner(right)])
    dense = layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(seed=2))
    model = keras.Model([left, right], layers.Softmax()(dense(layers.GlobalAveragePooling2D()(both))))
    others = pictures(4, size=16, seed=5)
    kernel = ops.convert_to_numpy(dense.kernel)[:, 1] / 25
    halves = [ops.convert_to_numpy(inner(x)) @ part for x, part in ((IMAGES, kernel[:6]), (others, kernel[6:]))]
    found = {
        layer: gradcam(model, [IMAGES, others], target=1, layer=layer, **RAW) for layer in (None, "base:0", "base:1")
    }
    np.testing.assert_allclose(found[None], sum(halves), atol=1e-5)
    np.testing.assert_allclose(found["base:0"], halves[0], atol=1e-5)
    np.testing.assert_allclose(found["base:1"], halves[1], atol=1e-5)


def test_a_picture_and_words():
    """https://github.com/jacobgil/pytorch-grad-cam/issues/159, https://github.com/sicara/tf-explain/issues/154: other
    inputs than a picture.
    """
    words, image = keras.Input((5,), dtype="int32", name="words"), keras.Input((16, 16, 3), name="image")
    read = layers.GlobalAveragePooling1D()(layers.Embedding(20, 6)(words))
    seen = layers.GlobalAveragePooling2D()(base()(image))
    dense = layers.Dense(3)
    model = keras.Model({"words": words, "image": image}, layers.Softmax()(dense(layers.Concatenate()([read, seen]))))
    given = {"words": np.arange(20).reshape(4, 5), "image": IMAGES}
    maps = ops.convert_to_numpy(model.get_layer("base")(IMAGES))
    expected = maps @ ops.convert_to_numpy(dense.kernel)[6:, 2] / 25
    np.testing.assert_allclose(gradcam(model, given, target=2, **RAW), expected, atol=1e-5)
    for method in METHODS:
        assert gradcam(model, given, method=method, normalize=False).shape == (4, 16, 16)


def test_several_outputs():
    """https://github.com/keisen/tf-keras-vis/issues/50, https://github.com/jacobgil/pytorch-grad-cam/issues/121: only
    the first of several outputs can be explained, or none.
    """
    image = keras.Input((16, 16, 3))
    pooled = layers.GlobalAveragePooling2D()(base()(image))
    first, second = layers.Dense(3, name="kind"), layers.Dense(2, name="age", bias_initializer="ones")
    model = keras.Model(image, {"kind": layers.Softmax()(first(pooled)), "age": second(pooled)})
    ages = ops.convert_to_numpy(model(IMAGES)["age"])
    np.testing.assert_allclose(adds_up(model, second, IMAGES, output="age", target=1), ages[:, 1], atol=1e-5)
    found = gradcam(model, IMAGES, target=lambda made: made["age"][:, 1], **RAW)
    np.testing.assert_allclose(found, gradcam(model, IMAGES, output="age", target=1, **RAW), atol=1e-6)
    with pytest.raises(vk.ArgumentError, match=r"2 outputs .*say which with output="):
        gradcam(model, IMAGES)


@pytest.mark.parametrize("end", ["argument", "activation", "softmax"])
def test_a_softmax_is_left_out_wherever_it_is(end):
    """https://github.com/fchollet/deep-learning-with-python-notebooks/issues/107,
    https://github.com/jacobgil/pytorch-grad-cam/issues/232: gradients of what comes after the softmax, which vanish
    where it is sure; tools that replace an activation fail on a Sequential, and do nothing where it is a layer.
    """
    dense = layers.Dense(
        3, "softmax" if end == "argument" else None, kernel_initializer=keras.initializers.RandomNormal(seed=4)
    )
    last = {"argument": [], "activation": [layers.Activation("softmax")], "softmax": [layers.Softmax()]}[end]
    model = keras.Sequential([keras.Input((16, 16, 3)), base(), layers.GlobalAveragePooling2D(), dense, *last])
    dense.set_weights([dense.get_weights()[0] * 1e6, np.zeros(3)])
    assert ops.convert_to_numpy(model(IMAGES)).max() == 1
    before = ops.convert_to_numpy(ops.mean(model.get_layer("base")(IMAGES), (1, 2))) @ dense.get_weights()[0]
    np.testing.assert_allclose(gradcam(model, IMAGES, target=1, **RAW).sum((1, 2)), before[:, 1], rtol=1e-3)


def test_two_classes_by_one_unit():
    """https://github.com/keisen/tf-keras-vis/issues/84, https://github.com/jacobgil/pytorch-grad-cam/issues/325: class
    0 of a network with one sigmoid.
    """
    model = keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(1, "sigmoid")])
    one, zero = (gradcam(model, IMAGES, target=target, **RAW) for target in (1, 0))
    assert np.abs(one).max() > 0
    np.testing.assert_allclose(zero, -one, atol=1e-6)


def test_an_estimated_number_and_what_makes_it_smaller():
    """https://github.com/jacobgil/pytorch-grad-cam/issues/293: regression has no class to explain."""
    model = keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(1)])
    signed = gradcam(model, IMAGES, **RAW)
    np.testing.assert_allclose(signed.sum((1, 2)), ops.convert_to_numpy(model(IMAGES))[:, 0], atol=1e-5)
    smaller = gradcam(model, IMAGES, **{**RAW, "evidence": "against"})
    np.testing.assert_allclose(smaller, np.maximum(-signed, 0), atol=1e-6)


def test_gradients_that_are_all_negative():
    """https://github.com/jacobgil/pytorch-grad-cam/issues/235, https://github.com/jacobgil/pytorch-grad-cam/issues/108:
    an empty map, or one of NaN, and nothing said.
    """
    kernel = keras.initializers.Constant(-1.0)
    model = keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(1, kernel_initializer=kernel)])
    for method in METHODS[:4]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            assert not gradcam(model, IMAGES, method=method).any()
        said = [str(one.message) for one in caught if one.category is UserWarning]
        assert len(said) == 1
        assert said[0].endswith("evidence='against' shows what speaks against it")
        assert gradcam(model, IMAGES, method=method, evidence="against").max() == 1


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_channels_that_are_the_same_everywhere(batch_size):
    """https://github.com/jacobgil/pytorch-grad-cam/pull/173: Score-CAM divides by zero, by batch size."""
    model = keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(3)])
    conv = model.get_layer("base").get_layer("last_conv")
    kernel, bias = conv.get_weights()
    kernel[..., 2:4] = 0
    conv.set_weights([kernel, bias])
    options = {**RAW, "method": "scorecam"}
    found = gradcam(model, IMAGES, target=1, batch_size=batch_size, **options)
    np.testing.assert_allclose(found, gradcam(model, IMAGES, target=1, **options), atol=1e-5)
    assert np.isfinite(found).all()


def test_a_map_lies_where_the_layer_looked():
    """https://github.com/keras-team/keras-io/issues/784: the map is shifted; and tools that align the corners."""
    model = keras.Sequential([keras.Input((70, 70, 1)), layers.AveragePooling2D(10), layers.GlobalMaxPooling2D()])
    image = np.zeros((1, 70, 70, 1), "float32")
    image[:, 10:20, 50:60] = 1
    found = gradcam(model, image, target=0)[0]
    np.testing.assert_allclose(np.average(np.arange(70), weights=found.sum(1)), 14.5, atol=0.1)
    np.testing.assert_allclose(np.average(np.arange(70), weights=found.sum(0)), 54.5, atol=0.1)


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "scorecam"])
def test_mixed_precision_with_a_last_layer_in_float32(method):
    """https://github.com/keisen/tf-keras-vis/issues/41, https://github.com/keisen/tf-keras-vis/issues/43: types that do
    not fit each other.
    """
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential([base(), layers.Flatten(), layers.Dense(2, dtype="float32")])
        made = gradcam(model, IMAGES, method=method, normalize=False, evidence="both")
    finally:
        keras.config.set_dtype_policy("float32")
    assert made.dtype == np.float32
    assert np.abs(made).max((1, 2)).min() > 0


def test_each_image_and_each_class_has_a_map_of_its_own():
    """https://github.com/jacobgil/pytorch-grad-cam/issues/144: all images of a batch have one map;
    https://github.com/sicara/tf-explain/issues/146: all classes have.
    """
    model = keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(4, "softmax")])
    whole = np.stack([gradcam(model, IMAGES, target=target, **RAW) for target in range(4)])
    for number in range(4):
        alone = gradcam(model, IMAGES[number : number + 1], target=2, **RAW)
        np.testing.assert_allclose(alone[0], whole[2, number], atol=1e-6)
    different = whole.reshape(16, -1)
    assert np.abs(different[:, None] - different[None])[~np.eye(16, dtype=bool)].max(-1).min() > 1e-4


def test_a_layer_without_places():
    """https://github.com/sicara/tf-explain/issues/63: a dense layer fails far from where it was asked for."""
    model = keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(4, "softmax", name="scores")])
    with pytest.raises(vk.ArgumentError, match=r"expected a layer with output \(N, H, W, C\).* got 'scores'"):
        gradcam(model, IMAGES, layer="scores")


def test_memory_does_not_grow_with_calls():
    """https://github.com/jacobgil/pytorch-grad-cam/issues/132, https://github.com/raghakot/keras-vis/issues/71: hooks
    or graphs stay, and each call is slower than the one before.
    """
    model = keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(4, "softmax")])

    def used(calls):
        for turn in range(calls):
            gradcam(model, IMAGES, target=turn % 4, normalize=False)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = used(5)
        assert used(40) - first < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("relu", ["layer", "argument", "ceiling"])
def test_guided_backprop_is_not_the_plain_gradient(relu):
    """https://github.com/insikk/Grad-CAM-tensorflow/issues/10: overridden gradients that are never called."""
    conv = layers.Conv2D(8, 3, activation="relu" if relu == "argument" else None)
    rest = {"layer": [layers.ReLU()], "argument": [], "ceiling": [layers.ReLU(6.0)]}[relu]
    model = keras.Sequential([keras.Input((16, 16, 3)), conv, *rest, layers.Flatten(), layers.Dense(3)])
    guided, plain = (function(model, IMAGES, target=1) for function in (guided_backprop, saliency))
    assert np.abs(guided - plain).max() > 0.1
