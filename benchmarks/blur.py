"""How well the three blur checks tell blurred pictures from sharp ones, whatever they show: python benchmarks/blur.py

Sharp: legible pages (photographs of handwriting from --data, and drawn ones of every kind), natural photographs (the
samples of scikit-image and scikit-learn, and any folder given with --photos). Blurred: the same, defocused (a Gaussian
of sigma 5 on a page of at most 800 pixels; of 1 % of the longer side + 1.5 pixels on a photograph) or shaken (21 pixels
along one of eight directions). "calibrated" shows what threshold one half of each group asks for, midway between the
lowest 1 % of sharp pictures and the highest 20 % of shaken ones; the rates are those of the default thresholds on the
other half.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import visionkit as vk
from visionkit.preprocess.blur import THRESHOLDS, Method

Image = NDArray[np.uint8]
Groups = dict[str, list[Image]]

TEXTS = ("HELLO\nWORLD 42", "0123456789\n9876543210", "ABCDEFGHI\nJKLMNOPQR\nSTUVWXYZ", "7", "1", "A1 B2\nC3 D4")
ANGLES = (0, 45, 90, 135, 22, 68, 112, 158)
SHAKE = 21  # pixels
# group -> (is it sharp, the share of it that may be judged wrongly)
PROMISES = {
    "handwriting, photographed": (True, 0.0),
    "handwriting, drawn": (True, 0.0),
    "photographs": (True, 0.05),
    "pages defocused": (False, 0.05),
    "pages shaken": (False, 0.20),
    "photographs defocused": (False, 0.05),
    "photographs shaken": (False, 0.20),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with photos/ of handwriting")
    parser.add_argument("--photos", type=Path, help="a folder of sharp photographs")
    options = parser.parse_args()
    groups = gather(options.data, options.photos)
    for method in THRESHOLDS:
        report(method, groups)
    speed()


def gather(data: Path, photos: Path | None) -> Groups:
    real = list(load(data / "photos"))
    if not real:
        print(f"no photographs of handwriting in {data / 'photos'}: left out")
    drawn = list(draw())
    natural = list(samples())
    if photos:
        natural += load(photos)
    pages = [vk.preprocess.resize(page, longest=min(800, max(page.shape))) for page in real + drawn]
    return {
        "handwriting, photographed": real,
        "handwriting, drawn": drawn,
        "photographs": natural,
        "pages defocused": [defocus(page, 5) for page in pages],
        "pages shaken": [shake(page, angle) for page in pages for angle in ANGLES],
        "photographs defocused": [defocus(photo, 0.01 * max(photo.shape) + 1.5) for photo in natural],
        "photographs shaken": [
            shake(vk.preprocess.resize(photo, longest=min(800, max(photo.shape))), ANGLES[number % len(ANGLES)])
            for number, photo in enumerate(natural)
        ],
    }


def load(folder: Path) -> Iterable[Image]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            try:
                yield vk.preprocess.read(path)
            except vk.ImageError as error:
                print(error)


def draw() -> Iterable[Image]:
    from visionkit.reader.sample import KINDS, draw_page

    for kind in KINDS:
        for seed in range(2 if kind == "large" else 6):
            yield draw_page(TEXTS[seed], kind=kind, seed=100 + seed).image


def samples() -> Iterable[Image]:
    import skimage.data
    import sklearn.datasets

    for name in (
        "astronaut",
        "camera",
        "chelsea",
        "coffee",
        "coins",
        "page",
        "rocket",
        "text",
        "brick",
        "grass",
        "gravel",
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield vk.preprocess.read(getattr(skimage.data, name)())
            except (OSError, ImportError, AttributeError):  # not all of them come with the package
                continue
    for name in ("china.jpg", "flower.jpg"):
        yield vk.preprocess.read(sklearn.datasets.load_sample_image(name))


def defocus(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def shake(image: Image, angle: float) -> Image:
    """Move the camera by SHAKE pixels along a direction while the shutter is open."""
    fine, middle = 8, SHAKE * 4
    kernel = np.zeros((SHAKE * fine, SHAKE * fine), np.uint8)
    reach = (SHAKE - 1) / 2 * fine * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    ends = [tuple(int(value) for value in np.rint(middle + side * reach)) for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 255, fine)
    small = cv2.resize(kernel.astype(np.float32), (SHAKE, SHAKE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.filter2D(image, -1, small / small.sum(), borderType=cv2.BORDER_REFLECT), np.uint8)


def report(method: Method, groups: Groups) -> None:
    scores = {name: np.array([score(image, method) for image in images]) for name, images in groups.items()}
    halves = {name: halve(name, values) for name, values in scores.items()}
    sharp = np.concatenate([halves[name][0] for name, (is_sharp, _) in PROMISES.items() if is_sharp])
    shaken = np.concatenate([halves[name][0] for name in ("pages shaken", "photographs shaken")])
    asked = (np.nanquantile(sharp, 0.01) + np.nanquantile(shaken, 0.8)) / 2
    print(f"\nmethod {method!r}, threshold {THRESHOLDS[method]:g}; calibrated {asked:.2f}")
    heads = "".join(f"{head:>9}" for head in ("lowest", "5 %", "median", "95 %", "highest"))
    print(f"{'':27}{'number':>7}{heads}{'called blurry':>15}  held to")
    for name, (is_sharp, allowed) in PROMISES.items():
        if not len(scores[name]):
            continue
        marks = np.nanquantile(scores[name], [0, 0.05, 0.5, 0.95, 1])
        blurry = float(np.mean(halves[name][1] <= THRESHOLDS[method]))
        held, kept = ("at most", blurry <= allowed) if is_sharp else ("at least", blurry >= 1 - allowed)
        share = allowed if is_sharp else 1 - allowed
        numbers = "".join(f"{mark:9.2f}" for mark in marks)
        print(f"{name:27}{len(scores[name]):7}{numbers}{blurry:14.1%}   {held} {share:.0%}: {'yes' if kept else 'NO'}")


def halve(name: str, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every other picture; all the ways in which a page is shaken stay together."""
    number = np.arange(len(values)) // (len(ANGLES) if name == "pages shaken" else 1)
    return values[number % 2 == 0], values[number % 2 == 1]


def score(image: Image, method: Method) -> float:
    try:
        return vk.preprocess.blur_score(image, method=method)
    except vk.ArgumentError:  # smaller than what the Fourier check cuts out
        return float("nan")


def speed() -> None:
    def best(function: Callable[[], Any]) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        return min(times) * 1000

    image = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    hd = np.ascontiguousarray(image[:1080, :1920, 0])
    print("\nmilliseconds     12 megapixels RGB    1080p grey")
    for method in THRESHOLDS:
        times = [best(partial(vk.preprocess.blur_score, picture, method=method)) for picture in (image, hd)]
        print(f"{method:17}{times[0]:17.1f}{times[1]:14.1f}")
    print(f"{'fft as published':17}{'':17}{best(partial(published, hd)):14.1f}")


def published(gray: Image, size: int = 60) -> float:
    """The Fourier check as it is usually written."""
    rows, columns = gray.shape
    spectrum = np.fft.fftshift(np.fft.fft2(gray))
    spectrum[rows // 2 - size : rows // 2 + size, columns // 2 - size : columns // 2 + size] = 0
    return float(np.mean(20 * np.log(np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum))))))


if __name__ == "__main__":
    main()
