"""Insertion and deletion: against probabilities that can be computed by hand, and on a network that was trained."""

import cv2
import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import auc

from tests.explain.networks import FORMS, flat, given, pictures
from tests.explain.scenes import scenes
from visionkit._errors import ArgumentError, ModelError
from visionkit.explain.cam.gradcam import gradcam
from visionkit.explain.faithfulness.insertion_deletion import deletion, insertion

IMAGES = pictures(5)
HEATMAPS = np.random.default_rng(0).random((5, 32, 32))
BOTH = pytest.mark.parametrize("measure", [insertion, deletion])


def top_half(weight: float = 1.0, bias: float = 0.0, activation: str | None = None) -> keras.Model:
    """A model (N, 8, 8, 1) -> (N, 1) that looks at how bright the upper half is."""
    image = keras.Input((8, 8, 1))
    x = layers.GlobalAveragePooling2D()(layers.Cropping2D(((0, 4), (0, 0)))(image))
    model = keras.Model(image, layers.Dense(1, activation=activation)(x))
    model.set_weights([np.array([[weight]]), np.array([bias])])
    return model


@BOTH
def test_the_curve_is_that_of_the_pixels_counted_by_hand(measure):
    model, heatmaps = top_half(6.0, -2.0, "sigmoid"), np.random.default_rng(1).random((3, 8, 8))
    found = measure(model, np.ones((3, 8, 8, 1)), heatmaps, steps=9, substrate=0.0)
    exchanged = np.rint(np.linspace(0, 64, 10)).astype(int)
    for heatmap, curve, score in zip(heatmaps, found.curves, found.scores, strict=True):
        order = np.argsort(-heatmap.ravel())
        share = np.array([np.sum(order[:count] < 32) / 32 for count in exchanged])
        seen = share if measure is insertion else 1 - share
        expected = 1 / (1 + np.exp(-(6 * seen - 2)))
        np.testing.assert_allclose(curve, expected, atol=1e-6)
        assert score == pytest.approx(auc(exchanged / 64, expected), abs=1e-6)
    np.testing.assert_allclose(found.fractions, exchanged / 64)


def test_a_map_of_the_right_pixels_is_best_and_its_opposite_worst():
    heatmaps = np.zeros((1, 8, 8))
    heatmaps[:, :4] = 1
    best, worst = (insertion(top_half(), np.ones((1, 8, 8, 1)), sign * heatmaps, substrate=0.0) for sign in (1, -1))
    assert best.scores == pytest.approx(0.75)  # half of the way to 1, then 1
    assert worst.scores == pytest.approx(0.25)
    assert 0.25 < best.random < 0.75


def test_deleting_is_inserting_backwards():
    model = flat()[0]
    there = insertion(model, IMAGES, -HEATMAPS, substrate="mean").curves
    back = deletion(model, IMAGES, HEATMAPS, substrate="mean").curves
    np.testing.assert_allclose(there, back[:, ::-1], atol=1e-5)


@BOTH
def test_a_map_without_differences_is_as_good_as_chance_and_not_as_the_order_of_the_pixels(measure):
    images = np.ones((40, 8, 8, 1))
    found = measure(top_half(), images, np.zeros((40, 8, 8)), substrate=0.0)
    # the upper rows before the lower ones would be 0.75 or 0.25
    assert found.scores.mean() == pytest.approx(0.5, abs=0.02)
    assert found.random.mean() == pytest.approx(0.5, abs=0.02)
    assert np.std(found.scores) > 0


@BOTH
def test_noise_is_as_good_as_chance(measure, scene_network):
    images = scenes(24, seed=4).images
    found = measure(scene_network, images, np.random.default_rng(0).random((24, 64, 64)))
    assert found.scores.mean() == pytest.approx(found.random.mean(), abs=0.05)


def test_true_maps_are_far_from_chance(scene_network):
    images = scenes(32, seed=3).images
    heatmaps = gradcam(scene_network, images)
    come, go = insertion(scene_network, images, heatmaps), deletion(scene_network, images, heatmaps)
    assert come.scores.mean() >= come.random.mean() + 0.15
    assert go.scores.mean() <= go.random.mean() - 0.20


def test_curves_lead_from_the_substrate_to_the_picture_and_keep_its_class():
    model = flat()[0]
    whole = keras.ops.convert_to_numpy(model(IMAGES))
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 3.2) for image in IMAGES])
    without = keras.ops.convert_to_numpy(model(blurred))
    classes = whole.argmax(axis=1)
    assert (abs(whole - without) > 0.01).any()
    found = insertion(model, IMAGES, HEATMAPS)
    for curves in (found.curves, found.random_curves):
        np.testing.assert_allclose(curves[:, -1], whole[range(5), classes], atol=1e-5)
        np.testing.assert_allclose(curves[:, 0], without[range(5), classes], atol=1e-5)
    other = deletion(model, IMAGES, HEATMAPS, target=2, substrate=blurred)
    np.testing.assert_allclose(other.curves[:, [0, -1]], np.stack([whole[:, 2], without[:, 2]], 1), atol=1e-5)


@pytest.mark.parametrize(
    "form", ["nested_twice", "subclassed", "blocks", "several_inputs", "several_outputs", "shared"]
)
def test_a_model_of_any_form(form):
    if form == "shared":  # whose other picture stays whole
        found = insertion(FORMS[form]()[0], given(form, IMAGES), HEATMAPS, steps=4)
        assert np.isfinite(found.curves).all()
        return
    output = 0 if form == "several_outputs" else None
    found = insertion(FORMS[form]()[0], given(form, IMAGES), HEATMAPS, steps=4, output=output)
    expected = insertion(flat()[0], IMAGES, HEATMAPS, steps=4)
    np.testing.assert_allclose(found.curves, expected.curves, atol=1e-5)
    np.testing.assert_allclose(found.random, expected.random, atol=1e-5)


def test_a_function_of_the_outputs_as_target():
    found = deletion(top_half(), np.ones((1, 8, 8, 1)), np.zeros((1, 8, 8)), target=_doubled, steps=1, substrate=0.0)
    np.testing.assert_allclose(found.curves, [[2, 0]], atol=1e-6)


def _doubled(outputs):
    return 2 * outputs[:, 0]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000])
def test_batches_change_nothing(batch_size):
    found = insertion(flat()[0], IMAGES, HEATMAPS, steps=5, batch_size=batch_size)
    expected = insertion(flat()[0], IMAGES, HEATMAPS, steps=5)
    np.testing.assert_allclose(found.curves, expected.curves, atol=1e-5)
    np.testing.assert_allclose(found.random_curves, expected.random_curves, atol=1e-5)


def test_a_model_of_a_fixed_batch():
    image = keras.Input(batch_shape=(4, 32, 32, 3))
    model = keras.Model(image, flat()[0](image))
    found = insertion(model, IMAGES, HEATMAPS, steps=3)
    np.testing.assert_allclose(found.curves, insertion(flat()[0], IMAGES, HEATMAPS, steps=3).curves, atol=1e-5)


def test_the_seed_decides_and_an_image_does_not_depend_on_those_after_it():
    model, constant = flat()[0], np.zeros((5, 32, 32))
    first = insertion(model, IMAGES, constant, steps=4, seed=1)
    again = insertion(model, IMAGES, constant, steps=4, seed=1)
    other = insertion(model, IMAGES, constant, steps=4, seed=2)
    fewer = insertion(model, IMAGES[:2], constant[:2], steps=4, seed=1)
    np.testing.assert_array_equal(first.curves, again.curves)
    np.testing.assert_allclose(first.random[:2], fewer.random, atol=1e-6)
    assert (first.scores != other.scores).all()
    assert (first.random != other.random).all()


def test_small_maps_are_resized():
    small = np.random.default_rng(2).random((5, 8, 8))
    model = flat()[0]
    large = np.stack([cv2.resize(one, (32, 32), interpolation=cv2.INTER_LINEAR) for one in small])
    np.testing.assert_allclose(
        insertion(model, IMAGES, small, steps=8).scores, insertion(model, IMAGES, large, steps=8).scores, atol=1e-3
    )


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="nothing is compiled")
def test_nothing_is_traced_twice():
    traces = []

    @keras.saving.register_keras_serializable("visionkit_tests")
    class Counting(layers.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    model = keras.Sequential([keras.Input((8, 8, 1)), Counting(), layers.GlobalAveragePooling2D()])
    images = np.ones((2, 8, 8, 1))
    insertion(model, images, np.zeros((2, 8, 8)), target=0)
    before = len(traces)
    for seed in range(3):
        insertion(model, images, np.zeros((2, 8, 8)), target=0, seed=seed)
        deletion(model, images, np.zeros((2, 8, 8)), target=0, seed=seed)
    assert len(traces) == before


@BOTH
def test_what_is_printed_and_drawn(measure, tmp_path):
    found = measure(top_half(), np.ones((2, 8, 8, 1)), np.ones((2, 8, 8)), steps=2, substrate=0.0)
    assert (
        str(found)
        == f"{measure.__name__}: area {found.scores.mean():.3f}, random orders {found.random.mean():.3f}, 2 images"
    )
    figure = found.plot()
    (axes,) = figure.axes
    shown, random = (line.get_ydata() for line in axes.get_lines())
    np.testing.assert_allclose(shown, found.curves.mean(axis=0))
    np.testing.assert_allclose(random, found.random_curves.mean(axis=0))
    figure.savefig(tmp_path / "curves.png")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"heatmaps": HEATMAPS[:4]}, "a heatmap for each of 5 images, got 4"),
        ({"heatmaps": HEATMAPS[0]}, "expected heatmaps"),
        ({"heatmaps": [[[1.0, 2.0], [1.0]]] * 5}, "expected heatmaps"),
        ({"heatmaps": np.where(np.arange(5)[:, None, None] == 3, np.nan, HEATMAPS)}, "heatmap 3"),
        ({"steps": 0}, "steps"),
        ({"seed": -1}, "seed"),
        ({"substrate": "gray"}, "substrate"),
        ({"substrate": float("nan")}, "substrate"),
        ({"verbose": 2}, "verbose"),
        ({"batch_size": 0}, "batch_size"),
        ({"target": 5}, "target"),
        ({"images": IMAGES[:, :16]}, "expected images"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_computed(options, told):
    images, heatmaps = options.pop("images", IMAGES), options.pop("heatmaps", HEATMAPS)
    with pytest.raises(ArgumentError, match=told):
        insertion(flat()[0], images, heatmaps, **options)


def test_a_model_that_gives_no_numbers():
    with pytest.raises(ModelError, match="deletion"):
        deletion(top_half(np.inf), np.ones((1, 8, 8, 1)), np.ones((1, 8, 8)), substrate=0.0)
