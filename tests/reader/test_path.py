import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from visionkit.reader.path import CUT, best_path
from visionkit.reader.pieces import Segment


def every_path(candidates, start, end):
    if start == end:
        yield []
    for k, c in enumerate(candidates):
        if c.start == start:
            for rest in every_path(candidates, c.end, end):
                yield [k, *rest]


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_the_best_path_is_the_best_of_all_paths(atoms, seed):
    rng = np.random.default_rng(seed)
    spans = [(a, b) for a, b in itertools.combinations(range(atoms + 1), 2) if b - a == 1 or rng.random() < 0.5]
    candidates = [Segment(a, b, ()) for a, b in spans]
    belief = np.log(rng.uniform(0.01, 1, len(candidates)))

    def score(path):
        return sum((candidates[k].end - candidates[k].start) * belief[k] - CUT for k in path)

    found = best_path(candidates, belief)
    assert np.isclose(score(found), max(score(path) for path in every_path(candidates, 0, atoms)))
    assert [candidates[k].start for k in found[1:]] == [candidates[k].end for k in found[:-1]]


def test_a_character_believed_as_a_whole_is_not_cut():
    whole = [Segment(0, 1, ()), Segment(1, 2, ()), Segment(0, 2, ())]
    assert best_path(whole, np.log([0.9, 0.9, 0.9])) == [2]
    assert best_path(whole, np.log([0.9, 0.9, 0.1])) == [0, 1]
