"""The same attributions on all backends that are installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.explain.attribution_script import attributions

PROGRAM = Path(__file__).with_name("attribution_script.py")
ROOT = PROGRAM.parents[2]
BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]
OTHERS = [name for name in BACKENDS if name != keras.backend.backend()]


@pytest.mark.skipif(not OTHERS, reason="only one backend is installed")
def test_attributions_are_the_same(tmp_path):
    expected = attributions()
    for backend in OTHERS:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        result = tmp_path / f"{backend}.npz"
        command = [sys.executable, PROGRAM, result]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        found = np.load(result)
        assert set(found) == set(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-4, err_msg=f"{backend}, {name}")
