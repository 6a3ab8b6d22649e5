"""See what any Keras model learned: heatmaps, activations, filter patterns, and whether they are true.

Any ``keras.Model`` on any backend of Keras: functional, Sequential, subclassed, nested, of several inputs or outputs.

>>> import keras
>>> import visionkit as vk
>>> layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()]
>>> model = keras.Sequential([*layers, keras.layers.Dense(2, "softmax")])
>>> vk.explain.gradcam(model, np.ones((5, 8, 8, 3)), evidence="both").shape
(5, 8, 8)
"""

from visionkit.explain.attribution.gradients import input_x_gradient, saliency
from visionkit.explain.attribution.guided import guided_backprop, guided_gradcam
from visionkit.explain.attribution.integrated import Integrated, integrated_gradients
from visionkit.explain.attribution.occlusion import occlusion
from visionkit.explain.attribution.rise import rise
from visionkit.explain.attribution.smooth import smoothgrad
from visionkit.explain.cam.gradcam import gradcam
from visionkit.explain.faithfulness.curves import Faithfulness
from visionkit.explain.faithfulness.insertion_deletion import deletion, insertion
from visionkit.explain.faithfulness.pointing import pointing_game
from visionkit.explain.faithfulness.randomization import Randomization, randomization
from visionkit.explain.feature_maps import activation_grid, activations, save_activations
from visionkit.explain.filters.patterns import filter_grid, filter_patterns
from visionkit.explain.pictures.overlay import colorize, overlay
from visionkit.explain.pictures.panels import panels

__all__ = [
    "Faithfulness",
    "Integrated",
    "Randomization",
    "activation_grid",
    "activations",
    "colorize",
    "deletion",
    "filter_grid",
    "filter_patterns",
    "gradcam",
    "guided_backprop",
    "guided_gradcam",
    "input_x_gradient",
    "insertion",
    "integrated_gradients",
    "occlusion",
    "overlay",
    "panels",
    "pointing_game",
    "randomization",
    "rise",
    "saliency",
    "save_activations",
    "smoothgrad",
]
