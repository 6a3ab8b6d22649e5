"""TensorFlow: one graph for every number of images, and a tape that begins at the layer."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

PADS = False  # one graph takes batches of any length


def compiled(program: Callable[[list[Any], list[Any]], Any], model: keras.Model, specs: Any) -> Callable[..., Any]:
    """A graph of a program.

    Args:
        program: tensors cut into batches, others -> a structure of tensors.
        model: whose variables it uses; a graph finds them itself.
        specs: (shape, dtype) of all these tensors; None is a free size.
    """
    import tensorflow as tf

    signature = [[tf.TensorSpec(shape, dtype) for shape, dtype in part] for part in specs]
    # Traced at once: of a function that traces when it is called, TensorFlow warns the more models there are.
    graph: Callable[..., Any] = tf.function(program, input_signature=signature, autograph=False).get_concrete_function()
    return lambda batched, fixed: graph(*keras.tree.map_structure(tf.convert_to_tensor, (batched, fixed)))


def shown(look: Callable[[], Any], model: keras.Model) -> Any:
    """What a pass comes to; here it runs."""
    return look()


def gradients(total: Callable[..., Any], inputs: list[Any], image: int | None) -> tuple[Any, Sequence[Any]]:
    """What was seen, and the gradients at the tapped outputs or at one of the inputs.

    Args:
        total: (position of a tap, its output) -> that output, inputs -> what is derived, what was seen (the maps
            first).
        inputs: of the model.
        image: at which of them; None for the taps.
    """
    import tensorflow as tf

    # Not even the variables are watched: what comes before the first tap is not recorded.
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def watch(position: int, made: Any) -> Any:
            tape.watch(made)
            return made

        if image is None:
            value, seen = total(watch, inputs)
        else:
            tape.watch(inputs[image])
            value, seen = total(lambda position, made: made, inputs)
    points = list(seen[0]) if image is None else [inputs[image]]
    return seen, tape.gradient(value, points, unconnected_gradients=tf.UnconnectedGradients.ZERO)
