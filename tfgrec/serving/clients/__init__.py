"""Clients of a model, wherever it is: in this process, or in TensorFlow Serving, by gRPC or REST."""
