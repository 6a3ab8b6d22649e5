"""Models side by side."""

import keras
import pytest
from keras import layers

from visionkit import ArgumentError, ModelError
from visionkit.models import glyph_resnet, list_models, mobilenet
from visionkit.models.tools.compare import compare
from visionkit.models.tools.profile import profile
from visionkit.models.weights.published import PUBLISHED


def test_models_names_and_files_stand_side_by_side(tmp_path):
    small = glyph_resnet(widths=(8, 16), depths=(1, 1), name="small")
    small.save(tmp_path / "saved.keras")
    found = compare(["glyph_resnet", small, tmp_path / "saved.keras"])
    assert [row.name for row in found.rows] == ["glyph_resnet", "small", "saved.keras"]
    named, own, saved = found.rows
    assert (named.parameters, named.mult_adds) == (387_524, profile("glyph_resnet").mult_adds)
    assert named.layers == 1 + 2 * 4 + 2 + 1, "stem, two in each of four blocks, two shortcuts, head"
    assert own[1:] == saved[1:]
    lines = str(found).splitlines()
    assert lines[0].split() == ["model", "input", "layers", "parameters", "multiply-adds", "weights", "file"]
    assert lines[1].split()[:4] == ["glyph_resnet", "32x32x1", "12", "387,524"]


def test_the_size_is_that_of_a_file_of_the_weights_alone(tmp_path):
    model = glyph_resnet(classes=4)
    model.save_weights(tmp_path / "model.weights.h5")
    size = (tmp_path / "model.weights.h5").stat().st_size
    # Keras' own file has some bytes more, as HDF5 rounds up what it asks of a disk, but not of the memory
    assert compare([model]).rows[0].size == pytest.approx(size, rel=0.005)
    assert 4 * model.count_params() < size
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "trained.weights.h5")
    assert (tmp_path / "trained.weights.h5").stat().st_size > 2.5 * size
    assert compare([model]).rows[0].size == pytest.approx(size, rel=0.02)


def test_a_shared_layer_is_one_layer_and_unknown_cost_is_marked():
    shared, image = layers.Dense(4), keras.Input((3, 4))
    model = keras.Model(image, layers.LSTM(2, name="lstm")(shared(shared(image))), name="mixed")
    found = compare([model])
    assert (found.rows[0].layers, found.rows[0].unknown) == (1, ("lstm",))
    assert "96 + ?" in str(found)
    assert "lstm" in str(found).splitlines()[-1]


def test_one_size_for_all():
    model = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(2, 1), layers.GlobalMaxPooling2D()])
    with pytest.raises(ModelError, match="input_shape"):
        compare([model])
    rows = compare([model, "glyph_resnet"], input_shape=(64, 64, 1)).rows
    assert [row.input_shape for row in rows] == [(64, 64, 1)] * 2
    assert rows[0].mult_adds == 2 * 64 * 64


def test_a_name_with_official_weights_tells_how_good_they_are():
    found = compare(["mobilenet", mobilenet(input_shape=(224, 224, 3)), "glyph_resnet"])
    assert [(row.top_1, row.top_5) for row in found.rows] == [(70.4, 89.5), (None, None), (None, None)]
    heading, first, *_, note = str(found).splitlines()
    assert heading.split()[-2:] == ["top-1", "top-5"]
    assert first.endswith("70.4 %  89.5 %")
    assert "keras.io" in note
    assert "top-1" not in str(compare(["glyph_resnet"]))


def test_only_models_with_official_weights_have_published_figures():
    assert set(list_models(pretrained=True)) - set(PUBLISHED) == {"mobilenet_v3_large", "mobilenet_v3_small"}
    assert set(PUBLISHED) < set(list_models(pretrained=True))
    assert all(50 < top_1 < top_5 < 100 for top_1, top_5 in PUBLISHED.values())


def test_a_single_model_is_not_several():
    for one in ("glyph_resnet", glyph_resnet()):
        with pytest.raises(ArgumentError, match="give a list"):
            compare(one)
    assert compare([]).rows == ()
    assert str(compare([])).startswith("model")
