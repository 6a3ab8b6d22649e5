"""Official weights: into blocks, from older files, over a network that fails, for other classes and channels."""

import functools
import hashlib
import http.server
import re
import threading
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tests.models.reference import REFERENCES, calibrate, own_options, pictures, reference_model, save_official
from visionkit import ArgumentError, FileError, ModelError
from visionkit.blocks import ClassifierHead
from visionkit.models import create, load_weights
from visionkit.models.weights.official import OFFICIAL

MOBILENET = REFERENCES["MobileNet-0.25"]
V3 = REFERENCES["MobileNetV3Small"]
EFFICIENTNET = REFERENCES["EfficientNetB0"]


def as_array(x):
    return keras.ops.convert_to_numpy(x)


def assert_same(model, expected, x):
    np.testing.assert_allclose(as_array(model(x)), expected, atol=1e-4 * np.abs(expected).max())


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """Keras' MobileNet and the file of its weights."""
    model = reference_model(MOBILENET)
    return model, save_official(model, tmp_path_factory.mktemp("official") / "mobilenet.h5")


def small_mobilenet(**options):
    return create("mobilenet", **{**own_options(MOBILENET), **options})


def old_v3_name(name):
    """As MobileNetV3 was called in older files: Conv/BatchNorm, expanded_conv/squeeze_excite/Conv_1."""
    name = re.sub(r"^(expanded_conv(_\d+)?)_(expand|depthwise|project|squeeze_excite)", r"\1/\3", name)
    name = re.sub(r"squeeze_excite_conv", "squeeze_excite/Conv", name)
    name = re.sub(r"^conv", "Conv", name)
    return re.sub(r"_bn$", "/BatchNorm", name).replace("logits", "Logits")


def counted_on(name):
    """Names that Keras makes itself go on counting from model to model."""
    number = re.fullmatch(r"(conv2d|batch_normalization)(?:_(\d+))?", name)
    return f"{number[1]}_{int(number[2] or 0) + 40}" if number else name


@pytest.mark.parametrize(
    ("name", "rename"),
    [
        ("MobileNetV3Small", old_v3_name),
        ("DenseNet121", lambda name: name.replace("conv1_", "conv1/", 1) if name.startswith("conv1_") else name),
        ("ResNet50", lambda name: f"older_{hashlib.md5(name.encode()).hexdigest()}"),
        ("Xception", counted_on),
    ],
)
def test_older_names_are_found(name, rename, tmp_path):
    reference = REFERENCES[name]
    theirs = reference_model(reference)
    path = save_official(theirs, tmp_path / "older.h5", rename)
    x = pictures(reference)
    ours = create(reference.own, weights=path, **own_options(reference))
    assert_same(ours, as_array(theirs(x)), x)


def test_a_whole_saved_model_in_the_old_format_is_read(mobilenet, tmp_path):
    theirs, path = mobilenet
    with h5py.File(tmp_path / "whole.h5", "w") as file, h5py.File(path) as given:
        given.copy(given["/"], file, "model_weights")
    x = pictures(MOBILENET)
    assert_same(small_mobilenet(weights=tmp_path / "whole.h5"), as_array(theirs(x)), x)


def test_efficientnets_official_scaling_is_the_one_that_keras_builds(tmp_path, monkeypatch):
    # The official file has deviations where variances belong; Keras mends that with one more layer, ours on loading.
    theirs = reference_model(EFFICIENTNET, include_top=False)
    normalization = next(one for one in theirs.layers if isinstance(one, keras.layers.Normalization))
    normalization.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    path = save_official(theirs, tmp_path / "efficientnetb0.h5")
    monkeypatch.setattr(keras.src.applications.efficientnet.file_utils, "get_file", lambda *a, **k: str(path))
    side = EFFICIENTNET.size
    options = {"input_shape": (side, side, 3), "include_top": False}
    official = keras.applications.EfficientNetB0(weights="imagenet", **options)
    x = pictures(EFFICIENTNET)
    calibrate(official, x)
    save_official(official, path)
    ours = create("efficientnet_b0", weights=path, **options)
    assert_same(ours, as_array(official(x)), x)
    bare = create("efficientnet_b0", weights=path, include_preprocessing=False, **options)
    scaled = (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert_same(bare, as_array(official(x)), scaled.astype("float32"))


def test_other_classes_load_all_but_the_last_layer(mobilenet):
    theirs, path = mobilenet
    with pytest.warns(UserWarning, match="1000 classes, not 7; all but"):
        ours = small_mobilenet(classes=7, weights=path)
    assert ours.output_shape == (None, 7)
    maps = keras.Model(theirs.input, theirs.get_layer("conv_pw_13_relu").output)
    with pytest.warns(UserWarning, match="classifier is left out"):
        body = small_mobilenet(include_top=False, weights=path)
    x = pictures(MOBILENET)
    assert_same(body, as_array(maps(x)), x)
    assert_same(keras.Model(ours.input, ours.get_layer("block13").output), as_array(maps(x)), x)


def test_a_file_without_classifier_leaves_ours_as_it_was(tmp_path):
    theirs = reference_model(MOBILENET, include_top=False)
    path = save_official(theirs, tmp_path / "no_top.h5")
    ours = small_mobilenet(classes=7)
    head = ours.get_layer("head").get_weights()
    with pytest.warns(UserWarning, match="no classifier"):
        load_weights(ours, path)
    for old, new in zip(head, ours.get_layer("head").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras' own, which pytest.warns issues anew
@pytest.mark.parametrize("kind", ["model.keras", "model.weights.h5"])
def test_our_own_files_bridge_the_same_differences(kind, tmp_path):
    saved = small_mobilenet(include_preprocessing=True)
    (saved.save if kind.endswith("keras") else saved.save_weights)(tmp_path / kind)
    x = pictures(MOBILENET) * 127 + 127
    with pytest.warns(UserWarning, match="1000 classes, not 7"):
        other = small_mobilenet(include_preprocessing=True, classes=7, weights=tmp_path / kind)
    expected = as_array(keras.Model(saved.input, saved.get_layer("block13").output)(x))
    assert_same(keras.Model(other.input, other.get_layer("block13").output), expected, x)
    side = MOBILENET.size
    grey = small_mobilenet(include_preprocessing=True, input_shape=(side, side, 1), weights=tmp_path / kind)
    assert_same(grey, as_array(saved(np.repeat(x[..., :1], 3, axis=-1))), x[..., :1])


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras' own, which pytest.warns issues anew
@pytest.mark.parametrize("kind", ["model.keras", "model.weights.h5"])
def test_our_own_file_with_a_classifier_fits_a_model_without(kind, tmp_path):
    saved, other = small_mobilenet(), small_mobilenet(include_top=False)
    (saved.save if kind.endswith("keras") else saved.save_weights)(tmp_path / kind)
    with pytest.warns(UserWarning, match="classifier is left out"):
        load_weights(other, tmp_path / kind)
    x = pictures(MOBILENET)
    assert_same(other, as_array(keras.Model(saved.input, saved.get_layer("block13").output)(x)), x)


@pytest.mark.parametrize("reference", [MOBILENET, EFFICIENTNET], ids=lambda one: one.own)
def test_one_channel_from_three_is_their_sum(reference, tmp_path):
    theirs = reference_model(reference)
    path = save_official(theirs, tmp_path / "official.h5")
    side = reference.size
    options = {**own_options(reference), "input_shape": (side, side, 1)}
    grey = pictures(reference)[..., :1]
    ours = create(reference.own, weights=path, **options)
    assert_same(ours, as_array(theirs(np.repeat(grey, 3, axis=-1))), grey)


def test_more_channels_repeat_red_green_and_blue(mobilenet):
    theirs, path = mobilenet
    side = MOBILENET.size
    ours = small_mobilenet(input_shape=(side, side, 6), weights=path)
    x = pictures(MOBILENET)
    assert_same(ours, as_array(theirs(x)), np.concatenate([x, x], axis=-1))
    kernel = as_array(small_mobilenet(input_shape=(side, side, 4), weights=path).get_layer("stem").conv.kernel)
    three = theirs.get_layer("conv1").get_weights()[0]
    np.testing.assert_allclose(kernel, three[:, :, [0, 1, 2, 0]] * 3 / 4, rtol=1e-6)


def broken(path, tmp_path, change):
    """A copy of a file, changed."""
    copy = tmp_path / "broken.h5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        change(file)
    return copy


def names_in(attributes, name="layer_names"):
    return [one.decode() if isinstance(one, bytes) else one for one in attributes[name]]


def take_out(file):
    file.attrs["layer_names"] = [name for name in names_in(file.attrs) if name != "conv_pw_3_bn"]


def put_in(file):
    file.create_group("extra").attrs["weight_names"] = [b"extra/kernel"]
    file["extra/extra/kernel"] = np.zeros((3, 3))
    file.attrs["layer_names"] = [*names_in(file.attrs), "extra"]


def cut(file):
    name = f"conv_pw_3/{names_in(file['conv_pw_3'].attrs, 'weight_names')[0]}"
    array = file[name][..., 1:]
    del file[name]
    file[name] = array


def cut_inputs(file):
    name = f"conv_pw_3/{names_in(file['conv_pw_3'].attrs, 'weight_names')[0]}"
    array = file[name][:, :, 1:]
    del file[name]
    file[name] = array


def link_away(file):
    name = f"conv_pw_3/{names_in(file['conv_pw_3'].attrs, 'weight_names')[0]}"
    del file[name]
    file[name] = h5py.ExternalLink("elsewhere.h5", "/secret")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (take_out, ModelError, "missing conv_pw_3_bn/0 of shape"),
        (put_in, ModelError, r"not in the model: extra/0 of shape \(3, 3\)"),
        (cut, ModelError, "conv_pw_3/0: expected shape"),
        (cut_inputs, ModelError, "conv_pw_3/0: expected shape"),
        (link_away, FileError, "a link"),
        (lambda file: file.attrs.__delitem__("layer_names"), ModelError, "nothing was loaded"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(change, error, message, mobilenet, tmp_path):
    ours = small_mobilenet()
    before = ours.get_weights()
    with pytest.raises(error, match=message):
        load_weights(ours, broken(mobilenet[1], tmp_path, change))
    for old, new in zip(before, ours.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_several_kernels_for_other_channels_are_named_beside_other_classes(tmp_path):
    def two_stems(channels, classes):
        images = keras.Input((8, 8, channels))
        stems = [keras.layers.Conv2D(2, 3, name=name)(images) for name in ("left", "right")]
        return keras.Model(images, ClassifierHead(classes, name="head")(keras.layers.Add()(stems)))

    save_official(two_stems(3, 4), tmp_path / "two.h5")
    with pytest.raises(ModelError, match="left/0: 3 channels instead of 1; right/0"):
        load_weights(two_stems(1, 5), tmp_path / "two.h5")


def test_a_wider_model_does_not_fit(mobilenet):
    with pytest.raises(ModelError, match=r"nothing was loaded.*conv1/0: expected shape"):
        small_mobilenet(alpha=0.5, weights=mobilenet[1])


def test_a_damaged_file_is_a_file_error(mobilenet, tmp_path):
    for share in (0.01, 0.5, 0.99):
        data = mobilenet[1].read_bytes()
        (tmp_path / "cut.h5").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(FileError, match=r"cut\.h5"):
            small_mobilenet(weights=tmp_path / "cut.h5")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; files called broken-off end in the middle."""

    asked: list[str] = []  # noqa: RUF012 -- of the whole server

    def do_GET(self):
        self.asked.append(self.path)
        if "192" in self.path:  # the size whose connection breaks
            data = (Path(self.directory) / self.path.lstrip("/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            return
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch, mobilenet):
    """A server of official files in this machine, and a cache of its own."""
    folder = tmp_path / "served"
    for name in ("mobilenet/mobilenet_2_5_128_tf.h5", "mobilenet/mobilenet_2_5_192_tf.h5", "vgg16/other"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(mobilenet[1].read_bytes())
    Handler.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("VISIONKIT_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    yield server, tmp_path / "home" / "models", folder
    server.shutdown()
    server.server_close()


def imagenet_mobilenet(side=128):
    return create("mobilenet", alpha=0.25, input_shape=(side, side, 3), weights="imagenet", include_preprocessing=False)


def test_imagenet_weights_are_downloaded_once(mirror, mobilenet):
    _, cache, _ = mirror
    x = np.random.default_rng(0).uniform(-1, 1, (2, 128, 128, 3)).astype("float32")
    first, second = imagenet_mobilenet(), imagenet_mobilenet()
    assert Handler.asked == ["/mobilenet/mobilenet_2_5_128_tf.h5"]
    assert [one.name for one in cache.iterdir()] == ["mobilenet_2_5_128_tf.h5"]
    for old, new in zip(mobilenet[0].get_weights()[:20], first.get_weights()[:20], strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(as_array(first(x)), as_array(second(x)))


def test_a_connection_that_breaks_leaves_nothing(mirror):
    _, cache, _ = mirror
    with pytest.raises(FileError, match=r"could not download .*192_tf\.h5.*put it at .*_192_tf\.h5"):
        imagenet_mobilenet(192)
    assert not list(cache.iterdir())


def test_a_wrong_file_is_refused_by_its_hash(mirror, monkeypatch):
    _, cache, folder = mirror
    official = OFFICIAL["vgg16"]
    save_official(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), folder / official.path_no_top)
    with pytest.raises(FileError, match=f"MD5 {official.md5_no_top} at http.*got one with .*put it at"):
        create("vgg16", input_shape=(32, 32, 3), include_top=False, weights="imagenet")
    assert not list(cache.iterdir())
    right = hashlib.md5((folder / official.path_no_top).read_bytes()).hexdigest()
    monkeypatch.setitem(OFFICIAL, "vgg16", official._replace(md5_no_top=right))
    with pytest.raises(ModelError, match="nothing was loaded"):  # the right one, as far as the hash tells
        create("vgg16", input_shape=(32, 32, 3), include_top=False, weights="imagenet")


def test_without_a_network_the_message_says_which_file_to_put_where(mirror, mobilenet):
    server, cache, _ = mirror
    server.shutdown()
    server.server_close()
    with pytest.raises(FileError, match=r"bring the file by hand and put it at (.*mobilenet_2_5_160_tf\.h5)") as caught:
        imagenet_mobilenet(160)
    place = Path(re.search(r"put it at (\S+\.h5)", str(caught.value)).group(1))
    assert place.parent == cache
    place.write_bytes(mobilenet[1].read_bytes())
    assert imagenet_mobilenet(160).built


def test_a_page_in_place_of_a_file_without_hash_is_not_kept(mirror):
    _, cache, folder = mirror
    (folder / "mobilenet/mobilenet_2_5_128_tf.h5").write_bytes(b"<html>please log in</html>")
    with pytest.raises(FileError, match="not an HDF5 file"):
        imagenet_mobilenet()
    assert not list(cache.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("resnet18", {}, ModelError, "no ImageNet weights"),
        ("mobilenet", {"alpha": 0.3}, ArgumentError, r"alpha to be one of 0.25, 0.5, 0.75, 1.0.*got 0.3"),
    ],
)
def test_weights_that_do_not_exist(name, options, error, message):
    with pytest.raises(error, match=message):
        create(name, weights="imagenet", **options)


def test_other_classes_take_the_file_without_classifier(mirror, tmp_path):
    _, _, folder = mirror
    theirs = reference_model(MOBILENET, include_top=False)
    save_official(theirs, folder / "mobilenet/mobilenet_2_5_128_tf_no_top.h5")
    with pytest.warns(UserWarning, match="no classifier"):
        model = create("mobilenet", alpha=0.25, input_shape=(128, 128, 3), classes=5, weights="imagenet")
    assert model.output_shape == (None, 5)
    assert Handler.asked == ["/mobilenet/mobilenet_2_5_128_tf_no_top.h5"]
