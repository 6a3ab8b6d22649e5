"""One saved model on all backends that are installed: the same gradients, the same maps."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.explain.networks import nested_twice, pictures

PROGRAM = Path(__file__).with_name("cam_script.py")
OTHERS = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]


@pytest.mark.skipif(not OTHERS, reason="only TensorFlow is installed")
def test_maps_and_gradients_are_the_same_on_every_backend(tmp_path):
    nested_twice()[0].save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", pictures(3))
    running = {}
    for backend in ("tensorflow", *OTHERS):
        environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2]), "KERAS_BACKEND": backend}
        files = [tmp_path / name for name in ("model.keras", "images.npy", f"{backend}.npz")]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running[backend] = subprocess.Popen([sys.executable, PROGRAM, *files], env=environment, **pipes)
    found = {}
    for backend, process in running.items():
        said, _ = process.communicate()
        assert process.returncode == 0, said[-2000:]
        found[backend] = dict(np.load(tmp_path / f"{backend}.npz"))
        assert found[backend].pop("backend") == backend
    first = found.pop("tensorflow")
    assert np.abs(first["gradient"]).max() > 1e-3
    for backend, made in found.items():
        for name, array in made.items():
            tolerance = 1e-4 if name == "gradient" else 1e-3
            np.testing.assert_allclose(array, first[name], rtol=0, atol=tolerance, err_msg=f"{backend} {name}")
