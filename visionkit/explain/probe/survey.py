"""What a model does in one pass: which layers are called, in which order, and what they make."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from visionkit._errors import ModelError
from visionkit.explain.probe.engines import engine
from visionkit.explain.probe.layers import Place
from visionkit.explain.probe.logits import Activated
from visionkit.explain.probe.swap import Swap, swapped
from visionkit.explain.probe.view import Tap, call_name

# What they hold makes (N, positions, heads, features), which looks like a map and is none.
_ATTENTION = (
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
    keras.layers.Attention,
    keras.layers.AdditiveAttention,
)


class Call(NamedTuple):
    """One call of one layer.

    Attributes:
        tap: the layer, and which of its calls this was.
        shape: of its output, with one image; None where it makes several.
        spatial: whether that is (1, H, W, C) with more than one place, no output of the model, and not inside an
            attention layer.
        first: whether the output is its own, and not what a layer inside made.
    """

    tap: Tap
    shape: tuple[int, ...] | None
    spatial: bool
    first: bool


class Output(NamedTuple):
    """One output of the model: its shape with one image, and what its last activation is."""

    shape: tuple[int, ...]
    activation: str


class Survey(NamedTuple):
    """What was found.

    Attributes:
        calls: every call, in the order in which they ended.
        outputs: every output of the model, flattened.
        names: how the outputs are called, where the model says so.
    """

    calls: list[Call]
    outputs: list[Output]
    names: list[str]

    def of(self, layer: Any) -> list[Call]:
        """The calls of one layer."""
        return [call for call in self.calls if call.tap.place.layer is layer]

    def last(self, where: str, wanted: Callable[[Tap], bool]) -> Tap:
        """The last wanted call with spatial output, the innermost that made it.

        Raises:
            ModelError: there is none.
        """
        found = [call.tap for call in self.calls if call.spatial and call.first and wanted(call.tap)]
        if found:
            return found[-1]
        raise ModelError(
            f"{where}: expected a model with a layer of spatial output (N, H, W, C), got one without; "
            "saliency and occlusion explain those"
        )


def survey(model: keras.Model, among: Sequence[Place], call: Callable[[], Any], *, partial: bool = False) -> Survey:
    """Watch one pass.

    Args:
        model: the model.
        among: its layers.
        call: the pass, with one image.
        partial: whether a pass that fails is looked at as far as it came.
    """
    activated = Activated()
    calls = Counter[int]()
    made: list[tuple[Tap, Any]] = []

    def hook(place: Place) -> Swap:
        def around(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            output = original(*args, **kwargs)
            made.append((Tap(place, calls[id(place.layer)]), output))
            calls[id(place.layer)] += 1
            return output

        return Swap(place.layer, call_name(place.layer), around)

    def look() -> Survey:
        with swapped(lambda: [*activated.swaps(among), *map(hook, among)]):
            try:
                outputs = call()
            except Exception:  # whatever a framework or a layer of one's own raises
                if not partial or not made:
                    raise
                outputs = []
        flat = keras.tree.flatten(outputs)
        before = [activated.before(one) for one in flat]
        # A segmentation's own output is spatial, too, and explains nothing.
        ends = {id(one) for one in flat} | {id(logits) for logits, _ in before}
        attention = tuple(f"{path}/" for path, layer in among if isinstance(layer, _ATTENTION))
        met: set[int] = set()
        found = []
        for tap, output in made:
            shape = _shape(output)
            spatial = shape is not None and len(shape) == 4 and shape[1] * shape[2] > 1 and id(output) not in ends
            spatial = spatial and not tap.place.path.startswith(attention)
            found.append(Call(tap, shape, spatial, id(output) not in met))
            met.add(id(output))
        shapes = [Output(tuple(one.shape), name) for one, (_, name) in zip(flat, before, strict=True)]
        names = sorted(outputs) if isinstance(outputs, dict) else list(getattr(model, "output_names", None) or [])
        return Survey(found, shapes, names)

    result: Survey = engine().shown(look, model)
    return result


def _shape(output: Any) -> tuple[int, ...] | None:
    return tuple(output.shape) if hasattr(output, "shape") else None
