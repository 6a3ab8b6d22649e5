"""How the verbs answer: the exit statuses, what goes to stdout and stderr, what a terminal gets to see."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from visionkit._errors import BlurryImageError, NothingFoundError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from visionkit._table import Table

OK, NOT_READ, WRONG, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


def complain(error: Exception, photo: Path | None = None) -> int:
    """Say on one line of stderr what went wrong; the exit status that it means."""
    message = str(error)
    if isinstance(error, BlurryImageError) and photo is not None:
        message = (
            f"{photo} is too blurry to be read: its sharpness is {error.score:.2f} and must exceed "
            f"{error.threshold:g}; hold the camera still and closer, or give --blur none to try all the same"
        )
    print("visionkit:", " ".join(message.split()), file=sys.stderr)
    return NOT_READ if isinstance(error, BlurryImageError | NothingFoundError) else WRONG


def show(what: "RenderableType") -> None:
    """Write to the terminal with frames and colours."""
    from rich.console import Console

    console = Console()
    with console.capture() as captured:
        console.print(what)
    print(captured.get(), end="")  # by way of sys.stdout, where a progress bar can keep out of the way


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows of text to the terminal."""
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    show(table)


def show_table(table: "Table") -> None:
    """Write a table: in a frame to a terminal that is wide enough, else aligned."""
    if not sys.stdout.isatty():
        print(table)
        return
    from rich.console import Console
    from rich.table import Column
    from rich.table import Table as Frame
    from rich.text import Text

    columns = [
        Column(heading, justify="left" if number < table.left else "right")
        for number, heading in enumerate(table.columns)
    ]
    frame = Frame(*columns)
    for row in table.rows:
        frame.add_row(*map(Text, row))
    if table.sums:
        frame.add_section()
    for number, row in enumerate(table.sums):
        frame.add_row(*map(Text, row), style="bold" if number == 0 else "dim")
    console = Console()
    if (
        console.measure(frame, options=console.options.update(max_width=10_000)).maximum > console.width
    ):  # rather lines that wrap than numbers cut short
        print(table)
        return
    if table.title:
        show(Text(table.title, "bold"))
    show(frame)
    if table.note:
        show(Text(table.note, "yellow"))


@contextmanager
def hushed() -> Iterator[None]:
    """Keep stderr shut, for what TensorFlow says about the processor: no setting of its own silences all of it."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def import_keras() -> None:
    """Import Keras, but not what is said meanwhile."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with hushed():
        importlib.import_module("keras")


@contextmanager
def progress(count: int, as_json: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr where several photos are to be done and somebody watches."""
    if count < 2 or not sys.stderr.isatty() or (as_json and sys.stdout.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # On a terminal the answers are written above the bar; a pipe gets them as they are.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("", total=count)
        yield lambda: bar.advance(task)


def printable(path: Path) -> str:
    """A path as text that every stdout takes, also where its name is no valid text."""
    return os.fsencode(path).decode(errors="backslashreplace")
