"""write_tfrecords: what TensorFlow reads of it, and what is left of it after a kill, a full disk, a broken picture."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tests.train.tfrecord_files import folder_of, jpeg, pictures, read_by_tensorflow
from visionkit import ArgumentError, FileError, ImageError
from visionkit.train.tfrecord import write as writing
from visionkit.train.tfrecord.write import write_tfrecords


def test_tensorflow_reads_every_byte_and_label_of_a_folder(tmp_path):
    files = folder_of(tmp_path / "photos")
    written = write_tfrecords(tmp_path / "photos", tmp_path / "out" / "bugs-*.tfrec", shards=4)
    assert written.classes == ("ant", "bee", "cat")
    assert written.counts == (6, 5, 5, 5)
    assert [Path(path).name for path in written.paths] == [f"bugs-0{k}-{n}.tfrec" for k, n in enumerate((6, 5, 5, 5))]
    found = read_by_tensorflow(written.paths)
    assert len(found) == 21
    assert {data: int(label) for data, label in found} == files
    for path in written.paths:
        assert len({label for _, label in read_by_tensorflow([path])}) > 1, "a shard is a mix of classes"


def test_the_order_follows_from_the_seed(tmp_path):
    folder_of(tmp_path / "photos")

    def bytes_of(name, **options):
        written = write_tfrecords(tmp_path / "photos", tmp_path / name, shards=2, **options)
        return [Path(path).read_bytes() for path in written.paths]

    assert bytes_of("a", seed=5) == bytes_of("b", seed=5) != bytes_of("c", seed=6)
    plain = write_tfrecords(tmp_path / "photos", tmp_path / "d", shards=2, shuffle=False)
    assert [int(label) for _, label in read_by_tensorflow(plain.paths)] == [0] * 7 + [1] * 7 + [2] * 7


def test_a_flat_folder_without_labels_has_the_names_of_its_files_as_ids(tmp_path):
    for place, picture in enumerate(pictures(5)):
        (tmp_path / f"p{place}.jpg").write_bytes(jpeg(picture))
    written = write_tfrecords(tmp_path, tmp_path / "out" / "test", shards=2, labels=None)
    assert written.classes is None
    assert {name: data for data, name in read_by_tensorflow(written.paths, name="id")} == {
        f"p{place}".encode(): (tmp_path / f"p{place}.jpg").read_bytes() for place in range(5)
    }


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_arrays_without_loss(tmp_path, channels):
    images = np.random.default_rng(0).integers(0, 256, (9, 11, 13, *channels), dtype=np.uint8)
    labels = np.arange(9) % 4
    written = write_tfrecords((images, labels), tmp_path / "a", shards=3, quality=None, shuffle=False, label_key="y")
    found = read_by_tensorflow(written.paths, label="y")
    assert [int(label) for _, label in found] == labels.tolist()
    for image, (data, _) in zip(images, found, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(data).numpy(), image.reshape(11, 13, -1))


def test_arrays_as_jpeg_are_in_rgb(tmp_path):
    red = np.full((4, 16, 16, 3), (250, 10, 30), np.uint8)
    written = write_tfrecords(red, tmp_path / "a", shards=1, ids="abcd")
    found = read_by_tensorflow(written.paths, name="id")
    assert sorted(name for _, name in found) == [b"a", b"b", b"c", b"d"]
    assert tf.io.is_jpeg(found[0][0])
    assert np.abs(tf.io.decode_jpeg(found[0][0]).numpy().astype(int) - (250, 10, 30)).max() <= 3


def test_pairs_of_bytes_and_labels_from_a_generator(tmp_path):
    files = [(jpeg(picture), place % 2) for place, picture in enumerate(pictures(6))]
    written = write_tfrecords(iter(files), tmp_path / "a", shards=2, shuffle=False, classes=["no", "yes"])
    assert [(data, int(label)) for data, label in read_by_tensorflow(written.paths)] == files


def test_other_sizes_and_formats_are_encoded_anew(tmp_path):
    small, large = pictures(1)[0], pictures(1, sizes=((48, 64),))[0]
    given = [jpeg(small), jpeg(large), jpeg(small, ".png"), jpeg(small, ".bmp")]
    written = write_tfrecords(
        [(data, 0) for data in given], tmp_path / "a", shards=1, shuffle=False, image_size=(24, 32), quality=None
    )
    assert Path(written.paths[0]).name == "a-00-24x32-4.tfrec"
    first, second, third, fourth = (data for data, _ in read_by_tensorflow(written.paths))
    assert (first, third) == (given[0], given[2])
    decoded = cv2.imdecode(np.frombuffer(given[1], np.uint8), cv2.IMREAD_COLOR)
    averaged = cv2.resize(decoded, (32, 24), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(tf.io.decode_png(second).numpy(), averaged[..., ::-1])
    np.testing.assert_array_equal(tf.io.decode_png(fourth).numpy(), small[..., ::-1])


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a-{shard:02d}-of-{shards:02d}-{count}.tfrec", ["a-00-of-02-3.tfrec", "a-01-of-02-2.tfrec"]),
        ("train.tfrecord", ["train-00-3.tfrecord", "train-01-2.tfrecord"]),
        ("*.tfrec", ["00-3.tfrec", "01-2.tfrec"]),
        ("", ["00-3.tfrec", "01-2.tfrec"]),
    ],
)
def test_names(tmp_path, pattern, names):
    written = write_tfrecords(np.zeros((5, 8, 8, 3), np.uint8), f"{tmp_path}/{pattern}", shards=2)
    assert [Path(path).name for path in written.paths] == names
    assert [Path(path).parent for path in written.paths] == [tmp_path] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 0}, "shards"),
        ({"shards": 8}, "a picture for each of 8 shards"),
        ({"pattern": "same-{count}"}, "name of its own"),
        ({"pattern": "{number}"}, "{shard:02d}"),
        ({"pattern": "gs://bucket/a"}, "of this machine"),
        ({"quality": 101}, "quality"),
        ({"image_key": "id"}, "three names"),
        ({"ids": ["a"] * 7}, "each id once"),
        ({"ids": ["a"]}, "an id for each"),
        ({"classes": ["a"]}, "no classes"),
        ({"labels": None}, "no folder"),
        ({"source": np.zeros((7, 8, 8, 3))}, "uint8"),
        ({"source": (np.zeros((7, 8, 8, 3), np.uint8), [0, 1])}, "an integer label for each of 7"),
        ({"source": (np.zeros((7, 8, 8, 3), np.uint8), [0, 1, 2, 3, 0, -1, 0])}, "-1"),
        ({"source": (np.zeros((2, 8, 8, 3), np.uint8), [0, 1]), "classes": ["one"]}, "1 in picture 1"),
        ({"source": []}, "got none"),
        ({"source": 5}, "source"),
    ],
)
def test_arguments_that_do_not_fit_write_nothing(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    arguments = {"source": np.zeros((7, 8, 8, 3), np.uint8), "pattern": "a", "shards": 2} | options
    with pytest.raises(ArgumentError, match="write_tfrecords") as raised:
        write_tfrecords(arguments.pop("source"), arguments.pop("pattern"), **arguments)
    assert message in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_broken_pictures_are_named_before_anything_is_written(tmp_path):
    files = folder_of(tmp_path / "photos")
    whole = (tmp_path / "photos" / "bee" / "003.jpg").read_bytes()
    (tmp_path / "photos" / "bee" / "003.jpg").write_bytes(whole[:200])
    (tmp_path / "photos" / "cat" / "005.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"2 broken.*bee.003\.jpg.*too early.*cat.005\.jpg.*empty"):
        write_tfrecords(tmp_path / "photos", tmp_path / "out" / "a", shards=2)
    assert not (tmp_path / "out").exists()
    written = write_tfrecords(tmp_path / "photos", tmp_path / "out" / "a", shards=2, on_error="skip")
    assert [Path(file).name for file, _ in written.skipped] == ["003.jpg", "005.jpg"]
    assert written.counts == (10, 9)
    assert set(dict(read_by_tensorflow(written.paths))) < set(files)


def test_files_of_something_else_are_not_written_over(tmp_path):
    folder_of(tmp_path / "photos")
    before = write_tfrecords(tmp_path / "photos", tmp_path / "a-*.tfrec", shards=2)
    contents = [Path(path).read_bytes() for path in before.paths]
    with pytest.raises(FileError, match=r"a-00-11\.tfrec.*and 1 more.*another pattern"):
        write_tfrecords(tmp_path / "photos", tmp_path / "a-*.tfrec", shards=2, seed=1)
    assert [Path(path).read_bytes() for path in before.paths] == contents


def test_only_what_is_missing_or_damaged_is_written_again(tmp_path):
    folder_of(tmp_path / "photos")
    first = write_tfrecords(tmp_path / "photos", tmp_path / "a", shards=4)
    contents = [Path(path).read_bytes() for path in first.paths]
    times = [os.stat(path).st_mtime_ns for path in first.paths]
    Path(first.paths[1]).unlink()
    damaged = bytearray(contents[2])
    damaged[len(damaged) // 2] ^= 4
    Path(first.paths[2]).write_bytes(damaged)
    second = write_tfrecords(tmp_path / "photos", tmp_path / "a", shards=4)
    assert second.kept == 2
    assert second._replace(kept=0) == first
    assert [Path(path).read_bytes() for path in first.paths] == contents
    assert [os.stat(first.paths[place]).st_mtime_ns for place in (0, 3)] == [times[0], times[3]]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9")
def test_a_killed_run_goes_on(tmp_path):
    files = folder_of(tmp_path / "photos", each=60)
    arguments = f"{str(tmp_path / 'photos')!r}, {str(tmp_path / 'a')!r}, shards=6"
    script = f"""
        import os, signal
        from visionkit.train.tfrecord import write
        seen = 0
        def counted(*arguments, made=write.encoded, **options):
            global seen
            seen += 1
            if seen == 100:
                os.kill(os.getpid(), signal.SIGKILL)
            return made(*arguments, **options)
        write.encoded = counted
        write.write_tfrecords({arguments})
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert len(list(tmp_path.glob("a-*.tfrec"))) == 3
    assert list(tmp_path.glob(".a-*")), "what was begun stands beside"
    written = write_tfrecords(tmp_path / "photos", tmp_path / "a", shards=6)
    assert written.kept == 3
    assert not list(tmp_path.glob(".a-*"))
    assert Counter(read_by_tensorflow(written.paths)) == Counter(files.items())
    uninterrupted = write_tfrecords(tmp_path / "photos", tmp_path / "b", shards=6)
    for one, other in zip(written.paths, uninterrupted.paths, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()


def test_a_full_disk_leaves_whole_shards(tmp_path, monkeypatch):
    folder_of(tmp_path / "photos")
    sync, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == 7:  # the manifest and two shards, and their folder after each of them
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"No space left.*same call again"):
        write_tfrecords(tmp_path / "photos", tmp_path / "a", shards=4)
    assert sorted(path.name for path in tmp_path.glob("*a*")) == ["a-00-6.tfrec", "a-01-5.tfrec", "a.json"]
    assert write_tfrecords(tmp_path / "photos", tmp_path / "a", shards=4).kept == 2


def test_the_file_beside_the_shards_tells_what_they_are(tmp_path):
    folder_of(tmp_path / "photos")
    write_tfrecords(tmp_path / "photos", tmp_path / "a-*.tfrec", shards=2)
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["classes"] == ["ant", "bee", "cat"]
    assert told["shards"] == {"a-00-11.tfrec": 11, "a-01-10.tfrec": 10}


def test_progress_is_shown_when_asked_for(tmp_path, capsys):
    write_tfrecords(np.zeros((70, 8, 8, 3), np.uint8), tmp_path / "a", shards=1)
    assert capsys.readouterr().out == ""
    write_tfrecords(np.zeros((70, 8, 8, 3), np.uint8), tmp_path / "b", shards=1, verbose=True)
    assert "70/70" in capsys.readouterr().out
    assert writing.AT_ONCE < 70
