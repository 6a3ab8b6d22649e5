"""Which character a glyph is, given the network's probabilities and the line that it stands in."""

import itertools
import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe
from visionkit.reader.path import best_path
from visionkit.reader.pieces import Segment

Floats = NDArray[np.float64]

NAMED = {"digits": string.digits, "letters": string.ascii_uppercase}
CERTAIN = 0.998  # how sure a line can make us that a glyph in it is a digit (or a letter) before we look at the glyph
BY_WORD, MIXED = 3.0, 4.0  # how much likelier words of their own kind, and a mixture, must be than a pure line, in nats
VOICE = 4.0  # how much one glyph can say for digits or for letters, in nats
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
    score = np.log(belief + FLOOR)
    tried = [[best_path(line, of[row]) for line, row in zip(lines, rows, strict=True)] for of in score]

    def believed_in(angle: int) -> float:
        return float(
            np.concatenate([score[angle, row[path]] for row, path in zip(rows, tried[angle], strict=True)]).mean()
        )

    best = max(range(len(tried)), key=believed_in)
    segments, found = [], []
    for line, row, path in zip(lines, rows, tried[best], strict=True):
        chosen, believed = [line[k] for k in path], belief[best, row[path]]
        if believed.mean() <= LINE:
            continue
        kept = believed > np.where(apart(chosen), ALONE, CHARACTER)
        if kept.any():
            segments.append(list(itertools.compress(chosen, kept)))
            found.append(probabilities[best, row[path][kept]])
    return segments, found


def apart(path: Sequence[Segment]) -> list[bool]:
    """For each segment of a line, whether it stands far from both its neighbours."""
    height = float(np.median([part.box[3] for part in path]))
    gaps = [np.inf, *(b.left - a.right for a, b in itertools.pairwise(path)), np.inf]
    return [min(before, after) > FAR * height for before, after in itertools.pairwise(gaps)]


def settle(
    lines: Sequence[Floats], words: Sequence[Sequence[slice]], characters: str, mask: NDArray[np.bool_] | None
) -> list[Floats]:
    """Weigh the probabilities of each line by what the line tells: look-alikes follow their neighbours.

    With a mask of characters only these remain, and decide nothing more.

    Args:
        lines: float (n, K), the probabilities of the glyphs of each line.
        words: for each line where its words are.
        characters: K of them.
        mask: (K,) the characters that may occur, None for all.
    """
    if mask is not None:
        return [normalised(np.where(mask, line + FLOOR, 0.0)) for line in lines]
    digit = np.array([c.isdigit() for c in characters])
    if digit.all() or not digit.any():
        return list(lines)
    shares = [share_of_digits(line, where, digit)[:, None] for line, where in zip(lines, words, strict=True)]
    return [
        normalised((line + FLOOR) * np.where(digit, share, 1 - share))
        for line, share in zip(lines, shares, strict=True)
    ]


def share_of_digits(line: Floats, words: Sequence[slice], digit: NDArray[np.bool_]) -> Floats:
    """How likely each glyph of a line is a digit before one looks at it, (n,): what explains all glyphs best.

    A line is all digits or all letters; or else its words are; or else anything goes. Each digit is expected as often
    as any other and so is each letter; there are more letters, so a glyph that could be either speaks for digits a
    little. No single glyph decides.
    """
    odds = np.log(line[:, digit].mean(axis=1) + FLOOR) - np.log(line[:, ~digit].mean(axis=1) + FLOOR)
    odds = np.clip(odds, -VOICE, VOICE)

    def likelihood(share: float, where: slice = slice(None)) -> float:
        return float(np.log(share * np.exp(odds[where]) + 1 - share).sum())

    def purer(where: slice) -> float:
        return max(1 - CERTAIN, CERTAIN, key=lambda share: likelihood(share, where))

    whole = purer(slice(None))
    of_words = [purer(where) for where in words]
    explained = [
        likelihood(whole),
        sum(likelihood(share, where) for share, where in zip(of_words, words, strict=True)) - BY_WORD,
        likelihood(0.5) - MIXED,
    ]
    shares = (
        np.full(len(line), whole),
        np.concatenate(
            [np.full(where.stop - where.start, share) for share, where in zip(of_words, words, strict=True)]
        ),
        np.full(len(line), 0.5),
    )
    return np.asarray(shares[int(np.argmax(explained))])


def normalised(line: Floats) -> Floats:
    """Rows that sum to one."""
    return np.asarray(line / line.sum(axis=1, keepdims=True))
