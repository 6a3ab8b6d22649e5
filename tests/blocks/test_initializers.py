"""Dirac: what it passes on, against PyTorch's, and how it is saved."""

import keras
import numpy as np
import pytest

from visionkit import ArgumentError
from visionkit.blocks import ConvBNAct, Dirac


def as_array(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize(("channels", "filters"), [(3, 3), (3, 8), (8, 3)])
def test_its_first_filters_are_those_of_pytorch(channels, filters):
    torch = pytest.importorskip("torch")
    expected = torch.nn.init.dirac_(torch.empty(filters, channels, 3, 3)).numpy().transpose(2, 3, 1, 0)
    same = min(channels, filters)
    np.testing.assert_array_equal(as_array(Dirac()((3, 3, channels, filters)))[..., :same], expected[..., :same])


def test_channels_pass_and_the_other_filters_are_drawn_anew_in_each_layer():
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype("float32")
    one, other = (ConvBNAct(6, 3, kernel_initializer=Dirac()) for _ in range(2))
    one(x), other(x)
    np.testing.assert_allclose(as_array(one.conv(x))[..., :4], x, atol=1e-6)
    drawn, again = (as_array(block.conv.kernel)[..., 4:] for block in (one, other))
    assert (drawn != again).all()
    assert 0.1 < np.abs(drawn).max() <= 1 / 6  # 3 * 3 * 4 inputs


def test_a_model_with_it_is_saved_and_loaded(tmp_path):
    block = ConvBNAct(6, 3, kernel_initializer=Dirac(rest="he_normal"))
    keras.Sequential([keras.Input((8, 8, 3)), block]).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[0].conv.kernel_initializer
    assert isinstance(loaded, Dirac)
    assert isinstance(loaded.rest, keras.initializers.HeNormal)


def test_what_is_no_convolution_is_one_error():
    with pytest.raises(ArgumentError, match=r"expected the kernel of a convolution, .* got shape \(3, 4\)"):
        Dirac()((3, 4))
    with pytest.raises(ArgumentError, match="Dirac"):
        Dirac(rest="he")
