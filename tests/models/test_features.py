"""Feature maps by stage: of every model here, of Keras Applications, of a user's own."""

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import applications, layers, ops

from visionkit import ArgumentError, ModelError
from visionkit.blocks import ConvBNAct, ResidualBlock, SqueezeExcite
from visionkit.models import create, glyph_resnet, list_models
from visionkit.models.tools.features import features

# The layers that end the stages, finest first.
STAGES = {
    "resnet50": "conv1 conv2 conv3 conv4 conv5",
    # The second version strides at the end of a stage, whose last map is inside then.
    "resnet50v2": "conv1_conv conv2/conv2_block2 conv3/conv3_block3 conv4/conv4_block5 post_relu",
    "densenet121": "conv1 conv2 conv3 conv4 relu",
    "vgg16": "block1_conv2 block2_conv2 block3_conv3 block4_conv3 block5_conv3 block5_pool",
    "lenet5": "C1 C3_tanh C5",
}
# The same in Keras Applications, whose models are flat; most are known from papers and tutorials that build on them.
APPLICATIONS = {
    "ResNet50": "conv1_relu conv2_block3_out conv3_block4_out conv4_block6_out conv5_block3_out",
    "VGG16": STAGES["vgg16"],
    "MobileNetV2": "block_1_expand_relu block_3_expand_relu block_6_expand_relu block_13_expand_relu out_relu",
    "DenseNet121": "conv1_relu pool2_conv pool3_conv pool4_conv relu",
    "EfficientNetB0": "block2a_expand_activation block3a_expand_activation block4a_expand_activation "
    "block6a_expand_activation top_activation",
    "Xception": "block1_conv2_act add add_1 add_10 block14_sepconv2_act",
    "MobileNetV3Small": "activation re_lu_2 activation_1 activation_11 activation_17",
}
# The inputs of models that do not take 64x64 RGB images.
INPUTS = {"lenet5": (32, 32, 1), "glyph_resnet": (32, 32, 1), "xception": (96, 96, 3)}
# Deeper or wider than others by the same code, and slow to build.
LARGER = {
    *(f"efficientnet_b{number}" for number in range(1, 8)),
    *("densenet169", "densenet201", "resnet101", "resnet101v2", "resnet152", "resnet152v2", "vgg19"),
    *("resnet32_cifar", "resnet44_cifar", "resnet56_cifar", "resnet110_cifar"),
}


def images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("float32")


def as_array(x):
    return ops.convert_to_numpy(x)


def rows(model, stages=None):
    return [tuple(row) for row in features(model, stages).info]


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(as_array(found[key]), as_array(value), rtol=1e-5, atol=1e-5, err_msg=key)


def tiny(**options):
    return glyph_resnet(**{"widths": (4, 8), "depths": (1, 2), "input_shape": (16, 16, 1), **options})


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session()


@pytest.mark.parametrize("name", sorted({*list_models()} - LARGER))
def test_strides_double_in_every_model(name):
    side = INPUTS.get(name, (64, 64, 3))
    found = features(create(name, include_top=False, input_shape=side))
    strides = [row.stride for row in found.info]
    assert len(strides) >= 3
    assert strides == [strides[0] * 2**step for step in range(len(strides))]
    for row in found.info:
        _, height, width, channels = found.output[row.stage].shape
        assert channels == row.channels
        assert height == width
        assert 0 < height <= side[0] / row.stride  # less where a convolution has no padding
    if name in STAGES:
        assert [row.layer for row in found.info] == STAGES[name].split()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_the_top_changes_nothing(name):
    options = {"input_shape": (32, 32, 3)}
    assert rows(create(name, **options)) == rows(create(name, include_top=False, **options))


@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_applications(name):
    side = 96 if name == "Xception" else 64
    model = getattr(applications, name)(weights=None, input_shape=(side, side, 3))
    found = features(model)
    assert [row.layer for row in found.info] == APPLICATIONS[name].split()
    assert [row.stride for row in found.info] == [1, 2, 4, 8, 16, 32][-len(found.info) :]
    x = images(1, side, side, 3)
    by_hand = keras.Model(model.input, [model.get_layer(row.layer).output for row in found.info])(x, training=False)
    same(found(x, training=False), dict(zip([row.stage for row in found.info], by_hand, strict=True)))


def test_nothing_is_added_to_a_model_whose_own_layers_are_asked_for():
    model = tiny()
    before = [(len(one._inbound_nodes), len(one._outbound_nodes)) for one in model._flatten_layers()]
    found = features(model, [1, -1, "stem"])
    assert [(len(one._inbound_nodes), len(one._outbound_nodes)) for one in model._flatten_layers()] == before
    assert all(layer in model.layers for layer in found.layers)
    assert "head" not in [layer.name for layer in found.layers]


def test_layers_inside_of_blocks_give_what_they_give_in_the_model():
    model = tiny()
    x = images(2, 16, 16, 1)
    found = features(model, ["stem_conv", "conv3_block1", "stage2", "predictions"])
    assert [(row.layer, row.stride) for row in found.info] == [
        ("stem/stem_conv", 2),
        ("conv3/conv3_block1", 4),
        ("conv3", 4),
        ("head/predictions", None),
    ]
    stem, conv2, conv3 = (model.get_layer(name) for name in ("stem", "conv2", "conv3"))
    scaled = model.get_layer("rescaling")(x)
    first = conv3.blocks[0](conv2(stem(scaled)))
    expected = {"stem_conv": stem.conv(scaled), "conv3_block1": first, "stage2": conv3.blocks[1](first)}
    pooled = ops.mean(expected["stage2"], axis=(1, 2))
    expected["predictions"] = model.get_layer("head").predictions(pooled)
    same(found(x, training=False), expected)
    same(found.predict(x, verbose=0), expected)
    # Three outputs of the whole, but only the weights on the way to them.
    assert len(features(model, ["stem_conv"]).weights) == 1


plain = functools.cache(tiny)


def nested():
    """A model around another one, whose layers have the names of its own; and around layers of layers."""
    inputs = keras.Input((16, 16, 1))
    x = layers.RandomFlip()(inputs)
    x = tiny(include_top=False, name="backbone")(x, training=False)
    x = layers.Conv2D(6, 3, padding="same", name="stem")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, name="scores")(x), name="nested")


def sequential():
    return keras.Sequential(
        [layers.Rescaling(1 / 255), tiny(include_top=False), layers.GlobalMaxPooling2D(), layers.Dense(2)]
    )


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = ConvBNAct(4, name="first")
        self.pool = layers.MaxPooling2D(name="pool")
        self.rest = tiny(include_top=False, include_preprocessing=False, input_shape=(None, None, 4))
        self.dense = layers.Dense(2)

    def call(self, x, training=None):
        x = self.rest(self.pool(self.first(x, training=training)), training=training)
        return self.dense(ops.mean(x, axis=(1, 2)))


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (nested, (16, 16, 1), [("backbone/conv2", 4, 2), ("stem", 6, 4)]),
        (sequential, (16, 16, 1), [("glyph_resnet/conv2", 4, 2), ("glyph_resnet/conv3", 8, 4)]),
        (
            Subclassed,
            (32, 32, 1),
            [("first", 4, 1), ("pool", 4, 2), ("glyph_resnet/conv2", 4, 4), ("glyph_resnet/conv3", 8, 8)],
        ),
    ],
)
def test_models_of_every_kind(make, shape, expected, tmp_path):
    model = make()
    x = images(2, *shape)
    model(x)
    found = features(model)
    assert [tuple(row)[1:] for row in found.info] == expected
    values = found(x, training=False)
    assert {row.stage: as_array(values[row.stage]).shape for row in found.info} == {
        row.stage: (2, shape[0] // row.stride, shape[1] // row.stride, row.channels) for row in found.info
    }
    found.save(tmp_path / "features.keras")
    loaded = keras.saving.load_model(tmp_path / "features.keras")
    assert loaded.info == found.info
    same(loaded(x, training=False), values)
    # The classifier on top of what it gives is the model.
    last = as_array(values[found.info[-1].stage])
    pooled = last.max(axis=(1, 2)) if make is sequential else last.mean(axis=(1, 2))
    expected = as_array(model(x, training=False))
    ulps = 1e-6 * np.abs(expected).max()  # a small score is the difference of large ones
    np.testing.assert_allclose(as_array(model.layers[-1](pooled)), expected, rtol=1e-5, atol=ulps)


def test_a_file_keeps_what_is_inside_of_blocks(tmp_path):
    found = features(nested(), ["backbone/stem/stem_conv", "conv3_block2", "scores", "stage2"])
    x = images(2, 16, 16, 1)
    found.save(tmp_path / "features.keras")
    loaded = keras.saving.load_model(tmp_path / "features.keras")
    assert loaded.info == found.info
    same(loaded(x, training=False), found(x, training=False))


def test_training_one_trains_the_other():
    model = tiny()
    found = features(model, ["stage2", "stem_relu"])
    before = [as_array(weight).copy() for weight in model.weights]
    pooled = layers.GlobalAveragePooling2D()(found.output["stage2"])
    inner = layers.GlobalAveragePooling2D()(found.output["stem_relu"])
    tuned = keras.Model(found.input, layers.Dense(3)(layers.Concatenate()([pooled, inner])))
    tuned.compile(keras.optimizers.SGD(0.1), "mse")
    tuned.fit(images(4, 16, 16, 1), np.ones((4, 3)), verbose=0)
    body = [weight for layer in model.layers[:-1] for weight in layer.weights]
    changed = [not np.array_equal(as_array(new), old) for new, old in zip(body, before, strict=False)]
    assert len(changed) > 20
    assert all(changed), "each kernel, scale and moving mean"
    model.trainable = False
    assert not found.trainable_weights


def test_images_of_any_size():
    model = create("resnet18", input_shape=(None, None, 3), include_top=False)
    known = create("resnet18", input_shape=(64, 64, 3), include_top=False)
    found = features(model)
    assert found.info == features(known).info
    assert [value.shape[1:3] for value in found(images(1, 70, 33, 3)).values()][-1] == (3, 2)


def test_a_decoder_is_no_stage():
    inputs = keras.Input((32, 32, 3))
    skips, x = [], inputs
    for number, filters in enumerate((4, 8, 12)):
        x = layers.Conv2D(filters, 3, padding="same", name=f"down{number}")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(16, 3, padding="same", name="bottom")(x)
    for number, skip in enumerate(reversed(skips)):
        up = layers.UpSampling2D() if number % 2 else layers.Conv2DTranspose(8, 2, strides=2)
        x = layers.Conv2D(8, 3, padding="same", name=f"up{number}")(layers.Concatenate()([up(x), skip]))
    model = keras.Model(inputs, x)
    expected = [("down0", 1), ("down1", 2), ("down2", 4), ("bottom", 8)]
    assert [(layer, stride) for _, layer, _, stride in rows(model)] == expected
    assert rows(model, ["up0"]) == [("up0", "up0", 8, 4)]


def test_attention_and_heads_are_no_stages():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="a")(inputs)
    x = SqueezeExcite(4, name="squeeze")(x)
    weights = layers.Conv2D(8, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply(name="scaled")([x, weights])
    weights = layers.Dense(8)(layers.Reshape((1, 1, 8))(ops.mean(x, axis=(1, 2))))
    x = layers.Multiply(name="again")([x, weights])
    x = layers.ZeroPadding2D()(ResidualBlock(8, strides=2, name="b")(x))
    x = layers.AveragePooling2D(10)(x)  # as large as the map
    model = keras.Model(inputs, layers.Flatten()(layers.Conv2D(5, 1)(x)))
    assert [tuple(row)[1:] for row in features(model).info] == [("again", 8, 2), ("b", 8, 4)]


def test_strides_are_nominal_and_for_each_side():
    inputs = keras.Input((33, 65))
    x = layers.Conv2D(4, 5, strides=2, name="a")(layers.Reshape((33, 65, 1))(inputs))  # 15 x 31
    x = layers.Conv2D(4, 3, name="b")(ops.pad(x, [[0, 0], [1, 1], [0, 0], [0, 0]]))
    x = layers.MaxPooling2D((2, 1), name="c")(ops.relu(x))
    model = keras.Model(inputs, layers.GlobalMaxPooling2D()(x))
    assert [row[2:] for row in rows(model)] == [(4, 2), (4, (4, 2))]


@keras.saving.register_keras_serializable("tests")
class Stem(keras.Layer):
    """Ends in pooling, so that the maps before are to be had inside of it only."""

    def __init__(self, second="second", **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Conv2D(4, 3, padding="same", name="first")
        self.second = layers.Conv2D(4, 3, strides=2, padding="same", name=second)
        self.pool = layers.MaxPooling2D(name="pool")

    def call(self, x):
        return self.pool(ops.relu(self.second(ops.relu(self.first(x)))))


def with_stem(second):
    inputs = keras.Input((32, 32, 3))
    last = layers.Conv2D(8, 3, strides=2, padding="same", name="last")
    return keras.Model(inputs, last(Stem(second, name="stem")(inputs)))


def test_a_stage_is_inside_of_a_layer_where_there_is_no_other(tmp_path):
    model = with_stem("second")
    found = features(model)
    assert [(layer, stride) for _, layer, _, stride in rows(model)] == [
        ("stem/relu", 1),
        ("stem/relu_2", 2),
        ("stem", 4),
        ("last", 8),
    ]
    x, stem = images(1, 32, 32, 3), model.get_layer("stem")
    one = ops.relu(stem.first(x))
    two = ops.relu(stem.second(one))
    expected = {"stage1": one, "stage2": two, "stage3": stem.pool(two), "stage4": model(x)}
    same(found(x), expected)
    found.save(tmp_path / "features.keras")
    same(keras.saving.load_model(tmp_path / "features.keras")(x), expected)


def test_layers_of_one_name_inside_of_a_layer_are_an_error_only_if_it_has_to_be_opened():
    model = with_stem("first")
    assert rows(model, ["stem", "last"]) == [("stem", "stem", 4, 4), ("last", "last", 8, 8)]
    with pytest.raises(ModelError, match="inside of stem to differ in name, got 'first' 2 times"):
        features(model)


def test_half_precision_stays_as_it_was():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tiny()
        x = images(1, 16, 16, 1)
        found = features(model, ["stem_conv", "stage1"])(x, training=False)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {keras.backend.standardize_dtype(one.dtype) for one in found.values()} == {"float16"}
    whole = features(model, ["stage1"])(x, training=False)
    np.testing.assert_array_equal(as_array(found["stage1"]), as_array(whole["stage1"]))


def perceptron():
    return keras.Sequential([keras.Input((8,)), layers.Dense(4, name="hidden"), layers.Dense(2)])


def twice():
    """One backbone on two images; and a layer that is called twice."""
    one, other = keras.Input((16, 16, 1)), keras.Input((16, 16, 1))
    backbone, relu = tiny(include_top=False, name="backbone"), layers.ReLU(name="relu")
    return keras.Model([one, other], layers.Concatenate()([relu(backbone(one)), relu(backbone(other))]))


def named_as_stages():
    inputs = keras.Input((16, 16, 1))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="stage2")(inputs)
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="stage3")(x)
    return keras.Model(inputs, layers.Conv2D(4, 3, strides=2, padding="same", name="stage4")(x))


@pytest.mark.parametrize(
    ("make", "stages", "message"),
    [
        (plain, ["conv3_blok1"], "expected the name of a stage .stage1, stage2. or of a layer, .* mean 'conv3_block1'"),
        (plain, ["stage3"], "stage1, stage2"),
        (plain, [3], "from 1 to 2, or from -1 to -2, got 3"),
        (plain, [0], "got 0"),
        (plain, [True], "got True"),
        (plain, [2, "stage2"], "'stage2' twice"),
        (plain, [], "at least one"),
        (plain, "stage1", "a list such as"),
        (plain, 2, "a list such as"),
        (plain, [1.5], "got 1.5"),
        (nested, ["stem_bn", "conv"], "did you mean"),
        (lambda: keras.Sequential([tiny(include_top=False, name="a"), layers.Flatten()]), ["stem_"], "mean 'stem'"),
        (twice, None, "'backbone', called 2 times; take the features of that layer"),
        (twice, ["relu"], "called 2 times"),
        (named_as_stages, ["stage2"], "a stage and also a layer; give 2"),
    ],
)
def test_what_is_not_there_is_a_clear_error(make, stages, message):
    with pytest.raises(ArgumentError, match=message):
        features(make(), stages)


def test_an_ambiguous_name_offers_its_paths():
    inputs = keras.Input((16, 16, 1))
    parts = [tiny(include_top=False, name=name)(inputs) for name in ("left", "right")]
    model = keras.Model(inputs, layers.Concatenate()(parts))
    with pytest.raises(ArgumentError, match="'conv3', which 2 have; give one of left/conv3, right/conv3"):
        features(model, ["conv3"])
    assert rows(model, ["right/conv3"]) == [("right/conv3", "right/conv3", 8, 4)]
    # A layer of the model itself goes before those inside of others.
    assert rows(nested(), ["stem"]) == [("stem", "stem", 6, 4)]


def test_a_model_without_maps_says_so():
    for stages in (None, [1]):
        with pytest.raises(ModelError, match="convolutions over maps"):
            features(perceptron(), stages)
    assert rows(perceptron(), ["hidden"]) == [("hidden", "hidden", 4, None)]
    with pytest.raises(ModelError, match="call it on an input first"):
        features(Subclassed())
    with pytest.raises(ArgumentError, match=r"expected a keras\.Model, got Dense"):
        features(layers.Dense(3))


SCRIPT = """
import sys
import keras
import numpy as np
import visionkit.blocks
import visionkit.models
from visionkit.models.tools.features import features

folder = sys.argv[1]
x = np.load(folder + "/x.npy")
found = features(keras.saving.load_model(folder + "/model.keras"), ["stage1", "backbone/stem/stem_conv", -1])
for key, value in found.predict(x, verbose=0).items():
    difference = np.abs(value - np.load(f"{folder}/{key.replace('/', '.')}.npy")).max()
    assert difference <= 1e-3, (key, difference)
print("backend", keras.backend.backend())
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    x = images(2, 16, 16, 1)
    model = nested()
    found = features(model, ["stage1", "backbone/stem/stem_conv", -1])
    model.save(folder / "model.keras")
    np.save(folder / "x.npy", x)
    for key, value in found(x, training=False).items():
        np.save(folder / f"{key.replace('/', '.')}.npy", as_array(value))
    return folder


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same(backend, saved):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, str(saved)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"backend {backend}" in done.stdout
