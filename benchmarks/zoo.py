"""How fast models are built and run, against other collections in the same run: `python benchmarks/zoo.py`.

Machines differ and are noisy: the ratios count. In each round every candidate has its turn, in an order that rotates;
a ratio is taken within a round, and the median over the rounds is printed, with the middle half of them. Candidates
that are not installed, or whose model cannot be had without a download, are named and left out.
"""

import argparse
import gc
import importlib.metadata
import os
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import visionkit.models

OURS, REFERENCE = "visionkit", "keras.applications"

# the model's name there -> here, in kimm
BUILT = {
    "ResNet50": ("resnet50", "ResNet50"),
    "MobileNet": ("mobilenet", None),
    "MobileNetV2": ("mobilenet_v2", "MobileNetV2W100"),
    "EfficientNetB0": ("efficientnet_b0", "EfficientNetB0"),
    "DenseNet121": ("densenet121", "DenseNet121"),
}
RUN = ("ResNet50", "MobileNet")
# What is to be at most 1.0.
HELD = (("build", "ResNet50"), ("build", "MobileNet"))

Build = Callable[[], Any]


def main() -> None:
    """Print a ratio for each model and collection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(BUILT)}; all unless given")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count (default 9)")
    arguments = parser.parse_args()
    unknown = {*arguments.models} - {*BUILT}
    if unknown:
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(BUILT)}")
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, {os.cpu_count()} CPUs; 1.0 is {REFERENCE}")
    for name in arguments.models or BUILT:
        print(f"\n{name}")
        builders = candidates(name)
        report("build", name, in_turn(builders, arguments.rounds, before=forget))
        if name in RUN:
            forget()
            images = np.random.default_rng(0).random((8, 224, 224, 3), dtype=np.float32)
            models = {who: build() for who, build in builders.items()}
            runs = {who: partial(model.predict, images, verbose=0) for who, model in models.items()}
            report("predict", name, in_turn(runs, arguments.rounds, before=gc.collect))


def candidates(name: str) -> dict[str, Build]:
    """What builds the model, with its top and random weights, in each collection that has it."""
    ours, in_kimm = BUILT[name]
    found: dict[str, Build] = {
        OURS: lambda: visionkit.models.create(ours, include_preprocessing=False),
        REFERENCE: lambda: getattr(keras.applications, name)(weights=None),
    }
    for package, build in (("kimm", kimm(in_kimm)), ("keras-hub", keras_hub(name))):
        try:
            version = importlib.metadata.version(package)
            if build is None:
                raise NotImplementedError("it has none that can be built without a download")
            parameters = build().count_params() / 1e6
        except Exception as error:  # whatever fails in another collection is said, and the rest goes on
            print(f"  {package}: left out: {type(error).__name__}: {' '.join(str(error).split())[:120]}")
            continue
        found[f"{package} {version}"] = build
        print(f"  {package} {version}: {parameters:.2f} million parameters")
    for who in (OURS, REFERENCE):
        print(f"  {who}: {found[who]().count_params() / 1e6:.2f} million parameters")
    return found


def kimm(name: str | None) -> Build | None:
    """What builds a model of kimm."""
    if name is None:
        return None

    def build() -> Any:
        import kimm

        make = getattr(kimm.models, name)
        return make(weights=None, include_preprocessing=False, input_shape=(224, 224, 3))

    return build


def keras_hub(name: str) -> Build | None:
    """What builds a classifier of keras-hub, whose presets are downloads; these are their settings."""
    shape = (224, 224, 3)
    resnet = {
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 128, 256, 512],
        "stackwise_num_blocks": [3, 4, 6, 3],
        "stackwise_num_strides": [1, 2, 2, 2],
        "block_type": "bottleneck_block",
        "image_shape": shape,
    }
    densenet = {"stackwise_num_repeats": [6, 12, 24, 16], "image_shape": shape}
    efficientnet = {
        "stackwise_width_coefficients": [1.0] * 7,
        "stackwise_depth_coefficients": [1.0] * 7,
        "stackwise_kernel_sizes": [3, 3, 5, 3, 5, 5, 3],
        "stackwise_num_repeats": [1, 2, 2, 3, 3, 4, 1],
        "stackwise_input_filters": [32, 16, 24, 40, 80, 112, 192],
        "stackwise_output_filters": [16, 24, 40, 80, 112, 192, 320],
        "stackwise_expansion_ratios": [1, 6, 6, 6, 6, 6, 6],
        "stackwise_strides": [1, 2, 2, 2, 1, 2, 1],
        "stackwise_squeeze_and_excite_ratios": [0.25] * 7,
        "stackwise_block_types": ["v1"] * 7,
        "input_shape": shape,
    }
    settings: dict[str, tuple[str, Mapping[str, Any]]] = {
        "ResNet50": ("ResNet", resnet),
        "DenseNet121": ("DenseNet", densenet),
        "EfficientNetB0": ("EfficientNet", efficientnet),
    }
    if name not in settings:
        return None

    def build() -> Any:
        import keras_hub

        family, options = settings[name]
        backbone = getattr(keras_hub.models, f"{family}Backbone")(**options)
        classifier = getattr(keras_hub.models, f"{family}ImageClassifier")
        return classifier(backbone=backbone, num_classes=1000, activation="softmax")

    return build


def forget() -> None:
    """Start afresh: what earlier models left behind slows later ones down."""
    keras.utils.clear_session()
    gc.collect()


def in_turn(actions: Mapping[str, Build], rounds: int, *, before: Callable[[], object]) -> dict[str, list[float]]:
    """The seconds that each takes, round by round, after one round that does not count."""
    spent: dict[str, list[float]] = {who: [] for who in actions}
    order = list(actions)
    for number in range(rounds + 1):
        for who in order:
            before()
            start = time.perf_counter()
            done = actions[who]()
            seconds = time.perf_counter() - start
            del done
            if number:
                spent[who].append(seconds)
        order = order[1:] + order[:1]
    return spent


def report(what: str, name: str, spent: Mapping[str, list[float]]) -> None:
    """Print the ratios to the reference."""
    for who, times in spent.items():
        if who != REFERENCE:
            ratios = sorted(one / other for one, other in zip(times, spent[REFERENCE], strict=True))
            quarter, middle = len(ratios) // 4, statistics.median(ratios)
            held = f"   at most 1: {'yes' if middle <= 1 else 'NO'}" if who == OURS and (what, name) in HELD else ""
            print(f"  {what:8}{who:18}{middle:6.2f}   ({ratios[quarter]:.2f}-{ratios[-1 - quarter]:.2f}){held}")


if __name__ == "__main__":
    main()
