"""The networks and pictures that the other tests stand on."""

import keras
import numpy as np
import pytest

from tests.explain.networks import FORMS, flat, given, pictures
from tests.explain.scenes import CLASSES, SIZE, scenes


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_network(form):
    model, layer = FORMS[form]()
    images = pictures(3)
    found = model(given(form, images), training=False)
    found = found[0] if isinstance(found, list | tuple) else found
    expected = keras.ops.convert_to_numpy(flat()[0](images, training=False))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, atol=1e-6)
    assert layer in [one.name for one in model._flatten_layers()]
    assert np.ptp(expected, axis=0).max() > 0.01  # it does look at the pictures


def test_boxes_of_scenes_hold_the_objects_and_never_touch():
    made = scenes(200, objects=2, seed=4)
    x, y, width, height = np.moveaxis(made.boxes, 2, 0)
    assert min(x.min(), y.min()) >= 0
    assert max((x + width).max(), (y + height).max()) <= SIZE
    apart_x = np.maximum(x[:, 0] - x[:, 1] - width[:, 1], x[:, 1] - x[:, 0] - width[:, 0])
    apart_y = np.maximum(y[:, 0] - y[:, 1] - height[:, 1], y[:, 1] - y[:, 0] - height[:, 0])
    assert np.maximum(apart_x, apart_y).min() >= 5
    assert (made.labels[:, 0] != made.labels[:, 1]).all()
    assert set(made.labels.ravel()) == set(range(len(CLASSES)))


def test_scenes_of_one_seed_are_the_same():
    first, second, other = scenes(4, seed=5), scenes(4, seed=5), scenes(4, seed=6)
    assert np.array_equal(first.images, second.images)
    assert not np.array_equal(first.images, other.images)


def test_the_network_sees_no_object_in_clutter(scene_network):
    assert scene_network.predict(scenes(100, objects=0, seed=3).images, verbose=0).max(axis=1).mean() < 0.25
