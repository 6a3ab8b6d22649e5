"""The command line on real files: what it prints where, and its exit status."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from visionkit import __version__, _demo, preprocess, reader
from visionkit.cli import main
from visionkit.cli.models import FORMATS
from visionkit.reader.sample import draw_page

ROOT = Path(__file__).parents[1]
TEXT = "HELLO\n2846"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A folder with two pages, a blurred one, one with nothing on it, and what is no picture."""
    folder = tmp_path_factory.mktemp("pages")
    page = draw_page(TEXT, seed=2).image
    preprocess.write(folder / "a.png", page)
    preprocess.write(folder / "b [1].jpg", draw_page("3528", seed=3).image)
    preprocess.write(folder / "blurred.png", cv2.GaussianBlur(page, (0, 0), 7))
    preprocess.write(folder / "empty.png", np.full((600, 800, 3), 240, np.uint8))
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:500])
    return folder


@pytest.fixture
def good(pages, tmp_path):
    """A folder with the two good pages, and a file that no one asked to read."""
    for name in ("a.png", "b [1].jpg"):
        shutil.copy(pages / name, tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def run(*arguments, **options):
    """The command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "visionkit", *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False, cwd="/", **options
    )


def call(*arguments):
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


def one_line(error: str) -> str:
    assert error.startswith("visionkit: ")
    assert error.count("\n") == 1
    assert error.endswith("\n")
    return error


def test_one_photo_prints_just_its_text(pages):
    done = run("read", pages / "a.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{TEXT}\n", "")


def test_several_photos_print_path_and_line(pages, capsys):
    first, second = pages / "a.png", pages / "b [1].jpg"
    assert call("read", first, second) == 0
    assert capsys.readouterr().out == f"{first}: HELLO\n{first}: 2846\n{second}: 3528\n"


def test_a_folder_stands_for_the_pictures_in_it(good, capsys):
    assert call("read", good) == 0
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()] == ["HELLO", "2846", "3528"]


def test_a_broken_file_among_good_ones_is_told_and_the_rest_is_read(pages, capsys):
    assert call("read", pages / "broken.png", pages / "a.png", pages / "b [1].jpg") == 2
    out, err = capsys.readouterr()
    assert "broken.png" in one_line(err)
    assert len(out.splitlines()) == 3


def test_the_whole_folder_tells_of_every_fault(pages, capsys):
    assert call("read", pages) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    for line, name in zip(err.splitlines(), ("blurred.png", "broken.png", "empty.png"), strict=True):
        assert name in one_line(f"{line}\n")


def test_a_blurry_photo_is_status_1_and_can_be_read_all_the_same(pages, capsys):
    assert call("read", pages / "blurred.png") == 1
    assert "--blur none" in one_line(capsys.readouterr().err)
    call("read", pages / "blurred.png", "--blur", "none")
    assert "too blurry" not in capsys.readouterr().err


def test_a_threshold_of_your_own(pages, capsys):
    assert call("read", pages / "a.png", "--blur-threshold", "0.99") == 1
    assert "must exceed 0.99" in one_line(capsys.readouterr().err)


def test_a_page_with_nothing_on_it_is_status_1(pages, capsys):
    assert call("read", pages / "empty.png") == 1
    assert "empty.png" in one_line(capsys.readouterr().err)


def test_the_charset_and_the_digits_network(pages, capsys):
    assert call("read", pages / "b [1].jpg", "--charset", "digits") == 0
    assert call("read", pages / "b [1].jpg", "--network", "digits") == 0
    assert capsys.readouterr().out == "3528\n3528\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required"),
        (["reed"], "invalid choice"),
        (["read"], "PHOTO"),
        (["read", "{page}", "--blurr", "fft"], "unrecognized arguments"),
        (["read", "{page}", "--blur", "sharp"], "invalid choice"),
        (["read", "{page}", "--blur-threshold", "nan"], "invalid number"),
        (["read", "{page}", "--charset", "é"], "charset"),
        (["read", "{page}", "--network", "alphabetic"], "alphanumeric"),
        (["read", "{page}", "--network", "missing.onnx"], "missing.onnx"),
        (["read", "{page}", "--draw", "drawn.doc"], ".png"),
        (["read", "{page}", "--draw", "{page}"], "one of the photos"),
        (["read", "{page}", "{page}2", "--draw", "{page}"], "expected a folder"),
        (["read", "missing.png"], "missing.png"),
        (["read", "{folder}"], "folder"),
        (["blur", "missing.png"], "missing.png"),
        (["blur", "{page}", "--method", "sobel"], "invalid choice"),
        (["demo", "--out", "{page}"], "a.png"),
        (["profile"], "MODEL"),
        (["profile", "lenet6"], "did you mean 'lenet5'"),
        (["profile", "missing.keras"], "missing.keras"),
        (["profile", "{page}"], "expected a .keras file"),
        (["profile", "glyph_resnet", "--input", "32x32"], "(height, width, channels), got (32, 32)"),
        (["profile", "glyph_resnet", "--input", "32,32"], "invalid shape"),
        (["profile", "glyph_resnet", "--input", "0x32x1"], "invalid shape"),
        (["models", "export"], "MODEL"),
        (["models", "export", "glyph_resnet"], "--format"),
        (["models", "export", "glyph_resnet", "--format", "pdf"], "invalid choice"),
        (["models", "export", "glyph_resnet", "--format", "onnx", "--out", "a.tflite"], "ends in .onnx"),
        (["models", "export", "glyph_resnet", "--out", "{folder}/missing/a.keras"], "does not exist"),
        (["models", "export", "glyph_resnet", "--out", "a.keras", "--weights", "none.keras"], "none.keras"),
    ],
)
def test_wrong_usage_and_unusable_files_are_status_2_and_one_line(arguments, told, pages, tmp_path, capsys):
    filled = [argument.format(page=pages / "a.png", folder=tmp_path) for argument in arguments]
    assert call(*filled) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in one_line(err)


def test_no_traceback_from_the_process_either():
    done = run("read", "missing.png")
    assert done.returncode == 2
    assert "missing.png" in one_line(done.stderr)


def test_json_is_one_object_for_one_photo(pages, capsys):
    assert call("read", pages / "a.png", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == str(pages / "a.png")
    assert found["text"] == TEXT
    assert {"text", "confidence", "box", "line", "alternatives"} <= set(found["characters"][0])


def test_json_lines_for_several_photos_tell_of_faults_too(pages, capsys):
    assert call("read", pages, "--json") == 2
    found = {Path(one["path"]).name: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert list(found) == ["a.png", "b [1].jpg", "blurred.png", "broken.png", "empty.png"]
    assert found["b [1].jpg"]["lines"] == ["3528"]
    assert "error" in found["broken.png"]
    assert found["blurred.png"]["score"] <= found["blurred.png"]["threshold"]


def test_draw_one_photo_into_a_file(pages, tmp_path):
    assert call("read", pages / "a.png", "--draw", tmp_path / "drawn.png") == 0
    photo, drawn = preprocess.read(pages / "a.png"), preprocess.read(tmp_path / "drawn.png")
    assert photo.shape == drawn.shape
    assert (drawn == (0, 200, 0)).all(axis=2).sum() > 500


def test_draw_several_photos_into_a_folder(good, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "new" / "folder"
    assert call("read", good, "--draw", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b [1].png"]


def test_photos_of_one_name_are_drawn_under_two(good, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    (good / "more").mkdir()
    shutil.copy(good / "b [1].jpg", good / "more" / "a.jpg")
    assert call("read", good / "a.png", good / "more" / "a.jpg", "--draw", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a-2.png", "a.png"]


def test_draw_never_replaces_a_photo(good, capsys):
    before = (good / "a.png").read_bytes()
    assert call("read", good, "--draw", good) == 2
    assert "one of the photos" in one_line(capsys.readouterr().err)
    assert (good / "a.png").read_bytes() == before


def test_blur_tells_sharp_from_blurry(pages, capsys):
    assert call("blur", pages / "a.png") == 0
    score, verdict = capsys.readouterr().out.split()
    assert verdict == "sharp"
    assert float(score) > preprocess.BLUR_THRESHOLDS["edge"]
    assert call("blur", pages / "a.png", pages / "blurred.png") == 1
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["sharp", "blurry"]
    assert call("blur", pages / "blurred.png", "--threshold", "0.01") == 0


def test_blur_as_json(pages, capsys):
    assert call("blur", pages / "blurred.png", "--method", "laplacian", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "laplacian"
    assert found["threshold"] == preprocess.BLUR_THRESHOLDS["laplacian"]
    assert found["blurry"] is True


def test_models_are_listed_one_in_a_line(capsys):
    assert call("models") == 0
    assert {"glyph_resnet", "lenet5", "zfnet"} <= set(capsys.readouterr().out.splitlines())
    assert call("models", "glyph*") == 0
    assert capsys.readouterr().out.splitlines() == ["glyph_resnet"]
    assert call("models", "nothing*") == 1
    assert "nothing*" in one_line(capsys.readouterr().err)


def test_models_say_nothing_on_stderr():
    done = run("models", "lenet5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "lenet5\n", "")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The file of a small network."""
    import keras

    path = tmp_path_factory.mktemp("small") / "small.keras"
    keras.Sequential(
        [keras.Input((4, 6, 1)), keras.layers.Conv2D(2, 3, name="conv2d"), keras.layers.Flatten()], name="s"
    ).save(path)
    return path


def test_the_formats_are_those_of_the_library():
    from visionkit.models.tools.export import SUFFIXES

    assert tuple(SUFFIXES) == FORMATS


def test_profile_is_an_aligned_table(capsys):
    assert call("profile", "glyph_resnet") == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "glyph_resnet at 32x32x1: 387,524 parameters, 17.0 M multiply-adds"
    assert lines[3].split() == ["convolution", "3x3", "8", "16,515,072", "97.22%", "368,640", "95.93%"]
    assert len({len(line) for line in lines[2:]}) <= 2, "aligned, but for the rows that end early"


def test_profile_of_a_file_layer_by_layer_and_as_json(small, capsys):
    assert call("profile", small, "--layers") == 0
    out = capsys.readouterr().out
    by_layer, by_type = out.split("\n\n", 1)[1].split("\n\n")
    assert by_layer.splitlines()[1].split() == ["conv2d", "convolution", "3x3", "2x4x2", "20", "144"]
    assert by_type.splitlines()[1].split()[:4] == ["convolution", "3x3", "1", "144"]
    assert call("profile", small, "--input", "6x6x1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["input_shape"], found["parameters"], found["mult_adds"]) == ([6, 6, 1], 20, 16 * 9 * 2)
    assert [row["type"] for row in found["layers"]] == ["convolution 3x3", "Flatten"]


def test_profile_and_export_say_nothing_but_what_was_asked(tmp_path):
    done = run("profile", "lenet5", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["name"] == "lenet5"
    done = run("models", "export", "lenet5", "--format", "litert", "--out", tmp_path / "l.tflite")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'l.tflite'}\n")
    assert "random weights" in one_line(done.stderr)
    assert (tmp_path / "l.tflite").stat().st_size > 4 * 60_000


def test_export_goes_under_the_models_own_name(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call("models", "export", small, "--format", "saved_model") == 0
    assert (tmp_path / "small" / "saved_model.pb").is_file()
    assert call("models", "export", small, "--out", "other.tflite") == 0
    assert (tmp_path / "other.tflite").is_file()
    assert capsys.readouterr() == ("small\nother.tflite\n", "")


def test_export_with_weights_and_never_over_the_model_itself(small, tmp_path, capsys):
    import keras

    before = small.read_bytes()
    other = keras.saving.load_model(small)
    other.layers[0].bias.assign([1.0, 2.0])
    other.save_weights(tmp_path / "other.weights.h5")
    out = tmp_path / "out.keras"
    assert call("models", "export", small, "--weights", tmp_path / "other.weights.h5", "--out", out) == 0
    assert keras.saving.load_model(out).layers[0].get_weights()[1].tolist() == [1.0, 2.0]
    capsys.readouterr()
    assert call("models", "export", small, "--out", small) == 2
    assert "own file" in one_line(capsys.readouterr().err)
    assert small.read_bytes() == before


def test_a_broken_or_a_hostile_file_is_one_line(tmp_path, capsys):
    import keras

    (tmp_path / "broken.keras").write_bytes(b"PK nothing")
    code = keras.layers.Lambda(lambda x: x, output_shape=(2,))
    keras.Sequential([keras.Input((2,)), code]).save(tmp_path / "hostile.keras")
    for name in ("broken.keras", "hostile.keras"):
        for verb in (["profile"], ["models", "export", "--format", "onnx"]):
            assert call(*verb, tmp_path / name) == 2
            assert name in one_line(capsys.readouterr().err)


def test_a_network_of_your_own_reads_too(pages, tmp_path, capsys):
    import keras

    shutil.copy(Path(reader.__file__).parent / "weights" / "alphanumeric.keras", tmp_path / "own.keras")
    assert call("read", pages / "a.png", "--network", tmp_path / "own.keras") == 0
    assert capsys.readouterr().out == f"{TEXT}\n"
    keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Flatten(), keras.layers.Dense(7)]).save(
        tmp_path / "7.keras"
    )
    assert call("read", pages / "a.png", "--network", tmp_path / "7.keras") == 2
    assert "7" in one_line(capsys.readouterr().err)
    (tmp_path / "no.keras").write_bytes(b"nothing")
    assert call("read", pages / "a.png", "--network", tmp_path / "no.keras") == 2
    assert "no.keras" in one_line(capsys.readouterr().err)


def test_the_demo_reads_its_page_and_writes_its_pictures(tmp_path, capsys):
    assert call("demo", "--out", tmp_path / "shown") == 0
    reading = _demo.run(tmp_path / "again").reading
    assert reading.text == _demo.TEXT
    *lines, verdict, page, reading, strip = capsys.readouterr().out.splitlines()
    right, _, total, *_ = verdict.split()
    assert int(right) >= 0.95 * int(total)
    assert lines[0].startswith("written: ")
    pictures = [preprocess.read(path) for path in (page, reading, strip)]
    assert pictures[0].shape == pictures[1].shape
    assert pictures[2].shape[1] > 2 * pictures[2].shape[0]


def test_version_and_help():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"visionkit {__version__}\n")
    done = run("read", "--help")
    assert done.returncode == 0
    assert "--charset" in done.stdout


def test_a_pipe_that_closes_early_is_no_error(pages):
    command = f'"{sys.executable}" -m visionkit read --json "{pages / "a.png"}" "{pages / "b [1].jpg"}" | true'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_ctrl_c_is_status_130(pages, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(preprocess, "read", interrupted)
    assert call("blur", pages / "a.png") == 130


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of its own")
def test_on_a_terminal_there_are_frames_and_a_bar(good):
    import pty

    told = bytearray()
    environment = {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover
        os.execve(sys.executable, [sys.executable, "-m", "visionkit", "read", str(good)], {**os.environ, **environment})
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        told += read
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    text = told.decode()
    assert "╭" in text
    assert "HELLO" in text
    assert "2/2" in text
    assert "b [1].jpg" in text


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_tables_have_frames_where_they_fit_and_no_number_is_cut(small, monkeypatch):
    shown = {}
    for width in (60, 100):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setattr(sys, "stdout", Screen())
        assert call("profile", small) == 0
        shown[width] = re.sub("\x1b\\[[0-9;]*m", "", sys.stdout.getvalue())
    assert "┃ multiply-adds ┃" in shown[100]
    assert "┃" not in shown[60]
    for text in shown.values():
        assert "100.00%" in text
        assert "…" not in text
        assert text.startswith("s at 4x6x1: 20 parameters, 144 multiply-adds\n")
