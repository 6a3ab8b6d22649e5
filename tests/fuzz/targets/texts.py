"""The CSV and JSON files that the library reads, and the snapshot of a run."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.fuzz.harness import Target
from tests.fuzz.targets.pictures import encoded

PICTURES = ("a.png", "b.png", "more/c.png", "more/d.png")


def _pictures(folder: Path) -> None:
    for name in PICTURES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded("PNG"))


def labels(folder: Path) -> Sequence[Path]:
    """Labels with and without the names of the columns, beside their pictures."""
    paths = []
    for name, heading in (("headed", "file,class\r\n"), ("plain", "")):
        _pictures(folder / name)
        paths.append(folder / name / "labels.csv")
        rows = [f'{file},"a {kind}"' for file, kind in zip(PICTURES, ("cat", "dog") * 2, strict=True)]
        paths[-1].write_text(heading + "\r\n".join(rows) + "\r\n", encoding="utf-8")
    return paths


def labelled(path: Path) -> dict[str, str]:
    """Read the pictures with these labels."""
    from visionkit.train.data.directory import from_directory

    data = from_directory(path.parent, image_size=8, labels=path, shuffle=False)
    [(images, numbers)] = list(data.batches())
    assert images.shape == (len(data.files), 8, 8, 3)
    files = [str(Path(file).relative_to(path.parent)) for file in data.files]
    return dict(zip(files, (data.classes[number] for number in numbers), strict=True))


def files_with_names(result: dict[str, str], original: dict[str, str]) -> bool:
    """Each is a file that is there, and has a class: a CSV has no checksum."""
    return bool(result) and {*result} <= {*original} and all(result.values())


def histories(folder: Path) -> Sequence[Path]:
    """A run's history."""
    path = folder / "history.csv"
    rows = [f"{epoch},{1 / epoch},{1 - 1 / epoch},{'' if epoch % 2 else 0.5}" for epoch in range(1, 9)]
    path.write_text("\n".join(["epoch,loss,accuracy,val_loss", *rows]) + "\n", encoding="utf-8")
    return [path]


def plotted(path: Path) -> object:
    """Draw it."""
    from matplotlib import pyplot

    from visionkit.train.plots import plot_history

    figure = plot_history(str(path))
    pyplot.close("all")
    return figure


def splits(folder: Path) -> Sequence[Path]:
    """A split of pictures; what is damaged is its plan."""
    from visionkit.train.data.split import PLAN

    split_again(folder / "split" / "target" / PLAN)
    return [folder / "split" / "target" / PLAN]


def split_again(path: Path) -> Any:
    """Split again, as after a crash. The pictures are made again, since what is copied is the plan's folder alone."""
    from visionkit.train.data.split import split_directory

    source = path.parents[1] / "source"
    shutil.rmtree(source, ignore_errors=True)
    _pictures(source / "all")
    return split_directory(source, path.parent, counts={"train": 2, "test": 1}).counts


def features(folder: Path) -> Sequence[Path]:
    """Features on disk: whole ones with their note, and a part with its marks."""
    from visionkit.train.transfer.cache import Cache

    paths = []
    for end, rows in (("npy", 50), ("json", 50), ("part", 20), ("done", 20)):
        cache = Cache(folder / end, "key", 50)
        cache.write(np.arange(rows), _rows()[:rows])
        if rows == 50:
            cache.finish()
        paths.append(folder / end / f"key.{end}")
    return paths


def _rows() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((50, 7)).astype(np.float32)


def computed(path: Path) -> NDArray[np.float32]:
    """What ``extract_features`` does: load them, or go on with them, and compute what is missing."""
    from visionkit.train.transfer.cache import Cache

    cache = Cache(path.parent, "key", 50)
    found = cache.load()
    if found is None:
        cache.resume()
        missing = np.flatnonzero(~cache.done)
        cache.write(missing, _rows()[missing])
        cache.finish()
        found = cache.load()
    assert found is not None
    return np.array(found)


def like(result: NDArray[np.float32], original: NDArray[np.float32]) -> bool:
    """Of the right shape: the rows of a part have no checksum."""
    return result.shape == original.shape and result.dtype == original.dtype


def snapshots(folder: Path) -> Sequence[Path]:
    """What a run goes on from."""
    from visionkit.train.loop.snapshot import Snapshot

    arrays = [_rows(), np.arange(5), np.float32(0.5)]
    callbacks = {"EarlyStopping": {"table": {"wait": 3, "best": {"array": 0}}}}
    path = folder / "snapshot.npz"
    Snapshot(1, 2, {"loss": [0.5]}, arrays, arrays[:1], [], [], callbacks, arrays[2:], [0, 0.5], False).save(path)
    return [path]


def loaded(path: Path) -> Any:
    """Load it."""
    from visionkit.train.loop.snapshot import Snapshot

    found = Snapshot.load(path)
    return repr([[array.tolist() for array in group] for group in (found.model, found.extra)]) + repr(found.callbacks)


def runs(folder: Path) -> Sequence[Path]:
    """A run of one epoch; what is damaged is each of its files."""
    trained_on(folder / "run" / "config.json", epochs=1)
    paths = []
    for name in ("config.json", "snapshot.npz", "history.csv"):
        place = folder / name.partition(".")[0]
        shutil.copytree(folder / "run", place)
        paths.append(place / name)
    return paths


def trained_on(path: Path, epochs: int = 2) -> list[float]:
    """Go on with the run for another epoch."""
    import keras

    from visionkit.train.data.arrays import from_arrays
    from visionkit.train.loop.fit import fit

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many models in one process
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).random((32, 4, 4, 1)).astype(np.float32)
    data = from_arrays(x, np.arange(32) % 2, batch_size=16, seed=0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    history = fit(model, data, epochs=epochs, directory=path.parent, verbose=0)
    return [float(value) for value in getattr(history, "history", history)["loss"]]


def as_before(result: list[float], original: list[float]) -> bool:
    """The same losses: a snapshot has checksums."""
    return np.allclose(result, original, rtol=1e-4)


def same(result: Any, original: Any) -> bool:
    """What it was."""
    return bool(result == original)


TARGETS = [
    Target("labels-csv", labels, labelled, files_with_names),
    Target("history-csv", histories, plotted, slow=True),
    Target("split-plan", splits, split_again, same),
    Target("feature-cache", features, computed, like),
    Target("snapshot", snapshots, loaded, same),
    Target("run", runs, trained_on, as_before, slow=True),
]
