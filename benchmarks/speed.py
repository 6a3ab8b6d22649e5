"""How fast the reader is, each figure against a named other in the same run: `python benchmarks/speed.py`.

Machines differ and are noisy: the ratios count. Medians of several runs, taken in turn.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from visionkit import preprocess, reader
from visionkit.reader import reader as steps
from visionkit.reader import shipped
from visionkit.reader.sample import draw_page

TEXT = "HELLO 47\nWORLD 29\nKEEP 108\nMAXIM 35\nQU"  # 32 characters
RUNS = 15


def main() -> None:
    """Print a line for each figure that the reader is held to."""
    page = draw_page(TEXT, seed=4).image
    large = draw_page(TEXT, kind="large", seed=4).image
    read = reader.load()
    looked = steps.look(page, "edge", None)
    candidates = looked.glyphs.shape[0] * looked.glyphs.shape[1]
    glyphs = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 1)).astype(np.float32)
    model = shipped.keras_model(shipped.WEIGHTS / "alphanumeric.keras")

    ours, theirs = in_turn(lambda: read.read(page), lambda: model.predict(glyphs, verbose=0), RUNS)
    held("warm read of 32 glyphs / Keras predict of 32", ours / theirs, 2)
    print(f"  {ours * 1000:.0f} ms for {page.shape[1]} x {page.shape[0]} pixels, {candidates} candidates")

    with tempfile.TemporaryDirectory() as folder:
        photo, huge = Path(folder) / "page.jpg", Path(folder) / "large.jpg"
        preprocess.write(photo, page)
        cv2.imwrite(str(huge), large[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        ours, theirs = in_turn(lambda: read.read(huge), lambda: cv2.imread(str(huge)), 7)
        held(f"warm read of a file of {large.size / 3e6:.0f} megapixels, seconds", ours, 0.5)
        print(f"  of which decoding alone takes {theirs:.2f} s")

        ours, theirs = in_turn(
            lambda: run("-m", "visionkit", "read", str(photo)), lambda: run("-c", "import tensorflow"), 5
        )
        held("process `visionkit read photo` / `import tensorflow`", ours / theirs, 0.25)
        print(f"  {ours:.2f} s against {theirs:.2f} s")
    ours, theirs = in_turn(lambda: run("-c", "import visionkit"), lambda: run("-c", "pass"), 15)
    held("`import visionkit`, milliseconds", (ours - theirs) * 1000, 50)


def in_turn(first: Callable[[], object], second: Callable[[], object], runs: int) -> tuple[float, float]:
    """The median seconds of two things, done in turn, after one of each that does not count."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        for action, times in zip((first, second), spent, strict=True):
            start = time.perf_counter()
            action()
            if number:
                times.append(time.perf_counter() - start)
    return statistics.median(spent[0]), statistics.median(spent[1])


def run(*arguments: str) -> None:
    """Run Python with these arguments."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def held(what: str, found: float, most: float) -> None:
    """Print a figure and what it is held to."""
    print(f"{what:58}{found:8.2f}   at most {most:g}: {'yes' if found <= most else 'NO'}")


if __name__ == "__main__":
    main()
