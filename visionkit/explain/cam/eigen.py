"""The map that most of a layer's output agrees on, whatever the class."""

from typing import Any

from keras import ops

from visionkit.explain.probe.view import View


def eigencam(view: View, inputs: list[Any], index: Any) -> list[Any]:
    """A program: of each tap the positive part of its first principal component, (n, h, w)."""
    return [ops.relu(_component(ops.cast(maps, "float32"))) for maps in view.maps(inputs)]


def _component(maps: Any) -> Any:
    """The projection on the first right singular vector of (places, channels), by the smaller of the two products."""
    height, width, channels = maps.shape[1:]
    flat = ops.reshape(maps, (-1, height * width, channels))
    finite = ops.all(ops.isfinite(flat), axis=(1, 2), keepdims=True)
    flat = ops.where(finite, flat, 0.0)  # eigh would stop the program
    across = ops.transpose(flat, (0, 2, 1))
    # eigh sorts: the last eigenvector is that of the largest eigenvalue
    if channels <= height * width:
        made = ops.matmul(flat, ops.linalg.eigh(ops.matmul(across, flat))[1][..., -1:])[..., 0]
    else:
        values, vectors = ops.linalg.eigh(ops.matmul(flat, across))
        made = vectors[..., -1] * ops.sqrt(ops.relu(values[..., -1:]))
    along = ops.sum(made * ops.mean(flat, axis=-1), axis=1, keepdims=True)
    made = ops.where(finite[..., 0], ops.where(along < 0, -made, made), float("nan"))
    return ops.reshape(made, (-1, height, width))
