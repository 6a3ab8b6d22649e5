import keras
import numpy as np
import pytest

from tests.train.small import blobs, small_model
from visionkit import ArgumentError
from visionkit.train import Augment, fit, from_arrays

x, y = blobs(64)
mixing = [name for name in ("MixUp", "CutMix") if hasattr(keras.layers, name)]


def same(a, b):
    return all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


@pytest.mark.skipif(not mixing, reason="Keras of this age mixes nothing")
@pytest.mark.parametrize("name", mixing)
def test_a_layer_that_mixes_gives_shares_of_classes(name):
    data = from_arrays(x, y, augment=getattr(keras.layers, name)())
    images, shares = data.batch(0, 0)
    assert shares.shape == (32, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (shares.max(axis=1) < 0.99).any()
    assert not np.array_equal(images, x[data.numbers(0, 0)])
    run = fit(small_model(), data, epochs=2, verbose=0)
    assert np.isfinite(run.history["loss"]).all()


def test_draws_follow_from_seed_epoch_and_batch():
    layers = keras.layers
    chain = lambda: [Augment(rotation=20), layers.RandomContrast(0.5), layers.RandomBrightness(0.3)]  # noqa: E731
    one, other = from_arrays(x, y, augment=chain()), from_arrays(x, y, augment=chain())
    other.batch(3, 1)  # what was asked before does not matter
    assert same(one.batch(1, 0), other.batch(1, 0))
    assert not same(one.batch(1, 0), one.batch(2, 0))
    parts = [one.batch(1, 1, part=(place, 3)) for place in range(3)]
    whole = one.batch(1, 1)
    assert same([np.concatenate(part) for part in zip(*parts, strict=True)], whole)
    assert one.fingerprint() == other.fingerprint()
    assert one.fingerprint() != from_arrays(x, y, augment=layers.RandomContrast(0.4)).fingerprint()


def test_labels_stay_where_images_are_not_mixed():
    images, labels = from_arrays(x, y, augment=keras.layers.RandomContrast(0.5)).batch(0, 0)
    assert labels.dtype == np.int32
    assert images.dtype == np.float32


@pytest.mark.parametrize("wrong", [[keras.layers.RandomContrast(0.5), Augment(rotation=3)], ["digits", 5], "digit", 7])
def test_wrong_augmentations(wrong):
    with pytest.raises(ArgumentError, match="expected augment to be"):
        from_arrays(x, y, augment=wrong)
