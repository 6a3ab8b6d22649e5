"""Train any Keras model: data, augmentation, schedules, devices, runs that survive anything, and what comes after.

>>> import visionkit as vk
>>> schedule = vk.train.cosine(1e-3, epochs=10, warmup_epochs=1)
>>> round(schedule(1), 6)
0.001
"""

from visionkit.train._schedule import Schedule
from visionkit.train.augment.layer import Augment
from visionkit.train.data.arrays import from_arrays
from visionkit.train.data.dataset import Dataset
from visionkit.train.data.directory import from_directory
from visionkit.train.data.split import split_directory
from visionkit.train.ensemble import Ensemble
from visionkit.train.evaluation.evaluate import evaluate
from visionkit.train.evaluation.report import Report
from visionkit.train.loop.fit import fit
from visionkit.train.loop.run import Run
from visionkit.train.plots import plot_history, plot_schedule
from visionkit.train.schedules import cosine, one_cycle, ramp_sustain_decay, staircase
from visionkit.train.soup import average_weights
from visionkit.train.strategies.base import Strategy
from visionkit.train.strategies.choose import strategy
from visionkit.train.strategies.determinism import deterministic
from visionkit.train.submission import write_submission
from visionkit.train.tfrecord.read import from_tfrecords
from visionkit.train.tfrecord.write import write_tfrecords
from visionkit.train.transfer.features import extract_features
from visionkit.train.transfer.fine_tune import Phase, fine_tune
from visionkit.train.transfer.freezing import freeze, trainable, unfreeze
from visionkit.train.transfer.plan import transfer_plan
from visionkit.train.tta import predict_tta

__all__ = [
    "Augment",
    "Dataset",
    "Ensemble",
    "Phase",
    "Report",
    "Run",
    "Schedule",
    "Strategy",
    "average_weights",
    "cosine",
    "deterministic",
    "evaluate",
    "extract_features",
    "fine_tune",
    "fit",
    "freeze",
    "from_arrays",
    "from_directory",
    "from_tfrecords",
    "one_cycle",
    "plot_history",
    "plot_schedule",
    "predict_tta",
    "ramp_sustain_decay",
    "split_directory",
    "staircase",
    "strategy",
    "trainable",
    "transfer_plan",
    "unfreeze",
    "write_submission",
    "write_tfrecords",
]
