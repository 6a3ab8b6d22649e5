"""Files made to do harm: each is refused, with a word on why, and nothing of it has run; Keras alone is the witness."""

import base64
import io
import json
import marshal
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import visionkit as vk

ROOT = Path(__file__).parents[1]
INPUT = {
    "module": "keras.layers",
    "class_name": "InputLayer",
    "config": {"batch_shape": [None, 2], "dtype": "float32", "name": "images"},
    "registered_name": None,
}


def named(name, module="keras.layers", registered=None, **config):
    return {"module": module, "class_name": name, "config": {"name": "bad", **config}, "registered_name": registered}


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def code(mark):
    """What a Lambda holds: a program that leaves a mark."""
    program = compile(f"(lambda x: __import__('os').mkdir({str(mark)!r}) or x)", "f", "eval").co_consts[0]
    return base64.b64encode(marshal.dumps(program)).decode()


def hdf5(fill=lambda file: file.create_group("vars")):
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        fill(file)
    return data.getvalue()


def chain(*layers):
    config = {"name": "chain", "trainable": True, "layers": [INPUT, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def written(path, *layers, members=(), weights=None, config=None):
    """A .keras file by hand."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config or chain(*layers)))
        archive.writestr("model.weights.h5", hdf5() if weights is None else weights)
        for name, data in members:
            archive.writestr(name, data)
    return path


def old(path, *layers):
    """A file of older Keras by hand."""
    with h5py.File(path, "w") as file:
        first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 2], "name": "images"}}
        config = {"class_name": "Sequential", "config": {"name": "chain", "layers": [first, *layers]}}
        file.attrs["model_config"] = json.dumps(config)
        names = ["images", *(layer["config"]["name"] for layer in layers)]
        weights = file.create_group("model_weights")
        for one in (file, weights):
            one.attrs["keras_version"], one.attrs["backend"] = "2.15.0", "tensorflow"
        weights.attrs["layer_names"] = np.array(names, "S")
        for name in names:
            weights.create_group(name).attrs["weight_names"] = np.array([], "S1")
    return path


def called_at_once(mark):
    """A model whose first layer is a function of any module, called while the model is made (CVE-2025-1550)."""
    called = function("os", "mkdir") | {"name": "bad", "inbound_nodes": [{"args": [str(mark)], "kwargs": {}}]}
    config = {"name": "net", "layers": [called], "input_layers": [["bad", 0, 0]], "output_layers": [["bad", 0, 0]]}
    return named("Functional", "keras.src.models.functional") | {"config": config}


def old_lambda(mark):
    given = {"name": "bad", "function": [code(mark), None, None], "function_type": "lambda", "arguments": {}}
    return {"class_name": "Lambda", "config": given}


class Pickled:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return (os.mkdir, (self.mark,))


def only_pickles(path, mark):
    pickles = io.BytesIO()
    np.savez(pickles, __root__=np.array(Pickled(mark), dtype=object))
    dense = named("Dense", units=2) | {"build_config": {"input_shape": [None, 2]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(chain(dense)))
        archive.writestr("model.weights.npz", pickles.getvalue())
    return path


def imported(path, mark):
    """A class of a module that is not imported yet, which runs when it is."""
    path.with_name("hostile_module.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n", encoding="utf-8")
    return written(path, named("Anything", "hostile_module"))


def archive_of(*layers, **options):
    return lambda path, mark: written(path, *layers, **options)


LAMBDA = {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}}
# name of the case: what makes the file, and what the error says
HOSTILE = {
    "code.keras": (
        lambda path, mark: written(path, named("Lambda", function=LAMBDA | {"config": {"code": code(mark)}})),
        "Lambda called 'bad', whose code would run",
    ),
    "old.h5": (lambda path, mark: old(path, old_lambda(mark)), "Lambda called 'bad', whose code would run"),
    "call.keras": (lambda path, mark: written(path, config=called_at_once(mark)), "got os.mkdir"),
    "import.keras": (imported, "got hostile_module.Anything called 'bad'; if it is yours, import it"),
    "pickle.keras": (only_pickles, "'model.weights.npz', which older Keras unpickles"),
    "bare_code.keras": (archive_of(named("Dense", units=2, activation=LAMBDA)), "got a __lambda__, whose code"),
    "system.keras": (archive_of(named("Activation", activation=function("os", "system"))), "got os.system"),
    "builtin.keras": (archive_of(named("Activation", activation=function("builtins", "eval"))), "got builtins.eval"),
    "dotted.keras": (archive_of(named("Activation", activation=function("keras", "utils.get_file"))), "utils.get_file"),
    "download.keras": (
        archive_of(named("Activation", activation=function("keras.utils", "get_file"))),
        "got keras.utils.get_file, which is none",
    ),
    "unsafe.keras": (
        archive_of(function("keras.config", "enable_unsafe_deserialization")),
        "got keras.config.enable_unsafe_deserialization",
    ),
    "deserialize.keras": (
        archive_of(named("Activation", activation=function("keras.losses", "deserialize"))),
        "got keras.losses.deserialize",
    ),
    "private.keras": (archive_of(named("Lambda", "keras.src.layers.core.lambda_layer")), "got a Lambda"),
    "hidden_module.keras": (archive_of(named("run", "keras.src.saving.saving_lib.zipfile.os")), "which is none that"),
    "no_module.keras": (archive_of(named("Bidirectional", layer={"class_name": "Lambda"})), "got a Lambda"),
    "masked.keras": (archive_of(named("Lambda", registered="visionkit>ConvBNAct", filters=2)), "got a Lambda"),
    "renamed.keras": (
        archive_of(
            named("Dense", units=2, activation=function("keras.activations", "relu") | {"registered_name": "x"})
        ),
        "got keras.activations.x",
    ),
    "torch.keras": (archive_of(named("TorchModuleWrapper", module="")), "which unpickles a PyTorch module"),
    "program.keras": (archive_of(named("TFSMLayer", filepath="/tmp")), "which runs a TensorFlow program"),
    "jax.keras": (archive_of(named("JaxLayer", call_fn=LAMBDA)), "whose code would run"),
    "vocabulary.keras": (
        archive_of(named("StringLookup", vocabulary="/etc/hostname")),
        "expected a vocabulary in the file itself, got StringLookup with one at another place",
    ),
    "type.keras": (
        archive_of(
            named("Dense", units={"class_name": "__typespec__", "config": [], "module": "os", "spec_name": "x"})
        ),
        "got os.__typespec__",
    ),
    "texts.keras": (
        archive_of(named("Normalization", mean={"class_name": "__numpy__", "config": {"value": "", "dtype": "S9999"}})),
        "expected numbers in the arrays of its config, got 'S9999'",
    ),
    "deep.keras": (archive_of(config="[" * 100_000 + "]" * 100_000), "expected its config as JSON"),
    "nested.keras": (archive_of(named("Dense", units=json.loads("[" * 300 + "]" * 300))), "at most 200 deep"),
    "number.keras": (archive_of(config="7"), "expected the config of a model, got none"),
    "up.keras": (archive_of(members=[("../../escaped", b"")]), "'../../escaped', which leads out of the folder"),
    "up_assets.keras": (archive_of(members=[("assets/../../escaped", b"")]), "which leads out of the folder"),
    "root.keras": (archive_of(members=[("/tmp/escaped", b"")]), "which leads out of the folder"),
    "more.keras": (archive_of(members=[("setup.py", b"")]), "in the archive, got 'setup.py'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_is_refused_and_nothing_of_it_has_run(name, tmp_path, monkeypatch):
    make, says = HOSTILE[name]
    mark = tmp_path / "ran"
    path = make(tmp_path / name, mark)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(vk.FileError) as caught:
        vk.models.load(path)
    assert says in str(caught.value)
    assert name in str(caught.value)
    assert not mark.exists()
    assert "hostile_module" not in sys.modules
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.skipif(tuple(map(int, keras.__version__.split(".")[:2])) > (3, 8), reason="mended since")
def test_keras_alone_runs_them(tmp_path):
    """What the test above is worth: in its safe mode, Keras 3.8 does what these files say."""
    names = ("old.h5", "call.keras", "import.keras", "pickle.keras")
    marks = {name: tmp_path / f"{name} ran" for name in names}
    paths = [str(HOSTILE[name][0](tmp_path / name, mark)) for name, mark in marks.items()]
    program = (
        f"import contextlib, keras\nfor path in {paths}:\n    with contextlib.suppress(Exception):\n"
        "        keras.saving.load_model(path, compile=False, safe_mode=True)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=120, check=True)
    assert [name for name, mark in marks.items() if mark.exists()] == list(names)


def test_what_was_switched_off_by_somebody_stays_refused(tmp_path):
    mark = tmp_path / "ran"
    path = HOSTILE["code.keras"][0](tmp_path / "code.keras", mark)
    program = (
        "import keras, visionkit as vk\nkeras.config.enable_unsafe_deserialization()\n"
        f"try:\n    vk.models.load({str(path)!r})\nexcept vk.FileError as error:\n    print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert "whose code would run" in done.stdout
    assert not mark.exists()


@pytest.mark.parametrize(
    "use",
    [
        vk.models.profile,
        lambda path: vk.models.compare([path, path]),
        lambda path: vk.models.export(path, path.with_name("out.tflite")),
        vk.reader.load,
        lambda path: vk.train.Ensemble([path]).predict(np.zeros((1, 2), "float32"), verbose=0),
        lambda path: vk.train.average_weights([path, path]),
    ],
    ids=["profile", "compare", "export", "reader", "ensemble", "soup"],
)
def test_every_function_that_takes_a_file_refuses_it(use, tmp_path):
    mark = tmp_path / "ran"
    path = HOSTILE["code.keras"][0](tmp_path / "code.keras", mark)
    with pytest.raises(vk.FileError, match="whose code would run"):
        use(path)
    assert not mark.exists()


def repeated(path, mark):
    written(path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", json.dumps(chain(named("Lambda"))))
    return path


def linked(path, mark):
    entry = zipfile.ZipInfo("assets/link")
    entry.external_attr = 0o120777 << 16
    return written(path, members=[(entry, "/etc")])


def bomb(path, mark):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(chain()))
        with archive.open("model.weights.h5", "w") as member:
            for _ in range(200):
                member.write(bytes(1 << 20))
    return path


def text_bomb(path, mark):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", " " * (1 << 24) + "{}")
        archive.writestr("model.weights.h5", hdf5())
    return path


def flipped(path, mark):
    written(path, weights=hdf5(lambda file: file.create_dataset("vars/0", data=np.arange(4000.0))))
    data = bytearray(path.read_bytes())
    data[-10_000] ^= 1  # in a number: the checksum of the archive tells
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (repeated, "each name once in the archive, got 'config.json'"),
        (linked, "got a link or a device: 'assets/link'"),
        (bomb, "to hold at most"),
        (text_bomb, "at most 16777216 bytes in 'config.json'"),
        (flipped, "got a damaged one"),
        (lambda path, mark: path.write_bytes(b"PK nothing") and path, "got a damaged one"),
        (lambda path, mark: path.write_bytes(b"") or path, "got a damaged one"),
    ],
)
def test_an_archive_is_what_keras_writes(make, says, tmp_path):
    path = make(tmp_path / "archive.keras", tmp_path / "ran")
    with pytest.raises(vk.FileError, match=says):
        vk.models.load(path)
    with pytest.raises(vk.FileError, match=says):
        vk.models.load_weights(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), path)


def external_link(file):
    file["vars/0"] = h5py.ExternalLink("/etc/hostname", "/secret")


def soft_link(file):
    file["vars/0"] = h5py.SoftLink("/elsewhere")


def external_array(file):
    file.create_dataset("vars/0", (4,), "uint8", external=[("/etc/hostname", 0, 4)])


def virtual_array(file):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "data", (4,))
    file.create_virtual_dataset("vars/0", layout)


def huge_array(file):
    file.create_dataset("vars/0", (1 << 20, 1 << 20), "float32", chunks=(64, 64), compression="gzip")


def references(file):
    file["vars/0"] = np.array([file.ref], dtype=h5py.ref_dtype)


def strange_filter(file):
    file.create_dataset("vars/0", (64,), "int32", chunks=(64,), scaleoffset=4)


def its_own_child(file):
    file["vars/again"] = file.create_group("vars")
    external_link(file)


HDF5 = {
    external_link: "got a link at /vars/0",
    soft_link: "got a link at /vars/0",
    external_array: "got parts of another file at /vars/0",
    virtual_array: "got parts of another file at /vars/0",
    huge_array: "bytes of arrays, got more at /vars/0",
    references: "expected arrays of numbers, got object",
    strange_filter: "got another filter at /vars/0",
    its_own_child: "got a link",
}


@pytest.mark.parametrize("fill", HDF5, ids=lambda fill: fill.__name__)
def test_weights_lie_in_the_file_and_are_as_large_as_it_says(fill, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    before = model.get_weights()
    written(tmp_path / "bad.keras", weights=hdf5(fill))
    (tmp_path / "bad.weights.h5").write_bytes(hdf5(fill))
    with pytest.raises(vk.FileError, match=HDF5[fill]):
        vk.models.load(tmp_path / "bad.keras")
    for name in ("bad.keras", "bad.weights.h5"):
        with pytest.raises(vk.FileError, match=HDF5[fill]):
            vk.models.load_weights(model, tmp_path / name)
    for old_one, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old_one, new)


@pytest.mark.parametrize("name", ["crash", "loop", "memory"])
def test_texts_that_hdf5_itself_does_not_survive(name, tmp_path):
    """Another type, a heap without end, a length of gigabytes: a crash, a hang and 2.8 GB in HDF5 1.14.6 and 2.0."""
    path = old(tmp_path / "old.h5")
    data = bytearray(path.read_bytes())
    if name == "loop":
        data[data.find(b"GCOL") + 24 : data.find(b"GCOL") + 32] = b"\xf0" + b"\xff" * 7
    else:
        at = data.find(b"model_config")
        kind = data.find(b"\x19\x01", at)
        if name == "crash":
            data[kind + 1] = 0
        else:
            heap = data.find(b"GCOL").to_bytes(8, "little")
            data[data.find(heap, at) - 4 : data.find(heap, at)] = (0xA9A30004).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(vk.FileError, match=r"damaged|texts in the attribute|bytes of text"):
        vk.models.load(path)


@pytest.mark.parametrize(("at", "byte"), [(42, 0xF9), (34, 0xE5), (0, 0xFF)])
def test_an_onnx_file_that_ends_opencv_is_an_error(at, byte, tmp_path, capfd):
    """Names that are no UTF-8 crash the interpreter in OpenCV 4.10 and 5; the third is no ONNX at all."""
    data = bytearray((ROOT / "visionkit/reader/weights/digits.onnx").read_bytes())
    data[at] = byte
    (tmp_path / "broken.onnx").write_bytes(data)
    with pytest.raises(vk.FileError, match=r"broken\.onnx' is no ONNX network"):
        vk.reader.load(tmp_path / "broken.onnx")
    assert capfd.readouterr() == ("", "")
