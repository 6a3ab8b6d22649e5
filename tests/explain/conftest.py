"""What the tests of explain share."""

import os
import time
from pathlib import Path

import keras
import pytest

from tests.explain.scenes import accuracy, scenes, train, untrained


@pytest.fixture(scope="session")
def scene_network(tmp_path_factory) -> keras.Model:
    """The network of scenes.py, trained once for all workers; nobody may change its weights."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all workers
    path, lock = folder / "scenes.weights.h5", folder / "scenes.lock"
    deadline = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < deadline, "another worker trains for ten minutes"
        try:
            lock.touch(exist_ok=False)
        except FileExistsError:
            time.sleep(0.2)
            continue
        try:
            _train(path)
        finally:
            lock.unlink()
    model = untrained()
    model.load_weights(path)
    for objects in (1, 2):
        assert accuracy(model, scenes(100, objects, seed=2)) >= 0.97
    return model


def _train(path: Path) -> None:
    model = untrained()
    train(model)
    half = path.with_name("half.weights.h5")
    model.save_weights(half)
    half.replace(path)
