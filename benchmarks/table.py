"""The page of speeds, one table of all benchmarks: python benchmarks/table.py FOLDER PAGE

FOLDER holds a JSON file of each script below, as its option `--json` writes it; those of an earlier day will do. What
has no file is named on the page. No figure is typed by hand.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reliability import table
from speeds import Speed

# script -> what it is about
PARTS = {
    "zoo": "Models: built with their top and random weights, and run by `predict` on 8 images of 224 x 224",
    "fuse": "Models of Keras Applications: fused, on 8 images of 224 x 224, as one TensorFlow function",
    "explain": "Grad-CAM: 16 images of 224 x 224",
    "filters": "Filter patterns: 64 of MobileNet, 30 steps at 128 x 128",
    "input": "Pictures: 1,000 JPEG files of about 400 x 300 through `fit` to augmented 150 x 150",
    "augment": "Augmentation: rotation, zoom, shift, shear and flip in a training step",
    "tfrecords": "TFRecords: 3,670 pictures in 16 shards",
    "fit": "Training: an epoch on pictures like MNIST's",
    "settings": "Settings of the shell: a network of 2.3 million parameters on batches of 64 pictures of 32 x 32",
    "fft": "The Fourier blur score",
    "speed": "Reading, and starting up",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", type=Path)
    options = parser.parse_args()
    found = {part: options.folder / f"{part}.json" for part in PARTS}
    parts = {part: json.loads(file.read_text(encoding="utf-8")) for part, file in found.items() if file.is_file()}
    options.page.write_text("\n".join(page(parts)) + "\n", encoding="utf-8")
    print(options.page)


def page(parts: dict[str, dict[str, Any]]) -> Iterator[str]:
    speeds = {part: [Speed(**entry) for entry in told["speeds"]] for part, told in parts.items()}
    every = [speed for found in speeds.values() for speed in found]
    yield "# Benchmarks"
    yield ""
    yield "How many times as fast visionkit is as others that do the same on the same machine. In each round everyone"
    yield "has a turn, in an order that rotates, and a ratio is taken within the round: 2 (1.9 to 2.2) is its median"
    yield "over the rounds, its lowest and its highest. The times are the medians of ours and of theirs. Below 1 the"
    yield f"other is faster, and the row says **slower**: {sum(speed.slower for speed in every)} of {len(every)} do. A"
    yield "floor is the bare work and nothing around it."
    yield ""
    yield "`nox -s bench` measures everything and makes this page; `nox -s bench -- zoo fuse` measures two parts again"
    yield "and keeps the rest. No figure on it is typed by hand."
    missing = [f"`{part}`" for part in PARTS if part not in parts]
    if missing:
        yield ""
        yield f"Not measured yet: {', '.join(missing)}."
    yield ""
    yield from table(("what", "against", "times as fast", "ours / theirs", "held to"), rows(speeds))
    yield ""
    yield "## How it was measured"
    yield ""
    told = [(f"`{each['command']}`", each["day"], each["where"]) for each in parts.values()]
    yield from table(("command", "day", "versions and machine"), told)
    notes = [(part, note) for part, each in parts.items() for note in each["notes"]]
    if notes:
        yield ""
        yield "What the scripts said, too:"
        yield ""
        yield from (f"- `{part}`: {note}" for part, note in notes)


def rows(speeds: dict[str, list[Speed]]) -> Iterator[tuple[str, ...]]:
    for part, found in speeds.items():
        yield f"**{PARTS[part]}**", "", "", "", ""
        for speed in found:
            slower = " **slower**" if speed.slower else ""
            yield speed.what, speed.peer, speed.times + slower, speed.seconds, speed.held


if __name__ == "__main__":
    main()
