"""Batches from arrays, and what all batches promise."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from visionkit._errors import ArgumentError
from visionkit.train.augment.layer import Augment
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.warp import warp


def numbered(samples=23, **options):
    """Each sample holds its own number, and is of class number % 3."""
    x = np.arange(samples, dtype=np.float32)[:, None]
    return from_arrays(x, np.arange(samples) % 3, **({"batch_size": 5} | options))


def test_every_epoch_is_a_permutation_of_its_own():
    data = numbered(500)
    orders = [data.order(epoch) for epoch in (0, 1, 7)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(500))
    assert not any(np.array_equal(orders[a], orders[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert not np.array_equal(orders[0], numbered(500, seed=1).order(0))
    np.testing.assert_array_equal(data.order(1), orders[1])  # asked for again, after another
    np.testing.assert_array_equal(numbered(500).order(7), orders[2])


def test_an_order_cannot_be_spoilt_by_who_asks_for_it():
    with pytest.raises(ValueError, match="read-only"):
        numbered().order(0)[0] = 1


def test_without_shuffle_the_order_is_that_of_the_source():
    np.testing.assert_array_equal(numbered(shuffle=False).order(3), np.arange(23))


def test_an_order_is_drawn_the_same_in_another_process():
    code = (
        "import numpy as np; from visionkit.train.data.arrays import from_arrays\n"
        "print(*from_arrays(np.zeros((23, 1)), batch_size=5, seed=4).order(2))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [int(number) for number in done.stdout.split()] == numbered(seed=4).order(2).tolist()


def test_batches_hold_the_samples_of_their_numbers():
    data = numbered()
    seen = []
    for index, (x, y) in enumerate(data.batches(2)):
        numbers = data.numbers(2, index)
        np.testing.assert_array_equal(x[:, 0], numbers)
        np.testing.assert_array_equal(y, numbers % 3)
        assert data.names(2, index) == [f"sample {number}" for number in numbers]
        seen.extend(numbers)
    assert sorted(seen) == list(range(23))
    assert len(data) == 5
    assert len(x) == 3  # the last batch is smaller


@pytest.mark.parametrize("read_ahead", [0, 2])
def test_an_epoch_goes_on_from_any_batch(read_ahead):
    data = numbered()
    data.read_ahead = read_ahead
    whole = [x for x, _ in data.batches(1)]
    for start in range(len(data) + 1):
        rest = [x for x, _ in data.batches(1, start)]
        assert [x.tolist() for x in rest] == [x.tolist() for x in whole[start:]]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_together_are_the_batch(parts):
    data = numbered()
    for index in (0, 4):  # a whole one, and the smaller last one
        pieces = [data.batch(1, index, part=(place, parts)) for place in range(parts)]
        for piece, whole in zip(zip(*pieces, strict=True), data.batch(1, index), strict=True):
            np.testing.assert_array_equal(np.concatenate(piece), whole)
        sizes = [len(piece[0]) for piece in pieces]
        assert max(sizes) - min(sizes) <= 1
    streams = [list(data.batches(1, part=(place, parts))) for place in range(parts)]
    assert {len(stream) for stream in streams} == {len(data)}


def test_a_smaller_last_batch_can_be_left_out():
    assert [len(x) for x, _ in numbered(drop_remainder=True)] == [5] * 4


def test_reading_ahead_stops_with_its_reader_and_hands_on_errors():
    class Failing(type(numbered())):
        def _make(self, numbers, epoch):
            if 7 in numbers:
                raise RuntimeError("seven")
            return super()._make(numbers, epoch)

    data = numbered(shuffle=False)
    data.__class__ = Failing
    data.read_ahead = 2
    batches = data.batches()
    assert len(next(batches)[0]) == 5
    with pytest.raises(RuntimeError, match="seven"):
        next(batches)


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.uint8, False), (np.uint8, True), (np.float64, False), (np.uint16, True), (bool, False)]
)
def test_images_become_float32(dtype, scale):
    x = np.random.default_rng(0).integers(0, 2, (6, 4, 4, 3)).astype(dtype)
    (made,) = from_arrays(x, batch_size=6, shuffle=False, scale=scale)[0]
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, x.astype(np.float64) / (255 if scale else 1), rtol=1e-6)


def test_targets_keep_their_shape_and_only_integers_are_labels():
    x = np.zeros((6, 2))
    one_hot = from_arrays(x, np.eye(6), batch_size=6, shuffle=False)
    assert one_hot.labels is None
    np.testing.assert_array_equal(one_hot[0][1], np.eye(6))
    assert one_hot[0][1].dtype == np.float32
    assert from_arrays(x, np.linspace(0, 1, 6)).labels is None
    labelled = from_arrays(x, np.arange(6, dtype=np.uint8), sample_weight=np.arange(6), batch_size=6, shuffle=False)
    assert labelled[0][1].dtype == np.int32
    np.testing.assert_array_equal(labelled.labels, np.arange(6))
    np.testing.assert_array_equal(labelled[0][2], np.arange(6))


def test_an_array_on_disk_is_read_batch_by_batch(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=(40, 8, 8, 1))
    x[:] = np.arange(40)[:, None, None, None]
    data = from_arrays(np.load(tmp_path / "x.npy", mmap_mode="r"), batch_size=8)
    np.testing.assert_array_equal(data.batch(3, 1)[0][:, 0, 0, 0], data.numbers(3, 1))


def test_class_weights_are_those_of_scikit_learn():
    labels = np.repeat([0, 1, 2, 3], [40, 7, 1, 12])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    found = from_arrays(np.zeros((60, 1)), labels, classes=["a", "b", "c", "d"]).class_weights
    np.testing.assert_allclose([found[place] for place in range(4)], expected)


def test_class_weights_need_a_sample_of_every_class():
    with pytest.raises(ArgumentError, match="got none of b"):
        _ = from_arrays(np.zeros((2, 1)), np.array([0, 2]), classes=["a", "b", "c"]).class_weights
    with pytest.raises(ArgumentError, match="integer labels"):
        _ = from_arrays(np.zeros((2, 1))).class_weights
    with pytest.raises(ArgumentError, match="from 0 on"):
        _ = from_arrays(np.zeros((2, 1)), np.array([-1, 1])).class_weights


def test_a_fingerprint_tells_data_apart():
    x = np.random.default_rng(0).integers(0, 255, (30, 8, 8, 1), dtype=np.uint8)
    other = x.copy()
    other[17, 3, 3] += 1
    y = np.arange(30) % 2
    made = [
        from_arrays(x, y),
        from_arrays(other, y),
        from_arrays(x, 1 - y),
        from_arrays(x, y, seed=1),
        from_arrays(x, y, batch_size=8),
        from_arrays(x, y, scale=True),
        from_arrays(x, y, classes=["a", "b"]),
        from_arrays(x, y, augment=Augment(rotation=10)),
        from_arrays(x, y, augment=Augment(rotation=20)),
    ]
    prints = [data.fingerprint() for data in made]
    assert all(prints[a] != prints[b] for a in range(len(prints)) for b in range(a))
    assert from_arrays(x.copy(), y).fingerprint() == prints[0]


def test_augmented_arrays_are_warped_as_the_layer_s_matrices_say():
    import cv2

    x = np.random.default_rng(0).integers(0, 255, (10, 20, 30, 3), dtype=np.uint8)
    augment = Augment(rotation=30, shift=0.1, zoom=0.2, horizontal_flip=True, fill="reflect")
    data = from_arrays(x, batch_size=4, augment=augment, seed=5)
    numbers = data.numbers(2, 1)
    matrices = augment.matrices(numbers, epoch=2, sizes=[(20, 30)] * 4, size=(20, 30), seed=5)
    for made, number, matrix in zip(data.batch(2, 1)[0], numbers, matrices, strict=True):
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        expected = cv2.warpAffine(x[number], matrix, (30, 20), flags=flags, borderMode=cv2.BORDER_REFLECT)
        np.testing.assert_array_equal(made, expected)
    assert not np.array_equal(data.batch(2, 1)[0], data.batch(3, 1)[0])
    np.testing.assert_array_equal(
        data.batch(2, 1)[0], from_arrays(x, batch_size=4, augment=augment, seed=5).batch(2, 1)[0]
    )


def test_a_smaller_copy_of_a_picture_is_warped_to_the_same_place():
    y, x = np.mgrid[0:200, 0:300].astype(np.float32)
    ramp = np.stack([x, y, x + y], axis=-1)  # linear, so that both ways of looking it up are exact
    smaller = ramp.reshape(100, 2, 150, 2, 3).mean(axis=(1, 3))
    augment = Augment(rotation=20, zoom=(0.5, 0.6))
    (matrix,) = augment.matrices([3], epoch=0, sizes=[(200, 300)], size=(50, 50), seed=0)
    made = np.empty((2, 50, 50, 3), np.float32)
    warp(ramp, matrix, augment, made[0])
    warp(smaller.astype(np.float32), matrix, augment, made[1], canvas=(200, 300))
    np.testing.assert_allclose(made[1], made[0], atol=0.2)  # OpenCV looks up in steps of 1/32 of a pixel


def trivial(shape, classes=3):
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_keras_goes_through_every_epoch_once():
    data, served = numbered(), []
    make = data.batch

    def batch(epoch, index):
        served.append((epoch, index))
        return make(epoch, index)

    data.batch = batch
    model = trivial((1,))
    model.fit(data, epochs=3, verbose=0)
    assert {*served} >= {(epoch, index) for epoch in range(3) for index in range(5)}
    assert {epoch for epoch, _ in served} == {0, 1, 2}
    assert data.epoch == 3


def test_keras_evaluates_and_predicts_in_the_order_of_the_source():
    data = numbered(shuffle=False)
    model = trivial((1,))
    x = np.arange(23, dtype=np.float32)[:, None]
    np.testing.assert_allclose(model.predict(data, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    expected = model.evaluate(x, np.arange(23) % 3, batch_size=5, verbose=0)
    np.testing.assert_allclose(model.evaluate(data, verbose=0), expected, rtol=1e-5)


BAD = {
    "lengths that differ": (lambda: from_arrays(np.zeros((5, 2)), np.zeros(4, int)), "each of the 5 samples"),
    "no samples": (lambda: from_arrays(np.zeros((0, 2))), "numbers for each sample"),
    "names as labels": (lambda: from_arrays(np.zeros((2, 2)), ["a", "b"]), "return_inverse"),
    "several shapes": (lambda: from_arrays([np.zeros((2, 2)), np.zeros((3, 2))]), "one shape"),
    "a label too high": (
        lambda: from_arrays(np.zeros((3, 1)), [0, 2, 5], classes=["a", "b"]),
        "2 in sample 1, 5 in sample 2",
    ),
    "a class twice": (lambda: from_arrays(np.zeros((1, 1)), [0], classes=["cat", "Cat"]), "'cat' and 'Cat'"),
    "an accent in two codes": (
        lambda: from_arrays(np.zeros((1, 1)), [0], classes=["caf\u00e9", "cafe\u0301"]),
        "name of its own",
    ),
    "classes that are numbers": (lambda: from_arrays(np.zeros((1, 1)), [0], classes=[3]), "list of names"),
    "classes for targets": (lambda: from_arrays(np.zeros((2, 1)), np.eye(2), classes=["a", "b"]), "integer labels"),
    "a target that is not a number": (lambda: from_arrays(np.zeros((2, 1)), [1.0, np.nan]), "nan in sample 1"),
    "a negative weight": (
        lambda: from_arrays(np.zeros((2, 1)), [0, 1], sample_weight=[1.0, -1.0]),
        "of at least 0",
    ),
    "weights without targets": (lambda: from_arrays(np.zeros((2, 1)), sample_weight=[1, 1]), "expected y"),
    "a layer before an Augment": (
        lambda: from_arrays(np.zeros((2, 8, 8, 1)), augment=[keras.layers.RandomFlip(), "digits"]),
        "after others",
    ),
    "augmented vectors": (lambda: from_arrays(np.zeros((2, 8)), augment=Augment()), r"\(N, H, W\)"),
    "a batch size of 0": (lambda: numbered(batch_size=0), "batch_size"),
    "no whole batch": (lambda: numbered(batch_size=50, drop_remainder=True), "at least one batch of 50"),
    "a negative seed": (lambda: numbered(seed=-1), "seed"),
    "a batch beyond the end": (lambda: numbered().batch(0, 5), "below 5"),
    "a start beyond the end": (lambda: numbered().batches(0, 6), "at most 5"),
    "part 2 of 2": (lambda: numbered().batch(0, 0, part=(2, 2)), "0 <= k < n"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_one_clear_error(case):
    call, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        call()


def test_indexing_ends_as_python_expects():
    with pytest.raises(IndexError):
        _ = numbered()[5]
