"""How the site is built: `nox -s docs`; `nox -s docs -- --no-gallery` leaves the examples unrun."""

import os
import re
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before anything imports TensorFlow
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import gallery  # of _ext

import visionkit

project = "visionkit"
author = "The visionkit developers"
project_copyright = author
version = release = visionkit.__version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "signatures",
    "verbs",
]
templates_path = ["_templates"]
exclude_patterns = ["sg_execution_times.rst"]

smartquotes_action = "D"  # dashes, but "auto" is what one types

# pages: plain Markdown that GitHub shows, too
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# the reference: pages are made of __all__ and of docstrings
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autosummary_context = {"zoo": visionkit.models.list_models()}
autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_display_short_literal_types = True
maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_param = False  # which would part "width, height: in pixels"
napoleon_use_rtype = False

# the gallery: each example of a system, run with --quick
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "ignore_pattern": gallery.OTHERS,
    "within_subsection_order": "ExampleTitleSortKey",
    "reset_argv": "gallery.arguments",
    "reset_modules": ("gallery.begin",),
    "image_scrapers": ("gallery.pictures",),
    "capture_repr": (),  # what a script would not print
    "backreferences_dir": "gallery/uses",
    "doc_module": ("visionkit",),
    "notebook_extensions": set(),  # which would not find what the examples share
    "download_all_examples": False,
    "write_computation_times": False,
}

html_theme = "furo"
html_title = f"visionkit {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False

# files of the project's root that have a page here
PAGES = {"CHANGELOG": "changelog", "CONTRIBUTING": "contributing", "README": "index", "SECURITY": "reporting"}


def within(app: Any, page: str, source: list[str]) -> None:
    """Lead links to files of the root, which are for GitHub, to their pages."""
    root = rf"\]\(\.\./((?:\.\./)*)({'|'.join(PAGES)})\.md"
    source[0] = re.sub(root, lambda found: f"]({found[1]}{PAGES[found[2]]}.md", source[0])


def setup(app: Any) -> None:
    """For Sphinx."""
    app.connect("source-read", within)
