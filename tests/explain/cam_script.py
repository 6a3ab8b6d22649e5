"""Maps and a gradient of a saved model, on the backend that is set: `python cam_script.py MODEL IMAGES RESULT`."""

import sys

import keras
import numpy as np

from visionkit.explain.cam.gradcam import gradcam
from visionkit.explain.probe.probe import Probe

METHODS = ("gradcam++", "eigencam", "scorecam", "ablationcam")


def _gradient(view, inputs, index):
    return view.gradients(inputs, index, at="maps")[1][0]


if __name__ == "__main__":
    model, images = keras.saving.load_model(sys.argv[1]), np.load(sys.argv[2])
    made = {method: gradcam(model, images, method=method, layer="conv2") for method in METHODS}
    made["last"] = gradcam(model, images, target=1, evidence="both", batch_size=2)
    made["gradient"] = Probe("test", model, images, layer="conv2", target=1).run(_gradient)
    np.savez(sys.argv[3], backend=keras.backend.backend(), **made)
