"""Class activation maps: where on a picture a layer found what speaks for a class."""
