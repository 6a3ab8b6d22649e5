"""The pointing game: against OpenCV's distances, and on objects whose places are known."""

import cv2
import numpy as np
import pytest

from tests.explain.scenes import scenes
from visionkit._errors import ArgumentError
from visionkit.explain.cam.gradcam import gradcam
from visionkit.explain.faithfulness.pointing import pointing_game

EMPTY = np.zeros((1, 20, 30))


def pointing_at(x: int, y: int) -> np.ndarray:
    heatmap = EMPTY.copy()
    heatmap[0, y, x] = 1
    return heatmap


@pytest.mark.parametrize("tolerance", [0, 1, 2.5, 6])
def test_a_place_counts_within_the_tolerance_and_not_beyond(tolerance):
    x, y, width, height = 8, 5, 7, 4
    outside = np.ones((20, 30), np.uint8)
    outside[y : y + height, x : x + width] = 0
    distances = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    found = [
        [pointing_game(pointing_at(column, row), [(x, y, width, height)], tolerance=tolerance) for column in range(30)]
        for row in range(20)
    ]
    np.testing.assert_array_equal(found, distances <= tolerance)


def test_any_of_several_boxes_is_a_hit():
    heatmaps = np.concatenate([pointing_at(3, 3), pointing_at(20, 10), pointing_at(12, 12)])
    boxes = [np.array([[0, 0, 5, 5], [18, 8, 5, 5]])] * 3
    assert pointing_game(heatmaps, boxes) == pytest.approx(2 / 3)
    assert pointing_game(heatmaps, [*boxes[:2], (10, 10, 5, 5)]) == 1


def test_of_several_highest_places_the_share_on_the_box_counts():
    heatmap = EMPTY.copy()
    heatmap[0, 2, 2:10] = 1
    assert pointing_game(heatmap, [(0, 0, 4, 4)]) == 0.25


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
def test_a_map_that_is_everywhere_the_same_is_a_miss(value):
    assert pointing_game(np.full((1, 20, 30), value), [(0, 0, 30, 20)]) == 0


def test_a_trained_network_looks_at_its_object(scene_network):
    made = scenes(60, seed=3)
    heatmaps = gradcam(scene_network, made.images, target=made.labels[:, 0])
    assert pointing_game(heatmaps, made.boxes) >= 0.95


def test_of_two_objects_it_looks_at_that_of_the_class(scene_network):
    made = scenes(60, objects=2, seed=3)
    for number in (0, 1):
        heatmaps = gradcam(scene_network, made.images, target=made.labels[:, number])
        assert pointing_game(heatmaps, made.boxes[:, number]) >= 0.95
        assert pointing_game(heatmaps, made.boxes[:, 1 - number]) <= 0.05


@pytest.mark.parametrize(
    ("boxes", "told"),
    [
        ([], "boxes for each of 1"),
        (None, "boxes for each of 1"),
        ([(1, 2, 3)], "x, y, width, height"),
        ([(1.5, 2, 3, 4)], "integers"),
        ([np.zeros((0, 4), int)], "heatmap 0"),
        ([[(1, 2, 3, 4), (1, 2, 3)]], "heatmap 0"),
        ([(0, 0, 0, 5)], "30 x 20 pixels"),
        ([(30, 0, 5, 5)], "30 x 20 pixels"),
        ([(0, -5, 5, 5)], "30 x 20 pixels"),
    ],
)
def test_boxes_that_are_none(boxes, told):
    with pytest.raises(ArgumentError, match=told):
        pointing_game(EMPTY, boxes)


def test_maps_and_tolerances_that_are_none():
    with pytest.raises(ArgumentError, match="expected heatmaps"):
        pointing_game(EMPTY[0], [(0, 0, 1, 1)])
    with pytest.raises(ArgumentError, match="tolerance"):
        pointing_game(EMPTY, [(0, 0, 1, 1)], tolerance=-1)
