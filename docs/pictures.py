"""The picture at the top of README, made by the library: python docs/pictures.py

A page that was read; where the reader's network looks in six of its glyphs; what an early layer makes of the first of
them; what the filters of a later one respond to.
"""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

import visionkit as vk

HEIGHT, GAP = 300, 12  # pixels
EARLY, LATER = "conv2_block1_out", "conv3_block1_1_conv"
PAGE = "PACK MY BOX\nWITH FIVE DOZEN\nLIQUOR JUGS\n3141592653\n28 07 1964"


def main() -> None:
    """Write docs/_static/strip.png."""
    reading = vk.reader.load().read(vk.reader.sample.draw_page(PAGE, kind="sheet", seed=7).image)
    with as_file(files("visionkit.reader") / "weights" / "alphanumeric.keras") as file:
        network = vk.models.load(file)
    boxes = [character.box for character in reading.characters[:6]]
    crops = [reading.image[y : y + height, x : x + width] for x, y, width, height in boxes]
    glyphs = np.stack([vk.reader.glyph(vk.preprocess.otsu(crop).binary) for crop in crops])[..., None]
    seen = vk.explain.panels(255 - glyphs[..., 0], vk.explain.gradcam(network, glyphs))
    made = vk.explain.activation_grid(network, glyphs[0], EARLY, columns=8)
    patterns = vk.explain.filter_grid(network, LATER, range(36), columns=6, steps=40, jitter=1)
    parts = [vk.preprocess.resize(part, height=HEIGHT) for part in (reading.draw(), seen, made, patterns)]
    around = ((GAP, GAP), (GAP, GAP), (0, 0))
    strip = np.concatenate([np.pad(part, around, constant_values=255) for part in parts], axis=1)
    vk.preprocess.write(Path(__file__).parent / "_static" / "strip.png", strip)


if __name__ == "__main__":
    main()
