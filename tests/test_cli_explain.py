"""`visionkit explain` on real models and photos: what it writes, prints and refuses."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
from keras import layers

from tests.explain.networks import FORMS, pictures
from visionkit import explain, preprocess
from visionkit.cli import main
from visionkit.cli.explain import LAYERED, PIXELS

LABELS = ("ant", "bee", "cat", "dog", "eel")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models, photos in several sizes, and labels."""
    folder = tmp_path_factory.mktemp("explain")
    for form in ("flat", "subclassed", "blocks", "several_inputs"):
        FORMS[form]()[0].save(folder / f"{form}.keras")
    gray = keras.Input((32, 32, 1))
    keras.Model(gray, FORMS["flat"]()[0](layers.Concatenate()([gray, gray, gray]))).save(folder / "gray.keras")
    conv = layers.Conv2D(8, 3, activation="relu", name="conv3")
    pooled = [layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")]
    keras.Sequential([keras.Input((None, None, 3)), conv, *pooled]).save(folder / "free.keras")
    (folder / "photos").mkdir()
    for number, image in enumerate(pictures(3, size=48)):
        cut = (255 * image[: 32 + 8 * number]).astype(np.uint8)
        preprocess.write(folder / "photos" / f"{number}.png", cut)
    (folder / "broken.png").write_bytes((folder / "photos" / "0.png").read_bytes()[:200])
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "notes.keras").write_text("no model")
    return folder


@pytest.fixture
def call(folder, monkeypatch, capsys, tmp_path):
    """The command with pictures going to tmp_path / "out"; its status, stdout and stderr."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        try:
            status = main(["explain", *map(str, arguments), "--out", str(tmp_path / "out")])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return call


def shown(photo, size=(32, 32)):
    """A photo as the model gets it."""
    picture = preprocess.read(photo)
    return preprocess.resize(picture, height=size[0], width=size[1])[np.newaxis].astype("float32")


def test_the_picture_and_the_line_are_what_the_library_makes(folder, call, tmp_path):
    photo = folder / "photos" / "1.png"
    status, out, err = call("flat.keras", photo, "--labels", "labels.txt", "--scale")
    model = keras.saving.load_model(folder / "flat.keras")
    probabilities = model.predict(shown(photo) / 255, verbose=0)[0]
    label = f"{LABELS[probabilities.argmax()]} {probabilities.max():.2f}"
    assert (status, out, err) == (0, f"{photo}: {label}  {tmp_path / 'out' / '1.png'}\n", "")
    heatmap = explain.gradcam(model, shown(photo) / 255)
    expected = explain.panels([preprocess.read(photo)], heatmap, labels=[label])
    np.testing.assert_array_equal(preprocess.read(tmp_path / "out" / "1.png"), expected)


def test_pixels_are_from_0_to_255_unless_told_otherwise(folder, call):
    photo = folder / "photos" / "2.png"
    model = keras.saving.load_model(folder / "flat.keras")
    for options, divisor in (((), 1), (("--scale",), 255)):
        _, out, _ = call("flat.keras", photo, "--json", *options)
        (found,) = json.loads(out)["classes"]
        expected = model.predict(shown(photo) / divisor, verbose=0)[0]
        assert found["class"] == expected.argmax()
        assert found["probability"] == pytest.approx(expected.max(), abs=1e-4)


def test_a_broken_photo_among_good_ones_is_told_and_the_rest_is_done(call, tmp_path):
    status, out, err = call("flat.keras", "photos/0.png", "broken.png", "photos/1.png")
    assert status == 2
    assert [line.partition(":")[0] for line in out.splitlines()] == ["photos/0.png", "photos/1.png"]
    assert "broken.png" in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]


def test_a_class_by_number_or_label(call):
    _, by_number, _ = call("flat.keras", "photos/0.png", "--class", 3, "--labels", "labels.txt")
    _, by_label, _ = call("flat.keras", "photos/0.png", "--class", "dog", "--labels", "labels.txt")
    assert by_number == by_label
    assert ": dog 0." in by_number
    assert ": class 3 0." in call("flat.keras", "photos/0.png", "--class", 3)[1]


def test_the_likeliest_classes_have_a_row_each(folder, call, tmp_path):
    _, out, _ = call("flat.keras", "photos", "--top", 3, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [Path(one["path"]).name for one in found] == ["0.png", "1.png", "2.png"]
    probabilities = [one["probability"] for one in found[0]["classes"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len({one["class"] for one in found[0]["classes"]}) == 3
    rows = preprocess.read(tmp_path / "out" / "0.png").shape[0]
    call("flat.keras", "photos/0.png")
    assert rows > 2.5 * preprocess.read(tmp_path / "out" / "0.png").shape[0]


@pytest.mark.parametrize("name", ["subclassed", "blocks", "gray", "free"])
def test_models_of_other_kinds(name, call, tmp_path):
    status, out, err = call(
        f"{name}.keras", "photos/0.png", "--scale", "--layer", "conv3_conv" if name == "blocks" else "conv3"
    )
    assert (status, err) == (0, "")
    assert out.startswith("photos/0.png: class ")
    assert (tmp_path / "out" / "0.png").is_file()


def test_a_model_of_any_size_gets_the_photo_as_it_is(folder, call):
    model = keras.saving.load_model(folder / "free.keras")
    _, out, _ = call("free.keras", "photos/2.png", "--json")
    expected = model.predict(shown(folder / "photos" / "2.png", (48, 48)), verbose=0)[0]
    assert json.loads(out)["classes"][0]["probability"] == pytest.approx(expected.max(), abs=1e-4)


@pytest.mark.parametrize("method", [*LAYERED[1:], *PIXELS])
def test_every_method(method, call, tmp_path):
    status, out, err = call("flat.keras", "photos/0.png", "--method", method, "--scale")
    assert (status, out.count("\n")) == (0, 1), err
    assert preprocess.read(tmp_path / "out" / "0.png").std() > 0


def test_the_methods_are_those_of_the_library():
    from visionkit.explain.cam.gradcam import Method

    assert get_args(Method) == LAYERED
    assert all(callable(getattr(explain, name)) for name in PIXELS)
    alike = {"model", "images", "target", "output", "normalize"}
    others = {name for name in explain.__all__ if alike <= set(inspect.signature(getattr(explain, name)).parameters)}
    assert others - {"gradcam", "guided_gradcam"} == set(PIXELS)


def test_photos_of_one_name_get_two_pictures(folder, call, tmp_path):
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "0.png"
    other.write_bytes((folder / "photos" / "1.png").read_bytes())
    call("flat.keras", "photos/0.png", other)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0-2.png", "0.png"]


def test_a_map_without_evidence_is_noted(folder, call, tmp_path):
    image = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(image))
    model = keras.Model(image, layers.Dense(2)(x))
    model.set_weights([-np.ones((3, 2)), np.zeros(2)])
    model.save(tmp_path / "against.keras")
    status, _, err = call(tmp_path / "against.keras", "photos/0.png")
    assert status == 0
    assert err.startswith("visionkit: note: photos/0.png: gradcam: image 0: no positive evidence")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "MODEL.keras"),
        (["flat.keras"], "PHOTO"),
        (["missing.keras", "photos"], "missing.keras"),
        (["notes.keras", "photos"], "notes.keras"),
        (["photos/0.png", "photos"], "expected a .keras file"),
        (["several_inputs.keras", "photos"], "one image"),
        (["flat.keras", "missing.png"], "missing.png"),
        (["flat.keras", "photos", "--method", "gradcm"], "invalid choice"),
        (["flat.keras", "photos", "--layer", "conv33"], "did you mean 'conv3'"),
        (["flat.keras", "photos", "--layer", "conv3", "--method", "rise"], "leave it out"),
        (["flat.keras", "photos", "--class", "5"], "from 0 to 4"),
        (["flat.keras", "photos", "--class", "cat"], "--labels"),
        (["flat.keras", "photos", "--class", "cot", "--labels", "labels.txt"], "did you mean 'cat'"),
        (["flat.keras", "photos", "--class", "1", "--top", "2"], "not allowed with"),
        (["flat.keras", "photos", "--top", "6"], "at least 6 classes"),
        (["flat.keras", "photos", "--top", "0"], "invalid count"),
        (["flat.keras", "photos", "--labels", "missing.txt"], "missing.txt"),
        (["flat.keras", "photos", "--labels", "flat.keras"], "UTF-8"),
        (["blocks.keras", "photos", "--labels", "three.txt"], "expected 5 labels"),
    ],
)
def test_wrong_usage_is_status_2_and_one_line(arguments, told, folder, call, capsys):
    (folder / "three.txt").write_text("a\nb\nc\n")
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert told in err
    assert err.startswith("visionkit: ")
    assert err.count("\n") == 1


def test_no_photo_is_ever_replaced(folder, capsys):
    before = (folder / "photos" / "0.png").read_bytes()
    for out, told in ((folder / "photos", "another folder"), (folder / "labels.txt", "expected a folder")):
        assert main(["explain", str(folder / "flat.keras"), str(folder / "photos" / "0.png"), "--out", str(out)]) == 2
        assert told in capsys.readouterr().err
    assert (folder / "photos" / "0.png").read_bytes() == before


def test_what_cannot_be_used_leaves_no_folder(call, tmp_path):
    call("notes.keras", "photos")
    assert not (tmp_path / "out").exists()


def test_the_process_says_nothing_but_what_was_asked(folder, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "visionkit", "explain", folder / "flat.keras", folder / "photos" / "0.png"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("  explained/0.png\n")
    assert (tmp_path / "explained" / "0.png").is_file()
