"""A stranger's path through the README, timed: python benchmarks/stranger.py [--tests] [--json FILE]

In a new folder, with an environment of its own and an empty cache of pip, the project is cloned and the README is
followed to the letter: the first commands of its Start, which end with the demo; then its code that builds and trains a
network, saved as a script. --tests goes the other way, too: a second clone and the commands that end with green tests.
What the network and the index take is in the figures.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TESTS = 1200  # seconds: what clone to green tests may take


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", action="store_true", help="also from clone to green tests")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    demo, tests = blocks(README.split("\n## Start\n")[1], "sh")[:2]
    [network] = [code for code in blocks(README, "python") if "train.fit(" in code]
    with tempfile.TemporaryDirectory(prefix="stranger-") as folder:
        newcomer = Stranger(Path(folder) / "newcomer")
        newcomer.follow(demo)
        rows = [["clone to demo", f"{newcomer.seconds:.0f} s", ""]]
        newcomer.seconds -= newcomer.last  # whoever wants a network need not see the demo
        newcomer.follow("\n".join(f".venv/bin/pip install {names}" for names in needed_besides(network)))
        (newcomer.clone / "network.py").write_text(network, encoding="utf-8")
        newcomer.follow(".venv/bin/python network.py")
        rows += [["clone to a trained network of one's own", f"{newcomer.seconds:.0f} s", ""]]
        if options.tests:
            contributor = Stranger(Path(folder) / "contributor")
            contributor.follow(tests)
            rows += [["clone to green tests", f"{contributor.seconds:.0f} s", f"at most {TESTS} s"]]
    for what, figure, held in rows:
        print(f"{what:42}{figure:>8}   {held}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


class Stranger:
    """Somebody with a clone, and the seconds that were spent in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.clone, self.seconds, self.last = folder / "visionkit", 0.0, 0.0
        clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        self._environment = {**clean, "PIP_CACHE_DIR": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "2"}
        self._run(f"git clone --quiet {shlex.quote(str(ROOT))} visionkit", folder)

    def follow(self, commands: str) -> None:
        """Type commands in the clone, a line each; what they print last is shown."""
        for command in commands.strip().splitlines():
            self._run(command, self.clone)

    def _run(self, command: str, folder: Path) -> None:
        typed = re.sub(r"^python3 ", f"{shlex.quote(sys.executable)} ", command)  # the Python that runs this
        began = time.perf_counter()
        done = subprocess.run(
            ["bash", "-c", typed], cwd=folder, env=self._environment, capture_output=True, text=True, check=False
        )
        self.last = time.perf_counter() - began
        self.seconds += self.last
        print(f"{self.last:7.1f} s  {command.replace(str(ROOT), '.')}", flush=True)
        if done.returncode:
            raise SystemExit(f"ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
        for line in done.stdout.strip().splitlines()[-3:]:
            print(f"{'':11}{line[:109]}")


def blocks(text: str, language: str) -> list[str]:
    """The code of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def needed_besides(code: str) -> list[str]:
    """What the README's section of this code says is to be installed besides visionkit."""
    section = README[: README.index(code)].rpartition("\n## ")[2]
    return re.findall(r"`pip install ([\w -]+)`", section)


if __name__ == "__main__":
    main()
