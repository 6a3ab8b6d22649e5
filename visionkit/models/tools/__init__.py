"""What takes any Keras model apart: its stages, its costs, its layers without blocks, its file for another runtime.

`trace` is what the others rest on.
"""
