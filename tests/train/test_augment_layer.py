"""Augment in a model: types, shapes, compilation, files; its presets, and mistakes."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.train.augmented import EVERYTHING, levels, photos
from visionkit import _errors as errors
from visionkit.train.augment import Augment, draw, resolve
from visionkit.train.augment.presets import PRESETS


@pytest.fixture(scope="module")
def batch():
    return photos()


def test_without_training_images_pass_unchanged(batch):
    for augment in (Augment(**EVERYTHING), Augment.preset("flowers")):
        np.testing.assert_array_equal(ops.convert_to_numpy(augment(batch, training=False)), batch)
        np.testing.assert_array_equal(ops.convert_to_numpy(augment(batch)), batch)


def test_without_training_a_crop_in_pixels_is_the_center_crop_of_keras(batch):
    images = batch.astype("float32")
    for crop in ((50, 70), (51, 71), (90, 120)):
        made = ops.convert_to_numpy(Augment(crop=crop)(images))
        expected = keras.layers.CenterCrop(*crop, data_format="channels_last")(images)
        np.testing.assert_array_equal(made, ops.convert_to_numpy(expected))


@pytest.mark.parametrize(
    ("crop", "inside", "outside"),
    [
        (None, (90, 120, 3), (None, 90, 120, 3)),
        (0.5, (None, None, 3), (None, None, None, 3)),
        (64, (90, 120, 1), (None, 64, 64, 1)),
        ((64, 32), (90, 120, 3), (None, 64, 32, 3)),
    ],
)
def test_shapes_and_types_are_known_before_any_image(crop, inside, outside):
    augment = Augment(crop=crop, rotation=10)
    assert augment.compute_output_shape((None, *inside)) == outside
    for kind in ("uint8", "float32"):
        tensor = augment(keras.Input(inside, dtype=kind))
        assert tensor.shape == outside
        assert tensor.dtype == kind


def test_mixed_precision_warps_in_float32_and_returns_the_compute_type(batch):
    augment = Augment(**EVERYTHING, seed=3, dtype="mixed_float16")
    made = augment(batch.astype("float32"), training=True)
    assert keras.backend.standardize_dtype(made.dtype) == "float16"
    assert levels(ops.cast(made, "float32"), Augment(**EVERYTHING, seed=3)(batch, training=True)) < 0.5


@pytest.mark.parametrize("jit", [False, True])
def test_a_model_trains_with_it(batch, jit):
    if keras.backend.backend() != "tensorflow" and jit != (keras.backend.backend() == "jax"):
        pytest.skip("not what Keras does by default on this backend")
    model = keras.Sequential(
        [
            keras.Input((90, 120, 3)),
            Augment(**EVERYTHING, crop=(64, 64), fill="wrap", seed=0),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    model.compile("sgd", "mse", jit_compile=jit)
    before = ops.convert_to_numpy(model.layers[0].generator.state).tolist()
    history = model.fit(batch, np.zeros((6, 2)), epochs=2, batch_size=4, verbose=0)  # the last batch is smaller
    assert np.isfinite(history.history["loss"]).all()
    assert ops.convert_to_numpy(model.layers[0].generator.state).tolist() == [before[0], before[1] + 4]
    assert model.predict(batch, verbose=0).shape == (6, 2)


def test_images_of_any_size_pass_one_model(batch):
    inputs = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(inputs, Augment(**EVERYTHING, crop=0.9)(inputs))
    for images in (batch, batch[:, :50, :61]):
        assert tuple(model(images, training=True).shape) == images.shape


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_saved_model_goes_on_with_the_next_draw(batch, tmp_path, suffix):
    def build():
        return keras.Sequential([keras.Input((90, 120, 3)), Augment(**EVERYTHING, crop=(64, 48), fill="reflect")])

    model, images = build(), batch.astype("float32")
    model(images, training=True)
    path = tmp_path / f"model{suffix}"
    if suffix == ".keras":
        model.save(path)
        again = keras.saving.load_model(path)
        assert again.layers[0].get_config() == model.layers[0].get_config()
    else:
        model.save_weights(path)
        again = build()
        again.load_weights(path)
    following = [ops.convert_to_numpy(one(images, training=True)) for one in (model, again)]
    np.testing.assert_array_equal(*following)
    assert levels(following[0], ops.convert_to_numpy(model(images, training=True))) > 1


def test_the_config_makes_the_same_layer():
    augment = Augment(**EVERYTHING, crop=0.8, fill="constant", fill_value=7, seed=3, name="augment")
    again = Augment.from_config(augment.get_config())
    assert again.get_config() == augment.get_config()
    assert again.ranges == augment.ranges
    assert Augment.from_config(Augment().get_config()).ranges == draw.Ranges()


# --- presets and mistakes


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_had_by_name(name):
    augment = resolve("here", name)
    assert augment.ranges == Augment.preset(name).ranges
    assert Augment.preset(name, rotation=3).ranges.rotation == 3
    assert augment.compute_output_shape((None, 32, 32, 1)) == (None, 32, 32, 1)


def test_resolve_passes_an_augment_and_nothing():
    augment = Augment()
    assert resolve("here", augment) is augment
    assert resolve("here", None) is None
    for wrong in ("dogs", 3, keras.layers.RandomFlip()):
        with pytest.raises(
            errors.ArgumentError, match="here: expected augment to be None, an Augment, or one of 'digits'"
        ):
            resolve("here", wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rotation": -10}, "expected rotation to be at least 0, got -10"),
        ({"rotation": 200}, "expected rotation to be at most 180 degrees, got 200"),
        ({"rotation": float("nan")}, "expected rotation to be a number, got nan"),
        ({"zoom": 1}, r"expected zoom to be in \[0, 1\), got 1"),
        ({"zoom": (0, 1.2)}, "expected zoom to be a number above 0, got 0"),
        ({"zoom": (1.2, 0.8)}, r"expected zoom to be \(lowest, highest\)"),
        ({"zoom": (1, 2, 3)}, r"expected zoom to be one number or \(lowest, highest\), got tuple of length 3"),
        ({"shift": 1.5}, r"expected shift to be a share in \[0, 1\), or pixels, got 1.5; pixels are integers"),
        ({"shift": -2}, "expected shift to be at least 0, got -2"),
        ({"shift": (2, True)}, "expected shift to be a number, got True"),
        ({"shift": (0.1,)}, r"expected shift to be one number or \(of height, of width\)"),
        ({"shear": "much"}, "expected shear to be a number, got 'much'"),
        ({"shear": 90}, "expected shear to be at most 89 degrees"),
        ({"horizontal_flip": 1}, "expected horizontal_flip to be True, False or 'alternate', got 1"),
        ({"rot90": 90}, "expected rot90 to be True or False, got 90"),
        ({"crop": 1.5}, "expected crop to be pixels, or a share of at most 1, got 1.5"),
        ({"crop": 0.0}, "expected crop to be a number above 0"),
        ({"crop": (0, 5)}, "expected crop to be an integer of at least 1, got 0"),
        ({"fill": "mirror"}, "expected fill to be one of 'nearest', 'reflect', 'constant', 'wrap', got 'mirror'"),
        ({"fill_value": None}, "expected fill_value to be a number, got None"),
        ({"seed": -1}, "expected seed to be an integer of at least 0, got -1"),
        ({"rotations": 10}, "unknown argument 'rotations'; did you mean 'rotation'"),
    ],
    ids=str,
)
def test_an_option_out_of_its_range_is_named(options, message):
    with pytest.raises(errors.ArgumentError, match=f"^Augment: {message}"):
        Augment(**options)


def test_an_unknown_preset_is_named():
    with pytest.raises(errors.ArgumentError, match="did you mean 'faces'"):
        Augment.preset("face")


def test_a_crop_larger_than_the_images_is_found(batch):
    message = "no larger than the images, got 91x64 pixels for 90x120"
    with pytest.raises(errors.ArgumentError, match=message):
        Augment(crop=(91, 64))(batch, training=True)
    with pytest.raises(errors.ArgumentError, match=message):
        Augment(crop=(91, 64))(keras.Input((90, 120, 3)))
    with pytest.raises(errors.ArgumentError, match=f"{message} of sample 8"):
        Augment(crop=(91, 64)).matrices([3, 8], epoch=0, sizes=[(91, 64), (90, 120)], size=(32, 32), seed=0)
    with pytest.raises(errors.ArgumentError, match="for NonexNone"):
        Augment(crop=(91, 64))(keras.Input((None, None, 3)))


@pytest.mark.parametrize("shape", [(90, 120, 3), (2, 3, 90, 120, 3), (90, 120)])
def test_what_is_no_batch_is_an_error(shape):
    with pytest.raises(errors.ImageError, match=r"expected a batch of images, of shape \(N, H, W, C\)"):
        Augment()(np.zeros(shape, np.uint8), training=True)
    ready = Augment()
    ready(np.zeros((1, 4, 4, 1)))
    with pytest.raises(errors.ImageError, match=r"expected a batch of images, of shape \(N, H, W, C\)"):
        ready(np.zeros(shape, np.uint8), training=True)
