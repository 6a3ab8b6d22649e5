"""Blocks made of whatever layers they are given: a residual connection, and a stage of equal blocks."""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in Block and in keras.Layer

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
from keras import layers

from visionkit import _checks
from visionkit._errors import ArgumentError, describe, one_of
from visionkit.blocks import _inputs
from visionkit.blocks._block import Block, to_config
from visionkit.blocks._shortcut import Chain, Shortcut


@keras.saving.register_keras_serializable("visionkit")
class Residual(Shortcut):
    """A residual connection around any layers: y = activation(branch(x) + shortcut(x)).

    Input any shape that the branch takes; output what the branch gives.

    Args:
        branch: a layer, or a list of layers that follow each other.
        shortcut: a layer or a list of layers; None for the identity, which needs a branch that keeps the shape.
        activation: name, function or layer that the sum passes; None for none.
        **kwargs: name, dtype, trainable. The layers given keep their own names and types.

    Raises:
        ArgumentError: not layers, or branch and shortcut differ in shape; the message names both shapes.

    Source: He et al., Deep Residual Learning for Image Recognition, 2015 (arXiv 1512.03385).

    >>> from keras import layers
    >>> block = Residual([layers.Dense(16, activation="relu"), layers.Dense(4)], activation="relu")
    >>> block.compute_output_shape((None, 4))
    (None, 4)
    """

    def __init__(
        self,
        branch: keras.Layer | Sequence[keras.Layer],
        shortcut: keras.Layer | Sequence[keras.Layer] | None = None,
        *,
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.branch = _layers("Residual", "branch", branch)
        self.shortcut = [] if shortcut is None else _layers("Residual", "shortcut", shortcut)
        self.add = layers.Add(**self.child("add"))
        self.activation = self.activation_layer(activation)

    def branch_chain(self) -> Chain:
        return list(self.branch)

    def shortcut_chain(self) -> Chain:
        return list(self.shortcut)

    def after(self) -> Chain:
        return [self.activation]


@keras.saving.register_keras_serializable("visionkit")
class Stage(Block):
    """Equal blocks one after the other; one strides, as a rule the first, and the rest repeat.

    Input and output are the first block's input and the last one's output. A stage named ``conv2`` holds
    ``conv2_block1``, ``conv2_block2`` and so on, in ``blocks``.

    Args:
        block: what makes a block: a layer class, or a function, called as ``block(strides=..., name=..., dtype=...,
            **options)``. Or a list of layers that are the blocks.
        depth: how many blocks; not given with a list.
        strides: of the block that strides; one integer, or two for height and width.
        strides_in: which block that is, the "first" or the "last" (as in Keras' ResNet V2).
        drop_path: passed to each block; or a list with a rate for each of them, such as rising ones.
        name, dtype, trainable: as for every Keras layer.
        **options: passed to each block.

    Raises:
        ArgumentError: no such block, depth or option, or strides for a block that takes none.

    >>> from visionkit.blocks import ResidualBlock
    >>> stage = Stage(ResidualBlock, 2, filters=64, strides=2, name="conv3")
    >>> [block.name for block in stage.blocks], stage.compute_output_shape((None, 56, 56, 32))
    (['conv3_block1', 'conv3_block2'], (None, 28, 28, 64))
    """

    def __init__(
        self,
        block: Callable[..., keras.Layer] | Sequence[keras.Layer],
        depth: int | None = None,
        *,
        strides: int | tuple[int, int] = 1,
        strides_in: Literal["first", "last"] = "first",
        drop_path: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        steps = _checks.size("Stage", "strides", strides)
        if strides_in not in ("first", "last"):
            raise one_of("Stage", "strides_in", strides_in, ["first", "last"])
        if isinstance(block, list | tuple):
            beside = {"depth": depth, "drop_path": drop_path}
            given = [*options, *(name for name, value in beside.items() if value is not None)]
            given += ["strides"] * (max(steps) > 1) + ["strides_in"] * (strides_in == "last")
            if given:
                raise ArgumentError(
                    f"Stage: expected nothing beside a list of ready layers, got {', '.join(sorted(given))}; "
                    "give the layers their options themselves"
                )
            self.blocks = _layers("Stage", "block", block)
            return
        if not callable(block) or isinstance(block, keras.Layer):
            raise ArgumentError(
                "Stage: expected block to be a layer class, a function that makes layers, or a list of layers, "
                f"got {describe(block)}"
            )
        takes_strides = _takes(block, "strides")
        if max(steps) > 1 and not takes_strides:
            raise ArgumentError(f"Stage: {getattr(block, '__name__', block)} takes no strides, got strides={strides}")
        self.blocks = []
        depth = _checks.positive("Stage", "depth", depth)
        strider = 1 if strides_in == "first" else depth
        rates = list(drop_path) if isinstance(drop_path, list | tuple) else [drop_path] * depth
        if len(rates) != depth:
            raise ArgumentError(f"Stage: expected one drop_path or {depth}, got {len(rates)}")
        for number, rate in enumerate(rates, start=1):
            striding = {"strides": steps if number == strider else (1, 1)} if takes_strides else {}
            dropping = {} if rate is None else {"drop_path": rate}
            made = block(**options, **striding, **dropping, **self.child(f"block{number}"))
            self.blocks.append(_inputs.layer("Stage", "what block makes", made))

    def chain(self) -> Chain:
        return list(self.blocks)

    def get_config(self) -> dict[str, Any]:
        # The blocks as they are: what made them may be a function, which no file can hold.
        config: dict[str, Any] = keras.Layer.get_config(self)
        return config | {"block": to_config(self.blocks)}


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function, or the constructor of a block or layer, has an argument of this name."""
    if not inspect.isclass(function):
        parameters = inspect.signature(function).parameters
        return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    # The ** of a class stands for what its bases take; that of keras.Layer for nothing.
    makers = [vars(base)["__init__"] for base in function.__mro__ if "__init__" in vars(base)]
    return any(name in inspect.signature(maker).parameters for maker in makers)


def _layers(where: str, argument: str, value: keras.Layer | Sequence[keras.Layer]) -> list[keras.Layer]:
    several = list(value) if isinstance(value, list | tuple) else [value]
    if not several:
        raise ArgumentError(f"{where}: expected {argument} to be a layer or a list of layers, got an empty list")
    return [_inputs.layer(where, argument, one) for one in several]
