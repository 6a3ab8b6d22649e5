"""Use what a model has learned elsewhere: its features, its layers, and a plan of what to train."""
