"""from_tfrecords through tf.data, as it reads from a bucket: the scheme is that of files, the way is the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.train import tfrecord_bucket
from tests.train.tfrecord_files import by_tensorflow, example, jpeg, pictures
from visionkit import ArgumentError, FileError, ImageError
from visionkit.train.augment.layer import Augment
from visionkit.train.tfrecord.read import from_tfrecords
from visionkit.train.tfrecord.remote import RecordStream

COUNTS = (5, 9, 6)


@pytest.fixture
def folder(tmp_path):
    """20 pictures in three files, labelled from 0 on."""
    files = [jpeg(picture) for picture in pictures(sum(COUNTS), sizes=((24, 32), (40, 30)))]
    first = 0
    for shard, count in enumerate(COUNTS):
        records = [example(image=files[n], **{"class": n}) for n in range(first, first + count)]
        by_tensorflow(tmp_path / f"{shard:02d}-{count}.tfrec", records)
        first += count
    return tmp_path


def stream(folder, pattern="*.tfrec", **options):
    return from_tfrecords(f"file://{folder}/{pattern}", **{"image_size": 16, "batch_size": 6} | options)


def test_ordered_batches_are_those_of_local_files(folder):
    options = {"ordered": True, "augment": Augment(rotation=30, zoom=0.2), "scale": True, "classes": 20}
    ours = stream(folder, **options)
    theirs = from_tfrecords(folder, image_size=16, batch_size=6, **options)
    assert isinstance(ours, RecordStream)
    assert (len(ours), ours.samples, ours.classes) == (4, 20, theirs.classes)
    for epoch, start in ((0, 0), (1, 0), (0, 2), (0, 4)):
        for one, two in zip(ours.batches(epoch, start), theirs.batches(epoch, start), strict=True):
            np.testing.assert_array_equal(one[0], two[0])
            np.testing.assert_array_equal(one[1], two[1])
    for index in (2, 3, 0, 1):
        np.testing.assert_array_equal(ours[index][1], theirs[index][1])
    assert [name.removeprefix("file://") for name in ours.names(0, 1)] == theirs.names(0, 1)
    left, right = (list(ours.batches(0, 1, part=(k, 2))) for k in (0, 1))
    for one, two, whole in zip(left, right, theirs.batches(0, 1), strict=True):
        np.testing.assert_array_equal(np.concatenate([one[0], two[0]]), whole[0])


def test_unordered_batches_hold_every_record_once(folder):
    data = stream(folder, augment=Augment(horizontal_flip=True))
    plain = from_tfrecords(folder, image_size=16, batch_size=20, ordered=True, augment=Augment(horizontal_flip=True))
    with pytest.raises(ArgumentError, match="any order"):
        data.numbers(0, 0)
    assert data.names(0, 1) == ["batch 1 of epoch 0"]
    for epoch in (0, 1):
        x, y = (np.concatenate(parts) for parts in zip(*data.batches(epoch), strict=True))
        assert sorted(y.tolist()) == list(range(20)) != y.tolist()
        np.testing.assert_array_equal(x, plain.batch(epoch, 0)[0][y])


def test_unordered_batches_are_made_again_under_determinism(folder):
    tf.config.experimental.enable_op_determinism()
    try:
        data = stream(folder)
        first, again, other = ([y.tolist() for _, y in data.batches(epoch)] for epoch in (0, 0, 1))
        assert first == again != other
        assert [y.tolist() for _, y in data.batches(0, 2)] == first[2:]
    finally:
        from tensorflow.python.framework import config

        config.disable_op_determinism()


def test_keras_takes_it(folder):
    data = stream(folder, classes=20)
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(20)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    seen = []
    watched = data._made
    data._made = lambda samples, *rest: (seen.append(samples.tolist()), watched(samples, *rest))[1]
    model.fit(data, epochs=2, verbose=0)
    assert data.epoch == 2
    assert sorted({number for batch in seen for number in batch}) == list(range(20))
    ordered = stream(folder, ordered=True, classes=20)
    by_hand = np.concatenate([model.predict_on_batch(x) for x, _ in ordered])
    np.testing.assert_allclose(model.predict(ordered, verbose=0), by_hand, rtol=1e-4, atol=1e-3)


def test_unlabelled_records(tmp_path):
    records = [example(image=jpeg(picture), id=f"n{n}".encode()) for n, picture in enumerate(pictures(5))]
    by_tensorflow(tmp_path / "test", records)
    data = stream(tmp_path, "test", ordered=True, labelled=False, batch_size=3)
    assert data.ids.tolist() == ["n0", "n1", "n2", "n3", "n4"]
    assert [[x.shape for x in batch] for batch in data] == [[(3, 16, 16, 3)], [(2, 16, 16, 3)]]


def test_counts_are_by_name_or_by_reading(folder):
    (folder / "01-9.tfrec").rename(folder / "01-of-03.tfrec")
    assert stream(folder).samples == 20
    (folder / "00-5.tfrec").rename(folder / "00-4.tfrec")
    assert stream(folder, count_in_name=False).samples == 20
    for ordered in (True, False):
        with pytest.raises(ImageError, match=r"00-4\.tfrec' holds 5 records, and 4 by its name"):
            list(stream(folder, ordered=ordered))
    (folder / "00-4.tfrec").rename(folder / "00-6.tfrec")
    for ordered in (True, False):
        with pytest.raises(ImageError, match=r"00-6\.tfrec' holds 5 records, and 6 by its name"):
            list(stream(folder, ordered=ordered))


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("at", [-300, -1])
def test_broken_records_are_named(folder, ordered, at):
    whole = bytearray((folder / "01-9.tfrec").read_bytes())
    whole[at] ^= 1
    (folder / "01-9.tfrec").write_bytes(whole)
    with pytest.raises(ImageError, match=r"01-9\.tfrec, record 8' is damaged"):
        list(stream(folder, ordered=ordered))
    (folder / "01-9.tfrec").write_bytes(whole[:at])
    with pytest.raises(ImageError, match=r"01-9\.tfrec, record 8' is cut off"):
        list(stream(folder, ordered=ordered))


def test_records_without_their_parts_are_named(folder):
    by_tensorflow(folder / "03-2.tfrec", [example(image=b"GIF89", **{"class": 1}), example(picture=b"")])
    with pytest.raises(ImageError, match=r"03-2\.tfrec, record [01]'"):
        list(stream(folder, ordered=True))
    (folder / "03-2.tfrec").unlink()
    by_tensorflow(folder / "04-1.tfrec", [example(image=jpeg(pictures(1)[0]), **{"class": 2**40})])
    with pytest.raises(ArgumentError, match=rf"got {2**40} in"):
        list(stream(folder))
    with pytest.raises(ArgumentError, match=r"got 18 in 'file://.*02-6\.tfrec, record 4'"):
        list(stream(folder, "0[0-2]-*.tfrec", ordered=True, classes=18))


@pytest.mark.parametrize(
    "options", [{"on_error": "skip"}, {"cache": "memory"}, {"image_size": None}, {"augment": keras.layers.RandomFlip()}]
)
def test_what_needs_files_here(folder, options):
    with pytest.raises(ArgumentError, match="bucket"):
        stream(folder, **options)


def test_a_pattern_of_nothing(tmp_path):
    with pytest.raises(FileError, match=r"file://.*got none"):
        stream(tmp_path)
    with pytest.raises(FileError, match="nowhere://"):
        from_tfrecords("nowhere://a/*", image_size=16)


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(ArgumentError, match="got none"):
        stream(tmp_path, "empty")


@pytest.mark.skipif(not tfrecord_bucket.AVAILABLE, reason="openssl is not there to make a certificate")
def test_a_bucket(folder, tmp_path_factory, monkeypatch):
    with tfrecord_bucket.bucket(folder, tmp_path_factory.mktemp("secrets")) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        options = {"image_size": 16, "batch_size": 6, "ordered": True}
        data = from_tfrecords("gs://flowers/*.tfrec", **options)
        assert data.names(0, 3) == [f"gs://flowers/02-6.tfrec, record {n}" for n in (4, 5)]
        for ours, theirs in zip(data, from_tfrecords(folder, **options), strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])
        found = np.concatenate([y for _, y in from_tfrecords("gs://flowers/*.tfrec", **options).tf_dataset()])
        assert found.tolist() == list(range(20))
        with pytest.raises(FileError, match="gs://flowers/none"):
            from_tfrecords("gs://flowers/none*", image_size=16)
