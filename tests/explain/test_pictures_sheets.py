"""Grids of many small pictures, and panels with text."""

import cv2
import numpy as np
import pytest

from visionkit import ArgumentError, ImageError
from visionkit.explain.pictures.grid import channels, grid
from visionkit.explain.pictures.overlay import colorize, overlay
from visionkit.explain.pictures.panels import panels

rng = np.random.default_rng(0)


def photo(height: int, width: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("count", "columns", "shape"), [(64, None, (8, 8)), (30, 7, (5, 7)), (3, 9, (1, 3))])
def test_every_picture_has_its_place(count, columns, shape):
    tiles = rng.integers(0, 256, (count, 6, 6, 3), np.uint8)
    sheet = grid(tiles, columns=columns, margin=3, background=(1, 2, 3))
    assert sheet.shape == (3 + 9 * shape[0], 3 + 9 * shape[1], 3)
    seen = np.zeros(sheet.shape[:2], bool)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, shape[1])
        place = np.s_[3 + 9 * row : 9 + 9 * row, 3 + 9 * column : 9 + 9 * column]
        np.testing.assert_array_equal(sheet[place], tile)
        seen[place] = True
    assert (sheet[~seen] == (1, 2, 3)).all()


def test_a_grid_of_wide_pictures_is_nearly_square():
    height, width, _ = grid(np.zeros((40, 10, 60), np.uint8)).shape
    assert 0.7 < height / width < 1.4


def test_grey_pictures_without_margin():
    gray = rng.integers(0, 256, (4, 5, 7), np.uint8)
    expected = np.vstack([np.hstack(gray[:2]), np.hstack(gray[2:])])
    np.testing.assert_array_equal(grid(gray, columns=2, margin=0), np.dstack([expected] * 3))


@pytest.mark.parametrize(
    ("tiles", "options", "error", "words"),
    [
        (np.zeros((2, 4, 4)), {}, ImageError, "uint8 pictures of shape"),
        (np.zeros((0, 4, 4), np.uint8), {}, ImageError, "uint8 pictures of shape"),
        (np.zeros((2, 4, 4, 2), np.uint8), {}, ImageError, "uint8 pictures of shape"),
        ([np.zeros((2, 2), np.uint8), np.zeros((3, 3), np.uint8)], {}, ImageError, "list of length 2"),
        (np.zeros((2, 4, 4), np.uint8), {"columns": 0}, ArgumentError, "columns to be an integer of at least 1"),
        (np.zeros((2, 4, 4), np.uint8), {"margin": -1}, ArgumentError, "margin to be an integer of at least 0"),
        (np.zeros((2, 4, 4), np.uint8), {"background": "white"}, ArgumentError, "background to be three integers"),
        (np.zeros((2, 4, 4), np.uint8), {"background": (0, 0, 256)}, ArgumentError, "from 0 to 255"),
    ],
)
def test_grid_says_what_it_takes(tiles, options, error, words):
    with pytest.raises(error, match="grid: .*" + words):
        grid(tiles, **options)


def test_each_channel_has_its_own_scale_and_a_dead_one_a_cross():
    maps = rng.normal(size=(9, 12, 5)).astype(np.float32) * np.array([1e-30, 1, 1e4, 0, 1], np.float32)
    maps[..., 4] = 7
    drawn = channels(maps)
    assert drawn.shape == (5, 9, 12, 3)
    for number in range(3):
        one = maps[..., number].astype(float)
        np.testing.assert_array_equal(
            drawn[number], colorize((one - one.min()) / (one.max() - one.min()), colormap="viridis")
        )
    np.testing.assert_array_equal(drawn[3], drawn[4])
    assert 0 < np.count_nonzero(drawn[3].any(axis=2)) <= 2 * 12
    assert drawn[3][[0, 0, -1, -1], [0, -1, 0, -1]].all()
    assert channels(np.zeros((1, 1, 2))).shape == (2, 1, 1, 3)


@pytest.mark.parametrize("maps", [np.ones((4, 4)), np.full((2, 2, 1), np.nan), np.ones((2, 2, 0)), "maps"])
def test_channels_says_what_it_takes(maps):
    with pytest.raises(ArgumentError, match=r"channels: expected finite numbers of shape \(H, W, C\)"):
        channels(maps)


def test_a_row_is_photo_heatmap_and_overlay():
    image, heat = photo(100, 80), rng.random((100, 80))
    sheet = panels([image], [heat], size=100, alpha=0.3, colormap="turbo")
    parts = [sheet[3:103, 3 + 83 * column : 83 + 83 * column] for column in range(3)]
    for part, expected in zip(
        parts, (image, colorize(heat, colormap="turbo"), overlay(image, heat, alpha=0.3, colormap="turbo")), strict=True
    ):
        np.testing.assert_array_equal(part, expected)
    assert sheet.shape == (106, 3 + 3 * 83, 3)


def test_pictures_of_any_size_and_kind_share_a_sheet():
    images = [photo(300, 500), photo(32, 32)[..., 0], photo(90, 20)]
    sheet = panels(images, [np.eye(7), np.eye(4), np.eye(5)], labels=["one", "two", "three"])
    assert sheet.shape[1] == 8 + 3 * (224 + 8)
    enlarged = sheet[2 * 8 + 134 + 24 :][:224, 8 : 8 + 224]
    np.testing.assert_array_equal(enlarged, np.dstack([np.kron(images[1], np.ones((7, 7), np.uint8))] * 3))


def test_one_picture_is_a_batch_of_one():
    image, heat = photo(40, 40), rng.random((5, 5))
    expected = panels([image], [heat], labels=["cat 0.93"])
    np.testing.assert_array_equal(panels(image, heat, labels="cat 0.93"), expected)
    np.testing.assert_array_equal(panels(image[None], heat[None], labels=("cat 0.93",)), expected)


def ink(sheet: np.ndarray) -> np.ndarray:
    """Where letters are, below pictures that are white."""
    return sheet.min(axis=2) < 128


def words(text: str, size: int, height: int = 32, width: int = 32) -> np.ndarray:
    white = np.full((height, width, 3), 255, np.uint8)
    return ink(panels(white, np.zeros((2, 2)), labels=text, size=size, colormap="diverging"))


@pytest.mark.parametrize("size", [64, 224, 600])
def test_text_is_large_enough_to_be_read(size):
    rows = np.flatnonzero(words("HI 0.93", size).any(axis=1))
    assert max(7, 0.05 * size) <= rows[-1] - rows[0] + 1 <= max(14, 0.1 * size)


def test_long_labels_end_in_the_picture():
    drawn = words("a label that is much too long for the three pictures above it, gyj 0.12", 128)
    columns = np.flatnonzero(drawn.any(axis=0))
    assert columns[0] >= 3
    assert 0.85 * drawn.shape[1] < columns[-1] < drawn.shape[1] - 3
    assert not drawn[-1].any()  # letters below the line are whole


def test_letters_that_opencv_lacks_are_replaced():
    np.testing.assert_array_equal(words("Mäuse", 128), words("Mause", 128))
    np.testing.assert_array_equal(words("猫\n", 128), words("??", 128))


@pytest.mark.parametrize(
    ("images", "heatmaps", "options", "error", "told"),
    [
        ([photo(8, 8)], [np.eye(2)] * 2, {}, ArgumentError, "a heatmap for each of 1 pictures, got 2"),
        ([photo(8, 8)], [np.eye(2)], {"labels": ["a", "b"]}, ArgumentError, "a label for each of 1 pictures, got 2"),
        (
            [photo(8, 8)],
            [np.eye(2)],
            {"labels": [0.93]},
            ArgumentError,
            "labels to be a list of texts, got list of length 1",
        ),
        ([photo(8, 8)], [np.eye(2)], {"labels": 3}, ArgumentError, "labels to be a list of texts, got 3"),
        ([photo(8, 8)], [np.eye(2)], {"size": 20}, ArgumentError, "size to be an integer of at least 64"),
        ([photo(8, 8)], [np.eye(2)], {"alpha": 2}, ArgumentError, "alpha to be in"),
        ([photo(8, 8)], [np.eye(2)], {"colormap": "yet"}, ArgumentError, "did you mean 'jet'"),
        ([photo(8, 8)], [-np.eye(2)], {}, ArgumentError, "signed maps take colormap='diverging'"),
        ([photo(8, 8) / 255], [np.eye(2)], {}, ImageError, "uint8 image"),
        ([], [], {}, ArgumentError, "images to be one, a batch, or a list of them, got list of length 0"),
        ("photo.png", [np.eye(2)], {}, ArgumentError, "images to be one, a batch, or a list of them, got 'photo.png'"),
    ],
)
def test_panels_says_what_it_takes(images, heatmaps, options, error, told):
    with pytest.raises(error, match="panels: .*" + told):
        panels(images, heatmaps, **options)


def test_pictures_are_left_as_they_were():
    image, heat = photo(224, 224), rng.random((224, 224)).astype(np.float32)
    before = image.copy(), heat.copy()
    panels(image, heat)[:] = 0
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(heat, before[1])
    assert cv2.norm(image) > 0
