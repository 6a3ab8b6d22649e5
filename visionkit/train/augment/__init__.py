"""Augmentation: one affine warp a picture, as a Keras layer and inside the data pipeline."""

from visionkit.train.augment.layer import Augment, resolve

__all__ = ["Augment", "resolve"]
