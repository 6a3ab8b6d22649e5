"""Keras Applications as the outside witness: its models, and weights that make them say something."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import keras
import numpy as np
from keras import applications
from keras.src.legacy.saving import legacy_h5_format


class Reference(NamedTuple):
    """A model of Keras Applications.

    own: the name of ours. options: what both take. total, trainable, no_top: its parameters (with classifier, trainable
    of them, without), as Keras counts them. scales: whether it scales pixel values itself. size: a small image.
    """

    own: str
    build: Callable[..., keras.Model]
    options: dict[str, float]
    total: int
    trainable: int
    no_top: int
    scales: bool = False
    size: int = 64


ALPHA = "alpha"
_A = applications
REFERENCES = {
    "VGG16": Reference("vgg16", _A.VGG16, {}, 138_357_544, 138_357_544, 14_714_688, size=32),
    "VGG19": Reference("vgg19", _A.VGG19, {}, 143_667_240, 143_667_240, 20_024_384, size=32),
    "ResNet50": Reference("resnet50", _A.ResNet50, {}, 25_636_712, 25_583_592, 23_587_712),
    "ResNet101": Reference("resnet101", _A.ResNet101, {}, 44_707_176, 44_601_832, 42_658_176),
    "ResNet152": Reference("resnet152", _A.ResNet152, {}, 60_419_944, 60_268_520, 58_370_944),
    "ResNet50V2": Reference("resnet50v2", _A.ResNet50V2, {}, 25_613_800, 25_568_360, 23_564_800),
    "ResNet101V2": Reference("resnet101v2", _A.ResNet101V2, {}, 44_675_560, 44_577_896, 42_626_560),
    "ResNet152V2": Reference("resnet152v2", _A.ResNet152V2, {}, 60_380_648, 60_236_904, 58_331_648),
    "DenseNet121": Reference("densenet121", _A.DenseNet121, {}, 8_062_504, 7_978_856, 7_037_504),
    "DenseNet169": Reference("densenet169", _A.DenseNet169, {}, 14_307_880, 14_149_480, 12_642_880),
    "DenseNet201": Reference("densenet201", _A.DenseNet201, {}, 20_242_984, 20_013_928, 18_321_984),
    "MobileNet-1.0": Reference("mobilenet", _A.MobileNet, {ALPHA: 1.0}, 4_253_864, 4_231_976, 3_228_864),
    "MobileNet-0.75": Reference("mobilenet", _A.MobileNet, {ALPHA: 0.75}, 2_601_976, 2_585_560, 1_832_976),
    "MobileNet-0.5": Reference("mobilenet", _A.MobileNet, {ALPHA: 0.5}, 1_342_536, 1_331_592, 829_536),
    "MobileNet-0.25": Reference("mobilenet", _A.MobileNet, {ALPHA: 0.25}, 475_544, 470_072, 218_544),
    "MobileNetV2-1.0": Reference("mobilenet_v2", _A.MobileNetV2, {ALPHA: 1.0}, 3_538_984, 3_504_872, 2_257_984),
    "MobileNetV2-1.4": Reference("mobilenet_v2", _A.MobileNetV2, {ALPHA: 1.4}, 6_156_712, 6_108_776, 4_363_712),
    "MobileNetV3Small": Reference(
        "mobilenet_v3_small", _A.MobileNetV3Small, {}, 2_554_968, 2_542_856, 939_120, scales=True
    ),
    "MobileNetV3Large": Reference(
        "mobilenet_v3_large", _A.MobileNetV3Large, {}, 5_507_432, 5_483_032, 2_996_352, scales=True
    ),
    "Xception": Reference("xception", _A.Xception, {}, 22_910_480, 22_855_952, 20_861_480, size=96),
    "EfficientNetB0": Reference("efficientnet_b0", _A.EfficientNetB0, {}, 5_330_571, 5_288_548, 4_049_571, scales=True),
    "EfficientNetB1": Reference("efficientnet_b1", _A.EfficientNetB1, {}, 7_856_239, 7_794_184, 6_575_239, scales=True),
    "EfficientNetB2": Reference("efficientnet_b2", _A.EfficientNetB2, {}, 9_177_569, 9_109_994, 7_768_569, scales=True),
    "EfficientNetB3": Reference(
        "efficientnet_b3", _A.EfficientNetB3, {}, 12_320_535, 12_233_232, 10_783_535, scales=True
    ),
    "EfficientNetB4": Reference(
        "efficientnet_b4", _A.EfficientNetB4, {}, 19_466_823, 19_341_616, 17_673_823, scales=True
    ),
    "EfficientNetB5": Reference(
        "efficientnet_b5", _A.EfficientNetB5, {}, 30_562_527, 30_389_784, 28_513_527, scales=True
    ),
    "EfficientNetB6": Reference(
        "efficientnet_b6", _A.EfficientNetB6, {}, 43_265_143, 43_040_704, 40_960_143, scales=True
    ),
    "EfficientNetB7": Reference(
        "efficientnet_b7", _A.EfficientNetB7, {}, 66_658_687, 66_347_960, 64_097_687, scales=True
    ),
}


def reference_model(reference: Reference, **options) -> keras.Model:
    """The model of Keras Applications, small, with weights whose outputs differ from picture to picture."""
    keras.utils.set_random_seed(1)
    side = reference.size
    given = {"input_shape": (side, side, 3), "classifier_activation": None, **reference.options, **options}
    model = reference.build(weights=None, **given)
    calibrate(model, pictures(reference))
    return model


def own_options(reference: Reference) -> dict:
    """The same for our model."""
    side = reference.size
    given = {"input_shape": (side, side, 3), "classifier_activation": None, **reference.options}
    # Their EfficientNet always scales, ours may leave it to the caller; the others of theirs never do.
    return {**given, "include_preprocessing": reference.scales}


def pictures(reference: Reference, count: int = 4) -> np.ndarray:
    low, high = (0, 255) if reference.scales else (-1, 1)
    shape = (count, reference.size, reference.size, 3)
    return np.random.default_rng(0).uniform(low, high, shape).astype("float32")


def calibrate(model: keras.Model, x: np.ndarray) -> None:
    """Stir the normalisations and take their statistics from a batch: raw random weights make all outputs equal."""
    generator = np.random.default_rng(2)
    norms = [one for one in model._flatten_layers() if isinstance(one, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.gamma.assign(generator.uniform(0.5, 1.5, norm.gamma.shape))
        norm.beta.assign(generator.normal(0, 0.2, norm.beta.shape))
        norm.momentum = 0.0
    model(x, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def save_official(model: keras.Model, path: Path, rename: Callable[[str], str] = lambda name: name) -> Path:
    """Write weights in the format of the official files, under other names of layers if wanted."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
        names = [name.decode() if isinstance(name, bytes) else name for name in file.attrs["layer_names"]]
        for name in names:
            if rename(name) != name:
                file.move(name, f"moved {name}")
        for name in names:
            if rename(name) != name:
                file.move(f"moved {name}", rename(name))
        file.attrs["layer_names"] = [rename(name).encode() for name in names]
    return path
