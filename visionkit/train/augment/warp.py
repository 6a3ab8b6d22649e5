"""A batch of images through a batch of affine matrices, as cv2.warpAffine does it, on any Keras backend."""

from typing import Any

from keras import ops


def warp(images: Any, matrices: Any, size: tuple[Any, Any], *, fill: str, fill_value: float) -> Any:
    """Look every pixel of the results up in its image, between four pixels of it.

    Args:
        images: (N, H, W, C), any number type.
        matrices: float32 (N, 2, 3), from the pixels (x, y) of the results to those of the images.
        size: (height, width) of the results.
        fill: what is outside of an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for "constant".

    Returns:
        float32 (N, height, width, C).
    """
    # keras.ops.image.affine_transform takes several times as long on JAX and PyTorch. On TensorFlow it is faster than
    # this without XLA, and slower than this with it; but a model that holds it cannot be compiled by XLA at all.
    rows, columns = size
    across = ops.cast(ops.arange(columns), "float32")
    down = ops.cast(ops.arange(rows), "float32")[:, None]
    a, b, x, c, d, y = (matrices[:, row, column, None, None] for row in range(2) for column in range(3))
    x, y = a * across + b * down + x, c * across + d * down + y

    # Whatever the fill: now outside of the image there is nothing but its border.
    if fill == "reflect":
        x, y = (_folded(places, length) for places, length in ((x, ops.shape(images)[2]), (y, ops.shape(images)[1])))
    elif fill == "wrap":
        x, y = x % ops.cast(ops.shape(images)[2], "float32"), y % ops.cast(ops.shape(images)[1], "float32")
        images = ops.concatenate([images, images[:, :1]], axis=1)
        images = ops.concatenate([images, images[:, :, :1]], axis=2)
    elif fill == "constant":
        x, y = x + 1, y + 1
        images = ops.pad(ops.cast(images, "float32"), [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=fill_value)

    count, height, width, channels = ops.shape(images)
    x, to_right, right_share = _between(x, width)
    y, to_bottom, bottom_share = _between(y, height)
    starts = ops.reshape(ops.arange(count) * (height * width), (-1, 1, 1))
    upper, to_bottom = starts + y * width + x, to_bottom * width
    pixels = ops.reshape(images, (-1, channels))

    def line(left: Any) -> Any:
        one, other = (ops.cast(ops.take(pixels, place, axis=0), "float32") for place in (left, left + to_right))
        return one + (other - one) * right_share

    top = line(upper)
    return top + (line(upper + to_bottom) - top) * bottom_share


def _folded(places: Any, length: Any) -> Any:
    """Places on an axis that is mirrored at both ends, over and over, brought back to its first length."""
    period = 2 * ops.cast(length, "float32")
    places = (places + 0.5) % period
    return ops.minimum(places, period - places) - 0.5


def _between(places: Any, length: Any) -> tuple[Any, Any, Any]:
    """The pixel before each place, how far the next one is from it (0 at the end), and the share of that one."""
    places = ops.clip(places, 0, ops.cast(length - 1, "float32"))
    before = ops.cast(places, "int32")  # none is below 0
    return before, ops.cast(before < length - 1, "int32"), (places - ops.cast(before, "float32"))[..., None]
