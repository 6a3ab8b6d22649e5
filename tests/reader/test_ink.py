import cv2
import numpy as np
import pytest

from visionkit.reader.ink import SIDE, find_ink, is_board


def page(paper: int = 215, ink: int = 60, shape: tuple[int, int] = (480, 640)) -> np.ndarray:
    rng = np.random.default_rng(0)
    gray = np.full(shape, paper, np.uint8)
    for k in range(6):
        cv2.putText(gray, "ABE38R"[k], (60 + 90 * k, 260), cv2.FONT_HERSHEY_SIMPLEX, 2, ink, 5, cv2.LINE_AA)
    return np.clip(gray + rng.normal(0, 3, shape), 0, 255).astype(np.uint8)


def truth(ink: int = 60) -> np.ndarray:
    return cv2.compare(page(255, 0).astype(np.uint8), 128, cv2.CMP_LT)


def agreement(mask: np.ndarray, expected: np.ndarray) -> float:
    """Intersection over union at the size of the expectation."""
    mask = cv2.resize(mask, expected.shape[::-1], interpolation=cv2.INTER_AREA) > 127
    expected = expected > 0
    return (mask & expected).sum() / (mask | expected).sum()


def test_ink_on_paper_and_chalk_on_a_board_are_found():
    assert agreement(find_ink(page()).mask, truth()) > 0.75
    assert agreement(find_ink(cv2.bitwise_not(page())).mask, truth()) > 0.75


def test_polarity_follows_the_strokes_not_the_brightness():
    assert not is_board(page(paper=90, ink=20))
    assert is_board(cv2.bitwise_not(page(paper=90, ink=20)))


@pytest.mark.parametrize("slope", [-0.7, 0.0, 0.4, 2.0])
def test_the_edge_of_a_shadow_is_no_ink(slope):
    rows, columns = np.mgrid[:480, :640]
    shadow = np.where(rows - 240 > slope * (columns - 320), 0.45, 1.0)
    gray = (page() * cv2.GaussianBlur(shadow, (0, 0), 1.5)).astype(np.uint8)
    assert agreement(find_ink(gray).mask, truth()) > 0.65


@pytest.mark.parametrize("angle", [0, 2, 8])
def test_the_lines_of_squared_paper_go_and_the_strokes_that_cross_them_stay(angle):
    lines = np.full((900, 1100), 255, np.uint8)
    lines[::40] = lines[1::40] = 170
    lines[:, ::40] = lines[:, 1::40] = 170
    turned = cv2.warpAffine(lines, cv2.getRotationMatrix2D((550, 450), angle, 1), (1100, 900), borderValue=255)
    gray = np.minimum(page(), turned[200:680, 200:840])
    mask = find_ink(gray).mask
    assert agreement(mask, truth()) > 0.6
    count, _ = cv2.connectedComponents(mask)
    assert count - 1 <= 12


def test_a_strip_of_table_beside_the_sheet_is_no_ink():
    gray = page()
    gray[:, :14] = 70
    gray[-9:] = 60
    mask = find_ink(gray).mask
    assert not mask[:, : mask.shape[1] // 40].any()
    assert agreement(mask, truth()) > 0.7


def test_a_blank_page_has_no_ink():
    rng = np.random.default_rng(1)
    blank = np.clip(rng.normal(200, 6, (480, 640)), 0, 255).astype(np.uint8)
    assert (find_ink(blank).mask > 0).mean() < 0.002
    assert not find_ink(np.full((300, 300), 128, np.uint8)).mask.any()


def test_working_size_is_bounded():
    ink = find_ink(np.full((3000, 4000), 200, np.uint8))
    assert ink.mask.shape == ink.contrast.shape
    assert ink.mask.size == pytest.approx(SIDE**2, rel=0.01)
    assert ink.scale == pytest.approx(ink.mask.shape[1] / 4000, rel=0.01)


def test_a_strip_is_looked_at_as_closely_as_a_sheet():
    strip = page()[180:300]
    long = np.concatenate([strip] * 6, axis=1)
    assert agreement(find_ink(long).mask, np.concatenate([truth()[180:300]] * 6, axis=1)) > 0.7


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (3, 2), (40, 1)])
def test_extreme_shapes_have_no_ink_and_no_error(shape):
    assert not find_ink(np.full(shape, 77, np.uint8)).mask.any()
