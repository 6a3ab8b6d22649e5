import numpy as np
import pytest

import visionkit as vk
from visionkit.reader import decide
from visionkit.reader.pieces import Piece, Segment

HERE, THERE = Piece(1, (0, 40, 0, 30), (0, 0, 30, 40)), Piece(2, (0, 40, 45, 75), (45, 0, 75, 40))
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def seen(*glyphs: str, rest: float = 0.02) -> np.ndarray:
    """Probabilities for glyphs of which each may be any of the characters named, the first a little likelier."""
    rows = np.full((len(glyphs), len(CHARACTERS)), rest / len(CHARACTERS))
    for row, names in zip(rows, glyphs, strict=True):
        for k, name in enumerate(names):
            row[CHARACTERS.index(name)] += (1 - rest) * (0.52 if k == 0 else 0.48) / (1 if len(names) > 1 else 0.52)
    return rows / rows.sum(axis=1, keepdims=True)


def settle(lines, mask=None, words=None):
    return decide.settle(lines, words or [[slice(0, len(line))] for line in lines], CHARACTERS, mask)


def text(rows: np.ndarray) -> str:
    return "".join(CHARACTERS[i] for i in rows.argmax(axis=1))


@pytest.mark.parametrize(
    ("glyphs", "expected"),
    [
        (("H", "E", "L", "L", "0O"), "HELLO"),
        (("O0", "5S", "Z2", "2Z", "I1", "8", "S5", "9"), "05221859"),
        (("B8", "O0", "O0", "K"), "BOOK"),
        (("I1", "9", "8", "4"), "1984"),
        (("A", "B", "1", "2"), "AB12"),
        (("K", "4", "7", "X", "9", "R"), "K47X9R"),
    ],
)
def test_look_alikes_follow_their_line(glyphs, expected):
    assert text(settle([seen(*glyphs)])[0]) == expected


def test_each_line_decides_for_itself():
    settled = settle([seen("1", "O0", "7"), seen("T", "0O", "M")])
    assert [text(line) for line in settled] == ["107", "TOM"]


def test_words_of_a_line_may_be_of_different_kinds():
    line = seen("R", "0O", "O0", "M", "1I", "0O", "7")
    assert text(settle([line], words=[[slice(0, 4), slice(4, 7)]])[0]) == "ROOM107"


def test_a_doubtful_word_follows_its_line():
    line = seen("T", "H", "1I", "5S", "K", "E", "Y")
    assert text(settle([line], words=[[slice(0, 2), slice(2, 4), slice(4, 7)]])[0]) == "THISKEY"


def test_a_charset_is_the_last_word():
    mask = decide.allowed("digits", CHARACTERS)
    assert text(settle([seen("O", "I", "Z", "S")], mask)[0]).isdigit()
    only = decide.allowed("AB", CHARACTERS)
    settled = settle([seen("8B", "A4")], only)[0]
    assert text(settled) == "BA"
    assert settled[:, ~only].max() == 0


def test_probabilities_sum_to_one():
    for mask in (None, decide.allowed("digits", CHARACTERS)):
        for line in settle([seen("0O", "1"), seen("A")], mask):
            np.testing.assert_allclose(line.sum(axis=1), 1)


@pytest.mark.parametrize("charset", ["", "abc", "ÄÖ", 5, ["A"], "digit5"])
def test_a_charset_that_the_reader_does_not_know_is_an_error(charset):
    with pytest.raises(vk.ArgumentError, match="charset"):
        decide.allowed(charset, CHARACTERS)


def test_letters_are_no_charset_of_a_digits_reader():
    with pytest.raises(vk.ArgumentError, match="charset"):
        decide.allowed("letters", "0123456789")


def test_what_the_network_believes_in_nothing_of_is_left_out():
    lines = [
        [Segment(0, 1, (HERE,)), Segment(1, 2, (THERE,))],
        [Segment(0, 1, (HERE,))],
        [Segment(0, 1, (HERE,)), Segment(1, 2, (THERE,))],
    ]
    nothing = np.full((1, len(CHARACTERS)), 1 / len(CHARACTERS))
    probabilities = np.concatenate([seen("A", "B"), nothing, seen("C"), nothing])[None]
    segments, found = decide.choose(lines, probabilities)
    assert [text(rows) for rows in found] == ["AB", "C"]
    assert [len(line) for line in segments] == [2, 1]


def test_the_angle_that_the_network_believes_more_is_taken():
    lines = [[Segment(0, 1, (HERE,)), Segment(1, 2, (THERE,))]]
    unsure = seen("A", "B", rest=0.7)
    _, found = decide.choose(lines, np.stack([unsure, seen("X", "Y")]))
    assert text(found[0]) == "XY"
