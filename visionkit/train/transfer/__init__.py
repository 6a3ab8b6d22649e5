"""From a network that was trained on much data to one for one's own: what to freeze, to compute once, and to train."""

from visionkit.train.transfer.features import extract_features
from visionkit.train.transfer.fine_tune import Stage, fine_tune
from visionkit.train.transfer.freezing import Trainable, freeze, trainable, unfreeze
from visionkit.train.transfer.plan import Plan, transfer_plan

__all__ = [
    "Plan",
    "Stage",
    "Trainable",
    "extract_features",
    "fine_tune",
    "freeze",
    "trainable",
    "transfer_plan",
    "unfreeze",
]
