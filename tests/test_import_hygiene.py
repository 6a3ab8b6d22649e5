"""What is loaded when: nothing with the package itself, no framework to read a page. Each in a fresh process."""

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from visionkit import preprocess
from visionkit.reader.sample import draw_page

FRAMEWORKS = "keras tensorflow torch jax"


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "page.png"
    preprocess.write(path, draw_page("HELLO 42", seed=1).image)
    return path


def run(code: str, *arguments: object) -> str:
    """What a fresh Python prints for some code."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_of(names: str, code: str, *arguments: object) -> set[str]:
    """Which of these modules are loaded after some code has run."""
    report = "\nimport sys\nprint('loaded:', *sys.modules)"
    return set(run(code + report, *arguments).rpartition("loaded:")[2].split()) & set(names.split())


def test_the_package_alone_loads_nothing_heavy():
    assert not loaded_of(f"numpy cv2 rich {FRAMEWORKS}", "import visionkit; dir(visionkit)")


def test_the_package_is_imported_in_50_ms():
    # the time of this process alone, whatever else the machine does
    code = "import time; start = time.process_time(); import visionkit; print(time.process_time() - start)"
    assert statistics.median(float(run(code)) for _ in range(7)) < 0.05


def test_the_command_line_answers_before_anything_heavy_is_loaded():
    code = """
from contextlib import suppress
from visionkit.cli import main
for option in ("--version", "--help"):
    with suppress(SystemExit):
        main([option])
"""
    assert not loaded_of(f"numpy cv2 rich {FRAMEWORKS}", code)


@pytest.mark.parametrize("part", ["preprocess", "reader"])
def test_these_parts_load_no_framework(part):
    assert not loaded_of(FRAMEWORKS, f"import visionkit; visionkit.{part}")


def test_reading_a_page_loads_no_framework(photo):
    code = """
import sys
import visionkit as vk
for name in ("alphanumeric", "digits"):
    reading = vk.reader.load(name).read(sys.argv[1])
    assert reading.text
    reading.draw()
    reading.to_dict()
"""
    assert not loaded_of(FRAMEWORKS, code, photo)


def test_the_verbs_for_photos_load_no_framework(photo, tmp_path):
    code = """
import sys
from visionkit.cli import main
photo, folder = sys.argv[1:]
assert main(["read", photo, "--draw", folder + "/drawn.png"]) == 0
assert main(["blur", photo]) == 0
assert main(["demo", "--out", folder]) == 0
"""
    assert not loaded_of(FRAMEWORKS, code, photo, tmp_path)


def test_models_load_keras():
    assert loaded_of(FRAMEWORKS, "import visionkit; visionkit.models") >= {"keras"}


def test_an_import_uses_up_no_random_numbers():
    code = """
import random
import keras
import numpy as np
import visionkit as vk
keras.utils.set_random_seed(0)
before = random.getstate(), np.random.get_state()[1].tolist()
for part in vk._PARTS:
    getattr(vk, part)
assert (random.getstate(), np.random.get_state()[1].tolist()) == before
"""
    run(code)
