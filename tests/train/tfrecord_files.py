"""Small pictures, and TFRecord files of them as TensorFlow itself writes and reads them."""

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf


def pictures(count, *, sizes=((24, 32),), seed=0):
    """Pictures of smooth colours, which differ from each other: uint8 (h, w, 3) each."""
    draws = np.random.default_rng(seed)
    small = draws.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [
        cv2.resize(one, sizes[place % len(sizes)][::-1], interpolation=cv2.INTER_CUBIC)
        for place, one in enumerate(small)
    ]


def jpeg(picture, suffix=".jpg"):
    return cv2.imencode(suffix, picture)[1].tobytes()


def folder_of(path, *, classes=("ant", "bee", "cat"), each=7, **options):
    """A folder for each class; returns a dict of the bytes of the files to their label."""
    found = {}
    for label, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for place, picture in enumerate(pictures(each, seed=label, **options)):
            data = jpeg(picture)
            (path / name / f"{place:03d}.jpg").write_bytes(data)
            found[data] = label
    return found


def example(**features):
    """A record as TensorFlow makes it."""
    made = tf.train.Example()
    for key, value in features.items():
        feature = made.features.feature[key]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.append(value)
    return made.SerializeToString()


def by_tensorflow(path, records):
    """Write records with TensorFlow."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return Path(path)


def read_by_tensorflow(paths, *, label="class", name=None):
    """The records that TensorFlow finds: pairs of the bytes of a picture and its label or id."""
    second = (
        {label: tf.io.FixedLenFeature([], tf.int64)} if name is None else {name: tf.io.FixedLenFeature([], tf.string)}
    )
    spec = {"image": tf.io.FixedLenFeature([], tf.string), **second}
    found = []
    for record in tf.data.TFRecordDataset([str(path) for path in paths]):
        features = tf.io.parse_single_example(record, spec)
        found.append((features["image"].numpy(), features[next(iter(second))].numpy()))
    return found
