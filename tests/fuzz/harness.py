"""Files, damaged in every way, and the promise: an error of the library or a right answer, and nothing else.

Never another exception, a crash of the interpreter, more than 1 GB over the result, more than 10 seconds, or a word on
standard output or standard error.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tests.fuzz.damage import damaged

SECONDS = 10.0  # of a processor
WAITING = 60.0  # seconds until a process is given up
MEMORY = 1 << 30
STARTING = 120.0  # seconds in which a process has imported what it needs, and used the sound file


class Target(NamedTuple):
    """A kind of file, and what a user does with it.

    Attributes:
        name: what it is called.
        samples: writes sound files into a folder, and returns them. One in a folder of its own is used with the other
            files of that folder beside it.
        use: what a user would do with the file; raises VisionkitError or returns.
        sound: whether a result on a damaged file may stand, beside the result on the sound file.
        slow: fewer cases are asked for where time is short.
        cut: as ``sound``, for a file that was cut off; None for the same.
    """

    name: str
    samples: Callable[[Path], Sequence[Path]]
    use: Callable[[Path], object]
    sound: Callable[[Any, Any], bool] = lambda result, original: True
    slow: bool = False
    cut: Callable[[Any, Any], bool] | None = None


class Answer(NamedTuple):
    """What came of a file.

    Attributes:
        outcome: "right", or the name of the error.
        problem: what broke the promise, or nothing.
        seconds, grown: how long it took, and by how many bytes memory grew beyond the result.
    """

    outcome: str
    problem: str
    seconds: float
    grown: int


class Process:
    """A process that uses files, one after the other; after a crash another takes its place."""

    def __init__(self) -> None:
        self._running: subprocess.Popen[str] | None = None
        self._output = tempfile.mkstemp(prefix="fuzz")[1]
        self._known: set[str] = set()  # samples that it has used

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()
        os.unlink(self._output)

    def samples(self, module: str, target: Target, folder: Path) -> list[Path]:
        """Write the sound files of a target, in it: this process imports nothing of the library."""
        line = self._ask({"target": f"{module}:{target.name}", "folder": str(folder)}, STARTING)
        if not line:
            raise RuntimeError(f"{target.name}: the sound files cannot be written: {self._printed()}")
        return [Path(path) for path in json.loads(line)]

    def use(self, module: str, target: Target, path: Path, *, sample: Path | None = None, cut: bool = False) -> Answer:
        """Use a file in it."""
        new = str(sample or target.name) not in self._known
        self._known.add(str(sample or target.name))
        request = {"target": f"{module}:{target.name}", "sample": str(sample or ""), "path": str(path), "cut": cut}
        line = self._ask(request, STARTING if new else WAITING)
        if not line:
            how = f"took more than {WAITING:g} seconds" if line is None else f"ended with code {self._end()}"
            self._end()
            return Answer("none", f"the interpreter {how}\n{self._printed()}", WAITING, 0)
        answer = json.loads(line)
        if "unsound" in answer:
            raise RuntimeError(f"{target.name}: the sound file {sample} cannot be used: {answer['unsound']}")
        problems = [answer["problem"]] if answer["problem"] else []
        if answer["printed"]:
            problems.append(f"printed: {answer['printed']}")
        if answer["seconds"] > SECONDS:
            problems.append(f"took {answer['seconds']:.1f} seconds")
        if answer["grown"] > MEMORY:
            problems.append(f"took {answer['grown'] >> 20} MB")
        return Answer(answer["outcome"], "; ".join(problems), answer["seconds"], answer["grown"])

    def _ask(self, request: dict[str, Any], seconds: float) -> str | None:
        """The answer; None where there is none in time, nothing where the process has ended."""
        if self._running is None:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker"],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "FUZZ_OUTPUT": self._output, "TF_CPP_MIN_LOG_LEVEL": "2"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        self._running.stdin.write(json.dumps(request) + "\n")
        self._running.stdin.flush()
        ready, _, _ = select.select([self._running.stdout], [], [], seconds)
        return self._running.stdout.readline() if ready else None

    def _printed(self) -> str:
        return Path(self._output).read_text(encoding="utf-8", errors="replace")[-1500:]

    def _end(self) -> int | None:
        if self._running is None:
            return None
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        self._running.stdin.close()
        try:
            code = self._running.wait(1)
        except subprocess.TimeoutExpired:
            self._running.kill()
            code = self._running.wait()
        self._running.stdout.close()
        self._running = None
        self._known.clear()
        return code


class Failure(NamedTuple):
    """A broken promise, and how to see it again."""

    target: str
    case: int
    sample: str
    damage: str
    kept: str
    problem: str


class Report:
    """What came of many cases.

    Attributes:
        outcomes: how many there were of each.
        failures: the broken promises.
        seconds, grown: the most that a case took.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self.seconds = 0.0
        self.grown = 0

    @property
    def cases(self) -> int:
        """How many there were."""
        return self.outcomes.total()


def run(
    module: str,
    target: Target,
    *,
    process: Process,
    seed: int,
    seconds: float,
    kept: Path,
    only: int | None = None,
    least: int = 1,
    most_failures: int = 20,
) -> Report:
    """Use damaged files of a target until the time is over; none, where there are no sound ones here.

    Args:
        module: where ``TARGETS`` holds the target.
        target: what is used.
        process: where.
        seed: what the damage is drawn from.
        seconds: how long.
        kept: a folder for files that broke the promise.
        only: the number of the one case to run.
        least: how many cases there are to be, also when the time is over.
        most_failures: after so many it ends.
    """
    report = Report()
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        root = Path(folder)
        samples = process.samples(module, target, _made(root / "samples"))
        end = None
        if not samples:
            return report
        for case in _numbers() if only is None else (only,):
            over = end is not None and time.monotonic() > end and report.cases >= least
            if over or len(report.failures) >= most_failures:
                break
            sample = samples[case % len(samples)]
            what, data = damaged(sample.read_bytes(), case // len(samples), seed)
            path = _placed(root, sample, data)
            answer = process.use(module, target, path, sample=sample, cut=what.startswith("cut"))
            if end is None:  # what it imports is not counted
                end = time.monotonic() + seconds
            report.outcomes[answer.outcome] += 1
            report.seconds = max(report.seconds, answer.seconds)
            report.grown = max(report.grown, answer.grown)
            if answer.problem:
                copy = _made(kept) / f"{target.name}-{seed}-{case}-{sample.name}"
                copy.write_bytes(data)
                name = str(sample.relative_to(root / "samples"))
                report.failures.append(Failure(target.name, case, name, what, str(copy), answer.problem))
    return report


def told(failures: Sequence[Failure], seed: int) -> str:
    """The failures, and how each is seen again."""
    return "\n".join(
        f"{one.sample}, {one.damage} ({one.kept}): {one.problem}\n"
        f"  again: python -m tests.fuzz --target {one.target} --seed {seed} --case {one.case}"
        for one in failures
    )


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def _placed(root: Path, sample: Path, data: bytes) -> Path:
    """Put a damaged file where the sound one would be, with what belongs to it beside it."""
    place = root / "case"
    shutil.rmtree(place, ignore_errors=True)
    if sample.parent == root / "samples":
        place.mkdir()
    else:
        shutil.copytree(sample.parent, place)
    (place / sample.name).write_bytes(data)
    return place / sample.name


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
