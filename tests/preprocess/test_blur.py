"""Blur: pictures are called blurry because they are, not because of what they show."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import blur_effect

import visionkit as vk
from visionkit.preprocess import blur_score, is_blurry, read, resize, to_gray

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"
SHARP = ["astronaut", "camera", "chelsea", "coffee", "coins", "page", "rocket"]


def picture(name):
    return read(getattr(skimage.data, name)())


def page(text="HELLO 42", *, height=600, scale=2.0, thickness=4, ink=40, paper=225, noise=3.0):
    image = np.full((height, height * 4 // 3), paper, np.uint8)
    cv2.putText(image, text, (int(20 * scale), height // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, thickness)
    image = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.8) * np.linspace(
        0.8, 1, image.shape[1], dtype=np.float32
    )
    return np.clip(image + np.random.default_rng(0).normal(0, noise, image.shape), 0, 255).astype(np.uint8)


PAGES = {
    "plain": page(),
    "faint pencil": page(ink=185),
    "chalk": page(ink=220, paper=40),
    "one stroke": page("1"),
    "small": page("0123456789", scale=0.7, thickness=1),
    "grainy": page(noise=12),
    "without grain": page(noise=0),
    "12 megapixels": page(height=3000, scale=10, thickness=24),
    "tiny": page("7", height=48, scale=1, thickness=2),
}


def shaken(image, angle, length=21):
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1)
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(image, -1, kernel / kernel.sum())


@pytest.mark.parametrize("name", PAGES)
def test_legible_pages_pass_and_defocused_ones_do_not(name):
    assert not is_blurry(PAGES[name])
    small = resize(PAGES[name], longest=min(800, max(PAGES[name].shape)))
    assert is_blurry(cv2.GaussianBlur(small, (0, 0), 5))


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_shaken_pages_are_caught_along_every_direction(angle):
    caught = {name: is_blurry(shaken(page, angle)) for name, page in PAGES.items() if page.shape[0] == 600}
    assert caught["plain"]
    assert sum(caught.values()) >= 0.8 * len(caught), caught


@pytest.mark.parametrize("name", SHARP)
def test_sharp_photographs_pass_and_blurred_ones_do_not(name):
    sharp = picture(name)
    assert not is_blurry(sharp)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 0.01 * max(sharp.shape) + 1.5)
    assert is_blurry(blurred)
    # an outside witness, whose scale runs the other way
    assert blur_effect(to_gray(blurred)) > blur_effect(to_gray(sharp))


def test_a_photograph_that_was_shaken_in_truth_is_caught():
    try:
        clock = read(skimage.data.clock())
    except (OSError, ImportError):
        pytest.skip("scikit-image does not carry this picture here")
    assert is_blurry(clock)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no photographs of handwriting in {PHOTOS}")
def test_photographed_handwriting():
    for path in sorted(PHOTOS.glob("*g")):
        sharp = read(path)
        assert not is_blurry(sharp), path.name
        assert is_blurry(cv2.GaussianBlur(resize(sharp, longest=min(800, max(sharp.shape))), (0, 0), 5)), path.name


@pytest.mark.parametrize("method", ["edge", "fft", "laplacian"])
def test_more_blur_is_a_lower_score(method):
    sharp = picture("astronaut")
    scores = [blur_score(cv2.GaussianBlur(sharp, (0, 0), sigma), method=method) for sigma in (0.5, 1, 2, 4, 8)]
    assert scores == sorted(scores, reverse=True)


def test_the_edge_score_depends_little_on_contrast_and_size():
    sharp = picture("astronaut")
    weak = (100 + sharp * 0.2).astype(np.uint8)
    assert blur_score(weak) == pytest.approx(blur_score(sharp), abs=0.05)
    large = np.kron(page(height=750), np.ones((4, 4), np.uint8))  # what a camera of more pixels would see
    assert blur_score(large) == pytest.approx(blur_score(resize(large, longest=800)), abs=1e-9)


def test_laplacian_is_its_variance():
    gray = to_gray(picture("coffee")).astype(float)
    padded = np.pad(gray, 1, mode="reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * gray
    assert blur_score(picture("coffee"), method="laplacian") == pytest.approx(laplacian.var())


@pytest.mark.parametrize("method", ["edge", "fft", "laplacian"])
def test_a_score_at_the_threshold_is_blurry(method):
    image = picture("coins")
    score = blur_score(image, method=method)
    assert is_blurry(image, method=method, threshold=score)
    assert not is_blurry(image, method=method, threshold=np.nextafter(score, -np.inf))


def test_a_flat_picture_has_nothing_to_smear():
    flat = np.full((200, 200), 128, np.uint8)
    assert blur_score(flat) == 1
    assert blur_score(flat, method="laplacian") == 0
    assert -600 < blur_score(flat, method="fft") < -200


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_every_picture_has_a_score(rows, columns, seed):
    score = blur_score(np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8))
    assert -1 <= score <= 1


def test_other_arguments_are_refused():
    image = np.zeros((100, 110), np.uint8)
    with pytest.raises(vk.ArgumentError, match="cuts out all of it; take a size below 55"):
        blur_score(image, method="fft")
    with pytest.raises(vk.ArgumentError, match="did you mean 'edge'"):
        is_blurry(image, method="edges")
    with pytest.raises(vk.ArgumentError, match="size"):
        blur_score(image, method="fft", size=0)
    with pytest.raises(vk.ArgumentError, match="threshold"):
        is_blurry(image, threshold=float("nan"))
    with pytest.raises(vk.ImageError, match="expected a uint8 image"):
        blur_score(image / 255)
