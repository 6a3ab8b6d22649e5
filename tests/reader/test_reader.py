import json
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import visionkit as vk
from visionkit.reader import sample
from visionkit.reader.sample import KINDS, draw_page

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"
TEXT = "AKM 47\nBE 2935\nHRTX 86"


@pytest.fixture(scope="module")
def reader():
    return vk.reader.load()


def right(read: str, truth: str) -> int:
    """Characters in their place, line by line."""
    return sum(a == b for a, b in zip(read.replace(" ", ""), truth.replace(" ", ""), strict=False))


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_pages_of_every_kind_are_read(reader, kind):
    reading = reader.read(draw_page(TEXT, kind=kind, seed=11).image)
    assert right(reading.text, TEXT) >= len(TEXT.replace(" ", "")) - 1
    assert len(reading.lines) == 3


def test_words_are_parted_by_spaces(reader):
    page = draw_page("HERE 47 WE\nMEET 2035", kind="ragged", seed=3)
    assert [line.count(" ") for line in reader.read(page.image).lines] == [2, 1]


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs of ../shared/data are not here")
@pytest.mark.parametrize("named", [True, False])
def test_real_photographs_are_read_whole(reader, named):
    for name, (charset, text) in json.loads((PHOTOS / "truth.json").read_text()).items():
        assert reader.read(PHOTOS / name, charset=charset if named else None).text == text, name


def test_a_character_knows_its_place(reader):
    page = draw_page("ABC\n345", seed=8)
    reading = reader.read(page.image)
    assert [c.line for c in reading.characters] == [0, 0, 0, 1, 1, 1]
    for character, (x, y, width, height) in zip(reading.characters, page.boxes.tolist(), strict=True):
        assert np.abs(np.subtract(character.box, (x, y, width, height))).max() <= 6
        assert 0 <= character.confidence <= 1
        assert character.alternatives[0] == (character.text, character.confidence)
        assert len(character.alternatives) == 5


def test_a_reading_is_json_and_a_picture(reader):
    page = draw_page("KA 35", seed=2)
    reading = reader.read(page.image)
    data = json.loads(json.dumps(reading.to_dict()))
    assert data["text"] == reading.text
    assert [c["text"] for c in data["characters"]] == [c.text for c in reading.characters]
    drawn = reading.draw()
    assert drawn.shape == page.image.shape
    assert (drawn != reading.image).any()
    np.testing.assert_array_equal(reading.image, page.image)


def test_a_figure_shows_the_photo_and_the_text(reader, tmp_path):
    pytest.importorskip("matplotlib")
    reading = reader.read(draw_page("KA 35\n208", seed=2).image)
    figure = reading.figure()
    assert figure.axes[0].get_title() == reading.text
    assert figure.axes[0].images[0].get_array().shape == reading.image.shape
    figure.savefig(tmp_path / "figure.png")


def test_without_matplotlib_a_figure_says_what_to_install(reader, monkeypatch):
    reading = reader.read(draw_page("KA 35", seed=2).image)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(vk.MissingExtraError, match=r"visionkit\[plots\]"):
        reading.figure()


def test_charset_restricts_what_is_read(reader):
    page = draw_page("3057\n1984", seed=6)
    assert set(reader.read(page.image, charset="letters").text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ\n ")
    assert set(reader.read(page.image, charset="04").text) <= set("04\n ")


def test_a_batch_reads_as_one_by_one_with_one_call_of_the_network(reader):
    pages = [draw_page(f"{n}4{n}\nKA{n}", seed=n).image for n in range(3)]
    calls = []

    class Counted:
        characters = reader.characters

        def __call__(self, glyphs):
            calls.append(len(glyphs))
            return reader._network(glyphs)

    together = vk.reader.Reader.of(Counted()).read_batch(pages)
    assert len(calls) == 1
    assert [r.text for r in together] == [reader.read(page).text for page in pages]
    assert reader.read_batch([]) == []


def test_paths_bytes_files_and_arrays_read_alike(reader, tmp_path):
    page = draw_page("TWO\n222", seed=9).image
    path = tmp_path / "page.png"
    vk.preprocess.write(path, page)
    with path.open("rb") as file:
        texts = {reader.read(s).text for s in (path, str(path), path.read_bytes(), file, page)}
    assert len(texts) == 1


def test_threads_share_a_reader(reader):
    pages = [draw_page(f"K{n}\n{n}35", seed=n).image for n in range(4)]
    expected = [reader.read(page).to_dict() for page in pages]
    found = {}

    def work(n):
        found[n] = [reader.read(page).to_dict() for page in pages]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[n] == expected for n in range(4))


def test_a_blurry_photo_is_stopped_and_told_why(reader):
    page = draw_page("ABC\n345", seed=3).image
    blurred = cv2.GaussianBlur(page, (0, 0), 6)
    with pytest.raises(vk.BlurryImageError, match="blur=None") as caught:
        reader.read(blurred)
    assert caught.value.score <= caught.value.threshold
    assert reader.read(blurred, blur=None, charset="ABC345").characters
    assert reader.read(blurred, blur_threshold=0.0, charset="ABC345").characters


@pytest.mark.parametrize("blur", ["edge", None])
def test_a_page_with_nothing_on_it_is_an_error(reader, blur):
    grain = np.random.default_rng(0).normal(205, 5, (400, 500, 3))
    for blank in (np.full((300, 300, 3), 255, np.uint8), np.clip(grain, 0, 255).astype(np.uint8)):
        with pytest.raises(vk.NothingFoundError if blur is None else vk.ImageError):
            reader.read(blank, blur=blur)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (2, 2), (5000, 1), (20, 20)])
def test_extreme_pictures_are_one_clear_error(reader, shape):
    with pytest.raises(vk.ImageError):
        reader.read(np.full(shape, 200, np.uint8), blur=None)


@pytest.mark.parametrize(
    ("source", "error"),
    [(b"", vk.ImageError), (b"no picture", vk.ImageError), ("missing.png", vk.FileError), (None, vk.VisionkitError)],
)
def test_what_is_no_picture_is_one_clear_error(reader, source, error):
    with pytest.raises(error):
        reader.read(source)


def test_a_wrong_argument_is_one_clear_error(reader):
    page = draw_page("A", seed=1).image
    with pytest.raises(vk.ArgumentError, match="charset"):
        reader.read(page, charset="#!")
    with pytest.raises(vk.ArgumentError, match="edge"):
        reader.read(page, blur="sharp")


def test_single_glyphs_go_through_the_network_alone(reader):
    rng = np.random.default_rng(5)
    glyphs = np.stack([vk.reader.glyph(sample.handwrite(character, rng)) for character in reader.characters])
    found = reader.probabilities(glyphs)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert sum(reader.characters[row.argmax()] == c for c, row in zip(reader.characters, found, strict=True)) >= 34
    assert reader.probabilities(glyphs[:0]).shape == (0, 36)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 28, 28), np.uint8), np.zeros((2, 32, 32)), np.zeros((32, 32), np.uint8)]
)
def test_what_are_no_glyphs_is_refused(reader, wrong):
    with pytest.raises(vk.ImageError, match="probabilities: expected glyphs"):
        reader.probabilities(wrong)
