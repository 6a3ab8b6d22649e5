"""The probe: finds layers in every kind of model, compiles once, and leaves the model as it was."""

import gc
import threading
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops

import visionkit as vk
from tests.explain.networks import CLASSES, FORMS, PLAIN, SIZE, flat, given, nested, pictures
from visionkit.explain.probe.layers import find, places
from visionkit.explain.probe.probe import Probe

IMAGES = pictures(5)


def _gradients(view, inputs, index):
    seen, found = view.gradients(inputs, index, at="maps")
    return seen.maps[0], found[0], seen.scores


def _at_image(view, inputs, index):
    return view.gradients(inputs, index, at="image")[1][0]


def _guided(view, inputs, index):
    return view.gradients(inputs, index, at="image", guided=True)[1][0]


def _without_first_channel(view, inputs, index):
    mask = ops.convert_to_tensor(np.arange(16) > 0, dtype="float32")
    return view.look(inputs, index, edit=lambda made: made * mask).scores


def _only_maps(view, inputs, index):
    return view.maps(inputs)


def _first_pixel(outputs):
    return outputs[:, 0]


def _first_pixel_of_first(outputs):
    return keras.tree.flatten(outputs)[0][:, 0]


def inside(model):
    """All attributes of all layers, by identity."""
    return {place.path: {name: id(value) for name, value in vars(place.layer).items()} for place in places(model)}


def probe(form, **options):
    model, _ = FORMS[form]()
    output = 0 if form == "several_outputs" else None
    return Probe("test", model, given(form, IMAGES), **{"output": output, **options})


@pytest.fixture(scope="module")
def witness():
    """Map, gradient and score of class 2 in the plain network: those of a global average are the weights / 64."""
    model, _ = flat(None)
    features = keras.Model(model.input, model.get_layer("relu3").output)
    maps = ops.convert_to_numpy(features(IMAGES))
    weights = ops.convert_to_numpy(model.get_layer("scores").kernel)[:, 2]
    return maps, np.broadcast_to(weights / 64, maps.shape), ops.convert_to_numpy(model(IMAGES))[:, 2]


@pytest.mark.parametrize("form", FORMS)
def test_the_last_spatial_layer_its_gradients_and_the_scores_before_softmax(form, witness):
    one = probe(form, target=2)
    one.taps = one.last_layer()
    maps, gradients, scores = one.run(_gradients)
    half = 0.5 if form == "shared" else 1.0  # of the score; the other half comes from the other picture
    np.testing.assert_allclose(maps, witness[0], atol=1e-5)
    np.testing.assert_allclose(gradients, witness[1] * half, atol=1e-6)
    np.testing.assert_allclose(scores, witness[2], atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_by_name_by_path_and_by_itself(form):
    model, name = FORMS[form]()
    place = find("test", model, name)
    assert place.layer.name == name
    assert find("test", model, place.path) == place == find("test", model, place.layer)
    tap = Probe("test", model, given(form, IMAGES), layer=name, target=_first_pixel_of_first).taps[0]
    assert tap.place == place


@pytest.mark.parametrize("form", FORMS)
def test_a_model_is_left_as_it_was(form):
    one = probe(form, layer=FORMS[form]()[1])
    before = inside(one.model)
    for program in (_gradients, _at_image, _guided, _only_maps):
        one.run(program)
    assert inside(one.model) == before


@pytest.mark.parametrize("form", ["flat", "nested_twice", "subclassed", "blocks"])
def test_a_model_is_left_as_it_was_after_an_exception(form):
    model, name = FORMS[form]()
    model(IMAGES)  # Keras marks layers as called
    before = inside(model)

    def fails(outputs):
        raise RuntimeError("of my own")

    with pytest.raises(RuntimeError, match="of my own"):
        Probe("test", model, IMAGES, layer=name, target=fails).run(_gradients)
    assert inside(model) == before


@pytest.mark.parametrize("form", PLAIN)
def test_guided_gradients_are_the_same_in_every_form_and_not_the_plain_ones(form):
    found = probe(form, target=1).run(_guided)
    np.testing.assert_allclose(found, probe("flat", target=1).run(_guided), atol=1e-5)
    assert np.abs(found - probe(form, target=1).run(_at_image)).max() > 0.1 * np.abs(found).max()


def test_guided_gradients_need_a_relu():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="tanh"), layers.Flatten()])
    with pytest.raises(vk.ModelError, match="without; use saliency"):
        Probe("guided_backprop", model, np.zeros((1, 8, 8, 3))).run(_guided)


class Counting(layers.Layer):
    """Counts how often Python, and not a graph, calls it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.counted = []

    def call(self, x):
        self.counted.append(x.shape)
        return x


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch compiles nothing")
def test_one_trace_for_20_calls_with_other_images_classes_and_batches():
    count = Counting()
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), count, layers.Flatten(), layers.Dense(6)])
    Probe("test", model, pictures(7, size=8), layer=count, batch_size=4).run(_gradients)
    before = len(count.counted)
    for turn in range(20):
        target = [None, turn % 6, np.arange(7) % 6][turn % 3]
        Probe("test", model, pictures(7, size=8, seed=turn), layer=count, batch_size=4, target=target).run(_gradients)
    assert len(count.counted) == before


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others compile for each number of images")
def test_one_trace_for_every_number_of_images():
    count = Counting()
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), count, layers.Flatten(), layers.Dense(6)])
    Probe("test", model, pictures(3, size=8), layer=count).run(_gradients)
    before = len(count.counted)
    for number in range(1, 9):
        Probe("test", model, pictures(number, size=8), layer=count, batch_size=1 + number % 4).run(_gradients)
    assert len(count.counted) == before


@pytest.mark.parametrize("batch_size", [1, 2, 5, 32])
def test_batches_change_nothing(batch_size):
    whole = probe("nested", layer="conv3").run(_gradients)
    for one, other in zip(probe("nested", layer="conv3", batch_size=batch_size).run(_gradients), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_model_that_was_changed_is_compiled_again():
    model, _ = flat("sigmoid")
    before = Probe("test", model, IMAGES, layer="conv1").run(_gradients)[1]
    model.get_layer("scores").activation = lambda x: 2 * x
    after = Probe("test", model, IMAGES, layer="conv1").run(_gradients)[1]
    np.testing.assert_allclose(after, 2 * before, atol=1e-6)


def test_a_layer_that_gets_more_weights_is_compiled_again():
    model, _ = flat()
    before = Probe("test", model, IMAGES, target=0).scores()[0]
    dense = model.get_layer("scores")
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    after = Probe("test", model, IMAGES, target=0).scores()[0]
    made = ops.convert_to_numpy(model(IMAGES)).astype("float64")
    np.testing.assert_allclose(Probe("test", model, IMAGES, target=0).scores()[1], made[:, 0], atol=1e-6)
    assert np.abs(after - before).max() > 1e-3


def test_a_model_does_not_live_longer_for_having_been_explained():
    model, _ = nested()
    Probe("test", model, IMAGES, layer="conv3").run(_gradients)
    Probe("test", model, IMAGES, layer="conv3", target=_first_pixel).run(_gradients)
    alive = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert alive() is None, gc.get_referrers(alive())


def test_many_threads_on_one_model_get_what_one_gets():
    model, _ = nested()
    names = ["conv1", "conv2", "conv3", "relu1", "relu2", "relu3"]
    alone = {name: Probe("test", nested()[0], IMAGES, layer=name).run(_gradients)[1] for name in names}
    plain = ops.convert_to_numpy(model(IMAGES))
    before, found, calls = inside(model), {}, []
    start = threading.Barrier(len(names) + 1)

    def explain(name):
        start.wait()
        found[name] = Probe("test", model, IMAGES, layer=name).run(_gradients)[1]

    def predict():
        start.wait()
        calls.extend(ops.convert_to_numpy(model(IMAGES, training=False)) for _ in range(10))

    threads = [threading.Thread(target=explain, args=(name,)) for name in names] + [threading.Thread(target=predict)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        np.testing.assert_allclose(found[name], alone[name], atol=1e-6)
    for made in calls:
        np.testing.assert_allclose(made, plain, atol=1e-6)
    assert len(calls) == 10
    assert inside(model) == before


def test_an_edited_output_is_what_later_layers_get():
    model, _ = flat()
    kernel = ops.convert_to_numpy(model.get_layer("scores").kernel)
    maps = probe("flat", layer="relu3").run(_only_maps)[0]
    whole = Probe("test", model, IMAGES, target=3).scores()[0]
    without = Probe("test", model, IMAGES, target=3, layer="relu3").run(_without_first_channel)
    np.testing.assert_allclose(whole - without, maps[..., 0].mean((1, 2)) * kernel[0, 3], atol=1e-5)


class Twice(keras.Model):
    """One convolution, applied twice."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(3, 3, padding="same", name="conv")

    def call(self, x):
        return ops.mean(self.conv(self.conv(x)), axis=(1, 2))


def test_each_call_of_a_shared_layer_has_its_map():
    model = Twice()
    taps = Probe("test", model, IMAGES, layer="conv").taps
    assert [tap.call for tap in taps] == [0, 1]
    one = Probe("test", model, IMAGES, layer=["conv:1", "conv:0"])
    second, first = one.run(_only_maps)
    np.testing.assert_allclose(first, ops.convert_to_numpy(model.conv(IMAGES)), atol=1e-5)
    np.testing.assert_allclose(second, ops.convert_to_numpy(model.conv(model.conv(IMAGES))), atol=1e-5)
    with pytest.raises(vk.VisionkitError, match=r"'conv' is called 2 times, got call 2"):
        Probe("test", model, IMAGES, layer="conv:2")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_close_and_in_float32(policy):
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="conv", dtype=policy)(image)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    model = keras.Model(image, layers.Dense(4, "softmax", dtype="float32", name="scores")(x))
    x = pictures(2, size=16)
    maps, gradients, scores = Probe("test", model, x, layer="conv", target=1).run(_gradients)
    kernel = ops.convert_to_numpy(model.get_layer("scores").kernel)[:, 1] / 14**2
    assert gradients.dtype == scores.dtype == np.float32
    np.testing.assert_allclose(gradients * (maps > 0), np.broadcast_to(kernel, maps.shape) * (maps > 0), rtol=2e-2)


def _units(units, activation):
    return keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(units, activation)])


def test_one_unit_with_a_sigmoid_tells_two_classes_apart():
    model = _units(1, "sigmoid")
    x = np.random.default_rng(0).normal(size=(6, 4, 4, 1)).astype("float32")
    p = ops.convert_to_numpy(model(x))[:, 0]
    scores, probabilities, classes = Probe("test", model, x).scores()
    np.testing.assert_array_equal(classes, p > 0.5)
    np.testing.assert_allclose(probabilities, np.maximum(p, 1 - p), atol=1e-6)
    np.testing.assert_allclose(scores, np.abs(np.log(p / (1 - p))), atol=1e-4)
    np.testing.assert_allclose(Probe("test", model, x, target=0).scores()[1], 1 - p, atol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", None, "log_softmax"])
def test_probabilities_are_those_of_the_classes_whatever_the_last_activation(activation):
    model = _units(3, activation)
    x = np.random.default_rng(0).normal(size=(6, 4, 4, 1)).astype("float32")
    made = ops.convert_to_numpy(model(x))
    logits = x.reshape(6, -1) @ ops.convert_to_numpy(model.layers[-1].kernel)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores, probabilities, classes = Probe("test", model, x).scores()
    np.testing.assert_array_equal(classes, made.argmax(1))
    np.testing.assert_allclose(scores, logits.max(1), atol=1e-5)
    np.testing.assert_allclose(probabilities, expected.max(1), atol=1e-5)


class OwnSoftmax(keras.Model):
    """Applies a function, and no layer, to its scores."""

    def __init__(self, function):
        super().__init__()
        self.dense, self.function = layers.Dense(3), function

    def call(self, x):
        module = keras.ops if self.function == "ops" else keras.activations
        return module.softmax(self.dense(ops.mean(x, axis=(1, 2))))


@pytest.mark.parametrize("function", ["ops", "activations"])
def test_scores_before_a_softmax_that_is_no_layer(function):
    model = OwnSoftmax(function)
    scores = Probe("test", model, IMAGES, target=1).scores()[0]
    np.testing.assert_allclose(scores, ops.convert_to_numpy(model.dense(IMAGES.mean((1, 2))))[:, 1], atol=1e-6)


def test_an_output_by_name_and_by_number():
    model, _ = FORMS["several_outputs"]()
    place = ops.convert_to_numpy(model(IMAGES)[1])
    for output in ("place", 1):
        np.testing.assert_allclose(
            Probe("test", model, IMAGES, target=1, output=output).scores()[0], place[:, 1], atol=1e-6
        )
    both = Probe("test", model, IMAGES, target=lambda outputs: outputs[0][:, 2] + outputs[1][:, 0]).scores()[0]
    logits = Probe("test", model, IMAGES, target=2, output=0).scores()[0]
    np.testing.assert_allclose(both, logits + place[:, 0], atol=1e-5)


def _ambiguous():
    image = keras.Input((8, 8, 3))
    branches = [keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv")], name=n) for n in "ab"]
    return keras.Model(image, layers.Add()([branch(image) for branch in branches]))


def test_a_name_that_two_layers_have_needs_a_path():
    model = _ambiguous()
    with pytest.raises(vk.ArgumentError, match=r"2 layers are called 'conv': say one of 'a/conv', 'b/conv'"):
        find("test", model, "conv")
    assert find("test", model, "b/conv").layer is model.layers[2].layers[-1]


BAD = {
    "no model": (lambda: Probe("t", "vgg16", IMAGES), "expected a keras.Model, got 'vgg16'"),
    "a misspelt layer": (lambda: probe("flat", layer="conv33"), "did you mean 'conv3'"),
    "another model's layer": (lambda: probe("flat", layer=nested()[0].layers[1]), "inside the model"),
    "no layer": (lambda: probe("flat", layer=3), "expected layer to be a layer, its name, or None, got 3"),
    "no layers": (lambda: probe("flat", layer=[]), "at least one, got none"),
    "one image": (lambda: Probe("t", flat()[0], IMAGES[0]), r"images\[np.newaxis\]"),
    "other size": (lambda: Probe("t", flat()[0], pictures(1, size=16)), r"\(N, 32, 32, 3\) for the model"),
    "no images": (lambda: Probe("t", flat()[0], IMAGES[:0]), "at least one image"),
    "text": (lambda: Probe("t", flat()[0], np.array(["a"])), "expected numbers"),
    "NaN": (lambda: Probe("t", flat()[0], np.where(np.arange(5)[:, None, None, None] == 3, np.nan, IMAGES)), "image 3"),
    "one input of two": (lambda: Probe("t", FORMS["shared"]()[0], IMAGES), "expected 2 inputs .* got 1 input"),
    "unequal inputs": (
        lambda: Probe("t", FORMS["shared"]()[0], [IMAGES, IMAGES[:2]]),
        "as many of each input, got 5, 2",
    ),
    "a class too high": (lambda: probe("flat", target=CLASSES), f"from 0 to {CLASSES - 1} .* got {CLASSES}"),
    "a negative class": (lambda: probe("flat", target=-1), "got -1"),
    "classes of others": (lambda: probe("flat", target=[1, 2]), "array of 5 classes"),
    "half a class": (lambda: probe("flat", target=0.5), "expected target"),
    "which output": (lambda: Probe("t", FORMS["several_outputs"]()[0], IMAGES), "has 2 outputs .*'place'.* output="),
    "no such output": (lambda: probe("several_outputs", output="plaice"), "did you mean 'place'"),
    "output 2 of 2": (lambda: probe("several_outputs", output=2), "less than 2"),
    "output and function": (lambda: probe("several_outputs", output=0, target=_first_pixel), "got both"),
    "a function of all images at once": (lambda: probe("flat", target=ops.mean).scores(), "one number for all"),
    "a function of no numbers": (lambda: probe("flat", target=lambda outputs: "a").scores(), "got 'a' from it"),
    "a function of nothing": (lambda: probe("flat", target=lambda outputs: None).scores(), "got None from it"),
    "batch size": (lambda: probe("flat", batch_size=0), "batch_size to be an integer of at least 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_clear_error(case):
    make, message = BAD[case]
    with pytest.raises(vk.VisionkitError, match=message):
        make()


def test_weights_that_are_no_numbers_are_named():
    model, _ = flat()
    kernel = model.get_layer("scores").kernel
    kernel.assign(np.where(np.arange(CLASSES) == 2, np.nan, ops.convert_to_numpy(kernel)))
    with pytest.raises(vk.ModelError, match="scores/kernel"):
        Probe("test", model, IMAGES).scores()


def test_a_model_that_fails_says_why_in_one_line():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.Resizing(8, 8)(image))))

    class Failing(keras.Model):
        def call(self, x):
            raise ValueError("only on Mondays")

    Probe("test", model, IMAGES).scores()
    with pytest.raises(vk.ModelError, match=r"fails on float32 of shape \(1, 32, 32, 3\): only on Mondays$"):
        Probe("test", Failing(), IMAGES)


def test_integers_of_another_input_stay_integers():
    image, word = keras.Input((SIZE, SIZE, 3)), keras.Input((), dtype="int32")
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(image))
    model = keras.Model([image, word], layers.Dense(3)(layers.Add()([pooled, layers.Embedding(10, 4)(word)])))
    words = np.arange(5)
    scores = Probe("test", model, [IMAGES, words], target=0).scores()[0]
    np.testing.assert_allclose(scores, ops.convert_to_numpy(model([IMAGES, words]))[:, 0], atol=1e-5)


def test_inputs_by_name():
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")
    pooled = [layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(side)) for side in (left, right)]
    model = keras.Model({"left": left, "right": right}, layers.Dense(2)(layers.Concatenate()(pooled)))
    x = {"right": pictures(3, size=8, seed=1), "left": pictures(3, size=8)}
    scores = Probe("test", model, x, target=1).scores()[0]
    np.testing.assert_allclose(scores, ops.convert_to_numpy(model(x))[:, 1], atol=1e-5)


def test_a_model_of_a_fixed_number_of_images():
    model = keras.Sequential(
        [keras.Input(batch_shape=(4, 8, 8, 3)), layers.Conv2D(2, 3, name="conv"), layers.Flatten()]
    )
    x = pictures(6, size=8)
    found = Probe("test", model, x, layer="conv").run(_only_maps)[0]
    np.testing.assert_allclose(found[:4], ops.convert_to_numpy(model.layers[0](x[:4])), atol=1e-5)
    assert found.shape == (6, 6, 6, 2)


def _small_vgg():
    stack = [layers.Conv2D(4, 3, activation="relu", name="conv1"), layers.Conv2D(6, 3, name="conv2")]
    inner = keras.Model(image := keras.Input((16, 16, 3)), stack[1](stack[0](image)), name="backbone")
    outer = keras.Input((16, 16, 3))
    return keras.Model(outer, layers.Dense(3)(layers.Flatten()(inner(outer))))


def test_maps_of_images_larger_than_the_model_says():
    model = _small_vgg()
    x = pictures(2, size=20)
    before = inside(model)
    one = Probe("test", model, x, layer="conv2", any_size=True)
    found = one.run(_only_maps)[0]
    conv1, conv2 = (find("test", model, name).layer for name in ("conv1", "conv2"))
    np.testing.assert_allclose(found, ops.convert_to_numpy(conv2(conv1(x))), atol=1e-5)
    assert found.shape == (2, 16, 16, 6)
    assert inside(model) == before
    with pytest.raises(vk.ArgumentError, match="is not used"):
        Probe("test", model, x, layer=model.layers[-1], any_size=True)


class Lazy(keras.Model):
    """Makes its layers when it is built."""

    def build(self, input_shape):
        self.conv = layers.Conv2D(4, 3, name="conv")
        self.conv.build(input_shape)
        self.built = True

    def call(self, x):
        return ops.mean(self.conv(x), axis=(1, 2))


@pytest.mark.parametrize("make", [Lazy, lambda: keras.Sequential([layers.Conv2D(4, 3, name="conv"), layers.Flatten()])])
def test_a_model_that_was_never_called_is_built(make):
    model = make()
    found = Probe("test", model, IMAGES, layer="conv").run(_only_maps)[0]
    np.testing.assert_allclose(found, ops.convert_to_numpy(find("test", model, "conv").layer(IMAGES)), atol=1e-5)


def _of_second_unit(view, inputs, index):
    return view.gradients(inputs, None, at="image", score=lambda seen: seen.maps[0][:, 1])[1][0]


@pytest.mark.parametrize("activation", [None, "softmax", "sigmoid"])
def test_what_is_derived_of_a_layer_is_before_its_softmax(activation):
    model = _units(3, activation)
    found = Probe("test", model, np.zeros((1, 4, 4, 1)), layer=model.layers[-1]).run(_of_second_unit)
    kernel = ops.convert_to_numpy(model.layers[-1].kernel)
    np.testing.assert_allclose(found.ravel(), kernel[:, 1], atol=1e-6)


def test_the_last_layer_is_one_that_the_picture_reaches():
    left, right = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    towers = [layers.Conv2D(2, 3, name=name)(side) for name, side in (("of_left", left), ("of_right", right))]
    pooled = [layers.GlobalAveragePooling2D()(tower) for tower in towers]
    x = pictures(2, size=8)
    for inputs, name in (([left, right], "of_left"), ([right, left], "of_right")):
        model = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(pooled)))
        assert [tap.place.path for tap in Probe("test", model, [x, x]).last_layer()] == [name]


@pytest.mark.parametrize("layer", ["conv3", None])
def test_the_call_of_a_shared_layer_is_the_one_with_the_first_picture(layer):
    model, _ = FORMS["shared"]()
    other = pictures(5, seed=9)
    one = Probe("test", model, [IMAGES, other], layer=layer)
    one.taps = one.taps or one.last_layer()
    maps, gradients, _ = one.run(_gradients)
    alone = probe("flat", layer=layer or "relu3").run(_only_maps)[0]
    np.testing.assert_allclose(maps, alone, atol=1e-5)
    assert np.abs(gradients).max() > 0


def test_what_attention_makes_inside_is_no_map():
    image = keras.Input((16, 16, 3))
    patches = layers.Reshape((16, 6))(layers.Conv2D(6, 4, strides=4, name="patches")(image))
    mixed = layers.MultiHeadAttention(2, 4, name="attention")(patches, patches)
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling1D()(mixed)))
    one = Probe("test", model, pictures(2, size=16))
    assert [tap.place.path for tap in one.last_layer()] == ["patches"]
    assert {call.shape for call in one.survey.calls if call.tap.place.path == "attention/value"} == {(1, 16, 2, 4)}
