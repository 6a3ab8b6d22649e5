"""What is fuzzed: each module in ``targets`` holds ``TARGETS``."""

import importlib
from pathlib import Path

from tests.fuzz.harness import Target


def every() -> list[tuple[str, Target]]:
    """All targets, each with the name of the module that holds it."""
    files = sorted((Path(__file__).parent / "targets").glob("*.py"))
    names = [f"tests.fuzz.targets.{file.stem}" for file in files]
    return [(name, target) for name in names for target in importlib.import_module(name).TARGETS]
