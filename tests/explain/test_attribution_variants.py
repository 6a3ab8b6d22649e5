"""SmoothGrad, integrated gradients, occlusion and RISE, against arithmetic."""

import cv2
import keras
import numpy as np
import pytest
from keras import layers

import visionkit as vk
from tests.explain.networks import FORMS, flat, given, pictures
from tests.explain.plain_gradient import plain_gradient
from tests.explain.test_attribution_gradients import linear
from visionkit.explain.attribution import variants
from visionkit.explain.attribution.gradients import saliency
from visionkit.explain.attribution.integrated import integrated_gradients
from visionkit.explain.attribution.occlusion import occlusion
from visionkit.explain.attribution.rise import rise
from visionkit.explain.attribution.smooth import smoothgrad
from visionkit.explain.probe.probe import Probe

pytestmark = pytest.mark.filterwarnings(  # of Keras on PyTorch, where pytest.warns shows it again
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
IMAGES = pictures(3)
TARGET = np.array([2, 0, 4])
# few variants, in several rounds
QUICK = {
    smoothgrad: {"samples": 5},
    integrated_gradients: {"steps": 20},
    occlusion: {"size": 16},
    rise: {"masks": 30, "grid": 4},
}
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(6, 7, 3, 2)).astype("float32")
X = RNG.uniform(size=(2, 6, 7, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return flat()[0]


@pytest.mark.parametrize("method", QUICK)
def test_maps_do_not_depend_on_the_batch_nor_on_other_pictures(method, model):
    expected = method(model, IMAGES, target=TARGET, **QUICK[method])
    assert expected.shape == (3, 32, 32)
    assert expected.dtype == np.float32
    np.testing.assert_allclose(expected.max(axis=(1, 2)), 1)
    assert expected.min() >= 0
    np.testing.assert_array_equal(method(model, IMAGES, target=TARGET, **QUICK[method]), expected)
    for batch_size in (2, 7):
        found = method(model, IMAGES, target=TARGET, batch_size=batch_size, **QUICK[method])
        np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(method(model, IMAGES[1:2], target=0, **QUICK[method])[0], expected[1], atol=1e-4)


@pytest.mark.parametrize("form", ["nested", "subclassed", "several_inputs"])
def test_maps_are_the_same_in_every_form(form, model):
    other, _ = FORMS[form]()
    for method, options in QUICK.items():
        found = method(other, given(form, IMAGES), target=TARGET, **options)
        np.testing.assert_allclose(found, method(model, IMAGES, target=TARGET, **options), atol=1e-4)


@pytest.mark.parametrize("method", QUICK)
def test_none_is_the_class_of_the_picture_as_it_is(method, model):
    predicted = model.predict(IMAGES, verbose=0).argmax(axis=1)
    expected = method(model, IMAGES, target=predicted, **QUICK[method])
    np.testing.assert_array_equal(method(model, IMAGES, **QUICK[method]), expected)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch compiles nothing")
def test_a_second_call_compiles_nothing():
    class Counting(layers.Layer):
        calls = 0

        def call(self, x):
            Counting.calls += 1
            return x

    model = keras.Sequential([keras.Input((8, 8, 3)), Counting(), layers.Flatten(), layers.Dense(2)])
    x = pictures(2, size=8)
    for method, options in (QUICK | {occlusion: {"size": 3}}).items():
        method(model, x[:1], batch_size=4, **options)
    before = Counting.calls
    for method, options in (QUICK | {occlusion: {"size": 3}}).items():
        method(model, x[1:] / 2, batch_size=4, **options)
    assert Counting.calls == before > 0


def test_a_model_for_a_fixed_number_of_images():
    conv, pool = layers.Conv2D(2, 3, activation="silu"), layers.GlobalAveragePooling2D()
    free = keras.Sequential([keras.Input((8, 8, 3)), conv, pool])
    conv.set_weights([np.linspace(0, 1, 54).reshape(3, 3, 3, 2), np.zeros(2)])
    fixed = keras.Sequential([keras.Input(batch_shape=(4, 8, 8, 3)), *free.layers])
    x = pictures(6, size=8)
    for method, options in (QUICK | {occlusion: {"size": 3}}).items():
        found = method(fixed, x, target=1, **options)
        np.testing.assert_allclose(found, method(free, x, target=1, **options), atol=1e-4)


def test_smoothgrad_without_noise_is_saliency(model):
    found = smoothgrad(model, IMAGES, target=TARGET, noise=0, samples=3, reduce=None)
    np.testing.assert_allclose(found, saliency(model, IMAGES, target=TARGET, reduce=None), atol=1e-6)


def test_smoothgrad_is_the_mean_gradient_of_noisy_pictures():
    """Of x^3 + noise the mean gradient is 3 (x^2 + deviation^2)."""
    cube = layers.Activation(lambda x: x**3)
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), cube, layers.Dense(1)])
    model.set_weights([np.ones((16, 1)), np.zeros(1)])
    x = np.linspace(-1, 1, 16, dtype="float32").reshape(1, 4, 4, 1)
    found = smoothgrad(model, x, samples=4000, noise=0.2, reduce=None)
    np.testing.assert_allclose(found, 3 * (x**2 + 0.4**2), atol=0.12)


def test_smoothgrad_takes_other_noise_from_another_seed(model):
    one, other = (smoothgrad(model, IMAGES[:1], target=2, seed=seed, **QUICK[smoothgrad]) for seed in (1, 2))
    assert np.abs(one - other).max() > 0.01


BASELINES = {
    "number": (0.5, np.float32(0.5)),
    "mean": ("mean", X.mean(axis=(1, 2), keepdims=True)),
    "blur": ("blur", np.stack([cv2.GaussianBlur(one, (0, 0), 0.7) for one in X])),
    "colour": ([0.1, 0.2, 0.3], np.array([0.1, 0.2, 0.3], "float32")),
    "picture": (X[0], X[0]),
    "each": (X[::-1], X[::-1]),
}


@pytest.mark.parametrize("kind", BASELINES)
def test_integrated_gradients_of_a_linear_network_are_weights_times_the_way_from_the_baseline(kind):
    baseline, start = BASELINES[kind]
    found, gap = integrated_gradients(
        linear(WEIGHTS, "softmax"), X, target=1, baseline=baseline, steps=3, reduce=None, return_gap=True
    )
    np.testing.assert_allclose(found, WEIGHTS[..., 1] * (X - start), atol=1e-5)
    assert gap.shape == (2,)
    assert gap.max() < 1e-4


def test_integrated_gradients_are_complete(model):
    x, classes = pictures(16), np.arange(16) % 5
    values, gap = integrated_gradients(model, x, target=classes, reduce=None, return_gap=True)
    scores = flat(None)[0].predict(np.concatenate([x, x * 0]), verbose=0)
    difference = (scores[:16] - scores[16:])[np.arange(16), classes]
    total = values.sum(axis=(1, 2, 3))
    parts = np.abs(values).sum(axis=(1, 2, 3))
    assert np.median(np.abs(total / difference - 1)) < 0.01
    np.testing.assert_allclose(gap, np.abs(total - difference) / np.maximum(np.abs(difference), parts / 100), atol=1e-4)


def test_integrated_gradients_follow_the_gradient_all_the_way(model):
    """The sum at 200 points, computed by the backend's own autodiff."""
    scores = flat(None)[0]
    x, start = IMAGES[:1], 0.25
    points = (np.arange(200, dtype="float32") + 0.5) / 200
    way = start + (x - start) * points[:, None, None, None]
    expected = plain_gradient(scores, way, np.full(200, 2)).mean(axis=0) * (x[0] - start)
    found = integrated_gradients(model, x, target=2, baseline=start, steps=200, reduce=None)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_too_few_steps_are_warned_of():
    model = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(1, activation="relu")])
    model.set_weights([np.ones((4, 1)), np.array([-3.0])])  # nothing until 3/4 of the way
    x = np.ones((2, 2, 2, 1), "float32")
    with pytest.warns(UserWarning, match="image 0: .* by 33%, and 1 more; give more steps than 3") as caught:
        _, gap = integrated_gradients(model, x, steps=3, return_gap=True)
    assert __file__ in {one.filename for one in caught}
    np.testing.assert_allclose(gap, 1 / 3, atol=1e-5)
    found, gap = integrated_gradients(model, x, steps=100, reduce="sum", normalize=False, return_gap=True)
    np.testing.assert_allclose(found, 0.25, atol=1e-6)
    assert gap.max() < 1e-5


def test_evidence_that_cancels_is_no_gap():
    weights = np.stack([np.ones((4, 4, 1)), -np.ones((4, 4, 1))], axis=1).reshape(4, 8, 1, 1).astype("float32")
    _, gap = integrated_gradients(linear(weights), np.full((1, 4, 8, 1), 1 / 3), return_gap=True)
    assert gap[0] < 1e-4


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (3, 2), ((2, 4), (2, 3)), (6, 6), (1, None)])
def test_occlusion_of_a_linear_network_is_the_covered_scores_mean(size, stride):
    options = {"size": size, "stride": stride, "fill": 0.25, "normalize": False, "batch_size": 5}
    found = occlusion(linear(WEIGHTS), X, target=1, **options)
    (height, width) = (size, size) if isinstance(size, int) else size
    (down, right) = stride if isinstance(stride, tuple) else (stride or 1, stride or 1)
    drop = (WEIGHTS[..., 1] * (X - 0.25)).sum(axis=-1)
    total, count = np.zeros((2, 6, 7)), np.zeros((6, 7))
    for top in {*range(0, 6 - height, down), 6 - height}:
        for left in {*range(0, 7 - width, right), 7 - width}:
            window = np.s_[top : top + height, left : left + width]
            total[:, *window] += drop[:, *window].sum(axis=(1, 2), keepdims=True)
            count[window] += 1
    assert count.min() > 0
    np.testing.assert_allclose(found, total / count, atol=1e-4)


def test_occlusion_tells_what_speaks_against_a_class():
    weights = np.zeros((8, 8, 1, 1), "float32")
    weights[1, 1], weights[6, 6] = 2, -1
    x = np.ones((1, 8, 8, 1), "float32")
    options = {"size": 1, "fill": 0.0}
    signed = occlusion(linear(weights), x, evidence="both", **options)
    np.testing.assert_array_equal(signed[0], weights[..., 0, 0] / 2)
    np.testing.assert_array_equal(occlusion(linear(weights), x, **options), signed.clip(0))
    against = occlusion(linear(weights), x, evidence="against", **options)
    np.testing.assert_array_equal(against, -2 * signed.clip(None, 0))


@pytest.mark.parametrize("method", [occlusion, rise])
def test_covering_a_picture_of_one_colour_by_it_finds_nothing(method, model):
    with pytest.warns(UserWarning, match=f"{method.__name__}: image 0: ") as caught:
        found = method(model, np.full((1, 32, 32, 3), 0.3), target=0, **QUICK[method])
    assert __file__ in {one.filename for one in caught}
    np.testing.assert_array_equal(found, 0)


def _second(outputs):
    return outputs[:, 1]


def test_rise_is_the_mean_score_over_the_masks_that_show_a_pixel():
    """Of a network that gives one pixel: E[m m'] / E[m] is p where masks are independent, and more at the pixel."""
    weights = np.zeros((24, 24, 1, 2), "float32")
    weights[6, 17, 0, 1] = 1
    x = np.ones((1, 24, 24, 1), "float32")
    raw = rise(linear(weights), x, target=_second, grid=6, probability=0.3, fill=0.0, masks=3000, normalize=False)[0]
    far = np.hypot(*(np.mgrid[:24, :24] - np.array([6, 17])[:, None, None])) > 12
    np.testing.assert_allclose(raw[far], 0.3, atol=0.03)
    assert np.hypot(*(np.array(np.unravel_index(raw.argmax(), raw.shape)) - (6, 17))) < 1.5
    assert raw.max() > 0.5


def test_rise_is_greatest_where_the_class_is():
    weights = np.zeros((28, 28, 3, 2), "float32")
    weights[4:12, 16:24, :, 1] = 0.1
    x = np.ones((2, 28, 28, 3), "float32")
    found = rise(linear(weights, "softmax"), x, target=1, fill=0.0, masks=500)
    np.testing.assert_array_equal(found.min(axis=(1, 2)), 0)
    y, right = np.unravel_index(found[0].argmax(), (28, 28))
    assert 4 <= y < 12
    assert 16 <= right < 24
    assert found[0, 4:12, 16:24].mean() > found[0].mean() + 0.3
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_rise_takes_other_masks_from_another_seed(model):
    one, other = (rise(model, IMAGES[:1], target=2, seed=seed, **QUICK[rise]) for seed in (1, 2))
    assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_rounds_hold_every_variant_once_and_no_more_than_fit(count):
    probe = Probe("test", linear(WEIGHTS), np.repeat(X[:1], count, axis=0))
    for number in (1, 5, 8, 25):
        made = list(variants.rounds(probe, number, batch_size=8, verbose=0))
        assert {len(numbers) for numbers, _ in made} == {len(made[0][0])}
        assert len(made[0][0]) * min(count, 8) <= 8
        met = np.concatenate([numbers[counts > 0] for numbers, counts in made])
        np.testing.assert_array_equal(met, np.arange(number))


def test_long_work_shows_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(variants, "_SHORT", 0.0)
    options = {"size": 2, "target": 0, "batch_size": 4}
    occlusion(linear(WEIGHTS), X, verbose=0, **options)
    assert not capsys.readouterr().out
    occlusion(linear(WEIGHTS), X, **options)
    assert "14/14" in capsys.readouterr().out


BAD = {
    "samples": (smoothgrad, {"samples": 0}, "samples to be an integer of at least 1"),
    "noise": (smoothgrad, {"noise": -0.1}, "noise to be at least 0"),
    "seed": (smoothgrad, {"seed": -1}, "seed to be an integer of at least 0"),
    "reduce": (smoothgrad, {"reduce": "mean"}, "reduce to be one of"),
    "steps": (integrated_gradients, {"steps": 2.5}, "steps to be an integer"),
    "baseline": (integrated_gradients, {"baseline": "black"}, "baseline to be a number, 'mean', 'blur', or an array"),
    "baseline shape": (integrated_gradients, {"baseline": np.zeros((5, 5, 3))}, r"\(3, 32, 32, 3\), got float64 of"),
    "baseline NaN": (integrated_gradients, {"baseline": np.nan}, "baseline to be finite"),
    "return_gap": (integrated_gradients, {"return_gap": 1}, "return_gap to be True or False"),
    "size": (occlusion, {"size": 33}, "size to be at most 32 x 32"),
    "sizes": (occlusion, {"size": (1, 2, 3)}, "size to be one integer or two"),
    "stride": (occlusion, {"size": 4, "stride": 5}, "stride to be at most size, 4 x 4, got 5"),
    "evidence": (occlusion, {"evidence": "pro"}, "evidence to be one of 'for', 'against', 'both'"),
    "fill": (occlusion, {"fill": None}, "fill to be a number"),
    "masks": (rise, {"masks": 0}, "masks to be an integer"),
    "grid": (rise, {"grid": 0}, "grid to be an integer"),
    "probability": (rise, {"probability": 0}, "probability to be above 0"),
    "probability 1": (rise, {"probability": 1}, r"probability to be in \[0, 1\)"),
    "verbose": (rise, {"verbose": "yes"}, "verbose to be 0 or 1"),
    "batch_size": (rise, {"batch_size": 0}, "batch_size to be an integer of at least 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_clear_error(case, model):
    method, options, message = BAD[case]
    with pytest.raises(vk.ArgumentError, match=f"^{method.__name__}: expected .*{message}"):
        method(model, IMAGES, **options)
