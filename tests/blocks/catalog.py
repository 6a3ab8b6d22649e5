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
    "conv_pooled": lambda **k: blocks.ConvBNAct(6, 3, strides=(2, 1), pool_size=(1, 2), **k),
    "residual_block": lambda **k: blocks.ResidualBlock(3, **k),
    "residual_block_strided": lambda **k: blocks.ResidualBlock(6, strides=2, padding="symmetric", **k),
    "residual_block_pre": lambda **k: blocks.ResidualBlock(6, strides=2, preactivation=True, drop_path=0.3, **k),
    "residual_block_pre_pool": lambda **k: blocks.ResidualBlock(3, strides=2, preactivation=True, **k),
    "bottleneck": lambda **k: blocks.BottleneckBlock(2, strides=2, use_bias=True, epsilon=1.001e-5, **k),
    "bottleneck_3x3": lambda **k: blocks.BottleneckBlock(2, strides=2, strides_on="3x3", expansion=3, **k),
    "bottleneck_pre": lambda **k: blocks.BottleneckBlock(2, preactivation=True, use_bias=True, drop_path=0.2, **k),
    "bottleneck_layer": lambda **k: blocks.BottleneckBlock(2, activation=layers.PReLU(shared_axes=[1, 2]), **k),
    "conv_padded": lambda **k: blocks.ConvBNAct(6, 3, strides=2, padding=((1, 2), (2, 1)), **k),
    "depthwise": lambda **k: blocks.DepthwiseConvBNAct(3, depth_multiplier=2, dilation_rate=2, use_bias=True, **k),
    "depthwise_strided": lambda **k: blocks.DepthwiseConvBNAct(
        5, strides=2, padding=((2, 2), (2, 1)), activation=None, kernel_regularizer="l2", **k
    ),
    "depthwise_separable": lambda **k: blocks.DepthwiseSeparable(6, kernel_size=(3, 5), strides=2, **k),
    "residual_block_pad": lambda **k: blocks.ResidualBlock(6, strides=2, shortcut="pad", **k),
    "residual_block_dilated": lambda **k: blocks.ResidualBlock(3, dilation_rate=2, se_ratio=0.5, **k),
    "bottleneck_dilated": lambda **k: blocks.BottleneckBlock(2, dilation_rate=(2, 1), se_ratio=0.5, **k),
    "squeeze_excite": lambda **k: blocks.SqueezeExcite(0.4, activation=layers.ELU(), **k),
    "squeeze_excite_hard": lambda **k: blocks.SqueezeExcite(filters=2, activation="silu", gate="hard_sigmoid", **k),
    "inverted": lambda **k: blocks.InvertedResidual(3, se_ratio=0.25, drop_path=0.3, activation="silu", **k),
    "inverted_strided": lambda **k: blocks.InvertedResidual(
        5,
        expansion=2.3,
        kernel_size=5,
        strides=2,
        se_ratio=0.25,
        se_from="expanded",
        se_activation="gelu",
        se_gate="softplus",
        **k,
    ),
    "inverted_narrow": lambda **k: blocks.InvertedResidual(4, expansion=1, dilation_rate=2, **k),
    "inverted_layer": lambda **k: blocks.InvertedResidual(3, activation=layers.PReLU(shared_axes=[1, 2]), **k),
    "xception": lambda **k: blocks.XceptionBlock((4, 6), strides=2, activate_first=False, **k),
    "xception_identity": lambda **k: blocks.XceptionBlock((4, 3), dilation_rate=2, **k),
    "dense_layer": lambda **k: blocks.DenseLayer(2, bottleneck=3, dropout=0.2, **k),
    "dense_block": lambda **k: blocks.DenseBlock(2, 4, dilation_rate=2, kernel_regularizer="l2", **k),
    "transition": lambda **k: blocks.Transition(0.7, strides=1, **k),
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
    "stage_last": lambda **k: blocks.Stage(
        blocks.BottleneckBlock, 2, strides=2, strides_in="last", drop_path=[0.0, 0.2], filters=2, **k
    ),
    "drop_path": lambda **k: blocks.DropPath(0.5, **k),
    "whitening": lambda **k: blocks.PatchWhitening((1, 2), activation="silu", **k),
    "lrn": lambda **k: blocks.LocalResponseNorm(3, **k),
    "head": lambda **k: blocks.ClassifierHead(4, hidden=(5,), dropout=0.5, kernel_initializer="xavier_normal", **k),
    "head_norm": lambda **k: blocks.ClassifierHead(
        4, hidden=(5,), hidden_norm=True, hidden_constraint=keras.constraints.MaxNorm(3), dropout=0.2, **k
    ),
    "head_max": lambda **k: blocks.ClassifierHead(4, pooling="max", activation=None, **k),
    "head_places": lambda **k: blocks.ClassifierHead(4, pooling=None, **k),
}
