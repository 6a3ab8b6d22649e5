"""Runs that are killed, a few times each; `python benchmarks/killed.py` kills them a hundred times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from visionkit._files import replacing

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes of POSIX"),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the same whatever computes"),
]


def killed(tmp_path, moments, *options):
    command = [sys.executable, ROOT / "benchmarks" / "killed.py", "--moments", str(moments), *options]
    done = subprocess.run([*command, "--json", tmp_path / "a.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return json.loads((tmp_path / "a.json").read_text())["rows"]


def test_what_is_killed_leaves_the_old_file_or_the_new_and_is_gone_on_with(tmp_path):
    rows = killed(tmp_path, 4, "--kinds", "save_activations,write_tfrecords,download")
    assert [figure for _, figure, _ in rows] == ["0"] * 3


@pytest.mark.deep
def test_a_hundred_moments(tmp_path):
    rows = killed(tmp_path, 20)
    assert [figure for _, figure, _ in rows] == ["0"] * 5


def test_what_was_left_over_goes_and_what_is_in_use_stays(tmp_path):
    left = tmp_path / ".a.txt.1.part"
    left.write_bytes(b"of a killed process")
    with replacing(tmp_path / "a.txt") as one:
        assert left.read_bytes() == b""
        one.write(b"one")
        with replacing(tmp_path / "a.txt") as other:  # as from another thread
            other.write(b"other")
            assert len(list(tmp_path.glob(".a.txt.*"))) == 2
        assert (tmp_path / "a.txt").read_bytes() == b"other"
    assert (tmp_path / "a.txt").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a.txt"]
