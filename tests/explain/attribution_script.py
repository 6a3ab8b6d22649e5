"""The attributions of one network by every method; as a program: on the backend of the environment, into a file."""

import sys

import numpy as np

from tests.explain.networks import flat, pictures
from visionkit.explain.attribution.gradients import input_x_gradient, saliency
from visionkit.explain.attribution.guided import guided_backprop
from visionkit.explain.attribution.integrated import integrated_gradients
from visionkit.explain.attribution.occlusion import occlusion
from visionkit.explain.attribution.rise import rise
from visionkit.explain.attribution.smooth import smoothgrad


def attributions() -> dict[str, np.ndarray]:
    """By method; of the first four the values of each channel as they are, of the others the maps."""
    model, _ = flat()
    images = pictures(3)
    found = {method.__name__: method(model, images, reduce=None) for method in (saliency, input_x_gradient)}
    found["guided_backprop"] = guided_backprop(model, images, reduce=None)
    found["smoothgrad"] = smoothgrad(model, images, samples=12, reduce=None)
    found["integrated_gradients"] = integrated_gradients(model, images, steps=20)
    found["occlusion"] = occlusion(model, images)
    return found | {"rise": rise(model, images, masks=40)}


if __name__ == "__main__":
    np.savez(sys.argv[1], **attributions())
