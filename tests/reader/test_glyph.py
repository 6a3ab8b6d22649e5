import cv2
import numpy as np
import pytest

from visionkit.reader.glyph import SIZE, SPAN, glyph, stroke_width
from visionkit.reader.sample import handwrite


def drawn(scale: float, width: int) -> np.ndarray:
    canvas = np.zeros((round(70 * scale), round(60 * scale)), np.uint8)
    corners = (np.array([[12, 60], [30, 8], [48, 60]]) * scale).astype(np.int32)
    return cv2.polylines(canvas, [corners.reshape(-1, 1, 2)], False, 255, width, cv2.LINE_AA)


def extent(picture: np.ndarray) -> tuple[int, int]:
    return cv2.boundingRect(cv2.compare(picture, 40, cv2.CMP_GT))[2:]


@pytest.mark.parametrize("scale", [0.3, 1, 4, 12])
def test_a_glyph_looks_the_same_at_any_size(scale):
    reference, other = glyph(drawn(1, 5)), glyph(drawn(scale, max(1, round(5 * scale))))
    assert max(extent(other)) in (SPAN - 1, SPAN, SPAN + 1)
    overlap = np.corrcoef(reference.ravel(), other.ravel())[0, 1]
    assert overlap > 0.8


def test_hairlines_are_widened_and_markers_left_alone():
    thin, thick = glyph(drawn(4, 2)), glyph(drawn(4, 40))
    assert stroke_width(cv2.compare(thin, 100, cv2.CMP_GT)) >= 1.5
    assert stroke_width(cv2.compare(thick, 100, cv2.CMP_GT)) > 3


def test_proportions_are_kept():
    bar = np.zeros((100, 100), np.uint8)
    bar[10:90, 45:55] = 255
    width, height = extent(glyph(bar))
    assert height >= SPAN - 1
    assert width <= 6


def test_faint_ink_becomes_as_bright_as_strong_ink():
    strong = handwrite("B", np.random.default_rng(3))
    faint = (strong * 0.2).astype(np.uint8)
    assert glyph(faint).max() == 255
    assert np.abs(glyph(faint).astype(int) - glyph(strong)).mean() < 10


def test_no_ink_gives_an_empty_glyph():
    assert not glyph(np.zeros((40, 30), np.uint8)).any()
    assert glyph(np.zeros((40, 30), np.uint8)).shape == (SIZE, SIZE)


def test_the_picture_is_not_changed():
    ink = drawn(1, 3)
    ink.setflags(write=False)
    glyph(ink)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2)])
def test_extreme_shapes_fit(shape):
    assert glyph(np.full(shape, 255, np.uint8)).shape == (SIZE, SIZE)
