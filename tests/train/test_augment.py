"""Augment: its draws, and its pixels against OpenCV, Keras and ImageDataGenerator."""

import warnings

import cv2
import keras
import numpy as np
import pytest
from keras import ops

from tests.train.augmented import EVERYTHING, drawn_matrices, levels, opencv, photo, photos
from visionkit import ArgumentError
from visionkit.train.augment import Augment, draw
from visionkit.train.augment.warp import warp

FILLS = ("nearest", "reflect", "wrap", "constant")


@pytest.fixture(scope="module", name="photo")
def one_photo():
    return photo()


@pytest.fixture(scope="module")
def batch():
    return photos()


# --- draws


def test_philox_gives_the_published_numbers():
    """The known answers of Salmon et al.'s Random123, philox4x32-10."""
    counters = np.array([[0] * 4, [0xFFFFFFFF] * 4, [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]], np.uint64)
    keys = np.array([[0] * 2, [0xFFFFFFFF] * 2, [0xA4093822, 0x299F31D0]], np.uint64)
    found = [[f"{word:08x}" for word in draw.philox(*pair).tolist()] for pair in zip(counters, keys, strict=True)]
    assert found == [
        ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"],
        ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"],
        ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"],
    ]


def test_a_sample_gets_its_draws_in_any_batch_and_order():
    augment, sizes = Augment(**EVERYTHING), np.random.default_rng(0).integers(50, 500, (1000, 2))
    options = {"epoch": 3, "size": (64, 48), "seed": 7}
    whole = augment.matrices(np.arange(1000), sizes=sizes, **options)
    order = np.random.default_rng(1).permutation(1000)
    np.testing.assert_array_equal(augment.matrices(order, sizes=sizes[order], **options), whole[order])
    for number in (0, 431, 999):
        np.testing.assert_array_equal(augment.matrices([number], sizes=sizes[[number]], **options), whole[[number]])


def test_draws_are_uniform_and_independent():
    draws = np.concatenate(
        [draw.uniforms(np.arange(5000), epoch=epoch, seed=seed) for epoch in (0, 1) for seed in (0, 1)]
    )
    assert draws.min() >= 0
    assert draws.max() < 1
    assert len(np.unique(draws)) > 0.9999 * draws.size  # 240,000 of 2 ** 32: about 7 pairs fall together
    counts = np.stack([np.bincount((column * 20).astype(int), minlength=20) for column in draws.T])
    assert (((counts - 1000) ** 2 / 1000).sum(axis=1) < 50).all()  # chi-squared with 19 degrees of freedom: p = 1e-4
    together = np.corrcoef(np.concatenate([draws[:-1].T, draws[1:].T]))  # columns, and neighbours
    assert np.abs(together - np.eye(len(together))).max() < 0.035  # 5 standard deviations


def test_large_numbers_and_any_seed_count():
    seen = {
        tuple(draw.uniforms([number], epoch=epoch, seed=seed)[0])
        for number in (0, 1, 2**32, 2**40)
        for epoch in (0, 1)
        for seed in (0, -1, 2**32, 2**63)
    }
    assert len(seen) == 4 * 2 * 4


def test_the_seed_of_an_augment_comes_first():
    options = {"epoch": 0, "sizes": [(30, 40)], "size": (30, 40)}
    own, other = Augment(rotation=30, seed=5), Augment(rotation=30)
    np.testing.assert_array_equal(own.matrices([1], seed=0, **options), own.matrices([1], seed=1, **options))
    np.testing.assert_array_equal(own.matrices([1], seed=0, **options), other.matrices([1], seed=5, **options))
    assert (other.matrices([1], seed=0, **options) != other.matrices([1], seed=1, **options)).any()


def test_one_more_option_changes_no_other_draw(batch):
    """A flip more is the same picture, flipped or not."""
    less, more = Augment(rotation=30, zoom=0.2, seed=1), Augment(rotation=30, zoom=0.2, horizontal_flip=True, seed=1)
    plain, flipped = (ops.convert_to_numpy(augment(batch, training=True)).astype(int) for augment in (less, more))
    straight = np.abs(plain - flipped).mean(axis=(1, 2, 3))
    mirrored = np.abs(plain[:, :, ::-1] - flipped).mean(axis=(1, 2, 3))
    assert (np.minimum(straight, mirrored) < 0.1).all()
    assert 0 < (straight < mirrored).sum() < len(batch)


def test_a_shift_in_pixels_is_whole_and_blurs_nothing(photo):
    augment = Augment(shift=(2, 3))
    size = photo.shape[:2]
    matrices = augment.matrices(np.arange(500), epoch=0, sizes=[size] * 500, size=size, seed=0)
    np.testing.assert_array_equal(matrices[:, :, :2], np.tile(np.eye(2), (500, 1, 1)))
    across, down = (np.unique(matrices[:, row, 2], return_counts=True) for row in range(2))
    assert (across[0].tolist(), down[0].tolist()) == ([-3, -2, -1, 0, 1, 2, 3], [-2, -1, 0, 1, 2])
    assert across[1].min() > 40  # of 71 each
    assert down[1].min() > 70
    moved = opencv([photo], matrices[:1], size, augment)[0]
    right, lower = matrices[0, :, 2].astype(int)
    np.testing.assert_array_equal(moved[5:-5, 5:-5], np.roll(photo, (-lower, -right), (0, 1))[5:-5, 5:-5])


def test_alternating_flips_show_each_sample_both_ways_in_two_epochs():
    augment = Augment(horizontal_flip="alternate", seed=3)
    options = {"sizes": [(4, 4)] * 200, "size": (4, 4), "seed": 0}
    flips = [augment.matrices(np.arange(200), epoch=epoch, **options)[:, 0, 0] for epoch in range(4)]
    np.testing.assert_array_equal(flips[0], -flips[1])
    np.testing.assert_array_equal(flips[0], flips[2])
    np.testing.assert_array_equal(flips[1], flips[3])
    assert 70 < (flips[0] < 0).sum() < 130
    with pytest.raises(ArgumentError, match="give this Augment to a dataset"):
        augment(np.zeros((1, 4, 4, 1), "float32"), training=True)
    assert Augment.from_config(augment.get_config()).ranges == augment.ranges


# --- pixels


@pytest.mark.parametrize("size", [(150, 150), (97, 64), (400, 500)])
def test_without_options_it_is_the_resize_of_opencv(photo, size):
    augment = Augment()
    matrices = augment.matrices([0], epoch=0, sizes=[photo.shape[:2]], size=size, seed=0)
    resized = cv2.resize(photo, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    assert levels(opencv([photo], matrices, size, augment), resized[None]) < 0.3


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("fill", FILLS)
def test_the_layer_and_opencv_make_the_same_picture_of_the_same_draws(batch, fill, kind):
    augment = Augment(**EVERYTHING, fill=fill, fill_value=200, seed=11)
    images = batch.astype(kind)
    made = ops.convert_to_numpy(augment(images, training=True))
    expected = opencv(images, drawn_matrices(augment, images.shape), images.shape[1:3], augment)
    assert made.dtype == kind
    assert levels(made, expected) < 0.5
    assert levels(made, images) > 20


def test_a_window_of_a_crop_is_the_same_in_both(batch):
    for crop, size in ((0.6, None), ((50, 70), (50, 70))):
        augment = Augment(crop=crop, rotation=10, seed=4)
        made = ops.convert_to_numpy(augment(batch, training=True))
        matrices = drawn_matrices(augment, batch.shape, size)
        assert levels(made, opencv(batch, matrices, size or batch.shape[1:3], augment)) < 0.5


@pytest.mark.parametrize("fill", ["nearest", "constant"])
def test_the_layer_agrees_with_the_affine_transform_of_keras(batch, fill):
    augment = Augment(**EVERYTHING, fill=fill, seed=2)
    images = batch.astype("float32")
    rows = drawn_matrices(augment, images.shape).reshape(-1, 6).astype("float32")
    rows = np.concatenate([rows, np.zeros((len(rows), 2), "float32")], axis=1)
    expected = ops.image.affine_transform(images, rows, fill_mode=fill, data_format="channels_last")
    assert levels(augment(images, training=True), expected) < 0.1


def test_rotation_zoom_and_shift_are_those_of_the_layers_of_keras(batch):
    image = batch[:1].astype("float32")
    rows, columns = image.shape[1:3]
    options = {"fill_mode": "nearest", "data_format": "channels_last"}

    def pair(peer, **ours):
        augment = Augment(**ours, seed=6)
        matrix = drawn_matrices(augment, image.shape)[0]
        return augment(image, training=True), peer(matrix)(image, training=True)

    for made, expected in (
        pair(lambda m: _rotation(np.degrees(np.arctan2(m[1, 0], m[0, 0])), options), rotation=60),
        pair(lambda m: _zoom(m[1, 1] - 1, m[0, 0] - 1, options), zoom=0.4),
        pair(lambda m: _translation(-m[1, 2] / rows, -m[0, 2] / columns, options), shift=0.3),
    ):
        assert levels(made, expected) < 0.1
        assert levels(made, image) > 10


def _rotation(degrees, options):
    return keras.layers.RandomRotation((degrees / 360, degrees / 360), **options)


def _zoom(height, width, options):
    return keras.layers.RandomZoom((height, height), (width, width), **options)


def _translation(height, width, options):
    return keras.layers.RandomTranslation((height, height), (width, width), **options)


@pytest.mark.parametrize("only", [{}, {"rotation": 40}, {"shift": (0.1, 0.2)}, {"shear": 30}, {"zoom": (0.7, 1.4)}])
def test_the_arguments_mean_what_they_mean_to_image_data_generator(photo, only):
    """Angles, shears and zooms that it is given apply to its pictures as ours do, in the same order."""
    tf = pytest.importorskip("tensorflow")
    settings = only or {"rotation": 40, "shift": (0.1, 0.2), "shear": 30, "zoom": (0.7, 1.4), "horizontal_flip": True}
    image = photo[100:200, 100:200].astype(np.float32)  # it turns a picture that is not square around another point
    draws = draw.uniforms(np.arange(6), epoch=0, seed=0)
    augment = Augment(**settings)
    found = opencv([image] * 6, augment.ranges.matrices(draws, 100, 100, (100, 100)), (100, 100), augment)
    turn, zoom_y, zoom_x, shift_y, shift_x, shear, mirror, *_ = draws.T
    (low, high), either = augment.ranges.zoom, lambda column, most: (2 * column - 1) * most
    generator = tf.keras.preprocessing.image.ImageDataGenerator(data_format="channels_last")
    for index in range(6):
        parameters = {
            "theta": either(turn[index], augment.ranges.rotation),
            "tx": either(shift_x[index], augment.ranges.shift[1]) * 100,
            "ty": either(shift_y[index], augment.ranges.shift[0]) * 100,
            "shear": either(shear[index], augment.ranges.shear),
            "zx": low + zoom_x[index] * (high - low),
            "zy": low + zoom_y[index] * (high - low),
            "flip_horizontal": bool(mirror[index] < 0.5) and augment.ranges.horizontal_flip,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # how it imports SciPy
            expected = generator.apply_transform(image, parameters)
        assert levels(found[[index]], expected[None], margin=1) < 0.3  # older OpenCV looks up in steps of 1/32 pixel


def test_flips_and_turns_are_exact_and_all_eight_come_up_alike(photo):
    image = photo[50:114, 50:114]
    eight = [np.rot90(turned, quarters) for turned in (image, image[:, ::-1]) for quarters in range(4)]
    images = np.stack([image] * 400)
    for options in (
        {"horizontal_flip": True, "rot90": True},
        {"transpose": True, "rot90": True, "vertical_flip": True},
    ):
        made = ops.convert_to_numpy(Augment(**options, seed=0)(images, training=True))
        matches = np.array([[np.array_equal(one, other) for other in eight] for one in made])
        assert (matches.sum(axis=1) == 1).all()
        assert (matches.sum(axis=0) > 25).all()  # of 50 expected; 3.8 standard deviations


@pytest.mark.parametrize(
    ("option", "axes"), [("horizontal_flip", (1,)), ("vertical_flip", (0,)), ("transpose", None)], ids=str
)
def test_each_flip_does_what_it_says(photo, option, axes):
    image = photo[50:114, 50:114]
    other = np.swapaxes(image, 0, 1) if axes is None else np.flip(image, axes)
    made = ops.convert_to_numpy(Augment(**{option: True}, seed=0)(np.stack([image] * 20), training=True))
    changed = np.array([np.array_equal(one, other) for one in made])
    assert all(np.array_equal(one, image) for one in made[~changed])
    assert 3 < changed.sum() < 17


def test_a_turned_picture_that_is_not_square_fills_the_output(photo):
    image = photo[:120, :180]
    made = ops.convert_to_numpy(Augment(rot90=True, seed=1)(np.stack([image] * 12), training=True))
    turns = [cv2.resize(np.rot90(image, quarters), (180, 120), interpolation=cv2.INTER_LINEAR) for quarters in range(4)]
    nearest = [min((levels(one[None], turn[None]), which) for which, turn in enumerate(turns)) for one in made]
    assert max(nearest)[0] < 0.3
    assert {which for _, which in nearest} == {0, 1, 2, 3}


def test_a_crop_in_pixels_cuts_windows_out_of_the_images():
    image = np.arange(12 * 15, dtype=np.uint8).reshape(12, 15, 1)
    made = ops.convert_to_numpy(Augment(crop=(10, 12), seed=0)(np.stack([image] * 100), training=True))
    corners = {divmod(int(one[0, 0, 0]), 15) for one in made}
    assert corners == {(top, left) for top in range(3) for left in range(4)}
    for one in made:
        top, left = divmod(int(one[0, 0, 0]), 15)
        np.testing.assert_array_equal(one, image[top : top + 10, left : left + 12])


def test_windows_of_a_dataset_stay_inside_their_pictures():
    sizes = np.random.default_rng(0).integers(60, 300, (500, 2))
    for crop in (0.5, (60, 50)):
        matrices = Augment(crop=crop).matrices(np.arange(500), epoch=0, sizes=sizes, size=(40, 30), seed=0)
        corners = matrices @ np.array([[-0.5, 29.5], [-0.5, 39.5], [1, 1]])  # left top, right bottom
        assert corners.min() > -0.5 - 1e-9
        assert (corners[:, :, 1] < sizes[:, ::-1] - 0.5 + 1e-9).all()
        window = (corners[:, ::-1, 1] - corners[:, ::-1, 0]).round(9)
        np.testing.assert_allclose(window, np.broadcast_to(crop, (500, 2)) * (sizes if crop == 0.5 else 1))


def test_constants_beyond_the_type_are_cut_off():
    images = np.full((1, 8, 8, 1), 100, np.uint8)
    made = Augment(zoom=(3, 3), fill="constant", fill_value=-5)(images, training=True)
    assert int(ops.min(made)) == 0
    assert int(made[0, 0, 0, 0]) == 0
    assert int(made[0, 4, 4, 0]) == 100


def test_warp_reaches_far_outside(batch):
    """Whole pictures away, where a border is folded more than once."""
    matrices = np.array([[[1, 0, 400.25], [0, 1, -333.5]], [[-3, 0, -500], [0, 5, 700]]])
    for fill in FILLS:
        augment = Augment(fill=fill, fill_value=9)
        images = batch[:2].astype("float32")
        made = warp(ops.convert_to_tensor(images), ops.cast(matrices, "float32"), (20, 30), fill=fill, fill_value=9)
        assert levels(made, opencv(images, matrices, (20, 30), augment)) < 0.5
