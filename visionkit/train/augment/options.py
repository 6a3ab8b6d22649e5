"""What the options of Augment may be."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from visionkit import _checks
from visionkit._errors import ArgumentError, describe
from visionkit.train.augment.draw import Ranges

NAMES = (
    *(field.name for field in dataclasses.fields(Ranges)),
    "fill",
    "fill_value",
    "seed",
    "name",
    "dtype",
    "trainable",
)


def ranges(
    *,
    rotation: object,
    zoom: object,
    shift: object,
    shear: object,
    crop: object,
    horizontal_flip: Any,
    **flags: object,
) -> Ranges:
    """What is drawn from where, for options as they were given; ArgumentError for one out of its range."""
    if not isinstance(horizontal_flip, bool) and horizontal_flip != "alternate":
        got = describe(horizontal_flip)
        raise ArgumentError(f"Augment: expected horizontal_flip to be True, False or 'alternate', got {got}")
    return Ranges(
        rotation=_degrees("rotation", rotation, 180),
        zoom=_zoom(zoom),
        shift=_shift(shift),
        shear=_degrees("shear", shear, 89),
        crop=_crop(crop),
        horizontal_flip=horizontal_flip,
        **{name: _checks.flag("Augment", name, value) for name, value in flags.items()},
    )


def _degrees(argument: str, value: object, most: float) -> float:
    degrees = _checks.not_negative("Augment", argument, value)
    if degrees > most:
        raise ArgumentError(f"Augment: expected {argument} to be at most {most} degrees, got {describe(value)}")
    return degrees


def _pair(argument: str, value: Sequence[object], what: str) -> Sequence[object]:
    if len(value) != 2:
        raise ArgumentError(f"Augment: expected {argument} to be one number or {what}, got {describe(value)}")
    return value


def _zoom(value: object) -> tuple[float, float]:
    if not isinstance(value, list | tuple):
        share = _checks.rate("Augment", "zoom", value)
        return 1 - share, 1 + share
    low, high = (_checks.number("Augment", "zoom", one, above=0) for one in _pair("zoom", value, "(lowest, highest)"))
    if low > high:
        raise ArgumentError(f"Augment: expected zoom to be (lowest, highest), got {value}")
    return low, high


def _shift(value: object) -> tuple[float, float]:
    pair = value if isinstance(value, list | tuple) else (value, value)
    down, across = (_share_or_pixels(one) for one in _pair("shift", pair, "(of height, of width)"))
    return down, across


def _share_or_pixels(value: object) -> float:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    share = _checks.not_negative("Augment", "shift", value)
    if share >= 1:
        raise ArgumentError(
            f"Augment: expected shift to be a share in [0, 1), or pixels, got {describe(value)}; pixels are integers"
        )
    return share


def _crop(value: object) -> float | tuple[int, int] | None:
    if value is None:
        return None
    if isinstance(value, list | tuple) or hasattr(value, "__index__"):
        return _checks.size("Augment", "crop", value)
    share = _checks.number("Augment", "crop", value, above=0)
    if share > 1:
        raise ArgumentError(
            f"Augment: expected crop to be pixels, or a share of at most 1, got {describe(value)}; pixels are integers"
        )
    return share
