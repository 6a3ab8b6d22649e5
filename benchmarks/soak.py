"""Whether memory stays as it is under load: `python benchmarks/soak.py --minutes 20`.

Some threads read drawn pages of every kind with one reader, while others explain one model, decode a folder, train,
and write files, in turn. Every answer is compared with the first one of its kind. The memory of the process is looked
at once a second; what counts is the line through it from the end of the warm-up to the end.

Exit status 1 where memory grows by 2 % or more, or where an answer is another one than the first time.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from visionkit import VisionkitError, explain, preprocess, reader
from visionkit.reader.sample import KINDS, draw_page
from visionkit.train import Augment, fit, from_arrays, from_directory, write_submission

BOUND = 2.0  # percent
PAGE = "AKM 47\nBE 2935\nHRTX 86"
Task = tuple[str, Callable[[], Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long it works, warm-up included")
    parser.add_argument("--warmup", type=float, help="minutes until memory counts; a quarter of all if not said")
    parser.add_argument("--readers", type=int, default=2, help="threads that read; there are as many for the rest")
    parser.add_argument("--only", help="one kind of work alone, to find what grows")
    parser.add_argument("--json", type=Path, help="where to write the figures, too")
    options = parser.parse_args()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of each new training
    warmup = options.minutes / 4 if options.warmup is None else options.warmup
    with tempfile.TemporaryDirectory() as folder:
        kinds = [list(pages()), list(others(Path(folder)))]
        if options.only:
            kinds = [found for kind in kinds if (found := [task for task in kind if task[0].startswith(options.only)])]
        work = Work(kinds * options.readers, [train] if options.only in (None, "train") else [])
        seconds, memory = watched(work, 60 * options.minutes)
    report(work, seconds, memory, 60 * warmup, options.json)


def pages() -> Iterator[Task]:
    """A page of every kind, and photos that cannot be read."""
    read = reader.load().read
    for number, kind in enumerate(KINDS):
        for scale in (1, 3):
            image = draw_page(PAGE, kind=kind, seed=number).image
            image = preprocess.resize(image, width=image.shape[1] * scale)
            yield f"read {kind} x{scale}", lambda image=image: read(image).to_dict()  # type: ignore[misc]
    for name, source in {"blank": np.full((400, 300), 255, np.uint8), "broken": b"\x89PNG\r\n\x1a\n"}.items():
        yield f"read {name}", lambda source=source: read(source)  # type: ignore[misc]


def others(folder: Path) -> Iterator[Task]:
    """Explaining, decoding and writing."""
    keras.utils.set_random_seed(0)
    model = network()
    images = np.random.default_rng(0).uniform(0, 255, (6, 32, 32, 3)).astype("float32")
    for count in (1, 6):
        x = images[:count]
        yield f"explain gradcam {count}", lambda x=x: explain.gradcam(model, x)  # type: ignore[misc]
        yield f"explain gradients {count}", lambda x=x: explain.integrated_gradients(model, x, steps=8)  # type: ignore[misc]
        yield f"explain activations {count}", lambda x=x: explain.activations(model, x, "conv2")  # type: ignore[misc]
    for number in range(24):
        place = folder / "photos" / f"{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        page = np.random.default_rng(number).integers(0, 256, (60 + 8 * number, 100, 3), np.uint8)
        preprocess.write(place / f"{number}.{('png', 'jpg')[number % 2]}", page)
    flowers = Augment.preset("flowers")  # one for all: TensorFlow keeps 36 kB of each variable of Keras, as in a layer
    photos: dict[str, Any] = {"image_size": 32, "batch_size": 5, "augment": flowers}
    yield "folder", lambda: list(from_directory(folder / "photos", **photos).batches(0))

    def written() -> Any:
        place = folder / f"written {threading.get_ident()}"
        place.mkdir(exist_ok=True)
        preprocess.write(place / "page.png", images[0].astype(np.uint8))
        write_submission(place / "answer.csv", range(1000), np.arange(1000) % 5)
        model.save_weights(place / "model.weights.h5")
        return preprocess.read(place / "page.png"), (place / "answer.csv").read_bytes()

    yield "write", written


def train(work: "Work") -> None:
    """One training of very many epochs: for each new one, TensorFlow keeps some MB of what it compiled."""

    class Counts(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            work.done["train"] += 1
            self.model.stop_training = work.stop.is_set()

    x = np.random.default_rng(1).uniform(0, 255, (48, 32, 32, 3)).astype("float32")
    data = from_arrays(x, np.arange(48) % 5, batch_size=8, augment="faces")
    fit(network(), data, epochs=10**9, callbacks=[Counts()], verbose=0)


def network() -> keras.Model:
    """A small model for pictures of 32 x 32."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=2, activation="relu", name="conv1"),
            layers.Conv2D(16, 3, activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )


class Work:
    """Threads that each go through some tasks again and again, and others that go on until they are stopped.

    Attributes:
        done: how often each task was done.
        unequal: how often its answer was not the first one.
    """

    def __init__(self, kinds: list[list[Task]], whole: list[Callable[["Work"], None]]) -> None:
        self.done, self.unequal = Counter[str](), Counter[str]()
        self.errors: list[BaseException] = []
        self._first: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.stop = threading.Event()
        goes = [*(partial(self._repeat, tasks) for tasks in kinds), *(partial(work, self) for work in whole)]
        self._threads = [threading.Thread(target=self._go, args=(work,)) for work in goes]

    def __enter__(self) -> "Work":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def stopped(self) -> bool:
        """Whether a thread has ended before its time."""
        return bool(self.errors)

    def _go(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.errors.append(error)

    def _repeat(self, tasks: list[Task]) -> None:
        for name, task in cycle(tasks):
            if self.stop.is_set():
                return
            try:
                answer = task()
            except VisionkitError as error:
                answer = str(error)
            with self._lock:
                self.done[name] += 1
                if not same(answer, self._first.setdefault(name, answer)):
                    self.unequal[name] += 1


def same(one: Any, other: Any) -> bool:
    """Equal; arrays of what runs on Keras within a millionth."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) and one.dtype.kind == "f":
        return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=1e-6))
    return bool(np.array_equal(one, other))


def watched(work: Work, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the beginning and MB of memory then, once a second."""
    began, found = time.monotonic(), []
    with work:
        while (now := time.monotonic() - began) < seconds and not work.stopped:
            found.append((now, resident()))
            time.sleep(min(1.0, seconds - now))
    if work.errors:
        raise work.errors[0]
    return np.array(found).T[0], np.array(found).T[1]


def resident() -> float:
    """MB of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def report(work: Work, seconds: np.ndarray, memory: np.ndarray, warmup: float, place: Path | None) -> None:
    counts = Counter[str]()
    for name, count in work.done.items():
        counts[name.split()[0]] += count
    warm = seconds >= warmup
    slope, start = np.polyfit(seconds[warm] - warmup, memory[warm], 1)
    growth = 100 * slope * (seconds[-1] - warmup) / start
    most = 100 * (memory[warm].max() / start - 1)
    unequal = sum(work.unequal.values())
    rows = [
        *((f"soak: {name}", f"{count:,} times", "") for name, count in sorted(counts.items())),
        ("soak: time, of which warm-up", f"{seconds[-1] / 60:.1f} min, {warmup / 60:.1f} min", ""),
        ("soak: memory after the warm-up", f"{start:.0f} MB", ""),
        ("soak: growth of memory, line through all seconds", f"{growth:+.2f} %", f"< {BOUND:g} %"),
        ("soak: growth of memory, highest second", f"{most:+.2f} %", ""),
        ("soak: answers unequal to the first", f"{unequal:,}", "0"),
    ]
    for what, figure, bound in rows:
        print(f"{what:52}{figure:>22}  {bound}")
    for name, count in work.unequal.items():
        print(f"unequal: {name} {count} of {work.done[name]}")
    if place is not None:
        place.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    sys.exit(int(growth >= BOUND or unequal > 0))


if __name__ == "__main__":
    main()
