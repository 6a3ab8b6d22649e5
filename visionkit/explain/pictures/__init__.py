"""Heatmaps and networks as pictures."""
