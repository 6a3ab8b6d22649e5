"""The Fourier blur score beside the numpy formula that it equals: python benchmarks/fft.py [--runs 9] [--json FILE]

Speed: the two take turns; the median of the ratios of their times, and the lowest and highest of them. Score: the
difference. Memory: of a fresh process, from before the call to the peak within it, in float32 copies of the picture;
first what numpy allocates, then what the system counts, with the buffers of OpenCV and of the matrix products.
"""

import argparse
import json
import multiprocessing
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from blur import published
from numpy.typing import NDArray

from visionkit.preprocess import blur_score, resize, to_gray

SIZES = {"1080p": (1080, 1920), "4K": (2160, 3840), "12 megapixels": (3000, 4000)}
FASTER, CLOSER, COPIES = 6, 0.05, 4  # what is promised; the first for 1080p and 4K


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    print(f"{'':27}{'published':>10}{'ours':>9}{'faster, lowest to highest':>28}{'difference':>12}{'copies':>15}")
    rows = []
    for size, shape in SIZES.items():
        copies = max(memory(shape), memory(shape))
        for name, gray in pictures(shape):
            theirs, ours, scores = alternate(gray, options.runs)
            ratio, off = theirs / ours, abs(scores[0] - scores[1])
            print(
                f"{size + ', ' + name:27}{np.median(theirs) * 1000:7.0f} ms{np.median(ours) * 1000:6.0f} ms"
                f"{np.median(ratio):13.1f} x{ratio.min():7.1f}{ratio.max():6.1f}{off:12.6f}"
                f"{copies[0]:8.2f}{copies[1]:7.2f}"
            )
            what = f"Fourier blur score, {size}, {name}"
            bound = f"at least {FASTER} x" if size != "12 megapixels" else ""
            rows.append([f"{what}: faster than numpy", f"{np.median(ratio):.1f} x", bound])
            rows.append([f"{what}: difference of the score", f"{off:.6f}", f"at most {CLOSER}"])
        rows.append([f"Fourier blur score, {size}: float32 copies", f"{copies[1]:.2f}", f"at most {COPIES}"])
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


def pictures(shape: tuple[int, int]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    height, width = shape
    photo = to_gray(skimage.data.astronaut())
    yield "photo enlarged", resize(photo, width=width, height=height)
    yield "photos tiled", np.tile(photo, (height // 512 + 1, width // 512 + 1))[:height, :width].copy()
    yield "page", resize(skimage.data.page(), width=width, height=height)
    yield "noise", np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def alternate(gray: NDArray[np.uint8], runs: int) -> tuple[NDArray[Any], NDArray[Any], tuple[float, float]]:
    """The seconds of either in each run, and both scores."""

    def timed(function: Callable[[], float]) -> tuple[float, float]:
        start = time.perf_counter()
        score = function()
        return time.perf_counter() - start, score

    pairs = [(timed(lambda: published(gray)), timed(lambda: blur_score(gray, method="fft"))) for _ in range(runs)]
    theirs, ours = (np.array([pair[side][0] for pair in pairs]) for side in (0, 1))
    return theirs, ours, (pairs[0][0][1], pairs[0][1][1])


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
