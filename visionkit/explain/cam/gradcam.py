"""Grad-CAM and its family: one function."""

from typing import Any, Literal

import keras
import numpy as np

from visionkit import _checks
from visionkit._errors import ArgumentError, one_of
from visionkit.explain.cam.eigen import eigencam
from visionkit.explain.cam.methods import GRADIENT, by_gradient
from visionkit.explain.cam.perturbing import PERTURBING, weighted
from visionkit.explain.pictures.upsample import Evidence
from visionkit.explain.pictures.upsample import normalize as normalized
from visionkit.explain.pictures.upsample import upsample as upsampled
from visionkit.explain.probe.probe import Floats, Probe
from visionkit.explain.probe.target import nothing

Method = Literal["gradcam", "gradcam++", "hirescam", "layercam", "eigencam", "scorecam", "ablationcam"]

METHODS = (*GRADIENT, "eigencam", *PERTURBING)
EVIDENCE = ("for", "against", "both")


def gradcam(
    model: keras.Model,
    images: Any,
    *,
    target: Any = None,
    layer: Any = None,
    method: Method = "gradcam",
    evidence: Evidence = "for",
    output: int | str | None = None,
    normalize: bool = True,
    upsample: bool = True,
    batch_size: int = 32,
) -> Floats:
    """Show where on an image a layer found what speaks for a class.

    Args:
        model: any ``keras.Model``, however nested; it stays as it is.
        images: (N, H, W, C) as the model takes them; a list or dict of arrays for several inputs, of which the first
            (N, H, W, C) is the picture that the maps are of.
        target: None for the predicted class, a class, an array of N classes, or a function of the outputs, with
            softmax and sigmoid removed, that gives one score for each image: the mean score of a region of a
            segmentation, a number that is estimated, the likeness of two embeddings.
        layer: what to look at: a layer, its name, its path "backbone/conv5" where names are ambiguous, or a list of
            these, the maps of which are averaged; None for the last layer with spatial output. Of a shared layer the
            calls that the picture reaches are averaged; "name:0" is the first of all.
        method: how the channels A of the layer are put together, g being the gradient of the score at them:

            - "gradcam": each channel by its mean gradient.
            - "gradcam++": by its positive gradients, weighed so that each of several objects counts.
            - "hirescam": g A, place by place; what is shown is what the score was made of.
            - "layercam": g A where g is positive; for early layers, too.
            - "eigencam": the first principal component of the channels. No class is asked for.
            - "scorecam": each channel by what the score gains over a picture of zeros when only what the channel
              answers to is shown. No gradient; one pass of the model for each channel.
            - "ablationcam": each channel by the part of the score that is lost without it. No gradient; one pass of
              the model for each channel.
        evidence: "for" shows what speaks for the class, "against" what speaks against it, which is what speaks for the
            negated score, and "both" the first minus the second.
        output: which output has the classes, by name or number, of a model with several.
        normalize: whether each map is divided by its largest value.
        upsample: whether the maps are brought to the size of the images, else they are as small as the layer's.
        batch_size: how many images go through the model at once.

    Returns:
        float32 (N, H, W), in [0, 1], for "both" in [-1, 1]. A map of which nothing is left is zero, and a warning
        names it.

    Raises:
        ModelError: not a model; it does not take the images; it has no spatial layer; its values are not finite.
        ArgumentError: an argument that does not fit, also one that "eigencam" would have to ignore.

    Source: Selvaraju et al., Grad-CAM, 2017 (arXiv 1610.02391); Chattopadhay et al., Grad-CAM++, 2018 (1710.11063);
    Draelos and Carin, HiResCAM, 2020 (2011.08891); Jiang et al., LayerCAM, 2021 (IEEE TIP 30); Muhammad and Yeasin,
    Eigen-CAM, 2020 (2008.00299); Wang et al., Score-CAM, 2020 (1910.01279); Desai and Ramaswamy, Ablation-CAM, 2020
    (WACV).

    >>> layers = [keras.Input((8, 8, 1)), keras.layers.MaxPooling2D(), keras.layers.GlobalAveragePooling2D()]
    >>> bright = keras.Sequential([*layers, keras.layers.Dense(1, kernel_initializer="ones")])
    >>> image = np.zeros((1, 8, 8, 1)); image[0, 6:, 2:4] = 1
    >>> gradcam(bright, image, upsample=False)[0]
    array([[0., 0., 0., 0.],
           [0., 0., 0., 0.],
           [0., 0., 0., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    """
    where = "gradcam"
    if method not in METHODS:
        raise one_of(where, "method", method, METHODS)
    if evidence not in EVIDENCE:
        raise one_of(where, "evidence", evidence, EVIDENCE)
    _checks.flag(where, "normalize", normalize)
    _checks.flag(where, "upsample", upsample)
    together = _checks.positive(where, "batch_size", batch_size)
    if method == "eigencam":
        _check_no_class(target, evidence, output)
        target = nothing
    batch = 1 if method in PERTURBING else together
    probe = Probe(where, model, images, layer=layer, target=target, output=output, batch_size=batch)
    if layer is None:
        probe.taps = probe.last_layer()
    sizes = [size[:2] for size in _sizes(probe)]
    if not upsample and len(set(sizes)) > 1:
        shown = ", ".join(f"{height} x {width}" for height, width in sizes)
        raise ArgumentError(f"{where}: layers of {shown} cannot be averaged as they are; leave out upsample=False")
    if method in PERTURBING:
        maps = _perturbed(probe, method, evidence, together)
    else:
        maps = probe.run(eigencam if method == "eigencam" else by_gradient(method, evidence))
    for one in maps:
        probe.check_finite(one)
    if upsample:
        maps = [upsampled(one, probe.inputs.size) for one in maps]
    if len(maps) > 1 and normalize:
        maps = [one / _peaks(one) for one in maps]
    fused: Floats = np.mean(maps, axis=0, dtype=np.float32) if len(maps) > 1 else maps[0]
    return normalized(-fused if evidence == "against" else fused, evidence, where=where) if normalize else fused


def _perturbed(probe: Probe, method: str, evidence: str, together: int) -> list[Floats]:
    """The maps of the methods that take no gradient, one tap after the other."""
    probe.settle()  # the class is that of the whole image, whatever is hidden of it
    taps, made = probe.taps, []
    for tap, (_, _, channels) in zip(taps, _sizes(probe), strict=True):
        probe.taps = [tap]
        most = 1 if probe.inputs.fixed_batch else min(together, channels)
        maps = probe.run(weighted, PERTURBING[method](probe, channels, most))
        made.append(maps if evidence == "both" else np.maximum(maps if evidence == "for" else -maps, 0))
    return made


def _sizes(probe: Probe) -> list[tuple[int, ...]]:
    """Height, width and channels of each tap."""
    shapes = {call.tap: call.shape for call in probe.survey.calls}
    for tap in probe.taps:
        shape = shapes[tap] or ()
        if len(shape) != 4 or shape[1] * shape[2] == 1:
            raise ArgumentError(
                f"{probe.where}: expected a layer with output (N, H, W, C) of more than one place, got "
                f"{tap.place.path!r} with {('N', *shape[1:])}"
            )
    return [tuple(shapes[tap] or ())[1:] for tap in probe.taps]


def _check_no_class(target: Any, evidence: str, output: Any) -> None:
    """Make sure that nothing is asked about a class where the map has none."""
    for name, given, neutral in (("target", target, None), ("output", output, None), ("evidence", evidence, "for")):
        if given is not neutral and not (isinstance(given, str) and given == neutral):
            raise ArgumentError(
                f'gradcam: method="eigencam" explains no class; leave out {name}, or choose another method'
            )


def _peaks(maps: Floats) -> Floats:
    """The largest value of each map, to divide it by."""
    peaks: Floats = np.abs(maps).max(axis=(1, 2), keepdims=True)
    return np.where(peaks > 0, peaks, np.float32(1))
