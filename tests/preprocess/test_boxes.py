"""Boxes: found, put in order, drawn."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_dilation
from skimage.measure import label, regionprops

import visionkit as vk
from visionkit.preprocess import draw_boxes, find_boxes, sort_boxes


@given(hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))))
def test_boxes_are_those_of_connected_regions_that_lie_in_no_hole(mask):
    padded = np.pad(mask, 1)
    outside = label(~padded, connectivity=1, background=0)
    shore = binary_dilation(outside == outside[0, 0])  # with the pixels of the mask that it touches
    regions = regionprops(label(padded, connectivity=2))
    outer = [region.bbox for region in regions if shore[tuple(region.coords.T)].any()]
    expected = sorted((top - 1, left - 1, right - left, bottom - top) for top, left, bottom, right in outer)
    found = find_boxes(mask)
    assert sorted((y, x, width, height) for x, y, width, height in found.tolist()) == expected
    assert found[:, [1, 0]].tolist() == sorted(found[:, [1, 0]].tolist())
    assert np.array_equal(found, find_boxes(mask * np.uint8(3)))


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
