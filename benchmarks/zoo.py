"""How fast models are built and run, against other collections in the same run: `python benchmarks/zoo.py`.

Everyone builds the model with its top and random weights, and runs `predict` on 8 images. keras-hub's presets are
downloads, but the settings of these presets come with it; its classifiers and those of kimm follow timm, so their
parameters may differ a little, and the stride of a ResNet is elsewhere. What cannot be had is named and left out.
"""

import gc
import importlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from turns import Bench, parser

import visionkit.models

OURS, REFERENCE, KIMM, HUB = "visionkit", "Keras Applications", "kimm", "keras-hub"
SHAPE, BATCH = (224, 224, 3), 8

# the model's name there -> here, in kimm; in keras-hub the family, timm's name and what its classifier is told
TOP = {"activation": "softmax"}
MODELS: dict[str, tuple[str, str | None, tuple[str, str, dict[str, Any]] | None]] = {
    "ResNet50": ("resnet50", "ResNet50", ("ResNet", "resnet50", TOP)),
    "MobileNet": ("mobilenet", None, None),
    "MobileNetV2": ("mobilenet_v2", "MobileNetV2W100", None),
    "MobileNetV3Large": (
        "mobilenet_v3_large",
        "MobileNetV3W100Large",
        ("MobileNet", "mobilenetv3_large_100", {"num_features": 1280}),
    ),
    "EfficientNetB0": ("efficientnet_b0", "EfficientNetB0", ("EfficientNet", "efficientnet_b0", TOP)),
    "DenseNet121": ("densenet121", "DenseNet121", ("DenseNet", "densenet121", TOP)),
}
SCALED = ("MobileNetV3Large", "EfficientNetB0")  # these of Keras Applications scale the pixels themselves
HELD = {"ResNet50": 1.0, "MobileNet": 1.0}  # built, against Keras Applications

Build = Callable[[], Any]


def main() -> None:
    """Print a ratio for each model and collection."""
    options = parser(__doc__, rounds=9)
    options.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="NAME")
    given = options.parse_args()
    bench = Bench(given, "keras", "tensorflow", KIMM, HUB)
    images = np.random.default_rng(0).random((BATCH, *SHAPE), dtype=np.float32)
    for name in given.models[:1] if given.quick else given.models:
        builders = candidates(name, bench)
        spent = bench.in_turn(builders, before=forget)
        for who in builders:
            if who != OURS:
                least = HELD.get(name) if who == REFERENCE else None
                bench.speed(f"{name}, built", who, spent[OURS], spent[who], least=least)
        forget()
        models = {who: build() for who, build in builders.items()}
        spent = bench.in_turn({who: partial(model.predict, images, verbose=0) for who, model in models.items()})
        for who in builders:
            if who != OURS:
                bench.speed(f"{name}, run", who, spent[OURS], spent[who])
    bench.close()


def candidates(name: str, bench: Bench) -> dict[str, Build]:
    """What builds the model in each collection that has it."""
    ours, in_kimm, in_hub = MODELS[name]
    scaling = name in SCALED
    builders: dict[str, Build] = {
        OURS: lambda: visionkit.models.create(ours, include_preprocessing=scaling),
        REFERENCE: lambda: getattr(keras.applications, name)(weights=None),
        KIMM: partial(kimm, in_kimm, scaling),
        HUB: partial(keras_hub, in_hub),
    }
    found, sizes = {}, []
    for who, build in builders.items():
        try:
            sizes.append(f"{who} {build().count_params():,}")
        except Exception as error:  # whatever fails in another collection is said, and the rest goes on
            if who in (OURS, REFERENCE):
                raise
            bench.left_out(f"{name} of {who}", error)
            continue
        found[who] = build
    bench.note(f"{name}, parameters: {', '.join(sizes)}.")
    return found


def kimm(name: str | None, scaling: bool) -> Any:
    """A model of kimm."""
    import kimm

    if name is None:
        raise LookupError("it has no such model")
    return getattr(kimm.models, name)(weights=None, include_preprocessing=scaling, input_shape=SHAPE)


def keras_hub(settings: tuple[str, str, dict[str, Any]] | None) -> Any:
    """A classifier of keras-hub, by the settings of its preset."""
    import keras_hub

    if settings is None:
        raise LookupError("it has no such model; of the MobileNets it has the third only")
    family, name, top = settings
    presets = importlib.import_module(f"keras_hub.src.utils.timm.convert_{family.lower()}")
    shape = {"input_shape" if family == "EfficientNet" else "image_shape": SHAPE}
    make = getattr(keras_hub.models, f"{family}Backbone")
    backbone = make(**presets.convert_backbone_config({"architecture": name}), **shape)
    return getattr(keras_hub.models, f"{family}ImageClassifier")(backbone=backbone, num_classes=1000, **top)


def forget() -> None:
    """Start afresh: what earlier models left behind slows later ones down."""
    keras.utils.clear_session()
    gc.collect()


if __name__ == "__main__":
    main()
