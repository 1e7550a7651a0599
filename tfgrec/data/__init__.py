"""Schema files, and the way from written requests to the model's input."""
