"""The verb that shows what a network looks at: `visionkit explain`."""

import argparse
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionkit._errors import ArgumentError, FileError, ModelError, one_of
from visionkit.cli.folder import Answer, expand, for_each, places
from visionkit.cli.photos import coloured, count
from visionkit.cli.show import hushed, import_keras, printable

if TYPE_CHECKING:
    import keras

    from visionkit.preprocess.image import Image

LAYERED = ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam", "scorecam", "ablationcam")  # by one function
PIXELS = (
    "saliency",
    "input_x_gradient",
    "smoothgrad",
    "integrated_gradients",
    "guided_backprop",
    "occlusion",
    "rise",
)
LONGEST = 512  # pixels that a model without a size of its own is shown


def add_to(verbs: Any) -> None:
    """Add this verb and its options to the command's."""
    verb = verbs.add_parser(
        "explain",
        help="show where on photos a network sees its class",
        description="Write for each photo a picture of photo, heatmap and overlay, with class and probability.",
        epilog="Exit status: 0 done; 2 wrong usage or an unusable file.",
        allow_abbrev=False,
    )
    verb.add_argument("model", type=Path, metavar="MODEL.keras", help="a file that model.save has written")
    verb.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="a picture, or a folder of pictures")
    verb.add_argument(
        "--method", choices=(*LAYERED, *PIXELS), default="gradcam", metavar="NAME", help=", ".join((*LAYERED, *PIXELS))
    )
    verb.add_argument("--layer", metavar="NAME", help="for the methods on -cam: which (default: the last with maps)")
    which = verb.add_mutually_exclusive_group()
    which.add_argument("--class", dest="wanted", metavar="N", help="a class: its number from 0 on, or its label")
    which.add_argument("--top", type=count, default=1, metavar="K", help="the K likeliest classes (default: 1)")
    verb.add_argument("--labels", type=Path, metavar="FILE", help="what the classes are called, one in a line")
    verb.add_argument("--scale", action="store_true", help="the model takes pixels from 0 to 1, not from 0 to 255")
    verb.add_argument(
        "--out", type=Path, default=Path("explained"), metavar="FOLDER", help="where to (default: explained)"
    )
    verb.add_argument("--json", action="store_true", help="JSON, one object in a line for each photo")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """`visionkit explain`."""
    if options.layer is not None and options.method in PIXELS:
        raise ArgumentError(f"--layer: {options.method} looks at pixels and not at a layer; leave it out")
    photos, _ = expand(options.photos)
    if options.out.exists() and not options.out.is_dir():
        raise FileError(f"--out: expected a folder, got the file '{options.out}'")
    if options.out.resolve() in {photo.resolve().parent for photo in photos}:
        raise ArgumentError(f"--out: the photos are in '{options.out}' and might be replaced; name another folder")
    labels = read_labels(options.labels)
    wanted = class_of(options.wanted, labels)
    import_keras()
    from visionkit import explain, preprocess
    from visionkit.models.tools.source import model_of

    with hushed():
        model = model_of("explain", options.model)
    size = input_of(model)
    maps = method_of(options.method, options.layer)
    drawings = places("--out", options.out, photos, several=True)

    def answer(photo: Path) -> Answer:
        picture = preprocess.read(photo, mode="gray" if size[2] == 1 else "rgb")
        image = pixels_of(picture, size) / (255 if options.scale else 1)
        with hushed(), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("default")
            found = classes_of(model, image, wanted, options.top, labels)
            many = image.repeat(len(found), axis=0)
            heatmaps = maps(model, many, target=[one["class"] for one in found])
        for warning in told:
            print(f"visionkit: note: {printable(photo)}: {warning.message}", file=sys.stderr)
        texts = [f"{one['label']} {one['probability']:.2f}" for one in found]
        preprocess.write(drawings[photo], explain.panels([picture] * len(found), heatmaps, labels=texts))
        text = f"{', '.join(texts)}  {printable(drawings[photo])}"
        rounded = [one | {"probability": round(one["probability"], 4)} for one in found]
        data = {"classes": rounded, "picture": str(drawings[photo])}
        return Answer(data, text, lambda: coloured(photo, text, "green"))

    return for_each(photos, True, answer, as_json=options.json)


def read_labels(path: Path | None) -> list[str]:
    """What the classes are called; nothing without a file."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FileError(f"--labels: cannot read '{path}': {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"--labels: expected a text in UTF-8 in '{path}': {error.reason}") from error
    labels = [line.strip() for line in lines if line.strip()]
    if not labels:
        raise FileError(f"--labels: expected a label in each line of '{path}', got none")
    return labels


def class_of(text: str | None, labels: list[str]) -> int | None:
    """The number of a class that is given by number or label."""
    if text is None:
        return None
    if text in labels:
        return labels.index(text)
    if text.isascii() and text.isdigit():
        return int(text)
    if labels:
        raise one_of("explain", "--class", text, labels)
    raise ArgumentError(f"--class: expected the number of a class, got {text!r}; --labels tells what they are called")


def input_of(model: "keras.Model") -> tuple[int | None, int | None, int]:
    """Height, width and channels of the image that a model takes; None where it takes any."""
    built = getattr(model, "inputs", None)  # a model with a call of its own knows only what it was built for
    config = model.get_build_config() or {}
    shapes = [tuple(one.shape) for one in built] if built else [tuple(config.get("input_shape") or (None,) * 4)]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] not in (None, 1, 3):
        shown = ", ".join(map(str, shapes))
        raise ModelError(
            f"explain: expected a model that takes one image (N, H, W, 1 or 3), got one that takes {shown}"
        )
    _, height, width, channels = shapes[0]
    return height, width, channels or 3


def pixels_of(picture: "Image", size: tuple[int | None, int | None, int]) -> Any:
    """A picture as the model takes it, (1, H, W, C)."""
    from visionkit import preprocess

    height, width, channels = size
    if height is None and width is None:
        picture = preprocess.resize(picture, longest=min(LONGEST, max(picture.shape)))
    else:
        picture = preprocess.resize(picture, height=height, width=width)
    return picture.reshape(1, *picture.shape[:2], channels).astype("float32")


def classes_of(
    model: "keras.Model", image: Any, wanted: int | None, top: int, labels: list[str]
) -> list[dict[str, Any]]:
    """Number, label and probability of the classes to be shown."""
    import keras
    import numpy as np

    from visionkit.explain.probe.probe import Probe

    target: Any = wanted
    if top > 1:
        made = keras.ops.convert_to_numpy(keras.tree.flatten(model(image, training=False))[0])
        if made.ndim != 2 or made.shape[1] < top:
            raise ArgumentError(f"--top: expected a model with at least {top} classes, got outputs {made.shape}")
        target = np.argsort(-made[0])[:top]
    probe = Probe("explain", model, image.repeat(top, axis=0), target=target)
    _, probabilities, classes = probe.scores()
    units = probe.survey.outputs[0].shape[-1]
    if labels and len(labels) != max(2, units):
        raise ArgumentError(
            f"--labels: expected {max(2, units)} labels for the classes of the model, got {len(labels)}"
        )
    return [
        {"class": int(one), "label": labels[one] if labels else f"class {one}", "probability": float(share)}
        for one, share in zip(classes, probabilities, strict=True)
    ]


def method_of(name: Any, layer: str | None) -> Any:
    """What makes the maps."""
    from visionkit import explain

    if name not in LAYERED:
        quiet = {} if name in ("saliency", "input_x_gradient", "guided_backprop") else {"verbose": 0}
        return partial(getattr(explain, name), **quiet)
    if name == "eigencam":  # of no class
        return lambda model, images, target: explain.gradcam(model, images, layer=layer, method=name)
    return partial(explain.gradcam, layer=layer, method=name)
