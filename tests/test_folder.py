"""A folder of photos on the command line: in their order, in threads, and whatever some of the files are."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from visionkit import preprocess
from visionkit._errors import ArgumentError, FileError
from visionkit.cli import folder, main
from visionkit.reader.sample import draw_page

ROOT = Path(__file__).parents[1]
TEXTS = ("HELLO\n2846", "3528", "KM 47", "7", "AKX\n295", "WORLD", "MANGO", "0123")
COMMAND = [sys.executable, "-m", "visionkit"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of several sizes, the largest first, one of them blurred: who is begun first is not done first."""
    place = tmp_path_factory.mktemp("pages")
    for number, text in enumerate(TEXTS):
        page = draw_page(text, seed=number, height=150 if number == 0 else 50).image
        if number == 3:
            page = cv2.GaussianBlur(page, (0, 0), 7)
        preprocess.write(place / f"{number}.jpg", page)
    return place


def run(*arguments, before=()):
    """The command in a process of its own."""
    command = [*before, *COMMAND, *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)


def run_without_privileges(*arguments):
    """The command, stopped by the permissions of files also where an administrator runs it."""
    return run(
        *arguments,
        before=["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else [],
    )


def call(*arguments):
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize(
    "verb", [["read"], ["read", "--json"], ["blur"], ["blur", "--method", "fft", "--json"]], ids=" ".join
)
def test_threads_give_the_answers_of_one_in_the_same_order(verb, pages, capsys):
    status = call(*verb, pages, "--threads", 1)
    alone = capsys.readouterr()
    assert [line for line in alone.out.splitlines() if "HELLO" in line or "3528" in line] or "blur" in verb
    for threads in (3, 8):
        assert call(*verb, pages, "--threads", threads) == status
        assert capsys.readouterr() == alone


def test_drawings_are_the_same_from_threads(pages, tmp_path, capsys):
    for threads in (1, 4):
        call("read", pages, "--threads", threads, "--draw", tmp_path / str(threads))
    drawn = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert len(drawn) == len(TEXTS) - 1
    for name in drawn:
        np.testing.assert_array_equal(*(preprocess.read(tmp_path / threads / name) for threads in ("1", "4")))


def test_the_answers_are_those_of_the_library(pages, capsys):
    assert call("blur", pages, "--json") == 1
    for found in map(json.loads, capsys.readouterr().out.splitlines()):
        score = preprocess.blur_score(preprocess.read(found["path"]))
        assert found["score"] == pytest.approx(score, abs=0.002)
        assert found["blurry"] == (score <= preprocess.BLUR_THRESHOLDS["edge"])


@pytest.mark.skipif(sys.platform != "linux", reason="has files of other kinds")
def test_whatever_the_files_are_each_is_told_of_and_the_rest_is_done(pages, tmp_path):
    shutil.copy(pages / "1.jpg", tmp_path / "a.jpg")
    (tmp_path / "b-cut.jpg").write_bytes((pages / "1.jpg").read_bytes()[:3000])
    (tmp_path / "c-empty.jpg").touch()
    (tmp_path / "d-folder.jpg").mkdir()
    os.mkfifo(tmp_path / "e-pipe.jpg")
    (tmp_path / "f-loop.jpg").symlink_to("f-loop.jpg")
    (tmp_path / "g-gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "h-device.jpg").symlink_to("/dev/zero")
    (tmp_path / "i-unread.jpg").symlink_to("/proc/self/mem")  # reading it is an error of the system
    (tmp_path / "j-locked.jpg").write_bytes(b"anything")
    (tmp_path / "j-locked.jpg").chmod(0)
    (tmp_path / "k-text.jpg").write_text("not a picture")
    shutil.copy(pages / "2.jpg", tmp_path / "z.jpg")
    done = run_without_privileges("read", tmp_path, "--threads", "3", "--draw", tmp_path / "drawn")
    assert done.stdout == f"{tmp_path}/a.jpg: 3528\n{tmp_path}/z.jpg: KM 47\n"
    told = done.stderr.splitlines()
    names = sorted(path.name for path in tmp_path.iterdir() if path.name[1] == "-")
    assert len(told) == len(names) == 10
    for line, name in zip(told, names, strict=True):
        assert line.startswith("visionkit: read: ")
        assert name in line
    assert "Permission denied" in told[names.index("j-locked.jpg")]
    assert done.returncode == 2
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a.png", "z.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = run("blur", tmp_path / "pipe")
    assert done.returncode == 2
    assert "is empty" in done.stderr


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="has no names for open files")
def test_a_pipe_that_somebody_writes_to_is_read_to_its_end(pages):
    data = (pages / "0.jpg").read_bytes()
    end, beginning = os.pipe()

    def write():
        with suppress(BrokenPipeError), os.fdopen(beginning, "wb") as file:
            for at in range(0, len(data), 1 + len(data) // 3):
                time.sleep(0.1)
                file.write(data[at : at + 1 + len(data) // 3])
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        np.testing.assert_array_equal(preprocess.read(f"/dev/fd/{end}"), preprocess.read(pages / "0.jpg"))
    finally:
        os.close(end)
        writer.join()


def test_a_photo_too_small_for_the_check_is_told_of_alone(pages, tmp_path, capsys):
    preprocess.write(tmp_path / "a.png", np.zeros((9, 9), np.uint8))
    shutil.copy(pages / "1.jpg", tmp_path / "b.jpg")
    for verb in (["blur", "--method", "fft"], ["read", "--blur", "fft", "--blur-threshold", "-1000"]):
        assert call(*verb, tmp_path) == 2
        out, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert "a.png" in err
        assert out.startswith(f"{tmp_path}/b.jpg: ")


def test_a_wrong_charset_is_told_of_once(pages, capsys):
    assert call("read", pages, "--charset", "é", "--threads", 4) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_threads_are_counted_from_1(number, pages, capsys):
    assert call("blur", pages, "--threads", number) == 2
    assert "--threads" in capsys.readouterr().err


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """More photos than are done in the time of a test, of 12 megapixels."""
    place = tmp_path_factory.mktemp("many")
    page = draw_page("3528", kind="large", seed=1).image
    preprocess.write(place / "0000.jpg", page)
    for number in range(1, 2000):
        os.link(place / "0000.jpg", place / f"{number:04}.jpg")
    return place


@pytest.mark.skipif(os.name != "posix", reason="has no signals")
@pytest.mark.parametrize("threads", ["1", "4"])
def test_ctrl_c_stops_at_once(threads, many):
    # a shell lets what it starts in the background ignore Ctrl-C, and the tests may run there
    heard = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", heard, *COMMAND, "read", str(many), "--threads", threads]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=20)
    assert first.decode() == f"{many}/0000.jpg: 3528\n"
    assert (process.returncode, err) == (130, b"")
    assert len(rest.splitlines()) < 50  # and the first was told when it was done, not when there was a block of them


@pytest.mark.skipif(os.name != "posix", reason="has no closed pipes")
def test_where_nobody_listens_any_more_it_stops_at_once(many):
    with subprocess.Popen(
        [*COMMAND, "blur", str(many), "--threads", "4"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(20) == 141


def test_few_photos_are_begun_before_their_turn_and_opencv_is_left_as_it_was():
    begun, usual = [], cv2.getNumThreads()
    cv2.setNumThreads(3)

    def answer(photo):
        begun.append(photo)
        return folder.Answer({}, photo.name, lambda: "")

    photos = [Path(str(number)) for number in range(100)]
    with folder.started(photos, answer, 4) as results:
        assert cv2.getNumThreads() == 1
        for number, result in enumerate(results):
            assert result().text == str(number)
            time.sleep(0.002)
            assert len(begun) <= number + 1 + 4 * folder.AHEAD
    assert sorted(begun, key=photos.index) == photos
    assert cv2.getNumThreads() == 3
    with pytest.raises(KeyboardInterrupt), folder.started(photos, answer, 4):
        raise KeyboardInterrupt
    assert cv2.getNumThreads() == 3
    cv2.setNumThreads(usual)


def test_threads_that_have_no_photo_are_left_to_opencv():
    with folder.started([Path("one")], lambda photo: None, 6):
        assert cv2.getNumThreads() == 6


def test_a_place_for_drawings_is_called_as_the_user_calls_it(pages, tmp_path):
    photos = sorted(pages.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"^--out: expected a folder"):
        folder.places("--out", tmp_path / "file", photos, True)
    with pytest.raises(ArgumentError, match=r"^--draw: .* is one of the photos"):
        folder.places("--draw", photos[0], photos[:1], False)


@pytest.mark.skipif(sys.platform != "linux", reason="has no setpriv")
def test_a_folder_that_may_not_be_looked_into_is_told_of(pages, tmp_path):
    (tmp_path / "locked").mkdir(0)
    done = run_without_privileges("read", tmp_path / "locked", pages / "1.jpg")
    assert (done.returncode, done.stdout) == (2, f"{pages}/1.jpg: 3528\n")
    assert done.stderr == f"visionkit: read: cannot open '{tmp_path}/locked': Permission denied\n"
