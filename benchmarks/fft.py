"""The Fourier blur score beside the numpy formula that it equals: python benchmarks/fft.py

Speed: the two take turns. Score: the difference. Memory: of a fresh process, from before the call to the peak within
it, in float32 copies of the picture; first what numpy allocates, then what the system counts, with the buffers of
OpenCV and of the matrix products.
"""

import multiprocessing
import re
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import skimage.data
from blur import published
from numpy.typing import NDArray
from turns import Bench, parser

from visionkit.preprocess import blur_score, resize, to_gray

SIZES = {"1080p": (1080, 1920), "4K": (2160, 3840), "12 megapixels": (3000, 4000)}
OURS, PEER = "visionkit", "the formula in NumPy"
FASTER, CLOSER, COPIES = 6, 0.05, 4  # what is promised; the first for 1080p and 4K


def main() -> None:
    given = parser(__doc__, rounds=7).parse_args()
    bench = Bench(given, "numpy", "opencv-python-headless")
    for size, shape in list(SIZES.items())[: 1 if given.quick else None]:
        for name, gray in pictures(shape):
            ways = {OURS: partial(blur_score, gray, method="fft"), PEER: partial(published, gray)}
            off = abs(ways[OURS]() - ways[PEER]())
            spent = bench.in_turn(ways)
            what = f"Fourier blur score, {size}, {name}"
            bench.speed(what, PEER, spent[OURS], spent[PEER], least=FASTER if size != "12 megapixels" else None)
            bench.tell(f"{what}: difference of the score", f"{off:.6f}", f"at most {CLOSER}")
        copies = max(memory(shape), memory(shape))
        what = f"Fourier blur score, {size}: float32 copies"
        bench.tell(f"{what} that numpy allocates", f"{copies[0]:.2f}")
        bench.tell(what, f"{copies[1]:.2f}", f"at most {COPIES}")
    bench.close()


def pictures(shape: tuple[int, int]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    height, width = shape
    photo = to_gray(skimage.data.astronaut())
    yield "photo enlarged", resize(photo, width=width, height=height)
    yield "photos tiled", np.tile(photo, (height // 512 + 1, width // 512 + 1))[:height, :width].copy()
    yield "page", resize(skimage.data.page(), width=width, height=height)
    yield "noise", np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def memory(shape: tuple[int, int]) -> tuple[float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(peaks, (shape,))


def peaks(shape: tuple[int, int]) -> tuple[float, float]:
    """The peak over what was there before, as numpy counts it and as the system does."""
    gray = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    before = resident("VmRSS")
    blur_score(gray, method="fft")
    system = resident("VmHWM") - before
    tracemalloc.start()
    blur_score(gray, method="fft")
    return tracemalloc.get_traced_memory()[1] / (4 * gray.size), system / (4 * gray.size)


def resident(kind: str) -> float:
    """The bytes that this process holds now (VmRSS) or has held at most (VmHWM); NaN where no system says so."""
    try:
        found = re.search(rf"{kind}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    except FileNotFoundError:
        return float("nan")
    return int(found[1]) * 1024 if found else float("nan")


if __name__ == "__main__":
    main()
