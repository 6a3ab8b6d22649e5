"""The page of figures about faults and load: python benchmarks/reliability.py FOLDER PAGE

FOLDER holds what is new: JSON files of scripts below, as their option `--json` writes them, and the counts of pytest as
JUnit XML. They are taken into benchmarks/figures/reliability, with their day, and the page is made of all that is
there, also of an earlier day. What was not measured yet is named on the page. No figure is typed by hand.
"""

import argparse
import json
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "figures" / "reliability"


class Part(NamedTuple):
    """A table of the page: the file that it is made of, what it is about, and the command that measures it."""

    stem: str
    title: str
    about: str
    command: str


PARTS = (
    Part(
        "fft",
        "The Fourier blur score",
        "Against the formula as it is usually written in NumPy, in one run.",
        "python benchmarks/fft.py",
    ),
    Part(
        "folder",
        "A folder of large photos",
        "`visionkit blur` and `visionkit read` on JPEG files of 12 megapixels.",
        "python benchmarks/folder.py",
    ),
    Part(
        "fuzz",
        "Damaged files",
        "Each ends in the right answer or in one `VisionkitError`, within 10 seconds and 1 GB, and silently.",
        "nox -s fuzz",
    ),
    Part(
        "killed",
        "Runs that are killed",
        "`kill -9` at random moments; then every file is the old one or the new one, and the run is started again.",
        "nox -s killed",
    ),
    Part(
        "soak",
        "Everything at once",
        "Reading, explaining, decoding, training and writing in threads, while the memory of the process is watched.",
        "nox -s soak",
    ),
)

# what pytest counted -> what ran
RUNS = {
    "tests-3.11": "Python 3.11, the newest versions of everything",
    "tests-3.12": "Python 3.12, the newest versions of everything",
    "tests-3.13": "Python 3.13, the newest versions of everything",
    "lowest": "Python 3.11, the lowest versions allowed: {lowest}",
    "jax": "blocks, models, training and explanation on JAX",
    "torch": "blocks, models, training and explanation on PyTorch",
}

# files of tests -> the promise that they hold
PROMISES = {
    "tests.test_every_picture": "every kind of picture and array is right or one error; inputs are not changed",
    "tests.preprocess": "reading, writing and the functions of preprocessing, against OpenCV, Pillow and scikit-image",
    "tests.test_hostile": "hostile model files are refused before Keras sees them",
    "tests.fuzz": "damaged files, a minute of them",
    "tests.lost": "nothing is lost: killed, full disk, folders that cannot be written to",
    "tests.load": "many threads get the answers of one",
    "tests.train.test_numbers": "what does not fit (numbers, labels, files) is named before the first step",
    "tests.train.test_resume": "a run that was killed ends as one that was not",
    "tests.test_package": "what is in the wheel and the archive; two builds give the same bytes",
    "tests.test_workflows": "workflows, sessions, lock and versions of Python agree",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", type=Path)
    options = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    for name, told in new(options.folder):
        (KEPT / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    kept = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(KEPT.glob("*.json"))}
    options.page.write_text("\n".join(page(kept)) + "\n", encoding="utf-8")
    print(options.page)


def new(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What sessions left in a folder: the name of each part or run, its day, and what it measured or counted."""
    for part in PARTS:
        file = folder / f"{part.stem}.json"
        if file.is_file():
            yield part.stem, {"day": day(file), "rows": json.loads(file.read_text(encoding="utf-8"))["rows"]}
    for run in RUNS:
        file = folder / f"{run}.xml"
        if file.is_file():
            yield run, {"day": day(file), **counted(file)}


def day(file: Path) -> str:
    return time.strftime("%d %B %Y", time.localtime(file.stat().st_mtime))


def counted(file: Path) -> dict[str, Any]:
    """How many tests passed, were skipped and failed, and how many hold each promise."""
    suite = next(ElementTree.parse(file).iter("testsuite"))
    skipped, failed = int(suite.attrib["skipped"]), int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    names = [f"{case.get('classname')}." for case in suite.iter("testcase") if not len(case)]  # without what went wrong
    promises = {module: sum(name.startswith(f"{module}.") for name in names) for module in PROMISES}
    passed = int(suite.attrib["tests"]) - skipped - failed
    return {"passed": passed, "skipped": skipped, "failed": failed, "promises": promises}


def page(kept: dict[str, Any]) -> Iterator[str]:
    yield "# Reliability"
    yield ""
    yield "What holds under faults and load, with its figures. `nox -s reliability` makes this page of what sessions"
    yield "measured; no figure on it is typed by hand."
    yield ""
    yield "## Versions"
    yield ""
    yield "What pytest counted; the newest versions are those of `.github/locked.txt`."
    yield ""
    yield from table(("what ran", "day", "passed", "skipped", "failed"), runs(kept))
    for part in PARTS:
        yield ""
        yield f"## {part.title}"
        yield ""
        told = kept.get(part.stem)
        yield f"{part.about} `{part.command}`" + (f", {told['day']}." if told else ": not measured yet.")
        if told:
            yield ""
            yield from FORMS.get(part.stem, plain)(told["rows"])
    whole = [run for run in RUNS if run.startswith("tests-") and run in kept]
    if whole:
        yield ""
        yield "## Promises"
        yield ""
        python = whole[0].removeprefix("tests-")
        yield f"What the tests hold on every change; the number is that of the tests that passed on Python {python}."
        yield ""
        counts = kept[whole[0]]["promises"].items()
        found = [(PROMISES[module], str(count), f"`{module.replace('.', '/')}`") for module, count in counts]
        yield from table(("promise", "tests", "where"), found)


def plain(rows: list[list[str]]) -> Iterator[str]:
    """Each figure in a line, beside what it is held to."""
    yield from table(("what", "figure", "held to"), rows)


def by_target(rows: list[list[str]]) -> Iterator[str]:
    """The figures of the fuzz suite: a line for each kind of file."""
    targets: dict[str, list[str]] = {}
    heads: dict[str, str] = {}
    for what, figure, held in rows:
        target, _, measured = what.removeprefix("fuzz: ").partition(", ")
        targets.setdefault(target, []).append(figure)
        heads[measured] = held
    yield from table(
        ("kind of file", *(f"{measured} (held to {held})" for measured, held in heads.items())),
        [(target, *figures) for target, figures in targets.items()],
    )


FORMS = {"fuzz": by_target}


def runs(kept: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = ", ".join(requirement.replace(">=", " ") for requirement in project["dependencies"])
    for run, about in RUNS.items():
        if run in kept:
            told = kept[run]
            numbers = (f"{told[outcome]:,}" for outcome in ("passed", "skipped", "failed"))
            yield about.format(lowest=lowest), told["day"], *numbers


def table(heads: tuple[str, ...], rows: object) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"


if __name__ == "__main__":
    main()
