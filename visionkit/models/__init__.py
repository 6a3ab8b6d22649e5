"""Models: one file per paper family, each a short table of stages made of blocks."""

from visionkit.models.assemble import ModelOptions
from visionkit.models.glyph import glyph_resnet
from visionkit.models.weights import load_weights

__all__ = ["ModelOptions", "glyph_resnet", "load_weights"]
