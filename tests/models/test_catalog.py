"""One test over the whole catalog, and the published number of each model's parameters."""

import keras
import numpy as np
import pytest

from tests.models.sizes import FAMILIES, models_marked, small
from visionkit.models import create, profile
from visionkit.models.tools.trace import traced

# Total and trainable, of models that Keras Applications does not have; with their papers' or peers' figures.
COUNTS = {
    "alexnet": ({}, 60_965_224, 60_965_224),  # bvlc_alexnet of Caffe
    "alexnet 2014": ({"variant": "2014"}, 61_100_840, 61_100_840),  # torchvision
    "cifar_convnet": ({}, 2_264_458, 2_263_114),
    "lenet5 modern": ({"variant": "modern"}, 61_706, 61_706),
    "resnet18": ({"classes": 1000}, None, 11_689_512),  # torchvision, as the next
    "resnet34": ({"classes": 1000}, None, 21_797_672),
    "resnet20_cifar": ({}, None, 269_722),
    "resnet32_cifar": ({}, None, 464_154),
    "resnet44_cifar": ({}, None, 658_586),
    "resnet56_cifar": ({}, None, 853_018),
    "resnet110_cifar": ({}, None, 1_727_962),
    "small_convnet": ({}, 3_453_121, 3_453_121),  # Chollet 2018, listing 5.5
    "small_convnet mnist": ({"variant": "mnist"}, 93_322, 93_322),  # listing 5.3
}

# Whole systems on a base of ours: the base, is it frozen, what stands behind it, total, trainable.
SYSTEMS = {
    "xception for flowers": ("xception", True, ["average", "norm", 512, "norm", 104], 21_974_160, 1_107_560),
    "densenet201 for flowers": ("densenet201", False, ["average", 104], 18_521_768, 18_292_712),
    "densenet201 for faces": ("densenet201", False, ["average", 4096, 14], 26_247_758, 26_018_702),
    "mobilenet for faces": ("mobilenet", False, ["average", 14], 3_243_214, 3_221_326),
    "resnet50 for cars": ("resnet50", False, ["average", 196], 23_989_316, 23_936_196),
    "vgg16 for cats and dogs": ("vgg16", False, ["flatten", 256, 1], 16_812_353, 16_812_353),
}
LAYERS = {
    "average": keras.layers.GlobalAveragePooling2D,
    "flatten": keras.layers.Flatten,
    "norm": keras.layers.BatchNormalization,
}


def as_array(x):
    return keras.ops.convert_to_numpy(x)


def count(weights):
    return sum(int(np.prod(one.shape)) for one in weights)


def images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


@pytest.mark.parametrize("name", models_marked())
def test_every_model(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = small(name)
    every = list(model._flatten_layers())
    assert len({layer.name for layer in every}) == len(every), "no two layers have the same name"

    x = images(2, *model.input_shape[1:])
    y = x
    for layer in model.layers[1:]:  # the bodies have no branches outside of blocks, but for the flip of Caffe's scaling
        told = layer.compute_output_shape(tuple(y.shape))
        y = layer(y)
        assert tuple(y.shape) == told, layer.name
        if layer.name == "rescaling" and any(type(one).__name__ == "Flip" for one in model.operations):
            y = keras.ops.flip(y, -1)
    np.testing.assert_allclose(as_array(y), as_array(model(x)), atol=1e-5)
    np.testing.assert_allclose(as_array(y).sum(-1), 1, atol=1e-5)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(as_array(loaded(x)), as_array(model(x)))
    assert [one.path for one in loaded.weights] == [one.path for one in model.weights]

    eager = keras.backend.backend() != "jax"
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=eager)
    kernels = [one for one in model.trainable_weights if one.name.endswith("kernel")]
    old = [as_array(one) for one in kernels]
    assert np.isfinite(model.train_on_batch(x, np.arange(2)))
    assert all(np.isfinite(as_array(one)).all() for one in kernels)
    for place in (0, -1):
        assert np.abs(as_array(kernels[place]) - old[place]).max() > 0, kernels[place].path


@pytest.mark.parametrize("name", COUNTS)
def test_published_numbers_of_parameters(name):
    options, total, trainable = COUNTS[name]
    model = create(name.split()[0], **options)
    assert count(model.trainable_weights) == trainable
    assert total is None or count(model.weights) == total


@pytest.mark.parametrize("name", SYSTEMS)
def test_numbers_of_parameters_of_whole_systems(name):
    base_name, frozen, behind, total, trainable = SYSTEMS[name]
    base = create(base_name, input_shape=(150, 150, 3), include_top=False)
    base.trainable = not frozen
    head = [LAYERS[one]() if one in LAYERS else keras.layers.Dense(one) for one in behind]
    model = keras.Sequential([keras.Input((150, 150, 3)), base, *head])
    assert (count(model.weights), count(model.trainable_weights)) == (total, trainable)
    if base_name == "vgg16":  # Chollet 2018, section 5.3.1
        assert len(model.trainable_weights) == 30
        base.trainable = False
        assert len(model.trainable_weights) == 4


@pytest.mark.parametrize("name", models_marked(["resnet50", "resnet101"]))
def test_output_stride_computes_the_same_at_more_places(name):
    # The stride is on a 1x1 convolution: dilated, the places that it kept have the same values (Chen et al. 2017).
    options = {"input_shape": (64, 64, 3), "include_top": False}
    whole = create(name, **options)
    expected = as_array(whole(images(2, 64, 64, 3)))
    for output_stride, step in ((16, 2), (8, 4)):
        fine = create(name, output_stride=output_stride, **options)
        fine.set_weights(whole.get_weights())
        got = as_array(fine(images(2, 64, 64, 3)))
        assert got.shape[1:3] == (64 // output_stride, 64 // output_stride)
        np.testing.assert_allclose(got[:, ::step, ::step], expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50v2", "mobilenet", "mobilenet_v2", "mobilenet_v3_small", "xception", "efficientnet_b0"]
)
def test_output_stride_is_that_of_the_last_map(name):
    for output_stride in (8, 16, 32):
        model = create(name, input_shape=(128, 128, 3), include_top=False, output_stride=output_stride)
        assert model.output_shape[1] == 128 // output_stride
    with pytest.raises(ValueError, match="one of 8, 16, 32, got 4"):
        create(name, output_stride=4)


@pytest.mark.parametrize("name", ["resnet18", "resnet50v2", "mobilenet_v2", "mobilenet_v3_large", "resnet20_cifar"])
def test_drop_path_rises_to_the_rate(name):
    model = small(name, drop_path=0.4)
    with traced(model) as graph:  # in the order in which the image passes
        rates = [one.rate for one in graph.operations if one.name.endswith(("drop_path_dropout", "drop_dropout"))]
    assert rates == sorted(rates)
    assert 0.3 < rates[-1] <= 0.4
    assert not [one for one in small(name)._flatten_layers() if type(one).__name__ == "DropPath"]


def test_stem_for_small_images_keeps_their_size():
    for name in ("resnet18", "resnet50", "resnet50v2", "densenet121"):
        maps = create(name, input_shape=(32, 32, 3), include_top=False, stem="cifar")
        assert maps.output_shape[1] == 4
        assert next(one.kernel_size for one in maps._flatten_layers() if hasattr(one, "kernel_size")) == (3, 3)


def test_width_and_growth():
    assert small("mobilenet_v2", alpha=0.35).count_params() < small("mobilenet_v2").count_params() / 3
    assert small("densenet121", growth_rate=8).get_layer("conv2").output.shape[-1] == 16 + 6 * 8
    for name, option in (("mobilenet", "alpha"), ("densenet121", "growth_rate")):
        with pytest.raises(ValueError, match=option):
            small(name, **{option: 0})


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(name, channels):
    side = small(name).input_shape[1]
    model = small(name, input_shape=(side, side, channels))
    probabilities = as_array(model(images(2, side, side, channels)))
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)


def test_images_of_any_size():
    model = small("resnet18", input_shape=(None, None, 3))
    assert as_array(model(images(1, 40, 72, 3))).shape == (1, 5)


def test_squeeze_excite_half_width_resnet_in_a_few_lines():
    from visionkit.blocks import ClassifierHead, ConvBNAct, ResidualBlock, Stage

    model = keras.Sequential([keras.Input((64, 64, 1)), ConvBNAct(32, 7, strides=2), keras.layers.MaxPooling2D()])
    for number, filters in enumerate((32, 64, 128, 256)):
        model.add(Stage(ResidualBlock, 2, filters=filters, strides=1 if number == 0 else 2, se_ratio=0.25))
    model.add(ClassifierHead(10))
    assert model.output_shape == (None, 10)
    assert [type(one).__name__ for one in model._flatten_layers()].count("SqueezeExcite") == 8


# Multiply-adds in G at the default size; of Keras Applications, and of torchvision for the first two.
MULT_ADDS = {
    "resnet18": 1.814,
    "resnet34": 3.664,
    "vgg16": 15.470,
    "vgg19": 19.632,
    "resnet50": 3.858,
    "resnet101": 7.570,
    "resnet152": 11.282,
    "resnet50v2": 3.482,
    "resnet101v2": 7.194,
    "resnet152v2": 10.907,
    "densenet121": 2.834,
    "densenet169": 3.360,
    "densenet201": 4.291,
    "mobilenet": 0.569,
    "mobilenet_v2": 0.301,
    "mobilenet_v3_small": 0.0565,
    "mobilenet_v3_large": 0.217,
    "xception": 8.357,
    "efficientnet_b0": 0.386,
    "efficientnet_b1": 0.687,
    "efficientnet_b2": 0.994,
    "efficientnet_b3": 1.827,
    "efficientnet_b4": 4.394,
    "efficientnet_b5": 10.266,
    "efficientnet_b6": 19.068,
    "efficientnet_b7": 37.746,
}


@pytest.mark.parametrize("name", models_marked(MULT_ADDS))
def test_multiply_adds(name):
    assert profile(create(name)).mult_adds / 1e9 == pytest.approx(MULT_ADDS[name], rel=0.005)


def test_narrower_mobilenets_cost_what_they_should():
    for alpha, giga in ((0.75, 0.325), (0.5, 0.149), (0.25, 0.041)):
        assert profile(create("mobilenet", alpha=alpha)).mult_adds / 1e9 == pytest.approx(giga, rel=0.01)
    assert profile(create("mobilenet_v2", alpha=1.4)).mult_adds / 1e9 == pytest.approx(0.582, rel=0.005)


def test_mobilenet_is_table_2_of_its_paper():
    table = profile(create("mobilenet")).by_type
    shares = {kind: (f"{row.mult_adds_share:.2%}", f"{row.parameters_share:.2%}") for kind, row in table.items()}
    assert shares == {
        "convolution 1x1": ("94.86%", "74.59%"),
        "depthwise 3x3": ("3.06%", "1.06%"),
        "convolution 3x3": ("1.91%", "0.02%"),  # the paper prints 1.19 %: two digits changed places
        "dense": ("0.18%", "24.33%"),
    }
    assert sum(row.mult_adds for row in table.values()) == 568_740_352
    assert sum(row.parameters for row in table.values()) == 4_209_088
