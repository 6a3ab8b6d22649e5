import keras
import numpy as np
import pytest

from visionkit import FileError
from visionkit.train.loop.callbacks import Memory
from visionkit.train.loop.snapshot import Opaque, Snapshot, packed, unpacked


def test_values_come_back_as_they_were():
    value = {"a": [1, None, "text", float("inf")], "b": {"array": np.arange(6).reshape(2, 3)}, "c": 0.1 + 0.2}
    arrays = []
    again = unpacked(packed(value, arrays), arrays)
    assert again["a"] == value["a"]
    assert again["c"] == value["c"]
    np.testing.assert_array_equal(again["b"]["array"], value["b"]["array"])


@pytest.mark.parametrize("value", [object(), {1: 2}, np.array([object()]), lambda: 0])
def test_what_is_no_data_is_opaque(value):
    with pytest.raises(Opaque):
        packed(value, [])


def test_a_snapshot_comes_back_from_its_file(tmp_path):
    arrays = [np.float32([1, 2]), np.int64(7).reshape(()), np.zeros((0, 3), np.float32)]
    snapshot = Snapshot(3, 4, {"loss": [0.1, 0.2]}, arrays, arrays[:1], [], [], {"A 1": {"x": 1}}, [], [2, 0.1], False)
    snapshot.save(tmp_path / "s.npz")
    again = Snapshot.load(tmp_path / "s.npz")
    assert [again.epoch, again.batch, again.history, again.best, again.stopped] == [
        3,
        4,
        {"loss": [0.1, 0.2]},
        [2, 0.1],
        False,
    ]
    for before, after in zip(arrays, again.model, strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
    assert len(again.optimizer) == 1
    assert again.metrics == []
    assert list(tmp_path.iterdir()) == [tmp_path / "s.npz"]


def test_what_is_no_snapshot_is_named(tmp_path):
    with pytest.raises(FileError, match="no snapshot of a run at"):
        Snapshot.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(FileError, match=r"other\.npz' is damaged or no snapshot"):
        Snapshot.load(tmp_path / "other.npz")


def test_memory_is_what_changed():
    stop = keras.callbacks.EarlyStopping(patience=3)
    stop.on_train_begin()
    memory = Memory([stop, stop])
    stop.wait, stop.best_weights = 2, [np.arange(3.0)]
    changed, arrays = memory.read()
    assert changed["EarlyStopping 1"].keys() == {"wait", "best_weights"}

    later = keras.callbacks.EarlyStopping(patience=9)
    later.on_train_begin()
    Memory([later]).write(changed, arrays)
    assert later.wait == 2
    assert later.patience == 9  # a setting, which the user has changed
    np.testing.assert_array_equal(later.best_weights[0], np.arange(3.0))
