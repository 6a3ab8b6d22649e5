"""What cannot be written is one clear error; what was there stays as it was, and the next call goes on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

PROGRAM = Path(__file__).with_name("writers.py")
ROOT = PROGRAM.parents[2]
REASONS = {
    "limited": "File too large; allow larger files",
    "full": "No space left on device; make room",
    "read_only": "Read-only file system; give a folder that you may write to",
}

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="limits and file systems of Linux"),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports with TensorFlow"),
]


def can_mount() -> bool:
    """Whether a process may have file systems of its own."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    test = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What came of everything that writes."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "disk").mkdir()
    conditions, before = (["limited"], []) if not can_mount() else ([*REASONS], ["unshare", "--mount"])
    command = [*before, sys.executable, PROGRAM, folder / "disk", folder / "told.json", *conditions]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]  # HDF5 crashes where it cannot close a file
    assert "Exception ignored" not in done.stderr
    return json.loads((folder / "told.json").read_text())


@pytest.mark.parametrize("condition", REASONS)
def test_one_clear_error_and_everything_as_it_was(told, condition):
    if condition not in told["found"]:
        pytest.skip("needs the right to mount file systems")
    for name, found in told["found"][condition].items():
        assert found["error"] == "FileError", (name, found)
        assert REASONS[condition] in found["message"], (name, found)
        assert "/disk/" in found["message"], (name, found)
        assert found["message"].count("\n") == 0, (name, found)
        assert found["stderr"] == "", (name, found)
        assert found["changed"] == [], (name, found)
        assert found["left"] == [], (name, found)


def test_afterwards_the_same_call_does_it(told):
    for name, found in told["again"].items():
        assert found["error"] == "", (name, found)  # an older TensorFlow warns of its own LiteRT
    assert told["left"] == []


def test_a_full_folder_for_temporary_files_is_named_where_one_is_needed(told):
    if "no_temporary" not in told["found"]:
        pytest.skip("needs the right to mount file systems")
    for name, found in told["found"]["no_temporary"].items():
        assert found["error"] in ("", "FileError"), (name, found)
        assert found["stderr"] == "", (name, found)
