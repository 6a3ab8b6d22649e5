"""Parts of one big folder."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from visionkit._errors import ArgumentError, FileError
from visionkit.train.data.split import split_directory


def prefix(path):
    return path.name.split(".")[0]


@pytest.fixture
def flat(tmp_path):
    """40 files in one folder, each with content of its own; they need not be pictures to be copied."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(20):
        for name in ("cat", "dog"):
            (folder / f"{name}.{number}.jpg").write_bytes(f"{name} {number}".encode() * 50)
    return folder


def files_in(folder):
    """Path below the folder -> content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "split.json"
    }


COUNTS = {"train": 10, "validation": 5, "test": 5}


def test_counts_are_exact_and_no_picture_is_in_two_parts(flat, tmp_path):
    before = files_in(flat)
    made = split_directory(flat, tmp_path / "small", counts=COUNTS, labels=prefix)
    assert made.counts == {part: {"cat": count, "dog": count} for part, count in COUNTS.items()}
    found = files_in(tmp_path / "small")
    assert len(found) == 40
    for part, count in COUNTS.items():
        for name in ("cat", "dog"):
            assert sum(file.startswith(f"{part}/{name}/{name}.") for file in found) == count
    assert sorted(found.values()) == sorted(before.values())
    assert files_in(flat) == before
    assert str(made).splitlines()[-1].split() == ["all", "20", "10", "10"]


def test_the_draw_follows_the_seed(flat, tmp_path):
    drawn = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        split_directory(flat, tmp_path / name, counts={"train": 8}, labels=prefix, seed=seed)
        drawn.append(sorted(files_in(tmp_path / name)))
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] != [f"train/{name}/{name}.{number}.jpg" for name in ("cat", "dog") for number in range(8)]


def test_fractions_of_folders(flat, tmp_path):
    for name, count in (("cat", 20), ("dog", 13)):
        for number in range(count):
            target = tmp_path / "sorted" / name / ("deep" if number % 2 else "") / f"{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(flat / f"{name}.{number}.jpg", target)
    made = split_directory(tmp_path / "sorted", tmp_path / "parts", fractions={"train": 0.7, "test": 0.3})
    assert made.counts == {"train": {"cat": 14, "dog": 9}, "test": {"cat": 6, "dog": 4}}
    found = files_in(tmp_path / "parts")
    assert sorted(found.values()) == sorted(files_in(tmp_path / "sorted").values())
    assert any("/cat/deep/" in file for file in found)


def test_a_second_call_finishes_what_is_there(flat, tmp_path):
    target = tmp_path / "small"
    split_directory(flat, target, counts=COUNTS, labels=prefix)
    whole = files_in(target)
    names = sorted(whole)
    (target / names[3]).unlink()
    (target / names[7]).write_bytes(b"half")
    (target / names[9]).with_name(f".{os.path.basename(names[9])}.1.part").write_bytes(b"left over")
    (target / names[9]).unlink()
    kept = (target / names[0]).stat().st_mtime_ns
    split_directory(flat, target, counts=COUNTS, labels=prefix)
    assert files_in(target) == whole
    assert (target / names[0]).stat().st_mtime_ns == kept


def test_a_killed_split_is_finished_by_the_next_call(tmp_path):
    source = tmp_path / "flat"
    source.mkdir()
    content = np.random.default_rng(0).bytes(300_000)
    for number in range(300):
        (source / f"cat.{number}.jpg").write_bytes(number.to_bytes(2, "big") + content)
    call = "split_directory({!r}, {!r}, counts={{'train': 200, 'test': 100}}, labels=lambda path: path.name[:3])"
    code = "from visionkit.train.data.split import split_directory\n" + call.format(
        str(source), str(tmp_path / "small")
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while not (tmp_path / "small" / "train").is_dir() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    split_directory(source, tmp_path / "small", counts={"train": 200, "test": 100}, labels=lambda path: path.name[:3])
    found = files_in(tmp_path / "small")
    assert sorted(found.values()) == sorted(files_in(source).values())


def other_target(folder, counts):
    split_directory(folder / "flat", folder / "small", counts=counts, labels=prefix)


BAD = {
    "too few": (lambda f: other_target(f, {"train": 15, "test": 6}), ArgumentError, "'cat' for 6 in 'test', got 20"),
    "neither": (
        lambda f: split_directory(f / "flat", f / "small", labels=prefix),
        ArgumentError,
        "either counts or fractions",
    ),
    "both": (
        lambda f: split_directory(f / "flat", f / "small", counts={"a": 1}, fractions={"a": 0.1}, labels=prefix),
        ArgumentError,
        "either counts or fractions",
    ),
    "more than all": (
        lambda f: split_directory(f / "flat", f / "small", fractions={"a": 0.7, "b": 0.4}, labels=prefix),
        ArgumentError,
        "at most 1 in all, got 1.1",
    ),
    "a share of nothing": (
        lambda f: split_directory(f / "flat", f / "small", fractions={"a": 0.9, "b": 0.01}, labels=prefix),
        ArgumentError,
        "share of 0.01 in 'b'",
    ),
    "a part elsewhere": (lambda f: other_target(f, {"../train": 1}), ArgumentError, "names of folders"),
    "a class elsewhere": (
        lambda f: split_directory(f / "flat", f / "small", counts={"a": 1}, labels=lambda path: "../x"),
        ArgumentError,
        "names of folders",
    ),
    "into itself": (
        lambda f: split_directory(f / "flat", f / "flat" / "small", counts={"a": 1}, labels=prefix),
        ArgumentError,
        "outside of the source",
    ),
    "no source": (lambda f: split_directory(f / "x", f / "y", counts={"a": 1}), FileError, "there is no folder"),
    "no labels": (
        lambda f: split_directory(f / "flat", f / "small", counts={"a": 1}, labels=None),
        ArgumentError,
        "got None",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_splits_are_one_clear_error_and_copy_nothing(case, flat, tmp_path):
    call, error, message = BAD[case]
    before = files_in(tmp_path)
    with pytest.raises(error, match=message):
        call(tmp_path)
    assert files_in(tmp_path) == before


def test_a_target_of_something_else_is_left_alone(flat, tmp_path):
    other_target(tmp_path, {"train": 5})
    with pytest.raises(ArgumentError, match="got another split"):
        other_target(tmp_path, {"train": 6})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose this")
    with pytest.raises(ArgumentError, match=r"got 'thesis\.txt'"):
        split_directory(flat, tmp_path / "mine", counts={"train": 1}, labels=prefix)
    assert len(files_in(tmp_path / "small")) == 10
    assert files_in(tmp_path / "mine").keys() == {"thesis.txt"}


def test_a_full_disk_is_named_and_the_next_call_goes_on(flat, tmp_path, monkeypatch):
    real, calls = shutil.copyfileobj, []

    def copyfileobj(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(shutil, "copyfileobj", copyfileobj)
    with pytest.raises(FileError, match=r"No space left on device; make room, .*; the same call will finish it"):
        other_target(tmp_path, COUNTS)
    other_target(tmp_path, COUNTS)
    assert len(files_in(tmp_path / "small")) == 40
