"""Where to train: one device, several, or several processes."""

from visionkit.train.strategy.base import Strategy
from visionkit.train.strategy.choose import of, strategy

__all__ = ["Strategy", "of", "strategy"]
