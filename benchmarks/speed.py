"""How fast the reader is and how fast everything starts, against others in turn: `python benchmarks/speed.py`.

Tesseract reads the page as a process of its own, as `visionkit read` does; it was made for print, so what both get
right is told, too. Where it is not installed (Debian: tesseract-ocr), it is left out.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from turns import Bench, parser

from visionkit import preprocess, reader
from visionkit.reader import reader as steps
from visionkit.reader import shipped
from visionkit.reader.sample import draw_page

TEXT = "HELLO 47\nWORLD 29\nKEEP 108\nMAXIM 35\nQU"  # 32 characters
OURS, KERAS, DECODER = "visionkit", "Keras' `predict` of 32 ready glyphs", "`cv2.imread`, which decodes it"
TENSORFLOW = "`import tensorflow`"


def main() -> None:
    """Print a line for each figure."""
    bench = Bench(parser(__doc__, rounds=15).parse_args(), "opencv-python-headless", "keras", "tensorflow")
    page = draw_page(TEXT, seed=4).image
    large = draw_page(TEXT, kind="large", seed=4).image
    with tempfile.TemporaryDirectory() as folder:
        photo, huge = Path(folder) / "page.jpg", Path(folder) / "large.jpg"
        preprocess.write(photo, page)
        cv2.imwrite(str(huge), large[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        warm(bench, page, huge)
        processes(bench, photo)
    starting(bench)
    bench.close()


def warm(bench: Bench, page: np.ndarray, huge: Path) -> None:
    """A page, and a large file, by a reader that has read before."""
    read = reader.load()
    looked = steps.look(page, "edge", None)
    found = looked.glyphs.shape[0] * looked.glyphs.shape[1]
    glyphs = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 1)).astype(np.float32)
    model = shipped.keras_model(shipped.WEIGHTS / "alphanumeric.keras")
    bench.note(
        f"The page has {page.shape[1]} x {page.shape[0]} pixels and 32 characters, {found} candidates for these."
    )
    spent = bench.in_turn({OURS: partial(read.read, page), KERAS: partial(model.predict, glyphs, verbose=0)})
    bench.speed("a page, warm", KERAS, spent[OURS], spent[KERAS], least=0.5)

    spent = bench.in_turn({OURS: partial(read.read, huge), DECODER: partial(cv2.imread, str(huge))}, rounds=7)
    pixels = np.prod(preprocess.read(huge).shape[:2]) / 1e6
    bench.speed(f"a file of {pixels:.0f} megapixels, warm", DECODER, spent[OURS], spent[DECODER], most=0.5)


def processes(bench: Bench, photo: Path) -> None:
    """A page by a process of its own."""
    commands = {
        OURS: [sys.executable, "-m", "visionkit", "read", str(photo)],
        TENSORFLOW: [sys.executable, "-c", "import tensorflow"],
    }
    if shutil.which("tesseract"):
        version = run(["tesseract", "--version"]).split()[1]
        tesseract = f"Tesseract {version}"
        commands[tesseract] = ["tesseract", str(photo), "-", "--psm", "6"]
        right = (f"{who} {reader.accuracy(run(commands[who]), TEXT):.0%}" for who in (OURS, tesseract))
        bench.note(f"Read right, of the page's characters: {', '.join(right)}.")
    else:
        bench.note("Tesseract is left out: not installed.")
    spent = bench.in_turn({who: partial(run, command) for who, command in commands.items()}, rounds=5)
    for peer in commands:
        if peer != OURS:
            bench.speed(
                "the process `visionkit read photo`",
                peer,
                spent[OURS],
                spent[peer],
                least=4 if peer == TENSORFLOW else None,
            )


def starting(bench: Bench) -> None:
    """What an import costs in a new process, beyond Python itself."""
    code = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
    commands = {name: [sys.executable, "-c", code.format(name)] for name in ("visionkit", "tensorflow")}
    spent = bench.in_turn(commands, rounds=9, clock=lambda command: float(run(command)))
    bench.speed("`import visionkit`", TENSORFLOW, spent["visionkit"], spent["tensorflow"], most=0.05)


def run(command: list[str]) -> str:
    """What a process prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
