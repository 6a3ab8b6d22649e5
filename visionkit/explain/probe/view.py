"""One pass through a model, seen from inside: what programs that run compiled are written with."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from keras import ops

from visionkit._errors import ArgumentError
from visionkit.explain.probe.engines import engine
from visionkit.explain.probe.guided import Guided
from visionkit.explain.probe.layers import Place
from visionkit.explain.probe.logits import Activated
from visionkit.explain.probe.swap import Swap, swapped
from visionkit.explain.probe.target import Target

# float16 loses gradients under 6e-5; a power of two changes no digit of a float32.
_SCALE = 1024.0


class Tap(NamedTuple):
    """An output to be watched.

    Attributes:
        place: the layer.
        call: which of its calls; a shared layer has several.
    """

    place: Place
    call: int


class Seen(NamedTuple):
    """What one pass showed.

    Attributes:
        maps: the outputs of the tapped layers, in the order of the taps.
        scores: float32 (N,), what the target asks for, before softmax or sigmoid.
        probabilities: float32 (N,), the same after it; for targets that are functions, the scores.
        classes: int32 (N,), whose scores these are; zeros where the target is a function.
    """

    maps: list[Any]
    scores: Any
    probabilities: Any
    classes: Any


class _Reached(BaseException):
    """Nothing after the last tap is wanted; no ``Exception``, which layers may catch."""


class View:
    """A model under a program's eyes.

    Args:
        among: every layer of the model.
        taps: what to watch.
        target: whose scores.
        call: flat list of input tensors -> outputs of the model.
        image: which of the inputs is the picture.
    """

    def __init__(
        self,
        among: Sequence[Place],
        taps: Sequence[Tap],
        target: Target,
        call: Callable[[list[Any]], Any],
        image: int,
    ) -> None:
        self._among = among
        self._taps = taps
        self._target = target
        self._call = call
        self.image = image

    def look(self, inputs: list[Any], index: Any, *, edit: Callable[[Any], Any] | None = None) -> Seen:
        """A pass without gradients.

        Args:
            inputs: the tensors, one for each input of the model.
            index: int32 (N,), class of each image; -1 for the predicted one.
            edit: the output of a tap -> what the layers after it get in its place.

        Raises:
            ArgumentError: the target gives no score for each image.
        """
        seen = self._pass(inputs, index, lambda position, made: made if edit is None else edit(made))
        if len(seen.scores.shape) == 0:  # a gradient can be taken of it, but no image be compared with another
            raise ArgumentError(
                "target: expected a function that gives a score for each image, (N,), got one number for all of them; "
                "leave the first axis out of its sums and means"
            )
        return seen

    def maps(self, inputs: list[Any]) -> list[Any]:
        """The outputs of the taps alone; the pass ends with the last of them."""
        return self._pass(inputs, None, lambda position, made: made).maps

    def gradients(
        self,
        inputs: list[Any],
        index: Any,
        *,
        at: Literal["maps", "image"],
        score: Callable[[Seen], Any] | None = None,
        guided: bool = False,
    ) -> tuple[Seen, list[Any]]:
        """A pass with the gradients of the scores.

        Args:
            inputs: the tensors, one for each input of the model.
            index: int32 (N,), class of each image, -1 for the predicted one; None where only the maps are wanted, these
                before a softmax or sigmoid that their layer ends with, and before a ReLU where it leaves nothing.
            at: what the gradients are taken at: the taps, or the picture.
            score: what is derived, from what the pass showed -> (N,); None for its scores.
            guided: whether negative gradients stop at each ReLU.

        Returns:
            What was seen, and a float32 gradient for each tap, or one for the picture.
        """

        def total(tap: Callable[[int, Any], Any], given: list[Any]) -> tuple[Any, Seen]:
            seen = self._pass(given, index, tap, guided=guided, before=index is None)
            wanted = seen.scores if score is None else score(seen)
            return ops.sum(ops.cast(wanted, "float32")) * _SCALE, seen

        seen, found = engine().gradients(total, inputs, self.image if at == "image" else None)
        return Seen(*seen), [ops.cast(gradient, "float32") / _SCALE for gradient in found]

    def _pass(
        self,
        inputs: list[Any],
        index: Any,
        tap: Callable[[int, Any], Any],
        *,
        guided: bool = False,
        before: bool = False,
    ) -> Seen:
        """A pass in which each tapped output goes through ``tap``; without index only as far as the taps."""
        positions = {(id(one.place.layer), one.call): position for position, one in enumerate(self._taps)}
        calls = Counter[int]()
        caught: dict[int, Any] = {}

        def hook(layer: Any) -> Swap:
            def around(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
                made = original(*args, **kwargs)
                position = positions.get((id(layer), calls[id(layer)]))
                calls[id(layer)] += 1
                if position is not None:
                    made = caught[position] = tap(position, made)
                    if index is None and len(caught) == len(positions):
                        raise _Reached
                return made

            return Swap(layer, call_name(layer), around)

        activated = Activated(relus=before)
        tapped = {id(one.place.layer): one.place.layer for one in self._taps}
        relus = Guided()

        def swaps() -> list[Swap]:
            inner = [*activated.swaps(self._among), *(relus.swaps(self._among) if guided else ())]
            return [*inner, *map(hook, tapped.values())]

        outputs = None
        with swapped(swaps), suppress(_Reached):
            outputs = self._call(inputs)
        if guided:
            relus.check()
        maps = [caught[position] for position in range(len(self._taps))]
        maps = [activated.awake(one) for one in maps] if before else maps
        if outputs is None or index is None:
            return Seen(maps, (), (), ())
        return Seen(maps, *self._target.scores(outputs, activated, index))


def call_name(layer: Any) -> str:
    """The method that Keras calls: another one for a quantized layer."""
    return "quantized_call" if getattr(layer, "quantization_mode", None) is not None else "call"
