"""Convert UNIPEN train_r01_v07 to images of isolated capitals and isolated digits, for `train_reader.py --archive`.

    python examples/unipen.py REPO OUT_FOLDER

REPO is a git directory or a checkout of github.com/GreenCappuccino/train_r01_v07. OUT_FOLDER
gets unipen_letters.npz (category 1b, A-Z) and unipen_digits.npz (category 1a, 0-9), each with
    x       (N, 64, 64) uint8   bright ink on black, about 3 px wide, centred, long side 46 px
    y       (N,)        '<U1'   the character
    source  (N,)        '<U6'   unipen
A glyph is dropped when it is broken (see `is_broken`) or when none of its 10 nearest images by
other writers has its label: most of those are wrongly labelled or wrongly cut.

Source: Guyon et al., UNIPEN Project of On-line Data Exchange and Recognizer Benchmarks, 1994.
"""

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import check_output
from typing import NamedTuple

import cv2
import numpy as np

SETS = {"unipen_letters": ("data/1b/", "[A-Z]"), "unipen_digits": ("data/1a/", "[0-9]")}
SEGMENT = re.compile(r'\.SEGMENT\s+\S+\s+(\S+)\s+\S+\s+"(.)"')
RANGE = re.compile(r"(\d+)(?::(\d+))?(?:-(\d+)(?::(\d+))?)?")  # part[:row][-part[:row]]
Reader = Callable[[str], str]


class Glyph(NamedTuple):
    """A character: its label, pen strokes of shape (n, 2) with y up, site, and writer."""

    label: str
    strokes: list[np.ndarray]
    source: str
    writer: str


def open_repo(repo: Path) -> tuple[list[str], Reader]:
    """Returns the sorted paths below data/ and a function that reads one file as text."""
    if (repo / "data").is_dir():
        names = [path.relative_to(repo).as_posix() for path in (repo / "data").rglob("*.dat")]
        return sorted(names), lambda name: (repo / name).read_text("latin1")
    git = ["git", "-C", str(repo)]
    names = check_output([*git, "ls-tree", "-r", "--name-only", "HEAD", "data/"], text=True)
    return names.split(), lambda n: check_output([*git, "show", f"HEAD:{n}"], encoding="latin1")


def parse(read: Reader, name: str, state: dict, depth: int = 0) -> None:
    """Parses a UNIPEN file and the files it includes.

    Args:
        read: Reads one file of the data set.
        name: Path of the file.
        state: Gets .COORD, .WRITER_ID, "parts" (pen-down flag, rows of numbers) and "segments".
        depth: How many .INCLUDE lines led here; segments count at depth 0 only.
    """
    rows: list | None = None
    for line in filter(None, map(str.strip, read(name).splitlines())):
        if line[0] == "." and line[1:2].isalpha():
            key, *rest = line.split()
            rows = None
            if key == ".INCLUDE" and depth < 4 and ".." not in rest[0]:
                parse(read, "include/" + rest[0], state, depth + 1)
            elif key in (".COORD", ".WRITER_ID"):
                state[key] = rest
            elif key in (".PEN_DOWN", ".PEN_UP"):
                rows = []
                state["parts"].append((key == ".PEN_DOWN", rows))
            elif key == ".SEGMENT" and depth == 0 and (match := SEGMENT.match(line)):
                state["segments"].append(match.groups())
        elif rows is not None and re.fullmatch(r"[-+.\deE\s]+", line):
            rows.append([float(number) for number in line.split()])


def read_glyphs(names: list[str], read: Reader, labels: str) -> Iterator[Glyph]:
    """Yields the glyphs of the files `names` whose label matches the pattern `labels`."""
    for name in names:
        state: dict = {".COORD": ["X", "Y"], ".WRITER_ID": [], "parts": [], "segments": []}
        parse(read, name, state)
        xy = [state[".COORD"].index(axis) for axis in "XY"]
        parts = [part for part in state["parts"] if part[1]]  # ranges skip those without points
        source = name.split("/")[2]
        writer = " ".join([source, *state[".WRITER_ID"]])  # identifiers repeat between sites
        for text, label in state["segments"]:
            strokes = []
            for first, low, last, high in (RANGE.fullmatch(r).groups() for r in text.split(",")):
                a, b = int(first), int(last or first)
                for i, (down, every) in enumerate(parts[a : b + 1], a):  # pen-up parts count too
                    rows = every[(i == a) * int(low or 0) : int(high) + 1 if high and i == b else None]
                    points = [[row[k] for k in xy] for row in rows if len(row) > max(xy)]
                    strokes += [np.array(points, np.float32)] if down and points else []
            if strokes and re.fullmatch(labels, label):
                yield Glyph(label, strokes, source, writer)


def is_broken(glyph: Glyph) -> bool:
    """Tells whether strokes are missing (a bare line) or too many (0s in a row)."""
    points = np.concatenate(glyph.strokes)
    width, height = np.ptp(points, axis=0)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if len(points) < 3 or spread[1] < 0.08 * spread[0]:
        return glyph.label not in "1I" or (glyph.label == "1" and width > 2 * height)
    spans = sorted((stroke[:, 0].min(), stroke[:, 0].max()) for stroke in glyph.strokes)
    return glyph.label == "0" and any(b[0] > a[1] for a, b in itertools.pairwise(spans))


def render(glyph: Glyph) -> np.ndarray:
    """Draws a glyph as a 64 x 64 image at twice the size, then halves it."""
    low, high = (f(np.concatenate(glyph.strokes), axis=0) for f in (np.min, np.max))
    scale = 46 / max((high - low).max(), 1e-6)
    image = np.zeros((128, 128), np.uint8)
    for stroke in glyph.strokes:  # cv2 wants 1/16 pixels; y goes down in images
        line = np.round(((stroke - (low + high) / 2) * scale * [1, -1] + 32) * 32).astype(np.int32)
        if len(line) == 1:
            cv2.circle(image, line[0].tolist(), 48, 255, -1, cv2.LINE_AA, 4)
        cv2.polylines(image, [line.reshape(-1, 1, 2)], False, 255, 6, cv2.LINE_AA, 4)
    return cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)


def count_agreeing(x: np.ndarray, y: np.ndarray, writer: np.ndarray) -> np.ndarray:
    """Returns for each image how many of its 10 nearest by other writers have its label."""
    blurred = [cv2.GaussianBlur(image, (0, 0), 2.5) for image in x]
    small = [cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA) for image in blurred]
    f = np.float32(small).reshape(len(x), -1)
    f /= np.linalg.norm(f, axis=1, keepdims=True) + 1e-6
    agree = np.zeros(len(x), np.uint8)
    for i in range(0, len(x), 500):
        similarity = f[i : i + 500] @ f.T
        similarity[writer[i : i + 500, None] == writer[None]] = -1
        nearest = np.argpartition(-similarity, 10, axis=1)[:, :10]
        agree[i : i + 500] = (y[nearest] == y[i : i + 500, None]).sum(axis=1)
    return agree


def main() -> None:
    """Writes both files and prints how many glyphs each keeps."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    repo, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    names, read = open_repo(repo)
    for title, (folder, labels) in SETS.items():
        glyphs = list(read_glyphs([n for n in names if n.startswith(folder)], read, labels))
        x = np.stack([render(glyph) for glyph in glyphs])
        y, writer = map(np.array, zip(*((g.label, g.writer) for g in glyphs), strict=True))
        keep = (count_agreeing(x, y, writer) > 0) & ~np.array([is_broken(g) for g in glyphs])
        np.savez_compressed(out / f"{title}.npz", x=x[keep], y=y[keep], source=np.full(keep.sum(), "unipen"))
        print(f"{title}: kept {keep.sum()} of {len(keep)} glyphs")


if __name__ == "__main__":
    main()
