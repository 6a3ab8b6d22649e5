"""The kinds of page, each a row of numbers; no step that draws knows the name of a kind."""

from dataclasses import dataclass

from visionkit.reader.sample.colors import BOARDS, PAPERS, Color
from visionkit.reader.sample.plane import Size

Range = tuple[float, float]


@dataclass(frozen=True)
class Pen:
    """What writes: its colours, the width of its strokes over the glyph height, how opaque and how patchy it is."""

    colors: tuple[Color, ...]
    weight: Range
    opacity: Range
    texture: float


BALL = Pen(((0.10, 0.16, 0.48), (0.13, 0.22, 0.60), (0.12, 0.12, 0.14)), (0.05, 0.09), (0.80, 0.95), 0.12)
PENCIL = Pen(((0.25, 0.25, 0.27), (0.20, 0.20, 0.20)), (0.05, 0.08), (0.65, 0.90), 0.45)
MARKER = Pen(((0.07, 0.07, 0.09), (0.10, 0.14, 0.45), (0.55, 0.08, 0.10)), (0.10, 0.16), (0.90, 1.00), 0.03)
CHALK = Pen(((0.93, 0.93, 0.90), (0.93, 0.89, 0.66), (0.92, 0.76, 0.78)), (0.08, 0.13), (0.75, 0.95), 0.55)


@dataclass(frozen=True)
class Style:
    """The numbers that make a kind of page. Lengths are in glyph heights unless said otherwise, angles in degrees."""

    height: Range = (40, 60)  # pixels
    gap: Range = (0.3, 0.6)  # between glyphs
    word_gap: Range = (1.1, 1.5)
    word_size: float = 0.03  # words differ in size by up to this part
    drift: float = 0.04  # glyphs stand above or below the baseline by up to this
    slope: float = 1.0  # of a baseline, up to
    turn: float = 1.0  # of the whole page, up to
    pens: tuple[Pen, ...] = (BALL, PENCIL, MARKER)
    contrast: Range | None = None  # of the ink against the paper, instead of the pen's own opacity
    papers: tuple[Color, ...] = PAPERS
    smears: float = 0.0  # wiped traces on a board
    rules: tuple[float, ...] = ()  # directions of the printed lines
    rule_pitch: Range = (1.4, 2.2)
    shadows: tuple[int, int] = (0, 0)  # how many hard shadow edges, from and to
    table: float = 0.0  # chance that the paper is a sheet whose edge is in the picture
    frame: Size = (0, 0)  # least height and width of the picture, pixels


STYLES = {
    "plain": Style(),
    "ruled": Style(rules=(0,)),
    "squared": Style(rules=(0, 90), rule_pitch=(0.5, 1.2)),
    "chalk": Style(pens=(CHALK,), papers=BOARDS, smears=0.10),
    "turned": Style(turn=12.0, table=0.4),
    "shadow": Style(shadows=(1, 2)),
    "faint": Style(pens=(PENCIL,), contrast=(0.14, 0.32)),  # the skips of a pencil take a part of it
    "small": Style(height=(16, 24)),
    "large": Style(height=(100, 200), frame=(3000, 4000)),
    "ragged": Style(gap=(0.12, 0.7), word_gap=(1.3, 2.6), word_size=0.2, drift=0.12, slope=2.5),
    "sheet": Style(turn=4.0, table=1.0),
}
KINDS = tuple(STYLES)
