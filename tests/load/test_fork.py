"""A reader goes on in a process that is forked, or to which it is sent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.load.fork_script import TIMES


def said(how: str) -> list[str]:
    """What the processes say, which must be done within a minute."""
    command = [sys.executable, "-m", "tests.load.fork_script", how]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(("how", "times"), [("fork", 1), ("pool", TIMES), ("busy", TIMES)])
def test_a_reader_that_was_used_goes_on_in_a_forked_child(how, times):
    assert said(how) == ["2718"] * times


def test_a_reader_can_be_sent_to_another_process():
    assert said("spawn") == ["2718"]
