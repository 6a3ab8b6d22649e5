"""The run: `model.fit` with what a real one needs, and a folder from which it goes on after anything."""
