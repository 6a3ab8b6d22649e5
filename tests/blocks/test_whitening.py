"""PatchWhitening: what comes out is white, whatever the images."""

import keras
import numpy as np
import pytest
import skimage.data
from sklearn.decomposition import PCA

from visionkit import ArgumentError
from visionkit.blocks import PatchWhitening


def as_array(x):
    return keras.ops.convert_to_numpy(x)


def tiles(size=16):
    """A photograph in pieces."""
    photo = skimage.data.chelsea()[:288, :448]
    rows, columns = photo.shape[0] // size, photo.shape[1] // size
    return photo.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)


def patches(images, size):
    height, width = size
    found = [
        images[:, row : row + height, column : column + width].reshape(len(images), -1)
        for row in range(images.shape[1] - height + 1)
        for column in range(images.shape[2] - width + 1)
    ]
    return np.stack(found, axis=1)


@pytest.mark.parametrize("size", [(2, 2), (3, 1)])
def test_outputs_are_the_whitened_principal_components_of_scikit_learn(size):
    images = tiles().astype("float64")
    block = PatchWhitening(size, epsilon=0)
    block.adapt(images)
    made = as_array(block(images)).reshape(-1, 2 * 3 * size[0] * size[1])
    half = made.shape[1] // 2
    np.testing.assert_allclose(made[:, half:], -made[:, :half], atol=1e-4)
    np.testing.assert_allclose(np.cov(made[:, :half].T), np.eye(half), atol=1e-3)
    cut = patches(images, size).reshape(len(made), -1)
    theirs = PCA(whiten=True).fit_transform(cut)[:, ::-1]  # they begin with the largest variance
    np.testing.assert_allclose(np.abs(made[:, :half]), np.abs(theirs), atol=2e-3)


def test_before_it_is_adapted_it_gives_the_pixels_and_their_negatives():
    images = tiles()[:2].astype("float32")
    made = as_array(PatchWhitening(2)(images)).reshape(2, -1, 24)
    np.testing.assert_array_equal(made[..., :12], patches(images, (2, 2)))
    np.testing.assert_array_equal(made[..., 12:], -made[..., :12])


def test_nothing_of_it_is_trained():
    block = PatchWhitening(2, activation="gelu")
    block.adapt(tiles())
    assert block.trainable_weights == []
    assert block.compute_output_shape((None, 16, None, 3)) == (None, 15, None, 24)


def test_the_weights_are_saved_with_a_model(tmp_path):
    model = keras.Sequential([keras.Input((16, 16, 3)), PatchWhitening(2, activation="gelu")])
    model.layers[0].adapt(tiles())
    model.save(tmp_path / "model.keras")
    expected = as_array(model(tiles()[:3]))
    np.testing.assert_array_equal(as_array(keras.saving.load_model(tmp_path / "model.keras")(tiles()[:3])), expected)


@pytest.mark.parametrize("epsilon", [0, 5e-4])
def test_flat_images_give_finite_numbers(epsilon):
    flat = np.full((3, 4, 4, 1), 200, np.uint8)
    block = PatchWhitening(2, epsilon=epsilon)
    block.adapt(flat)
    assert np.abs(as_array(block(flat))).max() < 1e-3


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 8, 8)), r"expected images \(N, H, W, C\) of at least 3x3 pixels to adapt to, got float64"),
        (np.zeros((0, 8, 8, 3)), "expected images"),
        (np.zeros((4, 8, 2, 3)), "of at least 3x3 pixels"),
        ("photos", "expected images"),
        (np.full((4, 8, 8, 3), np.nan), "expected finite pixels to adapt to"),
    ],
    ids=lambda value: getattr(value, "shape", value),
)
def test_what_is_no_batch_of_images_is_one_error(images, message):
    with pytest.raises(ArgumentError, match=message):
        PatchWhitening(3).adapt(images)
