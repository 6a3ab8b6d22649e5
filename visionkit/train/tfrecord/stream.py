"""Records as ``tf.data`` reads them: from buckets, for TPUs, and in many files at once."""

from typing import Any

import keras
import numpy as np

from visionkit._errors import ArgumentError, FileError
from visionkit.train.augment.layer import Augment
from visionkit.train.tfrecord.record import Keys

BUFFER = 2048  # records that are shuffled among each other
FILES = 16  # that are read at a time


def read(paths: list[str], *, ordered: bool, seed: int, epoch: int) -> Any:
    """A ``tf.data.Dataset`` of the file's place among the paths, the record's place in the file, and its data.

    Args:
        paths: the files.
        ordered: one file after the other; else many at a time, whichever is first, and shuffled. With
            ``tf.config.experimental.enable_op_determinism`` the order follows from ``seed`` and ``epoch``.
        seed: what the order of the files, and the shuffle, are drawn from.
        epoch: the same.
    """
    import tensorflow as tf

    generator = np.random.default_rng((seed, epoch))
    places = np.arange(len(paths)) if ordered else generator.permutation(len(paths))
    files = tf.data.Dataset.from_tensor_slices((places, [paths[place] for place in places]))

    def records(place: Any, path: Any) -> Any:
        return tf.data.TFRecordDataset(path).enumerate().map(lambda number, data: (place, number, data))

    if ordered:
        return files.flat_map(records)
    many = files.interleave(records, cycle_length=FILES, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False)
    return many.shuffle(BUFFER, seed=int(generator.integers(2**31)), reshuffle_each_iteration=False)


def pictures(
    frames: Any,
    *,
    keys: Keys,
    size: tuple[int, int],
    channels: int,
    scale: bool,
    augment: Augment | None,
    batch_size: int,
    drop_remainder: bool,
    ordered: bool,
) -> Any:
    """A ``tf.data.Dataset`` of the batches that these records are."""
    import tensorflow as tf

    if augment is not None and keras.backend.backend() != "tensorflow":
        raise ArgumentError(
            f"tf_dataset: expected no augment where Keras runs on {keras.backend.backend()}; put it into the model"
        )
    if augment is not None and isinstance(augment.ranges.crop, tuple):
        raise ArgumentError("tf_dataset: expected crop to be a share of the picture, such as 0.9, got pixels")

    def picture(_place: Any, _number: Any, data: Any) -> Any:
        kinds = {keys.image: tf.string, **({keys.label: tf.int64} if keys.label else {})}
        features = tf.io.parse_single_example(
            data, {key: tf.io.FixedLenFeature([], kind) for key, kind in kinds.items()}
        )
        image = tf.io.decode_jpeg(features[keys.image], channels=channels, dct_method="INTEGER_ACCURATE")
        image = tf.image.resize(tf.cast(image, tf.float32), size, antialias=True)
        image = tf.ensure_shape(image, (*size, channels))
        return (image, tf.cast(features[keys.label], tf.int32)) if keys.label else (image,)

    data = frames.map(picture, num_parallel_calls=tf.data.AUTOTUNE, deterministic=ordered)
    data = data.batch(batch_size, drop_remainder=drop_remainder)
    if augment is not None:
        data = data.map(lambda x, *y: (augment(x, training=True), *y), num_parallel_calls=tf.data.AUTOTUNE)
    if scale:
        data = data.map(lambda x, *y: (x * (1 / 255), *y), num_parallel_calls=tf.data.AUTOTUNE)
    return data.prefetch(tf.data.AUTOTUNE)


def count(path: str) -> int:
    """How many records a file holds, by reading it."""
    import tensorflow as tf

    try:
        return int(tf.data.TFRecordDataset(path).reduce(np.int64(0), lambda seen, _: seen + 1))
    except tf.errors.OpError as error:
        raise FileError(f"from_tfrecords: cannot read {path!r}: {error.message}") from None
