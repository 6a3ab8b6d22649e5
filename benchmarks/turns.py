"""What the benchmarks share: their options, turns, and the file that their figures go to.

Machines differ and are noisy, so what counts is a ratio of two that had turns in the same run.
"""

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speeds import Speed

Action = Callable[[], Any]
Spent = dict[str, list[float]]


def parser(doc: str, *, rounds: int) -> argparse.ArgumentParser:
    """The options of every benchmark; a script adds its own."""
    found = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--rounds", type=int, default=rounds, help=f"that count (default: {rounds})")
    found.add_argument("--quick", action="store_true", help="one round of little, to see that everything runs")
    found.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return found


def timed(action: Action) -> float:
    """The seconds that an action takes; what it made is thrown away after that."""
    start = time.perf_counter()
    made = action()
    seconds = time.perf_counter() - start
    del made
    return seconds


class Bench:
    """One run of a benchmark; made at its beginning, closed at its end.

    Args:
        options: what the parser found.
        packages: whose versions are told of.
    """

    def __init__(self, options: argparse.Namespace, *packages: str) -> None:
        self.rounds, self._file = 1 if options.quick else options.rounds, options.json
        self._told: dict[str, Any] = {
            "command": f"python benchmarks/{Path(sys.argv[0]).name}",
            "day": time.strftime("%d %B %Y"),
            "where": where(*packages),
            "notes": [],
            "speeds": [],
            "rows": [],
        }
        print(self._told["where"], flush=True)

    def in_turn(
        self,
        actions: Mapping[str, Any],
        *,
        rounds: int | None = None,
        warm: int = 1,
        often: Container[str] = (),
        before: Callable[[], object] = gc.collect,
        clock: Callable[[Any], float] = timed,
    ) -> Spent:
        """The seconds that each takes, round by round, in an order that rotates.

        Args:
            actions: by the name of whose they are; functions, or what else the clock runs.
            rounds: that count; those of the options unless fewer are given.
            warm: rounds before these, which do not count.
            often: who is timed five times in a round, of which the median counts: the fast ones among slow ones.
            before: what is done before each action.
            clock: what runs an action and gives its seconds.
        """
        spent: Spent = {who: [] for who in actions}
        order = list(actions)
        for number in range(warm + min(rounds or self.rounds, self.rounds)):
            for who in order:
                seconds = []
                for _ in range(5 if who in often else 1):
                    before()
                    seconds.append(clock(actions[who]))
                if number >= warm:
                    spent[who].append(float(f"{statistics.median(seconds):.4g}"))
            order = order[1:] + order[:1]
        return spent

    def speed(
        self,
        what: str,
        peer: str,
        ours: list[float],
        theirs: list[float],
        *,
        least: float | None = None,
        most: float | None = None,
    ) -> None:
        """Print how many times as fast as a peer we are, and keep the seconds of every round; see `Speed`."""
        found = Speed(what, peer, ours, theirs, least, most)
        self._told["speeds"].append(asdict(found))
        self.tell(f"{what}: times as fast as {peer}", found.times, found.held)
        print(f"    {found.seconds}", flush=True)

    def tell(self, what: str, figure: str, held: str = "") -> None:
        """Print a figure and what it is held to, and keep it."""
        self._told["rows"].append([what, figure, held])
        print(f"{what}: {figure}{f', held to {held}' if held else ''}", flush=True)

    def note(self, text: str) -> None:
        """Print a sentence that the figures need, and keep it."""
        self._told["notes"].append(text)
        print(text, flush=True)

    def left_out(self, who: str, error: Exception) -> None:
        """Say why there are no figures of someone."""
        reason = "not installed" if isinstance(error, ModuleNotFoundError) else " ".join(str(error).split())[:160]
        self.note(f"{who} is left out: {reason}.")

    def close(self) -> None:
        """Write the file."""
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._told, indent=1) + "\n", encoding="utf-8")


def where(*packages: str) -> str:
    """The versions of what is installed of these packages, and the machine."""
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join([*found, f"{os.cpu_count()} cores", processor()])


def processor() -> str:
    """What the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
