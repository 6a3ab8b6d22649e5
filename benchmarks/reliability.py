"""The page of figures about faults and load: python benchmarks/reliability.py FOLDER PAGE

FOLDER holds a JSON file of each script below, as its option `--json` writes it, and the counts of pytest as JUnit XML.
A script that is missing, or the tests of the oldest Python, is an error that names the session which makes it; of the
other runs those are told of that were made. No figure is typed by hand.
"""

import argparse
import json
import os
import platform
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]


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
    "tests-3.12": "Python 3.12, the same",
    "tests-3.13": "Python 3.13, the same",
    "lowest": "Python 3.11, the lowest versions allowed: {lowest}",
    "jax": "blocks, models, training and explanation on JAX",
    "torch": "the same on PyTorch",
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
    files = [*(f"{part.stem}.json" for part in PARTS), "tests-3.11.xml"]
    missing = [file for file in files if not (options.folder / file).is_file()]
    if missing:
        sys.exit(
            f"reliability: expected {', '.join(missing)} in {options.folder}; nox -s tests fuzz killed soak makes them"
        )
    options.page.write_text("\n".join(page(options.folder)) + "\n", encoding="utf-8")
    print(options.page)


def page(folder: Path) -> Iterator[str]:
    yield "# Reliability"
    yield ""
    day, python = time.strftime("%d %B %Y"), platform.python_version()
    yield "What holds under faults and load, with its figures. `nox -s reliability` makes this page; no figure on it is"
    yield f"typed by hand. {day}, Python {python}, {os.cpu_count()} cores."
    yield ""
    yield "## Versions"
    yield ""
    yield "What pytest counted; the newest versions are those of `.github/locked.txt`."
    yield ""
    yield from table(("what ran", "passed", "skipped", "failed"), runs(folder))
    for part in PARTS:
        yield ""
        yield f"## {part.title}"
        yield ""
        yield f"{part.about} `{part.command}`"
        yield ""
        rows = json.loads((folder / f"{part.stem}.json").read_text(encoding="utf-8"))["rows"]
        yield from table(("what", "figure", "held to"), rows)
    yield ""
    yield "## Promises"
    yield ""
    yield "What the tests hold on every change; the number is that of the tests that passed on Python 3.11."
    yield ""
    yield from table(("promise", "tests", "where"), promises(folder / "tests-3.11.xml"))


def table(heads: tuple[str, ...], rows: object) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"


def runs(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = ", ".join(requirement.replace(">=", " ") for requirement in project["dependencies"])
    for run, about in RUNS.items():
        if not (folder / f"{run}.xml").is_file():
            continue
        suite = next(ElementTree.parse(folder / f"{run}.xml").iter("testsuite")).attrib
        skipped, failed = int(suite["skipped"]), int(suite["failures"]) + int(suite["errors"])
        passed = int(suite["tests"]) - skipped - failed
        yield about.format(lowest=lowest), f"{passed:,}", str(skipped), str(failed)


def promises(counted: Path) -> Iterator[tuple[str, str, str]]:
    cases = [case for case in ElementTree.parse(counted).iter("testcase") if not len(case)]
    for module, promise in PROMISES.items():
        found = sum(f"{case.get('classname')}.".startswith(f"{module}.") for case in cases)
        yield promise, str(found), f"`{module.replace('.', '/')}`"


if __name__ == "__main__":
    main()
