"""Where to train: one device, several, or several processes."""

from visionkit.train.strategies.base import Strategy
from visionkit.train.strategies.choose import of, strategy

__all__ = ["Strategy", "of", "strategy"]
