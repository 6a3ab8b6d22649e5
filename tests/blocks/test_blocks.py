"""What each block is for, against outside witnesses."""

import keras
import numpy as np
import pytest
from keras import layers

from visionkit import ArgumentError
from visionkit.blocks import (
    BottleneckBlock,
    ClassifierHead,
    ConvBNAct,
    DropPath,
    LocalResponseNorm,
    Residual,
    ResidualBlock,
    Stage,
)


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def as_array(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def names(block, shape):
    block.build(shape)
    return {layer.name for layer in block._flatten_layers(include_self=False) if layer.weights}


@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"), [(5, 1e-4, 0.75, 2.0), (3, 0.5, 0.6, 1.0), (7, 2.0, 0.75, 2.0)]
)
def test_local_response_norm_is_tensorflows(size, alpha, beta, k):
    tf = pytest.importorskip("tensorflow")
    x = 3 * images(2, 4, 5, 11)
    expected = tf.nn.local_response_normalization(x, size // 2, bias=k, alpha=alpha, beta=beta)
    np.testing.assert_allclose(as_array(LocalResponseNorm(size, alpha=alpha, beta=beta, k=k)(x)), expected, rtol=2e-5)


def test_local_response_norm_is_pytorchs_with_alpha_times_size():
    torch = pytest.importorskip("torch")
    x = 3 * images(2, 4, 5, 11)
    expected = torch.nn.LocalResponseNorm(5, alpha=0.7, beta=0.75, k=2.0)(torch.from_numpy(x.transpose(0, 3, 1, 2)))
    ours = as_array(LocalResponseNorm(5, alpha=0.7 / 5)(x))
    np.testing.assert_allclose(ours, expected.numpy().transpose(0, 2, 3, 1), rtol=2e-5)


def test_local_response_norm_of_large_values_does_not_overflow_in_float16():
    y = as_array(LocalResponseNorm(dtype="mixed_float16")(np.full((1, 2, 2, 8), 1000, "float16")))
    expected = as_array(LocalResponseNorm()(np.full((1, 2, 2, 8), 1000, "float32")))
    np.testing.assert_allclose(y, expected, rtol=2e-3)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [8, 9])
def test_symmetric_padding_is_pytorchs(strides, size):
    torch = pytest.importorskip("torch")
    block = ConvBNAct(4, 3, strides=strides, padding="symmetric", activation="relu")
    x = images(2, size, size, 3)
    ours = as_array(block(x))
    conv = torch.nn.Conv2d(3, 4, 3, stride=strides, padding=1, bias=False)
    conv.weight.data = torch.from_numpy(as_array(block.conv.kernel).transpose(3, 2, 0, 1).copy())
    with torch.no_grad():
        expected = torch.relu(conv(torch.from_numpy(x.transpose(0, 3, 1, 2))) / np.sqrt(1 + 1e-3))
    np.testing.assert_allclose(ours, expected.numpy().transpose(0, 2, 3, 1), atol=1e-5)


def test_a_pooling_inside_gives_what_one_behind_gives():
    inside, behind = ConvBNAct(4, 3, pool_size=2), ConvBNAct(4, 3)
    x = np.random.default_rng(0).normal(size=(2, 9, 7, 3)).astype("float32")
    inside(x), behind(x)
    generator = np.random.default_rng(1)
    behind.set_weights([generator.uniform(0.4, 1.2, weight.shape) for weight in behind.weights])  # gamma is positive
    inside.set_weights(behind.get_weights())
    expected = keras.layers.MaxPooling2D(2)(behind(x))
    np.testing.assert_allclose(as_array(inside(x)), as_array(expected), rtol=1e-5, atol=1e-6)


def test_normalised_before_the_nonlinearity():
    assert [type(one).__name__ for one in ConvBNAct(4).chain() if one] == ["Conv2D", "BatchNormalization", "Activation"]


@pytest.mark.parametrize(
    ("reference", "stem"), [("ResNet50", {"use_bias": True}), ("ResNet50V2", {"preactivation": True})]
)
def test_bottleneck_stages_have_the_names_and_weights_of_keras_applications(reference, stem):
    model = getattr(keras.applications, reference)(weights=None, input_shape=(32, 32, 3), include_top=False)
    options = {"filters": 64, "epsilon": 1.001e-5, "use_bias": True, **stem}
    stage = Stage(BottleneckBlock, 3, name="conv2", **options)
    stage.build((None, 8, 8, 64))
    expected = {one.name: one for one in model.layers if one.name.startswith("conv2_block") and one.weights}
    ours = {one.name: one for one in stage._flatten_layers() if one.weights and isinstance(one, tuple(LEAVES))}
    assert set(ours) == set(expected)
    for name, one in expected.items():
        assert [w.shape for w in ours[name].weights] == [w.shape for w in one.weights], name


LEAVES = (layers.Conv2D, layers.BatchNormalization)


def test_resnet50_stage_gives_what_keras_applications_gives():
    reference = keras.applications.ResNet50(weights=None, input_shape=(32, 32, 3), include_top=False)
    start, end = reference.get_layer("conv2_block3_out"), reference.get_layer("conv3_block4_out")
    part = keras.Model(start.output, end.output)
    stage = Stage(BottleneckBlock, 4, strides=2, filters=128, use_bias=True, epsilon=1.001e-5, name="conv3")
    stage.build((None, 8, 8, 256))
    for one in stage._flatten_layers():
        if isinstance(one, LEAVES):
            one.set_weights(reference.get_layer(one.name).get_weights())
    x = images(2, 8, 8, 256)
    np.testing.assert_allclose(as_array(stage(x)), as_array(part(x)), atol=1e-5)
    assert stage.count_params() == part.count_params()


@pytest.mark.parametrize("block", [ResidualBlock, BottleneckBlock])
def test_preactivation_leaves_the_identity_untouched(block):
    unit = block(4 if block is ResidualBlock else 1, preactivation=True)
    x = images(2, 6, 6, 4)
    unit(x)
    last = unit.conv2 if block is ResidualBlock else unit.conv3
    last.set_weights([np.zeros_like(w) for w in last.get_weights()])
    np.testing.assert_array_equal(as_array(unit(x)), x)  # negative values pass: nothing follows the sum


@pytest.mark.parametrize("block", [ResidualBlock, BottleneckBlock])
def test_without_preactivation_the_sum_is_activated(block):
    unit = block(4 if block is ResidualBlock else 1)
    x = images(2, 6, 6, 4)
    unit(x)
    last = unit.conv2 if block is ResidualBlock else unit.conv3
    last.norm.gamma.assign(np.zeros(4))
    np.testing.assert_array_equal(as_array(unit(x)), np.maximum(x, 0))


@pytest.mark.parametrize("block", [ResidualBlock, BottleneckBlock])
def test_drop_path_skips_the_branch_of_whole_samples(block):
    unit = block(16 if block is ResidualBlock else 4, preactivation=True, drop_path=0.5)
    x = images(200, 4, 4, 16)
    y = as_array(unit(x, training=True))
    skipped = (y == x).all(axis=(1, 2, 3))
    assert 60 < skipped.sum() < 140
    assert (np.abs(as_array(unit(x)) - x).max(axis=(1, 2, 3)) > 0).all()  # never in inference


def test_drop_path_keeps_the_mean():
    y = as_array(DropPath(0.2, seed=3)(np.ones((4000, 2, 2, 1), "float32"), training=True))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1.25)}
    assert abs(y.mean() - 1) < 0.03


def test_only_the_first_block_of_a_stage_strides():
    stage = Stage(ResidualBlock, 3, strides=2, filters=8)
    assert [block.strides for block in stage.blocks] == [(2, 2), (1, 1), (1, 1)]


def test_equal_blocks_start_from_different_values():
    stage = Stage(ConvBNAct, 2, filters=3, kernel_initializer=keras.initializers.HeNormal())
    stage.build((None, 4, 4, 3))
    first, second = (as_array(block.conv.kernel) for block in stage.blocks)
    assert np.abs(first - second).max() > 0.1


def test_xavier_is_glorot():
    block = ConvBNAct(3, kernel_initializer="xavier_uniform")
    assert isinstance(block.conv.kernel_initializer, keras.initializers.GlorotUniform)


def test_head_has_the_names_of_keras_applications():
    assert names(ClassifierHead(10, pooling="flatten", hidden=(8, 8), name="head"), (None, 2, 2, 3)) == {
        "fc1",
        "fc2",
        "predictions",
    }


def test_softmax_sums_to_one_in_mixed_precision():
    y = ClassifierHead(1000, dtype="mixed_bfloat16")(50 * images(4, 2, 2, 8))
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    np.testing.assert_allclose(as_array(y).sum(-1), 1, atol=1e-5)


def test_a_subclass_may_fix_arguments_of_its_base():
    class Fixed(ResidualBlock):
        def __init__(self, **kwargs):
            super().__init__(8, activation="gelu", **kwargs)

    block = Fixed(strides=2, name="fixed")
    again = Fixed.from_config(block.get_config())
    assert again.strides == (2, 2)
    assert again.compute_output_shape((None, 8, 8, 3)) == (None, 4, 4, 8)


@keras.saving.register_keras_serializable("tests")
class Plain(keras.Layer):
    """A user's layer that says neither how it is built nor what shape it gives."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x)


def test_residual_around_a_layer_that_tells_nothing(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Residual([Plain(), layers.Dropout(0.5)])(inputs))
    x = images(3, 4)
    assert model.output_shape == (None, 4)
    assert len(model.weights) == 2
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(as_array(keras.saving.load_model(tmp_path / "model.keras")(x)), as_array(model(x)))


def test_blocks_copy_as_parts_of_models():
    model = keras.Sequential([keras.Input((8, 8, 3)), Stage(ResidualBlock, 2, filters=4)])
    x = images(2, 8, 8, 3)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(as_array(copy(x)), as_array(model(x)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvBNAct(0), "filters to be an integer of at least 1, got 0"),
        (lambda: ConvBNAct(4, 2.5), "kernel_size"),
        (lambda: ConvBNAct(4, strides=(1, 2, 3)), "strides to be one integer or two, got tuple of length 3"),
        (lambda: ConvBNAct(4, padding="smae"), "did you mean 'same'"),
        (lambda: ConvBNAct(4, groups=3), "3 groups for 4 filters"),
        (lambda: ConvBNAct(4, groups=2)(images(1, 4, 4, 3)), "groups to divide 3 channels"),
        (lambda: ConvBNAct(4, strides=2, dilation_rate=2), "strides or dilation_rate to be 1"),
        (lambda: ConvBNAct(4, activation="rleu"), "activation.*'rleu'"),
        (lambda: ConvBNAct(4, kernel_initializer="he"), "kernel_initializer.*'he'"),
        (lambda: ConvBNAct(4, kernel_regularizer="l9"), "kernel_regularizer.*'l9'"),
        (lambda: ConvBNAct(4, epsilon=0), "epsilon to be a number above 0"),
        (lambda: ConvBNAct(4)(images(2, 8)), r"\(N, H, W, C\), got \(2, 8\)"),
        (lambda: ConvBNAct(4)(keras.Input((8, 8, None))), "known number of channels"),
        (lambda: ConvBNAct(4, fliters=4), "did you mean 'filters'"),
        (ConvBNAct, "filters"),
        (lambda: ResidualBlock(4, padding="valid"), "'same', 'symmetric'"),
        (lambda: ResidualBlock(4, preactivation="yes"), "preactivation to be True or False"),
        (lambda: BottleneckBlock(4, strides_on="2x2"), "'1x1', '3x3'"),
        (lambda: BottleneckBlock(4, drop_path=1.0), r"drop_path to be in \[0, 1\), got 1.0"),
        (lambda: DropPath(-0.1), "rate"),
        (lambda: LocalResponseNorm(4), "size to be odd"),
        (lambda: Residual(layers.Dense(3))(images(2, 4)), r"\(2, 3\) from the branch and \(2, 4\) from the shortcut"),
        (lambda: Residual(layers.Dense(4)).compute_output_shape((2, 3)), r"\(2, 4\).*\(2, 3\)"),
        (lambda: Residual([]), "empty list"),
        (lambda: Residual(layers.Dense), r"make one with Dense\(...\)"),
        (lambda: Stage(ResidualBlock, 0, filters=4), "depth"),
        (lambda: Stage(ResidualBlock, filters=4), "depth"),
        (lambda: Stage(ResidualBlock, 2, filers=4), "did you mean 'filters'"),
        (lambda: Stage(layers.Dense, 2, units=4, strides=2), "Dense takes no strides"),
        (lambda: Stage([layers.Dense(2)], strides=2), "got strides"),
        (lambda: Stage(layers.Dense(4), 2), "a layer class, a function"),
        (lambda: ClassifierHead(10, pooling="avrg"), "did you mean 'avg'"),
        (lambda: ClassifierHead(10, hidden=128), "hidden to be a list of integers, got 128"),
        (lambda: ClassifierHead(10, pooling="flatten")(keras.Input((None, None, 3))), "known height and width"),
    ],
)
def test_an_error_says_what_was_expected_and_what_came(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
