"""How good a model is, class by class and sample by sample."""

from visionkit.train.evaluate.evaluation import evaluate
from visionkit.train.evaluate.report import Report

__all__ = ["Report", "evaluate"]
