"""Models: one file per paper family, each a short table of stages made of blocks; and what takes any model apart.

>>> model = create("glyph_resnet", classes=10)
>>> [layer.name for layer in model.layers]
['images', 'rescaling', 'stem', 'conv2', 'conv3', 'conv4', 'head']
>>> [(row.stage, row.layer, row.stride) for row in features(model).info]
[('stage1', 'conv2', 2), ('stage2', 'conv3', 4), ('stage3', 'conv4', 8)]
>>> profile(model).mult_adds
16983296
"""

from visionkit.models.alexnet import alexnet
from visionkit.models.assemble import ModelOptions
from visionkit.models.catalog import create, list_models
from visionkit.models.convnet import cifar_convnet, small_convnet
from visionkit.models.densenet import DenseNetOptions, densenet121, densenet169, densenet201
from visionkit.models.efficientnet import (
    EfficientNetOptions,
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b2,
    efficientnet_b3,
    efficientnet_b4,
    efficientnet_b5,
    efficientnet_b6,
    efficientnet_b7,
)
from visionkit.models.glyph import glyph_resnet
from visionkit.models.lenet import lenet5
from visionkit.models.mobilenet import mobilenet
from visionkit.models.mobilenet_v2 import mobilenet_v2
from visionkit.models.mobilenet_v3 import MobileNetV3Options, mobilenet_v3_large, mobilenet_v3_small
from visionkit.models.resnet import (
    ResNetOptions,
    resnet18,
    resnet34,
    resnet50,
    resnet50v2,
    resnet101,
    resnet101v2,
    resnet152,
    resnet152v2,
)
from visionkit.models.resnet_cifar import (
    ResNetCifarOptions,
    resnet20_cifar,
    resnet32_cifar,
    resnet44_cifar,
    resnet56_cifar,
    resnet110_cifar,
)
from visionkit.models.tools.compare import compare
from visionkit.models.tools.export import export
from visionkit.models.tools.features import features
from visionkit.models.tools.fuse import fuse
from visionkit.models.tools.inline import inline
from visionkit.models.tools.profile import profile
from visionkit.models.tools.source import load
from visionkit.models.vgg import vgg16, vgg19
from visionkit.models.weights import load_weights
from visionkit.models.xception import xception
from visionkit.models.zfnet import zfnet

__all__ = [
    "DenseNetOptions",
    "EfficientNetOptions",
    "MobileNetV3Options",
    "ModelOptions",
    "ResNetCifarOptions",
    "ResNetOptions",
    "alexnet",
    "cifar_convnet",
    "compare",
    "create",
    "densenet121",
    "densenet169",
    "densenet201",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "export",
    "features",
    "fuse",
    "glyph_resnet",
    "inline",
    "lenet5",
    "list_models",
    "load",
    "load_weights",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "profile",
    "resnet18",
    "resnet20_cifar",
    "resnet32_cifar",
    "resnet34",
    "resnet44_cifar",
    "resnet50",
    "resnet50v2",
    "resnet56_cifar",
    "resnet101",
    "resnet101v2",
    "resnet110_cifar",
    "resnet152",
    "resnet152v2",
    "small_convnet",
    "vgg16",
    "vgg19",
    "xception",
    "zfnet",
]
