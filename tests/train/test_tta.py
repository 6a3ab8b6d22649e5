"""Predictions averaged over views."""

import cv2
import keras
import numpy as np
import pytest
from scipy.special import softmax

from visionkit import ArgumentError, ModelError
from visionkit.train.augment import Augment
from visionkit.train.data.arrays import from_arrays
from visionkit.train.ensemble import Ensemble
from visionkit.train.evaluation.evaluate import evaluate
from visionkit.train.tta import predict_tta

RNG = np.random.default_rng(0)
X = RNG.random((11, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3, strides=2), keras.layers.Activation("relu"), keras.layers.Flatten()]
    return keras.Sequential([keras.Input((32, 32, 3)), *layers, keras.layers.Dense(3)], name="small")


def said(model, x):
    return softmax(keras.ops.convert_to_numpy(model(np.ascontiguousarray(x))).astype(float), axis=1)


def mirrored(x):
    return np.stack([cv2.flip(picture, 1) for picture in x])


def moved(x, step):
    """Each picture shifted along both axes by OpenCV, mirrored at the edge without the edge itself."""
    matrix = np.array([[1, 0, step], [0, 1, step]], np.float64)
    size = x.shape[2], x.shape[1]
    border = cv2.BORDER_REFLECT_101
    return np.stack([cv2.warpAffine(one, matrix, size, flags=cv2.INTER_NEAREST, borderMode=border) for one in x])


def corner(x, top, left):
    parts = x[:, top : top + 28, left : left + 28]
    return np.stack([cv2.resize(np.ascontiguousarray(part), (32, 32)) for part in parts])


def test_a_flip_is_half_of_the_answer(model):
    expected = (said(model, X) + said(model, mirrored(X))) / 2
    np.testing.assert_allclose(predict_tta(model, X, verbose=0), expected, atol=1e-6)


def test_shift_and_flip_are_the_six_views_of_cifar_10(model):
    # Jordan 2024: half for the picture, half for two translations by a pixel, each with its mirror image
    both = [np.mean([said(model, x), said(model, mirrored(x))], axis=0) for x in (X, moved(X, -1), moved(X, 1))]
    expected = both[0] / 2 + (both[1] + both[2]) / 4
    np.testing.assert_allclose(predict_tta(model, X, views=("shift", "flip"), verbose=0), expected, atol=1e-6)


def test_crop_and_flip_are_the_ten_views_of_alexnet(model):
    views = [corner(X, top, left) for top, left in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))]
    expected = np.mean([said(model, x) for view in views for x in (view, mirrored(view))], axis=0)
    np.testing.assert_allclose(predict_tta(model, X, views=("crop", "flip"), verbose=0), expected, atol=1e-6)


def test_a_shift_grows_with_the_picture():
    seen = []
    model = keras.Sequential([keras.Input((64, 96, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])

    def look(images):
        seen.append(images)
        return images

    x = np.arange(64)[:, None] * 100.0 + np.arange(96)
    predict_tta(model, x[None, ..., None], views=["shift", look], verbose=0)
    centers = [float(images[0, 32, 48, 0]) for images in seen]
    assert centers == [x[32, 48], x[34, 51], x[30, 45]]


def test_a_function_is_a_view(model):
    def upside_down(images):
        return images[:, ::-1]

    expected = (said(model, X) + said(model, X[:, ::-1])) / 2
    np.testing.assert_allclose(predict_tta(model, X, views=[upside_down], verbose=0), expected, atol=1e-6)


def test_no_views_are_the_pictures_themselves(model):
    np.testing.assert_allclose(predict_tta(model, X, views=(), verbose=0), said(model, X), atol=1e-6)


@pytest.mark.parametrize("shuffle", [False, True])
def test_random_views_are_those_of_the_epochs(model, shuffle):
    def data(batch_size):
        augment = Augment(rotation=20, shift=0.1)
        return from_arrays(X, batch_size=batch_size, augment=augment, seed=7, shuffle=shuffle)

    source = data(4)
    expected = np.zeros((11, 3))
    for epoch in range(3):
        for index in range(len(source)):
            expected[source.numbers(epoch, index)] += said(model, source.batch(epoch, index)[0]) / 3
    found = predict_tta(model, data(4), views=3, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(predict_tta(model, data(5), views=3, verbose=0), found, atol=1e-6)
    assert np.abs(found - said(model, X)).max() > 1e-4


def test_an_ensemble_has_views_and_views_are_evaluated(model):
    y = np.arange(11) % 3
    found = predict_tta(Ensemble([model, model]), (X, y), verbose=0)
    np.testing.assert_allclose(found, predict_tta(model, X, verbose=0), atol=1e-6)
    assert evaluate(found, (X, y)).accuracy == (found.argmax(axis=1) == y).mean()


def test_progress_goes_over_all_views(model, capsys):
    predict_tta(model, X, views=("shift", "flip"), batch_size=4)
    assert "18/18" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("views", "x", "message"),
    [
        (["flop"], X, "did you mean 'flip'"),
        ("flip", X, "give a list"),
        (0, X, "at least 1"),
        (3, X, "augment"),
        ([lambda images: images[:1]], X, "11 images from a view"),
        (["flip"], X.reshape(11, -1), r"images \(N, H, W, C\)"),
    ],
)
def test_views_that_cannot_be_had_are_an_error(model, views, x, message):
    with pytest.raises(ArgumentError, match=message):
        predict_tta(model, x, views=views, verbose=0)


def test_a_view_of_another_size_is_an_error(model):
    with pytest.raises(ModelError, match=r"got \(16, 16, 3\)"):
        predict_tta(model, X, views=[lambda images: images[:, ::2, ::2]], verbose=0)
    with pytest.raises(ModelError, match=r"a keras\.Model"):
        predict_tta(np.zeros((11, 3)), X)
