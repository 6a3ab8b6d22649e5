"""Fused models give the same, with less; and what cannot be folded is left alone."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.models.sizes import FAMILIES, small
from visionkit import ModelError
from visionkit.blocks import BottleneckBlock, ConvBNAct, ResidualBlock, Stage
from visionkit.models.tools.fuse import fuse
from visionkit.models.tools.inline import inline


def as_array(x):
    return keras.ops.convert_to_numpy(x)


def run(model, x):
    return as_array(model(x, training=False))


def stir(model, seed=0):
    """Weights as after some training, for a small model."""
    generator = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    return model


def calibrate(model, x):
    """The statistics of these images, as if trained with them, for a large model: else its outputs would vanish.

    With a shift of about the scale, as trained models have it; with less a deep one blows up any rounding.
    """
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    generator = np.random.default_rng(0)
    for layer in norms:
        layer.momentum = 0.0
        layer.gamma.assign(generator.uniform(0.5, 1.0, layer.gamma.shape))
        layer.beta.assign(generator.uniform(0.0, 1.0, layer.beta.shape))
    if keras.backend.backend() == "jax":
        state = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]
        for variable, value in zip(
            model.non_trainable_variables, model.stateless_call(*state, x, training=True)[1], strict=True
        ):
            variable.assign(value)
    else:
        model(x, training=True)


def norms(model):
    return [one.name for one in model._flatten_layers() if type(one).__name__ == "BatchNormalization"]


def channels_first_or_skip():
    """TensorFlow convolves so on a CPU by oneDNN alone, which it leaves off where the processor lacks AVX512_VNNI."""
    try:
        layers.Conv2D(1, 1, data_format="channels_first")(np.zeros((1, 1, 1, 1), "float32"))
    except Exception as error:  # of a class that each backend has to itself
        pytest.skip(f"no convolutions with channels first on this machine: {type(error).__name__}")


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


@pytest.mark.parametrize(
    ("name", "shape", "left"),
    [
        ("ResNet50", (8, 64, 64, 3), 0),
        ("MobileNetV2", (8, 64, 64, 3), 0),
        ("EfficientNetB0", (8, 64, 64, 3), 0),
        ("DenseNet121", (8, 32, 32, 3), 62),  # where it normalises first
        ("Xception", (8, 71, 71, 3), 0),
    ],
)
def test_the_models_of_keras_applications_give_the_same(name, shape, left):
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=shape[1:], classes=10, classifier_activation=None
    )
    x = as_array(
        ops.image.resize(127 + 127 * images(shape[0], 4, 4, 3), shape[1:3])
    )  # smooth, and each of other colours
    calibrate(model, x)
    expected = run(model, x)
    assert expected.std(0).mean() > 1e-3 * np.abs(expected).max(), "the images should make a difference"
    fused = fuse(model)
    assert len(norms(fused)) == left
    np.testing.assert_allclose(run(fused, x), expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(run(model, x), expected)  # the original is as it was


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the others compute part of it in float32")
def test_in_float64_nothing_at_all_changes():
    keras.config.set_dtype_policy("float64")
    try:
        model = keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), classes=10, alpha=0.25)
    finally:
        keras.config.set_dtype_policy("float32")
    x = images(8, 32, 32, 3)
    calibrate(model, x)
    np.testing.assert_allclose(run(fuse(model), x), run(model, x), atol=1e-12)


def block_model():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            ConvBNAct(4, name="stem"),
            Stage(ResidualBlock, 2, filters=8, strides=2, drop_path=0.1, name="conv2"),
            Stage(BottleneckBlock, 1, filters=4, preactivation=True, name="conv3"),
        ],
        name="blocks",
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gives_the_same_flat_and_fused(name):
    model = stir(small(name, classifier_activation=None))
    x = 127 + 127 * images(1, *model.input_shape[1:])
    expected = run(model, x)
    np.testing.assert_array_equal(run(inline(model), x), expected)
    fused = fuse(model)
    np.testing.assert_allclose(run(fused, x), expected, atol=1e-4 * np.abs(expected).max())
    normalises_first = {"cifar_convnet": 6, "densenet121": 62, "resnet50v2": 17}  # or behind the activation
    assert len(norms(fused)) == normalises_first.get(name, 0)


def test_blocks_and_nested_models_give_the_same():
    model = stir(keras.Sequential([keras.Input((16, 16, 3)), block_model()]))
    fused, x = fuse(model), images(2, 16, 16, 3)
    assert norms(fused) == ["conv3_block1_preact_bn"]
    np.testing.assert_allclose(run(fused, x), run(model, x), rtol=1e-4, atol=1e-5)
    assert not [layer for layer in fused.layers if isinstance(layer, keras.Model)]


LAYERS = {
    "Conv1D": (lambda **k: layers.Conv1D(6, 3, groups=2, **k), (9, 4)),
    "Conv2D": (lambda **k: layers.Conv2D(6, 3, strides=2, dilation_rate=1, **k), (9, 9, 4)),
    "Conv3D": (lambda **k: layers.Conv3D(6, 2, **k), (4, 4, 4, 4)),
    "Conv1DTranspose": (lambda **k: layers.Conv1DTranspose(6, 3, **k), (9, 4)),
    "Conv2DTranspose": (lambda **k: layers.Conv2DTranspose(6, 3, strides=2, **k), (9, 9, 4)),
    "Conv3DTranspose": (lambda **k: layers.Conv3DTranspose(6, 2, **k), (4, 4, 4, 4)),
    "DepthwiseConv1D": (lambda **k: layers.DepthwiseConv1D(3, depth_multiplier=2, **k), (9, 4)),
    "DepthwiseConv2D": (lambda **k: layers.DepthwiseConv2D(3, depth_multiplier=2, **k), (9, 9, 4)),
    "SeparableConv1D": (lambda **k: layers.SeparableConv1D(6, 3, depth_multiplier=2, **k), (9, 4)),
    "SeparableConv2D": (lambda **k: layers.SeparableConv2D(6, 3, **k), (9, 9, 4)),
    "Dense": (lambda **k: layers.Dense(6, **k), (9, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("use_bias", [False, True])
def test_every_kind_of_convolution_takes_it_up(name, use_bias):
    make, shape = LAYERS[name]
    model = keras.Sequential(
        [
            keras.Input(shape),
            make(use_bias=use_bias, name="conv"),
            layers.BatchNormalization(epsilon=0.1),
            layers.ReLU(),
        ]
    )
    stir(model)
    for weight in model.get_layer("conv").weights:
        weight.assign(images(*weight.shape))
    fused, x = fuse(model), images(2, *shape)
    assert [type(layer).__name__ for layer in fused.layers][1:] == [name, "ReLU"]
    assert (fused.layers[1].name, fused.layers[1].use_bias) == ("conv", True)
    np.testing.assert_allclose(run(fused, x), run(model, x), atol=1e-5)


@pytest.mark.parametrize(("scale", "center"), [(False, True), (True, False), (False, False)])
def test_scale_and_centre_may_be_missing(scale, center):
    model = stir(
        keras.Sequential(
            [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(scale=scale, center=center, name="bn")]
        )
    )
    x = images(5, 4)
    assert norms(fuse(model)) == []
    np.testing.assert_allclose(run(fuse(model), x), run(model, x), atol=1e-5)


def test_channels_first_is_folded_over_the_first_axis():
    conv = layers.Conv2D(5, 3, data_format="channels_first", use_bias=False)
    model = stir(keras.Sequential([keras.Input((3, 8, 8)), conv, layers.BatchNormalization(axis=1)]))
    fused, x = fuse(model), images(2, 3, 8, 8)
    assert norms(fused) == []
    channels_first_or_skip()
    np.testing.assert_allclose(run(fused, x), run(model, x), atol=1e-5)


def norm(**options):
    return layers.BatchNormalization(name="bn", **options)


def conv(**options):
    return layers.Conv2D(4, 3, padding="same", **{"name": "conv", **options})


class Scale(layers.Layer):
    """A layer of other make with a weight of its own."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor


class MyNorm(layers.BatchNormalization):
    """May do anything."""


def shared_conv(x):
    layer = conv()
    return norm()(layer(layer(x)))


def shared_norm(x):
    layer = norm()
    return layer(conv(name="conv2")(layer(conv()(x))))


def used_twice(x):
    x = conv()(x)
    return layers.Add()([x, norm()(x)])


def also_an_output(x):
    x = conv()(x)
    return [x, norm()(x)]


ALONE = {
    "first": lambda x: conv()(norm()(x)),
    "behind an activation": lambda x: norm()(layers.ReLU()(conv()(x))),
    "behind the convolution's own activation": lambda x: norm()(conv(activation="relu")(x)),
    "behind a lambda": lambda x: norm()(conv(activation=lambda y: 2 * ops.tanh(y))(x)),
    "behind a layer as activation": lambda x: norm()(conv(activation=layers.LeakyReLU(0.1))(x)),
    "behind a Lambda layer": lambda x: norm()(layers.Lambda(lambda y: 2 * ops.relu(y))(conv()(x))),
    "behind a sum": lambda x: norm()(layers.Add()([x, conv()(x)])),
    "output used elsewhere": used_twice,
    "output of the model": also_an_output,
    "shared convolution": shared_conv,
    "shared normalisation": shared_norm,
    "another axis": lambda x: norm(axis=1)(conv()(x)),
    "other type": lambda x: norm(dtype="bfloat16")(conv()(x)),
    "called for training": lambda x: norm()(conv()(x), training=True),
    "layer of other make": lambda x: MyNorm(name="bn")(conv()(x)),
    "behind a layer of other make": lambda x: norm()(Scale(name="scale")(x)),
    "channels first, as wide as there are filters": lambda x: norm(axis=1)(
        conv(data_format="channels_first", use_bias=False)(x)
    ),
}


@pytest.mark.parametrize("case", ALONE)
def test_what_cannot_be_folded_is_left_alone(case):
    inputs = keras.Input((4, 4, 4))
    model = stir(keras.Model(inputs, ALONE[case](inputs)))
    fused, x = fuse(model), images(2, 4, 4, 4)
    assert isinstance(fused.get_layer("bn"), layers.BatchNormalization)
    assert fused.count_params() == model.count_params()
    if case.startswith("channels first"):
        channels_first_or_skip()
    training = None if case == "called for training" else False
    for expected, given in zip(*(keras.tree.flatten(one(x, training=training)) for one in (model, fused)), strict=True):
        np.testing.assert_allclose(
            as_array(ops.cast(given, "float32")), as_array(ops.cast(expected, "float32")), atol=1e-6
        )


def test_fused_half_precision_stays_half():
    model = stir(keras.Sequential([keras.Input((8, 8, 3)), ConvBNAct(4, name="block", dtype="mixed_float16")]))
    fused, x = fuse(model), images(2, 8, 8, 3)
    assert fused.get_layer("block_conv").compute_dtype == "float16"
    assert norms(fused) == []
    np.testing.assert_allclose(run(fused, x), run(model, x), atol=5e-3)


def test_fused_and_inlined_is_a_file_of_stock_layers(tmp_path):
    model = stir(block_model())
    inline(fuse(model)).save(tmp_path / "fused.keras")
    x = images(2, 16, 16, 3)
    expected = run(model, x)
    np.testing.assert_allclose(run(keras.saving.load_model(tmp_path / "fused.keras"), x), expected, atol=1e-4)
    np.testing.assert_allclose(run(fuse(inline(model)), x), expected, atol=1e-4)


class Bare(layers.Layer):
    """A layer that cannot be made again."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)


def test_a_layer_that_cannot_be_made_again_is_a_clear_error():
    model = keras.Sequential([keras.Input((4,)), Bare(ops.tanh, name="bare")])
    with pytest.raises(ModelError, match=r"fuse: .* got bare; give it a get_config"):
        fuse(model)
