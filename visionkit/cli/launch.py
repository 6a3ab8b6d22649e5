"""The verb that starts workers: `visionkit launch`."""

import argparse
from typing import Any

from visionkit._launch import BACKENDS, launch


def add_to(verbs: Any) -> None:
    """Add this verb and its options to the command's."""
    verb = verbs.add_parser(
        "launch",
        help="run a training script in several processes on this machine",
        description="Run a script in several processes that train one model together: strategy('multi-worker') in the "
        "script joins them. Several GPUs of one machine need no workers, but strategy('multi-gpu').",
        allow_abbrev=False,
    )
    verb.add_argument("--workers", type=int, required=True, metavar="N", help="how many processes")
    verb.add_argument("--backend", choices=BACKENDS, help="of Keras (default: the one that it takes by itself)")
    verb.add_argument(
        "--restarts", type=int, default=0, metavar="K", help="start all of them again after a failure, at most K times"
    )
    verb.add_argument("script", metavar="SCRIPT", help="a file of Python")
    verb.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="what the script is called with")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`visionkit launch`."""
    return launch(
        options.script,
        options.arguments,
        workers=options.workers,
        backend=options.backend,
        restarts=options.restarts,
    )
