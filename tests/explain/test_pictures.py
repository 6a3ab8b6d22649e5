"""Maps made larger, normalised and coloured, against OpenCV, Pillow, Keras and matplotlib."""

import warnings

import cv2
import keras
import matplotlib
import numpy as np
import pytest
from PIL import Image

from visionkit import ArgumentError, ImageError, ModelError
from visionkit.explain.pictures.overlay import COLORMAPS, colorize, overlay
from visionkit.explain.pictures.upsample import normalize, upsample


def ramp(height: int = 5, width: int = 256) -> np.ndarray:
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


def test_a_cell_stays_where_the_layer_looked():
    """Cell (1, 1) of 7 x 7 covers pixels 32 to 63 of 224: tf-keras-vis puts its centre elsewhere."""
    maps = np.zeros((1, 7, 7), np.float32)
    maps[0, 1, 1] = 1
    grown = upsample(maps, 224)[0]
    y, x = np.indices(grown.shape)
    assert (grown * y).sum() / grown.sum() == pytest.approx(47.5, abs=0.01)
    assert (grown * x).sum() / grown.sum() == pytest.approx(47.5, abs=0.01)


def test_upsampling_is_that_of_pillow_and_keras():
    maps = np.random.default_rng(0).normal(size=(3, 5, 8)).astype(np.float32)
    grown = upsample(maps, (40, 71))
    assert grown.dtype == np.float32
    for one, found in zip(maps, grown, strict=True):
        pillow = np.asarray(Image.fromarray(one).resize((71, 40), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(found, pillow, atol=1e-4)
        np.testing.assert_array_equal(upsample(one, (40, 71)), found)
    by_keras = keras.ops.image.resize(maps[..., None], (40, 71), interpolation="bilinear", data_format="channels_last")
    np.testing.assert_allclose(grown, keras.ops.convert_to_numpy(by_keras)[..., 0], atol=1e-4)


def test_shrinking_takes_the_mean():
    maps = np.random.default_rng(0).random((2, 12, 12))
    np.testing.assert_allclose(upsample(maps, 4), maps.reshape(2, 4, 3, 4, 3).mean(axis=(2, 4)), atol=1e-6)
    assert upsample(maps, (4, 30)).shape == (2, 4, 30)


def test_more_maps_than_opencv_has_channels():
    maps = np.random.default_rng(0).random((700, 3, 3), np.float32)
    np.testing.assert_array_equal(upsample(maps, 6)[699], upsample(maps[699], 6))
    assert upsample(maps[:0], 6).shape == (0, 6, 6)


def test_a_result_is_never_the_map_itself():
    one = np.ones((4, 4), np.float32)
    upsample(one, 4)[:] = 0
    assert one.all()


@pytest.mark.parametrize("maps", [np.ones(3), np.ones((2, 0, 3)), np.ones((1, 2, 3, 4)), [["a"]], [[1], [1, 2]], None])
def test_upsample_says_what_it_takes(maps):
    with pytest.raises(ArgumentError, match=r"upsample: expected maps of shape \(N, h, w\)"):
        upsample(maps, 4)


def test_evidence_for_against_and_both():
    maps = np.random.default_rng(0).normal(size=(3, 4, 4))
    speaks_for, against, both = (normalize(maps, evidence) for evidence in ("for", "against", "both"))
    for number, one in enumerate(maps):
        np.testing.assert_allclose(speaks_for[number], one.clip(0) / one.max(), atol=1e-6)
        np.testing.assert_allclose(against[number], (-one).clip(0) / -one.min(), atol=1e-6)
        np.testing.assert_allclose(both[number], one / np.abs(one).max(), atol=1e-6)
    assert speaks_for.dtype == np.float32


def test_maps_without_evidence_are_zero_and_named_once():
    maps = np.ones((13, 3, 3))
    maps[[3, 5]] = -1
    with pytest.warns(UserWarning, match="gradcam: images 3, 5: no positive evidence") as told:
        found = normalize(maps, "for", where="gradcam")
    assert len(told) == 1
    assert not found[[3, 5]].any()
    assert found.sum() == 11 * 9
    with pytest.warns(UserWarning, match=r"image 0: nothing speaks against .* evidence='for'"):
        assert not normalize(maps[:1], "against").any()
    with pytest.warns(UserWarning, match="0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more: nothing speaks for the class or"):
        assert not normalize(maps * 0, "both").any()


@pytest.mark.parametrize("scale", [1e-45, 1e-38, 5e37])
def test_tiny_and_huge_maps_are_normalised_too(scale):
    maps = np.array([[[0, 1], [2, 4]]], np.float32) * np.float32(scale)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = normalize(maps)
    assert found.max() == 1
    assert np.isfinite(found).all()


def test_half_precision_is_no_reason_to_round():
    found = normalize(np.array([[[1, 3]]], np.float16))
    assert found[0, 0, 0] == pytest.approx(1 / 3, abs=1e-7)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("evidence", ["for", "against", "both"])
def test_values_that_are_no_numbers_are_errors(value, evidence):
    maps = np.ones((4, 2, 2))
    maps[2, 1, 0] = value
    with pytest.raises(ModelError, match="gradcam: image 2: expected a map of finite numbers"):
        normalize(maps, evidence, where="gradcam")


def test_evidence_has_three_names():
    with pytest.raises(ArgumentError, match="'for', 'against', 'both', got 'four'; did you mean 'for'"):
        normalize(np.ones((1, 2, 2)), "four")


@pytest.mark.parametrize("name", sorted(set(COLORMAPS) - {"diverging"}))
def test_every_colour_map_of_opencv(name):
    expected = cv2.applyColorMap(np.rint(ramp() * 255).astype(np.uint8), getattr(cv2, f"COLORMAP_{name.upper()}"))
    np.testing.assert_array_equal(colorize(ramp(), colormap=name), expected[..., ::-1])


@pytest.mark.parametrize("name", ["viridis", "inferno"])
def test_colours_are_those_of_matplotlib(name):
    expected = matplotlib.colormaps[name](ramp(), bytes=True)[..., :3]
    assert np.abs(colorize(ramp(), colormap=name).astype(int) - expected).max() <= 2


def test_signed_maps_are_blue_white_and_red():
    expected = matplotlib.colormaps["bwr"](ramp(width=255), bytes=True)[..., :3]
    found = colorize(2 * ramp(width=255) - 1, colormap="diverging")
    assert np.abs(found.astype(int) - expected).max() <= 2
    assert (colorize(np.zeros((2, 2)), colormap="diverging") == 255).all()
    with pytest.raises(ArgumentError, match="signed maps take colormap='diverging'"):
        colorize(-ramp())


def test_overlay_is_the_plain_mix():
    rng = np.random.default_rng(0)
    photo, heat = rng.integers(0, 256, (20, 30, 3), np.uint8), rng.random((20, 30))
    colors = colorize(heat, colormap="turbo").astype(float)
    for alpha in (0.0, 0.4, 1.0):
        expected = (1 - alpha) * photo + alpha * colors
        assert np.abs(overlay(photo, heat, alpha=alpha, colormap="turbo") - expected).max() <= 0.51
    np.testing.assert_array_equal(overlay(photo, heat), overlay(photo, heat, alpha=0.4, colormap="jet"))


def test_overlay_fits_the_map_to_the_photo():
    photo, heat = np.zeros((224, 200, 3), np.uint8), np.random.default_rng(0).random((7, 7))
    np.testing.assert_array_equal(overlay(photo, heat), overlay(photo, upsample(heat, (224, 200))))
    assert overlay(photo[:4, :5], heat).shape == (4, 5, 3)


def test_a_grey_photo_is_the_same_as_its_rgb():
    gray, heat = np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8), np.eye(3)
    np.testing.assert_array_equal(overlay(gray, heat), overlay(np.dstack([gray] * 3), heat))


def test_overlay_leaves_photo_and_map_as_they_were():
    photo, heat = np.full((4, 4, 3), 9, np.uint8), np.eye(4, dtype=np.float32)
    overlay(photo, heat, alpha=0.0)[:] = 0
    assert (photo == 9).all()
    assert heat.sum() == 4


@pytest.mark.parametrize(
    ("heat", "words"),
    [
        (np.ones((1, 4, 4)), r"got float64 of shape \(1, 4, 4\); take one map of it, such as overlay\(images\[0\], he"),
        (np.ones(4), r"of shape \(H, W\), got float64 of shape \(4,\)"),
        (np.ones((0, 4)), r"of shape \(H, W\)"),
        (np.full((2, 2), np.nan), "of finite numbers"),
        (np.full((2, 2), np.inf), "of finite numbers"),
        (np.full((2, 2), 255), r"in \[0, 1\], got values from 255 to 255; divide it"),
        (np.full((2, 2), -2.0), r"in \[0, 1\], got values from -2 to -2"),
        ([["a"]], "of numbers"),
        ([[1], [1, 2]], "of numbers"),
        (None, "of numbers"),
    ],
)
def test_overlay_says_what_a_heatmap_is(heat, words):
    with pytest.raises(ArgumentError, match="overlay: expected a heatmap .*" + words):
        overlay(np.zeros((4, 4, 3), np.uint8), heat)


@pytest.mark.parametrize("photo", [np.zeros((4, 4, 3)), np.zeros((1, 4, 4, 3), np.uint8), np.zeros((4, 4, 1)), "a.png"])
def test_overlay_says_what_a_photo_is(photo):
    with pytest.raises(ImageError, match=r"overlay: expected a uint8 image .*visionkit.preprocess.read"):
        overlay(photo, np.eye(4))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": 1.5}, r"alpha to be in \[0, 1\], got 1.5"),
        ({"alpha": -0.1}, "alpha to be at least 0"),
        ({"alpha": np.nan}, "alpha to be a number"),
        ({"alpha": "half"}, "alpha to be a number"),
        ({"colormap": "viridus"}, "did you mean 'viridis'"),
        ({"colormap": cv2.COLORMAP_JET}, "expected colormap to be one of"),
    ],
)
def test_overlay_checks_its_options(options, words):
    with pytest.raises(ArgumentError, match="overlay: .*" + words):
        overlay(np.zeros((4, 4, 3), np.uint8), np.eye(4), **options)


def test_rounding_beyond_the_ends_is_no_error():
    heat = np.array([[np.nextafter(np.float32(1), np.float32(2)), -1e-7]])
    np.testing.assert_array_equal(colorize(heat), colorize([[1.0, 0.0]]))
