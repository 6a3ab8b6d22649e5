"""The only place that hooks a layer or takes a gradient."""
