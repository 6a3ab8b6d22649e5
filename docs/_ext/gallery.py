"""Which examples are in the gallery, how they are run there, and where their pictures are."""

import re
import shutil
from pathlib import Path
from typing import Any

import keras
from sphinx_gallery.scrapers import figure_rst

EXAMPLES = Path(__file__).parents[2] / "examples"

# those that are cut into cells; what the examples share, and what makes the shipped networks, are not
SHOWN = [path.name for path in EXAMPLES.glob("*.py") if "\n# %%\n" in path.read_text(encoding="utf-8")]
OTHERS = rf"^(?!({'|'.join(map(re.escape, sorted(SHOWN)))})$)"


def arguments(gallery: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """What an example is called with."""
    return ["--quick"]


def begin(gallery: dict[str, Any], script: str) -> None:
    """Forget the example before, and what this one left: a finished run would not be trained again."""
    keras.utils.clear_session()
    shutil.rmtree(EXAMPLES / "runs" / Path(script).stem, ignore_errors=True)


def pictures(block: Any, script: dict[str, Any], gallery: dict[str, Any]) -> str:
    """The pictures that one cell of an example wrote, for its page."""
    folder = EXAMPLES / "runs" / Path(script["src_file"]).stem / "quick"
    shown = script.setdefault("shown", set())
    new = sorted(set(folder.glob("*.png")) - shown, key=lambda path: path.stat().st_mtime)
    shown.update(new)
    copies = [shutil.copy(path, place) for path, place in zip(new, script["image_path_iterator"], strict=False)]
    return figure_rst(copies, gallery["src_dir"])
