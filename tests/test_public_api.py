"""The names that users may rely on: a change here is a change for them, and goes into the changelog."""

import importlib

import pytest

import visionkit as vk

NAMES = {
    "visionkit": """
        ArgumentError BlurryImageError FileError ImageError MissingExtraError ModelError NothingFoundError
        VisionkitError __version__ blocks models preprocess reader
        """,
    "visionkit.preprocess": """
        BLUR_THRESHOLDS Otsu blur_score canny draw_boxes find_boxes gaussian_blur is_blurry otsu read resize sort_boxes
        to_gray write
        """,
    "visionkit.blocks": """
        Block BottleneckBlock ClassifierHead ConvBNAct DenseBlock DenseLayer DepthwiseConvBNAct DepthwiseSeparable
        DropPath InvertedResidual LocalResponseNorm Residual ResidualBlock SqueezeExcite Stage Transition XceptionBlock
        """,
    "visionkit.models": "ModelOptions create glyph_resnet lenet5 list_models load_weights zfnet",
    "visionkit.reader": "Character Reader Reading load",
}

ERRORS = {  # name -> the built-in that it is caught as, too
    "ArgumentError": ValueError,
    "BlurryImageError": ValueError,
    "FileError": OSError,
    "ImageError": ValueError,
    "MissingExtraError": ImportError,
    "ModelError": ValueError,
    "NothingFoundError": ValueError,
}


@pytest.mark.parametrize("module", NAMES)
def test_the_public_names_are_these(module):
    loaded = importlib.import_module(module)
    assert sorted(loaded.__all__) == sorted(NAMES[module].split())
    for name in loaded.__all__:
        assert getattr(loaded, name) is not None
    assert set(loaded.__all__) <= set(dir(loaded))


@pytest.mark.parametrize("module", NAMES)
def test_every_public_function_and_class_says_what_it_is(module):
    loaded = importlib.import_module(module)
    for name in loaded.__all__:
        if callable(getattr(loaded, name)):
            assert (getattr(loaded, name).__doc__ or "").strip(), name


def test_errors_are_one_family_and_builtin_errors_too():
    assert {name for name in vk.__all__ if name.endswith("Error")} == {*ERRORS, "VisionkitError"}
    for name, builtin in ERRORS.items():
        assert issubclass(getattr(vk, name), (vk.VisionkitError))
        assert issubclass(getattr(vk, name), builtin)
    assert issubclass(vk.BlurryImageError, vk.ImageError)
    assert issubclass(vk.NothingFoundError, vk.ImageError)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="reeder"):
        vk.reeder  # noqa: B018
