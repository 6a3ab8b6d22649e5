"""Each method against its paper's formula, in NumPy, from gradients that the backend's own tools give."""

import cv2
import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.explain.drawn import drawn
from tests.explain.networks import pictures
from tests.explain.plain_gradient import plain_gradient
from visionkit.explain.cam.gradcam import gradcam

IMAGES, TARGETS = pictures(3, size=16), np.array([2, 0, 1])
RAW = {"normalize": False, "upsample": False}


class Network:
    """Two halves: what makes the maps (8, 8, 6), and what makes 4 scores of them, in which no gradient is constant."""

    def __init__(self, activation):
        image, maps = keras.Input((16, 16, 3)), keras.Input((8, 8, 6))
        conv = layers.Conv2D(6, 3, strides=2, padding="same", activation=activation, name="conv")
        scores = layers.Dense(4)(layers.Dense(12, "tanh")(layers.Flatten()(maps)))
        self.head = keras.Model(maps, scores)
        self.model = drawn(keras.Model(image, self.head(conv(image))))
        self.maps = ops.convert_to_numpy(conv(IMAGES))
        self.gradient = plain_gradient(self.head, self.maps, TARGETS)

    def scores(self, maps):
        return ops.convert_to_numpy(self.head(maps))[np.arange(3), TARGETS]

    def of_images(self, images):
        return ops.convert_to_numpy(self.model(images))[np.arange(3), TARGETS]


@pytest.fixture(scope="module", params=["relu", "tanh"])
def network(request):
    return Network(request.param)


def found(network, method, **options):
    return gradcam(network.model, IMAGES, target=TARGETS, layer="conv", method=method, **RAW, **options)


def close(one, other):
    assert np.abs(other).max() > 1e-4
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


def test_gradcam(network):
    """Selvaraju et al. 2017, equations 1 and 2."""
    weights = network.gradient.mean((1, 2))
    close(found(network, "gradcam"), np.maximum(np.einsum("nc,nhwc->nhw", weights, network.maps), 0))


def test_gradcam_plus_plus(network):
    """Chattopadhay et al. 2018, equations 10 to 12 and 19; its maps come out of a ReLU, so no sum is negative."""
    g, maps = network.gradient, network.maps
    total = np.maximum(maps.sum((1, 2), keepdims=True), 0)
    alpha = g**2 / (2 * g**2 + total * g**3 + 1e-20)
    weights = (alpha * np.maximum(g, 0)).sum((1, 2))
    close(found(network, "gradcam++"), np.maximum(np.einsum("nc,nhwc->nhw", weights, maps), 0))


def test_gradcam_plus_plus_does_not_lose_small_gradients():
    """Where g^2 is far under the epsilon that some add to the denominator, its map would no longer be that of g."""
    network = Network("relu")
    small = keras.Model(network.model.input, network.model.output * 1e-6)
    g = np.maximum(network.gradient, 0)
    expected = np.maximum(np.einsum("nc,nhwc->nhw", g.sum((1, 2)) / 2, network.maps), 0) * 1e-6
    made = gradcam(small, IMAGES, target=TARGETS, layer="conv", method="gradcam++", **RAW)
    np.testing.assert_allclose(made * 1e6, expected * 1e6, rtol=1e-3, atol=1e-6)


def test_hirescam(network):
    """Draelos and Carin 2020, equation 5."""
    signed = (network.gradient * network.maps).sum(-1)
    close(found(network, "hirescam", evidence="both"), signed)
    close(found(network, "hirescam"), np.maximum(signed, 0))


def test_layercam(network):
    """Jiang et al. 2021, equations 6 to 8."""
    parts = [np.maximum((np.maximum(g, 0) * network.maps).sum(-1), 0) for g in (network.gradient, -network.gradient)]
    close(found(network, "layercam"), parts[0])
    close(found(network, "layercam", evidence="against"), parts[1])
    close(found(network, "layercam", evidence="both"), parts[0] - parts[1])


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_scorecam(network, batch_size):
    """Wang et al. 2020, definitions 3 and 4, with the score before softmax; OpenCV enlarges the masks."""
    baseline = network.of_images(np.zeros_like(IMAGES))
    expected = np.zeros((3, 8, 8), "float32")
    for channel in range(6):
        masks = np.stack(
            [cv2.resize(one, (16, 16), interpolation=cv2.INTER_LINEAR) for one in network.maps[..., channel]]
        )
        masks -= masks.min((1, 2), keepdims=True)
        masks /= np.maximum(masks.max((1, 2), keepdims=True), 1e-12)
        weight = network.of_images(IMAGES * masks[..., None]) - baseline
        expected += weight[:, None, None] * network.maps[..., channel]
    close(found(network, "scorecam", evidence="both", batch_size=batch_size), expected)


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_ablationcam(network, batch_size):
    """Desai and Ramaswamy 2020, equations 3 and 4."""
    whole, expected = network.scores(network.maps), np.zeros((3, 8, 8), "float32")
    for channel in range(6):
        lost = whole - network.scores(network.maps * (np.arange(6) != channel))
        expected += (lost / np.abs(whole))[:, None, None] * network.maps[..., channel]
    close(found(network, "ablationcam", evidence="both", batch_size=batch_size), expected)


@pytest.mark.parametrize("layer", ["conv", "wide"])
def test_eigencam(layer):
    """Muhammad and Yeasin 2020: the projection on the first right singular vector, whichever side is longer."""
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh", name="conv")(image)
    x = layers.Conv2D(24, 3, strides=2, activation="relu", name="wide")(x)  # (3, 3, 24)
    model = drawn(keras.Model(image, layers.Dense(2)(layers.Flatten()(x))))
    maps = ops.convert_to_numpy(keras.Model(image, model.get_layer(layer).output)(IMAGES))
    expected = []
    for one in maps.astype("float64"):
        flat = one.reshape(-1, one.shape[-1])
        made = flat @ np.linalg.svd(flat, full_matrices=False)[2][0]
        expected.append(np.maximum(made * np.sign(made @ flat.mean(1)), 0).reshape(one.shape[:2]))
    close(gradcam(model, IMAGES, layer=layer, method="eigencam", **RAW), np.stack(expected))
