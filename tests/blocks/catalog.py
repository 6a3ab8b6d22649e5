"""One of every kind of block, for the tests that hold for all of them."""

import keras
from keras import layers

from visionkit import blocks

BLOCKS = {
    "conv": lambda **k: blocks.ConvBNAct(6, 3, **k),
    "conv_strided": lambda **k: blocks.ConvBNAct(6, (5, 3), strides=(2, 1), padding="symmetric", groups=3, **k),
    "conv_objects": lambda **k: blocks.ConvBNAct(
        6,
        1,
        dilation_rate=2,
        padding="valid",
        use_bias=True,
        activation=keras.activations.gelu,
        kernel_initializer=keras.initializers.HeNormal(seed=3),
        kernel_regularizer=keras.regularizers.L2(1e-3),
        **k,
    ),
    "residual_block": lambda **k: blocks.ResidualBlock(3, **k),
    "residual_block_strided": lambda **k: blocks.ResidualBlock(6, strides=2, padding="symmetric", **k),
    "residual_block_pre": lambda **k: blocks.ResidualBlock(6, strides=2, preactivation=True, drop_path=0.3, **k),
    "residual_block_pre_pool": lambda **k: blocks.ResidualBlock(3, strides=2, preactivation=True, **k),
    "bottleneck": lambda **k: blocks.BottleneckBlock(2, strides=2, use_bias=True, epsilon=1.001e-5, **k),
    "bottleneck_3x3": lambda **k: blocks.BottleneckBlock(2, strides=2, strides_on="3x3", expansion=3, **k),
    "bottleneck_pre": lambda **k: blocks.BottleneckBlock(2, preactivation=True, use_bias=True, drop_path=0.2, **k),
    "bottleneck_layer": lambda **k: blocks.BottleneckBlock(2, activation=layers.PReLU(shared_axes=[1, 2]), **k),
    "residual": lambda **k: blocks.Residual(
        [layers.Conv2D(4, 3, strides=2, padding="same"), blocks.DropPath(0.5, seed=1)],
        blocks.ConvBNAct(4, 1, strides=2, activation=None),
        activation="relu",
        **k,
    ),
    "residual_identity": lambda **k: blocks.Residual(layers.Conv2D(3, 3, padding="same"), **k),
    "stage": lambda **k: blocks.Stage(blocks.ResidualBlock, 2, strides=2, filters=4, **k),
    "stage_function": lambda **k: blocks.Stage(lambda **o: blocks.ConvBNAct(3, **o), 2, strides=(1, 2), **k),
    "stage_nested": lambda **k: blocks.Stage(
        [blocks.Residual(blocks.Stage(blocks.ConvBNAct, 2, filters=3)), blocks.DropPath(0.1)], **k
    ),
    "drop_path": lambda **k: blocks.DropPath(0.5, **k),
    "lrn": lambda **k: blocks.LocalResponseNorm(3, **k),
    "head": lambda **k: blocks.ClassifierHead(4, hidden=(5,), dropout=0.5, kernel_initializer="xavier_normal", **k),
    "head_max": lambda **k: blocks.ClassifierHead(4, pooling="max", activation=None, **k),
    "head_places": lambda **k: blocks.ClassifierHead(4, pooling=None, **k),
}
