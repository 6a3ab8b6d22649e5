"""What to train of a pretrained network: the rule of thumb, with its reasons."""

import textwrap
from typing import Literal, NamedTuple

import keras

from visionkit import _checks
from visionkit._errors import ArgumentError, describe
from visionkit.train.transfer.fine_tune import ALL, Phase
from visionkit.train.transfer.parts import parts

LITTLE = 100  # samples a class


class Plan(NamedTuple):
    """What to train, and why; printed, it is a paragraph.

    Attributes:
        samples, classes: how much data there is.
        little: whether that is little.
        alike: whether it is like what the network was trained on.
        advice: what to do.
        reason: why.
        depth: which part of the base's layers to train after the head, counted from the last: 0 for none, 1 for all.
    """

    samples: int
    classes: int
    little: bool
    alike: bool
    advice: str
    reason: str
    depth: float

    def phases(self, base: keras.Layer) -> list[Phase]:
        """The plan for ``fine_tune``: epochs and rates to begin with.

        >>> base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> transfer_plan(samples=2000, classes=2, similarity="high").phases(base)[1].since
        'block5_conv1'
        """
        if not isinstance(base, keras.Layer):
            raise ArgumentError(f"phases: expected a model or a layer of Keras, got {describe(base)}")
        phases = [Phase(5, 1e-3)]
        norm = keras.layers.BatchNormalization
        names = [
            part.path for part in parts(base) if part.leaf and part.layer.weights and not isinstance(part.layer, norm)
        ]
        if self.depth and names:
            phases.append(Phase(10, 1e-5, names[-max(1, int(0.25 * len(names)))]))
        if self.depth == 1.0:
            phases.append(Phase(20, 1e-5, ALL))
        return phases

    def __str__(self) -> str:
        much = "little" if self.little else "much"
        said = (
            f"{self.samples:,} samples of {self.classes:,} classes, {self.samples / self.classes:,.0f} a class: {much} "
            f"data, {'like' if self.alike else 'unlike'} what the network was trained on."
        )
        return textwrap.fill(f"{said} {self.advice} {self.reason}", 100)


# (little, alike) -> advice, reason, depth
TABLE = {
    (True, True): (
        "Train a linear classifier on the last features, and leave the base as it is.",
        "The last features already tell such pictures apart, and so few samples would not train more weights, but "
        "be learned by heart.",
        0.0,
    ),
    (False, True): (
        "Train the head, then fine-tune a few of the last layers.",
        "The early layers fit as they are; there is enough data for the last ones, which know most of the old classes, "
        "to become better without being learned by heart.",
        0.25,
    ),
    (True, False): (
        "Try a linear classifier on features from several depths, and keep the best; this is the hard case.",
        "The last features are about other things, and the samples are too few to change them. Earlier features are "
        "more general: extract_features from keras.Model(base.input, base.get_layer(name).output). More data, or "
        "augmentation, would help most.",
        0.0,
    ),
    (False, False): (
        "Train the head, then the last layers, then many layers or all of them.",
        "The features are about other things, but there is data enough to change them; to begin with trained weights "
        "is still better than with random ones.",
        1.0,
    ),
}


def transfer_plan(*, samples: int, classes: int, similarity: Literal["high", "low"] | float) -> Plan:
    """What of a pretrained network to train, by how much data there is and how alike it is to that of the network.

    Fewer than 100 samples a class are little. That is a judgement: with 123 photos a class of 104 flowers, training a
    whole network paid (0.945 validation accuracy, with another, frozen one 0.836), and with 1,000 photos a class of
    cats and dogs, fine-tuning the last block did (0.97 over 0.96); with 16 photos a class of 14 faces, 0.77 was the
    end of it.

    Args:
        samples: how many there are to train on, over all classes.
        classes: how many of these there are.
        similarity: "high" or "low"; or a number in [0, 1], of which 0.5 and more is high.

    Returns:
        A Plan.

    Raises:
        ArgumentError: not such values.

    >>> print(transfer_plan(samples=220, classes=14, similarity="high"))
    220 samples of 14 classes, 16 a class: little data, like what the network was trained on. Train a
    linear classifier on the last features, and leave the base as it is. The last features already tell
    such pictures apart, and so few samples would not train more weights, but be learned by heart.
    """
    where = "transfer_plan"
    samples, classes = _checks.positive(where, "samples", samples), _checks.positive(where, "classes", classes)
    if isinstance(similarity, str) and similarity in ("high", "low"):
        alike = similarity == "high"
    elif isinstance(similarity, int | float) and not isinstance(similarity, bool) and 0 <= similarity <= 1:
        alike = similarity >= 0.5
    else:
        raise ArgumentError(
            f"{where}: expected similarity to be 'high', 'low' or a number in [0, 1], got {describe(similarity)}"
        )
    little = samples / classes < LITTLE
    return Plan(samples, classes, little, alike, *TABLE[little, alike])
