"""Building blocks: Keras layers made of named Keras layers.

Each works in Sequential, functional and subclassed models, inside other blocks, under mixed precision, frozen, and on
the TensorFlow, JAX and PyTorch backends. Importing this package registers the blocks with Keras, so that a saved model
that holds some loads again.

>>> import keras
>>> model = keras.Sequential([
...     keras.Input((32, 32, 1)),
...     ConvBNAct(16, 5, strides=2, name="stem"),
...     Stage(ResidualBlock, 2, filters=32, strides=2, name="conv2"),
...     ClassifierHead(10, name="head"),
... ])
>>> model.output_shape
(None, 10)
"""

from visionkit.blocks._block import Block
from visionkit.blocks.attention import SqueezeExcite
from visionkit.blocks.compose import Residual, Stage
from visionkit.blocks.conv import ConvBNAct, DepthwiseConvBNAct
from visionkit.blocks.dense import DenseBlock, DenseLayer, Transition
from visionkit.blocks.drop import DropPath
from visionkit.blocks.head import ClassifierHead
from visionkit.blocks.initializers import Dirac
from visionkit.blocks.norm import LocalResponseNorm
from visionkit.blocks.residual import BottleneckBlock, ResidualBlock
from visionkit.blocks.separable import DepthwiseSeparable, InvertedResidual, XceptionBlock
from visionkit.blocks.whitening import PatchWhitening

__all__ = [
    "Block",
    "BottleneckBlock",
    "ClassifierHead",
    "ConvBNAct",
    "DenseBlock",
    "DenseLayer",
    "DepthwiseConvBNAct",
    "DepthwiseSeparable",
    "Dirac",
    "DropPath",
    "InvertedResidual",
    "LocalResponseNorm",
    "PatchWhitening",
    "Residual",
    "ResidualBlock",
    "SqueezeExcite",
    "Stage",
    "Transition",
    "XceptionBlock",
]
