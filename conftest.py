"""For all tests: a quiet TensorFlow, and the names that the examples in docstrings use without importing them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before anything imports TensorFlow

import numpy as np
import pytest

import visionkit as vk


@pytest.fixture(autouse=True)
def _names_for_doctests(doctest_namespace):
    doctest_namespace["np"] = np
    doctest_namespace["vk"] = vk
