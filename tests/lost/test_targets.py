"""Places where nothing can be written, each one clear error; and what becomes of permissions."""

import os
import shutil
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

from visionkit import ArgumentError, FileError, _demo
from visionkit._files import replacing, write_text, writing
from visionkit.explain import save_activations
from visionkit.models.tools.export import export
from visionkit.preprocess import write
from visionkit.train import extract_features, fit, from_directory, split_directory, write_submission
from visionkit.train.tfrecord import write_tfrecords

ROOT = Path(__file__).parents[2]
PICTURES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(2)]
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number, picture in enumerate(PICTURES):
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        write(folder / "ab"[number % 2] / f"{number}.png", picture)
    return folder


# of a path without suffix, the file or folder that is written
FILES = {
    "write": (".png", lambda path, model, photos: write(path, PICTURES[0])),
    "write_submission": (".csv", lambda path, model, photos: write_submission(path, [1], [2])),
    "export": (".keras", lambda path, model, photos: export(model, path)),
}
FOLDERS = {
    "export_saved_model": lambda path, model, photos: export(model, path),
    "save_activations": lambda path, model, photos: save_activations(model, PICTURES[0], path, verbose=False),
    "write_tfrecords": lambda path, model, photos: write_tfrecords(PICTURES, f"{path}/*.tfrec", shards=2),
    "split_directory": lambda path, model, photos: split_directory(photos, path, counts={"train": 1}),
    "from_directory": lambda path, model, photos: from_directory(photos, image_size=8, cache=path),
    "extract_features": lambda path, model, photos: extract_features(model, PICTURES, cache=path, verbose=0),
    "fit": lambda path, model, photos: fit(
        model, (PICTURES, np.arange(4) % 2), epochs=1, loss="mse", metrics=[], directory=path, verbose=0
    ),
    "demo": lambda path, model, photos: _demo.run(Path(path)),
}  # fmt: skip
PLACES = {
    "below a file": "file/below",
    "a name that is too long": "x" * 300,
    "a null byte": "a\0b",
    "half a letter": "a\ud800b",
}

posix = pytest.mark.skipif(os.name != "posix", reason="names and permissions of POSIX")
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports with TensorFlow")


def refused(call, tmp_path):
    """The message of the error; nothing is left behind."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((FileError, ArgumentError)) as caught:
        call()
    assert sorted(tmp_path.rglob("*")) == before
    message = str(caught.value)
    message.encode()  # it can be printed
    assert "\n" not in message
    assert isinstance(caught.value, FileError), message
    return message


@posix
@on_tensorflow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_where_nothing_can_be(tmp_path, model, photos, name, place):
    (tmp_path / "file").write_text("a file")
    suffix, call = FILES[name] if name in FILES else ("", FOLDERS[name])
    path = f"{tmp_path}/{PLACES[place]}{suffix}"
    told = refused(lambda: call(path, model, photos), tmp_path)
    assert "; " in told, "says what to do"
    assert (tmp_path / "file").read_text() == "a file"


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file(tmp_path, model, name):
    suffix, call = FILES[name]
    (tmp_path / f"a{suffix}").mkdir()
    assert "folder" in refused(lambda: call(tmp_path / f"a{suffix}", model, None), tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_is_not_there(tmp_path, model, name):
    suffix, call = FILES[name]
    assert "make" in refused(lambda: call(tmp_path / "gone" / f"a{suffix}", model, None), tmp_path)


def test_no_path_is_an_argument_error():
    for path in (3, None, b"a"):
        with pytest.raises(ArgumentError, match="expected a path, got"):
            write_submission(path, [1], [2])


@posix
def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="no regular file"):
        write_submission(tmp_path / "pipe", [1], [2])
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_that_vanishes_while_a_file_is_written(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()

    def write_slowly():
        with writing("here", folder / "a"), replacing(folder / "a") as file:
            file.write(b"a")
            shutil.rmtree(folder)

    with pytest.raises(FileError, match="make the folder first"):
        write_slowly()
    assert not folder.exists()


@posix
def test_another_users_folder(tmp_path):
    """As nobody, since the superuser may write anywhere."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can become somebody else")
    (tmp_path / "a.csv").write_text("old")
    script = """
        import os, sys
        from visionkit._files import write_text, writing
        os.setgid(65534)
        os.setuid(65534)
        try:
            with writing("here", "a.csv"):
                write_text("a.csv", "new")
        except OSError as error:
            print(error)
    """
    os.chmod(tmp_path, 0o755)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "here: cannot write 'a.csv': Permission denied; give a folder that you may write to"
    assert done.stderr == ""
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "old"}


@posix
def test_the_mode_of_a_new_file_is_the_umasks_also_with_threads(tmp_path):
    """Nobody may see another umask while a file is written: files made meanwhile would get another mode."""
    before = os.umask(0o027)
    stop, modes = threading.Event(), set()

    def others():
        number = 0
        while not stop.is_set():
            number += 1
            path = tmp_path / f"other{number % 50}"
            path.unlink(missing_ok=True)
            path.touch(0o666)
            modes.add(stat.S_IMODE(path.stat().st_mode))

    thread = threading.Thread(target=others)
    thread.start()
    try:
        for number in range(300):
            path = tmp_path / f"a{number}"
            with replacing(path, sync=False) as file:
                file.write(b"a")
            modes.add(stat.S_IMODE(path.stat().st_mode))
    finally:
        stop.set()
        thread.join()
        os.umask(before)
    assert modes == {0o640}


@posix
def test_threads_that_write_one_file_leave_one_of_theirs_and_nothing_else(tmp_path):
    texts = [str(number) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_text, args=(tmp_path / "a", text)) for text in texts for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() in texts


@posix
def test_the_longest_names_can_be_written(tmp_path):
    for name in ("x" * 255, "猫" * 85):
        write_text(tmp_path / name, "whole")
        assert (tmp_path / name).read_text() == "whole"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full")
def test_a_full_place_for_the_output_of_a_command_is_one_line(tmp_path):
    write(tmp_path / "a.png", PICTURES[0])
    for arguments in (["blur", str(tmp_path / "a.png")], ["blur", str(tmp_path / "a.png"), "--json"]):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "visionkit", *arguments]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "No space left on device" in done.stderr
