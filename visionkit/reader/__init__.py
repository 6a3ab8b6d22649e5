"""Photo in, text out.

>>> from visionkit import reader
>>> reader.load("digits").characters
'0123456789'
"""

from visionkit.reader import sample
from visionkit.reader.accuracy import accuracy
from visionkit.reader.glyph import glyph
from visionkit.reader.reader import Reader
from visionkit.reader.reading import Character, Reading
from visionkit.reader.shipped import load

__all__ = ["Character", "Reader", "Reading", "accuracy", "glyph", "load", "sample"]
