"""TFRecord files: written whole, read by the record or as a stream."""

from visionkit.train.tfrecord.read import from_tfrecords
from visionkit.train.tfrecord.write import write_tfrecords

__all__ = ["from_tfrecords", "write_tfrecords"]
