"""The flat model gives the same, trains the same, and needs nothing but Keras."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

from visionkit import ModelError
from visionkit.blocks import ConvBNAct
from visionkit.models import glyph_resnet, lenet5, zfnet
from visionkit.models.tools.inline import inline

SMALL = {"input_shape": (32, 32, 1), "stem": "cifar", "units": (16,), "classes": 5}


def as_array(x):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, x)


def stir(model, seed=0):
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(as_array(weight) + generator.uniform(0, 0.05, weight.shape))
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()
    return model


def data(model, seed=0):
    """Two samples for each input of a model."""
    generator = np.random.default_rng(seed)
    return keras.tree.map_structure(
        lambda one: generator.integers(0, 256, (2, *one.shape[1:])).astype(one.dtype), inline(model).input
    )


class Gate(layers.Layer):
    """A composite of other make, with operations of its own and no training argument."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(3, 3, padding="same", name=f"{self.name}_conv", dtype=self.dtype_policy)
        self.dropout = layers.Dropout(0.5, name=f"{self.name}_dropout", dtype=self.dtype_policy)

    def build(self, shape):
        self.conv.build(shape)

    def call(self, x):
        return x * 2 + self.dropout(self.conv(x))


class Ramp(layers.Layer):
    """A leaf without weights."""

    def call(self, x, training=None):
        return ops.clip(x, -1.0, 1.0) * 0.5


class Scale(layers.Layer):
    """A leaf with a weight."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor


class StockScale(Scale):
    def stock(self):
        layer = layers.DepthwiseConv2D(1, use_bias=False, name=self.name)
        layer.build((None, None, None, self.factor.shape[0]))
        layer.kernel.assign(ops.reshape(self.factor, layer.kernel.shape))
        return [layer]


class Twice(keras.Model):
    """Subclassed: one model inside, called twice, and a layer."""

    def __init__(self):
        super().__init__(name="twice")
        self.inner = small_model("inner")
        self.dense = layers.Dense(2, name="dense")

    def call(self, x):
        return self.dense(self.inner(self.inner(x)))


def half_tanh(x):
    return 0.5 * ops.tanh(x)


class Own(keras.initializers.Initializer, keras.regularizers.Regularizer):
    def __call__(self, value, dtype=None):
        return ops.zeros(value, dtype) if isinstance(value, tuple) else ops.sum(value)

    def get_config(self):
        return {}


def small_model(name):
    inputs = keras.Input((8, 8, 3), name="pixels")
    x = layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    x = layers.BatchNormalization(name="bn")(x)
    return keras.Model(inputs, layers.Dropout(0.3, name="dropout")(x), name=name)


def nested():
    inputs = keras.Input((8, 8, 3), name="pixels")
    middle = keras.Model(inputs, ConvBNAct(3, name="conv")(small_model("deep")(inputs)), name="middle")
    outputs = layers.Conv2D(2, 1, name="conv")(middle(small_model("first")(inputs, training=False)))
    return keras.Model(inputs, outputs, name="nested")


def flagged():
    inputs = keras.Input((8, 8, 3), name="pixels")
    inner = keras.Model(inputs, Gate(name="gate")(inputs))  # the gate takes no flag
    return keras.Model(inputs, inner(inputs, training=False), name="flagged")


def several():
    inputs = {name: keras.Input((8, 8, 3), name=name) for name in ("left", "right")}
    tower = small_model("tower")  # shared
    left, right = tower(inputs["left"]), tower(inputs["right"])
    outputs = {"sum": layers.Add(name="sum")([left, right]), "both": [left - right, ops.sigmoid(left)]}
    return keras.Model(inputs, outputs, name="several")


def functions():
    inputs = keras.Input((8, 8, 3), name="pixels")
    x = layers.Conv2D(4, 3, activation=lambda x: ops.maximum(x, 0.1 * x), name="conv")(inputs)
    x = layers.Activation(half_tanh, name="squash")(x)
    x = layers.Lambda(lambda x, power: ops.power(ops.abs(x), power), arguments={"power": 2}, name="power")(x)
    x = layers.Conv2D(4, 3, activation=layers.LeakyReLU(0.3, name="leaky"), name="conv2")(x)
    ramp = Ramp(name="ramp")
    return keras.Model(inputs, ramp(layers.Rescaling(1.0, 0.2, name="shift")(ramp(x))), name="functions")


def bytes_in():
    normalise = layers.Normalization(axis=-1, name="normalise")
    normalise.adapt(np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3)).astype("float32"))
    return keras.Sequential(
        [keras.Input((8, 8, 3), dtype="uint8", name="bytes"), normalise, small_model("inner")], name="bytes_in"
    )


def mixed():
    with_policy = {"dtype": "mixed_float16"}
    inputs = keras.Input((8, 8, 3), name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = ConvBNAct(4, name="block", **with_policy)(x)
    x = layers.Conv2D(3, 3, name="conv", **with_policy)(x)
    gate = Gate(name="gate", **with_policy)
    return keras.Model(inputs, layers.Activation("softmax", dtype="float32", name="end")(gate(x)), name="mixed")


def subclassed():
    model = Twice()
    model(np.zeros((1, 8, 8, 3), "float32"))
    return model


def with_protocol():
    return keras.Sequential(
        [keras.Input((8, 8, 3)), Gate(name="gate"), StockScale(name="scale"), ConvBNAct(4, name="end")], name="protocol"
    )


def initialised():
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Dense(2, kernel_initializer=Own(), name="dense")])


MODELS = {
    "glyph_resnet": lambda: glyph_resnet(widths=(8, 16), depths=(1, 1)),
    "lenet5": lenet5,
    "lenet5_modern": lambda: lenet5(variant="modern"),
    "zfnet": lambda: zfnet(**SMALL),
    "zfnet_batch": lambda: zfnet(**SMALL, norm="batch"),
    **{make.__name__: make for make in (nested, flagged, several, functions, bytes_in, mixed, subclassed)},
    **{make.__name__: make for make in (with_protocol, initialised)},
}

LOAD = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.modules["visionkit"] = None  # as if it were not installed
import keras, numpy as np
folder = sys.argv[1]
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    saved = np.load(f"{folder}/{name}.npz")
    inputs = [saved[f"in{number}"] for number in range(len(model.inputs))]
    outputs = model(keras.tree.pack_sequence_as(model.input, inputs), training=False)
    for number, one in enumerate(keras.tree.flatten(outputs)):
        off = np.abs(keras.ops.convert_to_numpy(one) - saved[f"out{number}"]).max()
        print(name, number, "same" if off <= 1e-6 else f"off by {off}", flush=True)
"""


@pytest.fixture(scope="module")
def flats(tmp_path_factory):
    """name -> (model, flat, input, output of the model), and what a process without visionkit says to the files."""
    folder, found = tmp_path_factory.mktemp("flat"), {}
    for name, make in MODELS.items():
        model = stir(make())
        x, flat = data(model), inline(model)
        y = as_array(model(x, training=False))
        flat.save(folder / f"{name}.keras")
        named = {f"in{number}": one for number, one in enumerate(keras.tree.flatten(x))}
        np.savez(folder / f"{name}.npz", **named, **{f"out{n}": one for n, one in enumerate(keras.tree.flatten(y))})
        found[name] = model, flat, x, y
    command = [sys.executable, "-I", "-c", LOAD, str(folder), *MODELS]
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return found, done


every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_the_flat_model_gives_the_same(name, flats):
    model, flat, x, y = flats[0][name]
    keras.tree.map_structure(np.testing.assert_array_equal, as_array(flat(x, training=False)), y)
    keras.tree.map_structure(np.testing.assert_array_equal, as_array(model(x, training=False)), y)  # as it was
    assert flat.name == model.name


@every_model
def test_its_file_loads_without_visionkit(name, flats):
    _, flat, _, _ = flats[0][name]
    said = [line for line in flats[1].stdout.splitlines() if line.startswith(f"{name} ")]
    assert said == [f"{name} {number} same" for number in range(len(flat.outputs))], flats[1].stderr[-2000:]


@every_model
def test_it_is_flat_with_each_name_once(name, flats):
    model, flat, _, _ = flats[0][name]
    names = [one.name for one in flat.operations]
    assert len(set(names)) == len(names)
    assert not [layer for layer in flat._flatten_layers(include_self=False) if isinstance(layer, keras.Model)]
    if name not in ("lenet5", "with_protocol"):  # whose own layers are replaced by others
        assert sorted(tuple(w.shape) for w in flat.weights) == sorted(tuple(w.shape) for w in model.weights)
        assert flat.count_params() == model.count_params()


def test_names_are_those_of_the_original_and_numbered_where_two_are_equal(flats):
    found = flats[0]
    assert [one.name for one in found["nested"][1].operations] == [
        *("pixels", "conv", "bn", "dropout", "conv_1", "bn_1", "dropout_1", "conv_conv", "conv_bn", "conv_relu"),
        "conv_2",
    ]
    assert [one.name for one in found["functions"][1].operations] == [
        *("pixels", "conv", "conv_multiply", "conv_maximum", "squash_tanh", "squash_multiply"),
        *("power_absolute", "power_power", "conv2", "leaky", "ramp_clip", "ramp_multiply", "shift"),
        *("ramp_clip_1", "ramp_multiply_1"),
    ]
    layer_names = {one.name for one in found["lenet5"][1].layers}
    assert {"images", "C1", "S2_pool", "S2", "C3", "S4_pool", "S4", "C5", "fc1", "predictions"} <= layer_names


def test_inputs_and_outputs_keep_their_structure(flats):
    model, flat, _, _ = flats[0]["several"]
    assert {key: one.name for key, one in flat.input.items()} == {"left": "left", "right": "right"}
    assert flat.output.keys() == model.output.keys()
    assert len([layer for layer in flat.layers if isinstance(layer, layers.Conv2D)]) == 1, "shared"
    flat = flats[0]["bytes_in"][1]
    assert (flat.inputs[0].dtype, flat.layers[0].name) == ("uint8", "bytes")


def test_the_original_is_not_touched(flats):
    model, flat, _, _ = flats[0]["glyph_resnet"]
    before = model.get_weights()
    flat.set_weights([one + 1 for one in flat.get_weights()])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for layer in model._flatten_layers():
        assert len(layer._inbound_nodes) <= 1


def test_mixed_precision_stays(flats):
    model, flat, x, _ = flats[0]["mixed"]
    assert flat.get_layer("conv").dtype_policy.name == "mixed_float16"
    assert flat.get_layer("rescaling").compute_dtype == "float32"
    assert flat(x).dtype == model(x).dtype


def test_frozen_layers_stay_frozen():
    model = glyph_resnet(widths=(8, 16), depths=(1, 1))
    model.get_layer("conv2").trainable = False
    flat = inline(model)
    assert [one.name for one in flat.layers if not one.trainable] == [
        one.name for one in flat.layers if one.name.startswith("conv2")
    ]
    assert len(flat.trainable_weights) == len(model.trainable_weights)
    again = keras.Model.from_config(flat.get_config())
    assert len(again.trainable_weights) == len(model.trainable_weights)
    model.trainable = False
    assert inline(model).trainable_weights == []


@pytest.mark.parametrize("name", ["glyph_resnet", "nested"])
def test_it_trains_like_the_original(name):
    model = stir(MODELS[name]())
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0  # in PyTorch all draw from one generator, each in its turn
    flat, x = inline(model), data(model)
    before = [as_array(one) for one in flat.trainable_weights]
    y = np.zeros((2, *model.output_shape[1:]), "float32")
    y[..., 0] = 1  # far from what softmax gives at first: near it, weights hardly move
    for one in (model, flat):
        one.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
        one.fit(x, y, verbose=0)  # once: Keras on PyTorch does not clear the gradients of nested models
    np.testing.assert_allclose(as_array(flat(x)), as_array(model(x)), rtol=1e-3, atol=1e-4)
    again = {one.name: one for one in inline(model).layers}
    for layer in flat.layers:
        for weight, other in zip(layer.weights, again[layer.name].weights, strict=True):
            np.testing.assert_allclose(as_array(weight), as_array(other), rtol=1e-3, atol=1e-5)
    moved = [np.abs(as_array(one) - old).max() for one, old in zip(flat.trainable_weights, before, strict=True)]
    assert max(moved) > 1e-6


def test_a_flag_of_a_call_inside_is_kept(flats):
    first = next(node for node in flats[0]["nested"][1].get_layer("bn")._inbound_nodes)
    assert first.arguments.kwargs["training"] is False
    second = next(node for node in flats[0]["nested"][1].get_layer("bn_1")._inbound_nodes)
    assert second.arguments.kwargs.get("training") is None


def own_weight():
    class WithToken(keras.Model):
        def __init__(self):
            super().__init__(name="with_token")
            self.token = self.add_weight(shape=(3,), name="token")

        def call(self, x):
            return ops.add(x, self.token)

    model = WithToken()
    model(np.zeros((1, 8, 8, 3), "float32"))
    return model


def sequential(*made):
    return keras.Sequential([keras.Input((8, 8, 3)), *made], name="model")


class Numpy(layers.Layer):
    def call(self, x):
        return keras.ops.convert_to_tensor(np.ones(3)) * (0 if isinstance(x, keras.KerasTensor) else x)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sequential(Scale(name="mine")), r"got mine \(Scale\); give Scale a method stock\(\)"),
        (lambda: sequential(Numpy(name="mine")), r"keras.ops only in the function of mine \(Numpy\)"),
        (
            lambda: keras.Sequential([keras.Input((2, 8, 8, 3)), layers.TimeDistributed(ConvBNAct(2), name="each")]),
            r"got each \(TimeDistributed\), which holds visionkit>ConvBNAct",
        ),
        (
            lambda: sequential(layers.Dense(2, kernel_regularizer=Own(), name="dense")),
            r"got dense \(Dense\), which holds Own",
        ),
        (own_weight, "got model with_token with some of its own"),
        (lambda: keras.Sequential([layers.Dense(2)], name="unbuilt"), "built model, got unbuilt"),
    ],
)
def test_what_cannot_be_stock_is_a_clear_error(make, message):
    with pytest.raises(ModelError, match=message):
        inline(make())
