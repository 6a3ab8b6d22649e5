"""Every target for some seconds, from the same seed: `python -m tests.fuzz` goes on for longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.catalog import every
from tests.fuzz.harness import Process, Target, run, told

SECONDS = {False: 1.0, True: 0.5}  # by whether it is slow
LEAST = {False: 100, True: 2}  # cases; there are many more where nobody else uses the machine


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with Process() as one:
        yield one


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is watched as Linux tells it")
@pytest.mark.parametrize(("module", "target"), every(), ids=[target.name for _, target in every()])
def test_a_damaged_file_is_an_error_or_a_right_answer(module: str, target: Target, process: Process, tmp_path: Path):
    report = run(
        module, target, process=process, seed=0, seconds=SECONDS[target.slow], kept=tmp_path, least=LEAST[target.slow]
    )
    if not report.cases:
        pytest.skip("what is installed reads no such files")
    assert not report.failures, told(report.failures, seed=0)
    assert report.cases >= LEAST[target.slow]
