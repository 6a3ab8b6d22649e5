"""Where to train: one device, several, or several processes."""

from visionkit.train.strategy.base import Strategy
from visionkit.train.strategy.choose import strategy
from visionkit.train.strategy.engines import of

__all__ = ["Strategy", "of", "strategy"]
