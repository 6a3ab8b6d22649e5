import cv2
import numpy as np
import pytest

from visionkit.reader.ink import find_ink
from visionkit.reader.pieces import cut
from visionkit.reader.sample import KINDS, draw_page
from visionkit.reader.segment import segment


def layout(image: np.ndarray):
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    ink = find_ink(gray)
    return ink, segment(ink)


def whole(line):
    """The candidates that no wider one replaces: one for each group of pieces."""
    return [c for c in line if not any(o.start <= c.start and c.end <= o.end and o is not c for o in line)]


def write(*strokes, shape=(300, 700), width=6):
    gray = np.full(shape, 220, np.uint8)
    for stroke in strokes:
        cv2.polylines(gray, [np.array(stroke, np.int32).reshape(-1, 1, 2)], False, 50, width, cv2.LINE_AA)
    return gray


def bar(x, top=100, bottom=180):
    return [(x, top), (x, bottom)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_glyph_of_a_drawn_page_has_a_candidate_in_its_place(kind):
    page = draw_page("ACE 3057\nKLM 264\nRSTU 91", kind=kind, seed=5)
    ink, found = layout(page.image)
    boxes = np.array([c.box for line in found.lines for c in line]) / ink.scale
    hits = 0
    for x, y, w, h in page.boxes:
        left, top = np.maximum(boxes[:, 0], x), np.maximum(boxes[:, 1], y)
        right, bottom = np.minimum(boxes[:, 0] + boxes[:, 2], x + w), np.minimum(boxes[:, 1] + boxes[:, 3], y + h)
        shared = np.clip(right - left, 0, None) * np.clip(bottom - top, 0, None)
        hits += bool((shared / (boxes[:, 2] * boxes[:, 3] + w * h - shared)).max() > 0.5)
    assert hits >= len(page.boxes) - 1


def test_lines_come_from_top_to_bottom_and_glyphs_from_left_to_right():
    page = draw_page("ABCDE\nFGHIJ\nKLMNO", seed=2)
    _, found = layout(page.image)
    assert len(found.lines) == 3
    tops = [np.median([c.box[1] for c in line]) for line in found.lines]
    assert tops == sorted(tops)
    for line in found.lines:
        assert [c.start for c in whole(line)] == sorted(c.start for c in whole(line))


def test_the_slant_of_a_turned_page_is_found():
    page = draw_page("ABCDEFGH\n23456789\nKLMNOPQR", seed=1)
    height, width = page.image.shape[:2]
    for degrees in (-10, 7):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 0.8)
        turned = cv2.warpAffine(page.image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        _, found = layout(turned)
        assert abs(np.degrees(found.slant) - degrees) < 3
        assert len(found.lines) == 3


def test_a_glyph_in_two_pieces_one_above_the_other_is_one():
    five = [(100, 110), (100, 140), (130, 150), (135, 170), (100, 180)]
    roof = [(102, 98), (140, 98)]
    _, found = layout(write(five, roof, bar(220), bar(300), bar(380)))
    assert [len(c.pieces) for c in whole(found.lines[0])] == [2, 1, 1, 1]


def test_glyphs_that_touch_are_offered_cut_and_whole():
    zero = cv2.ellipse2Poly((150, 140), (32, 40), 0, 0, 360, 5)
    other = cv2.ellipse2Poly((214, 140), (32, 40), 0, 0, 360, 5)
    _, found = layout(write(zero, other, bar(300), bar(380), bar(460)))
    spans = {(c.start, c.end) for c in found.lines[0]}
    assert {(0, 1), (1, 2), (0, 2)} <= spans


def test_glyphs_of_two_lines_that_touch_are_parted():
    upper = [bar(x, 60, 120) for x in (100, 180, 260, 340)]
    lower = [bar(x, 130, 190) for x in (100, 180, 340)]
    touching = [bar(260, 115, 190)]
    _, found = layout(write(*upper, *lower, *touching))
    assert [len(whole(line)) for line in found.lines] == [4, 4]


def test_specks_and_long_bars_are_no_glyphs():
    gray = write(bar(100), bar(200), bar(300), [(20, 250), (680, 262)], [(560, 20), (566, 230)])
    cv2.circle(gray, (500, 60), 2, 60, -1)
    _, found = layout(gray)
    assert [len(whole(line)) for line in found.lines] == [3]


def test_a_cut_leaves_the_neighbours_out():
    gray = write(bar(100), [(112, 100), (160, 180)], bar(220), bar(300))
    ink, found = layout(gray)
    first = whole(found.lines[0])[0]
    picture = cut(ink, found.labels, first)
    columns = np.flatnonzero((picture > 60).any(axis=0))
    assert columns[-1] - columns[0] < 25


def test_a_page_without_ink_has_no_lines():
    _, found = layout(np.full((300, 400), 210, np.uint8))
    assert found.lines == []
