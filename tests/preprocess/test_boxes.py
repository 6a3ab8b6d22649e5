"""Boxes: found, put in reading order, drawn."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label, regionprops

import visionkit as vk
from visionkit.preprocess import draw_boxes, find_boxes, sort_boxes


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_boxes_are_those_of_connected_regions(mask):
    """scikit-image finds the same, save what lies in a hole."""
    regions = {
        (left, top, right - left, bottom - top)
        for top, left, bottom, right in (region.bbox for region in regionprops(label(mask, connectivity=2)))
    }
    found = find_boxes(mask)
    assert {tuple(box) for box in found.tolist()} <= regions
    assert np.array_equal(found, find_boxes(mask.astype(np.uint8)))
    assert (len(found) > 0) == mask.any()


def test_a_shape_in_a_hole_has_no_box():
    mask = np.zeros((20, 20), np.uint8)
    cv2.rectangle(mask, (2, 2), (16, 16), 255, 1)
    mask[8:10, 8:10] = 255
    assert find_boxes(mask).tolist() == [[2, 2, 15, 15]]


def test_limits_leave_boxes_out():
    mask = np.zeros((30, 60), np.uint8)
    for number, (width, height) in enumerate([(2, 2), (5, 9), (9, 5), (12, 12)]):
        mask[5 : 5 + height, 15 * number : 15 * number + width] = 255
    assert find_boxes(mask, min_width=5, max_height=9)[:, 2].tolist() == [5, 9]
    assert find_boxes(mask, min_height=6, max_width=11)[:, 2].tolist() == [5]
    assert find_boxes(np.zeros((5, 5), bool)).shape == (0, 4)
    with pytest.raises(vk.ArgumentError, match="min_width"):
        find_boxes(mask, min_width=-1)
    with pytest.raises(vk.ImageError, match="expected a uint8 or bool mask"):
        find_boxes(np.zeros((5, 5, 3), np.uint8))


def test_a_mask_is_not_changed_and_may_be_any_view():
    mask = np.zeros((20, 20), np.uint8)
    mask[3:6, 10:14] = 1
    mask.flags.writeable = False
    assert find_boxes(mask[::-1, ::-1]).tolist() == [[6, 14, 4, 3]]


BOXES = np.array([[30, 0, 5, 9], [0, 40, 50, 9], [10, 20, 5, 60]])


@pytest.mark.parametrize(
    ("order", "first_column"),
    [
        ("left-to-right", [0, 10, 30]),
        ("right-to-left", [0, 30, 10]),
        ("top-to-bottom", [30, 10, 0]),
        ("bottom-to-top", [10, 0, 30]),
    ],
)
def test_plain_orders(order, first_column):
    assert sort_boxes(BOXES, order)[:, 0].tolist() == first_column


def page(rng, *, lines, columns, slope, drift, pitch, bend):
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


@pytest.mark.parametrize("slope", [-0.3, -0.12, 0, 0.05, 0.2, 0.3])
@pytest.mark.parametrize("seed", range(8))
def test_reading_order_of_slanted_uneven_pages(slope, seed):
    rng = np.random.default_rng(seed)
    boxes = page(rng, lines=5, columns=14, slope=slope, drift=0.15, pitch=80, bend=10)
    shuffled = boxes[rng.permutation(len(boxes))]
    assert np.array_equal(sort_boxes(shuffled, "reading"), boxes)


@given(hnp.arrays(np.int16, st.tuples(st.integers(0, 30), st.just(4)), elements=st.integers(0, 200)), st.randoms())
def test_sorting_keeps_every_box_whatever_their_order(boxes, random):
    rows = boxes.tolist()
    random.shuffle(rows)
    for order in ("left-to-right", "right-to-left", "top-to-bottom", "bottom-to-top", "reading"):
        assert sorted(sort_boxes(rows, order).tolist()) == sorted(boxes.tolist())


@pytest.mark.parametrize("boxes", [[[1, 2, 3]], [1, 2, 3, 4], [[0.5, 1, 2, 3]], [[1, 2, -3, 4]], [[1], [2, 3]], "box"])
def test_other_boxes_are_refused(boxes):
    with pytest.raises(vk.ArgumentError, match="expected boxes as whole numbers of shape"):
        sort_boxes(boxes)
    with pytest.raises(vk.ArgumentError, match="did you mean 'reading'"):
        sort_boxes(BOXES, "readin")


def test_drawing_copies_and_stays_inside():
    image = np.full((300, 400), 255, np.uint8)
    drawn = draw_boxes(image, [[0, 0, 30, 40], [380, 290, 50, 50]], ["first", "last"], color=(200, 0, 0))
    assert image.min() == 255
    assert drawn.shape == (300, 400, 3)
    assert drawn[0, 10].tolist() == [200, 0, 0]
    assert draw_boxes(image, []).min() == 255


def test_labels_grow_with_the_picture():
    def inked(scale):
        image = np.full((300 * scale, 400 * scale, 3), 255, np.uint8)
        plain, labelled = (draw_boxes(image, [[80, 90, 10, 10]], labels) for labels in (None, ["8"]))
        return np.count_nonzero((plain != labelled).any(-1))

    assert inked(8) > 6 * inked(1) > 0


def test_drawing_refuses_other_labels_and_colours():
    image = np.zeros((30, 30, 3), np.uint8)
    for labels in (["a", "b"], "a"):
        with pytest.raises(vk.ArgumentError, match="one for a box"):
            draw_boxes(image, [[1, 2, 3, 4]], labels)
    for color in ((1, 2), (0, 0, 300), (0.5, 0, 0), "green"):
        with pytest.raises(vk.ArgumentError, match="expected color"):
            draw_boxes(image, [[1, 2, 3, 4]], color=color)
