"""The directive `verbs`: what each verb of the command line says of itself."""

import argparse
import os
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from visionkit.cli import parser


class Verbs(Directive):
    """A section for each verb, with its help."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        os.environ["COLUMNS"] = "88"  # what argparse takes for the width of the terminal
        [verbs] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
        return [self._section(name, verb.format_help()) for name, verb in verbs.choices.items()]

    def _section(self, name: str, text: str) -> nodes.section:
        section = nodes.section("", nodes.title(text=name), ids=[nodes.make_id(name)], names=[name])
        section += nodes.literal_block(text, text, language="text")
        self.state.document.note_explicit_target(section)
        return section


def setup(app: Any) -> dict[str, bool]:
    """For Sphinx."""
    app.add_directive("verbs", Verbs)
    return {"parallel_read_safe": True}
