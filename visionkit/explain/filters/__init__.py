"""The patterns that the filters of a network respond to."""
