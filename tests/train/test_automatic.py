import keras
import numpy as np
import pytest

from tests.train.small import small_model
from visionkit import ModelError
from visionkit.blocks import ClassifierHead
from visionkit.models import lenet5
from visionkit.train.loop.automatic import loss_and_metrics
from visionkit.train.loop.head import head

x = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype("float32")
INTEGERS = np.array([0, 1, 2, 0, 1, 2])
ONE_OF_THREE = np.eye(3)[INTEGERS]
ZERO_ONE = np.array([0, 1, 0, 1, 1, 0])


@pytest.mark.parametrize(
    ("outputs", "activation", "labels", "loss", "logits"),
    [
        (3, "softmax", INTEGERS, keras.losses.SparseCategoricalCrossentropy, False),
        (3, None, INTEGERS, keras.losses.SparseCategoricalCrossentropy, True),
        (3, "softmax", INTEGERS[:, None], keras.losses.SparseCategoricalCrossentropy, False),
        (3, "softmax", ONE_OF_THREE, keras.losses.CategoricalCrossentropy, False),
        (3, None, ONE_OF_THREE, keras.losses.CategoricalCrossentropy, True),
        (3, "softmax", 0.9 * ONE_OF_THREE + 0.1 / 3, keras.losses.CategoricalCrossentropy, False),
        (1, "sigmoid", ZERO_ONE, keras.losses.BinaryCrossentropy, False),
        (1, None, ZERO_ONE, keras.losses.BinaryCrossentropy, True),
        (3, "sigmoid", np.stack([ZERO_ONE] * 3, 1), keras.losses.BinaryCrossentropy, False),
        (1, None, np.linspace(-1, 1, 6), keras.losses.MeanSquaredError, None),
        (3, None, np.linspace(-1, 1, 18).reshape(6, 3), keras.losses.MeanSquaredError, None),
    ],
)
def test_loss_and_metric_fit_head_and_labels(outputs, activation, labels, loss, logits):
    found, [metric] = loss_and_metrics(small_model(outputs, activation=activation), x, labels)
    assert type(found) is loss
    assert getattr(found, "from_logits", None) == logits
    outputs = small_model(outputs, activation=activation)(x)
    expected = np.reshape(labels, (6, -1)) if outputs.shape[1] == 1 or np.ndim(labels) == 2 else labels
    assert np.isfinite(keras.ops.convert_to_numpy(found(expected, outputs)))
    metric.update_state(expected, outputs)
    assert np.isfinite(float(metric.result()))


def test_accuracy_of_logits_is_that_of_their_signs():
    _, [metric] = loss_and_metrics(small_model(1, activation=None), x, ZERO_ONE)
    metric.update_state(np.array([[0.0], [1.0]]), np.array([[-0.1], [0.1]]))
    assert float(metric.result()) == 1


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (lambda: small_model(3), "softmax"),
        (lambda: small_model(3, activation=None), "linear"),
        (lambda: keras.Sequential([keras.Input((8, 8, 1)), small_model(1, activation="sigmoid")]), "sigmoid"),
        (lambda: keras.Sequential([keras.Input((8, 8, 1)), ClassifierHead(5)]), "softmax"),
        (lambda: keras.Sequential([keras.Input((8, 8, 1)), ClassifierHead(5, activation=None)]), "linear"),
        (lambda: keras.Sequential([small_model(3, activation=None), keras.layers.Softmax()]), "softmax"),
        (lambda: keras.Sequential([small_model(3, activation=None), keras.layers.Activation("tanh")]), "linear"),
    ],
)
def test_the_last_activation_is_found_inside_models_and_blocks(model, kind):
    assert head(model(), x) == kind


def test_a_subclassed_model_is_judged_by_its_outputs():
    class Own(keras.Model):
        def __init__(self, activation):
            super().__init__()
            self.inner = small_model(4, activation=activation)

        def call(self, inputs):
            return self.inner(inputs)

    for activation in ("softmax", "sigmoid", "linear"):
        own = Own(activation)
        assert head(own, 5 * x) == activation


def test_the_models_of_this_package_are_classifiers():
    assert head(lenet5(classes=7), np.zeros((1, 32, 32, 1))) == "softmax"


@pytest.mark.parametrize(
    ("outputs", "activation", "labels", "message"),
    [
        (3, "softmax", np.array([0, 1, 3]), "from 0 to 2 for this model, got 3"),
        (3, "softmax", np.array([0, -1, 2]), "got -1"),
        (1, "sigmoid", np.array([0, 1, 2]), "from 0 to 1 for this model, got 2"),
        (3, "softmax", np.zeros((3, 5)), "no loss is known"),
        (3, "softmax", np.array([0.5, 1.5, 2.5]), "no loss is known"),
    ],
)
def test_labels_that_do_not_fit(outputs, activation, labels, message):
    with pytest.raises(ModelError, match=message):
        loss_and_metrics(small_model(outputs, activation=activation), x[:3], labels)


def test_several_outputs_need_a_loss():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(2)(inputs)])
    with pytest.raises(ModelError, match="give loss="):
        loss_and_metrics(model, np.zeros((2, 4)), np.zeros(2))
