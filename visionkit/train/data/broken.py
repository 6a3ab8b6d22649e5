"""Files that are broken: found before anything is made of them, and named."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from visionkit._errors import ImageError, VisionkitError
from visionkit.train.data.threads import each

Result = TypeVar("Result")


class Skipped(NamedTuple):
    """A file that was left out, and why."""

    file: str
    reason: str


def attempt(files: Sequence[str], work: Callable[[str], Result]) -> tuple[dict[str, Result], list[Skipped]]:
    """What comes of each file, in their order, and the files of which nothing comes.

    >>> attempt(["a", "b"], str.upper)
    ({'a': 'A', 'b': 'B'}, [])
    """
    results: dict[str, Result] = {}
    broken: list[Skipped] = []

    def one(place: int) -> None:
        file = files[place]
        try:
            results[file] = work(file)
        except (ImageError, OSError) as error:
            reason = str(error) if isinstance(error, VisionkitError) else error.strerror or str(error)
            reason = reason.removeprefix(f"read: {file!r} ")
            broken.append(Skipped(file, reason))

    each(one, len(files))
    return {file: results[file] for file in files if file in results}, sorted(broken)


def refusal(where: str, broken: Sequence[Skipped]) -> ImageError:
    """The error that names broken files."""
    named = listed(f"{file!r} {reason}" for file, reason in broken)
    return ImageError(
        f"{where}: expected pictures, got {len(broken):,} broken: {named}; "
        "repair or remove them, or leave them out with on_error='skip'"
    )


def listed(texts: Iterable[str], *, most: int = 5) -> str:
    """The first few of many.

    >>> listed("abc", most=2)
    'a; b; and 1 more'
    """
    every = list(texts)
    return "; ".join(every[:most] + ([f"and {len(every) - most:,} more"] if every[most:] else []))
