"""Training and evaluation of the joint model."""
