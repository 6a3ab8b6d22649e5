"""from_tfrecords on files that TensorFlow wrote, whole and broken in every place."""

import gzip
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.train.tfrecord_files import by_tensorflow, example, folder_of, jpeg, pictures
from visionkit import ArgumentError, FileError, ImageError
from visionkit.train.augment.layer import Augment
from visionkit.train.data.directory import from_directory
from visionkit.train.tfrecord.read import from_tfrecords
from visionkit.train.tfrecord.write import write_tfrecords

SIZES = ((24, 32), (40, 30))


def labelled(folder, counts=(5, 4), **options):
    """Files of TensorFlow's in which label and picture go together; returns the pictures' bytes in order."""
    folder.mkdir(exist_ok=True)
    files = [jpeg(picture) for picture in pictures(sum(counts), **options)]
    first = 0
    for shard, count in enumerate(counts):
        records = [example(image=files[n], **{"class": n}, extra=1.5) for n in range(first, first + count)]
        by_tensorflow(folder / f"{shard:02d}-{count}.tfrec", records)
        first += count
    return files


def test_batches_of_what_tensorflow_wrote(tmp_path):
    files = labelled(tmp_path, sizes=SIZES)
    data = from_tfrecords(f"{tmp_path}/*.tfrec", image_size=(40, 48), batch_size=4, ordered=True, classes=9)
    assert (len(data), data.samples, data.batch_size, data.shuffle) == (3, 9, 4, False)
    assert data.classes == tuple("012345678")
    assert data.class_weights == dict.fromkeys(range(9), 1.0)
    batches = list(data)
    assert [x.shape for x, _ in batches] == [(4, 40, 48, 3), (4, 40, 48, 3), (1, 40, 48, 3)]
    assert [y.dtype for _, y in batches] == [np.int32] * 3
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), np.arange(9))
    for file, x in zip(files, np.concatenate([x for x, _ in batches]), strict=True):
        expected = tf.image.resize(tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE"), (40, 48))
        assert np.abs(x - expected.numpy()).mean() < 2
    scaled = from_tfrecords(tmp_path, image_size=(40, 48), batch_size=4, ordered=True, scale=True)
    np.testing.assert_allclose(scaled[0][0] * 255, batches[0][0], atol=1e-4)
    assert scaled.classes is None


@pytest.mark.parametrize("augment", [None, Augment(rotation=20, zoom=0.2, horizontal_flip=True), Augment(crop=0.8)])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_pixels_are_those_of_from_directory(tmp_path, augment, color):
    folder_of(tmp_path / "photos", sizes=((100, 140), (90, 60)))
    write_tfrecords(tmp_path / "photos", tmp_path / "bugs-*.tfrec", shards=3, shuffle=False)
    options = {"image_size": 32, "batch_size": 8, "augment": augment, "color": color, "seed": 3}
    records = from_tfrecords(tmp_path / "bugs-*.tfrec", **options)
    photos = from_directory(tmp_path / "photos", **options)
    assert records.classes == photos.classes == ("ant", "bee", "cat")
    np.testing.assert_array_equal(records.labels, photos.labels)
    assert records.class_weights == photos.class_weights
    for epoch in (0, 1):
        for ours, theirs in zip(records.batches(epoch), photos.batches(epoch), strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])


def test_an_epoch_is_mixed_made_again_and_begun_anywhere(tmp_path):
    labelled(tmp_path, (20, 15))
    data = from_tfrecords(tmp_path, image_size=16, batch_size=8, augment=Augment(rotation=30))
    first, again, other = (list(data.batches(epoch)) for epoch in (0, 0, 1))
    labels = [np.concatenate([y for _, y in batches]).tolist() for batches in (first, other)]
    assert sorted(labels[0]) == sorted(labels[1]) == list(range(35))
    assert list(range(35)) != labels[0] != labels[1]
    for start in range(len(data) + 1):
        for one, two in zip(first[start:], data.batches(0, start), strict=True):
            np.testing.assert_array_equal(one[0], two[0])
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
    halves = [list(data.batches(0, 2, part=(k, 2))) for k in (0, 1)]
    for whole, left, right in zip(first[2:], *halves, strict=True):
        np.testing.assert_array_equal(np.concatenate([left[0], right[0]]), whole[0])


def test_layers_of_keras_work_on_whole_batches(tmp_path):
    labelled(tmp_path)
    data = from_tfrecords(
        tmp_path, image_size=16, ordered=True, augment=["flowers", keras.layers.Rescaling(-1.0, 255.0)]
    )
    plain = from_tfrecords(tmp_path, image_size=16, ordered=True, augment="flowers")
    np.testing.assert_allclose(data[0][0], 255 - plain[0][0], atol=1e-3)
    with pytest.raises(ArgumentError, match="Augment alone"):
        data.tf_dataset()


def test_names_tell_the_file_and_the_record(tmp_path):
    labelled(tmp_path, (3, 2))
    data = from_tfrecords(tmp_path, image_size=16, batch_size=4, ordered=True)
    expected = [f"{tmp_path}/00-3.tfrec, record {n}" for n in range(3)] + [
        f"{tmp_path}/01-2.tfrec, record {n}" for n in range(2)
    ]
    assert data.names(0, 0) + data.names(0, 1) == expected


def test_unlabelled_files_give_their_ids_in_order(tmp_path):
    files = [jpeg(picture) for picture in pictures(7)]
    for shard, places in enumerate(((0, 1, 2, 3), (4, 5, 6))):
        records = [example(image=files[n], id=f"x{n}y".encode()) for n in places]
        by_tensorflow(tmp_path / f"test{shard}-{len(places)}.tfrec", records)
    options = {"image_size": 16, "batch_size": 3, "labelled": False}
    data = from_tfrecords(tmp_path / "test*.tfrec", ordered=True, **options)
    assert data.ids.tolist() == [f"x{n}y" for n in range(7)]
    assert [len(batch) for batch in data] == [1, 1, 1]
    assert (data.labels, data.classes) == (None, None)
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.GlobalAveragePooling2D()])
    expected = np.concatenate([x for (x,) in data]).mean(axis=(1, 2))
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-4)
    with pytest.raises(ArgumentError, match=r"ids: expected ordered=True"):
        _ = from_tfrecords(tmp_path / "test*.tfrec", **options).ids
    without = from_tfrecords(tmp_path / "test*.tfrec", ordered=True, id_key=None, **options)
    with pytest.raises(ArgumentError, match="ids: expected records"):
        _ = without.ids


def test_several_patterns_are_read_together(tmp_path):
    labelled(tmp_path / "train", (3, 2))
    labelled(tmp_path / "val", (4,))
    data = from_tfrecords([f"{tmp_path}/val/*.tfrec", tmp_path / "train"], image_size=16, ordered=True)
    assert data.labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4]


def test_fit_takes_it(tmp_path):
    labelled(tmp_path, (6, 6))
    data = from_tfrecords(tmp_path, image_size=16, batch_size=5, scale=True, classes=12)
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(12)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(data, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert data.epoch == 3


@pytest.mark.parametrize("ordered", [True, False])
def test_a_tf_dataset_of_the_same(tmp_path, ordered):
    labelled(tmp_path, sizes=SIZES)
    data = from_tfrecords(tmp_path, image_size=32, batch_size=4, ordered=ordered, scale=True, drop_remainder=True)
    found = list(data.tf_dataset(epoch=1).as_numpy_iterator())
    assert [x.shape for x, _ in found] == [(4, 32, 32, 3)] * 2
    x, y = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if ordered:
        assert y.tolist() == list(range(8))
    assert len(set(y.tolist())) == 8
    ours = from_tfrecords(tmp_path, image_size=32, batch_size=9, ordered=True, scale=True)[0][0]
    assert np.abs(ours[y] - x).mean() < 0.015


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a layer runs in tf.data on TensorFlow alone")
def test_a_tf_dataset_augments(tmp_path):
    labelled(tmp_path)
    plain, turned = (
        next(iter(from_tfrecords(tmp_path, image_size=16, ordered=True, augment=augment).tf_dataset()))[0].numpy()
        for augment in (None, Augment(rotation=90, seed=1))
    )
    assert plain.shape == turned.shape
    assert np.abs(plain - turned).mean() > 5
    with pytest.raises(ArgumentError, match="share"):
        from_tfrecords(tmp_path, image_size=16, augment=Augment(crop=(8, 8))).tf_dataset()


def broken_in(tmp_path, place, change):
    """A file of 3 records, changed at a place in its record 1; returns it and the reason that is told."""
    records = [example(image=jpeg(picture), **{"class": 0}) for picture in pictures(3)]
    path = by_tensorflow(tmp_path / "some-3.tfrec", records)
    data = bytearray(path.read_bytes())
    start = len(records[0]) + 16
    return path, change(data, start + place if place >= 0 else start + len(records[1]) + 16 + place)


def flip(data, at):
    data[at] ^= 16
    return data


def cut(data, at):
    return data[:at]


@pytest.mark.parametrize(
    ("place", "change", "reason", "left"),
    [
        (0, flip, "damaged header", [0]),
        (7, flip, "damaged header", [0]),
        (8, flip, "damaged header", [0]),
        (11, flip, "damaged header", [0]),
        (12, flip, "checksum", [0, 2]),
        (300, flip, "checksum", [0, 2]),
        (-5, flip, "checksum", [0, 2]),
        (-1, flip, "checksum", [0, 2]),
        (1, cut, "cut off: it has 1 bytes of its header", [0]),
        (11, cut, "cut off: it has 11 bytes of its header", [0]),
        (12, cut, "cut off: it has 0 bytes", [0]),
        (300, cut, "cut off: it has 288 bytes", [0]),
        (-1, cut, "cut off", [0]),
    ],
)
def test_a_broken_record_is_named(tmp_path, place, change, reason, left):
    path, data = broken_in(tmp_path, place, change)
    path.write_bytes(data)
    with pytest.raises(ImageError, match=rf"some-3\.tfrec, record 1' .*{reason}"):
        from_tfrecords(path, image_size=16)
    kept = from_tfrecords(path, image_size=16, on_error="skip", ordered=True)
    assert [int(name[-1]) for name in kept.files] == left
    assert [skipped.file for skipped in kept.skipped] == [f"{path}, record 1"]
    assert len(kept[0][0]) == len(left)
    with pytest.raises(ArgumentError, match="skipped"):
        kept.tf_dataset()


def test_a_file_cut_off_between_records_is_found_by_its_name(tmp_path):
    path, data = broken_in(tmp_path, 0, cut)
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"some-3\.tfrec' holds 1 records, and 3 by its name"):
        from_tfrecords(path, image_size=16)
    assert from_tfrecords(path, image_size=16, count_in_name=False).samples == 1
    assert from_tfrecords(path.rename(tmp_path / "some-00-of-16"), image_size=16).samples == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (example(img=b"x", label=1), "has no 'image'; it has 'img', 'label'"),
        (example(image=b"x"), "has no 'class'; it has 'image'"),
        (b"", "has no 'image'; it has nothing"),
        (b"\xff\xff\xff", "no tf.train.Example"),
        (example(image=1, **{"class": 1}), "1 values of int as 'image'; expected one value of bytes"),
        (example(image=b"x", **{"class": 1.0}), "1 values of float as 'class'; expected one integer"),
        (example(image=b"", **{"class": 1}), "an empty picture"),
        (example(image=b"GIF8", **{"class": 1}), "a picture that"),
        (example(image=jpeg(pictures(1)[0])[:-40], **{"class": 1}), "too early"),
    ],
    ids=range(9),  # TensorFlow writes the features of a record in any order
)
def test_a_record_without_its_parts_is_named(tmp_path, record, reason):
    whole = example(image=jpeg(pictures(1)[0]), **{"class": 0})
    path = by_tensorflow(tmp_path / "a", [whole, record])
    with pytest.raises(ImageError, match="a, record 1' ") as raised:
        from_tfrecords(path, image_size=16)
    assert reason in str(raised.value)
    assert from_tfrecords(path, image_size=16, on_error="skip").samples == 1


@pytest.mark.parametrize(("classes", "label"), [(3, 3), (["a", "b", "c"], 3), (None, -1), (5, 2**40)])
def test_labels_outside_the_classes_are_found(tmp_path, classes, label):
    picture = jpeg(pictures(1)[0])
    path = by_tensorflow(tmp_path / "a", [example(image=picture, **{"class": n}) for n in (0, 1, label)])
    with pytest.raises(ArgumentError, match=rf"got {label} in '.*a, record 2'"):
        from_tfrecords(path, image_size=16, classes=classes)


def test_mixed_sizes_need_one(tmp_path):
    labelled(tmp_path, sizes=SIZES)
    with pytest.raises(ArgumentError, match=r"one size.*32 x 24 in .*record 0' and 30 x 40 in .*record 1'"):
        from_tfrecords(tmp_path, image_size=None)
    labelled(tmp_path, sizes=((24, 32),))
    assert from_tfrecords(tmp_path, image_size=None)[0][0].shape == (9, 24, 32, 3)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileError, match=r"pattern '.*nothing-\*"):
        from_tfrecords(tmp_path / "nothing-*", image_size=16)
    (tmp_path / "empty.tfrec").touch()
    with pytest.raises(ArgumentError, match="got none in 1 files"):
        from_tfrecords(tmp_path, image_size=16)
    (tmp_path / "empty.tfrec").write_bytes(gzip.compress(b"a" * 100))
    with pytest.raises(ImageError, match=r"record 0' .*unpack"):
        from_tfrecords(tmp_path, image_size=16)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"seed": -1},
        {"labelled": None},
        {"ordered": 1},
        {"augment": "flower"},
        {"on_error": "ignore"},
        {"color": "bgr"},
        {"classes": 0},
        {"classes": ["a", "A"]},
        {"classes": 3, "labelled": False},
        {"image_key": ""},
        {"label_key": 3},
        {"max_pixels": 0},
        {"count_in_name": None},
        {"image_size": 0},
        {"pattern": 3},
        {"pattern": [""]},
        {"augment": Augment(crop=(30, 30))},
    ],
)
def test_arguments_that_do_not_fit(tmp_path, options):
    labelled(tmp_path)
    arguments = {"pattern": tmp_path, "image_size": 16} | options
    with pytest.raises(ArgumentError):
        from_tfrecords(arguments.pop("pattern"), **arguments)


@pytest.mark.parametrize(
    "pattern", ["a-{shard:02d}-of-{shards:02d}-{count}.tfrec", "b/*.tfrec", "c", "d.tfrecord", "e/"]
)
def test_what_is_written_with_a_pattern_is_read_with_it(tmp_path, pattern):
    images = np.random.default_rng(0).integers(0, 256, (7, 9, 9, 3), dtype=np.uint8)
    write_tfrecords(
        (images, np.arange(7) % 2),
        f"{tmp_path}/{pattern}",
        shards=2,
        quality=None,
        shuffle=False,
        classes=["no", "yes"],
    )
    data = from_tfrecords(f"{tmp_path}/{pattern}", image_size=None, ordered=True)
    np.testing.assert_array_equal(data[0][0], images)
    assert data.classes == ("no", "yes")


def test_the_fingerprint_tells_other_data(tmp_path):
    labelled(tmp_path / "a")
    labelled(tmp_path / "b", (5, 4), seed=1)

    def of(folder, **options):
        return from_tfrecords(tmp_path / folder, image_size=16, **options).fingerprint()

    assert of("a") == of("a")
    prints = [of("a"), of("b"), of("a", ordered=True), of("a", seed=1), of("a", augment=Augment(rotation=5))]
    assert all(one != other for place, one in enumerate(prints) for other in prints[:place])


def test_a_cache_changes_nothing(tmp_path):
    labelled(tmp_path / "a")
    plain = from_tfrecords(tmp_path / "a", image_size=16, ordered=True)[0][0]
    for cache in ("memory", tmp_path / "cache"):
        data = from_tfrecords(tmp_path / "a", image_size=16, ordered=True, cache=cache)
        for _ in range(2):
            np.testing.assert_array_equal(data[0][0], plain)


def test_a_file_that_is_cut_off_later_is_named(tmp_path):
    labelled(tmp_path, (3,))
    data = from_tfrecords(tmp_path, image_size=16, ordered=True)
    path = Path(tmp_path / "00-3.tfrec")
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(FileError, match=r"00-3\.tfrec, record 2' has been cut off"):
        _ = data[0]
