"""How good a model is, class by class and sample by sample."""
