"""Models: one file per paper family, each a short table of stages made of blocks.

>>> model = create("glyph_resnet", classes=10)
>>> [layer.name for layer in model.layers]
['images', 'rescaling', 'stem', 'conv2', 'conv3', 'conv4', 'head']
"""

from visionkit.models.assemble import ModelOptions
from visionkit.models.catalog import create, list_models
from visionkit.models.glyph import glyph_resnet
from visionkit.models.lenet import lenet5
from visionkit.models.weights import load_weights
from visionkit.models.zfnet import zfnet

__all__ = ["ModelOptions", "create", "glyph_resnet", "lenet5", "list_models", "load_weights", "zfnet"]
