"""Data for training: batches from arrays and from folders of pictures."""
