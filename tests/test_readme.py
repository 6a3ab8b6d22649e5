"""README's promises: its Start works as it stands, and its Python code runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from visionkit import preprocess
from visionkit.reader.sample import draw_page

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def start() -> str:
    return README.split("\n## Start\n")[1].split("\n## ")[0]


def test_start_opens_with_two_blocks_for_the_shell(start):
    assert re.findall(r"^```(\w+)$", start, re.MULTILINE)[:2] == ["sh", "sh"]
    install, check = blocks(start, "sh")
    assert install.splitlines()[-1].endswith("visionkit demo")
    assert "pytest" in check.splitlines()[-1]


def test_the_checks_that_run_by_themselves_are_the_second_block(start):
    command = ["bash", str(ROOT / ".ci" / "run"), "-n"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == blocks(start, "sh")[1].strip()


def test_the_python_code_runs(tmp_path):
    code = blocks(README, "python")
    assert len(code) >= 3
    preprocess.write(tmp_path / "photo.jpg", draw_page("HELLO\n2846", seed=2).image)
    preprocess.write(tmp_path / "digits.jpg", draw_page("2718\n2818", seed=3).image)
    (tmp_path / "readme.py").write_text("\n".join(code), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "readme.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "HELLO\n2846" in done.stdout


def test_no_link_inside_the_project_is_dead():
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target
