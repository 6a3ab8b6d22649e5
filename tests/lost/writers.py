"""Everything that writes, each as a function of a folder and a version; started by tests as a program.

writers.py FOLDER RESULT CONDITION...: write the first version of everything, then the second while each of the
conditions holds, then the second as usual; RESULT tells as JSON what came of it. Where CONDITION is more than
"limited", FOLDER must be a file system of its own, made by writers.py for itself with `unshare --mount`.
"""

import functools
import http.server
import importlib.util
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

import visionkit as vk
from visionkit import _demo, cli
from visionkit.explain import save_activations
from visionkit.models import load_weights
from visionkit.models.tools.export import export
from visionkit.models.weights.official import imagenet_file
from visionkit.preprocess import write
from visionkit.reader.sample import draw_page
from visionkit.train import evaluate, extract_features, fit, from_directory, split_directory, write_submission
from visionkit.train.tfrecord import write_tfrecords

SIDE = 48
PAIR = np.random.default_rng(0).integers(0, 256, (2, 8, SIDE, SIDE, 3), dtype=np.uint8)  # eight pictures a version


@functools.cache
def model(version: int) -> keras.Model:
    """A network of some 30 kB, another in each version."""
    keras.utils.set_random_seed(version)
    layers = keras.layers
    found = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, name="a"),
            layers.Conv2D(64, 3, strides=3, name="b"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(40),
            layers.Dense(2, activation="softmax"),
        ]
    )
    found.compile("adam", "sparse_categorical_crossentropy")  # as what is saved holds an optimizer, too
    return found


def picture(folder: Path, version: int) -> None:
    write(folder / "a.png", PAIR[version, 0])


def submission(folder: Path, version: int) -> None:
    write_submission(folder / "a.csv", range(3000), np.full(3000, version))


def report(folder: Path, version: int) -> None:
    evaluate(model(version), (PAIR[version], np.arange(8) % 2), verbose=0).save(folder / "a.html")


def activations(folder: Path, version: int) -> None:
    save_activations(model(version), PAIR[version, 0], folder / "maps", verbose=False)


def records(folder: Path, version: int) -> None:
    write_tfrecords((PAIR[version], np.arange(8)), folder / f"v{version}-*.tfrec", shards=2, quality=None)


def photos(folder: Path) -> Path:
    """A folder of pictures; not what is written here, but what it is written from."""
    if not (folder / "photos").is_dir():
        for number in range(8):
            (folder / "photos" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
            write(folder / "photos" / "ab"[number % 2] / f"{number}.png", PAIR[0, number])
    return folder / "photos"


def split(folder: Path, version: int) -> None:
    split_directory(photos(folder), folder / f"v{version}", counts={"train": 2, "test": 2}, seed=version)


def decoded(folder: Path, version: int) -> None:
    list(from_directory(photos(folder), image_size=SIDE - version, cache=folder / "cache").batches())


def features(folder: Path, version: int) -> None:
    tall = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten()])
    extract_features(tall, PAIR[version], cache=folder / "features", verbose=0)


def training(folder: Path, version: int) -> None:
    fit(
        keras.models.clone_model(model(0)), (PAIR[0], np.arange(8) % 2), epochs=version + 1, directory=folder, verbose=0
    )


def exported(name: str, folder: Path, version: int) -> None:
    export(model(version), folder / name)


def download(folder: Path, version: int) -> None:
    """From a server of this machine; the second version is another file."""
    os.environ["KERAS_HOME"] = str(folder)
    with served():
        imagenet_file("mobilenet", include_top=True, size=((128, 128), (160, 160))[version], alpha=0.25)


@functools.cache
def official() -> bytes:
    """A file of weights, as a server has it."""
    file = io.BytesIO()
    with h5py.File(file, "w") as inside:
        inside["weights"] = PAIR
    return file.getvalue()


@contextmanager
def served() -> Iterator[None]:
    """A server of this machine that has this one file, under whatever name."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    os.environ["VISIONKIT_WEIGHTS_URL"] = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(official())))
        self.end_headers()
        with suppress(ConnectionError):  # nobody listens any more
            self.wfile.write(official())

    def log_message(self, *_: object) -> None:
        pass


def demo(folder: Path, version: int) -> None:
    _demo.run(folder / f"v{version}")


def command(folder: Path, version: int) -> None:
    """What the command line says on stderr, as the error that it tells of."""
    page = folder / "page.png"
    if not page.is_file():
        write(page, draw_page("PAGE 12", kind="sheet", seed=1).image)
    sys.stderr.flush()
    with tempfile.TemporaryFile() as told:
        stderr = os.dup(2)
        os.dup2(told.fileno(), 2)
        status = cli.main(["read", str(page), "--draw", str(folder / "drawn.png")])
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        told.seek(0)
        lines = told.read().decode().splitlines()
    if status:
        assert status == 2
        assert len(lines) == 1, lines
        raise vk.FileError(lines[0].removeprefix("visionkit: "))


EXPORTS = {"keras": "a.keras", "saved_model": "served", "litert": "a.tflite"}
EXPORTS |= {"onnx": "a.onnx"} if importlib.util.find_spec("tf2onnx") else {}
EXPORTS |= {"openvino": "a.xml"} if importlib.util.find_spec("openvino") else {}

PLAIN: list[Callable[[Path, int], None]] = [
    picture, submission, report, activations, records, split, decoded, features, training, download, demo, command,
]  # fmt: skip
WRITERS = {one.__name__: one for one in PLAIN} | {
    f"export_{kind}": functools.partial(exported, name) for kind, name in EXPORTS.items()
}

# files that grow until they are moved to their place, or that are whole one by one
GROWING = {
    "features": (".part", ".done"),
    "records": (".tfrec", ".json"),
    "split": (".png", ".json"),
    "demo": (".png",),
}
GROWING |= {"demo": (".png",), "activations": (".png",), "training": ("config.json",)}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def limited(folder: Path) -> Iterator[None]:
    """No file may grow beyond 1,500 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """The file system has room for a few kilobytes more."""
    with open(folder / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            filler.truncate(filler.tell() // 4096 * 4096 - 4096)
    try:
        yield
    finally:
        os.unlink(folder / "filler")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written at all."""
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)


@contextmanager
def no_temporary(folder: Path) -> Iterator[None]:
    """The folder for temporary files is full, though nothing else is."""
    place, before = folder / "temporary", tempfile.tempdir
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,nr_inodes=4", "none", place], check=True)
    tempfile.tempdir = str(place)
    try:
        with full(place):
            yield
    finally:
        tempfile.tempdir = before
        subprocess.run(["umount", place], check=True)
        place.rmdir()


CONDITIONS = {"limited": limited, "full": full, "read_only": read_only}


def attempt(call: Callable[[], object]) -> dict[str, str]:
    """What comes of a call: the error, and what was said on stderr by whatever code."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as told:
        os.dup2(told.fileno(), 2)
        try:
            call()
            error, message = "", ""
        except BaseException as caught:
            error, message = type(caught).__name__, str(caught)
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
        told.seek(0)
        return {"error": error, "message": message, "stderr": told.read().decode(errors="replace")}


def main(place: str, result: str, *conditions: str) -> None:
    keras.utils.Progbar.update = lambda *_, **__: None  # nobody watches
    tf.get_logger().setLevel("ERROR")  # it warns of many small models
    root = Path(place)
    if conditions != ("limited",):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", root], check=True)
    for name, writer in WRITERS.items():
        (root / name).mkdir()
        writer(root / name, 0)
    found = {condition: under(condition, root) for condition in conditions}
    if "full" in conditions:
        found["no_temporary"] = loaded(root)
    again = {name: attempt(functools.partial(writer, root / name, 1)) for name, writer in WRITERS.items()}
    left = [str(path) for path in root.rglob(".*")]
    Path(result).write_text(json.dumps({"found": found, "again": again, "left": left}))


def under(condition: str, root: Path) -> dict[str, Any]:
    """What comes of writing the second version of everything: errors, files that changed, files that were left."""
    found: dict[str, Any] = {}
    with CONDITIONS[condition](root):
        for name, writer in WRITERS.items():
            before = content(root / name)
            found[name] = attempt(functools.partial(writer, root / name, 1))
            after = content(root / name)
            new = sorted(after.keys() - before.keys())
            allowed = GROWING.get(name, ())
            found[name]["changed"] = sorted(
                one for one, data in before.items() if after.get(one) != data and not one.endswith(allowed)
            )
            found[name]["left"] = [one for one in new if Path(one).name[0] == "." or not one.endswith(allowed)]
    return found


def loaded(root: Path) -> dict[str, Any]:
    """What comes of loading weights where nothing temporary can be written: from a file as it is, and from others."""
    network = model(0)
    network.save_weights(root / "kept.weights.h5")
    network.save(root / "kept.keras")
    with no_temporary(root):
        return {
            name: attempt(functools.partial(load_weights, network, root / name))
            for name in ("kept.weights.h5", "kept.keras")
        }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
