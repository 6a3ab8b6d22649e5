"""The process in which damaged files are used: one request a line comes in, one answer a line goes out.

Descriptors 1 and 2 lead into a file, so that what C code prints is seen, too.
"""

import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

ROOM = 6 << 30  # bytes of address space beyond what the process began a case with: the machine is not to suffer


class Worker:
    """Uses files, and remembers what the sound ones gave."""

    def __init__(self) -> None:
        self.originals: dict[str, Any] = {}
        self.warned: list[str] = []
        self.output = os.open(os.environ["FUZZ_OUTPUT"], os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(self.output, descriptor)
        warnings.simplefilter("always")
        warnings.showwarning = self.warn

    def warn(self, message: object, category: type, *_: object, **__: object) -> None:
        """Note a warning, unless the library gives it to its user."""
        if "__array__ implementation doesn't accept a copy keyword" in str(message):
            return  # Keras hands NumPy 2 a TensorFlow tensor, as pyproject.toml says
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename == warnings.__file__:
            frame = frame.f_back
        if category is not UserWarning or "/visionkit/" not in frame.f_code.co_filename:
            self.warned.append(f"{category.__name__}: {message}")

    def samples(self, target: str, folder: str) -> list[str]:
        """Write the sound files."""
        return [str(path) for path in _found(target).samples(Path(folder))]

    def case(self, target: str, sample: str, path: str, cut: bool) -> dict[str, Any]:
        """Use a file as a user does."""
        from visionkit._errors import VisionkitError

        found = _found(target)
        if sample and sample not in self.originals:
            with tempfile.TemporaryDirectory() as folder:  # what is used may be changed
                copy = shutil.copytree(Path(sample).parent, Path(folder) / "sound")
                try:
                    self.originals[sample] = found.use(copy / Path(sample).name)
                except Exception:
                    return {"unsound": traceback.format_exc()}
        self.warned.clear()
        os.ftruncate(self.output, 0)
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + ROOM, hard))
        problem, outcome, result = "", "right", None
        start, used = time.perf_counter(), time.process_time()
        try:
            result = found.use(Path(path))
        except VisionkitError as error:
            outcome = type(error).__name__
            if not str(error).strip():
                problem = "an error without a message"
        except BaseException:
            problem = traceback.format_exc()[-3000:]
        seconds = min(time.perf_counter() - start, time.process_time() - used)  # others may use the machine, too
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        grown = _memory("VmHWM") - before - getattr(result, "nbytes", 0)
        if not problem and outcome == "right" and sample:
            accepts = found.cut if cut and found.cut is not None else found.sound
            if not accepts(result, self.originals[sample]):
                problem = f"a wrong result: {str(result)[:300]}"
        sys.stdout.flush()
        sys.stderr.flush()
        printed = os.pread(self.output, 2000, 0).decode(errors="replace") + "\n".join(self.warned)
        return {"outcome": outcome, "problem": problem, "printed": printed, "seconds": seconds, "grown": grown}


def _found(target: str) -> Any:
    module, name = target.rsplit(":", 1)
    return next(one for one in importlib.import_module(module).TARGETS if one.name == name)


def _memory(field: str) -> int:
    """VmRSS, VmHWM or VmSize of this process, in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) << 10
    raise LookupError(field)


def main() -> None:
    """Answer until the other end closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        do = worker.case if "path" in request else worker.samples
        answers.write(json.dumps(do(**request)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
