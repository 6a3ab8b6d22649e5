"""How good the official ImageNet weights are said to be: the part of the validation pictures that they name rightly."""

from types import MappingProxyType

# top-1 and top-5 accuracy in per cent, as https://keras.io/api/applications has them; it has none for MobileNetV3
PUBLISHED = MappingProxyType(
    {
        "xception": (79.0, 94.5),
        "vgg16": (71.3, 90.1),
        "vgg19": (71.3, 90.0),
        "resnet50": (74.9, 92.1),
        "resnet50v2": (76.0, 93.0),
        "resnet101": (76.4, 92.8),
        "resnet101v2": (77.2, 93.8),
        "resnet152": (76.6, 93.1),
        "resnet152v2": (78.0, 94.2),
        "mobilenet": (70.4, 89.5),
        "mobilenet_v2": (71.3, 90.1),
        "densenet121": (75.0, 92.3),
        "densenet169": (76.2, 93.2),
        "densenet201": (77.3, 93.6),
        "efficientnet_b0": (77.1, 93.3),
        "efficientnet_b1": (79.1, 94.4),
        "efficientnet_b2": (80.1, 94.9),
        "efficientnet_b3": (81.6, 95.7),
        "efficientnet_b4": (82.9, 96.4),
        "efficientnet_b5": (83.6, 96.7),
        "efficientnet_b6": (84.0, 96.8),
        "efficientnet_b7": (84.3, 97.0),
    }
)
