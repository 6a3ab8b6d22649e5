"""What may be loaded loads, and gives what was saved; and weights are all loaded, finite, or none of them."""

import io

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from visionkit import ArgumentError, FileError, ModelError
from visionkit.blocks import ClassifierHead, ConvBNAct
from visionkit.models import create, glyph_resnet, load, load_weights


@keras.saving.register_keras_serializable("test_load")
def halved(x):
    return x / 2


@keras.saving.register_keras_serializable("test_load")
class Doubling(keras.Model):
    """A model with a call of its own."""

    def __init__(self, units, activation=None, **options):
        super().__init__(**options)
        self.dense = layers.Dense(units, activation=activation)

    def call(self, x):
        return self.dense(x) * 2

    def get_config(self):
        activation = keras.saving.serialize_keras_object(self.dense.activation)
        return {**super().get_config(), "units": self.dense.units, "activation": activation}

    @classmethod
    def from_config(cls, config):
        config["activation"] = keras.saving.deserialize_keras_object(config["activation"])
        return cls(**config)


def augmented():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.RandomContrast(0.1),
            layers.RandomBrightness(0.1),
            layers.CenterCrop(8, 8),
            layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 2.0, 3.0]),
            layers.Conv2D(4, 3, kernel_initializer=keras.initializers.Orthogonal(), dtype="mixed_float16"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(
                3,
                activation=keras.activations.softmax,
                kernel_regularizer=keras.regularizers.L1L2(0.1, 0.1),
                kernel_constraint=keras.constraints.MaxNorm(2),
            ),
        ]
    )


def operations():
    x = images = keras.Input((6,))
    x = keras.ops.concatenate([keras.ops.relu(x + 1.0) * 2, keras.ops.sqrt(keras.ops.abs(x))], axis=-1)
    x = layers.Activation(keras.ops.tanh)(layers.Activation("gelu")(x))
    return keras.Model(images, keras.ops.mean(x, axis=-1, keepdims=True)[:, :1])


def shared():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, activation=halved)], name="inner")
    inner.compile("adam", "mse", metrics=["mae"])
    twice = layers.Dense(4)
    images = keras.Input((4,))
    model = keras.Model(images, layers.Add()([twice(images), twice(inner(images))]))
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 10)), unknown_loss)
    return model


def unknown_loss(truth, found):
    """Registered with nobody: a model is loaded without what it was compiled with."""
    return keras.ops.mean(truth - found)


def recurrent():
    cells = layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)])
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    return keras.Sequential([keras.Input((5, 3)), both, layers.TimeDistributed(layers.Dense(2)), cells])


def subclassed():
    model = Doubling(3, halved)
    model(np.ones((1, 4), "float32"))
    return model


def quantized():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(2)])
    for layer in model.layers:
        layer.quantize("int8")
    return model


def in_bfloat16():
    return keras.Sequential([keras.Input((4,)), layers.Dense(2, dtype="bfloat16")])


def blocks():
    return keras.Sequential([keras.Input((16, 16, 1)), ConvBNAct(4), ClassifierHead(3)])


MODELS = (augmented, operations, shared, recurrent, subclassed, quantized, in_bfloat16, blocks, glyph_resnet)


def said(model):
    shape = (2, *(4 if size is None else size for size in getattr(model, "input_shape", (None, 4))[1:]))
    x = np.random.default_rng(0).uniform(0, 1, shape).astype("float32")
    return keras.ops.convert_to_numpy(keras.ops.cast(model(x, training=False), "float32"))


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_what_keras_makes_loads_and_says_the_same(make, tmp_path):
    keras.utils.set_random_seed(0)
    model = make()
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(said(load(tmp_path / "model.keras")), said(model))


@pytest.mark.parametrize("make", [shared, blocks, recurrent], ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_file_of_older_keras_loads(make, tmp_path):
    model = make()
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(said(load(tmp_path / "model.h5")), said(model))


@pytest.mark.parametrize("name", ["MobileNetV2", "ConvNeXtTiny"])
def test_models_of_keras_applications_load(name, tmp_path):
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3))
    model.save(tmp_path / "model.keras")
    for old, new in zip(model.get_weights(), load(tmp_path / "model.keras").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


class Unknown(layers.Layer):
    """Of the user, who has not registered it."""

    def call(self, x):
        return x + 1


def test_a_class_that_is_not_registered_is_named_and_one_that_is_loads(tmp_path):
    model = keras.Sequential([keras.Input((4,)), Unknown(name="mine")])
    model.save(tmp_path / "model.keras")
    with pytest.raises(FileError, match=r"got tests\.models\.test_load\.Unknown called 'mine'.*register_keras_ser"):
        load(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({"Unknown": Unknown}):
        np.testing.assert_array_equal(said(load(tmp_path / "model.keras")), said(model))


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [("none.keras", FileError, "no such file"), ("model.zip", FileError, "expected a .keras file")],
)
def test_a_path_that_is_no_model(name, error, says, tmp_path):
    with pytest.raises(error, match=says):
        load(tmp_path / name)


def net(**options):
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="first", **options), layers.Dense(2, name="last", **options)]
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["net.keras", "net.weights.h5", "net.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_weights_that_are_no_numbers_are_named_and_nothing_is_loaded(kind, value, tmp_path):
    model = net()
    bad = model.get_weights()
    bad[2][1, 1] = value
    model.set_weights(bad)
    (model.save_weights if "weights" in kind else model.save)(tmp_path / kind)
    other = net()
    before = other.get_weights()
    with pytest.raises(ModelError, match=r"nothing was loaded: NaN or infinity in \S*(layers/last|dense_1|last)\S*"):
        load_weights(other, tmp_path / kind)
    for old, new in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    if "weights" not in kind:
        with pytest.raises(ModelError, match=r"NaN or infinity in .*last/kernel"):
            load(tmp_path / kind)


def test_a_gigantic_array_is_refused_before_it_is_read(tmp_path):
    """4 TB, of which nothing is stored; the error comes from what the file says, not from the memory."""
    net().save_weights(tmp_path / "net.weights.h5")
    with h5py.File(tmp_path / "net.weights.h5", "r+") as file:
        name = next(name for name in names_in(file) if "first" in name or "dense/" in name)
        del file[name]
        file.create_dataset(name, (1 << 20, 1 << 20), "float32", chunks=(64, 64), compression="gzip")
    with pytest.raises(FileError, match="bytes of arrays, got more at"):
        load_weights(net(), tmp_path / "net.weights.h5")


def test_a_large_array_of_another_shape_is_refused_by_its_shape(tmp_path, monkeypatch):
    net().save_weights(tmp_path / "net.weights.h5")
    with h5py.File(tmp_path / "net.weights.h5", "r+") as file:
        name = names_in(file)[0]
        del file[name]
        file.create_dataset(name, (1 << 12, 1 << 12), "float32", chunks=(64, 64), compression="gzip")
    read = []
    monkeypatch.setattr(h5py.Dataset, "__array__", lambda self, *_, **__: read.append(self.name))
    with pytest.raises(ModelError, match=r"expected shape .*, got \(4096, 4096\)"):
        load_weights(net(), tmp_path / "net.weights.h5")
    assert not read


def names_in(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return sorted(names)


def test_numbers_of_another_kind_are_made_ours(tmp_path):
    model = net(dtype="bfloat16")
    model.save_weights(tmp_path / "net.weights.h5")
    other = net()
    load_weights(other, tmp_path / "net.weights.h5")
    for old, new in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.ops.cast(old, "float32")), new)


def test_a_file_that_is_packed_loads(tmp_path):
    model = net()
    model.save_weights(tmp_path / "net.weights.h5")
    with h5py.File(tmp_path / "net.weights.h5", "r+") as file:
        for name in names_in(file):
            array = file[name][:]
            del file[name]
            file.create_dataset(name, data=array, chunks=array.shape, compression="gzip", shuffle=True)
    other = net()
    load_weights(other, tmp_path / "net.weights.h5")
    np.testing.assert_array_equal(said(other), said(model))


def test_damage_changes_nothing(tmp_path):
    """Bits flipped all over the file: an error and the model as before, or finite weights of the right shapes."""
    whole = net()
    whole.save_weights(tmp_path / "whole.weights.h5")
    data = (tmp_path / "whole.weights.h5").read_bytes()
    model, errors = net(), 0
    before = model.get_weights()
    for at in range(0, len(data), len(data) // 60):
        broken = bytearray(data)
        broken[at] ^= 0x55
        (tmp_path / "broken.weights.h5").write_bytes(broken)
        try:
            load_weights(model, tmp_path / "broken.weights.h5")
        except (FileError, ModelError):
            errors += 1
            for old, new in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)
        assert all(np.isfinite(one).all() for one in model.get_weights())
        model.set_weights(before)
    assert errors


def test_arguments_are_looked_at_first(tmp_path):
    (tmp_path / "a.txt").write_text("", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"\.weights\.h5"):
        load_weights(net(), tmp_path / "a.txt")
    (tmp_path / "a.weights.h5").write_bytes(io.BytesIO().getvalue())
    with pytest.raises(FileError, match="got an empty one"):
        load_weights(net(), tmp_path / "a.weights.h5")
    assert create("lenet5").built
