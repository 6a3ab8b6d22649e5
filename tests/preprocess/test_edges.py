"""Smoothing, edges and the split of ink from paper."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import convolve1d
from skimage.data import astronaut, camera, coins, page
from skimage.filters import threshold_otsu

import visionkit as vk
from visionkit.preprocess import canny, gaussian_blur, otsu, to_gray


@pytest.mark.parametrize("picture", [camera, coins, page])
def test_otsu_is_that_of_scikit_image(picture):
    gray = picture()
    result = otsu(gray, ink="light")
    assert result.threshold == threshold_otsu(gray)
    assert np.array_equal(result.binary == 255, gray > result.threshold)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_otsu_parts_as_well_as_scikit_image(gray):
    """Single precision lets scikit-image take any of several equal thresholds; the variance between is the same."""

    def variance(threshold):
        dark, light = gray[gray <= threshold].astype(float), gray[gray > threshold].astype(float)
        return 0 if not dark.size or not light.size else dark.size * light.size * (dark.mean() - light.mean()) ** 2

    ours, theirs = otsu(gray).threshold, threshold_otsu(gray)
    assert variance(ours) == pytest.approx(variance(theirs), rel=1e-5)


def test_the_lowest_of_equal_thresholds_wins():
    gray = np.array([[0, 255, 0, 255]], np.uint8)
    assert otsu(gray).threshold == threshold_otsu(gray) == 0


def test_ink_is_what_is_rare_on_the_border():
    paper = np.full((40, 40), 220, np.uint8)
    paper[10:30, 10:32] = 30  # most of the picture, yet ink
    assert otsu(paper).binary.sum() // 255 == 440
    assert np.array_equal(otsu(255 - paper).binary, otsu(paper).binary)
    assert np.array_equal(otsu(paper, ink="light").binary, 255 - otsu(paper, ink="dark").binary)


@pytest.mark.parametrize("level", [0, 7, 255])
def test_a_flat_picture_has_no_ink(level):
    threshold, binary = otsu(np.full((5, 5, 3), level, np.uint8))
    assert (threshold, binary.max()) == (level, 0)


def test_canny_presets_are_opencv_with_their_thresholds():
    gray = to_gray(astronaut())
    for preset, thresholds in {"wide": (10, 200), "mid": (30, 150), "tight": (240, 250)}.items():
        assert np.array_equal(canny(astronaut(), preset), cv2.Canny(gray, *thresholds))
    assert np.array_equal(canny(gray), canny(gray, "mid"))
    assert np.array_equal(canny(gray, low=5, high=99.5), cv2.Canny(gray, 5, 99.5))
    assert 0.01 < np.mean(canny(gray, "auto") == 255) < 0.3


def test_gaussian_blur_is_the_convolution():
    gray = camera().astype(float)
    weights = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 1.4**2))
    weights /= weights.sum()
    expected = convolve1d(convolve1d(gray, weights, 0, mode="mirror"), weights, 1, mode="mirror")
    np.testing.assert_allclose(gaussian_blur(camera(), 7, 1.4), expected, atol=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda image: canny(image, "medium"), "expected preset to be one of"),
        (lambda image: canny(image, low=-1), "expected low"),
        (lambda image: canny(image, high="x"), "expected high"),
        (lambda image: canny(image, low=200), "expected low to be at most high"),
        (lambda image: gaussian_blur(image, 4), "kernel_size"),
        (lambda image: gaussian_blur(image, 2.0), "kernel_size"),
        (lambda image: gaussian_blur(image, 3, -1), "sigma"),
        (lambda image: gaussian_blur(image, 3, float("nan")), "sigma"),
        (lambda image: otsu(image, ink="black"), "expected ink"),
    ],
)
def test_other_arguments_are_refused(call, words):
    with pytest.raises(vk.ArgumentError, match=words):
        call(np.zeros((9, 9), np.uint8))


@pytest.mark.parametrize("function", [canny, gaussian_blur, otsu])
def test_views_are_taken_and_never_changed(function):
    image = astronaut()[::-2, ::3]
    image.flags.writeable = False
    before = image.copy()
    function(image)
    assert np.array_equal(image, before)
    with pytest.raises(vk.ImageError, match=f"{function.__name__}: expected a uint8 image"):
        function(image / 255)
