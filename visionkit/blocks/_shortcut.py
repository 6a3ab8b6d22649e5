"""Shortcut: the sum of a branch and a shortcut, which every residual block is."""

from typing import Any

import keras

from visionkit._errors import ArgumentError
from visionkit.blocks._block import Block, build_all, run, shape_after
from visionkit.blocks._inputs import Shape

Chain = list[keras.Layer | None]


class Shortcut(Block):
    """Base of the blocks with a shortcut: y = after(branch(z) + shortcut(x)), where z = before(x).

    A subclass sets ``add`` and says what the four chains are. ``shares_before`` tells whether the shortcut, too,
    starts behind ``before``.
    """

    add: keras.Layer
    shares_before = False
    shortcut_first = True  # in the sum; the order of weights in official files follows from it

    def before(self) -> Chain:
        """What the input passes on its way to the branch."""
        return []

    def branch_chain(self) -> Chain:
        """The layers of the branch."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its branch is")

    def shortcut_chain(self) -> Chain:
        """The layers of the shortcut; none for the identity."""
        return []

    def after(self) -> Chain:
        """What the sum passes last."""
        return []

    def build(self, input_shape: Shape) -> None:
        ready = build_all(self.before(), input_shape)
        branch = build_all(self.branch_chain(), ready)
        shortcut = build_all(self.shortcut_chain(), ready if self.shares_before else input_shape)
        total = self._sum_shape(branch, shortcut)
        self.add.build(self._in_order(branch, shortcut))
        build_all(self.after(), total)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        ready = shape_after(self.before(), input_shape)
        branch = shape_after(self.branch_chain(), ready)
        shortcut = shape_after(self.shortcut_chain(), ready if self.shares_before else input_shape)
        return shape_after(self.after(), self._sum_shape(branch, shortcut))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        ready = run(self.before(), inputs, training)
        branch = run(self.branch_chain(), ready, training)
        shortcut = run(self.shortcut_chain(), ready if self.shares_before else inputs, training)
        return run(self.after(), self.add(self._in_order(branch, shortcut)), training)

    def _in_order(self, branch: Any, shortcut: Any) -> list[Any]:
        return [shortcut, branch] if self.shortcut_first else [branch, shortcut]

    def _sum_shape(self, branch: Shape, shortcut: Shape) -> Shape:
        pairs = list(zip(branch, shortcut, strict=False))
        if len(branch) != len(shortcut) or any(b != s and b is not None and s is not None for b, s in pairs):
            raise ArgumentError(
                f"{self.name}: expected branch and shortcut to give the same shape, got {branch} from the branch and "
                f"{shortcut} from the shortcut; give a shortcut that changes the shape as the branch does, "
                "such as ConvBNAct(filters, 1, strides=strides, activation=None)"
            )
        # What one of the two does not know, the other may.
        return tuple(s if b is None else b for b, s in pairs)
