"""TFRecord files, and the note that ``write_tfrecords`` leaves beside them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.harness import Target
from tests.fuzz.targets.pictures import drawn

Answer = dict[str, Any]


def shards(folder: Path, *, labelled: bool, damaged: str) -> Sequence[Path]:
    """Two files and their note in a folder, of PNG and of JPEG; what is damaged is the second file, or the note."""
    from visionkit.train.tfrecord.write import write_tfrecords

    paths = []
    pictures = np.stack([np.roll(drawn()[:24, :24], step, 0) for step in range(6)])
    for name, quality in (("png", None), ("jpeg", 90)):
        place = folder / name
        place.mkdir()
        source = (pictures, np.arange(6) % 2) if labelled else pictures
        classes = ["cat", "dog"] if labelled else None
        write_tfrecords(source, place / f"{name}-*.tfrec", shards=2, classes=classes, quality=quality)
        paths.append(sorted(place.glob(damaged))[-1])
    return paths


def read(path: Path, *, labelled: bool, on_error: Any) -> Answer:
    """All records of the folder that it is in: the bytes of each picture by the name of the record, and its label."""
    from visionkit.train.tfrecord.read import from_tfrecords

    pattern = str(path.parent / "*.tfrec")
    data = from_tfrecords(pattern, image_size=24, labelled=labelled, ordered=True, on_error=on_error)
    found: Answer = {"classes": data.classes}
    for index, (images, *labels) in enumerate(data.batches()):
        names = data.names(0, index)
        for place, name in enumerate(names):
            label = int(labels[0][place]) if labels else str(data.ids[index * data.batch_size + place])
            found[Path(name).name] = (images[place].tobytes(), label)
    return found


def written_again(path: Path) -> Answer:
    """Read with the note, and call ``write_tfrecords`` again, which goes on where it was."""
    from visionkit.train.tfrecord.write import write_tfrecords

    pictures = np.stack([np.roll(drawn()[:24, :24], step, 0) for step in range(6)])
    found = read(path, labelled=True, on_error="raise")
    quality = None if path.stem == "png" else 90
    source = (pictures, np.arange(6) % 2)
    write_tfrecords(source, path.parent / f"{path.stem}-*.tfrec", shards=2, classes=["cat", "dog"], quality=quality)
    return found


def checked(result: Answer, original: Answer) -> bool:
    """What is there is what it was: every record has checksums."""
    return all(original[name] == value for name, value in result.items()) and result["classes"] == original["classes"]


def named(result: Answer, original: Answer) -> bool:
    """The records are what they were, and so are the names of the classes, if they are known."""
    return checked(result | {"classes": result["classes"] or original["classes"]}, original)


def _read(name: str, *, labelled: bool, on_error: str) -> Target:
    samples = partial(shards, labelled=labelled, damaged="*.tfrec")
    return Target(name, samples, partial(read, labelled=labelled, on_error=on_error), checked)


TARGETS = [
    _read("tfrecord-raise", labelled=True, on_error="raise"),
    _read("tfrecord-skip", labelled=True, on_error="skip"),
    _read("tfrecord-ids", labelled=False, on_error="skip"),
    Target("tfrecord-note", partial(shards, labelled=True, damaged="*.json"), written_again, named),
]
