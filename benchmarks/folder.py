"""A folder of photos of 12 megapixels through `visionkit blur` and `visionkit read`: python benchmarks/folder.py

First what may be left out of decoding: pages of every kind and photographs, as they are, overexposed and blurred, are
saved as JPEG files and answered for by all their colours, by their luminance alone, and by the luminance of half and a
quarter of the size. Then how fast and how large the two verbs are: a folder of --photos files (a few distinct ones
under many names, and one that is cut off) is answered for by one thread and by as many as there are processors, in
turns. Photos per second are those from the 10th photo on; resident memory is the most that the process had during the
50 photos from the 10th on, and during the last 50. Linux tells it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import visionkit as vk
from visionkit.preprocess.blur import THRESHOLDS
from visionkit.reader.sample import KINDS, draw_page

Image = NDArray[np.uint8]

FRAME = (4000, 3000)
TEXTS = (
    "HELLO\nWORLD 42",
    "0123456789\n9876543210",
    "ABCDEFGHI\nJKLMNOPQR\nSTUVWXYZ",
    "KM 2846\n35 AB",
    "A1 B2\nC3 D4",
)
DENSE = "\n".join(("ABCDEFGH 12345", "KLMNOPQ 67890", "RSTUVWXYZ 2468", "BANANA 13579", "HKMX 2846 QZ", "ORANGE 0987"))
DECODED = {  # what is decoded -> how OpenCV is asked for it
    "luminance": cv2.IMREAD_GRAYSCALE,
    "half": cv2.IMREAD_REDUCED_GRAYSCALE_2,
    "quarter": cv2.IMREAD_REDUCED_GRAYSCALE_4,
}
EDGE = THRESHOLDS["edge"]
FASTER = 1.7  # times one thread, on two processors
GROWTH = 0.05  # of the memory, from the 10th photo to the last


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000, help="in the folder, besides the one that is broken")
    parser.add_argument("--pages", type=int, default=44, help="drawn, to compare what is decoded; 0 leaves that out")
    parser.add_argument("--rounds", type=int, default=1, help="of each verb with one and with all threads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    rows = compare(options.pages) if options.pages else []
    with tempfile.TemporaryDirectory() as folder:
        make_folder(Path(folder), options.photos)
        for verb in ("blur", "read"):
            rows += race(verb, Path(folder), options.rounds)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


def compare(pages: int) -> list[list[str]]:
    """How far the answers by a part of a file are from those by all of it."""
    reader = vk.reader.load()
    groups = {"pages": drawn(pages), "overexposed": overexposed((pages + 1) // 2), "photographs": photographs()}
    heads = f"{'number':>7}{'other texts':>13}{'other verdicts':>16}{'scores differ by':>18}"
    print(f"{'what is decoded':25}{heads}")
    rows = []
    for group, pictures in groups.items():
        found = [answers(reader, picture, is_page=group != "photographs") for picture in pictures]
        for part in DECODED:
            texts = sum(one[part][0] != one["all"][0] for one in found)
            verdicts = sum((one[part][1] <= EDGE) != (one["all"][1] <= EDGE) for one in found)
            scores = max(abs(one[part][1] - one["all"][1]) for one in found)
            print(f"{group + ', ' + part:25}{len(found):7}{texts:13}{verdicts:16}{scores:18.5f}")
            told = f"{texts} texts, {verdicts} verdicts, scores by {scores:.4f}"
            held = {"luminance": "no text or verdict"} if group != "overexposed" else {}
            rows.append([f"other answers of {len(found)} {group}, {part}", told, held.get(part, "")])
    return rows


def answers(reader: vk.reader.Reader, picture: Image, *, is_page: bool) -> dict[str, tuple[str, float]]:
    """Text and score by all that a JPEG file of a picture holds, and by each part."""
    data = jpeg(picture)
    shown: dict[str, Image] = {"all": vk.preprocess.read(data.tobytes())}
    shown |= {part: np.asarray(cv2.imdecode(data, how), np.uint8) for part, how in DECODED.items()}
    return {
        part: (text(reader, image) if is_page else "", vk.preprocess.blur_score(image)) for part, image in shown.items()
    }


def text(reader: vk.reader.Reader, image: Image) -> str:
    try:
        return reader.read(image, blur=None).text
    except vk.ImageError as error:
        return f"({type(error).__name__})"


def drawn(count: int) -> Iterator[Image]:
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        if kind == "large":
            yield draw_page(TEXTS[number // len(KINDS) % len(TEXTS)], kind=kind, seed=number).image
        else:
            yield draw_page(DENSE, kind=kind, seed=number, height=70 if kind == "small" else 110).image


def overexposed(count: int) -> Iterator[Image]:
    """Pages whose paper is brighter than white in one channel or all, so that colours leave the range of RGB."""
    for number, picture in enumerate(drawn(count)):
        light = np.random.default_rng(number).uniform(1.1, 1.6, 3)
        yield np.clip(picture * light, 0, 255).astype(np.uint8)


def photographs() -> Iterator[Image]:
    """Samples of scikit-image and scikit-learn enlarged, sharp, defocused and shaken."""
    import skimage.data
    import sklearn.datasets

    for name in ("astronaut", "chelsea", "coffee", "rocket", "china.jpg", "flower.jpg"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                load = sklearn.datasets.load_sample_image if "." in name else lambda one: getattr(skimage.data, one)()
                picture = vk.preprocess.resize(vk.preprocess.read(load(name)), longest=max(FRAME))
            except (OSError, ImportError, AttributeError):  # not all of them come with the package
                continue
        yield picture
        for sigma in (4, 8, 12, 16, 24):  # around the threshold
            yield np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)
        for length in (31, 71):
            yield np.asarray(cv2.blur(picture, (length, 1)), np.uint8)


def jpeg(picture: Image, quality: int = 90) -> NDArray[np.uint8]:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(data, np.uint8).ravel()


def make_folder(folder: Path, photos: int) -> None:
    """A few pages, one of them blurred, under many names; one file is cut off."""
    grain = np.random.default_rng(0).normal(0, 3, (FRAME[1], FRAME[0], 1))
    names = [folder / f"{number:05}.jpg" for number in range(photos)]
    originals = names[: len(TEXTS) + 1]
    for number, name in enumerate(originals):
        page = draw_page(TEXTS[number % len(TEXTS)], kind="large", seed=number, height=150).image
        page = page[: FRAME[1], : FRAME[0]]
        if number == len(TEXTS):
            page = np.asarray(cv2.GaussianBlur(page, (0, 0), 30), np.uint8)
        page = np.clip(page + grain[: page.shape[0], : page.shape[1]], 0, 255).astype(np.uint8)
        name.write_bytes(jpeg(page, 92).tobytes())
    for name, original in zip(names[len(originals) :], cycle(originals), strict=False):
        os.link(original, name)
    (folder / f"{photos // 2:05}-broken.jpg").write_bytes(names[0].read_bytes()[:100_000])


@dataclass(frozen=True)
class Run:
    """What one process did: its answers, photos per second, and its memory in bytes early and late."""

    found: list[Any]
    told: str
    speed: float
    early: int
    late: int


def race(verb: str, folder: Path, rounds: int) -> list[list[str]]:
    """One thread against all of them, in turns."""
    runs: dict[str, list[Run]] = {"1": [], "all": []}
    for _ in range(rounds):
        for threads, so_far in runs.items():
            so_far.append(once(verb, folder, [] if threads == "all" else ["--threads", threads]))
    first = runs["1"][0]
    faults = [one["path"] for one in first.found if "error" in one and "score" not in one]
    told = sum(Path(fault).name in first.told for fault in faults)
    same = all(run.found == first.found for of in runs.values() for run in of)
    reader = vk.reader.load()
    originals = first.found[: len(TEXTS) + 1]
    equal = sum(agrees(verb, one, vk.preprocess.read(one["path"]), reader) for one in originals)
    print(f"\n{verb}: {len(first.found)} files, {told} told of as unusable")
    print(f"{'threads':12}{'photos/s':>10}{'10th on':>14}{'last':>14}")
    for threads, of_them in runs.items():
        for run in of_them:
            print(f"{threads:12}{run.speed:10.1f}{run.early / 2**20:10.0f} MiB{run.late / 2**20:10.0f} MiB")
    speeds = {threads: statistics.median(run.speed for run in of_them) for threads, of_them in runs.items()}
    ratio = speeds["all"] / speeds["1"]
    growth = max(run.late / run.early - 1 for of_them in runs.values() for run in of_them)
    print(f"ratio {ratio:.2f}; memory grows by {growth:.1%}; all runs gave the same answers: {'yes' if same else 'NO'}")
    print(f"answers by all colours are the same: {equal} of {len(originals)}")
    return [
        [f"{verb}: photos per second, one thread", f"{speeds['1']:.1f}", ""],
        [f"{verb}: photos per second, {os.cpu_count()} threads", f"{speeds['all']:.1f}", ""],
        [f"{verb}: times one thread", f"{ratio:.2f}", f"at least {FASTER}"],
        [
            f"{verb}: memory from the 10th answer on to the last, {len(first.found)}th",
            f"{growth:+.1%}",
            f"at most {GROWTH:.0%}",
        ],
        [f"{verb}: broken files told of, the rest done", f"{told} of 1", "1"],
        [f"{verb}: same answers from one thread and all", "yes" if same else "no", "yes"],
        [f"{verb}: answers equal to those of the whole decoded picture", f"{equal} of {len(originals)}", "all"],
    ]


def agrees(verb: str, found: Any, image: Image, reader: vk.reader.Reader) -> bool:
    """Whether a verb's answer is that of the library to the whole decoded picture."""
    score = vk.preprocess.blur_score(image)
    if verb == "blur":
        return abs(found["score"] - score) < 0.005 and bool(found["blurry"] == (score <= EDGE))
    return bool(found.get("text") == (None if score <= EDGE else text(reader, image)))


def once(verb: str, folder: Path, options: list[str]) -> Run:
    """Run a verb on the folder, and watch it."""
    command = [sys.executable, "-m", "visionkit", verb, str(folder), "--json", *options]
    count = len(list(folder.iterdir()))
    start = min(9, count - 2)
    window = max(1, min(50, count // 3))
    found, times, peaks = [], [], []
    with tempfile.TemporaryFile("w+") as told:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True) as process:
            assert process.stdout is not None
            for number, line in enumerate(process.stdout):
                times.append(time.perf_counter())
                found.append(json.loads(line))
                if number in (start + window, count - 2):  # after the last one it may have left
                    peaks.append(peak(process.pid))
                if number in (start, count - 2 - window):
                    forget(process.pid)
        told.seek(0)
        speed = (len(times) - 1 - start) / (times[-1] - times[start])
        return Run(found, told.read(), speed, *peaks)


def peak(process: int) -> int:
    """The most memory that a process had since it was told to forget, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def forget(process: int) -> None:
    """Let the most memory of a process be what it has now."""
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="utf-8")


if __name__ == "__main__":
    main()
