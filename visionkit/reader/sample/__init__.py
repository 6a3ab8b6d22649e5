"""Photo-like pages of handwriting whose truth is known: for the demo, the tests and the benchmark.

A page goes through small steps, each a file beside this one: every glyph is traced as ink (`strokes`, `trace`) and laid
out in lines on a flat plane (`layout`), seen through a homography that moves ink, ruling, sheet and boxes alike
(`camera`), laid on paper (`paper`), lit (`light`) and photographed (`photo`). A kind of page is one row of numbers in
`styles`; no step knows the name of a kind.
"""

from visionkit.reader.sample.page import Page, draw_page
from visionkit.reader.sample.strokes import STROKES, handwrite
from visionkit.reader.sample.styles import KINDS
from visionkit.reader.sample.trace import Glyphs

__all__ = ["KINDS", "STROKES", "Glyphs", "Page", "draw_page", "handwrite"]
