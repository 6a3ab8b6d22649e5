"""The examples run from their command line, on little data that is drawn here."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import visionkit as vk
from visionkit.reader.sample import STROKES, handwrite

ROOT = Path(__file__).parents[1]
SYSTEMS = ("photo_to_text", "flowers", "faces", "cats_and_dogs", "cifar10", "zoo_and_transfer", "own_architecture")


def run(script: str, *arguments: object) -> str:
    """What an example prints; on failure, what went wrong."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """A network after one short epoch, trained on folders of drawn letters, and what the script printed."""
    folder, rng = tmp_path_factory.mktemp("train"), np.random.default_rng(0)
    for character in STROKES:
        (folder / "letters" / character).mkdir(parents=True)
        for number in range(3):
            picture = cv2.copyMakeBorder(handwrite(character, rng), 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=0)
            vk.preprocess.write(folder / "letters" / character / f"{number}.png", 255 - picture)
    options = ["--data", folder, "--letters", folder / "letters", "--epochs", 1, "--per-epoch", 512]
    printed = run("train_reader.py", *options, "--out", folder / "run", "--tensorboard", folder / "board")
    return folder, printed


def test_train_reader_trains_on_folders_of_letters(trained):
    folder, printed = trained
    assert "387,524 parameters" in printed
    assert (folder / "run" / "best.keras").is_file()
    assert list((folder / "board").rglob("events*"))
    assert vk.reader.load(folder / "run" / "best.keras").characters == "".join(sorted(STROKES))


def test_a_source_that_is_not_there_is_named(trained):
    folder, _ = trained
    with pytest.raises(AssertionError, match="no source"):
        run("train_reader.py", "--data", folder, "--hold-out", "nobody", "--out", folder / "other")


@pytest.mark.skipif(importlib.util.find_spec("tf2onnx") is None, reason="tf2onnx is not installed")
def test_ship_reader_writes_a_network_that_opencv_reads(trained, tmp_path):
    folder, _ = trained
    printed = run("ship_reader.py", folder / "run" / "best.keras", "mine", "--out", tmp_path)
    assert "OpenCV differs by" in printed
    reader = vk.reader.load(tmp_path / "mine.onnx")
    assert reader._network(np.zeros((3, 32, 32), np.uint8)).shape == (3, 36)
    assert (tmp_path / "mine.keras").stat().st_size < 1_500_000


def test_the_page_benchmark_prints_its_table():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "pages.py"), "--hershey", "--pages", "1", "--kinds", "plain,chalk"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("plain", "chalk"))]
    assert len(rows) == 2
    assert all(float(row[-4]) > 0.9 for row in rows)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_runs_quickly(name, tmp_path):
    run(f"{name}.py", "--quick", "--out", tmp_path)
    told = json.loads((tmp_path / "quick" / "figures.json").read_text(encoding="utf-8"))
    assert told["quick"]
    assert told["rows"]
    assert not [row for row in told["rows"] if row["verdict"] == "missed"]
    pictures = list((tmp_path / "quick").glob("*.png"))
    assert pictures
    assert all(vk.preprocess.read(picture).size for picture in pictures)
    shutil.rmtree(tmp_path)  # hundreds of megabytes of networks


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_is_a_short_program(name):
    assert len((ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 100
