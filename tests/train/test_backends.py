"""One script of training, on all backends that are installed: the same losses, the same weights."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("five_steps.py")
ROOT = PROGRAM.parents[2]
OTHERS = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]


def trained(backend: str, folder: Path) -> tuple[list[float], list[list]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = folder / f"{backend}.json"
    command = [sys.executable, PROGRAM, folder / "first.weights.h5", result]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(result.read_text())


@pytest.mark.skipif(not OTHERS, reason="only TensorFlow is installed")
def test_losses_of_five_steps_are_the_same(tmp_path):
    losses, weights = trained("tensorflow", tmp_path)
    assert len(losses) == 5
    assert losses[-1] < losses[0]
    for backend in OTHERS:
        others, other_weights = trained(backend, tmp_path)
        np.testing.assert_allclose(others, losses, rtol=0, atol=1e-4, err_msg=backend)
        for a, b in zip(other_weights, weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-4, err_msg=backend)
