"""The same saved model gives the same outputs on every backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.models.reference import calibrate
from tests.models.sizes import FAMILIES, small
from visionkit import blocks

SCRIPT = """
import sys
import keras
import numpy as np
import visionkit.blocks
import visionkit.models

folder = sys.argv[1]
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    x, expected = np.load(f"{folder}/{name}.x.npy"), np.load(f"{folder}/{name}.y.npy")
    y = model.predict(x, verbose=0)  # compiled: JAX is slow one operation at a time
    difference = np.abs(y - expected).max() / np.abs(expected).max()
    assert difference <= 1e-4, (name, difference)
dropped = keras.ops.convert_to_numpy(visionkit.blocks.DropPath(0.5, seed=1)(np.ones((64, 3)), training=True))
assert set(np.unique(dropped)) == {0, 2}
print("backend", keras.backend.backend())
"""


def every_block():
    inputs = keras.Input((32, 32, 1))
    x = blocks.ConvBNAct(8, 3, strides=2, padding="symmetric")(inputs)
    x = blocks.LocalResponseNorm()(x)
    x = blocks.Stage(blocks.BottleneckBlock, 1, strides=2, filters=4, preactivation=True, drop_path=0.2)(x)
    x = blocks.Residual(blocks.ConvBNAct(16, 3, activation=None), activation="relu")(x)
    x = blocks.ResidualBlock(24, drop_path=0.5, shortcut="pad", se_ratio=0.25, dilation_rate=2)(x)
    x = blocks.DepthwiseSeparable(16, strides=2, padding=((0, 1), (0, 1)))(x)
    x = blocks.InvertedResidual(16, se_ratio=0.25, drop_path=0.2, activation="hard_swish")(x)
    x = blocks.Transition()(blocks.DenseBlock(2, 8)(x))
    x = blocks.XceptionBlock((16, 24), strides=2)(x)
    return keras.Model(inputs, blocks.ClassifierHead(5, hidden=(8,), dropout=0.5)(x))


def sized(name):
    height, _, channels = small(name).input_shape[1:]
    side = 64 if height == 32 and name not in ("lenet5", "glyph_resnet") else height
    return small(name, input_shape=(side, side, channels), classifier_activation=None)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    made = {"every_block": every_block(), **{name: sized(name) for name in FAMILIES}}
    for name, model in made.items():
        x = np.random.default_rng(0).integers(0, 256, (32, *model.input_shape[1:])).astype("float32")
        calibrate(model, x)  # on many places: variances of almost nothing would make rounding large
        x = x[:4]
        y = keras.ops.convert_to_numpy(model(x, training=False))
        assert np.abs(y - y[:1]).max() > 0.01 * np.abs(y).max(), "different pictures, different outputs"
        model.save(folder / f"{name}.keras")
        np.save(folder / f"{name}.x.npy", x)
        np.save(folder / f"{name}.y.npy", y)
    return folder, list(made)


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_outputs_agree_on_every_backend(backend, saved):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    folder, names = saved
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(Path(blocks.__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, str(folder), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"backend {backend}" in done.stdout
