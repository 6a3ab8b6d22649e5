"""Training, validation and test folders out of one big folder."""

import filecmp
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visionkit._checks import number, positive
from visionkit._errors import ArgumentError, describe
from visionkit._files import make_folder, real, replacing, write_text, writing
from visionkit._table import Table
from visionkit.train.data.folder import Labels, find

PLAN = "split.json"  # beside the parts: what the split is of, so that an interrupted one can be finished


@dataclass(frozen=True)
class Split:
    """A folder that was split; printed, it is a table.

    Attributes:
        folder: where the parts are.
        counts: part -> class -> number of pictures.
    """

    folder: Path
    counts: dict[str, dict[str, int]]

    def table(self) -> Table:
        """The table, a row for each class."""
        classes = list(next(iter(self.counts.values())))
        rows = [(name, *(f"{self.counts[part][name]:,}" for part in self.counts)) for name in classes]
        total = ("all", *(f"{sum(inside.values()):,}" for inside in self.counts.values()))
        return Table("", ("class", *self.counts), rows, sums=[total])

    def __str__(self) -> str:
        return str(self.table())


def split_directory(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    counts: Mapping[str, int] | None = None,
    fractions: Mapping[str, float] | None = None,
    labels: Labels = "folder",
    seed: int = 0,
) -> Split:
    """Copy pictures into a folder for each part and, in it, for each class: ``target/train/cat/cat.0.jpg``.

    The same call gives the same split; after a crash it finishes what is there.

    Args:
        source: the folder of the pictures; nothing in it is changed.
        target: a folder that is empty, not there yet, or holds this split.
        counts: part -> pictures of each class, such as {"train": 1000, "validation": 500, "test": 500}.
        fractions: part -> share of each class, instead; up to 1 in all.
        labels: as in ``from_directory``: "folder" where each class has a folder, or a function from the path of a
            picture to its class, or the path of a CSV.
        seed: what is drawn from.

    Returns:
        A Split, with what each part holds.

    Raises:
        ArgumentError: too few pictures of a class, which is named; a target that holds something else; or an argument
            that is none of the above.
        FileError: a folder or a file cannot be read or written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "all").mkdir()
    ...     for name in ("cat.0.jpg", "cat.1.jpg", "cat.2.jpg", "dog.0.jpg", "dog.1.jpg"):
    ...         _ = Path(folder, "all", name).write_bytes(b"")
    ...     print(split_directory(f"{folder}/all", f"{folder}/small", counts={"train": 1, "test": 1},
    ...                           labels=lambda path: path.name.split(".")[0]))
    class  train  test
    cat        1     1
    dog        1     1
    ------------------
    all        2     2
    """
    where = "split_directory"
    with writing(where, target, what="copy to"):
        goal = real(target)
    root = Path(source).resolve()
    shares = _shares(where, counts, fractions)
    if labels is None:
        raise ArgumentError(f"{where}: expected labels to be 'folder', a function or a CSV, got None")
    if goal.is_relative_to(root):
        raise ArgumentError(f"{where}: expected a target outside of the source, got {str(target)!r}")
    seed = positive(where, "seed", seed, least=0)
    found = find(where, root, labels, None)
    files: dict[str, list[str]] = {name: [] for name in found.classes or ()}
    for file, label in zip(found.files, [] if found.labels is None else found.labels, strict=True):
        files[(found.classes or ())[label]].append(file)
    copies: dict[str, str] = {}  # below target -> below source
    made: dict[str, dict[str, int]] = {part: {} for part in shares}
    for name, inside in files.items():
        _check_folder(where, name)
        order = np.random.default_rng((seed, zlib.crc32(name.encode()))).permutation(len(inside))
        start = 0
        for part, end in _ends(where, name, len(inside), shares).items():
            for place in order[start:end]:
                below = inside[place].removeprefix(f"{name}/") if labels == "folder" else inside[place]
                copies[f"{part}/{name}/{below}"] = inside[place]
            made[part][name] = end - start
            start = end
    with writing(where, target, what="copy to", then="the same call will finish it"):
        finished = _claim(where, goal, copies)
        for below, file in sorted(copies.items()):
            _copy(root / file, goal / below, finished=finished)
        if not finished and hasattr(os, "sync"):
            os.sync()  # once: to wait for every one of many small files would take several times as long
            write_text(goal / PLAN, _plan(copies, finished=True))
    return Split(Path(target), made)


def _shares(
    where: str, counts: Mapping[str, int] | None, fractions: Mapping[str, float] | None
) -> dict[str, int | float]:
    """How much of each class goes into each part: whole numbers of pictures, or shares."""
    given = counts if counts is not None else fractions
    if (counts is None) == (fractions is None) or not isinstance(given, Mapping) or not given:
        raise ArgumentError(
            f"{where}: expected either counts or fractions, such as counts={{'train': 1000, 'test': 500}}, "
            f"got counts={describe(counts)} and fractions={describe(fractions)}"
        )
    for part in given:
        _check_folder(where, part)
    if counts is not None:
        return {part: positive(where, f"counts[{part!r}]", count) for part, count in counts.items()}
    shares = {part: number(where, f"fractions[{part!r}]", share, above=0) for part, share in given.items()}
    if sum(shares.values()) > 1 + 1e-9:
        raise ArgumentError(f"{where}: expected fractions of at most 1 in all, got {sum(shares.values()):g}")
    return {**shares}


def _check_folder(where: str, name: object) -> None:
    """A part and a class become folders: no name leads elsewhere, or is passed over when pictures are looked for."""
    if not isinstance(name, str) or not name or name.startswith(".") or {*name} & {*"/\\\0"} or name == PLAN:
        raise ArgumentError(f"{where}: expected parts and classes to be names of folders, got {describe(name)}")


def _ends(where: str, name: str, available: int, shares: Mapping[str, int | float]) -> dict[str, int]:
    """Where each part of a class ends."""
    ends, sum_of_shares, last = {}, 0.0, 0
    for part, share in shares.items():
        sum_of_shares += share
        end = round(sum_of_shares) if isinstance(share, int) else round(sum_of_shares * available)
        if end == last or end > available:
            wanted = f"{share:,}" if isinstance(share, int) else f"a share of {share:g}"
            raise ArgumentError(
                f"{where}: expected enough pictures of {name!r} for {wanted} in {part!r}, got {available:,} in all"
            )
        ends[part] = last = end
    return ends


def _plan(copies: Mapping[str, str], *, finished: bool) -> str:
    digest = hashlib.blake2b(json.dumps(copies, sort_keys=True).encode(), digest_size=16).hexdigest()
    return json.dumps({"pictures": len(copies), "hash": digest} | ({"finished": True} if finished else {}))


def _claim(where: str, target: Path, copies: Mapping[str, str]) -> bool:
    """Make sure that the target is this split's, before anything is copied; whether it was finished already."""
    make_folder(target)
    if (target / PLAN).is_file():
        there = (target / PLAN).read_bytes()
        for finished in (True, False):
            if there == _plan(copies, finished=finished).encode():
                return finished
        found = "another split"
    else:
        # a plan that was being written when the process ended is called .split.json.something
        present = sorted(entry.name for entry in target.iterdir() if not entry.name.startswith(f".{PLAN}."))
        if not present:
            write_text(target / PLAN, _plan(copies, finished=False))
            return False
        found = repr(present[0])
    raise ArgumentError(f"{where}: expected an empty folder, got {found} in {str(target)!r}; remove it or take another")


def _copy(source: Path, target: Path, *, finished: bool) -> None:
    """Copy a file in one step, unless it is there already.

    A power cut in the middle of a split can leave a file that is long enough, and empty: until the split is finished,
    what is there is compared.
    """
    there = target.is_file() and target.stat().st_size == source.stat().st_size
    if there and (finished or filecmp.cmp(source, target, shallow=False)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as given, replacing(target, sync=False) as file:
        shutil.copyfileobj(given, file)
