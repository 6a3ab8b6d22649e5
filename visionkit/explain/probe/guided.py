"""ReLUs that let no negative gradient through."""

from collections.abc import Iterable
from typing import Any

import keras

from visionkit._errors import ModelError
from visionkit.explain.probe.functions import uses
from visionkit.explain.probe.layers import Place
from visionkit.explain.probe.swap import Swap

_NAMES = ("relu", "relu6")


@keras.ops.custom_gradient  # type: ignore[untyped-decorator]
def _positive(x: Any) -> Any:
    """The same values, and of their gradient what is positive."""

    def gradient(*given: Any, upstream: Any = None) -> Any:
        return keras.ops.relu(given[0] if upstream is None else upstream)

    return x, gradient


class Guided:
    """The swaps for guided backpropagation, and whether they met a ReLU.

    What comes out of a ReLU passes on only the positive part of its gradient; the ReLU itself does the rest. So it
    works for layers, for ``activation="relu"``, inside blocks, and for ReLUs with a ceiling.

    Source: Springenberg et al., Striving for Simplicity: The All Convolutional Net, 2014 (arXiv 1412.6806).
    """

    def __init__(self) -> None:
        self._met = 0

    def swaps(self, among: Iterable[Place]) -> list[Swap]:
        """One for each ReLU of a model, and for the functions that a layer of one's own may call."""
        return [Swap(owner, attribute, self._guard) for owner, attribute, _ in uses(_NAMES, among)]

    def check(self) -> None:
        """Make sure that there was one.

        Raises:
            ModelError: there was none, and the result would be the plain gradient.
        """
        if not self._met:
            raise ModelError("guided_backprop: expected a model with ReLUs, got one without; use saliency")

    def _guard(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        self._met += 1
        return _positive(original(*args, **kwargs))
