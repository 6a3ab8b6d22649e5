"""For all tests: a quiet TensorFlow, and the names that the examples in docstrings use without importing them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before anything imports TensorFlow

import hypothesis
import numpy as np
import pytest

import visionkit as vk

# No deadline for a single example: the first one loads what it needs, and machines differ.
hypothesis.settings.register_profile("visionkit", deadline=None)
hypothesis.settings.load_profile("visionkit")


@pytest.fixture(autouse=True)
def _names_for_doctests(doctest_namespace):
    doctest_namespace["np"] = np
    doctest_namespace["vk"] = vk
