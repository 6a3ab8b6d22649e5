"""Many photos: which they are, in a pool of threads, and their answers in their order as soon as each is done."""

import itertools
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from visionkit._errors import ArgumentError, BlurryImageError, FileError, ImageError
from visionkit._files import make_folder, writing
from visionkit.cli.show import OK, complain, printable, progress, show

if TYPE_CHECKING:
    from rich.console import RenderableType

# what is taken from a folder
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pbm", ".pgm", ".ppm", ".pnm", ".jp2")
AHEAD = 2  # photos for each thread that are begun before their turn: one slow photo keeps no thread idle


class Answer(NamedTuple):
    """What came out for one photo: for scripts, for a pipe, for a terminal, and as exit status."""

    data: dict[str, Any]
    text: str
    shown: Callable[[], "RenderableType"]
    status: int = OK


def expand(paths: Sequence[Path]) -> tuple[list[Path], bool]:
    """The photos, folders replaced by what is called like a picture in them, and whether to answer as for several."""
    photos: list[Path] = []
    for path in paths:
        # a folder without pictures is told of when it is its turn, as is all that cannot be used
        photos += (os.path.isdir(path) and pictures_in(path)) or [path]
    return list(dict.fromkeys(photos)), len(paths) > 1 or os.path.isdir(paths[0])


def pictures_in(folder: Path) -> list[Path]:
    """What is called like a picture in a folder, by name; nothing where that cannot be found out."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    except OSError:
        return []


def places(option: str, out: Path, photos: Sequence[Path], several: bool) -> dict[Path, Path]:
    """Where to draw each photo: at `out` itself, or in the folder `out` under the photo's own name.

    `option` is what the user calls `out`.
    """
    if several and out.exists() and not out.is_dir():
        raise FileError(f"{option}: expected a folder for several photos, got the file '{out}'")
    if several or out.is_dir():
        drawings: dict[Path, Path] = {}
        taken: set[Path] = set()
        for photo in photos:
            names = (out / f"{photo.stem}{n}.png" for n in itertools.chain([""], (f"-{k}" for k in itertools.count(2))))
            drawings[photo] = next(name for name in names if name not in taken)
            taken.add(drawings[photo])
        with writing(option, out, what="make the folder"):
            make_folder(out)
    else:
        drawings = {photos[0]: out}
    originals = set(map(os.path.realpath, photos))
    for drawing in drawings.values():
        if os.path.realpath(drawing) in originals:
            raise ArgumentError(
                f"{option}: '{drawing}' is one of the photos, which it would replace; name another place"
            )
    return drawings


def for_each(
    photos: Sequence[Path], several: bool, answer: Callable[[Path], Answer], *, as_json: bool, threads: int = 0
) -> int:
    """Answer for each photo as soon as it is done; one that cannot be used does not keep the rest from being done.

    So many threads work, or this one alone where there are 0.
    """
    status = OK
    with progress(len(photos), as_json) as advance, started(photos, answer, threads) as results:
        for photo, result in zip(photos, results, strict=True):
            try:
                found = result()
            except (ImageError, FileError) as error:
                status = max(status, complain(error, photo))
                if as_json:
                    print(json.dumps({"path": str(photo)} | failure(error)), flush=True)
            else:
                status = max(status, found.status)
                if as_json:
                    print(json.dumps({"path": str(photo)} | found.data), flush=True)
                elif sys.stdout.isatty():
                    show(found.shown())
                else:
                    before = f"{printable(photo)}: " if several else ""
                    print("\n".join(before + line for line in found.text.split("\n")), flush=True)
            advance()
    return status


@contextmanager
def started(
    photos: Sequence[Path], answer: Callable[[Path], Answer], threads: int
) -> Iterator[Iterator[Callable[[], Answer]]]:
    """What gives the answer for each photo, in their order; few are begun before their turn, and none is kept."""
    if not threads:
        yield (partial(answer, photo) for photo in photos)
        return
    import cv2

    at_once = min(threads, len(photos))
    of_opencv = cv2.getNumThreads()
    cv2.setNumThreads(threads // at_once)  # of its own for each photo; more would be in each other's way
    pool = ThreadPoolExecutor(at_once)
    try:
        yield begun(pool, photos, answer, at_once * AHEAD)
    finally:  # after Ctrl-C, or where nobody listens any more, no other photo is begun
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(of_opencv)


def begun(
    pool: ThreadPoolExecutor, photos: Sequence[Path], answer: Callable[[Path], Answer], ahead: int
) -> Iterator[Callable[[], Answer]]:
    """The results of a pool that is at most so many photos ahead."""
    waiting = iter(photos)
    running = deque(pool.submit(answer, photo) for photo in itertools.islice(waiting, ahead))
    while running:
        yield running.popleft().result
        running.extend(pool.submit(answer, photo) for photo in itertools.islice(waiting, 1))


def failure(error: Exception) -> dict[str, Any]:
    """What scripts are told of an error."""
    measured = (
        {"score": round(error.score, 4), "threshold": error.threshold} if isinstance(error, BlurryImageError) else {}
    )
    return {"error": str(error)} | measured
