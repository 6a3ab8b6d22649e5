"""Make docs/results.md of what full runs of the examples left: python examples/results.py [runs/*/figures.json ...]

The files named are taken into docs/results first; the page is made of all that are there. No figure is typed by hand.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER, PAGE = ROOT / "docs" / "results", ROOT / "docs" / "results.md"


def main() -> None:
    """Take in what is new, and write the page."""
    FOLDER.mkdir(exist_ok=True)
    for place in map(Path, sys.argv[1:]):
        told = json.loads(place.read_text(encoding="utf-8"))
        if told["quick"]:
            raise SystemExit(f"{place}: expected a full run, got one with --quick; run the example with --data")
        (FOLDER / f"{place.parent.name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    runs = [json.loads(place.read_text(encoding="utf-8")) for place in sorted(FOLDER.glob("*.json"))]
    PAGE.write_text("\n".join(page(sorted(runs, key=lambda run: run["system"]))) + "\n", encoding="utf-8")
    print(PAGE.relative_to(ROOT), "of", len(runs), "runs")


def page(runs: list[dict]) -> Iterator[str]:
    """The lines of the page."""
    yield "# Results"
    yield ""
    yield "What full runs of the examples printed, each beside what it is held to. `python examples/results.py` makes"
    yield "this page of the files that the runs wrote; no figure on it is typed by hand."
    for run in runs:
        yield ""
        yield f"## {run['system']}"
        yield ""
        minutes = f"{run['seconds'] / 60:.1f} minutes" if run["seconds"] >= 90 else f"{run['seconds']:.0f} seconds"
        yield f"`{run['command']}`, seed {run['seed']}: {minutes}. {run['day']}, {run['where']}."
        yield ""
        yield "| what | got | held to | |"
        yield "|---|---|---|---|"
        for row in run["rows"]:
            yield f"| {row['what']} | {row['got']} | {row['held to']} | {row['verdict']} |"


if __name__ == "__main__":
    main()
