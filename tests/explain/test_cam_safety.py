"""Grad-CAM leaves the model alone, whatever happens, and compiles once."""

import gc
import threading
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.explain.networks import FORMS, given, nested, pictures
from visionkit.explain.cam.gradcam import METHODS, gradcam
from visionkit.explain.probe.layers import places

IMAGES = pictures(4)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def inside(model):
    """All attributes of all layers, by identity."""
    owners = {"": model} | {place.path: place.layer for place in places(model)}
    return {path: {name: id(value) for name, value in vars(owner).items()} for path, owner in owners.items()}


class Counting(layers.Layer):
    """Counts how often Python, and not a graph, calls it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.counted = []

    def call(self, x):
        self.counted.append(tuple(x.shape))
        return x


def counting():
    count = Counting(name="count")
    stack = [layers.Conv2D(6, 3, activation="relu"), count, layers.GlobalAveragePooling2D(), layers.Dense(5)]
    return keras.Sequential([keras.Input((16, 16, 3)), *stack]), count


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch compiles nothing")
@pytest.mark.parametrize("method", METHODS)
def test_one_trace_for_20_calls_with_other_images_and_classes(method):
    model, count = counting()
    gradcam(model, pictures(7, size=16), method=method, batch_size=4)
    before = len(count.counted)
    assert before <= 8
    for turn in range(20):
        target = [None, turn % 5, np.arange(7) % 5][turn % 3] if method != "eigencam" else None
        made = gradcam(
            model, pictures(7, size=16, seed=turn), method=method, target=target, batch_size=4, normalize=False
        )
    assert made.shape == (7, 16, 16)
    assert len(count.counted) == before


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others compile for each number of images")
def test_one_trace_for_every_remainder_of_a_batch():
    model, count = counting()
    built = len(count.counted)
    gradcam(model, pictures(3, size=16), evidence="both")
    before = len(count.counted)
    assert before == built + 2  # a look at what layers there are, and the trace
    for number in range(1, 21):
        options = {"batch_size": 1 + number % 4, "target": number % 5, "evidence": "both"}
        gradcam(model, pictures(number % 9 + 1, size=16), **options)
    assert len(count.counted) == before


@pytest.mark.parametrize("form", ["nested_twice", "subclassed", "blocks"])
def test_a_model_is_left_as_it_was(form):
    model, name = FORMS[form]()
    model(given(form, IMAGES))  # Keras marks layers as called
    before = inside(model)
    for method in METHODS:
        gradcam(model, given(form, IMAGES), method=method, layer=name, normalize=False)
    assert inside(model) == before


class Moody(layers.Layer):
    """A layer that fails when it is told to."""

    fails = False

    def call(self, x):
        if self.fails:
            raise RuntimeError("not today")
        return x


@pytest.mark.parametrize("method", [method for method in METHODS if method != "eigencam"])
def test_a_model_is_left_as_it_was_by_a_target_that_fails(method):
    model, name = FORMS["blocks"]()
    model(IMAGES)
    before, whole = inside(model), gradcam(model, IMAGES, target=1)

    def fails(outputs):
        raise RuntimeError("of my own")

    with pytest.raises(RuntimeError, match="of my own"):
        gradcam(model, IMAGES, layer=name, method=method, target=fails)
    assert inside(model) == before
    np.testing.assert_array_equal(gradcam(model, IMAGES, target=1), whole)


def test_a_model_is_left_as_it_was_by_a_layer_that_fails():
    moody = Moody(name="moody")
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(4, 3, name="conv"), moody, layers.Flatten()])
    images = pictures(2, size=16)
    gradcam(model, images, target=3, normalize=False)
    moody.fails = True
    before = inside(model)
    with pytest.raises(RuntimeError, match="not today"):
        gradcam(model, images, target=3, method="hirescam")
    assert inside(model) == before


def test_threads_with_different_layers_while_another_predicts():
    model, _ = nested()

    def plainly():
        if keras.backend.backend() == "jax":  # there predict takes the weights out of the model while it runs
            return ops.convert_to_numpy(model(IMAGES, training=False))
        return model.predict(IMAGES, verbose=0)

    predicted = plainly()
    jobs = [{"layer": layer} for layer in ("conv1", "relu2", "relu3")] + [{"method": name} for name in METHODS[2:6]]
    alone = [gradcam(nested()[0], IMAGES, normalize=False, **job) for job in jobs]
    before, found, calls = inside(model), {}, []
    start = threading.Barrier(len(jobs) + 1)

    def explain(number):
        start.wait()
        found[number] = gradcam(model, IMAGES, normalize=False, **jobs[number])

    def predict():
        start.wait()
        calls.extend(plainly() for _ in range(5))

    threads = [threading.Thread(target=explain, args=(number,)) for number in range(len(jobs))]
    threads.append(threading.Thread(target=predict))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, job in enumerate(jobs):
        np.testing.assert_allclose(found[number], alone[number], atol=1e-5, err_msg=str(job))
    assert len(calls) == 5
    for made in calls:
        np.testing.assert_allclose(made, predicted, atol=1e-6)
    after = inside(model)
    assert {path: after[path] for path in after if path} == {path: before[path] for path in before if path}


def test_a_model_does_not_live_longer_for_having_been_explained():
    model, _ = nested()
    for method in METHODS:
        gradcam(model, IMAGES, method=method)
    gradcam(model, IMAGES, target=lambda outputs: ops.max(outputs, axis=1))
    alive = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert alive() is None
