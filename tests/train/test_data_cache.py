"""Pictures that are decoded once."""

import os

import numpy as np
import pytest

from tests.train.photos import cats_and_dogs, save, scene
from visionkit._errors import FileError
from visionkit.train.data import picture
from visionkit.train.data.directory import from_directory


def epoch(data, number=1):
    return np.concatenate([x for x, _ in data.batches(number)])


@pytest.fixture
def decoded(monkeypatch):
    """The paths of files that are decoded from now on."""
    paths, picture_of = [], picture.Framing.picture
    monkeypatch.setattr(
        picture.Framing, "picture", lambda self, file: (paths.append(file.path), picture_of(self, file))[1]
    )
    return paths


@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize("augment", [None, "cats_dogs"])
@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_a_cache_changes_no_pixel_and_decodes_once(tmp_path, decoded, kind, augment, color):
    folder = cats_and_dogs(tmp_path / "all")
    options = {"image_size": 20, "batch_size": 4, "augment": augment, "color": color}
    plain = from_directory(folder, **options)
    cached = from_directory(folder, cache="memory" if kind == "memory" else tmp_path / "cache", **options)
    expected = [epoch(plain, number) for number in range(3)]
    decoded.clear()
    for number in range(3):
        np.testing.assert_array_equal(epoch(cached, number), expected[number])
    assert sorted(decoded) == sorted(cached.files)
    again = from_directory(folder, cache="memory" if kind == "memory" else tmp_path / "cache", **options)
    np.testing.assert_array_equal(epoch(again), expected[1])
    assert len(decoded) == (20 if kind == "memory" else 10)  # a folder serves the next run, too


def test_the_memory_it_takes_is_what_is_said(tmp_path):
    for number, (height, width) in enumerate([(60, 80), (79, 79), (200, 30), (500, 700)]):
        save(tmp_path / f"{number}.jpg", scene(height, width))
        save(tmp_path / f"{number}.png", scene(height, width))
    for augment, least, most in ((None, 1, 1), ("cats_dogs", 1, 4)):
        data = from_directory(tmp_path, image_size=20, labels=None, cache="memory", augment=augment)
        assert data.cache.bytes == 0
        list(data.batches())
        assert 8 * 20 * 20 * 3 * least <= data.cache.bytes <= 8 * 20 * 20 * 3 * most


def cache_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:10],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: bytes(len(data)),
    ],
)
def test_a_damaged_file_is_made_anew(tmp_path, decoded, damage):
    folder = cats_and_dogs(tmp_path / "all", each=2)
    data = from_directory(folder, image_size=20, cache=tmp_path / "cache")
    expected = epoch(data)
    files = cache_files(tmp_path / "cache")
    assert len(files) == 4
    whole = files[2].read_bytes()
    files[2].write_bytes(damage(whole))
    decoded.clear()
    np.testing.assert_array_equal(epoch(data), expected)
    assert len(decoded) == 1
    assert files[2].read_bytes() == whole


def test_a_changed_picture_or_size_is_another_entry(tmp_path):
    folder = cats_and_dogs(tmp_path / "all", each=1)
    options = {"image_size": 20, "cache": tmp_path / "cache", "shuffle": False}
    before = epoch(from_directory(folder, **options))
    changed = folder / "cat" / "0.jpg"
    about = changed.stat()
    save(changed, 255 - scene(60, 80))
    os.utime(changed, ns=(about.st_atime_ns, about.st_mtime_ns + 1_000_000))
    after = epoch(from_directory(folder, **options))
    assert np.abs(after[0] - before[0]).mean() > 20
    np.testing.assert_array_equal(after[1], before[1])
    assert epoch(from_directory(folder, **(options | {"image_size": 22}))).shape == (2, 22, 22, 3)


def test_a_cache_is_filled_by_the_check_of_every_file(tmp_path, decoded):
    data = from_directory(cats_and_dogs(tmp_path), image_size=20, cache="memory", on_error="skip")
    assert len(decoded) == 10
    epoch(data)
    assert len(decoded) == 10


def test_a_folder_that_cannot_be_is_an_error(tmp_path):
    folder = cats_and_dogs(tmp_path / "all", each=1)
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(FileError, match="cannot make the folder"):
        from_directory(folder, image_size=20, cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    folder = cats_and_dogs(tmp_path / "all", each=1)
    data = from_directory(folder, image_size=20, cache=tmp_path / "cache")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match="No space left on device; make room"):
        epoch(data)
    assert not cache_files(tmp_path / "cache")
