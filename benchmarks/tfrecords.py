"""Pictures written as TFRecords in 16 shards, and read back: `python benchmarks/tfrecords.py`.

--data is a folder that holds a folder of pictures for each class; without it, 3,670 JPEG files are cut out of
scikit-learn's two photos. TensorFlow reads what was written, and every byte and label is compared. Then epochs are
timed, in turn. First records of a bucket, which this program plays itself, with 30 ms to an answer and 50 MB/s through
a connection, unordered and ordered. Then images of 150 x 150 from files of this machine, where any record is read by
itself and order costs nothing; and these against the `tf.data` pipeline that they are usually read with.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import tensorflow as tf
from turns import Action, Bench, parser

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.train.tfrecord_bucket import AVAILABLE, bucket
from visionkit.train.tfrecord import from_tfrecords, stream, write_tfrecords

SHARDS, COUNT, CLASSES, SIDE, BATCH = 16, 3670, 5, 150, 32
OURS = "visionkit"
FEATURES = {"image": tf.io.FixedLenFeature([], tf.string), "class": tf.io.FixedLenFeature([], tf.int64)}


def main() -> None:
    """Write, compare, and print a line for each figure."""
    options = parser(__doc__, rounds=5)
    options.add_argument("--data", type=Path, metavar="FOLDER", help="a folder of pictures for each class")
    given = options.parse_args()
    bench = Bench(given, "keras", "tensorflow")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", ".")) as place:
        folder = given.data or cut_out(Path(place) / "photos", 200 if given.quick else COUNT)
        pattern = f"{place}/records/*.tfrec"
        start = time.perf_counter()
        written = write_tfrecords(folder, pattern, shards=SHARDS)
        seconds, count, paths = time.perf_counter() - start, sum(written.counts), list(written.paths)
        size = sum(os.path.getsize(path) for path in paths) / 1e6
        bench.tell(f"{count:,} pictures in {len(paths)} shards, {size:.0f} MB: written in", f"{seconds:.1f} s")
        bench.tell(
            "bytes and labels as they were, read by TensorFlow", "all" if same(folder, written) else "not all", "all"
        )
        images = {
            order: from_tfrecords(pattern, image_size=SIDE, ordered=order, batch_size=BATCH) for order in (False, True)
        }

        def race(what: str, peer: str, ours: Action, theirs: Action, **held: float) -> None:
            """Time two readings in turn."""
            spent = bench.in_turn({OURS: partial(whole, ours, count), peer: partial(whole, theirs, count)})
            bench.speed(f"{what}, {count:,}", peer, spent[OURS], spent[peer], **held)

        if AVAILABLE:  # openssl, for the certificate
            secrets = Path(place, "secrets")
            secrets.mkdir()
            with bucket(Path(place, "records"), secrets, delay=0.03, bandwidth=50e6) as environment:
                os.environ |= environment
                remote = [f"gs://records/{Path(path).name}" for path in paths]
                one, other = (records(remote, ordered=order) for order in (False, True))
                race("records of a bucket, unordered", "the same, ordered", one, other, least=1)
        else:
            bench.note("Records of a bucket are left out: openssl is not installed.")
        one, other = (lambda order=order: rows(images[order].tf_dataset()) for order in (False, True))
        race("images, `tf_dataset()` unordered", "the same, ordered", one, other)
        one, other = (lambda order=order: rows(images[order].batches()) for order in (False, True))
        race("images, `batches()` unordered", "the same, ordered", one, other)
        usual = tf_data(paths)
        race("images, `batches()` unordered", "the usual `tf.data`, unordered", one, lambda: rows(usual))
    bench.close()


def whole(action: Action, count: int) -> None:
    """Read, and see that everything came."""
    found = action()
    if found != count:
        raise SystemExit(f"tfrecords: expected {count} records, {found} came")


def records(paths: list[str], *, ordered: bool) -> Callable[[], int]:
    """Read records as they are."""
    return lambda: rows(stream.read(paths, ordered=ordered, seed=0, epoch=0).batch(BATCH).prefetch(2))


def rows(batches: Iterable[tuple]) -> int:
    """How many samples there are."""
    return sum(len(batch[0]) for batch in batches)


def tf_data(paths: list[str]) -> tf.data.Dataset:
    """The pipeline of the flowers competition's notebooks: parallel unordered reads, decode, resize, shuffle, batch."""

    def image(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.io.parse_single_example(record, FEATURES)
        pixels = tf.image.decode_jpeg(features["image"], channels=3)
        return tf.image.resize(pixels, (SIDE, SIDE)), tf.cast(features["class"], tf.int32)

    unordered = tf.data.Options()
    unordered.deterministic = False
    data = tf.data.TFRecordDataset(paths, num_parallel_reads=tf.data.AUTOTUNE).with_options(unordered)
    data = data.map(image, num_parallel_calls=tf.data.AUTOTUNE).shuffle(2048)
    return data.batch(BATCH).prefetch(tf.data.AUTOTUNE)


def same(folder: Path, written) -> bool:
    """Whether the records that TensorFlow reads are the files of the folder, each once, with its class."""
    files = Counter(
        (path.read_bytes(), label)
        for label, name in enumerate(written.classes)
        for path in (folder / name).rglob("*")
        if path.is_file()
    )
    found: Counter = Counter()
    for record in tf.data.TFRecordDataset(list(written.paths)):
        features = tf.io.parse_single_example(record, FEATURES)
        found[features["image"].numpy(), int(features["class"])] += 1
    return found == files


def cut_out(folder: Path, count: int) -> Path:
    """Pieces of two photos, of 240 to 420 pixels a side, in a folder for each class."""
    from sklearn.datasets import load_sample_images

    photos, draws = load_sample_images().images, np.random.default_rng(0)
    for number in range(count):
        photo = photos[number % len(photos)]
        height, width = draws.integers(240, 421, 2)
        top, left = draws.integers(0, photo.shape[0] - height + 1), draws.integers(0, photo.shape[1] - width + 1)
        path = folder / f"class_{number % CLASSES}" / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), photo[top : top + height, left : left + width, ::-1])
    return folder


if __name__ == "__main__":
    main()
