from pathlib import Path

import numpy as np
import pytest

import visionkit as vk
from visionkit.reader import shipped
from visionkit.reader.glyph import glyph
from visionkit.reader.network import KerasNetwork, OpenCVNetwork
from visionkit.reader.sample import STROKES, draw_page, handwrite

keras = pytest.importorskip("keras")

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def glyphs(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([glyph(handwrite(str(rng.choice(list(STROKES))), rng)) for _ in range(count)])


@pytest.mark.parametrize("name", shipped.CHARACTERS)
def test_opencv_and_keras_agree_on_the_shipped_networks(name):
    characters = shipped.CHARACTERS[name]
    in_opencv = OpenCVNetwork(shipped.WEIGHTS / f"{name}.onnx", characters)
    on_keras = KerasNetwork(shipped.keras_model(shipped.WEIGHTS / f"{name}.keras"), characters)
    for count in (1, 7, 64):
        pictures = glyphs(count, seed=count)
        np.testing.assert_allclose(in_opencv(pictures), on_keras(pictures), atol=1e-4)


def test_an_answer_does_not_depend_on_the_batch():
    network = OpenCVNetwork(shipped.WEIGHTS / "digits.onnx", "0123456789")
    pictures = glyphs(40)
    together = network(pictures)
    np.testing.assert_allclose(together, np.concatenate([network(one[None]) for one in pictures]), atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_a_users_own_network_reads(tmp_path):
    inputs = keras.Input((28, 28, 3))
    scores = keras.layers.Dense(10)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, scores)
    network = KerasNetwork(model, "0123456789")
    found = network(glyphs(5))
    assert found.shape == (5, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    reading = vk.reader.Reader(shipped.keras_model(shipped.WEIGHTS / "digits.keras"), "0123456789")
    assert reading.read(draw_page("345\n986", seed=4).image).text == "345\n986"


def test_pages_of_other_sizes_trace_nothing_anew():
    traced = []

    class Watch(keras.layers.Layer):
        def call(self, inputs):
            traced.append(inputs.shape)
            return inputs

    model = keras.Sequential([keras.Input((32, 32, 1)), Watch(), keras.layers.Flatten(), keras.layers.Dense(10)])
    network = KerasNetwork(model, "0123456789")
    network(glyphs(20))
    once = len(traced)
    for count in (1, 9, 31, 32):
        network(glyphs(count))
    assert len(traced) == once


def test_zfnet_is_the_other_choice():
    model = vk.models.zfnet(input_shape=(32, 32, 1), classes=36, norm="batch", stem="cifar", units=(64, 64))
    assert KerasNetwork(model, CHARACTERS)(glyphs(3)).shape == (3, 36)


def test_a_path_is_a_reader_too(tmp_path):
    assert vk.reader.load(shipped.WEIGHTS / "digits.onnx").characters == "0123456789"
    assert vk.reader.load(str(shipped.WEIGHTS / "alphanumeric.keras")).characters == CHARACTERS


def model_of(shape, classes):
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)])


@pytest.mark.parametrize(
    ("model", "characters", "says"),
    [
        ("a string", "01", "keras.Model"),
        (lambda: model_of((32, 32, 1), 10), "ABC", "3 characters"),
        (lambda: model_of((32,), 10), "0123456789", "pictures"),
    ],
)
def test_a_model_that_does_not_fit_is_named(model, characters, says):
    with pytest.raises(vk.ModelError, match=says):
        vk.reader.Reader(model() if callable(model) else model, characters)


def test_nan_is_not_passed_on():
    model = model_of((32, 32, 1), 10)
    model.set_weights([np.full(w.shape, np.nan) for w in model.get_weights()])
    with pytest.raises(vk.ModelError, match="NaN"):
        KerasNetwork(model, "0123456789")(glyphs(2))


@pytest.mark.parametrize(
    ("name", "error"),
    [("alphanumerics", vk.ArgumentError), ("no/such.onnx", vk.FileError), ("no/such.keras", vk.FileError)],
)
def test_an_unknown_name_is_an_error(name, error):
    with pytest.raises(error):
        vk.reader.load(name)


@pytest.mark.parametrize("suffix", [".onnx", ".keras", ".h5"])
def test_a_broken_file_is_one_clear_error(tmp_path: Path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"this is no network")
    with pytest.raises(vk.FileError, match="broken"):
        vk.reader.load(path)


def test_a_count_of_classes_without_known_characters_is_an_error(tmp_path):
    path = tmp_path / "seven.keras"
    model_of((32, 32, 1), 7).save(path)
    with pytest.raises(vk.ModelError, match="7"):
        vk.reader.load(path)
