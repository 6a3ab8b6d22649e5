"""A whole page, step by step."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from visionkit._errors import ArgumentError, describe, one_of
from visionkit.reader.sample.camera import boxes_around, look
from visionkit.reader.sample.colors import choose, opacity_for
from visionkit.reader.sample.layout import write
from visionkit.reader.sample.light import light, shadow
from visionkit.reader.sample.paper import lay, paper, press, put_on_table, rule, speck
from visionkit.reader.sample.photo import photograph
from visionkit.reader.sample.strokes import handwrite
from visionkit.reader.sample.styles import KINDS, STYLES
from visionkit.reader.sample.trace import Glyphs, glyph_of, trace


@dataclass(frozen=True)
class Page:
    """A drawn page and its truth.

    Attributes:
        image: uint8 RGB (H, W, 3).
        text: what is written: lines joined by newlines, words parted by spaces.
        boxes: int (N, 4) x, y, width, height of the ink of every character, in reading order, spaces left out.
    """

    image: NDArray[np.uint8]
    text: str
    boxes: NDArray[np.int64]


def draw_page(
    text: str, *, glyphs: Glyphs | None = None, kind: str = "plain", seed: int = 0, height: float | None = None
) -> Page:
    """Draw a picture that looks like a photo of handwriting, with the text and the boxes that are the truth of it.

    The same arguments give the same picture, with the same versions of NumPy and OpenCV.

    Args:
        text: lines joined by newlines, words parted by spaces.
        glyphs: called with a character and a random generator; returns a picture of it, uint8 (h, w), ink bright on
            black, any size, cropped to the ink. Without it, `handwrite` draws digits and capitals.
        kind: one of `KINDS`.
        seed: of everything that is random.
        height: of a glyph, in pixels; the kind's own without it.

    Returns:
        Page(image, text, boxes): uint8 RGB (H, W, 3), the text, and int (N, 4).

    Raises:
        ArgumentError: an unknown kind, a height below 8 pixels, or a character that cannot be drawn.

    >>> page = draw_page("HELLO\\nWORLD 42", kind="ruled", seed=3)
    >>> page.image.dtype, page.image.ndim, page.boxes.shape
    (dtype('uint8'), 3, (12, 4))
    """
    if kind not in STYLES:
        raise one_of("draw_page", "kind", kind, KINDS)
    if height is not None and height < 8:
        raise ArgumentError(f"draw_page: expected height to be at least 8 pixels, got {describe(height)}")
    style, rng = STYLES[kind], np.random.default_rng(seed)
    size = float(height or rng.uniform(*style.height))
    pen = style.pens[rng.integers(len(style.pens))]

    weight, opacity = rng.uniform(*pen.weight), rng.uniform(*pen.opacity)
    tint, color = choose(style.papers, rng, 0.02), choose(pen.colors, rng, 0.03)
    if style.contrast is not None:
        opacity = opacity_for(color, tint, rng.uniform(*style.contrast))

    def traced(character: str, tall: float) -> NDArray[np.uint8]:
        return trace(glyph_of(glyphs or handwrite, character, rng), tall, weight)

    ink, outlines = write(text, traced, style, size, rng)
    view = look(ink, style, size, rng)
    scene = paper(tint, view.frame, style.smears, size, rng)
    rule(scene, view, style, size, rng)
    speck(scene, size, rng)
    lay(scene, press(view.see(ink), pen.texture, size, rng), color, opacity)
    if view.sheet is not None:
        put_on_table(scene, view.sheet, size, rng)
    lit = light(view.frame, rng)
    shadows = [shadow(view.frame, size, rng) for _ in range(int(rng.integers(style.shadows[0], style.shadows[1] + 1)))]
    if shadows:
        lit *= reduce(np.minimum, shadows)  # where two meet it is as dark as in the darker one
    return Page(photograph(scene, lit, size, rng), text, boxes_around([view.project(outline) for outline in outlines]))
