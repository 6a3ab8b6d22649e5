"""What the examples share: their options, and what they are held to beside what they got.

An example prints a line for each figure and writes all of them to `figures.json` in the folder of its run.
`python examples/results.py` makes docs/results.md of these files.
"""

import argparse
import atexit
import json
import os
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any

import keras

import visionkit as vk


def options(doc: str, *, data: str | None = None, seed: int = 0, **more: str) -> argparse.Namespace:
    """`--quick`, `--data`, `--out` and `--seed`; TensorFlow and Keras draw from the seed from here on.

    Args:
        doc: the docstring of the example; its title and rule are left out of the help.
        data: what `--data` is; None where there is nothing to give.
        seed: of a full run, unless another is given.
        **more: options that only this example has, None unless given, and what each of them is.
    """
    name = Path(sys.argv[0]).stem
    text = re.sub(r"\A.*\n=+\n+", "", doc.lstrip())
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or less, on data that is drawn or installed")
    if data:
        parser.add_argument("--data", type=Path, help=data)
    parser.add_argument("--out", type=Path, default=Path("runs") / name, help="folder of the run and its pictures")
    parser.add_argument("--seed", type=int, default=seed)
    for option, what in more.items():
        parser.add_argument(f"--{option.replace('_', '-')}", help=what)
    found = parser.parse_args()
    if data and not found.quick and not (found.data and found.data.exists()):
        parser.error(f"--data is {data}; --quick needs none")
    found.out = found.out / "quick" if found.quick else found.out
    found.out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(found.seed)
    return found


class Figures:
    """The figures of one run; made at its beginning, closed at its end.

    Args:
        system: what the run is about, a heading of the page of results.
        run: what `options` gave.
    """

    def __init__(self, system: str, run: argparse.Namespace) -> None:
        self.system, self._run, self._rows, self._missed = system, run, [], 0
        self._began = time.perf_counter()
        self._sofar = run.out / "seconds.txt"  # of calls that were interrupted, for one that goes on
        self._before = float(self._sofar.read_text()) if self._sofar.is_file() else 0.0
        atexit.register(self._interrupted)

    def add(
        self,
        what: str,
        got: Any,
        held: str = "",
        *,
        met: bool | None = None,
        exact: bool = False,
        form: str = "",
    ) -> None:
        """Print one figure, and keep it.

        Args:
            what: it is.
            got: its value; a number is written as ``form`` says, such as ".2%" or ",".
            held: what it is held to, in words; "" for a figure that is only told.
            met: whether it is what it is held to. None where nothing here can say, such as for a figure of a paper that
                needs other weights.
            exact: whether a quick run is held to it, too, as to a number of parameters.
        """
        text = format(got, form)
        counts = met is not None and (exact or not self._run.quick)
        verdict = {True: "met", False: "missed"}[met] if counts else ""
        self._missed += verdict == "missed"
        self._rows.append({"what": what, "got": text, "held to": held, "verdict": verdict})
        note = verdict or ("of a full run" if met is not None else "")
        print(f"{what}: {text}" + (f" (held to {held}{': ' + note if note else ''})" if held else ""), flush=True)

    def count(self, what: str, got: int, held: int) -> None:
        """A whole number that is the same in every run, such as how many parameters there are."""
        self.add(what, got, f"{held:,}", met=got == held, exact=True, form=",")

    def close(self) -> None:
        """Write `figures.json`; if a figure was missed, the example exits with 1."""
        seconds = self._seconds()
        atexit.unregister(self._interrupted)
        self._sofar.unlink(missing_ok=True)
        told = {
            "system": self.system,
            "command": command(sys.argv),
            "quick": self._run.quick,
            "seed": self._run.seed,
            "seconds": round(seconds, 1),
            "day": time.strftime("%d %B %Y"),
            "where": f"Python {platform.python_version()}, Keras {keras.__version__} on {keras.backend.backend()}, "
            f"{os.cpu_count()} cores",
            "rows": self._rows,
        }
        place = self._run.out / "figures.json"
        place.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        print(f"{seconds:.0f} s; pictures and figures are in {self._run.out}")
        if self._missed:
            raise SystemExit(f"{self._missed} of the figures above were missed")

    def _seconds(self) -> float:
        return self._before + time.perf_counter() - self._began

    def _interrupted(self) -> None:
        self._sofar.write_text(f"{self._seconds():.1f}")

    def picture(self, name: str, image: Any) -> None:
        """Write an RGB array, or a matplotlib figure, to a PNG file in the folder of the run."""
        place = self._run.out / f"{name}.png"
        if hasattr(image, "savefig"):
            image.savefig(place, dpi=120, bbox_inches="tight")
        else:
            vk.preprocess.write(place, image)
        print(f"picture: {place}")


def command(words: list[str]) -> str:
    """The command line as one would type it in the project: folders of data by their last name."""
    script, *rest = words
    short = [Path(word).name if os.sep in word and not word.startswith("-") else word for word in rest]
    return " ".join(["python", f"examples/{Path(script).name}", *short])


class Clock(keras.callbacks.Callback):
    """The seconds of all epochs of a run: `fit` keeps what callbacks remember, also when the run is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:  # noqa: D102
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:  # noqa: D102
        self.seconds += time.perf_counter() - self._began
