"""The same saved model gives the same outputs on every backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from visionkit import blocks, models

SCRIPT = """
import sys
import keras
import numpy as np
import visionkit.blocks
import visionkit.models

folder = sys.argv[1]
x = np.load(folder + "/x.npy")
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    y = model.predict(x, verbose=0)  # compiled: JAX is slow one operation at a time
    difference = np.abs(y - np.load(f"{folder}/{name}.npy")).max()
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
    x = blocks.ResidualBlock(16, drop_path=0.5)(x)
    return keras.Model(inputs, blocks.ClassifierHead(5, hidden=(8,), dropout=0.5)(x))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    x = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1)).astype("float32")
    np.save(folder / "x.npy", x)
    made = {
        "every_block": every_block(),
        "glyph_resnet": models.glyph_resnet(widths=(8, 16), depths=(1, 1)),
        "lenet5": models.lenet5(),
    }
    for name, model in made.items():
        model.save(folder / f"{name}.keras")
        np.save(folder / f"{name}.npy", keras.ops.convert_to_numpy(model(x, training=False)))
    return folder, list(made)


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_outputs_agree_on_every_backend(backend, saved):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    folder, names = saved
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(Path(blocks.__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, str(folder), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"backend {backend}" in done.stdout
