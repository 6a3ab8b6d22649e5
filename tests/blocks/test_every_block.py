"""What holds for every block."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.blocks.catalog import BLOCKS
from visionkit import ArgumentError, blocks

every_block = pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)


@pytest.fixture(autouse=True)
def _clean():
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def as_array(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def functional(make, **options):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, make(**options)(inputs))


def stir(layer):
    """Give every weight a value that differs from its initial one."""
    generator = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(generator.uniform(0.4, 1.2, weight.shape))


@every_block
def test_saved_and_loaded_it_gives_the_same_bits(make, tmp_path):
    model = functional(make)
    stir(model)
    x = images(2, 9, 7, 3)
    expected = as_array(model(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(as_array(loaded(x)), expected)
    assert [w.path for w in loaded.weights] == [w.path for w in model.weights]
    model.save_weights(tmp_path / "a.weights.h5")
    other = functional(make)
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(as_array(other(x)), expected)


@every_block
@pytest.mark.parametrize("size", [(8, 8), (9, 7), (1, 2)])
def test_output_shape_is_the_real_one(make, size):
    shape = (2, *size, 3)
    block = make()
    told = block.compute_output_shape(shape)
    assert told == tuple(block(images(*shape)).shape) == block.compute_output_shape(shape)
    unknown = make().compute_output_shape((None, None, None, 3))
    assert all(u is None or u == t for u, t in zip(unknown, told, strict=True))
    assert len(unknown) == len(told)
    assert unknown[-1] == told[-1]


@every_block
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize("given", ["globally", "by argument"])
def test_types_follow_the_policy(make, policy, given):
    if given == "globally":
        keras.config.set_dtype_policy(policy)
        block = make()
    elif make in (BLOCKS["residual"], BLOCKS["residual_identity"], BLOCKS["stage_nested"]):
        pytest.skip("layers that the caller made keep their own type")
    else:
        block = make(dtype=policy)
    symbol = block(keras.KerasTensor((2, 8, 8, 3)))
    y = block(images(2, 8, 8, 3))
    compute = policy.removeprefix("mixed_")
    half_head = isinstance(block, blocks.ClassifierHead) and compute != "float64" and block.activation is not None
    assert keras.backend.standardize_dtype(y.dtype) == symbol.dtype == ("float32" if half_head else compute)
    wide = "float64" if policy == "float64" else "float32"
    assert {weight.dtype for weight in block.weights} <= {wide}
    assert np.isfinite(as_array(y)).all()


@every_block
def test_config_makes_an_equal_block(make):
    block = make(name="conv7")
    config = block.get_config()
    again = type(block).from_config(config)
    for one in (block, again):
        one.build((None, 8, 8, 3))
    assert again.get_config() == block.get_config()
    assert [w.path for w in again.weights] == [w.path for w in block.weights]
    again.set_weights(block.get_weights())
    x = images(2, 8, 8, 3)
    np.testing.assert_array_equal(as_array(again(x)), as_array(block(x)))


@every_block
def test_gradient_reaches_every_trainable_weight(make):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("takes the gradient with TensorFlow")
    block = make()
    x = images(8, 8, 8, 3)
    block(x)
    stir(block)
    with tf.GradientTape() as tape:
        y = block(x, training=True)
        loss = tf.reduce_sum(y * tf.cast(images(*y.shape, seed=5), y.dtype))
    gradients = tape.gradient(loss, [w.value for w in block.trainable_weights])
    for weight, gradient in zip(block.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        # A bias before batch normalisation is the one thing that the loss cannot depend on.
        if not weight.path.endswith("conv/bias"):
            assert np.abs(gradient).max() > 0, weight.path


@every_block
def test_names_of_inner_layers_start_with_the_blocks_own(make):
    block = make(name="conv7")
    block.build((None, 8, 8, 3))
    own = [layer for layer in block._flatten_layers(include_self=False) if layer.name.startswith("conv7_")]
    if make in (BLOCKS["residual"], BLOCKS["residual_identity"], BLOCKS["stage_nested"]):
        return  # layers that the caller made keep their own names
    assert own == list(block._flatten_layers(include_self=False))
    assert len({layer.name for layer in own}) == len(own)


@every_block
def test_works_in_every_kind_of_model(make):
    class Subclassed(keras.Model):
        def __init__(self, block):
            super().__init__()
            self.block = block

        def call(self, x):
            return self.block(x)

    block = make()
    inputs = keras.Input((8, 8, 3))
    inner = keras.Model(inputs, block(inputs))
    x = images(2, 8, 8, 3)
    expected = as_array(block(x))
    for model in (keras.Sequential([inputs, block]), inner, Subclassed(block), keras.Sequential([inputs, inner])):
        np.testing.assert_allclose(as_array(model(x)), expected, rtol=0, atol=0)
    clone = keras.models.clone_model(inner)
    clone.set_weights(inner.get_weights())
    np.testing.assert_array_equal(as_array(clone(x)), expected)


@every_block
def test_frozen_nothing_changes(make):
    block = make()
    inputs = keras.Input((8, 8, 3))
    model = keras.Sequential([inputs, block, layers.Flatten(), layers.Dense(1)])
    block.trainable = False
    assert block.trainable_weights == []
    before = block.get_weights()
    model.compile("sgd", "mse")
    model.fit(images(4, 8, 8, 3), np.ones((4, 1)), epochs=1, verbose=0)
    for old, new in zip(before, block.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@every_block
def test_training_reaches_the_inner_layers(make):
    block = make()
    x = images(64, 4, 4, 3)
    inner = list(block._flatten_layers())
    differs = any(isinstance(one, layers.BatchNormalization | layers.Dropout) for one in inner)
    quiet, again = as_array(block(x, training=False)), as_array(block(x))
    np.testing.assert_array_equal(quiet, again)
    differs = differs or any(isinstance(one, blocks.DropPath) for one in block._flatten_layers())
    assert (np.abs(as_array(block(x, training=True)) - quiet).max() > 1e-6) == differs


@every_block
def test_unknown_argument_is_an_error(make):
    with pytest.raises(ArgumentError, match=r"unknown argument 'nmae'.*'name'|got nmae"):
        make(nmae="x")
