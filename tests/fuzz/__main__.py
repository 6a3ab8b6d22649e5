"""The fuzz suite for as long as one likes: ``python -m tests.fuzz --minutes 20 --seed 3 --json FILE``."""

import argparse
import json
import sys
from pathlib import Path

from tests.fuzz.catalog import every
from tests.fuzz.harness import MEMORY, SECONDS, Process, run, told


def main() -> int:
    """Run it, and return the number of broken promises."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", help="only this one; may be given again")
    parser.add_argument("--case", type=int, help="only the case of this number")
    parser.add_argument("--kept", type=Path, default=Path("fuzz-failures"), help="where files that fail are kept")
    parser.add_argument("--json", type=Path, help="where the figures are written to")
    given = parser.parse_args()
    chosen = [(module, target) for module, target in every() if not given.target or target.name in given.target]
    if not chosen:
        parser.error(f"the targets are {', '.join(target.name for _, target in every())}")
    rows, failed = [], 0
    print(f"{'target':<16} {'cases':>8} {'errors':>8} {'answers':>8} {'slowest':>9} {'memory':>9} {'broken':>7}")
    for module, target in chosen:
        with Process() as process:
            report = run(
                module,
                target,
                process=process,
                seed=given.seed,
                seconds=given.minutes * 60 / len(chosen),
                kept=given.kept,
                only=given.case,
            )
        failed += len(report.failures)
        answers = report.outcomes["right"]
        print(
            f"{target.name:<16} {report.cases:>8,} {report.cases - answers:>8,} {answers:>8,} "
            f"{report.seconds:>7.2f} s {report.grown >> 20:>6} MB {len(report.failures):>7}",
            flush=True,
        )
        if report.failures:
            print(told(report.failures, given.seed))
        name = f"fuzz: {target.name}"
        rows.append(
            [f"{name}, damaged files that broke the promise", f"{len(report.failures)} of {report.cases:,}", "0"]
        )
        rows.append([f"{name}, slowest file", f"{report.seconds:.2f} s", f"{SECONDS:g} s"])
        rows.append([f"{name}, most memory over the result", f"{report.grown >> 20} MB", f"{MEMORY >> 20} MB"])
    if given.json:
        given.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
