"""What a Keras model looks at: any model, on any backend of Keras."""
