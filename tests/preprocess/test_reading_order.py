"""Reading order: of pages that are drawn as boxes line by line, so that the order is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionkit.preprocess import sort_boxes

HEIGHT = 40  # of the writing


def line(rng, left, right, middle, *, height=HEIGHT, gap=0.7, drift=0.08, dots=False):
    """The boxes of as many words as fit between two places, of one at least."""
    boxes, x = [], left
    while True:
        word = []
        for _ in range(rng.integers(2, 7)):
            width, tall = height * rng.uniform(0.3, 0.8), height * rng.uniform(0.75, 1.2)
            word.append([x, middle + height * rng.uniform(-drift, drift) - tall / 2, width, tall])
            x += width + height * rng.uniform(0.08, 0.25)
        if dots:
            word.append([x - height * 0.1, middle + height * 0.35, 5, 5])
        if boxes and x > right:
            return boxes
        boxes += word
        x += height * gap


def paragraph(rng, left, top, *, width, lines, pitch=1.8, **options):
    """Lines of about one width, of which the last may be shorter."""
    widths = [width] * (lines - 1) + [width * rng.uniform(0.5, 1)]
    return [
        box
        for number, room in enumerate(widths)
        for box in line(rng, left, left + room * HEIGHT, top + number * pitch * HEIGHT, **options)
    ]


def turned(boxes, degrees, *, bend=0.0, shear=False):
    """A page that was turned (or whose lines climb) and whose lines bend, as whole numbers."""
    boxes = np.array(boxes, float)
    x, y = boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3] / 2
    y = y + bend * np.sin(x / 300)
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    x, y = (x, y + s / c * x) if shear else (c * x - s * y, s * x + c * y)
    return np.rint(np.column_stack([x - boxes[:, 2] / 2, y - boxes[:, 3] / 2, boxes[:, 2:]])).astype(int)


def check(boxes, rng):
    shuffled = boxes[rng.permutation(len(boxes))]
    assert np.array_equal(sort_boxes(shuffled, "reading"), boxes)


SEEDS = st.integers(0, 2**32 - 1)
DEGREES = st.floats(-20, 20)


@settings(max_examples=60, derandomize=True)
@given(SEEDS, DEGREES, st.data())
def test_columns_are_read_one_after_the_other(seed, degrees, data):
    """With or without a title above them and a line below them."""
    rng = np.random.default_rng(seed)
    widths = data.draw(st.lists(st.floats(11, 20), min_size=2, max_size=3))
    gutters = [data.draw(st.floats(2, 5)) for _ in widths]
    across = (sum(widths) + sum(gutters[1:])) * HEIGHT
    top = data.draw(st.sampled_from([0, 80, 120]))
    gap = data.draw(st.floats(0.4, 0.8))
    boxes = line(rng, 0, across, 0, height=top / 2, gap=0.5) if top else []
    left, lowest = 0.0, 0.0
    for width, gutter in zip(widths, gutters, strict=True):
        lines, pitch = data.draw(st.integers(4, 9)), data.draw(st.floats(1.5, 2.4))
        dots = data.draw(st.booleans())
        boxes += paragraph(rng, left, top, width=width, lines=lines, pitch=pitch, gap=gap, dots=dots)
        left += (width + gutter) * HEIGHT
        lowest = max(lowest, top + lines * pitch * HEIGHT)
    if data.draw(st.booleans()):
        boxes += line(rng, 0, across, lowest + HEIGHT, gap=0.5)
    check(turned(boxes, degrees, bend=data.draw(st.floats(0, 8)), shear=data.draw(st.booleans())), rng)


@settings(max_examples=40, derandomize=True)
@given(SEEDS, DEGREES, st.booleans(), st.floats(0.5, 3.0), st.integers(1, 8))
def test_a_page_with_wide_gaps_between_words_is_read_line_by_line(seed, degrees, shear, gap, lines):
    rng = np.random.default_rng(seed)
    boxes = paragraph(rng, 0, 0, width=30, lines=lines, gap=gap)
    check(turned(boxes, degrees, shear=shear), rng)


@settings(max_examples=40, derandomize=True)
@given(SEEDS, st.integers(2, 8), st.integers(2, 8), st.integers(1, 4), st.floats(1.5, 6), st.floats(-3, 3))
def test_a_table_of_numbers_is_read_row_by_row(seed, rows, columns, digits, gap, degrees):  # noqa: PLR0917
    """Single digits, and numbers of several that end under one another."""
    rng = np.random.default_rng(seed)
    boxes = []
    for row in range(rows):
        for column in range(columns):
            right = (column + 1) * (digits * 0.9 + gap) * HEIGHT
            count = int(rng.integers(1, digits + 1))
            boxes += [[right - (count - k) * 36, row * 70, 28, HEIGHT] for k in range(count)]
    check(turned(boxes, degrees), rng)


@settings(max_examples=20, derandomize=True)
@given(SEEDS, st.integers(2, 9), st.floats(2, 8), st.booleans())
def test_lists_are_read_row_by_row(seed, rows, gap, numbered):
    """1.   milk and bread      or      milk and bread      42"""
    rng = np.random.default_rng(seed)
    boxes = []
    for row in range(rows):
        digits = [[k * 36.0, row * 70.0 - 20, 28.0, HEIGHT] for k in range(int(rng.integers(1, 4)))]
        item = line(rng, 0, rng.uniform(2, 30) * HEIGHT, row * 70)
        if numbered:
            boxes += digits + [[x + 108 + gap * HEIGHT, *rest] for x, *rest in item]
        else:
            boxes += item + [[x + (34 + gap) * HEIGHT, *rest] for x, *rest in digits]
    check(turned(boxes, 0), rng)


def test_what_stands_between_parts_in_columns():
    """A title, two columns, a line right across, three columns: as in a newspaper."""
    rng = np.random.default_rng(5)
    boxes = line(rng, 100, 1700, 0, height=90)
    for left in (0, 900):
        boxes += paragraph(rng, left, 150, width=20, lines=6)
    boxes += line(rng, 0, 1800, 650)
    for left in (0, 650, 1300):
        boxes += paragraph(rng, left, 750, width=13, lines=5)
    check(turned(boxes, 3), rng)


def test_columns_of_words_instead_of_letters():
    boxes = [
        [left + word * 150, top + line * 70, 130, 40]
        for left, top in ((0, 0), (700, 20))
        for line in range(5)
        for word in range(4)
    ]
    check(np.array(boxes), np.random.default_rng(0))


@pytest.mark.parametrize("slope", [-0.3, -0.12, 0, 0.05, 0.2, 0.3])
@pytest.mark.parametrize("seed", range(8))
def test_slanted_uneven_lines(slope, seed):
    rng = np.random.default_rng(seed)
    check(uneven(rng, lines=5, columns=14, slope=slope, drift=0.15, pitch=80, bend=10), rng)


def uneven(rng, *, lines, columns, slope, drift, pitch, bend):
    """Boxes in reading order on lines that slope and bend, with dots beside every fifth letter."""
    boxes = []
    for line in range(lines):
        x = rng.uniform(0, 60)
        for column in range(rng.integers(2, columns + 1)):
            height, width = rng.uniform(32, 48), rng.uniform(10, 40)
            middle = 200 + line * pitch + slope * x + bend * np.sin(x / 200) + rng.uniform(-drift, drift) * 40
            boxes.append([x, middle - height / 2, width, height])
            if column % 5 == 4:
                boxes.append([x + width + 2, middle + 10, 5, 5])
                x += 10
            x += width + rng.uniform(5, 25) + (60 if rng.random() < 0.2 else 0)
    return np.round(boxes).astype(int)


@pytest.mark.parametrize("seed", range(4))
def test_a_line_right_across_a_wide_page_is_no_part_of_a_column(seed):
    """A slope that is a little wrong would lead from it into the lines above."""
    rng = np.random.default_rng(seed)
    boxes = [box for left in (0, 1000, 2000) for box in paragraph(rng, left, 0, width=22, lines=6, pitch=1.5)]
    boxes += line(rng, 0, 2900, 6 * 1.5 * HEIGHT, gap=0.5)
    check(turned(boxes, (-1) ** seed * 16, shear=True), rng)
