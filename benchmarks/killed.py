"""Runs that are killed while they write: `python benchmarks/killed.py [--moments N] [--kinds A,B] [--json FILE]`.

Five kinds of runs: training, `save_activations`, TFRecords, the cache of features, a download. Each is killed (SIGKILL)
at N moments of its own, 20 unless given: every second one drawn from the time that it takes, the others just before
one of the things that it asks of the file system, such as to open a file or to move it, and just after. N/4 times more
the system ends it in the middle of a write, by a limit of the size of files. After each of these every file must be as
before or as it is to be; then the same run must go on, and leave the same bytes as one that was never ended, and
nothing beside them. The exit status is 1 where it does not.
"""

import argparse
import http.server
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.lost.runs import KINDS, Slow, content

ASKED = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "fcntl.flock"}
AFTER = 0.003  # seconds


def main() -> int:
    """Kill, look, go on, compare; a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows, all_wrong = [], []
    server, address = start_server()
    os.environ["VISIONKIT_WEIGHTS_URL"] = address
    try:
        with tempfile.TemporaryDirectory() as place:
            for name in options.kinds.split(","):
                began = time.perf_counter()
                killed, wrong = series(name, Path(place), options.moments)
                seconds = time.perf_counter() - began
                figure = f"{killed} kills, {len(wrong)} files lost or different"
                print(f"{name:18} {figure}, {seconds:5.1f} s", flush=True)
                rows.append([f"{name}, killed at {killed} moments: files lost or different", str(len(wrong)), "0"])
                all_wrong += [f"{name}: {one}" for one in wrong]
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
    print(*all_wrong, sep="\n", end="\n" if all_wrong else "")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}))
    return 1 if all_wrong else 0


def series(name: str, place: Path, moments: int) -> tuple[int, list[str]]:
    """All moments of one kind: how often it was killed, and what was wrong."""
    kind, draw = KINDS[name], random.Random(name)
    whole, before = place / "whole", content(prepared(kind.prepare, place / "whole"))
    seconds, asked = reference(kind.run, whole)
    after = content(whole)
    killed, wrong = 0, []
    for moment in range(moments + moments // 4):
        folder = prepared(kind.prepare, place / "killed")
        if moment < moments:
            at = draw.randrange(1, asked + 1) if moment % 2 else 0
            later = 0.0 if moment % 4 == 1 else draw.uniform(0, AFTER if at else seconds)
            where = f"{later:.4f} s after " + (f"question {at} of {asked}" if at else f"the start, of {seconds:.2f}")
            while (status := in_child(kind.run, folder, at=at, later=later)) == 0:  # it was done before
                folder, later = prepared(kind.prepare, folder), later / 2
        else:
            name = draw.choice(sorted(after))
            size = draw.randrange(1, len(after[name]))
            where = f"at byte {size} of {name}"
            status = in_child(kind.run, folder, size=size)
        ended = status in (-signal.SIGKILL, -signal.SIGXFSZ)
        killed += ended
        if status and not ended:
            wrong.append(f"{where}: it ended with {status}")
        wrong += [f"{where}: {one}" for one in kind.wrong(folder, before, after)]
        status = in_child(kind.run, folder)
        if status:
            wrong.append(f"{where}: the next run ended with {status}")
        found = content(folder)
        names = sorted(found.keys() | after.keys())
        wrong += [f"{where}: {one} in the end" for one in names if found.get(one) != after.get(one)]
    return killed, wrong


def prepared(prepare: Callable[[Path], None], folder: Path) -> Path:
    """The folder as it is before the run."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    prepare(folder)
    return folder


def reference(run: Callable[[Path], None], folder: Path) -> tuple[float, int]:
    """A run that is not killed: its seconds, and how many things it asks of the file system."""
    told = folder.with_suffix(".told")

    def counted(folder: Path) -> None:
        asked = count(folder, lambda _: None)
        began = time.perf_counter()
        run(folder)
        told.write_text(f"{time.perf_counter() - began} {asked()}")

    assert in_child(counted, folder) == 0
    seconds, asked = told.read_text().split()
    return float(seconds), int(asked)


def count(folder: Path, then: Callable[[int], None]) -> Callable[[], int]:
    """Call ``then`` with the number of each thing that is asked of a folder, before it is done; tells how many."""
    number = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal number
        if event in ASKED and (event == "fcntl.flock" or str(arguments[0]).startswith(str(folder))):
            number += 1
            then(number)

    sys.addaudithook(hook)
    return lambda: number


def in_child(
    run: Callable[[Path], None], folder: Path, *, at: int = 0, later: float | None = None, size: int = 0
) -> int:
    """Run in a process of its own that has everything imported; the number of the signal that ended it, negative.

    Args:
        run: what.
        folder: where.
        at: which of the things that it asks of the file system to wait for; 0 for none.
        later: seconds after that, it is killed; with 0 and ``at``, before that thing is done.
        size: the system ends it when a file grows beyond so many bytes.
    """
    sys.stdout.flush()
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            if at:
                count(folder, lambda number: reached(told, later) if number == at else None)
            if size:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            run(folder)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(told)
    if later is not None:
        if at:
            os.read(heard, 1)
        time.sleep(later)
        os.kill(child, signal.SIGKILL)  # it has not been waited for, so that no other process has its number
    os.close(heard)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def reached(told: int, later: float | None) -> None:
    """Say that it is time; what is to be killed at once does not go on."""
    os.write(told, b".")
    if not later:
        time.sleep(60)


def start_server() -> tuple[int, str]:
    """A process that serves the download, and its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    child = os.fork()
    if child == 0:
        server.serve_forever()
    server.socket.close()
    return child, f"http://127.0.0.1:{server.server_port}"


if __name__ == "__main__":
    sys.exit(main())
