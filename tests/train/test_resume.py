"""Kill a run, go on, and compare with one that was never killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("long_run.py")
ROOT = PROGRAM.parents[2]


def start(folder: Path, epochs: int) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, PROGRAM, folder, folder.with_suffix(".npz"), str(epochs)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen) -> None:
    out, _ = process.communicate()
    assert process.returncode == 0, out.decode()[-2000:]


def stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def kill_when(process: subprocess.Popen, folder: Path, moment: str, patience: random.Random) -> bool:
    """Wait for a moment of a run, and kill it then; whether it was still running."""
    watched = folder / ("history.csv" if moment == "epoch end" else "snapshot.npz")
    before = stamp(watched)
    while process.poll() is None and stamp(watched) == before:  # training has begun, or the epoch is over
        time.sleep(0.001)
    if moment == "save":
        while process.poll() is None and not list(folder.glob(".snapshot.npz.*")):
            pass
    elif moment == "step":
        time.sleep(patience.uniform(0, 0.6))
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return True


def kill_and_compare(tmp_path: Path, moments: list[str], *, epochs: int) -> int:
    """Run once without being killed and once killed at each of these moments; how many kills there were."""
    finish(start(tmp_path / "whole", epochs))
    patience = random.Random(1)
    kills = 0
    while not (tmp_path / "killed.npz").is_file():
        process = start(tmp_path / "killed", epochs)
        if kills < len(moments) and kill_when(process, tmp_path / "killed", moments[kills], patience):
            kills += 1
        else:
            finish(process)
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as killed:
        assert whole.files == killed.files
        for name in set(whole.files) - {"rest"}:
            np.testing.assert_array_equal(whole[name], killed[name])
        assert json.loads(str(whole["rest"])) == json.loads(str(killed["rest"]))  # history, best, callbacks
    for name in ("history.csv", "config.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    assert not list((tmp_path / "killed").glob(".*"))
    return kills


def test_a_killed_run_ends_as_one_that_was_not(tmp_path):
    assert kill_and_compare(tmp_path, ["step", "save"], epochs=4) == 2


@pytest.mark.deep
def test_a_run_killed_twenty_times_ends_as_one_that_was_not(tmp_path):
    moments = ["step", "save", "epoch end", "step"] * 5
    assert kill_and_compare(tmp_path, moments, epochs=16) == 20
