"""Cascading randomisation: what is compared, what is changed meanwhile, and that all is as before afterwards."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from scipy.stats import spearmanr

from tests.explain.networks import FORMS, flat, given, pictures
from tests.explain.scenes import scenes, untrained
from visionkit._errors import ArgumentError, ModelError
from visionkit.explain.cam.gradcam import gradcam
from visionkit.explain.faithfulness.randomization import randomization
from visionkit.explain.faithfulness.ranks import spearman

IMAGES = pictures(3)
randomized = partial(randomization, verbose=0)


def brightness(model, images):
    return np.mean(images[0] if isinstance(images, list) else images, axis=-1)


def numbers(weight):
    return np.array(keras.ops.convert_to_numpy(weight))


@pytest.fixture(scope="module")
def trained(scene_network):
    """A copy of the network, of which the tests may change the weights."""
    model = untrained()
    model.set_weights(scene_network.get_weights())
    return model


def test_the_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(0)
    for values in (rng.random((2, 400)), rng.integers(0, 4, (2, 400)), rng.integers(0, 2, (2, 9)), -np.eye(2)):
        assert spearman(*values) == pytest.approx(spearmanr(*values).statistic, abs=1e-12)
    a, b = rng.random((2, 30, 30))
    assert spearman(a + b, np.maximum(a - 0.5, 0)) == pytest.approx(
        spearmanr((a + b).ravel(), np.maximum(a - 0.5, 0).ravel()).statistic
    )


def test_a_map_without_ranks_correlates_with_nothing():
    assert spearman(np.zeros(9), np.arange(9)) == 0


def test_gradcam_needs_what_was_learned(trained):
    images = scenes(16, seed=3).images
    found = randomized(trained, images, gradcam)
    assert found.layers == ("classes", "bn3", "conv3", "bn2", "conv2", "bn1", "conv1")
    assert found.correlations.shape == (7, 16)
    assert found.means[0] <= 0.5
    assert found.means[-1] <= 0.3


def test_eigencam_does_not_need_the_last_layer_and_brightness_needs_none(trained):
    images = scenes(4, seed=3).images
    eigen = randomized(trained, images, lambda model, x: gradcam(model, x, method="eigencam"), runs=1)
    assert eigen.means[0] == pytest.approx(1)
    assert eigen.means[-1] < 0.9
    np.testing.assert_allclose(randomized(trained, images, brightness, runs=1).correlations, 1)


def test_layers_lose_their_weights_one_after_the_other():
    model, _ = FORMS["blocks"]()
    before = {weight.path: numbers(weight) for weight in model.weights}
    changed = []

    def explain(model, images):
        now = {weight.path: numbers(weight) for weight in model.weights}
        changed.append([path for path, value in now.items() if not np.array_equal(value, before[path])])
        return brightness(model, images)

    found = randomized(model, IMAGES, explain, runs=2)
    ends = ["predictions", "conv3_bn", "conv3_conv", "conv2_bn", "conv2_conv", "conv1_bn", "conv1_conv"]
    assert [path.rpartition("/")[2] for path in found.layers] == ends
    assert changed[0] == []
    for run in (changed[1:8], changed[8:]):
        for number, paths in enumerate(run, start=1):
            assert {path.split("/")[-2] for path in paths} == set(ends[:number])


def test_new_weights_are_as_large_as_the_old_ones():
    model, _ = flat()
    kernel, norm = model.get_layer("conv3").kernel, model.get_layer("bn3")
    before, variances = numbers(kernel), numbers(norm.moving_variance)
    seen = []

    def explain(model, images):
        seen.append((numbers(kernel), numbers(norm.moving_variance)))
        return brightness(model, images)

    randomized(model, IMAGES, explain, runs=1)
    new, shuffled = seen[-1]
    assert np.sqrt(np.mean(new**2)) == pytest.approx(np.sqrt(np.mean(before**2)), rel=0.1)
    assert abs(spearman(new, before)) < 0.1
    np.testing.assert_array_equal(np.sort(shuffled), np.sort(variances))
    assert not np.array_equal(shuffled, variances)


@pytest.mark.parametrize("form", ["flat", "nested_twice", "sequential_in_functional", "subclassed", "shared"])
def test_the_model_is_exactly_as_it_was(form):
    model, _ = FORMS[form]()
    before, images = model.get_weights(), given(form, IMAGES)
    expected = keras.ops.convert_to_numpy(model(images))
    assert len(randomized(model, images, gradcam, runs=1).layers) == 7
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(images)), expected)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_and_also_after_an_exception(error):
    model, _ = flat()
    before, calls = model.get_weights(), []

    def explain(model, images):
        calls.append(images)
        if len(calls) == 4:
            raise error("enough")
        return brightness(model, images)

    with pytest.raises(error, match="enough"):
        randomized(model, IMAGES, explain)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_precisions_of_half_a_float_come_back_exactly():
    dense = layers.Dense(2, dtype="bfloat16", name="scores")
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.GlobalAveragePooling2D(), dense])
    before = keras.ops.convert_to_numpy(keras.ops.cast(dense.kernel, "float32"))
    randomized(model, IMAGES, brightness)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.ops.cast(dense.kernel, "float32")), before)


@keras.saving.register_keras_serializable("visionkit_tests")
class Scaled(layers.Layer):
    """A layer with a weight of its own and one inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(4, 3, name="inner")

    def build(self, shape):
        self.conv.build(shape)
        self.scale = self.add_weight(shape=(4,), initializer="random_normal", name="scale")

    def call(self, x):
        return self.conv(x) * self.scale


def test_weights_beside_layers_inside_and_frozen_ones_count():
    scaled = Scaled(name="outer", trainable=False)
    model = keras.Sequential([keras.Input((32, 32, 3)), scaled, layers.GlobalAveragePooling2D()])
    assert randomized(model, IMAGES, brightness).layers == ("outer", "outer/inner")


def test_the_class_is_the_same_all_the_way():
    model, _ = flat()
    classes = keras.ops.convert_to_numpy(model(IMAGES)).argmax(axis=1)
    asked = []

    def explain(model, images, *, target=None):
        asked.append(target)
        return brightness(model, images)

    randomized(model, IMAGES, explain, runs=1)
    assert len(asked) == 8
    np.testing.assert_array_equal(asked, np.tile(classes, (8, 1)))
    asked.clear()
    randomized(model, IMAGES, explain, target=2, runs=1)
    randomized(model, IMAGES, partial(explain, target=2), runs=1)
    assert np.all(np.concatenate(asked, axis=None) == 2)


def test_one_of_several_outputs():
    model, _ = FORMS["several_outputs"]()
    found = randomized(model, IMAGES, gradcam, output=0, runs=1)
    assert found.correlations.shape[1] == 3
    with pytest.raises(ArgumentError, match="2 outputs"):
        randomized(model, IMAGES, gradcam)


def test_the_seed_decides():
    model, _ = flat()
    first, again, other = (randomized(model, IMAGES, gradcam, seed=seed, runs=1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.correlations, again.correlations)
    assert not np.array_equal(first.correlations, other.correlations)


def test_what_is_printed_and_drawn(tmp_path, capsys):
    model, _ = flat()
    found = randomization(model, IMAGES, brightness, runs=1)
    assert "7/7" in capsys.readouterr().out
    assert str(found).splitlines() == [f"{name.ljust(6)}  1.000" for name in found.layers]
    figure = found.plot()
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["as trained", *found.layers]
    np.testing.assert_allclose(axes.get_lines()[-1].get_ydata(), 1)
    figure.savefig(tmp_path / "layers.png")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"explain": "gradcam"}, "explain"),
        ({"explain": lambda model, images: np.zeros((2, 8, 8))}, "a heatmap for each of 3 images, got 2"),
        ({"explain": lambda model, images: np.full((3, 8, 8), np.nan)}, "heatmap 0"),
        ({"explain": brightness, "runs": 0}, "runs"),
        ({"explain": brightness, "seed": 1.5}, "seed"),
        ({"explain": brightness, "target": 9}, "target"),
        ({"explain": brightness, "verbose": "yes"}, "verbose"),
    ],
)
def test_what_does_not_fit(options, told):
    with pytest.raises(ArgumentError, match=told):
        randomized(flat()[0], IMAGES, **options)


def test_a_model_without_weights():
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.GlobalAveragePooling2D()])
    with pytest.raises(ModelError, match="weights"):
        randomized(model, IMAGES, brightness)
