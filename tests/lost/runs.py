"""Five kinds of runs that write for a while, to be killed: what they write, and what is found of it afterwards."""

import functools
import http.server
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import keras
import numpy as np

from visionkit import FileError
from visionkit.explain import save_activations
from visionkit.models.weights.official import imagenet_file
from visionkit.preprocess import write
from visionkit.train import deterministic, extract_features, fit, from_arrays
from visionkit.train.loop.snapshot import Snapshot
from visionkit.train.tfrecord import write_tfrecords

PICTURES = np.random.default_rng(0).integers(0, 256, (400, 24, 24, 3), dtype=np.uint8)
OFFICIAL = "mobilenet_2_5_128_tf.h5"


class Kind(NamedTuple):
    """A run in a folder.

    Attributes:
        prepare: what was there before, as from an earlier run.
        run: the run; the same call goes on with one that was killed.
        wrong: what is neither old nor new after a kill, given the folder, what was there before, and what a run leaves
            that is not killed.
    """

    prepare: Callable[[Path], None]
    run: Callable[[Path], None]
    wrong: Callable[[Path, dict[str, bytes], dict[str, bytes]], list[str]]


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder; those beside the place of another, that are being written, begin with a dot."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def neither(folder: Path, before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """The files that are neither as before nor as they are to be, and those that were there before and are not."""
    found = {name: data for name, data in content(folder).items() if not Path(name).name.startswith(".")}
    changed = [name for name, data in found.items() if data not in (before.get(name), after.get(name))]
    return changed + [f"{name} is gone" for name in before if name not in found]


def nothing(folder: Path) -> None:
    """There is nothing before the run."""


# --- TFRecords ---


def records(folder: Path) -> None:
    write_tfrecords((PICTURES, np.arange(len(PICTURES)) % 7), folder / "a-*.tfrec", shards=8, quality=None)


# --- pictures of what layers see ---


@functools.cache
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    convolutions = [keras.layers.Conv2D(32, 3, padding="same", name=f"conv{number}") for number in range(12)]
    return keras.Sequential([keras.Input((24, 24, 3)), *convolutions, keras.layers.GlobalAveragePooling2D()])


def old_activations(folder: Path) -> None:
    """Pictures of the same names, from a run on something else."""
    for number in range(12):
        write(folder / f"{number + 1:03d}_conv{number}.png", PICTURES[number])


def activations(folder: Path) -> None:
    save_activations(network(), PICTURES[0] / 255, folder, verbose=False)


# --- features, kept in files ---


def features(folder: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalMaxPooling2D()]
    base = keras.Sequential([keras.Input((24, 24, 3)), *layers])
    extract_features(base, np.concatenate([PICTURES] * 2).astype("float32"), cache=folder, batch_size=2, verbose=0)


def wrong_features(folder: Path, before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Only what is finished can be right or wrong: the note is there before the features, which it is of."""
    return [name for name in neither(folder, before, after) if not name.endswith((".part", ".done"))]


# --- a download ---


def official() -> bytes:
    """A file of weights of 3 MB."""
    file = io.BytesIO()
    with h5py.File(file, "w") as inside:
        inside["weights"] = np.random.default_rng(1).normal(size=(3, 1 << 17))
    return file.getvalue()


class Slow(http.server.BaseHTTPRequestHandler):
    """Sends the file within half a second or so."""

    def do_GET(self) -> None:
        data = official()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            for start in range(0, len(data), 1 << 17):
                self.wfile.write(data[start : start + (1 << 17)])
                time.sleep(0.02)
        except OSError:  # the one who asked was killed
            pass

    def log_message(self, *_: object) -> None:
        pass


def old_download(folder: Path) -> None:
    """Half a file, as others leave one that are killed while they write in the place itself."""
    (folder / "models").mkdir()
    (folder / "models" / OFFICIAL).write_bytes(official()[:1_000_000])


def download(folder: Path) -> None:
    os.environ["KERAS_HOME"] = str(folder)
    imagenet_file("mobilenet", include_top=True, size=(128, 128), alpha=0.25)


# --- training ---


def training(folder: Path) -> None:
    deterministic(1)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    x = rng.normal(size=(120, 8, 8, 1)).astype("float32") + y[:, None, None, None]
    layers = [keras.layers.Conv2D(8, 3), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.3), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    fit(
        model,
        from_arrays(x, y, batch_size=12),
        from_arrays(x[:40], y[:40], shuffle=False),
        epochs=4,
        directory=folder,
        save_every=0.02,
        verbose=0,
    )


def wrong_training(folder: Path, before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """There are many versions of these files: each must be whole, and say what a run says on its way."""
    wrong = []
    for name, data in content(folder).items():
        try:
            if name == "config.json":
                right = data == after[name]
            elif name == "history.csv":
                right = after[name].startswith(data)
            elif name == "snapshot.npz":
                right = 0 <= Snapshot.load(folder / name).epoch <= 4
            elif name.endswith(".weights.h5"):
                right = all(np.isfinite(array).all() for array in arrays(folder / name))
            elif name == "curves.png":
                right = cv2.imread(str(folder / name)) is not None
            else:
                right = name.startswith(".")
        except (OSError, FileError):
            right = False
        wrong += [] if right else [name]
    return wrong


def arrays(path: Path) -> list[np.ndarray]:
    """Everything in an HDF5 file."""
    found: list[np.ndarray] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(np.asarray(item)) if isinstance(item, h5py.Dataset) else None)
    assert found
    return found


KINDS = {
    "training": Kind(nothing, training, wrong_training),
    "save_activations": Kind(old_activations, activations, neither),
    "write_tfrecords": Kind(nothing, records, neither),
    "feature cache": Kind(nothing, features, wrong_features),
    "download": Kind(old_download, download, neither),
}
