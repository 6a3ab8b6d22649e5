"""What holds for every model, and the published numbers of each."""

import warnings

import keras
import numpy as np
import pytest

from tests.models.sizes import FAMILIES, small
from visionkit import ArgumentError, FileError, ModelError
from visionkit.models import create, fuse, glyph_resnet, lenet5, list_models, load_weights, zfnet

every_model = pytest.mark.parametrize("name", FAMILIES)


def images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("float32")


def as_array(x):
    return keras.ops.convert_to_numpy(x)


def stir(model, seed=0):
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(as_array(weight) + generator.uniform(0, 0.02, weight.shape))


def test_lenet_has_the_published_parameters_layer_by_layer():
    model = lenet5()
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == {"C1": 156, "S2": 12, "C3": 1_516, "S4": 32, "C5": 48_120, "head": 10_164 + 850}
    assert model.count_params() - 850 == 60_000  # LeCun et al. 1998: "60,000 trainable free parameters"
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert (shapes["C1"], shapes["C3"], shapes["C5"]) == ((28, 28, 6), (10, 10, 16), (1, 1, 120))


def test_lenet_c3_is_a_dense_convolution_with_zeros_off_the_table():
    model = lenet5()
    stir(model)
    layer = model.get_layer("C3")
    x = np.random.default_rng(0).normal(size=(2, 14, 14, 6)).astype("float32")
    dense, kernels = np.zeros((5, 5, 6, 16), "float32"), as_array(layer.kernel)
    pairs = [(one, target) for target, row in enumerate(layer.table) for one in row]
    assert len(pairs) == 60
    for number, (one, target) in enumerate(pairs):
        dense[:, :, one, target] = kernels[:, number].reshape(5, 5)
    expected = as_array(keras.ops.conv(x, dense)) + as_array(layer.bias)
    np.testing.assert_allclose(as_array(layer(x)), expected, atol=1e-5)


def test_lenet_squashes_as_in_appendix_a():
    layer = lenet5().get_layer("S2_tanh")
    np.testing.assert_allclose(as_array(layer(np.array([[-1.0, 0.0, 1.0]], "float32"))), [[-1, 0, 1]], atol=1e-4)


def test_modern_lenet_has_the_count_that_is_quoted_for_it():
    assert lenet5(variant="modern").count_params() == 61_706


def test_zfnet_has_the_shapes_and_parameters_of_the_papers_figure_3():
    model = zfnet()
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["conv1"] == (110, 110, 96)
    assert shapes["pool1"] == (55, 55, 96)
    assert shapes["conv2"] == (26, 26, 256)
    assert shapes["pool2"] == (13, 13, 256)
    assert shapes["conv5"] == (13, 13, 256)
    assert shapes["pool5"] == (6, 6, 256)
    assert model.count_params() == 62_357_608


def test_zfnet_normalises_before_the_nonlinearity_if_asked():
    block = small("zfnet", norm="batch").get_layer("conv3")
    assert [type(one).__name__ for one in block.chain() if one] == ["Conv2D", "BatchNormalization", "Activation"]


def test_a_trained_vgg_with_batch_normalisation_fuses_into_the_plain_one(tmp_path):
    normed = small("vgg16", norm="batch", alpha=0.125, include_top=False)
    stir(normed)
    fused = fuse(normed)
    fused.save_weights(tmp_path / "plain.weights.h5")
    plain = small("vgg16", alpha=0.125, include_top=False, weights=tmp_path / "plain.weights.h5")
    x = images(2, 32, 32, 3)
    np.testing.assert_allclose(as_array(plain(x)), as_array(normed(x)), rtol=1e-4, atol=1e-3)
    named = [layer.name for layer in plain.layers if layer.weights]
    assert named == [layer.name for layer in fused.layers if layer.weights]
    assert named[0] == "block1_conv1"
    assert named[-1] == "block5_conv3"


def test_vgg_of_another_width_has_no_imagenet_weights():
    with pytest.raises(ModelError, match="alpha=1"):
        create("vgg16", alpha=0.5, weights="imagenet")
    with pytest.raises(ArgumentError, match="norm"):
        create("vgg16", norm="layer")


def test_glyph_resnet_is_its_table():
    model = glyph_resnet()
    shapes = [(layer.name, layer.output.shape[1:]) for layer in model.layers if layer.name != "images"]
    assert shapes == [
        ("rescaling", (32, 32, 1)),
        ("stem", (16, 16, 32)),
        ("conv2", (16, 16, 32)),
        ("conv3", (8, 8, 64)),
        ("conv4", (4, 4, 128)),
        ("head", (36,)),
    ]
    assert model.count_params() == 387_524
    assert glyph_resnet(widths=(8, 16), depths=(2, 1)).get_layer("conv3").output.shape == (None, 8, 8, 16)


def test_glyph_resnet_reads_the_same_in_opencv(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    cv2 = pytest.importorskip("cv2")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports with TensorFlow")
    model = glyph_resnet(classifier_activation="softmax")
    stir(model)
    model(images(1, 32, 32, 1))  # Keras exports what has been called
    path = tmp_path / "glyph.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx and numpy 2
        model.export(path, format="onnx", verbose=False)
    network = cv2.dnn.readNetFromONNX(str(path))
    for batch in (1, 7):
        x = images(batch, 32, 32, 1, seed=batch)
        network.setInput(x)
        expected = model.predict(x, verbose=0)
        assert expected.std() > 1e-3, "the probabilities should say something"
        np.testing.assert_allclose(network.forward(), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["glyph_resnet", "mobilenet"])
def test_a_compiled_models_file_loads_without_its_optimizer(name, tmp_path):
    model = small(name)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images(4, *model.input_shape[1:]), np.arange(4), verbose=0)
    model.save(tmp_path / "model.keras")
    x = images(2, *model.input_shape[1:])
    np.testing.assert_array_equal(as_array(small(name, weights=tmp_path / "model.keras")(x)), as_array(model(x)))


@every_model
def test_scaling_is_the_first_layer_and_may_be_left_out(name):
    model, bare = small(name), small(name, include_preprocessing=False)
    assert model.layers[1].name == "rescaling"
    assert "rescaling" not in [layer.name for layer in bare.layers]
    own = model.get_weights()
    bare.set_weights(own[len(own) - len(bare.get_weights()) :])  # EfficientNet's scaling has weights, too
    scaled = x = images(2, *model.input_shape[1:])
    for layer in model.layers[1 : len(model.layers) - len(bare.layers) + 1]:
        scaled = layer(scaled)
    if any(type(one).__name__ == "Flip" for one in model.operations):
        scaled = keras.ops.flip(scaled, -1)
    np.testing.assert_allclose(as_array(bare(scaled)), as_array(model(x)), atol=1e-5)


@every_model
def test_top_pooling_classes_and_names(name):
    assert small(name, classes=7).output_shape == (None, 7)
    assert small(name, name="mine").name == "mine"
    assert small(name).name == name
    maps = small(name, include_top=False)
    assert len(maps.output_shape) == 4
    for pooling, reduce in (("avg", np.mean), ("max", np.max)):
        pooled = small(name, include_top=False, pooling=pooling)
        pooled.set_weights(maps.get_weights())
        x = images(2, *maps.input_shape[1:])
        np.testing.assert_allclose(as_array(pooled(x)), reduce(as_array(maps(x)), axis=(1, 2)), atol=1e-4)
    assert small(name, pooling="max").get_layer("head").pooling.name == "max_pool"
    scores = small(name, classifier_activation=None, dropout=0.3)
    assert scores.get_layer("head").activation is None
    probabilities = as_array(small(name)(images(2, *maps.input_shape[1:])))
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)


@every_model
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clases": 3}, "did you mean 'classes'"),
        ({"classes": 0}, "classes"),
        ({"input_shape": (32, 32)}, r"\(height, width, channels\), got \(32, 32\)"),
        ({"input_shape": (32, 32, None)}, "height, width, channels"),
        ({"pooling": "mean"}, "'avg', 'max'"),
        ({"include_top": "no"}, "True or False"),
        ({"dropout": 2}, "dropout"),
        ({"classifier_activation": "sotfmax"}, "activation"),
        ({"weights": "nowhere.weights.h5"}, "no such file"),
    ],
)
def test_a_bad_option_is_a_clear_error(name, options, message):
    with pytest.raises((ArgumentError, ModelError, FileError), match=message):
        small(name, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: create("glyph_resnt"), "did you mean 'glyph_resnet'"),
        (lambda: zfnet(input_shape=(32, 32, 3)), "larger images"),
        (lambda: lenet5(input_shape=(28, 28, 1)), "larger images"),
        (lambda: zfnet(stem="imagnet"), "did you mean 'imagenet'"),
        (lambda: zfnet(norm="layer"), "'lrn', 'batch'"),
        (lambda: lenet5(variant="1989"), "did you mean '1998'"),
        (lambda: glyph_resnet(widths=(8,)), "as many widths as depths"),
        (lambda: glyph_resnet(widths=8), "as many widths as depths"),
        (lambda: glyph_resnet(width=(8,)), "did you mean 'widths'"),
    ],
)
def test_a_family_names_what_is_wrong(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("other", [{"depths": (1, 1, 1)}, {"depths": (1, 2, 2)}])
def test_weights_that_do_not_fit_change_nothing(other, tmp_path):
    model = glyph_resnet()
    before = model.get_weights()
    glyph_resnet(**other).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ModelError, match=r"nothing was loaded: .*blocks/"):
        load_weights(model, tmp_path / "other.weights.h5")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_file_that_is_none_is_a_file_error(tmp_path):
    model = lenet5()
    for name in ("a.keras", "a.weights.h5"):
        (tmp_path / name).write_bytes(b"not a model")
        with pytest.raises(FileError, match=r"a\."):
            load_weights(model, tmp_path / name)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ArgumentError, match=r"\.h5 or a \.keras"):
        load_weights(model, tmp_path / "a.txt")


def test_list_models_takes_a_pattern():
    assert list_models() == sorted(list_models())
    assert "glyph_resnet" in list_models("*resnet*")
    assert "lenet5" not in list_models("*resnet*")
    assert set(list_models(pretrained=True)) | set(list_models(pretrained=False)) == set(list_models())
    assert list_models("nothing*") == []


def test_glyph_resnet_learns():
    keras.utils.set_random_seed(0)
    x = np.zeros((64, 32, 32, 1), "float32")
    y = np.arange(64) % 4
    for image, label in zip(x, y, strict=True):
        image[8 * label : 8 * label + 8] = 255
    model = glyph_resnet(classes=4, widths=(8, 16), depths=(1, 1))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=6, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < history[0] / 4
