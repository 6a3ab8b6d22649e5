"""The accuracy of a text, against its definition."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionkit import ArgumentError
from visionkit.reader import accuracy


@given(st.text("AB1", max_size=6), st.text("AB1", min_size=1, max_size=6))
def test_it_is_that_of_the_definition(text, truth):
    @cache
    def distance(i, j):
        if min(i, j) == 0:
            return max(i, j)
        kept = distance(i - 1, j - 1) + (text[i - 1] != truth[j - 1])
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, kept)

    assert accuracy(text, truth) == 1 - distance(len(text), len(truth)) / len(truth)


def test_blanks_and_line_ends_do_not_count():
    assert accuracy("12 34", "1\n234") == 1.0


def test_inventing_characters_costs_as_much_as_missing_them():
    assert accuracy("11543", "1154") == accuracy("115", "1154") == 0.75
    assert accuracy("AAAA", "B") == -3.0


@pytest.mark.parametrize(("text", "truth"), [("A", " \n"), (None, "A"), ("A", 7)])
def test_what_is_no_text_is_refused(text, truth):
    with pytest.raises(ArgumentError, match="accuracy: expected"):
        accuracy(text, truth)
