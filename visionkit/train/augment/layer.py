"""Augment: every affine augmentation in one warp."""

# ruff: noqa: D102 -- what the methods of a layer do is told once, in keras.Layer

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Self

import cv2
import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from visionkit import _checks
from visionkit._errors import ArgumentError, ImageError, describe, one_of
from visionkit.train.augment import draw, options
from visionkit.train.augment.presets import PRESETS
from visionkit.train.augment.warp import warp

Shape = tuple[int | None, ...]

BORDERS: Mapping[str, int] = MappingProxyType(
    {
        "nearest": cv2.BORDER_REPLICATE,
        "reflect": cv2.BORDER_REFLECT,
        "constant": cv2.BORDER_CONSTANT,
        "wrap": cv2.BORDER_WRAP,
    }
)


@keras.saving.register_keras_serializable("visionkit")
class Augment(keras.Layer):  # type: ignore[misc]
    """Rotate, zoom, shift, shear, flip, turn and crop at random, all in one warp, while training.

    As a layer in a model it warps a batch on the device; given to a dataset of this package it warps each picture
    there, in the same step as the resize. Both make the same matrix of the same draws.

    Input (N, H, W, C), floats, or integers such as uint8. Output the same, of the type that came (integers are rounded,
    floats are of the layer's compute type); a crop in pixels sets H and W. Without ``training=True`` the images pass
    unchanged, but for a crop in pixels, which is taken from the middle.

    Args:
        rotation: most degrees, 0 to 180, either way.
        zoom: z for a part of the picture of 1 - z to 1 + z times its side, so above 1 for a smaller picture; or the two
            (lowest, highest). Height and width are drawn apart, as in ``ImageDataGenerator``.
        shift: most of the height and of the width, either way: a share in [0, 1), or pixels of the output as an
            integer, of which whole ones are drawn, so that nothing is blurred between pixels. Or two of them, (of
            height, of width).
        shear: most degrees, 0 to 89, either way. Degrees as in ``ImageDataGenerator``: the ``shear_range=0.2`` of many
            recipes is a fifth of a degree.
        horizontal_flip: left and right change places in half of the images. "alternate", in a dataset alone, draws
            which half once, and from epoch to epoch mirrors the one half and the other: in two epochs a sample is seen
            both ways.
        vertical_flip: top and bottom do.
        transpose: rows and columns do.
        rot90: by 0, 90, 180 or 270 degrees, each as often. What is turned or transposed fills the output as the image
            did: one that is not square is stretched to it.
        crop: a window at a random place. (height, width) or one integer, in pixels of the input, for an output of that
            size; in a dataset the window is resized to the dataset's ``image_size``. Or a share of both sides, in
            (0, 1], which is resized to the full size again.
        fill: what lies outside of the image: "nearest" (its border), "reflect", "wrap" or "constant", as in Keras.
        fill_value: for "constant".
        seed: of the draws, 0 or more. None for another one each time in a model, and the dataset's in a dataset.
        **kwargs: name, dtype, trainable.

    Raises:
        ArgumentError: an argument out of its range, or a crop that is larger than the images.
        ImageError: the input is no batch of images.

    The state of the draws is saved with the model. For colours, erased parts and mixed images there are Keras' own
    layers, which follow in a ``Sequential`` or in the model: ``RandAugment``, ``RandomErasing``, and, called with
    ``{"images": augment(images, training=True), "labels": one_hot}``, ``MixUp`` and ``CutMix``.

    Source: Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (arXiv 2404.00498), section 3.6, for the
    alternating flip.

    >>> import keras
    >>> augment = keras.Sequential([Augment.preset("faces"), keras.layers.RandAugment(value_range=(0, 255))])
    >>> augment.compute_output_shape((None, 64, 64, 3))
    (None, 64, 64, 3)
    >>> Augment(crop=(56, 56)).compute_output_shape((None, 64, 64, 3))
    (None, 56, 56, 3)
    """

    def __init__(
        self,
        *,
        rotation: float = 0,
        zoom: float | tuple[float, float] = 0,
        shift: float | tuple[float, float] = 0,
        shear: float = 0,
        horizontal_flip: bool | Literal["alternate"] = False,
        vertical_flip: bool = False,
        transpose: bool = False,
        rot90: bool = False,
        crop: float | tuple[int, int] | None = None,
        fill: Literal["nearest", "reflect", "wrap", "constant"] = "nearest",
        fill_value: float = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        _checks.known("Augment", kwargs, options.NAMES)
        super().__init__(**kwargs)
        self.ranges = options.ranges(
            rotation=rotation,
            zoom=zoom,
            shift=shift,
            shear=shear,
            horizontal_flip=horizontal_flip,
            vertical_flip=vertical_flip,
            transpose=transpose,
            rot90=rot90,
            crop=crop,
        )
        if fill not in tuple(BORDERS):
            raise one_of("Augment", "fill", fill, BORDERS)
        self.fill = fill
        self.fill_value = _checks.number("Augment", "fill_value", fill_value)
        self.seed = None if seed is None else _checks.positive("Augment", "seed", seed, least=0)
        self.generator = keras.random.SeedGenerator(self.seed)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Make an Augment with the settings of a source: "digits", "faces", "cats_dogs" or "flowers".

        Args:
            name: of the preset.
            **changes: arguments of Augment that differ from it, or are added.

        Raises:
            ArgumentError: no preset has this name, or as for Augment.

        Source: "faces", "cats_dogs": the recipes that they are named for, the latter in Chollet, Deep Learning with
        Python, 2018, 5.2.5; "flowers": Petals to the Metal, 2020.

        >>> Augment.preset("cats_dogs", rotation=20).ranges.rotation
        20.0
        """
        if name not in tuple(PRESETS):
            raise one_of("Augment.preset", "name", name, PRESETS)
        return cls(**(PRESETS[name] | changes))

    @property
    def border(self) -> int:
        """The ``borderMode`` of OpenCV that does what ``fill`` says."""
        return BORDERS[self.fill]

    def matrices(
        self, numbers: ArrayLike, *, epoch: int, sizes: ArrayLike, size: tuple[int, int], seed: int
    ) -> NDArray[np.float64]:
        """Draw one matrix for each sample of a dataset, with its resize in it.

        Args:
            numbers: (n,) which samples these are. In one epoch a sample always gets the same draws.
            epoch: 0 or more.
            sizes: (n, 2), height and width of the samples' pictures.
            size: height and width of the results.
            seed: of the draws, if the Augment has no seed of its own.

        Returns:
            float64 (n, 2, 3), from the pixels (x, y) of the results to those of the pictures, centres at integers:
            ``cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=augment.border, borderValue=(augment.fill_value,) * 4)``.

        Raises:
            ArgumentError: a picture is smaller than a crop in pixels.

        >>> Augment().matrices([0], epoch=0, sizes=[(300, 400)], size=(150, 200), seed=0).tolist()
        [[[2.0, 0.0, 0.5], [0.0, 2.0, 0.5]]]
        """
        if isinstance(self.ranges.crop, tuple):
            for number, found in zip(np.asarray(numbers), np.asarray(sizes), strict=True):
                _check_fit(self.ranges.crop, found, f"sample {number}")
        seed = seed if self.seed is None else self.seed
        draws = draw.uniforms(numbers, epoch=epoch, seed=seed)
        if self.ranges.horizontal_flip == "alternate":
            first = draw.uniforms(numbers, epoch=0, seed=seed)[:, draw.MIRROR]
            draws[:, draw.MIRROR] = (first + epoch % 2 / 2) % 1  # what was below 1/2 in an even epoch is not in an odd
        height, width = np.asarray(sizes, np.float64).T
        made: NDArray[np.float64] = self.ranges.matrices(draws, height, width, size)
        return made

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 4:
            raise ImageError(
                f"Augment: expected a batch of images, of shape (N, H, W, C), got shape {tuple(input_shape)}; "
                "give one image as image[None], and grey images as images[..., None]"
            )
        crop = self.ranges.crop
        if not isinstance(crop, tuple):
            return tuple(input_shape)
        _check_fit(crop, input_shape[1:3], "the batch")
        return (input_shape[0], *crop, input_shape[3])

    def compute_output_spec(self, images: Any, training: bool = False) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(images.shape), dtype=images.dtype)

    def call(self, images: Any, training: bool = False) -> Any:
        self.compute_output_shape(images.shape)
        if training and self.ranges.horizontal_flip == "alternate":
            raise ArgumentError(
                "Augment: expected horizontal_flip to be True or False in a model, which knows neither samples nor "
                "epochs, got 'alternate'; give this Augment to a dataset as augment="
            )
        count, height, width, _ = ops.shape(images)
        crop = self.ranges.crop
        size = crop if isinstance(crop, tuple) else (height, width)
        if not training:
            top, left = (height - size[0]) // 2, (width - size[1]) // 2
            return images[:, top : top + size[0], left : left + size[1]] if isinstance(crop, tuple) else images
        draws = keras.random.uniform((count, draw.COLUMNS), dtype="float32", seed=self.generator)
        height, width, *frame = (ops.cast(length, "float32") for length in (height, width, *size))
        matrices = self.ranges.matrices(draws, height, width, tuple(frame), ops)
        warped = warp(images, matrices, size, fill=self.fill, fill_value=self.fill_value)
        kind = keras.backend.standardize_dtype(images.dtype)
        return ops.cast(warped, kind) if "float" in kind else ops.saturate_cast(ops.round(warped), kind)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()
        own = {"fill": self.fill, "fill_value": self.fill_value, "seed": self.seed}
        return config | dataclasses.asdict(self.ranges) | own

    def save_own_variables(self, store: Any) -> None:
        # Keras keeps no state of draws in its files.
        store["draws"] = ops.convert_to_numpy(self.generator.state)

    def load_own_variables(self, store: Any) -> None:
        self.generator.state.assign(store["draws"])


def resolve(where: str, augment: Augment | str | None) -> Augment | None:
    """The Augment that is meant by one, by the name of a preset, or by None.

    >>> resolve("from_directory", "digits").ranges.rotation
    10.0
    """
    if augment is None or isinstance(augment, Augment):
        return augment
    if isinstance(augment, str) and augment in PRESETS:
        return Augment.preset(augment)
    raise ArgumentError(
        f"{where}: expected augment to be None, an Augment, or one of {', '.join(map(repr, PRESETS))}, "
        f"got {describe(augment)}; other layers belong into the model"
    )


def _check_fit(crop: tuple[int, int], found: Sequence[int | None], what: str) -> None:
    high, wide = found
    if high is None or wide is None or high < crop[0] or wide < crop[1]:
        raise ArgumentError(
            f"Augment: expected crop to be no larger than the images, got {crop[0]}x{crop[1]} pixels for {high}x{wide} "
            f"of {what}; take a smaller one, or a share such as 0.9"
        )
