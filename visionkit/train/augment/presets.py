"""The settings of the sources, by name."""

from types import MappingProxyType

PRESETS = MappingProxyType(
    {
        # no mirrored digits; moderate, so that a 1 stays a 1 and a 7 a 7
        "digits": {"rotation": 10, "zoom": 0.1, "shift": 0.1},
        "faces": {"rotation": 10, "zoom": 0.1, "shift": 0.1, "horizontal_flip": True},
        "cats_dogs": {"rotation": 40, "shift": 0.2, "shear": 0.2, "zoom": 0.2, "horizontal_flip": True},
        "flowers": {"crop": 0.9, "rot90": True, "horizontal_flip": True, "vertical_flip": True, "transpose": True},
    }
)
