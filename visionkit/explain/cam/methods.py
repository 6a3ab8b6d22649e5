"""The maps that are made of a layer's output and the gradient of a score at it."""

from collections.abc import Callable
from functools import cache
from typing import Any

from keras import ops

from visionkit.explain.probe.probe import Program
from visionkit.explain.probe.view import View


def _gradcam(gradient: Any, maps: Any) -> Any:
    """Each channel weighs as much as its mean gradient."""
    return ops.sum(ops.mean(gradient, (1, 2), keepdims=True) * maps, axis=-1)


def _gradcam_plus_plus(gradient: Any, maps: Any) -> Any:
    """Only positive gradients weigh, the less the more of the channel there is.

    The paper's g^2 / (2 g^2 + sum(A) g^3), without the g^2 in both, which are lost in the rounding where gradients are
    small. Its A are never negative; where they are, a sum under zero would bring a pole, and counts as zero.
    """
    positive = ops.relu(gradient)
    amount = ops.relu(ops.sum(maps, (1, 2), keepdims=True))
    return ops.sum(ops.sum(positive / (2 + amount * positive), (1, 2), keepdims=True) * maps, axis=-1)


def _hirescam(gradient: Any, maps: Any) -> Any:
    """Each place of each channel weighs as much as its own gradient."""
    return ops.sum(gradient * maps, axis=-1)


def _layercam(gradient: Any, maps: Any) -> Any:
    """The same, of positive gradients alone."""
    return ops.sum(ops.relu(gradient) * maps, axis=-1)


# name -> gradient and maps, float32 (n, h, w, C) -> (n, h, w)
GRADIENT: dict[str, Callable[[Any, Any], Any]] = {
    "gradcam": _gradcam,
    "gradcam++": _gradcam_plus_plus,
    "hirescam": _hirescam,
    "layercam": _layercam,
}


@cache
def by_gradient(method: str, evidence: str) -> Program:
    """The program for a method.

    Args:
        method: a name of ``GRADIENT``.
        evidence: what speaks against a class is what speaks for the negated score.
    """
    formula = GRADIENT[method]

    def program(view: View, inputs: list[Any], index: Any) -> list[Any]:
        seen, gradients = view.gradients(inputs, index, at="maps")
        made = []
        for gradient, output in zip(gradients, seen.maps, strict=True):
            maps = ops.cast(output, "float32")
            pro = ops.relu(formula(gradient, maps)) if evidence != "against" else 0
            con = ops.relu(formula(-gradient, maps)) if evidence != "for" else 0
            made.append(pro - con if evidence == "both" else pro + con)
        return made

    return program
