"""Our models are those of Keras Applications: same weights, same outputs, through files in the official format."""

import keras
import numpy as np
import pytest

from tests.models.reference import REFERENCES, own_options, pictures, reference_model, save_official
from tests.models.sizes import DEEP
from visionkit.models import create
from visionkit.models.tools.trace import traced

MARKED = [pytest.param(name, marks=[pytest.mark.deep] if one.own in DEEP else []) for name, one in REFERENCES.items()]
HEADS = {"conv_preds": "predictions", "logits": "predictions", "conv_2": "fc1"}


def as_array(x):
    return keras.ops.convert_to_numpy(x)


def count(weights):
    return sum(int(np.prod(one.shape)) for one in weights)


@pytest.mark.parametrize("name", MARKED)
def test_same_outputs_from_an_official_file(name, tmp_path):
    reference = REFERENCES[name]
    theirs = reference_model(reference)
    path = save_official(theirs, tmp_path / "official.h5")
    ours = create(reference.own, weights=path, **own_options(reference))
    x = pictures(reference)
    expected, got = as_array(theirs(x)), as_array(ours(x))
    scale = np.abs(expected).max()
    assert np.abs(expected - expected[:1]).max() > 0.05 * scale, "different pictures, different outputs"
    assert np.abs(got - expected).max() <= 1e-4 * scale

    if reference.own not in ("vgg16", "vgg19"):  # whose dense layers depend on the size of the picture
        assert (count(ours.weights), count(ours.trainable_weights)) == (reference.total, reference.trainable)
    assert count(theirs.weights) == count(ours.weights)
    with traced(ours) as graph:
        names = [one.name for one in graph.operations if isinstance(one, keras.Layer) and one.weights]
    official = [HEADS.get(one.name, one.name) for one in theirs.layers if one.weights]
    for own, other in zip(names, official, strict=True):
        automatic = other.startswith(("conv2d", "batch_normalization", "normalization"))
        assert own == other or automatic, "inner layers have the official names, in the official order"


@pytest.mark.parametrize("name", MARKED)
def test_same_parameters_without_the_classifier(name):
    reference = REFERENCES[name]
    options = {**own_options(reference), "include_top": False}
    assert count(create(reference.own, **options).weights) == reference.no_top


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_vgg_has_the_published_parameters(name):
    (reference,) = (one for one in REFERENCES.values() if one.own == name)
    model = create(name)
    assert model.count_params() == reference.total
