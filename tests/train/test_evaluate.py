"""Evaluation: scikit-learn's numbers, whatever gives the samples and in whatever form the model answers."""

import warnings

import keras
import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from visionkit import ArgumentError, ImageError, ModelError
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.dataset import Dataset
from visionkit.train.evaluation.evaluate import evaluate


def drawn(samples, classes, *, seed=0, truth=None, sure=1.0):
    """Probabilities and true classes that agree better than chance."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, samples) if truth is None else np.asarray(truth)
    logits = rng.normal(size=(samples, classes)) * sure
    logits[np.arange(samples), truth] += 1.0
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True), truth


def never_predicted():
    found, truth = drawn(300, 7)
    found[:, 2] = 0
    return found / found.sum(axis=1, keepdims=True), truth


def nothing_right():
    found, truth = drawn(40, 3)
    found[np.arange(40), truth] = 0
    return found / found.sum(axis=1, keepdims=True), truth


CASES = {
    "random": drawn(1000, 10),
    "two classes": drawn(200, 2),
    "a class that is never predicted": never_predicted(),
    "a class that is absent from the truth": drawn(300, 7, truth=np.arange(300) % 6),
    "one class alone in the truth": drawn(50, 4, truth=np.zeros(50, int)),
    "one sample": drawn(1, 6),
    "all right and certain": (np.eye(8)[np.arange(40) % 8], np.arange(40) % 8),
    "nothing right": nothing_right(),
    "all classes as probable": (np.full((60, 8), 1 / 8), np.arange(60) % 8),
    "more classes than samples": drawn(30, 100),
}
cases = pytest.mark.parametrize(("found", "truth"), CASES.values(), ids=CASES)


def report_of(found, truth, **options):
    return evaluate(found, (np.zeros((len(truth), 1)), truth), **options)


@cases
def test_the_scores_are_those_of_scikit_learn(found, truth):
    report = report_of(found, truth)
    predicted, labels = found.argmax(axis=1), range(found.shape[1])
    assert report.accuracy == metrics.accuracy_score(truth, predicted)
    np.testing.assert_array_equal(report.confusion, metrics.confusion_matrix(truth, predicted, labels=labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of rounding in the sum of a row
        expected = metrics.log_loss(truth, report.probabilities, labels=labels)
    assert report.log_loss == pytest.approx(expected, rel=1e-12, abs=1e-14)
    for average, rows in ((None, report.by_class), ("macro", [report.mean]), ("weighted", [report.weighted_mean])):
        theirs = metrics.precision_recall_fscore_support(
            truth, predicted, labels=labels, average=average, zero_division=0
        )
        for part, values in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
            if values is not None:  # a mean has no support there
                np.testing.assert_allclose([getattr(row, part) for row in rows], np.atleast_1d(values), rtol=1e-12)
    if len(labels) > 5:
        assert report.top5 == metrics.top_k_accuracy_score(truth, report.probabilities, k=5, labels=labels)
    else:
        assert report.top5 is None


@cases
def test_the_table_says_what_the_classification_report_says(found, truth):
    labels = range(found.shape[1])
    theirs = metrics.classification_report(
        truth, found.argmax(axis=1), labels=labels, digits=4, zero_division=0, output_dict=True
    )
    names = [str(label) for label in labels]
    ours = {row[0]: row[1:] for row in report_of(found, truth).table().rows}
    for name in names:
        expected = [f"{theirs[name][part]:.4f}" for part in ("precision", "recall", "f1-score")]
        shown = [text if text != "-" else "0.0000" for text in ours[name][:3]]
        assert shown == expected
        assert ours[name][3] == f"{theirs[name]['support']:,.0f}"


@cases
def test_the_bins_of_calibration_are_those_of_scikit_learn(found, truth):
    report = report_of(found, truth)
    right = found.argmax(axis=1) == truth
    accuracy, confidence = calibration_curve(right, report.confidence, n_bins=15, strategy="uniform", pos_label=True)
    filled = [one for one in report.calibration.bins if one.samples]
    np.testing.assert_allclose([one.accuracy for one in filled], accuracy)
    np.testing.assert_allclose([one.confidence for one in filled], confidence)
    weights = [one.samples for one in filled]
    assert sum(weights) == len(truth)
    assert report.calibration.error == pytest.approx(np.average(np.abs(accuracy - confidence), weights=weights))


def test_the_expected_calibration_error_by_hand():
    # Guo et al. 2017, equation 3: four samples at .95 of which one is right, one at .55 that is
    found = np.array([[0.95, 0.05]] * 4 + [[0.45, 0.55]])
    report = report_of(found, [0, 1, 1, 1, 1])
    assert report.calibration.error == pytest.approx((4 * abs(0.95 - 0.25) + abs(0.55 - 1)) / 5)


def test_of_classes_as_probable_the_first_is_predicted_and_the_five_last_are_on_top_as_in_scikit_learn():
    report = report_of(np.full((8, 8), 1 / 8), np.arange(8))
    assert report.predicted.tolist() == [0] * 8
    assert report.top5 == 5 / 8


def test_pairs_of_classes_come_by_how_often_they_are_confused():
    found = np.eye(3)[[1, 1, 1, 2, 0, 0, 2]] * np.array([0.6, 0.9, 0.7, 0.8, 0.9, 0.9, 1])[:, None] + 0.05
    report = report_of(found / found.sum(axis=1, keepdims=True), [0, 0, 0, 0, 1, 0, 2], classes=["a", "b", "c"])
    assert [(pair.truth, pair.predicted, pair.times) for pair in report.confused] == [
        ("a", "b", 3),
        ("a", "c", 1),
        ("b", "a", 1),
    ]
    assert report.confused[0].numbers.tolist() == [1, 2, 0]
    assert report.confused[0].share == pytest.approx(3 / 5)
    assert report.mistakes.tolist() == [1, 4, 3, 2, 0]


def dense(*units, activation=None, size=(6,), seed=0):
    keras.utils.set_random_seed(seed)
    head = keras.layers.Dense(units[-1], activation=activation, kernel_initializer="glorot_normal")
    body = [keras.layers.Dense(unit, "relu") for unit in units[:-1]]
    return keras.Sequential([keras.Input(size), keras.layers.Flatten(), *body, head], name="small")


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    return rng.normal(size=(53, 6)).astype("float32"), rng.integers(0, 3, 53)


@pytest.mark.parametrize("activation", ["softmax", None])
def test_a_softmax_and_logits_give_the_same_report(samples, activation):
    x, y = samples
    report = evaluate(dense(8, 3, activation=activation), samples, verbose=0)
    logits = keras.ops.convert_to_numpy(dense(8, 3)(x)).astype(float)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(report.probabilities, expected, atol=1e-6)
    assert report.accuracy == metrics.accuracy_score(y, logits.argmax(axis=1))


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_unit_tells_two_classes(samples, activation):
    x, y = samples[0], samples[1] % 2
    report = evaluate(dense(8, 1, activation=activation), (x * 1e-2, y), verbose=0)
    second = 1 / (1 + np.exp(-keras.ops.convert_to_numpy(dense(8, 1)(x * 1e-2)).astype(float)[:, 0]))
    np.testing.assert_allclose(report.probabilities, np.stack([1 - second, second], axis=1), atol=1e-6)
    assert report.log_loss == pytest.approx(metrics.log_loss(y, second), rel=1e-5)


def test_the_form_of_the_outputs_can_be_said():
    outputs = np.array([[0.2], [0.9]])  # of a single unit: probabilities, or small logits
    assert report_of(outputs, [0, 1]).probabilities[:, 1].tolist() == [0.2, 0.9]
    told = report_of(outputs, [0, 1], from_logits=True).probabilities[:, 1]
    np.testing.assert_allclose(told, 1 / (1 + np.exp([-0.2, -0.9])))
    with pytest.raises(ModelError, match="from_logits=True"):
        report_of(np.array([[0.5, 0.6]]), [0], from_logits=False)


def test_rounded_probabilities_of_16_bits_are_probabilities():
    found = drawn(20, 50)[0].astype(np.float16)
    np.testing.assert_allclose(report_of(found, [0] * 20).probabilities, found, rtol=1e-2)


@pytest.mark.parametrize("labels", ["integers", "column", "floats", "one-hot"])
@pytest.mark.parametrize("shuffle", [False, True, None])
def test_whatever_gives_the_samples_the_report_is_in_their_order(samples, labels, shuffle):
    x, y = samples
    forms = {"integers": y, "column": y[:, None], "floats": y.astype(float), "one-hot": np.eye(3)[y]}
    data = x, forms[labels]
    if shuffle is not None:
        data = from_arrays(*data, batch_size=16, shuffle=shuffle, seed=3)
    model = dense(8, 3)
    report = evaluate(model, data, verbose=0)
    assert report.truth.tolist() == y.tolist()
    expected = keras.ops.convert_to_numpy(model(x)).argmax(axis=1)
    assert report.predicted.tolist() == expected.tolist()
    assert report.names == tuple(f"sample {number}" for number in range(53))
    assert report.model == "small"


class Loaded:
    """A model of another framework."""

    def predict(self, x):
        return np.stack([1 - x[:, 0], x[:, 0]], axis=1)


def test_whatever_predicts_is_evaluated():
    x = np.array([[0.2], [0.7], [0.9]])
    report = evaluate(Loaded(), (x, [0, 0, 1]), batch_size=2, verbose=0)
    np.testing.assert_allclose(report.probabilities[:, 1], x[:, 0], rtol=1e-6)


def test_names_come_from_the_data_or_from_the_call(samples):
    x, y = samples
    data = from_arrays(x, y, classes=["a", "b", "c"])
    assert evaluate(dense(3), data, verbose=0).classes == ("a", "b", "c")
    assert evaluate(dense(3), data, classes=["x", "y", "z"], verbose=0).classes == ("x", "y", "z")
    assert evaluate(dense(3), samples, verbose=0).classes == ("0", "1", "2")


class Files(Dataset):
    """Samples that are called as files are."""

    def __init__(self, names):
        super().__init__("test", samples=len(names), batch_size=2, shuffle=True, seed=0)
        self.files = names

    def name(self, number):
        return self.files[number]

    def _make(self, numbers, epoch):
        return np.zeros((len(numbers), 1), np.float32), np.zeros(len(numbers), np.int32)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["/a/b/cat/1.jpg", "/a/b/dog/1.jpg", "/a/b/2.jpg"], ("cat/1.jpg", "dog/1.jpg", "2.jpg")),
        (["/a/1.jpg", "/a/2.jpg"], ("1.jpg", "2.jpg")),
        (["a/1.jpg", "/a/2.jpg"], ("a/1.jpg", "/a/2.jpg")),
    ],
)
def test_paths_are_told_without_the_folder_that_they_share(names, shown):
    assert evaluate(np.tile([1.0, 0.0], (len(names), 1)), Files(names)).names == shown


def test_progress_is_seen(samples, capsys):
    evaluate(dense(3), samples, batch_size=10)
    assert "6/6" in capsys.readouterr().out
    evaluate(dense(3), samples, verbose=0)
    assert capsys.readouterr().out == ""


class Broken(Dataset):
    """Data whose last batch cannot be read."""

    def _make(self, numbers, epoch):
        if 9 in numbers:
            raise ImageError("photo.jpg is damaged")
        return np.zeros((len(numbers), 6), np.float32), np.zeros(len(numbers), np.int32)


def test_what_is_wrong_with_the_data_is_said_as_the_data_says_it():
    with pytest.raises(ImageError, match=r"^photo\.jpg is damaged$"):
        evaluate(dense(3), Broken("test", samples=10, batch_size=4, shuffle=False, seed=0), verbose=0)


def several_outputs():
    x = keras.Input((6,))
    return keras.Model(x, [keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)])


X, Y = np.zeros((4, 6), np.float32), np.array([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("model", "data", "options", "error", "message"),
    [
        (dense(3), X, {}, ArgumentError, "expected data with labels"),
        (dense(3), (X, Y + 1), {}, ArgumentError, "labels from 0 to 2.*got 3 for sample 2"),
        (dense(3), (X, Y - 1), {}, ArgumentError, "labels from 0 to 2.*got -1 for sample 0"),
        (dense(3), (X, Y[:3]), {}, ArgumentError, "each of the 4 samples"),
        (dense(3), (X, Y / 2), {}, ArgumentError, "integer labels"),
        (dense(3), (X, np.full((4, 3), 1 / 3)), {}, ArgumentError, "one-hot"),
        (dense(3), (X, ["a", "b", "c", "a"]), {}, ArgumentError, "numbers"),
        (dense(3), "photos", {}, ArgumentError, "from_directory"),
        (dense(3), (X[:, :5], Y), {}, ModelError, r"samples \(6,\) for the model 'small', got \(5,\)"),
        (dense(3), (X * np.nan, Y), {}, ArgumentError, "x to be finite"),
        (np.full((4, 3), np.nan), (X, Y), {}, ModelError, "finite outputs"),
        (dense(3), (X, Y), {"classes": ["a", "b"]}, ArgumentError, "3 classes"),
        (dense(3), (X, Y), {"classes": ["a", "b", "a"]}, ArgumentError, "name of its own"),
        (dense(3), (X, Y), {"batch_size": 0}, ArgumentError, "batch_size"),
        (dense(3), (X, Y), {"verbose": 3}, ArgumentError, "verbose"),
        (dense(3), (X, Y), {"from_logits": 1}, ArgumentError, "from_logits"),
        (dense(3), from_arrays(X, Y), {"batch_size": 8}, ArgumentError, "no batch_size"),
        (dense(3), from_arrays(X, Y, batch_size=3, drop_remainder=True), {}, ArgumentError, "all its 4 samples"),
        (dense(3, activation="sigmoid"), (X, Y), {}, ModelError, "sigmoid for each of 3 classes"),
        (several_outputs(), (X, Y), {}, ModelError, "2 outputs"),
        (keras.Sequential([keras.Input((6,)), keras.layers.Reshape((3, 2))]), (X, Y), {}, ModelError, "outputs"),
        (np.zeros((3, 3)), (X, Y), {}, ArgumentError, "outputs for 4 samples"),
        ("model.keras", (X, Y), {}, ModelError, "a keras.Model"),
    ],
)
def test_what_cannot_be_evaluated_is_said(model, data, options, error, message):
    with pytest.raises(error, match=message):
        evaluate(model, data, **{"verbose": 0} | options)
