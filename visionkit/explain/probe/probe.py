"""A model, images, layers and a target: everything that a method of explanation asks of a network."""

import functools
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from visionkit._checks import positive
from visionkit._errors import ArgumentError, ModelError, describe, one_of
from visionkit.explain.probe.cache import kept
from visionkit.explain.probe.engines import engine
from visionkit.explain.probe.inputs import Array, Inputs, batches, not_called, padded
from visionkit.explain.probe.layers import check_model, find, places
from visionkit.explain.probe.survey import Call, Survey, survey
from visionkit.explain.probe.swap import Swap, swapped
from visionkit.explain.probe.target import Target
from visionkit.explain.probe.view import Seen, Tap, View

Floats = NDArray[np.float32]
# view, inputs of the model, classes, further arrays -> a structure of tensors
Program = Callable[..., Any]


class Probe:
    """A model and images, to run programs on.

    Args:
        where: the function that asks, for messages.
        model: any ``keras.Model``. It is afterwards as it was, and stays so for other threads meanwhile.
        images: (N, H, W, C) as the model takes them; a list or dict of arrays for several inputs, of which the first
            (N, H, W, C) is the picture.
        layer: what to watch: a layer, its name or path, ``"name:1"`` for the second call of a shared one, a list of
            these, each of which counts once; None for nothing.
        target: None for the predicted class, a class, an array of N classes, or a function of the outputs, with
            softmax and sigmoid removed, that gives one score for each image.
        output: which output has the classes, by name or number, of a model with several.
        batch_size: how many images go through the model at once.
        any_size: whether the images may have another height and width than the model says, as convolutions do not mind.
            What comes after the last layer that can take them is then not looked at, the outputs least of all.

    Raises:
        ModelError, ArgumentError: what does not fit, before anything is computed.
    """

    def __init__(
        self,
        where: str,
        model: keras.Model,
        images: Any,
        *,
        layer: Any = None,
        target: Any = None,
        output: int | str | None = None,
        batch_size: int = 32,
        any_size: bool = False,
    ) -> None:
        check_model(where, model)
        self.where = where
        self.model = model
        self.inputs = Inputs(where, model, images, any_size=any_size)
        self._any_size = any_size
        if not model.built:  # some layers make others only then
            self._try(lambda: model(self.inputs.packed(_tensors(self._first())), training=False))
        self._among = places(model)
        self._kept = kept(model, self._among)
        self._batch = self.inputs.fixed_batch or positive(where, "batch_size", batch_size)
        self.survey: Survey = self._kept.get(("survey", self._shapes()), self._survey)
        self.target = self._target(target, output)
        self.index = self._index(target)
        self.taps = self._taps(layer)

    def run(self, program: Program, *more: Array, fixed: Sequence[Array] = (), images: Array | None = None) -> Any:
        """Run a program on all images, compiled the first time.

        Args:
            program: a function of the module it is in, or the same object each time: it is what is looked up. Takes a
                View, the inputs of a batch, its classes, then ``more`` and ``fixed``.
            more: arrays of N entries, cut into the same batches.
            fixed: arrays that are not cut.
            images: other pictures in place of those given, in equal number.

        Returns:
            What the program returns, in numpy, the batches put together.
        """
        arrays = list(self.inputs.arrays)
        if images is not None:
            arrays[self.inputs.image] = np.ascontiguousarray(images, dtype=np.float32)
        cut = [*arrays, self.index, *more]
        whole = [np.asarray(one) for one in fixed]
        pads = engine().PADS or self.inputs.fixed_batch is not None
        size = self._batch if self.inputs.fixed_batch is not None else min(self._batch, len(cut[0]))
        compiled = self._compiled(program, self.taps, cut, whole)
        parts = []
        for batch in batches(len(cut[0]), size):
            given = [padded(one[batch], size) if pads else one[batch] for one in cut]
            made = keras.tree.map_structure(keras.ops.convert_to_numpy, compiled(given, whole))
            real = batch.stop - batch.start
            parts.append(keras.tree.map_structure(lambda one, real=real: one[:real], made) if pads else made)
        return keras.tree.map_structure(lambda *some: np.concatenate(some), *parts)

    def maps(self) -> list[Array]:
        """The outputs of the taps, float32."""
        found: list[Array] = self.run(_floats)
        return found

    def scores(self, images: Array | None = None) -> tuple[Floats, Floats, NDArray[np.int32]]:
        """Scores before softmax and sigmoid, after it, and the classes they are of, each (N,).

        Raises:
            ModelError: they are not finite.
        """
        scores, probabilities, classes = self.run(_scores, images=images)
        self.check_finite(scores)
        return scores, probabilities, classes

    def settle(self) -> None:
        """Let the target be the class that is predicted for these images, also when other images are shown."""
        if self.target.function is None:
            self.index = self.scores()[2]

    def check_finite(self, values: Array) -> None:
        """Make sure that what the model gave is numbers.

        Raises:
            ModelError: it is not; the message names a weight, where one is to blame, or an image.
        """
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if not bad.any():
            return
        for weight in self.model.weights:
            if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
                raise ModelError(
                    f"{self.where}: the weight {weight.path!r} of the model {self.model.name!r} holds values that are "
                    "infinite or no number; train it again, or load other weights"
                )
        raise ModelError(
            f"{self.where}: the model {self.model.name!r} gives values that are infinite or no number for image "
            f"{int(np.argmax(bad))}; are its pixels in the range that the model takes?"
        )

    def _survey(self) -> Survey:
        call = self._caller()
        look = functools.partial(call, _tensors(self._first()))
        found: Survey = self._try(lambda: survey(self.model, self._among, look, partial=self._any_size))
        return found

    def _first(self) -> list[Array]:
        """Of each input one image, or as many as the model insists on."""
        number = self.inputs.fixed_batch or 1
        return [padded(one[:number], number) for one in self.inputs.arrays]

    def _try(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # whatever a framework or a layer of one's own raises
            raise not_called(self.where, self.model, self._first(), error) from error

    def _taps(self, layer: Any) -> list[Tap]:
        if layer is None:
            return []
        wanted = list(layer) if isinstance(layer, list | tuple) else [layer]
        if not wanted:
            raise ArgumentError(f"{self.where}: expected layer to name at least one, got none")
        return list(dict.fromkeys(call.tap for one in wanted for call in self._calls(one)))

    def _calls(self, wanted: Any) -> list[Call]:
        """The calls that are meant: all of a shared layer that the picture reaches."""
        number = None
        if isinstance(wanted, str) and ":" in wanted and wanted.rpartition(":")[2].isdigit():
            wanted, _, end = wanted.rpartition(":")
            number = int(end)
        layer = find(self.where, self.model, wanted).layer
        calls = self.survey.of(layer)
        if not calls:
            raise ArgumentError(f"{self.where}: the layer {layer.name!r} is not used when the model is called")
        if number is not None and number >= len(calls):
            raise ArgumentError(
                f"{self.where}: the layer {layer.name!r} is called {len(calls)} times, got call {number}"
            )
        if any(call.shape is None for call in calls):
            raise ArgumentError(f"{self.where}: expected a layer with one output, got {layer.name!r} with several")
        if number is not None:
            return [calls[number]]
        return calls if len(calls) == 1 else [call for call in calls if self._reached(call.tap)] or calls

    def last_layer(self) -> list[Tap]:
        """The last layer with spatial output that the picture reaches."""
        return [self.survey.last(self.where, self._reached)]

    def _reached(self, tap: Tap) -> bool:
        """Whether an output depends on the picture, and not on other inputs alone.

        The calls of a layer that several pictures go through are in no order that one could rely on.
        """
        if len(self.inputs.arrays) == 1:
            return True
        found: set[Tap] = self._kept.get(("reached", self._shapes()), self._touched)
        return tap in found

    def _touched(self) -> set[Tap]:
        """The outputs that are others when the picture is another."""
        taps = [call.tap for call in self.survey.calls if call.shape is not None]
        before = [*self._first(), self.index[: self.inputs.fixed_batch or 1]]
        after, picture = list(before), before[self.inputs.image]
        other = np.random.default_rng(0).uniform(1, 2, picture.shape) * max(1.0, float(np.ptp(picture)))
        after[self.inputs.image] = (picture + other).astype(np.float32)
        compiled = self._compiled(_maps, taps, before, [])
        maps = [keras.tree.map_structure(keras.ops.convert_to_numpy, compiled(given, [])) for given in (before, after)]
        return {tap for tap, one, same in zip(taps, *maps, strict=True) if not np.array_equal(one, same)}

    def _target(self, target: Any, output: int | str | None) -> Target:
        function = target if callable(target) else None
        names = self.survey.names
        count = len(self.survey.outputs)
        if output is None:
            if function is None and count > 1:
                known = f" ({', '.join(map(repr, names))})" if names else ""
                raise ArgumentError(
                    f"{self.where}: the model {self.model.name!r} has {count} outputs{known}; say which with output=, "
                    "or give a function of them as target"
                )
            return Target(0, function)
        if function is not None:
            raise ArgumentError(f"{self.where}: expected output or a function as target, got both")
        if isinstance(output, str):
            if output not in names:
                raise one_of(self.where, "output", output, names)
            return Target(names.index(output))
        if not 0 <= positive(self.where, "output", output, least=0) < count:
            raise ArgumentError(f"{self.where}: expected output to be less than {count}, got {output}")
        return Target(output)

    def _index(self, target: Any) -> NDArray[np.int32]:
        """The class of each image; -1 for the predicted one."""
        count = self.inputs.count
        if target is None or callable(target):
            return np.full(count, -1, np.int32)
        index = np.asarray(keras.ops.convert_to_numpy(target) if keras.ops.is_tensor(target) else target)
        if index.dtype.kind not in "iu" or index.shape not in ((), (count,)):
            raise ArgumentError(
                f"{self.where}: expected target to be a class, an array of {count} classes, a function, or None, "
                f"got {describe(target)}"
            )
        made = self.survey.outputs[self.target.output]
        units = made.shape[-1] if len(made.shape) > 1 else 1
        classes = 2 if units == 1 and made.activation == "sigmoid" else units
        if index.size and not 0 <= index.min() <= index.max() < classes:
            wrong = int(index.min() if index.min() < 0 else index.max())
            raise ArgumentError(
                f"{self.where}: expected target to be a class from 0 to {classes - 1} of the model "
                f"{self.model.name!r}, got {wrong}"
            )
        return np.broadcast_to(index, count).astype(np.int32)

    def _shapes(self) -> Hashable:
        """What one graph depends on."""
        shapes = tuple((one.shape[1:], str(one.dtype)) for one in self.inputs.arrays)
        return shapes, self.inputs.structure(), self._any_size

    def _caller(self) -> Callable[[list[Any]], Any]:
        """What calls the model without keeping it alive: it is kept under the model."""
        weak, packed, any_size, among = weakref.ref(self.model), self.inputs.packed, self._any_size, self._among

        def unchecked() -> list[Swap]:
            models = [weak(), *(layer for _, layer in among if isinstance(layer, keras.Model))] if any_size else []
            return [Swap(one, "_assert_input_compatibility", lambda original, *given: None) for one in models]

        def call(flat: list[Any]) -> Any:
            alive: Any = weak()
            with swapped(unchecked):
                return alive(packed(flat), training=False)

        return call

    def _compiled(self, program: Program, taps: Sequence[Tap], cut: Sequence[Array], whole: Sequence[Array]) -> Any:
        """A program, compiled for these taps and for arrays of these shapes; kept."""
        watched = tuple((id(tap.place.layer), tap.call) for tap in taps)
        shapes = tuple((one.shape[1:], str(one.dtype)) for one in cut), tuple((o.shape, str(o.dtype)) for o in whole)

        def make() -> Any:
            number, batch = len(self.inputs.arrays), self.inputs.fixed_batch
            view = View(self._among, taps, self.target, self._caller(), self.inputs.image)

            def run(batched: list[Any], others: list[Any]) -> Any:
                return program(view, batched[:number], batched[number], *batched[number + 1 :], *others)

            specs = [((batch, *one.shape[1:]), one.dtype) for one in cut], [(one.shape, one.dtype) for one in whole]
            return engine().compiled(run, self.model, specs)

        return self._kept.get((program, watched, self.target, shapes, self._shapes()), make)


def _maps(view: View, inputs: list[Any], index: Any) -> list[Any]:
    return view.maps(inputs)


def _floats(view: View, inputs: list[Any], index: Any) -> list[Any]:
    return [ops.cast(one, "float32") for one in view.maps(inputs)]


def _scores(view: View, inputs: list[Any], index: Any) -> tuple[Any, Any, Any]:
    seen: Seen = view.look(inputs, index)
    return seen.scores, seen.probabilities, seen.classes


def _tensors(arrays: Sequence[Array]) -> list[Any]:
    return [keras.ops.convert_to_tensor(one) for one in arrays]
