"""What the layers make of a picture, against Keras' own sub-models and the figures of Chollet's book."""

import errno
import os
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from keras import layers

from tests.explain.networks import FORMS, flat, given, nested, pictures
from visionkit._errors import ArgumentError, FileError, ModelError
from visionkit.explain.feature_maps import activation_grid, activations, save_activations
from visionkit.explain.pictures.grid import DEAD
from visionkit.preprocess import read


def test_outputs_are_those_of_a_sub_model():
    model, _ = flat()
    images = pictures(5)
    made = activations(model, images, batch_size=2)
    inner = [layer for layer in model.layers[1:] if len(layer.output.shape) == 4]
    assert list(made) == [layer.name for layer in inner]
    for layer in inner:
        wanted = keras.Model(model.input, layer.output).predict(images, verbose=0)
        np.testing.assert_allclose(made[layer.name], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "shared"])
def test_every_form_of_a_network_shows_the_same(form):
    images = pictures(3)
    wanted = activations(flat()[0], images)
    model, _ = FORMS[form]()
    made = {name.removesuffix("_conv"): value for name, value in activations(model, given(form, images)).items()}
    for number in (1, 2, 3):
        np.testing.assert_allclose(made[f"conv{number}"], wanted[f"conv{number}"], rtol=1e-4, atol=1e-4)


def test_the_layers_of_chollets_convnet():
    """Deep Learning with Python, 2018, listing 5.27: the eight outputs before Flatten."""
    stack = [layer for filters in (32, 64, 128, 128) for layer in (layers.Conv2D(filters, 3), layers.MaxPooling2D())]
    model = keras.Sequential([keras.Input((150, 150, 3)), *stack, layers.Flatten(), layers.Dense(1)])
    shapes = [made.shape for made in activations(model, np.zeros((1, 150, 150, 3))).values()]
    sides = (148, 74, 72, 36, 34, 17, 15, 7)
    assert shapes == [
        (1, side, side, filters) for side, filters in zip(sides, np.repeat((32, 64, 128, 128), 2), strict=True)
    ]


def test_layers_come_in_the_order_of_the_network_however_asked():
    model, _ = nested()
    images = pictures(2)
    conv1 = model.get_layer("backbone").get_layer("conv1")
    made = activations(model, images, ["scores", "backbone/conv3", conv1, "conv3"])
    assert list(made) == ["conv1", "conv3", "scores"]
    assert made["scores"].shape == (2, 5)
    np.testing.assert_allclose(made["scores"], model.predict(images, verbose=0), atol=1e-6)
    np.testing.assert_allclose(made["conv1"], keras.ops.convert_to_numpy(conv1(images)), rtol=1e-4, atol=1e-5)


def test_layers_of_one_name_are_called_by_their_paths():
    def part(name):
        return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", name="conv")], name=name)

    model = keras.Sequential([keras.Input((8, 8, 3)), part("left"), part("right"), layers.Flatten()])
    assert list(activations(model, np.ones((1, 8, 8, 3)))) == ["left/conv", "right/conv"]


def test_each_call_of_a_shared_layer_is_shown():
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers.Flatten()(conv(conv(image))))
    images = pictures(2, size=8)
    made = activations(model, images)
    assert list(made) == ["conv:0", "conv:1"]
    once = keras.ops.convert_to_numpy(conv(images))
    np.testing.assert_allclose(made["conv:0"], once, atol=1e-5)
    np.testing.assert_allclose(made["conv:1"], keras.ops.convert_to_numpy(conv(once)), atol=1e-5)
    assert list(activations(model, images, "conv:1")) == ["conv:1"]


class Two(layers.Layer):
    """Two convolutions of one name in one place."""

    def __init__(self):
        super().__init__(name="two")
        self.parts = [layers.Conv2D(2, 3, name="conv"), layers.Conv2D(4, 3, name="conv")]

    def build(self, shape):
        for part in self.parts:
            part.build(shape)
            shape = part.compute_output_shape(shape)

    def call(self, x):
        return self.parts[1](self.parts[0](x))


def test_no_layer_hides_another_of_its_path():
    model = keras.Sequential([keras.Input((8, 8, 3)), Two(), layers.Flatten()])
    made = activations(model, np.ones((1, 8, 8, 3)))
    assert {name: value.shape[-1] for name, value in made.items()} == {"two/conv": 2, "two/conv (2)": 4}


def test_half_precision_comes_as_float32():
    stack = [keras.Input((8, 8, 3)), layers.Conv2D(2, 3, dtype="mixed_float16", name="conv"), layers.Flatten()]
    made = activations(keras.Sequential(stack), np.ones((1, 8, 8, 3)))["conv"]
    assert made.dtype == np.float32


def counting():
    """A model, and how often its layer ran in Python: when a pass is compiled, not when it is run."""
    times = []

    class Counted(layers.Conv2D):
        def call(self, x):
            times.append(1)
            return super().call(x)

    model = keras.Sequential([keras.Input((8, 8, 3)), Counted(2, 3, name="conv"), layers.Flatten()])
    return model, times


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch compiles nothing")
def test_nothing_is_compiled_again():
    model, times = counting()
    activations(model, pictures(4, size=8), batch_size=4)
    before = len(times)
    for seed in range(3):
        activations(model, pictures(4 + 3 * seed, size=8, seed=seed), batch_size=4)
    assert len(times) == before


# --- pictures ---


def shifted_identity():
    """Channels: the picture's three colours, its negative, and nothing."""
    kernel = np.zeros((1, 1, 3, 5), "float32")
    kernel[0, 0, [0, 1, 2, 0], [0, 1, 2, 3]] = 1, 1, 1, -1
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(5, 1, name="conv"), layers.ReLU(name="relu")])
    model.get_layer("conv").set_weights([kernel, np.zeros(5, "float32")])
    return model


def test_a_grid_shows_each_channel_in_viridis():
    image = pictures(1, size=64)[0]
    sheet = activation_grid(shifted_identity(), image, "conv", columns=3)
    assert sheet.shape == (2 + 2 * 66, 2 + 3 * 66, 3)
    for channel, (row, column) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0)]):
        values = -image[..., 0] if channel == 3 else image[..., channel]
        gray = np.rint(255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)
        wanted = cv2.cvtColor(cv2.applyColorMap(gray, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
        cell = sheet[2 + 66 * row :, 2 + 66 * column :][:64, :64]
        assert np.abs(cell.astype(int) - wanted).max() <= 3  # a neighbouring colour, where rounding differs
    dead = sheet[68:132, 68:132]
    assert {tuple(color) for color in dead.reshape(-1, 3).tolist()} == {(0, 0, 0), DEAD}


def test_a_channel_that_is_nowhere_active_is_seen_to_be_dead():
    sheet = activation_grid(shifted_identity(), pictures(1, size=64)[0], "relu", columns=5)
    brightest = [sheet[2:66, 2 + 66 * channel :][:, :64].max(axis=(0, 1)).tolist() for channel in range(5)]
    assert [color == list(DEAD) for color in brightest] == [False, False, False, True, True]


def test_small_channels_are_magnified_in_whole_steps():
    image = pictures(1, size=8)[0]
    cell = activation_grid(shifted_identity(), image, "conv")[2:50, 2:50]
    assert (cell == cell[::6, ::6].repeat(6, 0).repeat(6, 1)).all()


def test_one_image_may_come_with_or_without_its_batch():
    model, _ = flat()
    image = pictures(1)
    last = activation_grid(model, image[0])
    assert (last == activation_grid(model, image, "relu3")).all()
    gray = keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(3, 3, name="conv"), layers.Flatten()])
    one = image[0, :16, :16, 0]
    assert (activation_grid(gray, one) == activation_grid(gray, one[None, ..., None])).all()


def test_files_are_the_grids_in_the_order_of_the_network(tmp_path, monkeypatch, capsys):
    # several passes, as for a network that is large
    monkeypatch.setattr(sys.modules[activations.__module__], "_AT_ONCE", 20_000)
    model, _ = nested()
    image = pictures(1)[0]
    paths = save_activations(model, image, tmp_path / "a" / "b")
    names = [f"{kind}{number}" for number in (1, 2, 3) for kind in ("conv", "bn", "relu")]
    assert [path.name for path in paths] == [f"{n:03d}_{name}.png" for n, name in enumerate(names, start=1)]
    assert sorted((tmp_path / "a" / "b").iterdir()) == paths
    assert "9/9" in capsys.readouterr().out
    for path, name in zip(paths, names, strict=True):
        assert (read(path) == activation_grid(model, image, name)).all()


def test_no_name_leaves_the_folder(tmp_path):
    up = "__" if keras.backend.backend() == "torch" else ".."  # PyTorch takes no dots
    odd = layers.Conv2D(2, 3, name=up + 300 * "x")
    inner = keras.Sequential([keras.Input((8, 8, 3)), odd], name=up)
    same = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(2, 3, name=odd.name)], name="other")
    model = keras.Sequential([keras.Input((8, 8, 3)), inner, same, layers.Flatten()])
    paths = save_activations(model, np.ones((8, 8, 3)), tmp_path, verbose=False)
    assert sorted(tmp_path.rglob("*")) == paths
    assert [path.name[:4] for path in paths] == ["001_", "002_"]


def test_what_fails_half_way_leaves_whole_files(tmp_path, monkeypatch):
    synced = []

    def full(handle):
        synced.append(handle)
        if len(synced) == 5:  # two files, and their folder after each of them
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left"):
        save_activations(flat()[0], pictures(1), tmp_path, verbose=False)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["001_conv1.png", "002_bn1.png"]
    assert all(read(path).any() for path in tmp_path.iterdir())


# --- what is refused ---


def test_a_folder_that_is_a_file(tmp_path):
    Path(tmp_path, "taken").write_text("")
    with pytest.raises(FileError, match="cannot make the folder"):
        save_activations(flat()[0], pictures(1), tmp_path / "taken", verbose=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "conv9"}, "did you mean 'conv"),
        ({"layers": []}, "at least one"),
        ({"layers": "scores"}, r"'scores' with \('N', 5\); activations returns it"),
        ({"columns": 0}, "columns to be an integer of at least 1"),
        ({"colormap": "virids"}, "did you mean 'viridis'"),
        ({"verbose": 2}, "verbose to be True or False"),
        ({"image": pictures(2)}, "expected one image, got 2"),
        ({"image": pictures(1, size=16)[0]}, r"expected images \(N, 32, 32, 3\)"),
        ({"folder": 3}, "folder to be a path, got int"),
    ],
)
def test_what_is_refused_leaves_no_folder(tmp_path, options, message):
    given = {"image": pictures(1), "folder": tmp_path / "new", "verbose": False, **options}
    with pytest.raises(ArgumentError, match=message):
        save_activations(flat()[0], **given)
    assert not list(tmp_path.iterdir())


def test_a_grid_is_of_one_layer():
    with pytest.raises(ArgumentError, match="one layer, got 'conv1', 'conv2'; save_activations"):
        activation_grid(flat()[0], pictures(1), ["conv1", "conv2"])


def test_a_network_without_spatial_layers():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2)])
    for call in (activations, activation_grid):
        with pytest.raises(ModelError, match="spatial output"):
            call(model, np.ones((1, 8, 8, 3)))


def test_a_picture_of_numbers_that_are_none():
    model = shifted_identity()
    model.get_layer("conv").set_weights([np.full((1, 1, 3, 5), np.nan, "float32"), np.zeros(5, "float32")])
    with pytest.raises(ModelError, match="conv/kernel"):
        activation_grid(model, np.ones((8, 8, 3)), "conv")
