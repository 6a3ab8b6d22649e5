"""The page of speeds is made of the figures that the scripts leave, and what names a script names one that exists."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "benchmarks"

if not SCRIPTS.is_dir():
    pytest.skip("the benchmarks are not here", allow_module_level=True)


def speed(**others):
    return {"what": "a walk", "peer": "a snail", "ours": [1.0, 2.0, 1.0], "theirs": [2.0, 2.0, 3.0], **others}


def told(*speeds):
    return {"command": "python benchmarks/x.py", "day": "1 May 2026", "where": "here", "notes": ["It rained."],
            "speeds": [{"least": None, "most": None, **one} for one in speeds], "rows": []}  # fmt: skip


def made(folder, **parts):
    """The page that the command makes of these files."""
    for part, found in parts.items():
        (folder / f"{part}.json").write_text(json.dumps(found), encoding="utf-8")
    command = [sys.executable, str(SCRIPTS / "table.py"), str(folder), str(folder / "page.md")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "page.md").read_text(encoding="utf-8")


def test_a_ratio_is_the_median_over_rounds_with_its_lowest_and_highest(tmp_path):
    page = made(tmp_path, fit=told(speed(least=1.5, most=0.5)))
    assert (
        "| a walk | a snail | 2.00 (1.00 to 3.00) | 1.00 s / 2.00 s | at least 1.5: met; at most 500 ms: missed |"
        in page
    )
    assert "**slower**: 0 of 1 do" in page


def test_where_the_other_is_faster_the_page_says_so(tmp_path):
    page = made(tmp_path, fit=told(speed(theirs=[0.5, 1.0, 1.0]), speed()), zoo=told(speed(ours=[4.0, 4.0, 4.0])))
    assert page.count("| 0.50 (0.50 to 1.00) **slower** |") == 1
    assert "**slower**: 2 of 3 do" in page
    assert page.index("**Models") < page.index("**Training")


def test_a_part_keeps_its_day_and_what_was_not_measured_is_named(tmp_path):
    page = made(tmp_path, fit=told(speed()))
    assert "| `python benchmarks/x.py` | 1 May 2026 | here |" in page
    assert "- `fit`: It rained." in page
    assert re.search(r"Not measured yet: `zoo`, .*`speed`\.", page)


def test_a_page_without_figures_claims_nothing(tmp_path):
    page = made(tmp_path)
    assert "Not measured yet: `zoo`" in page
    assert "0 of 0 do" in page


def test_the_session_runs_what_the_page_tells_of():
    def dictionary(file, name):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        [value] = [node.value for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
        return ast.literal_eval(value)

    assert list(dictionary(ROOT / "noxfile.py", "BENCH")) == list(dictionary(SCRIPTS / "table.py", "PARTS"))
    assert all((SCRIPTS / f"{part}.py").is_file() for part in dictionary(SCRIPTS / "table.py", "PARTS"))


def test_the_page_in_the_documentation_is_that_of_the_figures(tmp_path):
    figures, page = SCRIPTS / "figures", ROOT / "docs" / "benchmarks.md"
    parts = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in figures.glob("*.json")}
    assert made(tmp_path, **parts) == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name)
def test_every_benchmark_that_a_page_names_exists(page):
    for script in re.findall(r"benchmarks/(\w+\.py)", page.read_text(encoding="utf-8")):
        assert (SCRIPTS / script).is_file(), script


def test_every_speed_in_the_readme_names_what_prints_it():
    rows = re.findall(r"^\|(.*)\|(.*)\|(.*)\|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    last = ""
    for what, figure, command in rows:
        last = last if command.strip() == "the same" else command
        if "as fast" in figure or " over " in what:
            assert re.search(r"benchmarks/\w+\.py|benchmarks\.md|nox -s bench", last), what
