"""The names that users may rely on: a change here is a change for them, and goes into the changelog."""

import doctest
import importlib

import pytest

import visionkit as vk

NAMES = {
    "visionkit": """
        ArgumentError BlurryImageError FileError ImageError MissingExtraError ModelError NonFiniteError
        NothingFoundError VisionkitError __version__ blocks explain models preprocess reader train
        """,
    "visionkit.preprocess": """
        BLUR_THRESHOLDS Otsu blur_score canny draw_boxes find_boxes gaussian_blur is_blurry otsu read resize sort_boxes
        to_gray write
        """,
    "visionkit.blocks": """
        Block BottleneckBlock ClassifierHead ConvBNAct DenseBlock DenseLayer DepthwiseConvBNAct DepthwiseSeparable
        Dirac DropPath InvertedResidual LocalResponseNorm PatchWhitening Residual ResidualBlock SqueezeExcite Stage
        Transition XceptionBlock
        """,
    "visionkit.explain": """
        Faithfulness Integrated Randomization activation_grid activations colorize deletion filter_grid filter_patterns
        gradcam guided_backprop guided_gradcam input_x_gradient insertion integrated_gradients occlusion overlay panels
        pointing_game randomization rise saliency save_activations smoothgrad
        """,
    "visionkit.models": """
        DenseNetOptions EfficientNetOptions MobileNetV3Options ModelOptions ResNetCifarOptions ResNetOptions
        alexnet cifar_convnet compare create densenet121 densenet169 densenet201 efficientnet_b0
        efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6
        efficientnet_b7 export features fuse glyph_resnet inline lenet5 list_models load load_weights mobilenet
        mobilenet_v2 mobilenet_v3_large mobilenet_v3_small profile resnet101 resnet101v2 resnet110_cifar resnet152
        resnet152v2 resnet18 resnet20_cifar resnet32_cifar resnet34 resnet44_cifar resnet50 resnet50v2 resnet56_cifar
        small_convnet vgg16 vgg19 xception zfnet
        """,
    "visionkit.train": """
        Augment Dataset Ensemble Phase Report Run Schedule Strategy average_weights cosine deterministic evaluate
        extract_features fine_tune fit freeze from_arrays from_directory from_tfrecords one_cycle plot_history
        plot_schedule predict_tta ramp_sustain_decay split_directory staircase strategy trainable transfer_plan
        unfreeze write_submission write_tfrecords
        """,
    "visionkit.reader": "Character Reader Reading accuracy glyph load sample",
}

ERRORS = {  # name -> the built-in that it is caught as, too
    "ArgumentError": ValueError,
    "BlurryImageError": ValueError,
    "FileError": OSError,
    "ImageError": ValueError,
    "MissingExtraError": ImportError,
    "ModelError": ValueError,
    "NonFiniteError": ArithmeticError,
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


@pytest.mark.parametrize("module", NAMES)
def test_every_public_function_and_class_has_an_example(module):
    loaded = importlib.import_module(module)
    public = [getattr(loaded, name) for name in loaded.__all__ if callable(getattr(loaded, name))]
    without = [one.__name__ for one in public if not doctest.DocTestParser().get_examples(one.__doc__)]
    assert not without  # that it runs, `--doctest-modules` sees to


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
