"""Several models that answer as one, and several that become one."""

import gc
import itertools

import keras
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from visionkit import ArgumentError, FileError, ModelError
from visionkit.train.data.arrays import from_arrays
from visionkit.train.ensemble import Ensemble
from visionkit.train.evaluation.evaluate import evaluate
from visionkit.train.soup import average_weights
from visionkit.train.tta import predict_tta

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(37, 5)).astype("float32"), RNG.integers(0, 3, 37)


def net(seed=0, *, classes=3, activation=None, size=(5,), width=8, name=None):
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input(size)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(width)(x) if width else x
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation("relu")(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation=activation)(x), name=name or f"net_{seed}")


def said(model, x=X):
    """Class probabilities, by Keras and SciPy."""
    return softmax(keras.ops.convert_to_numpy(model(x, training=False)).astype(float), axis=1)


@pytest.mark.parametrize("weights", [None, [1, 1, 2], np.array([0.5, 0.0, 0.5])])
def test_the_answer_is_the_weighted_mean_of_the_probabilities(weights):
    models = [net(seed) for seed in range(3)]
    expected = np.average([said(model) for model in models], axis=0, weights=weights)
    ensemble = Ensemble(models, weights=weights)
    np.testing.assert_allclose(ensemble.predict(X, batch_size=10, verbose=0), expected, atol=1e-6)
    assert ensemble.weights.sum() == pytest.approx(1)


def test_logits_are_turned_to_probabilities_before():
    probable = net(1, activation="softmax")
    found = Ensemble([net(0), probable]).predict(X, verbose=0)
    direct = keras.ops.convert_to_numpy(probable(X, training=False))
    np.testing.assert_allclose(found, (said(net(0)) + direct) / 2, atol=1e-6)


@pytest.mark.parametrize("data", [(X, Y), from_arrays(X, Y, batch_size=8, shuffle=True), from_arrays(X, batch_size=50)])
def test_the_answer_is_in_the_order_of_the_source(data):
    np.testing.assert_allclose(Ensemble([net(4)]).predict(data, verbose=0), said(net(4)), atol=1e-6)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    paths = [folder / f"{seed}.keras" for seed in range(3)]
    for seed, path in enumerate(paths):
        net(seed, size=(4, 4, 1), name=f"from_file_{seed}").save(path)
    return paths


def test_models_come_from_files_and_only_one_is_in_memory(files):
    x = RNG.normal(size=(9, 4, 4, 1)).astype("float32")
    seen = []

    def look(images):
        gc.collect()
        models = [one for one in gc.get_objects() if issubclass(type(one), keras.Model)]
        seen.append([one.name for one in models if "from_file" in one.name])
        return images

    found = predict_tta(Ensemble(files), x, views=[look], verbose=0)
    np.testing.assert_allclose(found, np.mean([said(net(s, size=(4, 4, 1)), x) for s in range(3)], axis=0), atol=1e-6)
    assert seen == [["from_file_0"], ["from_file_1"], ["from_file_2"]]


def test_an_ensemble_is_evaluated_as_a_model_is():
    models = [net(seed) for seed in range(2)]
    report = evaluate(Ensemble(models), (X, Y), verbose=0)
    assert report.accuracy == (np.mean([said(model) for model in models], axis=0).argmax(axis=1) == Y).mean()


def test_progress_goes_over_all_models(capsys):
    Ensemble([net(0), net(1)]).predict(X, batch_size=10)
    assert "8/8" in capsys.readouterr().out


class Fixed(keras.layers.Layer):
    """Probabilities that are looked up by the sample."""

    def __init__(self, table):
        super().__init__()
        self.table = table.astype("float32")

    def call(self, x):
        return keras.ops.take(keras.ops.convert_to_tensor(self.table), keras.ops.cast(x[:, 0], "int32"), axis=0)


@pytest.mark.parametrize("sure", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.1), (0.0, 0.0, 5.0)])
def test_the_weights_of_the_least_log_loss_are_found(sure):
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 4, 200)
    tables = []
    for strength in sure:
        logits = rng.normal(size=(200, 4))
        logits[np.arange(200), truth] += strength
        tables.append(softmax(logits, axis=1))
    models = [keras.Sequential([keras.Input((1,)), Fixed(table)]) for table in tables]
    ensemble = Ensemble.tune(models, (np.arange(200)[:, None], truth), verbose=0)
    own = np.stack([table[np.arange(200), truth] for table in tables], axis=1)

    def loss(weights):
        return -np.log(own @ weights).mean()

    start = np.full(3, 1 / 3)
    best = minimize(loss, start, bounds=[(0, 1)] * 3, constraints={"type": "eq", "fun": lambda w: w.sum() - 1})
    assert loss(ensemble.weights) <= best.fun + 1.1e-4
    assert loss(ensemble.weights) <= loss(start)


@pytest.mark.parametrize(
    ("models", "weights", "error", "message"),
    [
        ([], None, ArgumentError, "at least one"),
        (net(0), None, ArgumentError, "give a list"),
        ("model.keras", None, ArgumentError, "give a list"),
        (["nowhere.keras"], None, FileError, "no such file"),
        ([net(0), "nowhere.keras"], None, FileError, "no such file"),
        ([net(0), np.zeros(3)], None, ModelError, "Keras models or paths"),
        ([net(0), net(1)], [1], ArgumentError, "weights for 2 models"),
        ([net(0), net(1)], [1, -1], ArgumentError, "at least 0"),
        ([net(0), net(1)], [0, 0], ArgumentError, "not all of them 0"),
        ([net(0), net(1)], [1, np.nan], ArgumentError, "at least 0"),
        ([net(0), net(1)], ["a", "b"], ArgumentError, "weights for 2 models"),
        ([net(0), net(1, classes=4)], None, ModelError, "same classes.*'net_0' and .*'net_1'"),
        ([net(0), net(1, size=(6,))], None, ModelError, r"one size, got \(5,\) for 'net_0' and \(6,\) for 'net_1'"),
    ],
)
def test_models_that_cannot_answer_together_are_an_error(models, weights, error, message):
    with pytest.raises(error, match=message):
        Ensemble(models, weights=weights)


def test_files_that_do_not_fit_each_other_are_an_error(files, tmp_path):
    x = np.zeros((2, 4, 4, 1))
    net(9, size=(4, 4, 1), classes=5).save(tmp_path / "five.keras")
    with pytest.raises(ModelError, match=r"got 3 of the first and 5 of '.*five\.keras'"):
        Ensemble([files[0], tmp_path / "five.keras"]).predict(x, verbose=0)
    with pytest.raises(ModelError, match=r"got 3 of the first and 5 of '.*five\.keras'"):
        Ensemble.tune([files[0], tmp_path / "five.keras"], (x, [0, 1]), verbose=0)
    (tmp_path / "broken.keras").write_bytes(files[0].read_bytes()[:500])
    with pytest.raises(FileError, match=r"broken\.keras"):
        Ensemble([tmp_path / "broken.keras"]).predict(x, verbose=0)
    with pytest.raises(ModelError, match="samples"):
        Ensemble(files).predict(np.zeros((2, 5, 4, 1)), verbose=0)


def test_the_mean_of_weights_is_that_of_numpy(tmp_path):
    models = [net(seed) for seed in range(3)]
    for seed, model in enumerate(models):  # other statistics than the first ones
        rng = np.random.default_rng(seed)
        model.set_weights([weight + rng.random(weight.shape) for weight in model.get_weights()])
    before = [model.get_weights() for model in models]
    models[1].save(tmp_path / "second.keras")
    mean = average_weights([models[0], tmp_path / "second.keras", models[2]])
    for found, *given in zip(mean.get_weights(), *before, strict=True):
        np.testing.assert_allclose(found, np.mean(given, axis=0), rtol=1e-6)
    assert mean not in models
    for model, weights in zip(models, before, strict=True):
        for now, then in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(now, then)


def test_the_mean_of_one_model_is_that_model():
    np.testing.assert_allclose(said(average_weights([net(3)])), said(net(3)), atol=1e-6)


def test_what_is_trained_and_how_it_began_may_differ():
    one, other = net(0), net(1)
    other.trainable = False
    other.layers[2].kernel_initializer = keras.initializers.Zeros()
    assert average_weights([one, other]).count_params() == one.count_params()


def gelu():
    model = net(1)
    model.layers[-2].activation = keras.activations.gelu
    return model


def shapeless(seed):
    """Layers whose configurations agree, on inputs that do not."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 3 + seed))
    return model


class Subclassed(keras.Model):
    """A model that does not tell how it is made."""

    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def subclassed():
    model = Subclassed(3)
    model(X)
    return model


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (net(0), net(1, width=9), "got 8 in 'net_0' and 9 in 'net_1' for .*units"),
        (net(0), net(1, width=0), "got '?Dense'? in 'net_0'"),
        (net(0), gelu(), "'relu' in 'net_0' and 'gelu' in 'net_1'"),
        (shapeless(0), shapeless(1), r"got \(3, 2\) .* and \(4, 2\)|got 3 in .* and 4 in"),
    ],
)
def test_models_of_other_architectures_are_not_averaged(one, other, message):
    for models in itertools.permutations([one, other]):
        if models[0] is one:
            with pytest.raises(ModelError, match=message):
                average_weights(models)
        else:
            with pytest.raises(ModelError, match="Ensemble averages what they predict"):
                average_weights(models)


def test_a_model_that_cannot_be_made_anew_is_an_error():
    with pytest.raises(ModelError, match="configuration"):
        average_weights([subclassed(), subclassed()])
