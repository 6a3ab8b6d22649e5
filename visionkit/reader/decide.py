"""Which character a glyph is, given the network's probabilities and the line that it stands in."""

import itertools
import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe
from visionkit.reader.path import best_path
from visionkit.reader.segment import Segment

Floats = NDArray[np.float64]

NAMED = {"digits": string.digits, "letters": string.ascii_uppercase}
CERTAIN = 0.998  # how sure a line can make us that a glyph in it is a digit (or a letter) before we look at the glyph
MIXED = 2.0  # a line of both kinds must be this much likelier than a pure one, in nats
VOICE = 3.0  # how much one glyph can say for digits or for letters, in nats
# what is believed less is the grain of a table or a torn edge, not writing: a whole line (on average), a character in
# one, and a character that stands far from its neighbours
LINE, CHARACTER, ALONE = 0.45, 0.2, 0.75
FAR = 2.5  # in heights of the line
FLOOR = 1e-5  # a network's zero is not certainty


def allowed(charset: str | None, characters: str) -> NDArray[np.bool_] | None:
    """The mask (K,) of the characters that `charset` admits, or None where it names none.

    >>> allowed("BA", "ABC").tolist()
    [True, True, False]
    """
    if charset is None:
        return None
    if not isinstance(charset, str) or not charset:
        raise ArgumentError(
            f"read: expected charset to be None, 'digits', 'letters' or a string of characters, got {describe(charset)}"
        )
    wanted = NAMED.get(charset, charset)
    unknown = [c for c in dict.fromkeys(wanted) if c not in characters]
    if charset in NAMED:
        unknown = [] if any(c in characters for c in wanted) else unknown
    if unknown:
        raise ArgumentError(
            f"read: expected charset to be 'digits', 'letters' or some of the characters that this reader knows "
            f"({characters}), got {charset!r}; it does not know {''.join(unknown)!r}"
        )
    return np.array([c in wanted for c in characters])


def choose(lines: Sequence[Sequence[Segment]], probabilities: Floats) -> tuple[list[list[Segment]], list[Floats]]:
    """Choose among the candidates of each line, and among the angles at which the page was tried; leave out clutter.

    Args:
        lines: the candidates of each line.
        probabilities: (angles, N, K) of the candidates of all lines.

    Returns:
        For each line that holds writing the segments of its best path, and their probabilities (n, K).
    """
    belief = np.sort(probabilities, axis=2)[..., -2:].sum(axis=2)  # an O that may be a 0 is no less a character
    ends = np.cumsum([len(line) for line in lines])
    rows = [np.arange(end - len(line), end) for line, end in zip(lines, ends, strict=True)]
    tried = [
        [row[best_path(line, np.log(at_angle[row] + FLOOR))] for line, row in zip(lines, rows, strict=True)]
        for at_angle in belief
    ]
    best = max(
        range(len(tried)), key=lambda angle: float(np.log(belief[angle, np.concatenate(tried[angle])] + FLOOR).mean())
    )
    segments, found = [], []
    for line, row, path in zip(lines, rows, tried[best], strict=True):
        believed = belief[best, path]
        needed = np.where(apart([line[i - row[0]] for i in path]), ALONE, CHARACTER)
        kept = path[believed > needed] if believed.mean() > LINE else path[:0]
        if len(kept):
            segments.append([line[i - row[0]] for i in kept])
            found.append(probabilities[best, kept])
    return segments, found


def apart(path: Sequence[Segment]) -> list[bool]:
    """For each segment of a line, whether it stands far from both its neighbours."""
    height = float(np.median([part.box[3] for part in path]))
    gaps = [np.inf, *(b.left - a.right for a, b in itertools.pairwise(path)), np.inf]
    return [min(before, after) > FAR * height for before, after in itertools.pairwise(gaps)]


def settle(lines: Sequence[Floats], characters: str, mask: NDArray[np.bool_] | None) -> list[Floats]:
    """Weigh the probabilities (n, K) of each line by what the line tells: look-alikes follow their neighbours.

    A line holds digits, letters, or both, whichever explains all its glyphs best; that share is then the prior of
    each glyph. With a mask of characters only these remain, and decide nothing more.
    """
    if mask is not None:
        return [normalised(np.where(mask, line + FLOOR, 0.0)) for line in lines]
    digit = np.array([c.isdigit() for c in characters])
    if digit.all() or not digit.any():
        return list(lines)
    shares = [share_of(line, digit) for line in lines]
    return [normalised((line + FLOOR) * np.where(digit, s, 1 - s)) for line, s in zip(lines, shares, strict=True)]


def share_of(line: Floats, digit: NDArray[np.bool_]) -> float:
    """The share of digits in a line that explains its glyphs best: none, half or all of them.

    Each digit is expected as often as any other and so is each letter; there are more letters, so a glyph that could
    be either speaks for digits a little. No single glyph decides a line.
    """
    odds = np.log(line[:, digit].mean(axis=1) + FLOOR) - np.log(line[:, ~digit].mean(axis=1) + FLOOR)
    odds = np.clip(odds, -VOICE, VOICE)
    share = np.array([1 - CERTAIN, 0.5, CERTAIN])
    likelihood = np.log(share[:, None] * np.exp(odds) + 1 - share[:, None]).sum(axis=1) - [0, MIXED, 0]
    return float(share[likelihood.argmax()])


def normalised(line: Floats) -> Floats:
    """Rows that sum to one."""
    return np.asarray(line / line.sum(axis=1, keepdims=True))
