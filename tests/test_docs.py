"""The documentation: its Python code runs, page by page; its links lead somewhere; every page is on the site."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import test_architecture as house

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = [DOCS / "gallery", DOCS / "reference"]  # by the build of the site, which itself looks for what is missing there
PAGES = sorted(page for page in DOCS.rglob("*.md") if not set(page.parents) & set(MADE))
ROOT_PAGES = sorted(ROOT.glob("*.md"))
LANGUAGES = {"python", "sh", "text", "toml", "json", "{include}", "{toctree}", "{verbs}"}

every_page = pytest.mark.parametrize("page", [*ROOT_PAGES, *PAGES], ids=lambda page: str(page.relative_to(ROOT)))


def code_of(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if code_of(page)], ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path):
    (tmp_path / "page.py").write_text("\n".join(code_of(page)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "page.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@every_page
def test_a_block_of_code_says_what_it_is(page):
    # so that none is passed over: what is `python` runs, here or in tests/test_readme.py, and `py` or nothing would not
    found = re.findall(r"^ *```([^`\n]*)\n.*?^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert {opening.split(" ")[0] for opening in found} <= LANGUAGES


def anchors(page: Path) -> set[str]:
    """What GitHub, and the site, make of the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_no_link_is_dead(page):
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)", text)
    targets += re.findall(r"(?:src|href)=\"(?!https?:)([^\"]+)", text)
    for target in targets:
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        if place.parent in MADE:
            continue
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_every_page_is_on_the_site():
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", (DOCS / "index.md").read_text(encoding="utf-8"), re.DOTALL | re.M)
    entries = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    reached = {page for entry in entries for page in DOCS.glob(f"{entry}.md")}
    assert reached | {DOCS / "index.md"} == set(PAGES)


def rows(heading: str) -> list[list[set[str]]]:
    """The table under a heading of the map of the house: the names in the cells of each row."""
    section = (DOCS / "architecture.md").read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[set(re.findall(r"`(\w+)`", cell)) for cell in line.split("|")[1:-1]] for line in table[2:]]


def folders(place: Path) -> set[str]:
    return {path.name for path in place.iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_the_map_names_the_rooms_that_there_are():
    drawn = {name: inner for (name,), _, inner in rows("The rooms")}
    assert drawn == {name: folders(house.PACKAGE / name) for name in folders(house.PACKAGE)}


def test_the_map_names_the_doors_that_there_are():
    drawn = {name: (ours, others) for (name,), ours, others in rows("The doors")}
    assert drawn == {name: (ours, house.AT_ONCE.get(name, set())) for name, ours in house.ARROWS.items()}
