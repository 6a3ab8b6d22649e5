import keras
import numpy as np
import pytest
from keras import layers

from visionkit._errors import ArgumentError
from visionkit.blocks import BottleneckBlock, Stage
from visionkit.train.transfer.freezing import freeze, trainable, unfreeze


@keras.saving.register_keras_serializable("tests")
class Scaled(layers.Layer):
    """A block with a weight of its own beside its layers."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = layers.Dense(4, name=f"{self.name}_inner")
        self.norm = layers.BatchNormalization(name=f"{self.name}_bn")

    def build(self, shape):
        self.scale = self.add_weight(shape=(4,), initializer="ones", name="scale")
        self.inner.build(shape)
        self.norm.build((None, 4))

    def call(self, x, training=None):
        return self.norm(self.inner(x), training=training) * self.scale


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.one, self.two, self.head = Scaled(name="one"), Scaled(name="two"), layers.Dense(1, name="head")

    def call(self, x, training=None):
        return self.head(self.two(self.one(x, training=training), training=training))


def sequential():
    return keras.Sequential([keras.Input((4,)), Scaled(name="one"), Scaled(name="two"), layers.Dense(1, name="head")])


def functional():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(1, name="head")(Scaled(name="two")(Scaled(name="one")(inputs))))


def nested():
    inputs = keras.Input((4,))
    base = keras.Model(inputs, Scaled(name="two")(Scaled(name="one")(inputs)), name="base")
    return keras.Sequential([keras.Input((4,)), base, layers.Dense(1, name="head")])


def subclassed():
    model = Subclassed()
    model(np.zeros((1, 4), "float32"))
    return model


every_kind = pytest.mark.parametrize("make", [sequential, functional, nested, subclassed])


@pytest.fixture(scope="module")
def cats_and_dogs():
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(150, 150, 3))
    return keras.Sequential([base, layers.Flatten(), layers.Dense(256, "relu"), layers.Dense(1, "sigmoid")])


def moved(model, x):
    """The paths of the weights that a step of training changes."""
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = [weight.copy() for weight in model.get_weights()]
    model.fit(x, np.ones((len(x), 1), "float32"), verbose=0)
    after = zip(model.weights, before, model.get_weights(), strict=True)
    return {tuple(weight.path.split("/")[-2:]) for weight, old, new in after if not np.array_equal(old, new)}


def test_cats_and_dogs_has_30_tensors_and_then_4(cats_and_dogs):
    model, base = cats_and_dogs, cats_and_dogs.layers[0]
    assert model.count_params() == 16_812_353
    assert len(unfreeze(model).layers) == 15
    assert len(model.trainable_weights) == 30
    freeze(base)
    assert len(model.trainable_weights) == 4
    report = trainable(model)
    assert (report.tensors, report.all_tensors, report.parameters) == (4, 30, 16_812_353 - 14_714_688)


def test_fine_tuning_from_a_layer_of_the_base_is_that_of_the_book(cats_and_dogs):
    model, base = cats_and_dogs, cats_and_dogs.layers[0]
    freeze(base)
    report = unfreeze(model, "block5_conv1")
    training = {weight.path.split("/")[-2] for weight in model.trainable_weights}
    assert {name for name in training if "conv" in name} == {f"block5_conv{number}" for number in (1, 2, 3)}
    assert report.parameters == 3 * (9 * 512 * 512 + 512) + 2_097_665
    assert "10 of 30 weight tensors" in str(report)
    assert "block5_conv1 to dense" in str(report)
    assert freeze(model, until="block5_conv3").tensors == 6


@every_kind
def test_a_step_moves_what_is_not_frozen_and_nothing_else(make):
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    model = make()
    freeze(model)
    unfreeze(model, "two_inner")
    head = {("head", "kernel"), ("head", "bias")}
    inner = {("two_inner", "kernel"), ("two_inner", "bias")}
    assert moved(model, x) == head | inner
    unfreeze(model, "two")
    assert moved(model, x) == head | inner | {("two", "scale")}
    unfreeze(model, "one_bn", batch_norm=True)
    assert {layer for layer, _ in moved(model, x)} == {"one_bn", "two_inner", "two", "two_bn", "head"}


@every_kind
def test_frozen_normalisation_is_in_inference_mode(make):
    model = make()
    freeze(model)
    report = unfreeze(model)
    assert report.held == 2
    assert "2 BatchNormalization layers frozen, in inference mode" in str(report)
    x = np.random.default_rng(0).normal(3, 5, size=(8, 4)).astype("float32")
    same = [keras.ops.convert_to_numpy(model(x, training=training)) for training in (True, False)]
    np.testing.assert_array_equal(*same)
    assert unfreeze(model, batch_norm=True).held == 0
    assert not np.allclose(*[keras.ops.convert_to_numpy(model(x, training=training)) for training in (True, False)])


def test_normalisation_of_a_new_head_goes_on_training():
    inputs = keras.Input((4,))
    base = keras.Model(inputs, Scaled(name="one")(inputs), name="base")
    model = keras.Sequential([base, layers.BatchNormalization(name="new_bn"), layers.Dense(1)])
    freeze(base)
    assert unfreeze(model, "one_inner").held == 1
    assert model.get_layer("new_bn").trainable
    # where nothing was frozen, nothing tells a base from a head
    fresh = keras.Sequential([keras.Input((4,)), Scaled(name="one"), layers.BatchNormalization()])
    assert unfreeze(fresh).held == 2


def test_inner_layers_of_blocks_are_found():
    inputs = keras.Input((8, 8, 3))
    x = Stage(BottleneckBlock, 2, filters=4, name="conv4")(inputs)
    x = Stage(BottleneckBlock, 2, filters=4, name="conv5")(x)
    base = keras.Model(inputs, x, name="base")
    model = keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(2, name="head")])
    freeze(base)
    report = unfreeze(model, "conv5_block2_1_conv")
    assert {path.rpartition("/")[2] for path in report.layers} == {
        "conv5_block2_1_conv", "conv5_block2_2_conv", "conv5_block2_3_conv", "head"
    }  # fmt: skip
    assert unfreeze(model, "conv5").layers[0] == "base/conv5/conv5_block1/conv5_block1_1/conv5_block1_1_conv"
    assert unfreeze(model, model.layers[-1]).layers == ("head",)


def test_a_shared_layer_counts_where_it_first_comes():
    inputs, shared = keras.Input((4,)), layers.Dense(4, name="shared")
    tower = keras.Model(inputs, layers.Dense(4, name="last")(shared(inputs)), name="tower")
    model = keras.Model(inputs, tower(shared(inputs)))
    assert unfreeze(model).layers == ("shared", "tower/last")
    assert unfreeze(model, "last").layers == ("tower/last",)
    assert not shared.trainable


def test_freezing_goes_through_what_is_inside_already_frozen_shells():
    base = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="a"), layers.Dense(4, name="b")], name="base")
    model = keras.Sequential([base, layers.Dense(1, name="head")])
    base.trainable = False
    base.layers[0].trainable = True  # Keras trains it now, though base says that it is frozen
    assert trainable(model).layers == ("base/a", "head")
    freeze(base)
    assert trainable(model).layers == ("head",)
    model.trainable = True  # nothing changes for Keras on TensorFlow, as it is so already
    assert unfreeze(model).layers == ("base/a", "base/b", "head")


def test_freezing_never_unfreezes():
    model = functional()
    freeze(model.get_layer("two"))
    assert freeze(model, until="one_bn").layers == ("one/one_bn", "head")
    assert freeze(model, until="head").layers == ("head",)
    assert freeze(model).tensors == 0


def test_names_that_are_not_there_or_not_clear():
    model = keras.Sequential(
        [nested(), keras.Sequential([keras.Input((1,)), layers.Dense(1, name="head")], name="top")]
    )
    with pytest.raises(ArgumentError, match=r"did you mean 'two_inner'"):
        unfreeze(model, "two_iner")
    with pytest.raises(ArgumentError, match=r"'head', which is 'sequential.*/head', 'top/head'; give a path"):
        unfreeze(model, "head")
    assert unfreeze(model, "top/head").layers == ("top/head",)
    with pytest.raises(ArgumentError, match="a layer inside the model, got 'other'"):
        freeze(model, until=layers.Dense(1, name="other"))
    with pytest.raises(ArgumentError, match="a layer or its name, got 5"):
        unfreeze(model, 5)
    with pytest.raises(ArgumentError, match="expected a model or a layer of Keras, got 'base'"):
        freeze("base")
    with pytest.raises(ArgumentError, match="batch_norm to be True or False"):
        unfreeze(model, batch_norm=1)
