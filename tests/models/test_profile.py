"""Parameters and multiply-adds: against published counts, against sums done by hand, and for what cannot be counted."""

import json
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from visionkit import ArgumentError, FileError, ModelError
from visionkit.blocks import ConvBNAct, ResidualBlock, Stage
from visionkit.models import create, glyph_resnet, list_models
from visionkit.models.tools.profile import profile

# Keras Applications -> parameters, trained ones, multiply-adds in 10^9 at its usual size
APPLICATIONS = {
    "MobileNet": (4_253_864, 4_231_976, 0.569),
    "MobileNetV2": (3_538_984, 3_504_872, 0.301),
    "MobileNetV3Small": (2_554_968, 2_542_856, 0.057),
    "MobileNetV3Large": (5_507_432, 5_483_032, 0.217),
    "EfficientNetB0": (5_330_571, 5_288_548, 0.386),
    "EfficientNetB1": (7_856_239, 7_794_184, 0.687),
    "ResNet50": (25_636_712, 25_583_592, 3.858),
    "ResNet50V2": (25_613_800, 25_568_360, 3.482),
    "DenseNet121": (8_062_504, 7_978_856, 2.834),
    "Xception": (22_910_480, 22_855_952, 8.357),
}

# Howard et al. 2017, Table 2: shares of multiply-adds and of parameters in per cent
MOBILENET = {
    "convolution 1x1": (94.86, 74.59),
    "depthwise 3x3": (3.06, 1.06),
    "convolution 3x3": (1.91, 0.02),
    "dense": (0.18, 24.33),
}


@keras.saving.register_keras_serializable("tests")
class Matrix(layers.Layer):
    """A layer of somebody else, with a matrix of weights."""

    def build(self, shape):
        self.matrix = self.add_weight(shape=(shape[-1], 3), name="matrix")
        self.scale = self.add_weight(shape=(3,), name="scale")

    def call(self, x):
        return ops.matmul(x, self.matrix) * self.scale


class Told(Matrix):
    """The same, and it tells its cost."""

    def mult_adds(self, input_shape, output_shape):
        return input_shape[-1] * output_shape[-1]


class Scale(layers.Layer):
    """One number a channel."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return x * self.scale


def chain(shape, *stack, **options):
    return keras.Sequential([keras.Input(shape), *stack], **options)


def size(weights):
    return sum(math.prod(weight.shape) for weight in weights)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_counts_of_keras_applications(name):
    if keras.backend.backend() == "jax" and name != "MobileNet":
        pytest.skip("JAX takes up to a minute to build one")
    any_size = {"input_shape": (224, 224, 3)} if "V3" in name else {}
    found = profile(getattr(keras.applications, name)(weights=None), **any_size)
    parameters, trained, billions = APPLICATIONS[name]
    assert (found.parameters, found.trainable, found.non_trainable) == (parameters, trained, parameters - trained)
    assert found.mult_adds / 1e9 == pytest.approx(billions, rel=0.01)
    assert not found.unknown


@pytest.mark.parametrize("whose", ["keras", "ours"])
def test_mobilenet_prints_table_2_of_its_paper(whose):
    if whose == "ours" and "mobilenet" not in list_models():
        pytest.skip("there is no mobilenet in the catalog")
    found = profile("mobilenet" if whose == "ours" else keras.applications.MobileNet(weights=None))
    shares = {
        kind: (round(100 * row.mult_adds_share, 2), round(100 * row.parameters_share, 2))
        for kind, row in found.by_type.items()
    }
    assert shares == MOBILENET
    assert list(found.by_type) == list(MOBILENET), "the largest comes first"
    assert found.mult_adds == 568_740_352
    assert sum(row.parameters for row in found.by_type.values()) == 4_209_088
    assert found.parameters == 4_253_864
    printed = str(found).splitlines()
    assert printed[3].split() == ["convolution", "1x1", "13", "539,492,352", "94.86%", "3,139,584", "74.59%"]
    assert printed[-1].split() == ["all", "parameters", "4,253,864"]
    assert max(map(len, printed)) <= 100


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((9, 9, 4), lambda: layers.Conv2D(6, 3), {"convolution 3x3": (7 * 7 * 9 * 4 * 6, 9 * 4 * 6)}),
        ((9, 8, 4), lambda: layers.Conv2D(6, (1, 3), strides=2), {"convolution 1x3": (5 * 3 * 3 * 4 * 6, 72)}),
        ((9, 9, 4), lambda: layers.Conv2D(6, 3, padding="same"), {"convolution 3x3": (81 * 9 * 4 * 6, 216)}),
        ((9, 9, 4), lambda: layers.Conv2D(6, 3, dilation_rate=2), {"convolution 3x3": (25 * 9 * 4 * 6, 216)}),
        ((9, 9, 4), lambda: layers.Conv2D(6, 3, groups=2), {"grouped 3x3": (49 * 9 * 2 * 6, 9 * 2 * 6)}),
        ((9, 9, 4), lambda: layers.Conv2D(8, 3, groups=4), {"depthwise 3x3": (49 * 9 * 8, 9 * 8)}),
        ((9, 9, 4), lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), {"depthwise 3x3": (49 * 9 * 4 * 2, 72)}),
        (
            (9, 9, 4),
            lambda: layers.SeparableConv2D(6, 3, strides=2, depth_multiplier=2),
            {"depthwise 3x3": (16 * 9 * 8, 9 * 8), "convolution 1x1": (16 * 8 * 6, 8 * 6)},
        ),
        ((4, 9, 9), lambda: layers.Conv2D(6, 3, data_format="channels_first"), {"convolution 3x3": (49 * 216, 216)}),
        ((5, 5, 4), lambda: layers.Conv2DTranspose(6, 2, strides=2), {"transposed 2x2": (25 * 4 * 4 * 6, 4 * 4 * 6)}),
        ((9, 4), lambda: layers.Conv1D(6, 3), {"convolution 3": (7 * 3 * 4 * 6, 72)}),
        ((9, 4), lambda: layers.SeparableConv1D(6, 3), {"depthwise 3": (7 * 12, 12), "convolution 1": (7 * 24, 24)}),
        ((5, 5, 5, 2), lambda: layers.Conv3D(3, 2), {"convolution 2x2x2": (64 * 8 * 2 * 3, 48)}),
        ((4,), lambda: layers.Dense(6), {"dense": (24, 24)}),
        ((7, 4), lambda: layers.Dense(6), {"dense": (7 * 24, 24)}),
        ((1, 1, 4), lambda: layers.Conv2D(6, 1), {"dense": (24, 24)}),
        ((2, 1, 4), lambda: layers.Conv2D(6, 1), {"convolution 1x1": (48, 24)}),
    ],
)
def test_each_kind_of_layer_costs_what_it_multiplies(shape, layer, expected):
    made = layer()
    if getattr(made, "data_format", "") == "channels_first" and keras.backend.backend() == "tensorflow":
        made.call = made.compute_output_spec  # TensorFlow has no such convolution on a CPU; nothing is computed here
    found = profile(chain(shape, made))
    assert {kind: (row.mult_adds, row.parameters) for kind, row in found.by_type.items()} == expected
    assert found.mult_adds == sum(cost for cost, _ in expected.values())
    bias = made.bias.shape[0]
    assert found.parameters == sum(weights for _, weights in expected.values()) + bias


def test_normalisation_and_activations_hold_parameters_but_cost_nothing():
    model = chain((8, 8, 4), layers.BatchNormalization(), layers.LayerNormalization(axis=(1, 2, 3)), layers.PReLU())
    found = profile(model)
    assert (found.parameters, found.trainable, found.mult_adds) == (16 + 512 + 256, 8 + 512 + 256, 0)
    assert not found.by_type
    assert not found.unknown
    assert [row.type for row in found.layers] == ["BatchNormalization", "LayerNormalization", "PReLU"]
    assert "784" in str(found)


def test_a_block_counts_as_the_layers_that_it_is_made_of():
    images = keras.Input((16, 16, 8))
    x = layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False)(images)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv2D(12, 3, padding="same", use_bias=False)(x))
    shortcut = layers.BatchNormalization()(layers.Conv2D(12, 1, strides=2, use_bias=False)(images))
    by_hand = profile(keras.Model(images, layers.ReLU()(layers.Add()([x, shortcut]))))
    block = profile(chain((16, 16, 8), ResidualBlock(12, strides=2)))
    assert (block.parameters, block.trainable, block.mult_adds) == (
        by_hand.parameters,
        by_hand.trainable,
        by_hand.mult_adds,
    )
    assert dict(block.by_type) == dict(by_hand.by_type)
    assert block.mult_adds == 64 * (9 * 8 * 12 + 9 * 12 * 12 + 8 * 12)


def test_a_model_inside_a_model_counts_as_the_same_layers_without_it():
    def parts():
        return [ConvBNAct(8, 3, strides=2, name="a"), Stage(ResidualBlock, 2, filters=16, strides=2, name="b")]

    flat = profile(chain((32, 32, 3), *parts(), layers.GlobalAveragePooling2D(), layers.Dense(5)))
    inner = chain((32, 32, 3), *parts(), name="backbone")
    images = keras.Input((32, 32, 3))
    nested = profile(keras.Model(images, layers.Dense(5)(layers.GlobalAveragePooling2D()(inner(images)))))
    assert nested.by_type == flat.by_type
    assert (nested.parameters, nested.trainable, nested.mult_adds) == (flat.parameters, flat.trainable, flat.mult_adds)
    assert [row.type for row in nested.layers] == [row.type for row in flat.layers]


def test_a_shared_layer_holds_its_parameters_once_and_costs_each_call():
    shared = layers.Dense(4, name="shared")
    one, two = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([one, two], layers.Add()([shared(one), shared(two)]))
    found = profile(model)
    assert found.parameters == model.count_params() == 20
    assert found.mult_adds == 2 * 16
    assert found.by_type["dense"][:2] == (2, 32)
    assert found.by_type["dense"].parameters == 16
    assert [(row.name, row.parameters) for row in found.layers[:2]] == [("shared", 20), ("shared", 0)]
    assert found.input_shape == ((4,), (4,))


def test_a_shared_model_too():
    tower = chain((8, 8, 1), ConvBNAct(4, 3), layers.Flatten(), layers.Dense(2))
    one, two = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    found = profile(keras.Model([one, two], layers.Concatenate()([tower(one), tower(two)])))
    alone = profile(tower)
    assert (found.parameters, found.mult_adds) == (alone.parameters, 2 * alone.mult_adds)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = ConvBNAct(4, 3, strides=2)
        self.spare = layers.Dense(7, name="spare")
        self.head = layers.Dense(3)
        self.dropout = layers.Dropout(0.5)

    def build(self, shape):
        self.scale = self.add_weight(shape=(4,), name="scale")
        self.stem.build(shape)
        self.spare.build((None, 4))
        self.head.build((None, 4))
        self.built = True

    def call(self, x, training=None):
        x = self.stem(x, training=training) * self.scale
        return self.head(self.dropout(ops.mean(x, axis=(1, 2)), training=training))


def test_a_subclassed_model_with_a_layer_that_it_never_calls():
    model = Subclassed()
    model.build((None, 8, 8, 1))
    found = profile(model)
    assert found.parameters == size(model.weights)
    assert found.trainable == size(model.trainable_weights)
    assert found.non_trainable == size(model.non_trainable_weights) == 8, "without the seed of the dropout"
    assert found.mult_adds == 16 * 9 * 4 + 12
    never = [row for row in found.layers if row.output_shape is None]
    assert {row.name: row.parameters for row in never} == {model.name: 4, "spare": 35}
    assert "not called" in str(found.table(layers=True))


def test_frozen_layers_are_not_trained():
    model = glyph_resnet()
    model.get_layer("conv3").trainable = False
    found = profile(model)
    assert found.trainable == size(model.trainable_weights)
    assert found.non_trainable == size(model.non_trainable_weights) > profile(glyph_resnet()).non_trainable


@pytest.mark.parametrize(
    ("shape", "layer", "name"),
    [
        ((6, 4), lambda: layers.LSTM(5, name="recurrent"), "recurrent"),
        ((6, 4), lambda: layers.TimeDistributed(layers.Dense(2), name="wrapped"), "wrapped"),
        ((6, 4), lambda: Matrix(name="custom"), "custom"),
    ],
)
def test_what_cannot_be_counted_is_named_and_marked(shape, layer, name):
    model = chain(shape, layer(), layers.Dense(2, name="last"))
    found = profile(model)
    assert found.unknown == (name,)
    assert found.parameters == size(model.weights)
    assert found.mult_adds == found.by_type["dense"].mult_adds
    marked = {row.name: row for row in found.layers}[name]
    assert (marked.known, marked.mult_adds) == (False, 0)
    lines = str(found.table(layers=True)).splitlines()
    assert next(line for line in lines if line.startswith(name)).endswith("?")
    for table in (found.table(), found.table(layers=True)):
        assert f"{found.mult_adds:,} + ?" in str(table)
        assert name in str(table).splitlines()[-1]


def test_products_without_weights_are_named_too():
    one, two = keras.Input((6, 4)), keras.Input((6, 4))
    attention = layers.MultiHeadAttention(2, 2, name="heads")(one, two)
    dot = layers.Dot(axes=2, name="dot")([one, two])
    found = profile(keras.Model([one, two], [attention, dot, ops.matmul(one, ops.transpose(two, (0, 2, 1)))]))
    assert {"heads", "dot"} < set(found.unknown)
    assert len(found.unknown) == 3
    assert found.mult_adds == 0


def test_a_custom_layer_may_tell_its_cost_and_one_of_vectors_needs_not():
    found = profile(chain((6,), Scale(), Told(), name="own"))
    assert not found.unknown
    assert found.by_type["Told"][:2] == (1, 18)
    assert (found.by_type["Told"].parameters, found.parameters) == (18, 6 + 18 + 3)


def test_a_model_of_any_size_needs_one():
    model = chain((None, None, 3), ConvBNAct(8, 3), layers.GlobalAveragePooling2D(), layers.Dense(2))
    with pytest.raises(ModelError, match=r"give input_shape=\(height, width, channels\)"):
        profile(model)
    found = profile(model, input_shape=(16, 16, 3))
    assert found.mult_adds == 256 * 9 * 3 * 8 + 16
    assert found.input_shape == (16, 16, 3)
    assert found.layers[0].output_shape == (None, 16, 16, 8)
    assert profile(model, input_shape=(32, 32, 3)).mult_adds == 4 * (found.mult_adds - 16) + 16
    assert profile("glyph_resnet", input_shape=(64, 64, 1)).input_shape == (64, 64, 1)


def test_several_inputs_take_several_shapes():
    one, two = keras.Input((None, None, 3)), keras.Input((2,))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(one))
    model = keras.Model([one, two], layers.Concatenate()([pooled, layers.Dense(4)(two)]))
    assert profile(model, input_shape=[(5, 5, 3), (2,)]).mult_adds == 25 * 12 + 8
    with pytest.raises(ModelError, match="expected input_shape to be like"):
        profile(model, input_shape=(5, 5, 3))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: profile(3), ModelError, "keras.Model"),
        (lambda: profile(layers.Dense(3)), ModelError, "got Dense"),
        (lambda: profile(keras.Sequential([layers.Dense(3)])), ModelError, "built model"),
        (lambda: profile("glyph_resnt"), ArgumentError, "did you mean 'glyph_resnet'"),
        (lambda: profile("nowhere.keras"), FileError, "no such file"),
        (lambda: profile(__file__), FileError, "expected a .keras file"),
        (lambda: profile(glyph_resnet(), input_shape=(32, 32)), ModelError, r"like \(32, 32, 1\)"),
        (lambda: profile(glyph_resnet(), input_shape=32), ModelError, r"like \(32, 32, 1\)"),
        (
            lambda: profile(chain((4, 4, 1), layers.Flatten(), layers.Dense(2)), input_shape=(8, 8, 1)),
            ModelError,
            r"input_shape=\(8, 8, 1\)",
        ),
    ],
)
def test_what_is_wrong_is_a_clear_error(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_file_counts_as_the_model_in_it(tmp_path):
    model = glyph_resnet(classes=3)
    model.save(tmp_path / "model.keras")
    assert profile(tmp_path / "model.keras") == profile(str(tmp_path / "model.keras")) == profile(model)
    (tmp_path / "broken.keras").write_bytes(b"PK nothing")
    with pytest.raises(FileError, match="no Keras model that can be loaded"):
        profile(tmp_path / "broken.keras")


def test_a_file_with_code_in_it_is_refused(tmp_path):
    model = chain((2,), layers.Lambda(lambda x: x + 1, output_shape=(2,)))
    model.save(tmp_path / "hostile.keras")
    with pytest.raises(FileError, match="no Keras model that can be loaded"):
        profile(tmp_path / "hostile.keras")


def test_the_model_is_as_before():
    model = create("glyph_resnet", classes=3)
    calls = len(model._inbound_nodes), [len(layer._inbound_nodes) for layer in model._flatten_layers()]
    values = model.get_weights()
    profile(model)
    assert (len(model._inbound_nodes), [len(layer._inbound_nodes) for layer in model._flatten_layers()]) == calls
    for before, after in zip(values, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_counts_add_up_and_become_json():
    found = profile("glyph_resnet")
    assert sum(row.parameters for row in found.layers) == found.parameters == 387_524
    assert sum(row.mult_adds for row in found.layers) == found.mult_adds
    for share in ("mult_adds_share", "parameters_share"):
        assert sum(getattr(row, share) for row in found.by_type.values()) == pytest.approx(1)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["by_type"]["dense"]["parameters"] == 128 * 36
    assert data["layers"][-1]["name"] == found.layers[-1].name
