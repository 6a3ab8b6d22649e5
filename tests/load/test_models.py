"""Many threads with one Keras model: a reader around it, explanations of it, and data that several trainings share."""

import multiprocessing
import os
import warnings

import keras
import numpy as np
import pytest

from tests.explain.networks import FORMS, given, pictures
from tests.load.threads import read, same, together
from tests.train.small import blobs, equal, small_model
from visionkit import explain, preprocess
from visionkit.models import glyph_resnet
from visionkit.reader import Reader
from visionkit.reader.sample import draw_page
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.directory import from_directory
from visionkit.train.loop.fit import fit

METHODS = {
    "gradcam": lambda model, images, layer: explain.gradcam(model, images, layer=layer),
    "integrated_gradients": lambda model, images, layer: explain.integrated_gradients(model, images, steps=8),
    "activations": explain.activations,
    "guided_backprop": lambda model, images, layer: explain.guided_backprop(model, images),
}


@pytest.fixture(scope="module")
def digits():
    keras.utils.set_random_seed(1)
    return glyph_resnet(classes=10)


@pytest.fixture(scope="module")
def pages():
    texts = ("2718\n2818", "31", "0123456789\n9876543210\n2718281828\n1415926535")
    return [draw_page(text, seed=seed).image for seed, text in enumerate(texts)]


def test_a_keras_model_reads_in_eight_threads_what_it_reads_in_one(digits, pages):
    readers = [Reader(digits, "0123456789") for _ in range(2)]
    jobs = [(which, place) for place in range(len(pages)) for which in (0, 1)] * 2
    found = together(lambda job: read(readers[job[0]], pages[job[1]]), jobs)
    alone = [read(readers[0], page) for page in pages]
    assert all(same(one, alone[place]) for (_, place), one in zip(jobs, found, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_keras_model_in_a_forked_child_is_an_error_and_not_a_wait_for_ever(digits, pages):
    reader = Reader(digits, "0123456789")
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=lambda: there.send(read(reader, pages[0])))
    with warnings.catch_warnings(action="ignore"):  # a process of many threads is forked: that is what is asked
        child.start()
    try:
        assert here.poll(20)
        kind, message = here.recv()
    finally:
        child.kill()
        child.join()
    assert kind == "ModelError"
    assert message.startswith("Reader: expected a Keras model in the process that made it")


@pytest.mark.parametrize("form", ["nested", "blocks", "subclassed"])
def test_one_model_is_explained_in_eight_threads_as_in_one(form):
    model, layer = FORMS[form]()
    jobs = [(method, count) for count in (1, 3) for method in METHODS] * 2

    def explained(job):
        images = given(form, pictures(job[1], seed=job[1]))
        return METHODS[job[0]](model, images, layer)

    found = together(explained, jobs)  # first, so that all of them compile at once
    alone = [explained(job) for job in jobs]
    assert [job for job, one, other in zip(jobs, alone, found, strict=True) if not same(one, other, within=1e-6)] == []
    assert not any("call" in vars(one) for one in model._flatten_layers())


def test_one_folder_is_read_by_several_threads(tmp_path):
    for number in range(24):
        (tmp_path / f"{number % 2}").mkdir(exist_ok=True)
        page = np.random.default_rng(number).integers(0, 256, (20 + number, 30, 3), np.uint8)
        preprocess.write(tmp_path / f"{number % 2}" / f"{number}.png", page)
    options = {"image_size": 16, "batch_size": 5, "augment": "flowers"}
    alone = from_directory(tmp_path, **options)
    expected = {epoch: list(alone.batches(epoch)) for epoch in range(4)}
    for cache in (None, "memory", tmp_path / ".cache"):
        shared = from_directory(tmp_path, cache=cache, **options)
        found = together(lambda epoch, shared=shared: list(shared.batches(epoch)), [0, 1, 2, 3] * 4)
        assert all(same(one, expected[epoch]) for epoch, one in zip([0, 1, 2, 3] * 4, found, strict=True))


def test_two_trainings_share_their_data():
    data = from_arrays(*blobs(), batch_size=16, augment="digits")
    models = [small_model() for _ in range(3)]
    fit(models[0], data, epochs=3, verbose=0)
    together(lambda model: fit(model, data, epochs=3, verbose=0), models[1:], threads=2)
    assert all(equal(model, models[0]) for model in models[1:])
