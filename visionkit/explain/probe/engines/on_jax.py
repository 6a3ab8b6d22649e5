"""JAX: gradients at a layer are those at zeros added to its output, and what was seen leaves as auxiliary values."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

PADS = True  # compiled for one number of images


def compiled(program: Callable[[list[Any], list[Any]], Any], model: keras.Model, specs: Any) -> Callable[..., Any]:
    """A program compiled for the weights that the model has whenever it is called; arguments as on TensorFlow."""
    import jax

    variables = list(model.variables)

    def pure(values: list[Any], batched: list[Any], fixed: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return program(batched, fixed)

    fast = jax.jit(pure)
    return lambda batched, fixed: fast([variable.value for variable in variables], batched, fixed)


def shown(look: Callable[[], Any], model: keras.Model) -> Any:
    """What a pass comes to; here nothing is computed, which JAX does slowly without compiling."""
    import jax

    kept: list[Any] = []

    def abstract() -> None:
        with keras.StatelessScope():
            kept.append(look())

    jax.eval_shape(abstract)
    return kept[0]


def gradients(total: Callable[..., Any], inputs: list[Any], image: int | None) -> tuple[Any, Sequence[Any]]:
    """What was seen, and the gradients at the tapped outputs or at one of the inputs; arguments as on TensorFlow."""
    import jax

    def same(position: int, made: Any) -> Any:
        return made

    if image is not None:

        def at_image(x: Any) -> Any:
            return total(same, [x if place == image else other for place, other in enumerate(inputs)])

        found, seen = jax.grad(at_image, has_aux=True)(inputs[image])
        return seen, [found]

    def at_taps(zeros: list[Any]) -> Any:
        return total(lambda position, made: made + zeros[position], inputs)

    shapes = jax.eval_shape(lambda: total(same, inputs)[1][0])
    found, seen = jax.grad(at_taps, has_aux=True)([jax.numpy.zeros(one.shape, one.dtype) for one in shapes])
    return seen, found
