"""The verbs about photos: `visionkit read | blur | demo`."""

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionkit._errors import ArgumentError, ImageError, NothingFoundError
from visionkit._processors import processors
from visionkit.cli.folder import Answer, expand, for_each, places
from visionkit.cli.show import OK, import_keras, printable, show_rows

if TYPE_CHECKING:
    from rich.console import RenderableType

    from visionkit.reader import Reading

METHODS = ("edge", "fft", "laplacian")


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
    verb.add_argument(
        "--threads",
        type=count,
        default=processors(),
        metavar="N",
        help="how many work (default: as many as processors)",
    )


def number(text: str) -> float:
    """A number from the command line."""
    value = float(text)
    if math.isnan(value):  # no photo would ever be blurry
        raise ValueError(text)
    return value


def count(text: str) -> int:
    """A number from 1 on from the command line."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


@contextmanager
def about(photo: Path) -> Iterator[None]:
    """An argument that does not fit one photo, such as a check of sharpness that needs a larger one, is its fault."""
    try:
        yield
    except ArgumentError as error:
        raise ImageError(f"'{photo}': {error}") from error


def read(options: argparse.Namespace) -> int:
    """`visionkit read`."""
    from visionkit import preprocess, reader
    from visionkit.reader.decide import allowed

    photos, several = expand(options.photos)
    drawings = places("--draw", options.draw, photos, several) if options.draw else {}
    if options.network.endswith((".keras", ".h5")):
        import_keras()
    network = reader.load(options.network)
    allowed(options.charset, network.characters)

    def answer(photo: Path) -> Answer:
        with about(photo):
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

    return for_each(photos, several, answer, as_json=options.json, threads=options.threads)


def blur(options: argparse.Namespace) -> int:
    """`visionkit blur`."""
    from visionkit import preprocess

    photos, several = expand(options.photos)
    threshold = preprocess.BLUR_THRESHOLDS[options.method] if options.threshold is None else options.threshold

    def answer(photo: Path) -> Answer:
        with about(photo):
            score = preprocess.blur_score(preprocess.read(photo, mode="gray"), method=options.method)
        blurry = score <= threshold
        data = {"method": options.method, "score": round(score, 4), "threshold": threshold, "blurry": blurry}
        text = f"{score:.2f} {'blurry' if blurry else 'sharp'}"
        return Answer(data, text, lambda: coloured(photo, text, "red" if blurry else "green"), int(blurry))

    return for_each(photos, several, answer, as_json=options.json, threads=options.threads)


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
