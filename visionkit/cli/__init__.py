"""The command line: each verb is one call of the library, and a way to show what it gave.

Exit status: 0 done; 1 a photo is blurry, or nothing was found; 2 wrong usage, or a file that cannot be used; 130
stopped by Ctrl-C. On a terminal the output has frames and colours, through a pipe it is plain text or JSON.
"""

# Nothing heavy is imported at once in this package: `visionkit --version` and `--help` answer immediately, and only
# the verbs about models and networks of the user's own need Keras. rich comes with Keras, which depends on it.

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from visionkit import __version__
from visionkit._errors import VisionkitError
from visionkit.cli import explain, launch, models, photos
from visionkit.cli.show import INTERRUPTED, PIPE_CLOSED, WRONG, complain


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:2] == ["models", "export"]:  # a verb of two words; no pattern of names is lost, for no model is called so
        given[:2] = ["models export"]
    try:
        options = parser().parse_args(given)
        status: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `visionkit read ... | head`: nobody listens any more, so nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (VisionkitError, OSError) as error:
        return complain(error)
    return status


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and stop."""
        self.exit(WRONG, f"visionkit: {message}; see {self.prog} --help\n")


def parser() -> Parser:
    """The verbs and their options."""
    top = Parser(prog="visionkit", description="Read the writing on photos; look at models.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"visionkit {__version__}")
    verbs = top.add_subparsers(title="verbs", required=True, metavar="VERB")
    photos.add_to(verbs)
    models.add_to(verbs)
    explain.add_to(verbs)
    launch.add_to(verbs)
    return top
