"""Predictions as a file for a grader."""

import csv

import numpy as np
import pytest

from visionkit import ArgumentError, FileError
from visionkit.train.submission import write_submission


def written(path, *arguments, **options):
    write_submission(path, *arguments, **options)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "submission.csv"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([2, 0, 103], ["2", "0", "103"]),
        (np.array([2, 0, 103], np.int64), ["2", "0", "103"]),
        (np.array([1, 0, 2], np.uint8), ["1", "0", "2"]),
        (["pink primrose", "lily, white", 'a "rose"'], ["pink primrose", "lily, white", 'a "rose"']),
        (np.array([b"a", b"b", b"c"]), ["a", "b", "c"]),
        ([[0.2, 0.8, 0.0], [0.5, 0.1, 0.4], [0.1, 0.2, 0.7]], ["1", "0", "2"]),
    ],
)
def test_labels_of_every_kind_are_written(path, labels, expected):
    assert written(path, ["a", "b", "c"], labels) == [["id", "label"], *map(list, zip("abc", expected, strict=True))]


@pytest.mark.parametrize(
    "ids",
    [
        ["252d840db", "1c4736dea"],
        [b"252d840db", "кошка".encode()],
        np.array(["a", "b"]),
        np.array([b"a", b"b"], object),
        [7, 12],
        np.array([7, 12]),
        iter(["a", "b"]),
        ["with, comma", 'with "quotes"'],
        ["two\nlines", "two\r\nlines, or\rthree"],
        ["=1+1", "-cmd|' /C calc'!A0"],
        [" spaces ", "0012"],
    ],
)
def test_ids_come_back_as_they_were(path, ids):
    ids = list(ids)
    expected = [given.decode() if isinstance(given, bytes) else str(given) for given in ids]
    assert [row[0] for row in written(path, iter(ids), [0, 1])[1:]] == expected


def test_the_file_is_that_of_the_competition(path):
    write_submission(path, [b"252d840db", b"1c4736dea"], np.eye(104)[[67, 28]])
    assert path.read_bytes() == b"id,label\r\n252d840db,67\r\n1c4736dea,28\r\n"
    write_submission(path, [1], ["cat"], header=("image name", "class"))
    assert path.read_bytes() == b"image name,class\r\n1,cat\r\n"


@pytest.mark.parametrize(
    ("ids", "labels", "options", "message"),
    [
        (["a", "b", "a"], [0, 1, 2], {}, "'a' for sample 0 and for sample 2"),
        ([b"a", "a"], [0, 1], {}, "every id once"),
        (["a", ""], [0, 1], {}, "id 1"),
        (["a", None], [0, 1], {}, "id 1"),
        (["a", 1.5], [0, 1], {}, "id 1"),
        (["a", b"\xff"], [0, 1], {}, "UTF-8"),
        (["a", "\udcff"], [0, 1], {}, "UTF-8"),
        ("ab", [0, 1], {}, "an id for each sample"),
        (["a", "b"], [0, 1, 2], {}, "2 ids, got 3 labels"),
        (["a", "b"], [0], {}, "2 ids, got 1 labels"),
        (["a", "b"], [0.2, 0.8], {}, "integers or names"),
        (["a", "b"], [[0.2], [0.8]], {}, "integers or names"),
        (["a", "b"], [[0, 1], [1, 0]], {}, "integers or names"),
        (["a", "b"], [[0.2, np.nan], [0.8, 0.2]], {}, "sample 0"),
        (["a", "b"], ["cat", ""], {}, "label 1"),
        (["a", "b"], [True, False], {}, "integers or names"),
        (["a", "b"], ["cat", None], {}, "label 1"),
        (["a"], [0], {"header": ("id",)}, "two names"),
        (["a"], [0], {"header": "id"}, "two names"),
    ],
)
def test_what_cannot_be_submitted_is_an_error_and_leaves_the_file(path, ids, labels, options, message):
    path.write_text("before")
    with pytest.raises(ArgumentError, match=message):
        write_submission(path, ids, labels, **options)
    assert path.read_text() == "before"
    assert [one.name for one in path.parent.iterdir()] == ["submission.csv"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        write_submission(tmp_path / "nowhere" / "submission.csv", ["a"], [0])
