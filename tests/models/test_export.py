"""What export writes is run by the runtimes that it is written for, and gives what Keras gives."""

import importlib.util
import os
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from visionkit import ArgumentError, FileError, MissingExtraError, ModelError
from visionkit.blocks import ConvBNAct
from visionkit.models import glyph_resnet
from visionkit.models.tools.export import SUFFIXES, export

TOLERANCE = 1e-4
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports with TensorFlow")


def residual():
    return glyph_resnet(widths=(8, 16), depths=(1, 2), classes=7)


def depthwise():
    """Strides, depthwise kernels, squeeze and excitation, two ways of padding, a bounded activation."""
    images = keras.Input((24, 32, 3), name="images")
    x = ConvBNAct(8, 3, strides=2, padding="symmetric")(images)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.DepthwiseConv2D(5, strides=2, padding="same")(x)))
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Conv2D(8, 1, activation="hard_sigmoid")(squeezed)])
    x = layers.SeparableConv2D(12, 3, activation="silu")(x)
    return keras.Model(images, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


MODELS = {"residual": residual, "depthwise": depthwise}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """A model with weights that are unlike what any runtime would fill in."""
    model = MODELS[request.param]()
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(ops.convert_to_numpy(weight) + rng.uniform(0, 0.05, weight.shape))
    return model


def images(model, batch):
    return np.random.default_rng(batch).uniform(0, 255, (batch, *model.input_shape[1:])).astype(np.float32)


def check(model, run):
    """Batches of several sizes come out as from Keras."""
    for batch in (1, 3):
        x = images(model, batch)
        expected = ops.convert_to_numpy(model(x, training=False))
        assert np.ptp(expected) > 1e-2, "the outputs should say something"
        np.testing.assert_allclose(run(x), expected, atol=TOLERANCE)


def run_litert(path, x):
    if importlib.util.find_spec("ai_edge_litert"):
        from ai_edge_litert.interpreter import Interpreter
    else:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's own interpreter says that it will be gone
        interpreter = Interpreter(model_path=str(path))
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_keras_loads_it_again(model, tmp_path):
    path = export(model, tmp_path / "model.keras")
    check(model, lambda x: ops.convert_to_numpy(keras.saving.load_model(path)(x, training=False)))


@on_tensorflow
def test_tensorflow_runs_the_saved_model(model, tmp_path):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(export(model, tmp_path / "served")))
    check(model, lambda x: loaded.serve(x).numpy())


@on_tensorflow
def test_litert_runs_it(model, tmp_path):
    path = export(model, tmp_path / "model.tflite")
    check(model, lambda x: run_litert(path, x))


@on_tensorflow
def test_opencv_and_onnx_runtime_run_it(model, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    cv2 = pytest.importorskip("cv2")
    path = export(model, tmp_path / "model.onnx")

    def run(x):
        network.setInput(x)
        return network.forward()

    network = cv2.dnn.readNetFromONNX(str(path))
    check(model, run)
    if importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        check(model, lambda x: session.run(None, {"images": x})[0])


@on_tensorflow
def test_openvino_runs_it(model, tmp_path):
    openvino = pytest.importorskip("openvino")
    path = export(model, tmp_path / "model.xml")
    assert path.with_suffix(".bin").is_file()
    # in full precision, which OpenVINO does not use by itself on every processor
    compiled = openvino.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    check(model, lambda x: compiled(x)[0])


@on_tensorflow
def test_images_of_any_size(tmp_path):
    model = glyph_resnet(widths=(8,), depths=(1,), classes=3, input_shape=(None, None, 1))
    path = export(model, tmp_path / "model.tflite")
    for size in ((32, 32), (20, 44)):
        x = np.random.default_rng(0).uniform(0, 255, (2, *size, 1)).astype(np.float32)
        np.testing.assert_allclose(run_litert(path, x), ops.convert_to_numpy(model(x)), atol=TOLERANCE)


@on_tensorflow
def test_several_inputs(tmp_path):
    import tensorflow as tf

    one, two = keras.Input((8, 8, 1), name="one"), keras.Input((4,), name="two")
    pooled = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3)(one))
    model = keras.Model([one, two], layers.Add()([pooled, two]))
    x = [np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32) for shape in ((8, 8, 1), (4,))]
    loaded = tf.saved_model.load(str(export(model, tmp_path / "several")))
    np.testing.assert_allclose(loaded.serve(x), ops.convert_to_numpy(model(x)), atol=TOLERANCE)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = ConvBNAct(4, 3)

    def call(self, x, training=None):
        return ops.mean(self.block(x, training=training), axis=(1, 2))


@on_tensorflow
def test_a_subclassed_model_once_it_was_called(tmp_path):
    model = Subclassed()
    with pytest.raises(ModelError, match="call it on an input first"):
        export(model, tmp_path / "model.tflite")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32)
    expected = ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(run_litert(export(model, tmp_path / "model.tflite"), x), expected, atol=TOLERANCE)


@on_tensorflow
@pytest.mark.parametrize("kind", ["keras", "saved_model", "litert", "openvino"])
def test_an_export_replaces_the_one_before_and_leaves_nothing_else(kind, tmp_path):
    if kind == "openvino":
        pytest.importorskip("openvino")
    path = tmp_path / f"model{SUFFIXES[kind]}"
    small, large = (keras.Sequential([keras.Input((9,)), layers.Dense(width)]) for width in (4, 900))
    export(large, path, format=kind)
    before = {file.name: file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()}
    assert export(small, path, format=kind) == path
    after = {file.name: file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()}
    assert after.keys() == before.keys()
    assert sum(after.values()) < sum(before.values())
    assert {file.name for file in tmp_path.iterdir()} <= {path.name, "model.bin"}
    assert not [file for file in tmp_path.rglob("*") if os.stat(file).st_mode & 0o400 == 0]


class Untranslatable(layers.Layer):
    """An operation that LiteRT has not."""

    def call(self, x):
        return ops.erfinv(ops.tanh(x))


@on_tensorflow
def test_a_failed_export_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"what was there")
    x = keras.Input((4,))
    with pytest.raises(ModelError, match="hopeless cannot be written as litert: "):
        export(keras.Model(x, Untranslatable()(x), name="hopeless"), path)
    assert path.read_bytes() == b"what was there"
    assert [file.name for file in tmp_path.iterdir()] == ["model.tflite"]


@on_tensorflow
def test_nothing_is_printed_and_nobody_is_warned(tmp_path, capsys):
    model = keras.Sequential([keras.Input((9,)), layers.Dense(2)])
    names = ["model.keras", "model.tflite", "served"] + ["model.onnx"] * bool(importlib.util.find_spec("tf2onnx"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for name in names:
            export(model, tmp_path / name)
    assert not told
    assert capsys.readouterr().out == ""


@on_tensorflow
@pytest.mark.parametrize(("kind", "package"), [("onnx", "tf2onnx"), ("openvino", "openvino")])
def test_a_missing_package_is_named_with_its_extra(kind, package, tmp_path):
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(MissingExtraError, match=rf"visionkit\[{kind}\]"):
        export("glyph_resnet", tmp_path / f"model{SUFFIXES[kind]}")


@pytest.mark.parametrize(
    ("path", "kind", "error", "message"),
    [
        ("model.onxx", None, ArgumentError, "ends in one of .keras, .tflite, .onnx, .xml"),
        ("model.onnx", "litert", ArgumentError, "ends in .tflite for litert"),
        ("model.onnx", "onxx", ArgumentError, "did you mean 'onnx'"),
        ("missing/model.keras", None, FileError, "does not exist"),
        ("photos", None, FileError, "earlier SavedModel"),
        ("photos", "saved_model", FileError, "earlier SavedModel"),
        ("photos/a.png", "saved_model", FileError, "earlier SavedModel"),
        ("folder.keras", None, FileError, "got the folder"),
        (f"{'long' * 100}.keras", None, FileError, "cannot write"),
    ],
)
def test_a_path_that_will_not_do_is_told_before_anything_is_done(path, kind, error, message, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"dear")
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(error, match=message):
        export("glyph_resnet", tmp_path / path, format=kind)
    assert (tmp_path / "photos" / "a.png").read_bytes() == b"dear"
    with pytest.raises(ArgumentError, match="expected a path, got 3"):
        export("glyph_resnet", 3)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow can")
def test_other_backends_say_who_can(tmp_path):
    with pytest.raises(ModelError, match="KERAS_BACKEND=tensorflow"):
        export("glyph_resnet", tmp_path / "model.tflite")
