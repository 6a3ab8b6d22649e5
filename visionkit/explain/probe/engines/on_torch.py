"""PyTorch: nothing is compiled, and autograd begins to record at the layer."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

PADS = False


def compiled(program: Callable[[list[Any], list[Any]], Any], model: keras.Model, specs: Any) -> Callable[..., Any]:
    """The program as it is, on tensors and without recording; arguments as on TensorFlow."""
    import torch

    def run(batched: list[Any], fixed: list[Any]) -> Any:
        with torch.no_grad():
            tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, (batched, fixed))
            return program(*tensors)

    return run


def shown(look: Callable[[], Any], model: keras.Model) -> Any:
    """What a pass comes to; here it runs."""
    import torch

    with torch.no_grad():
        return look()


def gradients(total: Callable[..., Any], inputs: list[Any], image: int | None) -> tuple[Any, Sequence[Any]]:
    """What was seen, and the gradients at the tapped outputs or at one of the inputs; arguments as on TensorFlow."""
    import torch

    def begin(position: int, made: Any) -> Any:
        # From here on, for the rest of the pass; a tap before this one is part of what is recorded.
        torch.set_grad_enabled(True)
        return made if made.requires_grad else made.detach().requires_grad_(True)

    if image is None:
        with torch.no_grad():
            value, seen = total(begin, inputs)
        points = list(seen[0])
    else:
        points = [inputs[image].detach().requires_grad_(True)]
        given = [points[0] if place == image else other for place, other in enumerate(inputs)]
        with torch.enable_grad():
            value, seen = total(lambda position, made: made, given)
    found = torch.autograd.grad(value, points, allow_unused=True) if value.requires_grad else [None] * len(points)
    zero = torch.zeros_like
    seen = keras.tree.map_structure(lambda one: one.detach(), tuple(seen))
    return seen, [zero(p) if one is None else one for p, one in zip(points, found, strict=True)]
