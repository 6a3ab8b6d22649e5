"""The verbs about models: `visionkit models | profile | models export`."""

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from visionkit._errors import ArgumentError, FileError
from visionkit.cli.show import NOT_READ, OK, hushed, import_keras, printable, show_rows, show_table

FORMATS = ("keras", "saved_model", "litert", "onnx", "openvino")
_MODEL = "a name that `visionkit models` lists, or a .keras file"


def add_to(verbs: Any) -> None:
    """Add these verbs and their options to the command's."""
    verb = verbs.add_parser("models", help="list the models by name", allow_abbrev=False)
    verb.add_argument("pattern", nargs="?", default="*", metavar="PATTERN", help="as in file names: 'resnet*'")
    verb.set_defaults(run=models)

    verb = verbs.add_parser("models export", help="write a model in the format of another runtime", allow_abbrev=False)
    verb.add_argument("model", metavar="MODEL", help=_MODEL)
    verb.add_argument("--format", choices=FORMATS, help="which; may be left out where --out tells it by its suffix")
    verb.add_argument("--out", type=Path, metavar="PATH", help="where to (default: here, under the model's name)")
    verb.add_argument("--weights", metavar="PATH", help="a .weights.h5 or .keras file with the weights to put in")
    verb.set_defaults(run=export)

    verb = verbs.add_parser("profile", help="count the parameters and multiply-adds of a model", allow_abbrev=False)
    verb.add_argument("model", metavar="MODEL", help=_MODEL)
    verb.add_argument("--input", type=shape, metavar="HxWxC", help="size of the images, such as 224x224x3")
    verb.add_argument("--layers", action="store_true", help="also layer by layer")
    verb.add_argument("--json", action="store_true", help="JSON, one object")
    verb.set_defaults(run=profile)


def shape(text: str) -> tuple[int, ...]:
    """A shape from the command line."""
    sizes = tuple(map(int, text.lower().split("x")))
    if min(sizes) < 1:
        raise ValueError(text)
    return sizes


def models(options: argparse.Namespace) -> int:
    """`visionkit models`."""
    import_keras()
    from visionkit import models

    names = models.list_models(options.pattern)
    if not names:
        print(f"visionkit: no model has a name like {options.pattern!r}; `visionkit models` lists all", file=sys.stderr)
        return NOT_READ
    if sys.stdout.isatty():
        first_lines = [(getattr(models, name).__doc__ or "").partition("\n")[0] for name in names]
        show_rows(("model", "what it is"), zip(names, first_lines, strict=True))
    else:
        print("\n".join(names))
    return OK


def profile(options: argparse.Namespace) -> int:
    """`visionkit profile`."""
    import_keras()
    from visionkit.models.tools.profile import profile

    with hushed():
        found = profile(options.model, input_shape=options.input)
    if options.json:
        print(json.dumps(found.to_dict()))
        return OK
    by_type = found.table()
    if options.layers:
        show_table(found.table(layers=True)._replace(note=""))
        print()
        by_type = by_type._replace(title="")
    show_table(by_type)
    return OK


def export(options: argparse.Namespace) -> int:
    """`visionkit models export`."""
    if options.format is None and options.out is None:
        raise ArgumentError("models export: expected --format or --out, got neither; give --format onnx, for example")
    import_keras()
    from visionkit._table import megabytes
    from visionkit.models.tools.export import SUFFIXES, export
    from visionkit.models.tools.source import model_of

    named = Path(options.model)
    is_file = named.suffix == ".keras"
    out = options.out or Path((named.stem if is_file else options.model) + SUFFIXES[options.format])
    if is_file and out.resolve() == named.resolve():
        raise FileError(f"models export: '{out}' is the model's own file, which it would replace; give another --out")
    with hushed(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        model = model_of("models export", options.model, weights=options.weights)
        export(model, out, format=options.format)
    for warning in told:
        print("visionkit: note:", " ".join(str(warning.message).split()), file=sys.stderr)
    if not is_file and options.weights is None:
        print(f"visionkit: note: {options.model} has random weights; --weights puts others in", file=sys.stderr)
    size = sum(file.stat().st_size for file in (out.rglob("*") if out.is_dir() else [out]))
    print(f"{printable(out)}  {megabytes(size)}" if sys.stdout.isatty() else printable(out))
    return OK
