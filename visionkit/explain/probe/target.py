"""What is explained: the score of a class, or a function of the outputs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from visionkit._errors import ArgumentError, describe
from visionkit.explain.probe.logits import Activated


def nothing(outputs: Any) -> Any:
    """As a function: no scores are asked for, and there need be no outputs."""
    return outputs


class Target(NamedTuple):
    """Whose scores are taken.

    Attributes:
        output: which of the model's outputs, flattened, holds the classes.
        function: in their place, outputs -> scores (N,).
    """

    output: int = 0
    function: Callable[[Any], Any] | None = None

    def scores(self, outputs: Any, activated: Activated, index: Any) -> tuple[Any, Any, Any]:
        """Scores before softmax or sigmoid, the same after it, and the classes that they are of.

        Args:
            outputs: of the model.
            activated: the softmax and sigmoid of the pass.
            index: int32 (N,), the class of each image; -1 for the predicted one.
        """
        flat = keras.tree.flatten(outputs)
        if self.function is not None:
            before = [activated.before(one)[0] for one in flat]
            asked = _number(self.function(keras.tree.pack_sequence_as(outputs, before)))
            asked = ops.sum(ops.reshape(asked, (ops.shape(asked)[0], -1)), axis=1) if len(asked.shape) > 1 else asked
            return asked, asked, ops.zeros_like(index)
        given, name = activated.before(flat[self.output])
        logits = _by_class(given)
        if logits.shape[-1] == 1:
            return _of_one_unit(logits[:, 0], name, index)
        classes = ops.where(index < 0, ops.cast(ops.argmax(logits, axis=-1), "int32"), index)
        chosen = ops.one_hot(classes, logits.shape[-1], dtype="float32")
        made = ops.softmax(logits) if name == "linear" else _by_class(flat[self.output])
        made = ops.exp(made) if name == "log_softmax" else made
        return ops.sum(logits * chosen, axis=-1), ops.sum(made * chosen, axis=-1), classes


def _number(asked: Any) -> Any:
    """What a function gave, float32.

    Raises:
        ArgumentError: no numbers.
    """
    try:
        return ops.cast(ops.convert_to_tensor(asked, dtype=None if ops.is_tensor(asked) else "float32"), "float32")
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"target: expected a function that gives a score for each image, got {describe(asked)} from it"
        ) from error


def _by_class(made: Any) -> Any:
    """(N, C): the mean over positions, where an output has them."""
    made = ops.cast(made, "float32")
    if len(made.shape) == 1:
        return made[:, None]
    return ops.mean(made, axis=tuple(range(1, len(made.shape) - 1))) if len(made.shape) > 2 else made


def _of_one_unit(logit: Any, name: str, index: Any) -> tuple[Any, Any, Any]:
    """One unit with a sigmoid tells two classes apart; without one it is a quantity."""
    if name != "sigmoid":
        return logit, logit, ops.zeros_like(index)
    classes = ops.where(index < 0, ops.cast(logit > 0, "int32"), index)
    signed = ops.where(classes == 1, logit, -logit)
    return signed, ops.sigmoid(signed), classes
