"""Whether a heatmap is true: of what it names, and of what the network has learned."""
