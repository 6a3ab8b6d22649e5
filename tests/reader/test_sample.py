"""Drawn pages are what they say: the same for a seed, with the ink where the boxes are."""

import cv2
import numpy as np
import pytest

from visionkit._errors import ArgumentError
from visionkit.reader.sample import KINDS, STROKES, draw_page, handwrite

TEXT = "HELLO 42\nWORLD 7"
QUICK = [kind for kind in KINDS if kind != "large"]


def contrast(image, box):
    """How far the boldest twentieth of a box stands off the paper around it, over the paper's brightness."""
    grey = np.float32(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    x, y, width, height = (int(v) for v in box)
    inside = cv2.GaussianBlur(grey, (0, 0), 1)[y : y + height, x : x + width]
    around = grey[max(y - 4, 0) : y + height + 4, max(x - 4, 0) : x + width + 4]
    paper = np.median(around)
    return float(np.percentile(np.abs(inside - paper), 95) / paper)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_photo_with_one_box_for_every_character(kind):
    page = draw_page(TEXT, kind=kind, seed=1)
    height, width, channels = page.image.shape
    assert page.image.dtype == np.uint8
    assert channels == 3
    assert page.text == TEXT
    assert page.boxes.shape == (13, 4)
    assert (page.boxes[:, :2] >= 0).all()
    assert (page.boxes[:, 2:] > 2).all()
    assert (page.boxes[:, 0] + page.boxes[:, 2] <= width).all()
    assert (page.boxes[:, 1] + page.boxes[:, 3] <= height).all()


@pytest.mark.parametrize("kind", QUICK)
@pytest.mark.parametrize("seed", range(4))
def test_the_boxes_lie_on_the_ink(kind, seed):
    page = draw_page(TEXT, kind=kind, seed=seed)
    assert min(contrast(page.image, box) for box in page.boxes) > 0.06


def bar(character, rng):
    """A solid block, so that the box of a glyph is known to the pixel."""
    return np.full((40, 24), 255, np.uint8)


@pytest.mark.parametrize("kind", ["plain", "small", "ragged"])
def test_a_box_ends_where_the_ink_ends(kind):
    page = draw_page("ABC\nDE", glyphs=bar, kind=kind, seed=3)
    grey = cv2.cvtColor(page.image, cv2.COLOR_RGB2GRAY)
    for x, y, width, height in page.boxes:
        window = grey[y - 3 : y + height + 3, x - 3 : x + width + 3]
        _, dark = cv2.threshold(window, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
        left, top, wide, high = cv2.boundingRect(dark)
        assert np.abs(np.array([left - 3, top - 3, wide - width, high - height])).max() <= 2


def test_the_same_seed_gives_the_same_page_and_another_one_another():
    first, again, other = (draw_page(TEXT, kind="sheet", seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert first.image.shape != other.image.shape or (first.image != other.image).any()


def test_a_chalk_board_is_darker_than_what_is_written_on_it():
    page = draw_page("88888", kind="chalk", seed=2)
    x, y, width, height = page.boxes[2]
    glyph = page.image[y : y + height, x : x + width]
    assert glyph.max() > 2 * np.median(page.image)


def test_glyphs_have_the_height_that_is_asked_for():
    page = draw_page("HHHHH", height=30, seed=0)
    assert 26 <= np.median(page.boxes[:, 3]) <= 36
    assert draw_page(TEXT, kind="large", seed=0).image.size >= 12_000_000 * 3


def test_words_are_further_apart_than_a_glyph_and_letters_are_not():
    for seed in range(5):
        boxes = draw_page("AB CD", kind="ragged", seed=seed, height=48).boxes
        gaps = boxes[1:, 0] - (boxes[:-1, 0] + boxes[:-1, 2])
        assert gaps[1] > 40 > gaps[0] > 0
        assert gaps[2] < 40


def test_a_page_without_text_is_an_empty_page():
    page = draw_page("", seed=1)
    assert page.boxes.shape == (0, 4)
    assert page.image.ndim == 3


def test_every_stroke_table_draws_its_character():
    rng = np.random.default_rng(0)
    assert "".join(STROKES) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for character in STROKES:
        first, second = handwrite(character, rng), handwrite(character, rng)
        assert first.max() > 200
        assert first.shape != second.shape or (first != second).any()


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(ArgumentError, match=r"'ruled'.*got 'ruledd'; did you mean 'ruled'\?"):
        draw_page(TEXT, kind="ruledd")


@pytest.mark.parametrize("text", ["a", "ß", "A-B", "日本"])
def test_a_character_that_cannot_be_drawn_is_refused(text):
    with pytest.raises(ArgumentError, match="digits 0-9 and capitals A-Z"):
        draw_page(text)


def test_glyphs_of_the_wrong_form_and_tiny_heights_are_refused():
    with pytest.raises(ArgumentError, match=r"glyphs\('A', rng\).*uint8.*float64 of shape \(4, 4\)"):
        draw_page("A", glyphs=lambda character, rng: np.ones((4, 4)))
    with pytest.raises(ArgumentError, match="at least 8 pixels, got 3"):
        draw_page("A", height=3)


def test_hairlines_survive_on_the_smallest_page():
    page = draw_page("".join(STROKES), height=8, seed=2)
    assert page.boxes.shape == (36, 4)
