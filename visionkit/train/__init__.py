"""Train any Keras model."""

__all__: list[str] = []
