"""The bytes of TFRecord files, held against RFC 3720 and against what TensorFlow writes."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from visionkit.train.tfrecord import codec


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_checksums_are_those_of_rfc_3720(data, crc):
    assert codec.crc32c(data) == crc


def test_frames_are_those_that_tensorflow_writes(tmp_path):
    draws = np.random.default_rng(0)
    records = [draws.bytes(length) for length in [*range(140), 191, 192, 193, 4095, 4097, 70_001]]
    with tf.io.TFRecordWriter(str(tmp_path / "a")) as writer:
        for record in records:
            writer.write(record)
    assert b"".join(map(codec.frame, records)) == (tmp_path / "a").read_bytes()


def test_examples_are_those_that_tensorflow_writes():
    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"\x00\xff" * 200])),
        "class": tf.train.Feature(int64_list=tf.train.Int64List(value=[-(2**63)])),
        "a": tf.train.Feature(int64_list=tf.train.Int64List(value=[2**63 - 1])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    ours = codec.encode({"image": b"\x00\xff" * 200, "class": -(2**63), "a": 2**63 - 1})
    assert ours == example.SerializeToString(deterministic=True)


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.one_of(
            st.lists(st.binary(max_size=300), max_size=3),
            st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
            st.lists(st.floats(width=32, allow_nan=False), max_size=3),
        ),
        max_size=4,
    )
)
def test_what_tensorflow_encodes_is_decoded(features):
    example = tf.train.Example()
    for key, values in features.items():
        feature = example.features.feature[key]
        kind = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}[
            type(values[0]) if values else int
        ]
        kind.value.extend(values)
    assert codec.decode(example.SerializeToString()) == features


def test_numbers_that_are_not_packed_are_decoded():
    def field(number, content):
        return bytes([number << 3 | 2, len(content)]) + content

    unpacked = field(1, b"n") + field(2, field(3, b"\x08\x05\x08\x07"))
    single = field(1, b"f") + field(2, field(2, b"\x0d" + struct.pack("<f", 1.5)))
    data = field(1, field(1, unpacked) + field(1, single))
    assert codec.decode(data) == {"n": [5, 7], "f": [1.5]}
    assert tf.train.Example.FromString(data).features.feature["n"].int64_list.value == [5, 7]


@given(st.binary(max_size=30), st.integers(0, 130), st.integers(0, 130))
def test_what_is_no_example_is_a_value_error_and_nothing_else(noise, start, end):
    whole = codec.encode({"image": b"abc" * 30, "class": 7})
    for data in (noise, whole[:start] + noise + whole[end:]):
        try:
            found = codec.decode(data)
        except ValueError:
            continue
        assert isinstance(found, dict)
