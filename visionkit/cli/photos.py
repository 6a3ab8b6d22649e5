"""The verbs about photos: `visionkit read | blur | demo`."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from visionkit._errors import ArgumentError, BlurryImageError, FileError, ImageError, NothingFoundError
from visionkit.cli.show import OK, complain, import_keras, printable, progress, show, show_rows

if TYPE_CHECKING:
    from rich.console import RenderableType

    from visionkit.reader import Reading

METHODS = ("edge", "fft", "laplacian")
# what is taken from a folder
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pbm", ".pgm", ".ppm", ".pnm", ".jp2")


def add_to(verbs: Any) -> None:
    """Add these verbs and their options to the command's."""
    status = "Exit status: 0 done; 1 a photo is blurry or nothing was found on it; 2 wrong usage or an unusable file."

    verb = verbs.add_parser("read", help="read the writing on photos", epilog=status, allow_abbrev=False)
    _photos(verb)
    verb.add_argument("--charset", metavar="NAMES", help="digits, letters, or the characters that may occur: 0123AB")
    verb.add_argument("--blur", choices=[*METHODS, "none"], default="edge", help="check of sharpness (default: edge)")
    verb.add_argument("--blur-threshold", type=number, metavar="X", help="sharpness that a photo must exceed")
    verb.add_argument(
        "--network", default="alphanumeric", help="alphanumeric (default), digits, or a .keras, .h5 or .onnx file"
    )
    verb.add_argument(
        "--draw", type=Path, metavar="OUT", help="draw boxes and characters: a file, for several photos a folder"
    )
    verb.set_defaults(run=read)

    verb = verbs.add_parser("blur", help="say how sharp photos are", epilog=status, allow_abbrev=False)
    _photos(verb)
    verb.add_argument("--method", choices=METHODS, default="edge", help="measure of sharpness (default: edge)")
    verb.add_argument("--threshold", type=number, metavar="X", help="sharpness that a photo must exceed")
    verb.set_defaults(run=blur)

    verb = verbs.add_parser("demo", help="draw a page, read it, and show how", allow_abbrev=False)
    verb.add_argument(
        "--out", type=Path, default=Path("visionkit-demo"), metavar="FOLDER", help="where to put pictures"
    )
    verb.set_defaults(run=demo)


def _photos(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="a picture, or a folder of pictures")
    verb.add_argument("--json", action="store_true", help="JSON, one object in a line for each photo")


def number(text: str) -> float:
    """A number from the command line."""
    value = float(text)
    if math.isnan(value):  # no photo would ever be blurry
        raise ValueError(text)
    return value


class Answer(NamedTuple):
    """What came out for one photo: for scripts, for a pipe, for a terminal, and as exit status."""

    data: dict[str, Any]
    text: str
    shown: Callable[[], "RenderableType"]
    status: int = OK


def read(options: argparse.Namespace) -> int:
    """`visionkit read`."""
    from visionkit import preprocess, reader

    photos, several = expand(options.photos)
    drawings = places(options.draw, photos, several) if options.draw else {}
    if options.network.endswith((".keras", ".h5")):
        import_keras()
    network = reader.load(options.network)

    def answer(photo: Path) -> Answer:
        reading = network.read(
            photo,
            charset=options.charset,
            blur=None if options.blur == "none" else options.blur,
            blur_threshold=options.blur_threshold,
        )
        if not reading.characters:
            raise NothingFoundError(f"read: expected characters on '{photo}', found nothing that could be one")
        if photo in drawings:
            preprocess.write(drawings[photo], reading.draw())
        return Answer(reading.to_dict(), reading.text, lambda: panel(photo, reading))

    return for_each(photos, several, answer, as_json=options.json)


def blur(options: argparse.Namespace) -> int:
    """`visionkit blur`."""
    from visionkit import preprocess

    photos, several = expand(options.photos)
    threshold = preprocess.BLUR_THRESHOLDS[options.method] if options.threshold is None else options.threshold

    def answer(photo: Path) -> Answer:
        score = preprocess.blur_score(preprocess.read(photo), method=options.method)
        blurry = score <= threshold
        data = {"method": options.method, "score": round(score, 4), "threshold": threshold, "blurry": blurry}
        text = f"{score:.2f} {'blurry' if blurry else 'sharp'}"
        return Answer(data, text, lambda: coloured(photo, text, "red" if blurry else "green"), int(blurry))

    return for_each(photos, several, answer, as_json=options.json)


def demo(options: argparse.Namespace) -> int:
    """`visionkit demo`."""
    from visionkit import _demo

    shown = _demo.run(options.out)
    rows = list(zip_longest(shown.page.text.split("\n"), shown.reading.lines, fillvalue=""))
    if sys.stdout.isatty():
        show_rows(("written", "read"), rows)
    else:
        print("\n".join(f"written: {written}\nread:    {found}" for written, found in rows))
    print(f"{shown.right} of {len(shown.page.boxes)} characters right")
    for picture in shown.pictures:
        print(picture)
    return OK


def expand(paths: Sequence[Path]) -> tuple[list[Path], bool]:
    """The photos, folders replaced by the pictures in them, and whether to answer as for several."""
    photos: list[Path] = []
    for path in paths:
        inside = path.is_dir() and sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES and p.is_file())
        photos += inside or [path]  # a folder without pictures is told of when it is its turn
    return list(dict.fromkeys(photos)), len(paths) > 1 or paths[0].is_dir()


def places(out: Path, photos: Sequence[Path], several: bool) -> dict[Path, Path]:
    """Where to draw each photo: at `out` itself, or in the folder `out` under the photo's own name."""
    if several and out.exists() and not out.is_dir():
        raise FileError(f"--draw: expected a folder for several photos, got the file '{out}'")
    if several or out.is_dir():
        drawings: dict[Path, Path] = {}
        for photo in photos:
            names = (out / f"{photo.stem}{n}.png" for n in ("", *(f"-{k}" for k in range(2, len(photos) + 1))))
            drawings[photo] = next(name for name in names if name not in drawings.values())
        out.mkdir(parents=True, exist_ok=True)
    else:
        drawings = {photos[0]: out}
    originals = {photo.resolve() for photo in photos}
    for drawing in drawings.values():
        if drawing.resolve() in originals:
            raise ArgumentError(f"--draw: '{drawing}' is one of the photos, which it would replace; name another place")
    return drawings


def for_each(photos: Sequence[Path], several: bool, answer: Callable[[Path], Answer], *, as_json: bool) -> int:
    """Answer for each photo as soon as it is done; one that cannot be used does not keep the rest from being done."""
    status = OK
    with progress(len(photos), as_json) as advance:
        for photo in photos:
            try:
                found = answer(photo)
            except (ImageError, FileError) as error:
                status = max(status, complain(error, photo))
                if as_json:
                    print(json.dumps({"path": str(photo)} | failure(error)))
            else:
                status = max(status, found.status)
                if as_json:
                    print(json.dumps({"path": str(photo)} | found.data))
                elif sys.stdout.isatty():
                    show(found.shown())
                else:
                    before = f"{printable(photo)}: " if several else ""
                    print("\n".join(before + line for line in found.text.split("\n")))
            advance()
    return status


def failure(error: Exception) -> dict[str, Any]:
    """What scripts are told of an error."""
    measured = (
        {"score": round(error.score, 4), "threshold": error.threshold} if isinstance(error, BlurryImageError) else {}
    )
    return {"error": str(error)} | measured


def panel(photo: Path, reading: "Reading") -> "RenderableType":
    """The text of a photo in a frame."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    least = min(reading.characters, key=lambda c: c.confidence)
    below = f"{len(reading.characters)} characters, least sure: {least.text} {least.confidence:.0%}"
    return Group(Panel(Text(reading.text), title=Text(printable(photo)), expand=False), Text(below, "dim"))


def coloured(photo: Path, text: str, colour: str) -> "RenderableType":
    """A verdict in its colour, and the photo that it is about."""
    from rich.text import Text

    return Text.assemble((f"{text:14}", colour), " ", printable(photo))
